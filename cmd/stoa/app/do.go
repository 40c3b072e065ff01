// Verbs from the command line: to the running node, or, where none runs and
// none is needed, to the home itself.

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"stoa/identity"
	"stoa/room"
)

// Do performs a verb for the node that runs with a home. Where none runs, it
// does what needs none: devices, forget, invite, links, log, id, pin, sound, and
// whom one knows or has blocked. passphrase is asked for a
// locked key, and for the file of an export or import. Errors are for the
// person.
func Do(ctx context.Context, homeDir string, req Request, passphrase func() (string, error)) (Reply, error) {
	perform := func(req Request) (Reply, error) { return do(ctx, homeDir, req, passphrase) }
	if req.Verb == VerbBlocked && len(req.Args) == 2 {
		reply, err := onFile(req, perform)
		return reply, asUserError(err)
	}
	reply, err := perform(req)
	return reply, asUserError(err)
}

func do(ctx context.Context, dir string, req Request, passphrase func() (string, error)) (Reply, error) {
	if req.Verb == VerbRecording {
		return recordingIn(argument(req.Args, 0))
	}
	if err := completeID(&req, passphrase); err != nil {
		return Reply{}, err
	}
	if req.Verb == VerbID && argument(req.Args, 0) == "import" {
		return doImport(dir, req) // the home must not be in use
	}
	reply, err := askControl(ctx, dir, req)
	if !errors.Is(err, errNotRunning) {
		return reply, err
	}
	switch req.Verb {
	case VerbDevices:
		return doDevices(ctx, dir, req.Args, nil)
	case VerbInvite, VerbLinks, VerbLog, VerbID, VerbForget, VerbPin, VerbContact, VerbBlock, VerbUnblock, VerbBlocked:
	case VerbICS:
		if req.WithLink {
			return Reply{}, err
		}
	case VerbSound:
		return doSoundKept(dir, req)
	default:
		return Reply{}, err
	}
	h, err := openHome(dir, passphrase)
	if err != nil {
		return Reply{}, err
	}
	reply, err = h.do(req)
	return reply, errors.Join(err, h.close())
}

// completeID completes an export, an import or a lock with what only this
// process knows: its folder, and the passphrase.
func completeID(req *Request, passphrase func() (string, error)) (err error) {
	what := argument(req.Args, 0)
	if req.Verb != VerbID || (what != "export" && what != "import" && what != "lock") {
		return nil
	}
	if what != "lock" {
		if len(req.Args) != 2 {
			return &UserError{Code: "usage", Text: "the file is missing", Hint: "`stoa id " + what + " FILE`"}
		}
		if req.Args[1], err = filepath.Abs(req.Args[1]); err != nil {
			return err
		}
	}
	if what == "import" {
		if _, err := os.Stat(req.Args[1]); err != nil {
			return unreadable(err)
		}
	}
	if passphrase == nil {
		return identity.ErrPassphrase
	}
	req.Secret, err = passphrase()
	return err
}

// unreadable tells that the file to import cannot be read.
func unreadable(err error) error {
	return &UserError{Code: "bad_export", Text: "the export cannot be read: " + err.Error(), Hint: "name the file that `stoa id export` wrote", Err: err}
}

// argument returns one of a verb's words, or nothing.
func argument(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}

// do performs a verb with no node running.
func (h *home) do(req Request) (Reply, error) {
	switch req.Verb {
	case VerbID:
		return h.doID(req, func(string) error { return nil })
	case VerbContact, VerbBlock, VerbUnblock, VerbBlocked:
		return h.doKnown(req)
	}
	if req.Verb == VerbPin {
		return h.pin(req)
	}
	word := req.Room
	if req.Verb == VerbForget {
		word = roomWord(req)
	}
	rec, err := h.pick(word)
	if err != nil {
		return Reply{}, err
	}
	switch req.Verb {
	case VerbICS:
		if rec.Schedule.Starts == 0 {
			return Reply{}, errNoSchedule
		}
		return calendarReply(rec.Room, rec.Title, &rec.Schedule, ""), nil
	case VerbForget:
		return h.forget(rec)
	case VerbLog:
		return history(rec, h.store, map[identity.ID]string{h.key.ID(): h.store.Name()})
	case VerbLinks:
		made, err := h.store.Invites(rec.Room)
		if err != nil {
			return Reply{}, err
		}
		log, _, err := loadLog(rec, h.store)
		if err != nil {
			return Reply{}, err
		}
		now := time.Now()
		return links(made, log.State().At(uint64(now.UnixMilli())), now), nil
	}
	return h.doInvite(rec, req)
}

// pick finds the room that a verb is about among those the home is in.
func (h *home) pick(text string) (room.Record, error) {
	recs, err := h.store.Rooms()
	if err != nil {
		return room.Record{}, err
	}
	var names []roomName
	for _, rec := range recs {
		if !rec.Left || text != "" {
			names = append(names, roomName{rec.Room, rec.Title})
		}
	}
	id, err := findRoom(names, text)
	if err != nil {
		return room.Record{}, err
	}
	return h.store.Room(id)
}

