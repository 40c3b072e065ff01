// What is written is there again; what was not finished has not happened.

package keep

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"stoa/identity"
	"stoa/room"
)

func testRecord(n byte) room.Record {
	return room.Record{
		Room: identity.RoomID{n}, Charter: []byte{n, 1}, Rendezvous: [16]byte{n}, Credential: []byte{n, 2},
		Title: "room " + strconv.Itoa(int(n)), Peers: []room.Peer{{ID: identity.ID{9}, Addrs: []string{"/ip4/127.0.0.1/udp/1"}}},
	}
}

func testOp(n int) []byte {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	return bytes.Repeat(sum[:], 1+n%40)
}

func testSecret(n byte) room.Secret {
	s := room.Secret{Key: [32]byte{n}}
	s.Commit = sha256.Sum256(s.Key[:])
	return s
}

func testInvite(n byte) room.Invited {
	return room.Invited{
		Grant: identity.Hash{n}, Role: identity.RoleSpeaker, Link: "stoa:j/x", Label: "for " + strconv.Itoa(int(n)),
		Made: time.UnixMilli(1_700_000_000_000), Uses: uint32(n), Exact: n%2 == 0,
	}
}

func testLine(n int, text string) room.Line {
	return room.Line{
		Name: identity.HashOf(fmt.Append(nil, n)), Who: identity.ID{byte(n)}, Called: "ben", At: time.UnixMilli(1_700_000_000_000 + int64(n)), Text: text,
	}
}

func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func dump(t testing.TB, s *Store) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, s.Backup(&b))
	return b.Bytes()
}

func TestKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoa.db")
	s := open(t, path)
	rec := testRecord(1)
	must(t, s.Create(rec, [][]byte{testOp(1), testOp(2)}, []room.Secret{testSecret(1)}))
	must(t, s.SaveOps(rec.Room, [][]byte{testOp(2), testOp(3)}, testSecret(2)))
	must(t, s.DropSecrets(rec.Room, testSecret(1).Commit, identity.Hash{7}))
	must(t, s.SaveInvite(rec.Room, testInvite(1)))
	hidden := testLine(1, "")
	hidden.Hidden = identity.ID{3}
	if lines, err := s.Lines(rec.Room); err != nil || len(lines) != 0 {
		t.Errorf("before anything was written: %v, %v", lines, err)
	}
	must(t, s.SaveLines(rec.Room, []room.Line{testLine(1, "one"), testLine(2, "two")}))
	must(t, s.SaveLines(rec.Room, []room.Line{hidden, testLine(3, "three")}))
	must(t, s.SetName("anna"))
	must(t, s.SetTitle(rec.Room, "renamed"))
	must(t, s.SetLeft(rec.Room, true))
	plan := room.Schedule{Starts: 1, Ends: 2, Text: "tea", By: identity.ID{3}, Op: identity.Hash{4}, Time: 5}
	must(t, s.SetSchedule(rec.Room, plan))
	must(t, s.SetPeers(rec.Room, nil))
	must(t, s.SetEnded(rec.Room))
	must(t, s.SetPinned(rec.Room, true))
	must(t, s.SetLast(rec.Room, time.UnixMilli(5)))
	must(t, s.Close())

	s = open(t, path)
	must(t, s.SaveSeat(rec.Room, []byte{7, 7}))
	rec.Title, rec.Left, rec.Peers, rec.Seat, rec.Schedule = "renamed", true, nil, []byte{7, 7}, plan
	rec.Ended, rec.Pinned, rec.Last = true, true, time.UnixMilli(5)
	if got, err := s.Room(rec.Room); err != nil || !reflect.DeepEqual(got, rec) {
		t.Errorf("record: %+v, %v", got, err)
	}
	if got, err := s.Ops(rec.Room); err != nil || !reflect.DeepEqual(got, [][]byte{testOp(1), testOp(2), testOp(3)}) {
		t.Errorf("operations: %d, %v", len(got), err)
	}
	if got, err := s.Secrets(rec.Room); err != nil || !reflect.DeepEqual(got, []room.Secret{testSecret(2)}) {
		t.Errorf("secrets: %v, %v", got, err)
	}
	if got, err := s.Invites(rec.Room); err != nil || !reflect.DeepEqual(got, []room.Invited{testInvite(1)}) {
		t.Errorf("invites: %+v, %v", got, err)
	}
	if got, err := s.Lines(rec.Room); err != nil || !reflect.DeepEqual(got, []room.Line{hidden, testLine(2, "two"), testLine(3, "three")}) {
		t.Errorf("messages: %+v, %v", got, err)
	}
	if s.Name() != "anna" {
		t.Errorf("name: %q", s.Name())
	}
	if recs, err := s.Rooms(); err != nil || len(recs) != 1 {
		t.Errorf("rooms: %v, %v", recs, err)
	}
	if _, err := s.Room(identity.RoomID{8}); !errors.Is(err, ErrNoRoom) {
		t.Errorf("unknown room: %v", err)
	}
	if err := s.SaveOps(identity.RoomID{8}, nil); !errors.Is(err, ErrNoRoom) {
		t.Errorf("saving into an unknown room: %v", err)
	}
}

