// The simulated disk: it can fail and its machine can die at any write.

package roomtest

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"sync"

	"stoa/identity"
	"stoa/room"
)

// ErrDisk is what a failing Keeper returns.
var ErrDisk = errors.New("roomtest: the disk failed")

// Fault is what happens at a write.
type Fault int

const (
	Fail        Fault = iota // nothing is written, and this write fails
	CrashBefore              // nothing is written from now on, and every call fails
	CrashAfter               // this is written, but it and every further call fail
)

// Keeper is a room.Keeper in memory. The zero value is an empty one. It is
// safe for concurrent use.
type Keeper struct {
	mu     sync.Mutex // guards all below
	rooms  map[identity.RoomID]*disk
	writes int
	faults map[int]Fault // by number of the write
	dead   bool
}

var _ room.Keeper = (*Keeper)(nil)

// disk is what is kept of one room.
type disk struct {
	record  room.Record
	ops     [][]byte
	secrets map[identity.Hash][32]byte
	invites map[identity.Hash]room.Invited
	lines   []room.Line
}

// Break makes the n-th write from now on go wrong, counted from 1.
func (k *Keeper) Break(n int, f Fault) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.faults == nil {
		k.faults = make(map[int]Fault)
	}
	k.faults[k.writes+n] = f
}

// Restart returns a Keeper with what this one has made durable, as after the
// machine has come back.
func (k *Keeper) Restart() *Keeper {
	k.mu.Lock()
	defer k.mu.Unlock()
	again := &Keeper{rooms: make(map[identity.RoomID]*disk)}
	for id, d := range k.rooms {
		again.rooms[id] = &disk{d.record, slices.Clone(d.ops), maps.Clone(d.secrets), maps.Clone(d.invites), slices.Clone(d.lines)}
	}
	return again
}

// Writes counts the writes that were asked for.
func (k *Keeper) Writes() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.writes
}

// Dead tells whether the machine has crashed.
func (k *Keeper) Dead() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.dead
}

// write makes one change to a room, unless something goes wrong.
func (k *Keeper) write(id identity.RoomID, change func(*disk)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dead {
		return ErrDisk
	}
	k.writes++
	fault, faulty := k.faults[k.writes]
	k.dead = faulty && fault != Fail
	if faulty && fault != CrashAfter {
		return ErrDisk
	}
	d := k.rooms[id]
	if d == nil {
		d = &disk{secrets: make(map[identity.Hash][32]byte), invites: make(map[identity.Hash]room.Invited)}
		if k.rooms == nil {
			k.rooms = make(map[identity.RoomID]*disk)
		}
		k.rooms[id] = d
	}
	change(d)
	if faulty {
		return ErrDisk
	}
	return nil
}

// read looks at a room.
func (k *Keeper) read(id identity.RoomID, look func(*disk)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dead {
		return ErrDisk
	}
	if d := k.rooms[id]; d != nil {
		look(d)
	}
	return nil
}

// add saves what is not there yet.
func (d *disk) add(ops [][]byte, secrets []room.Secret) {
	for _, op := range ops {
		if !slices.ContainsFunc(d.ops, func(o []byte) bool { return bytes.Equal(o, op) }) {
			d.ops = append(d.ops, bytes.Clone(op))
		}
	}
	for _, s := range secrets {
		d.secrets[s.Commit] = s.Key
	}
}

// Create implements room.Keeper.
func (k *Keeper) Create(rec room.Record, ops [][]byte, secrets []room.Secret) error {
	return k.write(rec.Room, func(d *disk) { d.record = rec; d.add(ops, secrets) })
}

// SaveOps implements room.Keeper.
func (k *Keeper) SaveOps(id identity.RoomID, ops [][]byte, secrets ...room.Secret) error {
	return k.write(id, func(d *disk) { d.add(ops, secrets) })
}

// DropSecrets implements room.Keeper.
func (k *Keeper) DropSecrets(id identity.RoomID, commits ...identity.Hash) error {
	return k.write(id, func(d *disk) {
		for _, c := range commits {
			delete(d.secrets, c)
		}
	})
}

// SaveSeat implements room.Keeper.
func (k *Keeper) SaveSeat(id identity.RoomID, seat []byte) error {
	return k.write(id, func(d *disk) { d.record.Seat = bytes.Clone(seat) })
}

// SaveInvite implements room.Keeper.
func (k *Keeper) SaveInvite(id identity.RoomID, inv room.Invited) error {
	return k.write(id, func(d *disk) { d.invites[inv.Grant] = inv })
}

// SaveLines implements room.Keeper.
func (k *Keeper) SaveLines(id identity.RoomID, lines []room.Line) error {
	return k.write(id, func(d *disk) {
		for _, l := range lines {
			l.Fresh = 0
			i := slices.IndexFunc(d.lines, func(o room.Line) bool { return o.Name == l.Name })
			if i < 0 {
				d.lines = append(d.lines, l)
			} else {
				d.lines[i] = l
			}
		}
	})
}

// Lines implements room.Keeper.
func (k *Keeper) Lines(id identity.RoomID) (lines []room.Line, err error) {
	err = k.read(id, func(d *disk) { lines = slices.Clone(d.lines) })
	return lines, err
}

// Ops implements room.Keeper.
func (k *Keeper) Ops(id identity.RoomID) (ops [][]byte, err error) {
	err = k.read(id, func(d *disk) { ops = slices.Clone(d.ops) })
	return ops, err
}

// Secrets implements room.Keeper.
func (k *Keeper) Secrets(id identity.RoomID) (secrets []room.Secret, err error) {
	err = k.read(id, func(d *disk) {
		for commit, key := range d.secrets {
			secrets = append(secrets, room.Secret{Commit: commit, Key: key})
		}
	})
	return secrets, err
}

// Invites implements room.Keeper.
func (k *Keeper) Invites(id identity.RoomID) (invites []room.Invited, err error) {
	err = k.read(id, func(d *disk) {
		for _, inv := range d.invites {
			invites = append(invites, inv)
		}
	})
	return invites, err
}

// Record returns what Create was given last.
func (k *Keeper) Record(id identity.RoomID) (rec room.Record, err error) {
	err = k.read(id, func(d *disk) { rec = d.record })
	return rec, err
}