// doInvite makes a link with no node running. Where others are is what was
// last known: this node's own addresses it cannot know.
func (h *home) doInvite(rec room.Record, req Request) (Reply, error) {
	log, _, err := loadLog(rec, h.store)
	if err != nil {
		return Reply{}, err
	}
	opts := InviteOptions{}
	if req.Invite != nil {
		opts = *req.Invite
	}
	now := time.Now()
	snap := &room.Snapshot{Room: rec.Room, State: log.State().At(uint64(now.UnixMilli()))}
	terms, err := termsOf(opts, now, func(text string) (identity.ID, error) { return findInvitee(snap, text) })
	if err != nil {
		return Reply{}, err
	}
	inv, _, err := room.IssueInvite(h.key, snap.State, rec, terms, opts.For, h.store, now)
	if err != nil {
		return Reply{}, err
	}
	return linkReply(rec.Room, inv.String(), inv.Chain.Leaf()), nil
}

// doID performs the words of id but import. renamed is told of a new name.
func (h *home) doID(req Request, renamed func(string) error) (Reply, error) {
	switch argument(req.Args, 0) {
	case "", "show":
		return h.showID(), nil
	case "name":
		name := argument(req.Args, 1)
		if err := checkName(name); err != nil {
			return Reply{}, err
		}
		if err := h.store.SetName(name); err != nil {
			return Reply{}, err
		}
		return said("others see you as %q", name), renamed(name)
	case "lock", "unlock":
		return h.lockKey(req.Secret)
	case "export":
		sealed, err := h.export(req.Secret)
		if err != nil {
			return Reply{}, err
		}
		path := argument(req.Args, 1)
		if err := identity.WriteFile(path, sealed); err != nil {
			return Reply{}, &UserError{Code: "export_not_written", Text: "the export cannot be written: " + err.Error(), Hint: "name another file", Err: err}
		}
		return said("everything is in %s, under your passphrase", path), nil
	}
	return Reply{}, &UserError{Code: "usage", Text: "id takes show, name, lock, unlock, export or import", Hint: "`stoa id --help` says more"}
}

// lockKey puts the key file under a passphrase, or, with none, takes it off.
func (h *home) lockKey(passphrase string) (Reply, error) {
	if err := h.key.Save(filepath.Join(h.dir, keyFile), passphrase); err != nil {
		return Reply{}, &UserError{Code: "key_not_written", Text: "the key file cannot be written: " + err.Error(), Hint: "look whether you may write to " + h.dir, Err: err}
	}
	if passphrase == "" {
		return said("your key needs no passphrase any more"), nil
	}
	return said("your key is under your passphrase from now on; nobody can open it without"), nil
}

func (h *home) showID() Reply {
	id := h.key.ID().String()
	name := h.store.Name()
	r := said("%s", id)
	if name != "" {
		r.Lines = append(r.Lines, "others see you as "+name)
	}
	r.Data = map[string]any{"id": id, "name": name}
	return r
}

// checkTitle refuses what would not be the room's title as it was written.
func checkTitle(title string) error {
	if len(title) > room.MaxTitle || strings.ContainsFunc(title, unicode.IsControl) {
		return &UserError{Code: "bad_title", Text: fmt.Sprintf("a title has at most %d bytes and no control characters", room.MaxTitle), Hint: "choose a shorter one"}
	}
	return nil
}

// checkName refuses what others could not see as a name.
func checkName(name string) error {
	if name == "" || len(name) > room.MaxName || strings.ContainsFunc(name, unicode.IsControl) {
		return &UserError{Code: "bad_name", Text: fmt.Sprintf("a name has 1 to %d bytes and no control characters", room.MaxName), Hint: "choose another one"}
	}
	return nil
}

// doImport carries out `id import`.
func doImport(dir string, req Request) (Reply, error) {
	path := argument(req.Args, 1)
	f, err := os.Open(path)
	if err != nil {
		return Reply{}, unreadable(err)
	}
	defer f.Close()
	sealed, err := io.ReadAll(io.LimitReader(f, maxBundle+1))
	if err != nil {
		return Reply{}, unreadable(err)
	}
	if len(sealed) > maxBundle {
		return Reply{}, &UserError{Code: "bad_export", Text: path + " is too large to be an export", Hint: "name the file that `stoa id export` wrote"}
	}
	export, err := ReadExport(sealed, req.Secret)
	if err != nil {
		return Reply{}, err
	}
	if err := export.Into(dir); err != nil {
		return Reply{}, err
	}
	id := export.ID().String()
	return Reply{Lines: []string{"you are " + id, "the key in this home needs no passphrase; `stoa id lock` gives it one"}, Data: map[string]any{"id": id}}, nil
}
