// Messages: the last ones of each room, as somebody who was there read them.

package keep

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"

	"stoa/identity"
	"stoa/room"
)

const (
	// maxLines and maxLineBytes bound what is kept of one room; the oldest give way.
	maxLines     = 1000
	maxLineBytes = 512 << 10
)

// line is a room.Line in the file.
type line struct {
	Name   identity.Hash `cbor:"1,keyasint"`
	Who    identity.ID   `cbor:"2,keyasint"`
	Called string        `cbor:"3,keyasint"`
	At     int64         `cbor:"4,keyasint"` // Unix milliseconds
	Text   string        `cbor:"5,keyasint"` // empty once hidden
	Hidden *identity.ID  `cbor:"6,keyasint,omitempty"`
}

func toLine(l room.Line) line {
	kept := line{Name: l.Name, Who: l.Who, Called: l.Called, At: stamp(l.At), Text: l.Text}
	if !l.Hidden.IsZero() {
		kept.Hidden = &l.Hidden
	}
	return kept
}

func (l *line) line() room.Line {
	out := room.Line{Name: l.Name, Who: l.Who, Called: l.Called, At: instant(l.At), Text: l.Text}
	if l.Hidden != nil {
		out.Hidden = *l.Hidden
	}
	return out
}

// SaveLines implements room.Keeper.
func (s *Store) SaveLines(id identity.RoomID, lines []room.Line) error {
	return s.update(id, func(b *bbolt.Bucket) error {
		kept := make([]line, len(lines))
		for i, l := range lines {
			kept[i] = toLine(l)
		}
		return putLines(b, kept)
	})
}

// putLines adds messages, each behind the last or in place of the one of its name, and drops what is too much.
func putLines(b *bbolt.Bucket, lines []line) error {
	list, err := b.CreateBucketIfNotExists(linesBucket)
	if err != nil {
		return err
	}
	written, err := b.CreateBucketIfNotExists(writtenBucket)
	if err != nil {
		return err
	}
	for _, l := range lines {
		number := written.Get(l.Name[:])
		if number == nil {
			n, err := list.NextSequence()
			if err != nil {
				return err
			}
			number = binary.BigEndian.AppendUint64(nil, n)
			if err := written.Put(l.Name[:], number); err != nil {
				return err
			}
		}
		if err := list.Put(number, identity.Marshal(l)); err != nil {
			return err
		}
	}
	return trimLines(list, written)
}

// trimLines drops the oldest messages until the rest fits.
func trimLines(list, written *bbolt.Bucket) error {
	count, size := 0, 0
	var over [][2][]byte // number, name
	for c, k, v := cursor(list); k != nil; k, v = c.Prev() {
		if count, size = count+1, size+len(v); count <= maxLines && size <= maxLineBytes {
			continue
		}
		var l line
		if err := identity.Unmarshal(v, &l); err != nil {
			return fmt.Errorf("a message: %w", err)
		}
		over = append(over, [2][]byte{k, l.Name[:]})
	}
	for _, o := range over {
		if err := list.Delete(o[0]); err != nil {
			return err
		}
		if err := written.Delete(o[1]); err != nil {
			return err
		}
	}
	return nil
}

// cursor stands at the last entry of a bucket.
func cursor(b *bbolt.Bucket) (c *bbolt.Cursor, k, v []byte) {
	c = b.Cursor()
	k, v = c.Last()
	return c, k, v
}

// Lines implements room.Keeper.
func (s *Store) Lines(id identity.RoomID) (lines []room.Line, err error) {
	err = s.view(id, func(b *bbolt.Bucket) error {
		kept, err := readLines(b)
		for _, l := range kept {
			lines = append(lines, l.line())
		}
		return err
	})
	return lines, err
}

func readLines(b *bbolt.Bucket) (lines []line, err error) {
	list := b.Bucket(linesBucket)
	if list == nil { // nothing was ever written there
		return nil, nil
	}
	err = list.ForEach(func(_, raw []byte) error {
		var l line
		if err := identity.Unmarshal(raw, &l); err != nil {
			return fmt.Errorf("a message: %w", err)
		}
		lines = append(lines, l)
		return nil
	})
	return lines, err
}
