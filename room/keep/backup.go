// Everything in one value, out and in again: for export and import. The
// backup holds contents and not pages, so that a damaged or hostile one can do
// no more than be refused.

package keep

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"go.etcd.io/bbolt"

	"stoa/identity"
	"stoa/room"
)

// MaxBackup is the size of the largest backup, in bytes.
const MaxBackup = 200 << 20

// backup is everything in a file: CBOR in the deterministic encoding.
type backup struct {
	Version uint8      `cbor:"1,keyasint"`
	Name    string     `cbor:"2,keyasint"`
	Rooms   []contents `cbor:"3,keyasint"` // in the order of their IDs
}

// contents is everything of one room.
type contents struct {
	Record  record        `cbor:"1,keyasint"`
	Ops     [][]byte      `cbor:"2,keyasint"` // in the order they were saved
	Secrets []room.Secret `cbor:"3,keyasint"`
	Invites []invited     `cbor:"4,keyasint"`
	Lines   []line        `cbor:"5,keyasint,omitempty"` // in the order they were saved
}

// Backup writes all that is in the file, as at one instant. It holds the
// secrets of rooms: encrypt it before it leaves the machine.
func (s *Store) Backup(w io.Writer) error {
	var b backup
	err := s.read(func(tx *bbolt.Tx) (err error) {
		b, err = readAll(tx)
		return err
	})
	if err != nil {
		return err
	}
	_, err = w.Write(identity.Marshal(b))
	return err
}

func readAll(tx *bbolt.Tx) (backup, error) {
	b := backup{Version: version, Name: string(tx.Bucket(metaBucket).Get(nameKey))}
	rooms := tx.Bucket(roomsBucket)
	err := rooms.ForEachBucket(func(id []byte) error {
		c, err := readContents(rooms.Bucket(id))
		b.Rooms = append(b.Rooms, c)
		return err
	})
	return b, err
}

func readContents(b *bbolt.Bucket) (c contents, err error) {
	rec, err := readRecord(b)
	if err != nil {
		return c, err
	}
	c.Record = toRecord(rec)
	if c.Ops, err = readOps(b); err != nil {
		return c, err
	}
	if c.Secrets, err = readSecrets(b); err != nil {
		return c, err
	}
	invites, err := readInvites(b)
	if err != nil {
		return c, err
	}
	for _, inv := range invites {
		c.Invites = append(c.Invites, toInvited(inv))
	}
	c.Lines, err = readLines(b)
	return c, err
}

// Forget removes a room with its keys: from the file, which is written anew without
// it, since a database does not wipe what it deletes. What the disk itself keeps of
// the old file is not in this program's hands. Whatever happens, the room is there
// with all that it had or not at all. Errors: ErrNoRoom.
func (s *Store) Forget(id identity.RoomID) error {
	s.using.Lock()
	defer s.using.Unlock()
	var b backup
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		b, err = readAll(tx)
		return err
	})
	if err != nil {
		return err
	}
	rooms := len(b.Rooms)
	if b.Rooms = slices.DeleteFunc(b.Rooms, func(c contents) bool { return c.Record.Room == id }); len(b.Rooms) == rooms {
		return ErrNoRoom
	}
	without, err := rewrite(s.path, &b)
	if without == nil {
		return err
	}
	old := s.db
	s.db = without.db
	return errors.Join(err, old.Close())
}

// Restore makes the file at path hold what Backup wrote, in place of what it
// held. Whatever happens, the file afterwards is the old one or the new one.
// Errors: identity.ErrMalformed, ErrVersion, and ErrInUse while a Store has
// the file open.
func Restore(path string, r io.Reader) error {
	raw, err := io.ReadAll(io.LimitReader(r, MaxBackup+1))
	if err != nil {
		return err
	}
	var b backup
	if err := identity.UnmarshalLimit(raw, &b, MaxBackup); err != nil {
		return err
	}
	if b.Version > version {
		return ErrVersion
	}
	if exists(path) {
		old, err := Open(path)
		if err != nil && !errors.Is(err, identity.ErrDamaged) {
			return err
		}
		if err == nil {
			defer old.Close()
		}
	}
	return replace(path, &b)
}

// replace puts a new file in the place of the old one.
func replace(path string, b *backup) error {
	s, err := rewrite(path, b)
	if err != nil {
		return err
	}
	return s.Close()
}

// rewrite writes the new file beside the old one, renames it, and returns it open,
// locked since before it had that name.
func rewrite(path string, b *backup) (*Store, error) {
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	s, err := Open(tmp)
	if err != nil {
		return nil, err
	}
	if err := s.write(func(tx *bbolt.Tx) error { return fill(tx, b) }); err != nil {
		return nil, errors.Join(err, s.Close(), os.Remove(tmp))
	}
	if err := os.Rename(tmp, path); err != nil {
		return nil, errors.Join(err, s.Close(), os.Remove(tmp))
	}
	s.path = path
	return s, identity.SyncDir(filepath.Dir(path))
}

// fill writes a backup into an empty file.
func fill(tx *bbolt.Tx, b *backup) error {
	if err := tx.Bucket(metaBucket).Put(nameKey, []byte(b.Name)); err != nil {
		return err
	}
	for i := range b.Rooms {
		if err := fillRoom(tx, &b.Rooms[i]); err != nil {
			return err
		}
	}
	return nil
}

func fillRoom(tx *bbolt.Tx, c *contents) error {
	b, err := createRoom(tx, c.Record.Room)
	if err != nil {
		return err
	}
	if err := writeRecord(b, c.Record.record()); err != nil {
		return err
	}
	if err := addOps(b, c.Ops, c.Secrets); err != nil {
		return fmt.Errorf("%w: %w", identity.ErrMalformed, err)
	}
	for _, inv := range c.Invites {
		if err := writeInvite(b, inv.invited()); err != nil {
			return err
		}
	}
	if len(c.Lines) == 0 {
		return nil
	}
	return putLines(b, c.Lines)
}
