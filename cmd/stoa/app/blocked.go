// Blocking people, at the reader alone: they are not played, and what they write is not shown, in any room.
//
// A blocklist as a file, for friends and for communities, is text in UTF-8:
//
//	stoa blocklist 1
//	by KEY
//	at TIME                            RFC 3339, UTC
//	["KEY","name","reason"]            one line of JSON a person, by key; at most 1000
//	signature TEXT                     64 bytes in base64 (RFC 4648 section 4)
//
// The signature is by the key of the second line, in the domain "stoa/blocklist/1", over all lines before its own, each with its line end. A file
// has at most 256 KiB. It says whose word it is; whether to follow that is for who imports it.

package app

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"stoa/cmd/stoa/plain"
	"stoa/identity"
	"stoa/room"
)

const (
	maxBlocklist = 256 << 10 // bytes

	blocklistDomain = "stoa/blocklist/1"
	blocklistHead   = "stoa blocklist 1"
)

// blocklist is such a file, read and verified.
type blocklist struct {
	by     identity.ID
	at     time.Time
	people map[identity.ID]Blocking // without From and SinceMS
}

// errBlocklist is for a file that is no blocklist, or not as its author signed it.
var errBlocklist = errors.New("no blocklist, or one that was changed")

// signBlocklist writes the file.
func signBlocklist(k *identity.Key, people map[identity.ID]Blocking, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nby %s\nat %s\n", blocklistHead, k.ID(), at.UTC().Format(time.RFC3339))
	for _, id := range sortedIDs(people) {
		p := people[id]
		line, err := json.Marshal([]string{id.String(), plain.Line(p.Name), plain.Line(p.Reason)})
		if err != nil {
			return nil, err
		}
		b.Write(append(line, '\n'))
	}
	return signText(k, b.String()), nil
}

// signText adds the last line of a file.
func signText(k *identity.Key, body string) []byte {
	return fmt.Appendf(nil, "%ssignature %s\n", body, base64.StdEncoding.EncodeToString(k.Sign(blocklistDomain, []byte(body))))
}

// parseBlocklist reads and verifies a file. Its only error is errBlocklist.
func parseBlocklist(raw []byte) (*blocklist, error) {
	raw = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")) // it went through a mail, perhaps
	i := bytes.LastIndex(raw, []byte("\nsignature "))
	if len(raw) > maxBlocklist || i < 0 {
		return nil, errBlocklist
	}
	body := raw[:i+1]
	sig, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(string(raw[i+len("\nsignature "):]), "\n"))
	lines := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	if err != nil || len(lines) < 3 || len(lines) > 3+maxBlocked || lines[0] != blocklistHead {
		return nil, errBlocklist
	}
	list := &blocklist{people: map[identity.ID]Blocking{}}
	by, okBy := strings.CutPrefix(lines[1], "by ")
	at, okAt := strings.CutPrefix(lines[2], "at ")
	if !okBy || !okAt || list.by.UnmarshalText([]byte(by)) != nil || !identity.Verify(list.by, blocklistDomain, sig, body) {
		return nil, errBlocklist
	}
	if list.at, err = time.Parse(time.RFC3339, at); err != nil {
		return nil, errBlocklist
	}
	for _, line := range lines[3:] {
		if !list.add(line) {
			return nil, errBlocklist
		}
	}
	return list, nil
}

// add reads the line of one person.
func (l *blocklist) add(line string) bool {
	var fields []string
	if json.Unmarshal([]byte(line), &fields) != nil || len(fields) != 3 || len(fields[1]) > room.MaxName || len(fields[2]) > maxNote {
		return false
	}
	id, err := identity.ParseID(fields[0])
	if err != nil {
		return false
	}
	l.people[id] = Blocking{Name: plain.Line(fields[1]), Reason: plain.Line(fields[2])}
	return true
}

// merge is what a blocklist adds to what is blocked already. Neither this person nor their contacts are blocked on somebody else's word.
func (l *blocklist) merge(me identity.ID, blocked map[identity.ID]Blocking, contacts map[identity.ID]Contact, now time.Time) (added map[identity.ID]Blocking, spared int) {
	added = map[identity.ID]Blocking{}
	for id, b := range l.people {
		_, is := blocked[id]
		_, friend := contacts[id]
		switch {
		case is || id == me:
		case friend:
			spared++
		default:
			b.SinceMS, b.From = now.UnixMilli(), l.by.String()
			added[id] = b
		}
	}
	return added, spared
}