// TestLinesAreBounded: the oldest messages give way, by number and by size.
// Nothing of a room that is forgotten is left in the file, which stays locked and goes
// on to be written.
func TestForget(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoa.db")
	s := open(t, path)
	gone, stays := testRecord(1), testRecord(2)
	secret := func(of string) []room.Secret {
		key := identity.HashOf([]byte(of)) // which occurs nowhere by chance
		return []room.Secret{{Key: key, Commit: identity.HashOf(key[:])}}
	}
	lost, kept := secret("lost"), secret("kept")
	must(t, s.Create(gone, [][]byte{testOp(1)}, lost))
	must(t, s.Create(stays, [][]byte{testOp(1)}, kept))
	must(t, s.SaveLines(gone.Room, []room.Line{testLine(1, "what was lost")}))
	must(t, s.SaveLines(stays.Room, []room.Line{testLine(1, "one")}))
	must(t, s.SetName("anna"))
	for range 2 { // the second time in a file that was written anew
		must(t, s.Forget(gone.Room))
		if _, err := s.Room(gone.Room); !errors.Is(err, ErrNoRoom) {
			t.Errorf("the room is still there: %v", err)
		}
		if err := s.Forget(gone.Room); !errors.Is(err, ErrNoRoom) {
			t.Errorf("forgetting it again: %v", err)
		}
		if raw := readFile(t, path); bytes.Contains(raw, lost[0].Key[:]) || bytes.Contains(raw, []byte("what was lost")) || !bytes.Contains(raw, kept[0].Key[:]) {
			t.Error("the file holds what is forgotten, or not what is kept")
		}
		if _, err := Open(path); !errors.Is(err, ErrInUse) {
			t.Errorf("opened beside it: %v", err)
		}
		must(t, s.SetTitle(stays.Room, "renamed"))
		must(t, s.Create(gone, nil, lost))
	}
	must(t, s.Forget(gone.Room))
	must(t, s.Close())
	s = open(t, path)
	if rec, err := s.Room(stays.Room); err != nil || rec.Title != "renamed" || s.Name() != "anna" {
		t.Errorf("what is kept: %+v, %v, %q", rec, err, s.Name())
	}
	if lines, err := s.Lines(stays.Room); err != nil || len(lines) != 1 {
		t.Errorf("messages: %v, %v", lines, err)
	}
}

func TestLinesAreBounded(t *testing.T) {
	rec := testRecord(1)
	for name, tt := range map[string]struct {
		text        string
		least, most int
	}{
		"many":  {"x", maxLines, maxLines},
		"large": {strings.Repeat("x", room.MaxText), maxLineBytes / (room.MaxText + 128), maxLineBytes / room.MaxText},
	} {
		s := open(t, filepath.Join(t.TempDir(), "stoa.db"))
		must(t, s.Create(rec, nil, nil))
		const all = maxLines + 200
		for n := 0; n < all; n += 100 {
			var lines []room.Line
			for i := range 100 {
				lines = append(lines, testLine(n+i, tt.text))
			}
			must(t, s.SaveLines(rec.Room, lines))
		}
		must(t, s.SaveLines(rec.Room, []room.Line{testLine(0, tt.text)})) // was dropped: it is new
		got, err := s.Lines(rec.Room)
		must(t, err)
		if len(got) < tt.least || len(got) > tt.most || got[len(got)-1].Name != testLine(0, "").Name || got[len(got)-2].Name != testLine(all-1, "").Name {
			t.Errorf("%s: %d messages, the last are %s and %s", name, len(got), got[len(got)-2].At, got[len(got)-1].At)
		}
		must(t, s.view(rec.Room, func(b *bbolt.Bucket) error {
			if n := b.Bucket(writtenBucket).Stats().KeyN; n != len(got) {
				t.Errorf("%s: %d names of %d messages", name, n, len(got))
			}
			return nil
		}))
	}
}

