// Tests of what a person knows of people: kept over a start, of this person alone, and nobody else's word.

package app

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"stoa/identity"
	"stoa/room"
)

var blockNoon = time.UnixMilli(1_800_000_000_000)

// knownIn reads what a home keeps.
func knownIn(t *testing.T, dir string) *known {
	t.Helper()
	k, err := readKnown(dir)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// named finds people by a single letter, as if they were in a room under that name.
func named(text string) (personNamed, error) {
	if text == "" {
		return personNamed{}, &UserError{Code: "person_missing"}
	}
	return personNamed{id: identity.ID{text[0]}, name: text}, nil
}

// codeOf is the code of an error for a person; empty without one.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return Explain(err).Code
}

func TestContacts(t *testing.T) {
	dir := t.TempDir()
	k := knownIn(t, dir)
	for _, tt := range []struct {
		args []string
		note string
		want string // code
	}{
		{[]string{"add", "b"}, "", ""},
		{[]string{"add", "b", "Ben", "from", "work"}, "met in Solo", ""},
		{[]string{"add", "c", "Cy"}, "", ""},
		{[]string{"add", "d", strings.Repeat("x", room.MaxName+1)}, "", "bad_name"},
		{[]string{"add", "d", "a\x1b[2J"}, "", "bad_name"},
		{[]string{"add", "d", "D"}, strings.Repeat("x", maxNote+1), "bad_note"},
		{[]string{"add", "d", "D"}, "a\u202eb", "bad_note"},
		{[]string{"add"}, "", "person_missing"},
		{[]string{"remove", "c"}, "", ""},
		{[]string{"remove", "c"}, "", "no_contact"},
		{[]string{"forget", "b"}, "", "usage"},
	} {
		_, err := k.doContact(Request{Args: tt.args, Note: tt.note}, named, blockNoon)
		if codeOf(err) != tt.want {
			t.Errorf("contact %q: %v", tt.args, err)
		}
	}
	want := map[identity.ID]Contact{{'b'}: {Name: "Ben from work", Note: "met in Solo", SinceMS: blockNoon.UnixMilli()}}
	for _, k := range []*known{k, knownIn(t, dir)} {
		if got := k.contacts.all(); !reflect.DeepEqual(got, want) {
			t.Errorf("contacts %+v", got)
		}
		if !k.lookalike(identity.ID{'e'}, "BЕN from w0rk") || k.lookalike(identity.ID{'b'}, "Ben from work") || k.lookalike(identity.ID{'e'}, "Ben") {
			t.Error("who looks like a contact is not told")
		}
	}
	// What cannot be read is not written over.
	if err := os.WriteFile(filepath.Join(dir, contactsFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readKnown(dir); err == nil {
		t.Error("a damaged file was read")
	}
}

func TestSkeleton(t *testing.T) {
	for _, same := range [][]string{
		{"Paul", "paul", "PauI", "pau1", "Раul", "p a-u.l", "Pàul", "ｐａｕｌ", "paul 🎙"},
		{"moderator", "rnoderator", "Μoderator", "m0derat0r"},
		{"", "🎙", "..."},
		{"安娜"},
		{"ben"},
	} {
		for _, name := range same {
			if got, want := skeleton(name), skeleton(same[0]); got != want {
				t.Errorf("%q looks like %q, %q like %q", name, got, same[0], want)
			}
		}
	}
	if skeleton("paul") == skeleton("paula") || skeleton("安娜") == "" || skeleton("ben") == skeleton("den") {
		t.Error("names that differ look alike")
	}
}

func TestFindKnown(t *testing.T) {
	k := knownIn(t, t.TempDir())
	ben, cy, dan := identity.ID{1}, identity.ID{2}, identity.ID{3, 1}
	if err := k.contacts.change(func(all map[identity.ID]Contact) {
		maps.Copy(all, map[identity.ID]Contact{ben: {Name: "Ben"}, cy: {Name: "Twin"}, {9}: {Name: "twin"}})
	}); err != nil {
		t.Fatal(err)
	}
	if err := k.blocked.change(func(all map[identity.ID]Blocking) { all[dan] = Blocking{Name: "Dan"} }); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]identity.ID{
		" ben ": ben, ben.String(): ben, dan.Short(): dan, cy.Short(): cy, "Twin": {}, "Dan": {}, "": {}, dan.String()[:sureKey-1]: {},
		identity.ID{7}.String(): {7}, // nobody known
	} {
		if got, is := k.find(text); got != want || is != !want.IsZero() {
			t.Errorf("%q is %v, %t", text, got, is)
		}
	}
}

func TestBlocking(t *testing.T) {
	dir, me := t.TempDir(), identity.ID{'m'}
	k := knownIn(t, dir)
	for _, tt := range []struct {
		verb string
		args []string
		want string
	}{
		{VerbBlock, []string{"b", "sells", "watches"}, ""},
		{VerbBlock, []string{"c"}, ""},
		{VerbBlock, []string{"m"}, "block_of_self"},
		{VerbBlock, []string{"d", "a\nb"}, "bad_note"},
		{VerbUnblock, []string{"c"}, ""},
		{VerbUnblock, []string{"c"}, "not_blocked"},
	} {
		p, err := named(tt.args[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.doBlock(Request{Verb: tt.verb, Args: tt.args}, p, me, blockNoon); codeOf(err) != tt.want {
			t.Errorf("%s %q: %v", tt.verb, tt.args, err)
		}
	}
	want := map[identity.ID]Blocking{{'b'}: {Name: "b", Reason: "sells watches", SinceMS: blockNoon.UnixMilli()}}
	if got := knownIn(t, dir).blocked.all(); !reflect.DeepEqual(got, want) {
		t.Errorf("blocked %+v", got)
	}
}

// TestQuieten: of the blocked neither what they write nor their hands are told, nor their names.
func TestQuieten(t *testing.T) {
	k := knownIn(t, t.TempDir())
	ben, ann := identity.ID{'b'}, identity.ID{'a'}
	if err := k.blocked.change(func(all map[identity.ID]Blocking) { all[ben] = Blocking{} }); err != nil {
		t.Fatal(err)
	}
	if err := k.contacts.change(func(all map[identity.ID]Contact) { all[ann] = Contact{Name: "Ann from work"} }); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		e    Event
		show bool
		name string
	}{
		{Event{Kind: EventChat, Who: ben.String(), Name: "Ben"}, false, ""},
		{Event{Kind: EventReact, Who: ben.String()}, false, ""},
		{Event{Kind: EventHand, Who: ben.String()}, false, ""},
		{Event{Kind: EventMember, Who: ben.String(), Name: "Ben"}, true, ""},
		{Event{Kind: EventRemoved, Who: ben.String()}, true, ""},
		{Event{Kind: EventChat, Who: ann.String(), Name: "queen"}, true, "Ann from work"},
		{Event{Kind: EventChat, Who: identity.ID{'c'}.String(), Name: "Cy"}, true, "Cy"},
		{Event{Kind: EventMember, Who: ann.String(), Name: "queen"}, true, "queen"},
		{Event{Kind: EventReady}, true, ""},
	} {
		if show := k.quieten(&tt.e); show != tt.show || show && tt.e.Name != tt.name {
			t.Errorf("%+v is told: %t", tt.e, show)
		}
	}
}

// sampleBlocklist is a signed file of three.
func sampleBlocklist(t testing.TB, by *identity.Key) []byte {
	t.Helper()
	file, err := signBlocklist(by, map[identity.ID]Blocking{
		{1}: {Name: "Ben \"the\" <b>", Reason: "sells watches"}, {2}: {Name: "安娜\x1b[2J"}, {3}: {Reason: "shouts"},
	}, blockNoon)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestBlocklistFile(t *testing.T) {
	by := identity.KeyFromSeed([32]byte{1})
	file := sampleBlocklist(t, by)
	list, err := parseBlocklist(file)
	want := map[identity.ID]Blocking{{1}: {Name: "Ben \"the\" <b>", Reason: "sells watches"}, {2}: {Name: "安娜"}, {3}: {Reason: "shouts"}}
	if err != nil || list.by != by.ID() || !list.at.Equal(blockNoon) || !reflect.DeepEqual(list.people, want) {
		t.Fatalf("read %+v, %v of\n%s", list, err, file)
	}
	if _, err := parseBlocklist(bytes.ReplaceAll(file, []byte("\n"), []byte("\r\n"))); err != nil {
		t.Errorf("after a mail: %v", err)
	}
	for i := range file {
		for _, flip := range []byte{1, 0x20, 0x80} {
			changed := bytes.Clone(file)
			changed[i] ^= flip
			if got, err := parseBlocklist(changed); err == nil && !reflect.DeepEqual(got, list) {
				t.Fatalf("with %q for %q at %d it says %+v", changed[i], file[i], i, got)
			}
		}
	}
	for n := range len(file) - 1 {
		if _, err := parseBlocklist(file[:n]); !errors.Is(err, errBlocklist) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	signed := func(body string) []byte { return signText(by, body) }
	head := fmt.Sprintf("%s\nby %s\nat 2027-01-15T08:00:00Z\n", blocklistHead, by.ID())
	for name, raw := range map[string][]byte{
		"nothing":          nil,
		"another kind":     signed(strings.Replace(head, "blocklist", "contacts", 1)),
		"no author":        signed(strings.Replace(head, "by ", "of ", 1)),
		"another's":        signed(strings.Replace(head, by.ID().String(), identity.KeyFromSeed([32]byte{2}).ID().String(), 1)),
		"no time":          signed(strings.Replace(head, "2027", "soon", 1)),
		"no key":           signed(head + `["x","",""]` + "\n"),
		"two fields":       signed(head + `["` + identity.ID{1}.String() + `",""]` + "\n"),
		"a long name":      signed(head + `["` + identity.ID{1}.String() + `","` + strings.Repeat("x", room.MaxName+1) + `",""]` + "\n"),
		"too many":         signed(head + strings.Repeat(`["`+identity.ID{1}.String()+`","",""]`+"\n", maxBlocked+1)),
		"too large":        append(bytes.Repeat([]byte(" "), maxBlocklist), file...),
		"something behind": append(bytes.Clone(file), "more\n"...),
	} {
		if _, err := parseBlocklist(raw); !errors.Is(err, errBlocklist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzBlocklist(f *testing.F) {
	f.Add(sampleBlocklist(f, identity.KeyFromSeed([32]byte{1})))
	f.Add([]byte(blocklistHead + "\nby \nat \nsignature \n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, err := parseBlocklist(raw)
		if err != nil {
			return
		}
		if len(list.people) > maxBlocked {
			t.Errorf("%d people", len(list.people))
		}
		for id, b := range list.people {
			if len(b.Name) > room.MaxName || len(b.Reason) > maxNote {
				t.Errorf("%v: %+v", id, b)
			}
		}
	})
}

// TestImportOfBlocked: another's list adds those who are not blocked yet, but neither oneself nor contacts, and stays theirs.
func TestImportOfBlocked(t *testing.T) {
	dir := t.TempDir()
	k := knownIn(t, dir)
	friend, me := identity.KeyFromSeed([32]byte{1}), identity.KeyFromSeed([32]byte{2})
	if err := k.contacts.change(func(all map[identity.ID]Contact) { all[identity.ID{3}] = Contact{Name: "Cy"} }); err != nil {
		t.Fatal(err)
	}
	own := Blocking{Name: "ben", Reason: "mine", SinceMS: 1}
	if err := k.blocked.change(func(all map[identity.ID]Blocking) { all[identity.ID{1}] = own }); err != nil {
		t.Fatal(err)
	}
	file, err := signBlocklist(friend, map[identity.ID]Blocking{{1}: {Name: "Ben"}, {2}: {Reason: "shouts"}, {3}: {}, me.ID(): {}}, blockNoon)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := k.doBlocked(Request{Args: []string{"import", string(file)}}, me, blockNoon)
	if err != nil || len(reply.Lines) != 2 || !strings.Contains(reply.Lines[0], friend.ID().Short()) {
		t.Errorf("%q, %v", reply.Lines, err)
	}
	want := map[identity.ID]Blocking{{1}: own, {2}: {Reason: "shouts", SinceMS: blockNoon.UnixMilli(), From: friend.ID().String()}}
	if got := knownIn(t, dir).blocked.all(); !reflect.DeepEqual(got, want) {
		t.Errorf("blocked %+v", got)
	}
	if _, err := k.doBlocked(Request{Args: []string{"import", "nonsense"}}, me, blockNoon); codeOf(err) != "bad_blocklist" {
		t.Errorf("nonsense: %v", err)
	}
	// All or nothing.
	many := map[identity.ID]Blocking{}
	for i := range maxBlocked - 1 {
		many[identity.ID{9, byte(i), byte(i >> 8)}] = Blocking{}
	}
	if file, err = signBlocklist(friend, many, blockNoon); err != nil {
		t.Fatal(err)
	}
	if _, err := k.doBlocked(Request{Args: []string{"import", string(file)}}, me, blockNoon); codeOf(err) != "too_many_blocked" || len(k.blocked.all()) != 2 {
		t.Errorf("%d are blocked, then %v", len(k.blocked.all()), err)
	}
}

// TestBlockedOnFile: what the command line exports it can import, and it writes over nothing.
func TestBlockedOnFile(t *testing.T) {
	key := identity.KeyFromSeed([32]byte{1})
	k, other := knownIn(t, t.TempDir()), knownIn(t, t.TempDir())
	if err := k.blocked.change(func(all map[identity.ID]Blocking) { all[identity.ID{5}] = Blocking{Name: "Ben"} }); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "list")
	with := func(k *known) func(Request) (Reply, error) {
		return func(req Request) (Reply, error) { return k.doBlocked(req, key, blockNoon) }
	}
	if _, err := onFile(Request{Args: []string{"export", path}}, with(k)); err != nil {
		t.Fatal(err)
	}
	if _, err := onFile(Request{Args: []string{"export", path}}, with(k)); codeOf(err) != "blocklist_not_written" {
		t.Errorf("over a file: %v", err)
	}
	if _, err := onFile(Request{Args: []string{"import", path}}, with(other)); err != nil || !other.blocks(identity.ID{5}) {
		t.Errorf("import: %v", err)
	}
	if err := os.WriteFile(path, make([]byte, maxBlocklist+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, path + "none"} {
		if _, err := onFile(Request{Args: []string{"import", p}}, with(other)); codeOf(err) != "blocklist_unreadable" {
			t.Errorf("%s: %v", p, err)
		}
	}
}
