// How records and invites are written: deterministic CBOR with integer keys.

package keep

import (
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"stoa/identity"
	"stoa/room"
)

// record is a room.Record in the file.
type record struct {
	Room       identity.RoomID `cbor:"1,keyasint"`
	Charter    []byte          `cbor:"2,keyasint"`
	Rendezvous [16]byte        `cbor:"3,keyasint"`
	Credential []byte          `cbor:"4,keyasint"`
	Title      string          `cbor:"5,keyasint"`
	Left       bool            `cbor:"6,keyasint"`
	Peers      []peer          `cbor:"7,keyasint"`
	Seat       []byte          `cbor:"8,keyasint,omitempty"`
	Schedule   *schedule       `cbor:"9,keyasint,omitempty"` // absent where nothing was ever planned
	Ended      bool            `cbor:"10,keyasint,omitempty"`
	Pinned     bool            `cbor:"11,keyasint,omitempty"`
	Last       int64           `cbor:"12,keyasint,omitempty"` // Unix milliseconds
}

type peer struct {
	ID    identity.ID `cbor:"1,keyasint"`
	Addrs []string    `cbor:"2,keyasint"`
}

// schedule is a room.Schedule in the file.
type schedule struct {
	Starts uint64        `cbor:"1,keyasint"`
	Ends   uint64        `cbor:"2,keyasint"`
	Text   string        `cbor:"3,keyasint"`
	By     identity.ID   `cbor:"4,keyasint"`
	Op     identity.Hash `cbor:"5,keyasint"`
	Time   uint64        `cbor:"6,keyasint"`
}

// invited is a room.Invited in the file. Times are Unix milliseconds, 0 for
// none.
type invited struct {
	Grant   identity.Hash `cbor:"1,keyasint"`
	Role    identity.Role `cbor:"2,keyasint"`
	Link    string        `cbor:"3,keyasint"`
	Label   string        `cbor:"4,keyasint"`
	Made    int64         `cbor:"5,keyasint"`
	Expires int64         `cbor:"6,keyasint"`
	Uses    uint32        `cbor:"7,keyasint"`
	Exact   bool          `cbor:"8,keyasint"`
}

func toRecord(rec room.Record) record {
	r := record{
		Room: rec.Room, Charter: rec.Charter, Rendezvous: rec.Rendezvous,
		Credential: rec.Credential, Title: rec.Title, Left: rec.Left, Seat: rec.Seat,
		Ended: rec.Ended, Pinned: rec.Pinned, Last: stamp(rec.Last),
	}
	if rec.Schedule != (room.Schedule{}) {
		plan := schedule(rec.Schedule)
		r.Schedule = &plan
	}
	for _, p := range rec.Peers {
		r.Peers = append(r.Peers, peer(p))
	}
	return r
}

func (r *record) record() room.Record {
	rec := room.Record{
		Room: r.Room, Charter: r.Charter, Rendezvous: r.Rendezvous,
		Credential: r.Credential, Title: r.Title, Left: r.Left, Seat: r.Seat,
		Ended: r.Ended, Pinned: r.Pinned, Last: instant(r.Last),
	}
	for _, p := range r.Peers {
		rec.Peers = append(rec.Peers, room.Peer(p))
	}
	if r.Schedule != nil {
		rec.Schedule = room.Schedule(*r.Schedule)
	}
	return rec
}

func toInvited(inv room.Invited) invited {
	return invited{inv.Grant, inv.Role, inv.Link, inv.Label, stamp(inv.Made), stamp(inv.Expires), inv.Uses, inv.Exact}
}

func (i *invited) invited() room.Invited {
	return room.Invited{
		Grant: i.Grant, Role: i.Role, Link: i.Link, Label: i.Label,
		Made: instant(i.Made), Expires: instant(i.Expires), Uses: i.Uses, Exact: i.Exact,
	}
}

func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func writeRecord(b *bbolt.Bucket, rec room.Record) error {
	raw := identity.Marshal(toRecord(rec))
	if len(raw) > maxRecord {
		return fmt.Errorf("record of %d bytes, more than %d", len(raw), maxRecord)
	}
	return b.Put(recordKey, raw)
}

func readRecord(b *bbolt.Bucket) (room.Record, error) {
	var r record
	if err := identity.UnmarshalLimit(b.Get(recordKey), &r, maxRecord); err != nil {
		return room.Record{}, fmt.Errorf("the record of a room: %w", err)
	}
	return r.record(), nil
}

func writeInvite(b *bbolt.Bucket, inv room.Invited) error {
	return b.Bucket(invitesBucket).Put(inv.Grant[:], identity.Marshal(toInvited(inv)))
}

func readInvites(b *bbolt.Bucket) (invites []room.Invited, err error) {
	err = b.Bucket(invitesBucket).ForEach(func(_, raw []byte) error {
		var i invited
		if err := identity.Unmarshal(raw, &i); err != nil {
			return fmt.Errorf("an invite: %w", err)
		}
		invites = append(invites, i.invited())
		return nil
	})
	return invites, err
}