func TestCreateAgainKeepsWhatIsThere(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "stoa.db"))
	rec := testRecord(1)
	must(t, s.Create(rec, [][]byte{testOp(1)}, []room.Secret{testSecret(1)}))
	must(t, s.SaveInvite(rec.Room, testInvite(1)))
	rec.Title = "again"
	must(t, s.Create(rec, [][]byte{testOp(1), testOp(2)}, nil))
	ops, err := s.Ops(rec.Room)
	must(t, err)
	invites, err := s.Invites(rec.Room)
	must(t, err)
	if got, _ := s.Room(rec.Room); len(ops) != 2 || len(invites) != 1 || got.Title != "again" {
		t.Errorf("%d operations, %d invites, title %q", len(ops), len(invites), got.Title)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "stoa.db")
	s := open(t, path)
	if _, err := Open(path); !errors.Is(err, ErrInUse) {
		t.Errorf("open twice: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("permissions %v, %v", info.Mode(), err)
	}
	must(t, s.Close())
	other := filepath.Join(dir, "other")
	must(t, os.WriteFile(other, bytes.Repeat([]byte("not a database "), 2000), 0o600))
	if _, err := Open(other); !errors.Is(err, identity.ErrDamaged) {
		t.Errorf("a file of another kind: %v", err)
	}
}

func TestBackupAndRestore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "a.db"))
	for n := byte(1); n < 4; n++ {
		rec := testRecord(n)
		must(t, s.Create(rec, [][]byte{testOp(int(n)), testOp(9)}, []room.Secret{testSecret(n)}))
		must(t, s.SaveInvite(rec.Room, testInvite(n)))
		must(t, s.SaveLines(rec.Room, []room.Line{testLine(int(n), "said")}))
	}
	must(t, s.SetName("anna"))
	want := dump(t, s)

	target := filepath.Join(dir, "b.db")
	for _, what := range []string{"a home without a file", "a home with one"} {
		must(t, Restore(target, bytes.NewReader(want)))
		b := open(t, target)
		if !bytes.Equal(dump(t, b), want) {
			t.Errorf("%s does not get everything", what)
		}
		if err := Restore(target, bytes.NewReader(want)); !errors.Is(err, ErrInUse) {
			t.Errorf("restoring over an open file: %v", err)
		}
		must(t, b.SetName("to be replaced"))
		must(t, b.Close())
	}
	for n := 0; n < len(want); n += 7 {
		if err := Restore(target, bytes.NewReader(want[:n])); !errors.Is(err, identity.ErrMalformed) {
			t.Fatalf("a backup cut off after %d bytes: %v", n, err)
		}
	}
	b := open(t, target)
	if b.Name() != "to be replaced" {
		t.Error("a damaged backup has changed the file")
	}
	if names, _ := filepath.Glob(target + ".*"); len(names) != 0 {
		t.Errorf("left over: %v", names)
	}
}

// steps are writes of every kind. Each is one transaction.
func steps() []func(*Store) error {
	rec := testRecord(1)
	list := []func(*Store) error{
		func(s *Store) error {
			return s.Create(rec, [][]byte{testOp(1), testOp(2)}, []room.Secret{testSecret(1)})
		},
		func(s *Store) error { return s.SetName("anna") },
		func(s *Store) error { return s.SaveInvite(rec.Room, testInvite(1)) },
	}
	for n := 3; n < 40; n += 4 {
		list = append(list, func(s *Store) error {
			return s.SaveOps(rec.Room, [][]byte{testOp(n), testOp(n + 1), testOp(n + 2), testOp(n + 3)}, testSecret(byte(n)))
		})
	}
	return append(list,
		func(s *Store) error {
			return s.SaveLines(rec.Room, []room.Line{testLine(1, "one"), testLine(2, "two")})
		},
		func(s *Store) error { return s.SaveLines(rec.Room, []room.Line{testLine(1, ""), testLine(3, "three")}) },
		func(s *Store) error { return s.DropSecrets(rec.Room, testSecret(1).Commit, testSecret(3).Commit) },
		func(s *Store) error { return s.SetPeers(rec.Room, nil) },
		func(s *Store) error { return s.Create(testRecord(2), [][]byte{testOp(100)}, nil) },
	)
}