// onFile performs `blocked export FILE` and `blocked import FILE`: what do performs with the text of the file, and gives it back as text.
func onFile(req Request, do func(Request) (Reply, error)) (Reply, error) {
	what, path := req.Args[0], req.Args[1]
	if what == "import" {
		text, err := identity.ReadFile(path, maxBlocklist)
		if err != nil {
			return Reply{}, &UserError{Code: "blocklist_unreadable", Text: "the blocklist cannot be read: " + err.Error(), Hint: "name the file that `stoa blocked export` wrote", Err: err}
		}
		req.Args = []string{what, string(text)}
		return do(req)
	}
	req.Args = req.Args[:1]
	reply, err := do(req)
	if err != nil {
		return reply, err
	}
	data, _ := reply.Data.(map[string]any)
	text, _ := data["file"].(string)
	if err := writeNew(path, text); err != nil {
		return Reply{}, &UserError{Code: "blocklist_not_written", Text: "the blocklist cannot be written: " + err.Error(), Hint: "name another file", Err: err}
	}
	return said("whom you have blocked is in %s, signed by your key", path), nil
}

// writeNew writes a file where there is none.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// doBlock blocks somebody, or takes that back.
func (k *known) doBlock(req Request, p personNamed, me identity.ID, now time.Time) (Reply, error) {
	called := k.call(p.id, p.name)
	if req.Verb == VerbUnblock {
		if !k.blocks(p.id) {
			return Reply{}, &UserError{Code: "not_blocked", Text: called + " is not blocked", Hint: "`stoa blocked` lists who is"}
		}
		if err := k.blocked.change(func(all map[identity.ID]Blocking) { delete(all, p.id) }); err != nil {
			return Reply{}, err
		}
		return said("%s is heard and read again", k.call(p.id, p.name)), nil
	}
	reason := req.Reason
	if len(req.Args) > 1 {
		reason = strings.Join(req.Args[1:], " ")
	}
	if err := checkNote(reason); err != nil {
		return Reply{}, err
	}
	if p.id == me {
		return Reply{}, &UserError{Code: "block_of_self", Text: "you cannot block yourself", Hint: "name somebody else"}
	}
	b := Blocking{Name: p.name, Reason: reason, SinceMS: now.UnixMilli()}
	return said("%s is neither played nor shown to you any more, in any room; nobody is told", called),
		k.blocked.change(func(all map[identity.ID]Blocking) { all[p.id] = b })
}

// doBlocked lists who is blocked, writes that as a file, or takes in such a file.
func (k *known) doBlocked(req Request, key *identity.Key, now time.Time) (Reply, error) {
	switch argument(req.Args, 0) {
	case "", "list":
		return k.listBlocked(), nil
	case "export":
		file, err := signBlocklist(key, k.blocked.all(), now)
		if err == nil && len(file) > maxBlocklist {
			err = &UserError{Code: "too_long", Text: "so much is no blocklist that others would take", Hint: "shorten the reasons"}
		}
		return Reply{Data: map[string]any{"file": string(file), "name": "blocked-by-" + key.ID().Short() + ".txt"}}, err
	case "import":
		return k.importBlocked(req.Args[1:], key.ID(), now)
	}
	return Reply{}, &UserError{Code: "usage", Text: "blocked takes export or import, and a file", Hint: "`stoa blocked export FILE`"}
}

func (k *known) importBlocked(args []string, me identity.ID, now time.Time) (Reply, error) {
	list, err := parseBlocklist([]byte(argument(args, 0)))
	if err != nil {
		return Reply{}, err
	}
	added, spared := list.merge(me, k.blocked.all(), k.contacts.all(), now)
	if err := k.blocked.change(func(all map[identity.ID]Blocking) { maps.Copy(all, added) }); err != nil {
		return Reply{}, err
	}
	reply := said("%s blocked, on the word of %s of %s", count(len(added), "person is", "people are"), k.call(list.by, ""), list.at.Format(time.DateOnly))
	if spared > 0 {
		reply.Lines = append(reply.Lines, fmt.Sprintf("not so %s of yours who %s on it", count(spared, "contact", "contacts"), map[bool]string{true: "is", false: "are"}[spared == 1]))
	}
	reply.Data = map[string]any{"added": len(added), "spared": spared, "of": len(list.people), "by": list.by.String(), "at_ms": list.at.UnixMilli()}
	return reply, nil
}

func (k *known) listBlocked() Reply {
	view := k.blockedView()
	reply := Reply{Data: map[string]any{"blocked": view}}
	for _, id := range slices.Sorted(maps.Keys(view)) {
		b := view[id]
		line := id
		for _, more := range []string{b.Name, b.Reason} {
			if more != "" {
				line += "  " + more
			}
		}
		reply.Lines = append(reply.Lines, line)
	}
	if len(view) == 0 {
		reply.Lines = []string{"you have blocked nobody"}
	}
	return reply
}