// TestDeathDuringAnyWrite copies the file before and after each transaction
// and makes of the two what a death in between can leave: any part of the new
// pages without the page that turns to them, or that page torn.
func TestDeathDuringAnyWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "stoa.db")
	rnd := rand.New(rand.NewPCG(1, 2))
	s := open(t, path)
	before, was := readFile(t, path), dump(t, s)
	for i, step := range steps() {
		must(t, step(s))
		after, is := readFile(t, path), dump(t, s)
		if bytes.Equal(was, is) {
			t.Fatalf("step %d changes nothing", i)
		}
		for range 6 {
			left, whole := torn(rnd, before, after)
			copied := filepath.Join(dir, "copy.db")
			must(t, os.WriteFile(copied, left, 0o600))
			c, err := Open(copied)
			if err != nil {
				t.Fatalf("step %d: the file does not open: %v", i, err)
			}
			got := dump(t, c)
			if !bytes.Equal(got, was) && (!whole || !bytes.Equal(got, is)) {
				t.Fatalf("step %d: the file holds neither what was nor what is", i)
			}
			must(t, c.SetName("goes on"))
			must(t, c.Close())
		}
		before, was = after, is
	}
}

// torn mixes two states of a file: some of the pages that differ are the new
// ones. whole tells whether all data pages are, in which case a part of the
// turning page may be too.
func torn(rnd *rand.Rand, before, after []byte) (left []byte, whole bool) {
	size := os.Getpagesize()
	left = make([]byte, len(after))
	copy(left, before)
	whole = rnd.IntN(2) == 0
	for at := 2 * size; at < len(after); at += size {
		if whole || rnd.IntN(2) == 0 {
			copy(left[at:at+size], after[at:at+size])
		}
	}
	if whole {
		for _, at := range []int{0, size} {
			n := rnd.IntN(size + 1)
			copy(left[at:at+n], after[at:at+n])
		}
	}
	return left, whole
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

// TestKill kills a process that writes, and looks for all it had confirmed.
func TestKill(t *testing.T) {
	if path := os.Getenv("STOA_KEEP_TEST"); path != "" {
		writeUntilKilled(path)
	}
	path := filepath.Join(t.TempDir(), "stoa.db")
	confirmed := 0
	for round := range 5 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), "STOA_KEEP_TEST="+path)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if confirmed, err = strconv.Atoi(strings.TrimSpace(lines.Text())); err != nil {
				t.Fatalf("the writer says %q", lines.Text())
			}
			if n == 20+7*round {
				must(t, cmd.Process.Kill())
			}
		}
		_ = cmd.Wait() // it was killed
		s := open(t, path)
		ops, err := s.Ops(testRecord(1).Room)
		must(t, err)
		if len(ops) < confirmed || confirmed == 0 {
			t.Fatalf("round %d: %d operations of %d confirmed", round, len(ops), confirmed)
		}
		for i, op := range ops {
			if !bytes.Equal(op, testOp(i+1)) {
				t.Fatalf("round %d: operation %d is another", round, i+1)
			}
		}
		must(t, s.Close())
	}
}

// writeUntilKilled saves one operation after another and prints the number of
// each when it is durable.
func writeUntilKilled(path string) {
	s, err := Open(path)
	if err == nil {
		err = s.Create(testRecord(1), nil, nil)
	}
	ops, _ := s.Ops(testRecord(1).Room)
	for n := len(ops) + 1; err == nil; n++ {
		if err = s.SaveOps(testRecord(1).Room, [][]byte{testOp(n)}); err == nil {
			fmt.Println(n)
		}
	}
	fmt.Println(err)
	os.Exit(1)
}

func FuzzRestore(f *testing.F) {
	s := open(f, filepath.Join(f.TempDir(), "seed.db"))
	f.Add(dump(f, s))
	must(f, s.Create(testRecord(1), [][]byte{testOp(1)}, []room.Secret{testSecret(1)}))
	must(f, s.SaveInvite(testRecord(1).Room, testInvite(1)))
	f.Add(dump(f, s))
	scratch := open(f, filepath.Join(f.TempDir(), "scratch.db"))
	// restored gives what a file would hold, and leaves the scratch file empty.
	restored := func(b *backup) (again backup, err error) {
		undo := errors.New("undo")
		_ = scratch.db.Update(func(tx *bbolt.Tx) error {
			if err = fill(tx, b); err == nil {
				again, err = readAll(tx)
			}
			return undo
		})
		return again, err
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var b backup
		if identity.UnmarshalLimit(raw, &b, MaxBackup) != nil {
			return
		}
		once, err := restored(&b)
		if err != nil {
			return
		}
		twice, err := restored(&once)
		if err != nil || !bytes.Equal(identity.Marshal(once), identity.Marshal(twice)) {
			t.Errorf("a backup of what was restored is another: %v", err)
		}
	})
}

func BenchmarkSaveOp(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "stoa.db"))
	must(b, s.Create(testRecord(1), nil, nil))
	for n := 0; b.Loop(); n++ {
		must(b, s.SaveOps(testRecord(1).Room, [][]byte{testOp(n)}))
	}
}
