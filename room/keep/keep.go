// Package keep stores a person's rooms in one file, so that a node that is
// killed at any instant comes back with everything it had confirmed.
//
// The file is a bbolt database, readable by its owner alone:
//
//	meta
//	  version   1
//	  name      what others see, UTF-8
//	rooms
//	  <room ID, 32 bytes>
//	    record   CBOR, see below
//	    ops      <number, u64 big endian> -> operation as signed
//	    known    <SHA-256 of an operation> -> its number
//	    secrets  <commit, 32 bytes> -> secret, 32 bytes
//	    invites  <grant hash, 32 bytes> -> CBOR
//	    lines    <number, u64 big endian> -> CBOR of a message, see lines.go
//	    written  <name of a message> -> its number
//
// Every method that writes is one transaction, synced before it returns. A
// transaction that a crash cut short has not happened: bbolt writes new pages
// beside the old ones and turns to them by one checksummed page at the end.
package keep

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"stoa/identity"
	"stoa/room"
)

var (
	// ErrInUse means that another process has the file open.
	ErrInUse = errors.New("in use by another process")
	// ErrNoRoom means that there is no such room in the file.
	ErrNoRoom = errors.New("not one of the rooms kept here")
	// ErrVersion means that a newer program wrote the file.
	ErrVersion = errors.New("written by a newer version of the program")
)

const (
	version  = 1
	lockTime = time.Second // to wait for another process to let go

	// maxRecord is the size of the largest record of a room, in bytes.
	maxRecord = 64 << 10
)

var (
	metaBucket    = []byte("meta")
	roomsBucket   = []byte("rooms")
	opsBucket     = []byte("ops")
	knownBucket   = []byte("known")
	secretsBucket = []byte("secrets")
	invitesBucket = []byte("invites")
	linesBucket   = []byte("lines")
	writtenBucket = []byte("written")

	versionKey = []byte("version")
	nameKey    = []byte("name")
	recordKey  = []byte("record")
)

// Store is an open file. It is safe for concurrent use.
type Store struct {
	using sync.RWMutex // held for writing while db is replaced: see Forget
	db    *bbolt.DB
	path  string
}

var _ room.Keeper = (*Store)(nil)

// Open opens the file, which it makes when there is none, and locks it
// against other processes until Close. Errors: ErrInUse after a second,
// ErrVersion, identity.ErrDamaged for a file that is no database.
func Open(path string) (*Store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTime, FreelistType: bbolt.FreelistMapType})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("%s: %w", path, ErrInUse)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return nil, fmt.Errorf("%s: %w", path, identity.ErrDamaged)
	case err != nil:
		return nil, err
	}
	if err := db.Update(prepare); err != nil {
		return nil, fmt.Errorf("%s: %w", path, errors.Join(err, db.Close()))
	}
	return &Store{db: db, path: path}, nil
}

// prepare makes the buckets of a new file and checks the version of an old
// one.
func prepare(tx *bbolt.Tx) error {
	meta, err := tx.CreateBucketIfNotExists(metaBucket)
	if err != nil {
		return err
	}
	if _, err := tx.CreateBucketIfNotExists(roomsBucket); err != nil {
		return err
	}
	switch v := meta.Get(versionKey); {
	case v == nil:
		return meta.Put(versionKey, []byte{version})
	case len(v) != 1 || v[0] > version:
		return ErrVersion
	}
	return nil
}

// Close unlocks the file. It waits for methods that are still at work.
func (s *Store) Close() error {
	s.using.Lock()
	defer s.using.Unlock()
	return s.db.Close()
}

// read looks at the file, and write changes it in one transaction.
func (s *Store) read(f func(*bbolt.Tx) error) error {
	s.using.RLock()
	defer s.using.RUnlock()
	return s.db.View(f)
}

func (s *Store) write(f func(*bbolt.Tx) error) error {
	s.using.RLock()
	defer s.using.RUnlock()
	return s.db.Update(f)
}

// Name returns what others see of the person; empty when it was never set.
func (s *Store) Name() string {
	var name string
	// A view of an open database does not fail.
	_ = s.read(func(tx *bbolt.Tx) error {
		name = string(tx.Bucket(metaBucket).Get(nameKey))
		return nil
	})
	return name
}

// SetName sets what Name returns.
func (s *Store) SetName(name string) error {
	return s.write(func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Put(nameKey, []byte(name)) })
}

// Rooms returns the records of all rooms, also of those that were left, in
// the order of their IDs.
func (s *Store) Rooms() ([]room.Record, error) {
	var recs []room.Record
	err := s.read(func(tx *bbolt.Tx) error {
		rooms := tx.Bucket(roomsBucket)
		return rooms.ForEachBucket(func(id []byte) error {
			rec, err := readRecord(rooms.Bucket(id))
			recs = append(recs, rec)
			return err
		})
	})
	return recs, err
}

// Room returns the record of a room, or ErrNoRoom.
func (s *Store) Room(id identity.RoomID) (rec room.Record, err error) {
	err = s.view(id, func(b *bbolt.Bucket) error {
		rec, err = readRecord(b)
		return err
	})
	return rec, err
}

// SetTitle keeps the title of a room as it was last seen.
func (s *Store) SetTitle(id identity.RoomID, title string) error {
	return s.change(id, func(rec *room.Record) { rec.Title = title })
}

// SetSchedule keeps when a room meets, as it was last seen.
func (s *Store) SetSchedule(id identity.RoomID, plan room.Schedule) error {
	return s.change(id, func(rec *room.Record) { rec.Schedule = plan })
}

// SetLeft keeps whether the person has left a room for good.
func (s *Store) SetLeft(id identity.RoomID, left bool) error {
	return s.change(id, func(rec *room.Record) { rec.Left = left })
}

// SetEnded keeps that a room is over, which nobody can return to.
func (s *Store) SetEnded(id identity.RoomID) error {
	return s.change(id, func(rec *room.Record) { rec.Left, rec.Ended = true, true })
}

// SetPinned keeps whether the person wants a room at hand.
func (s *Store) SetPinned(id identity.RoomID, pinned bool) error {
	return s.change(id, func(rec *room.Record) { rec.Pinned = pinned })
}

// SetLast keeps when this node was in a room last, to the millisecond.
func (s *Store) SetLast(id identity.RoomID, at time.Time) error {
	return s.change(id, func(rec *room.Record) { rec.Last = at })
}

// SetPeers keeps who was in a room last, and where.
func (s *Store) SetPeers(id identity.RoomID, peers []room.Peer) error {
	return s.change(id, func(rec *room.Record) { rec.Peers = peers })
}

// SaveSeat implements room.Keeper.
func (s *Store) SaveSeat(id identity.RoomID, seat []byte) error {
	return s.change(id, func(rec *room.Record) { rec.Seat = seat })
}

// change replaces the record of a room.
func (s *Store) change(id identity.RoomID, f func(*room.Record)) error {
	return s.update(id, func(b *bbolt.Bucket) error {
		rec, err := readRecord(b)
		if err != nil {
			return err
		}
		f(&rec)
		return writeRecord(b, rec)
	})
}

// Create implements room.Keeper.
func (s *Store) Create(rec room.Record, ops [][]byte, secrets []room.Secret) error {
	return s.write(func(tx *bbolt.Tx) error {
		b, err := createRoom(tx, rec.Room)
		if err != nil {
			return err
		}
		if err := writeRecord(b, rec); err != nil {
			return err
		}
		return addOps(b, ops, secrets)
	})
}

// createRoom makes the buckets of a room, those that are not there.
func createRoom(tx *bbolt.Tx, id identity.RoomID) (*bbolt.Bucket, error) {
	b, err := tx.Bucket(roomsBucket).CreateBucketIfNotExists(id[:])
	if err != nil {
		return nil, err
	}
	for _, name := range [][]byte{opsBucket, knownBucket, secretsBucket, invitesBucket} {
		if _, err := b.CreateBucketIfNotExists(name); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// SaveOps implements room.Keeper.
func (s *Store) SaveOps(id identity.RoomID, ops [][]byte, secrets ...room.Secret) error {
	return s.update(id, func(b *bbolt.Bucket) error { return addOps(b, ops, secrets) })
}

// addOps adds what is not there yet, in the order given.
func addOps(b *bbolt.Bucket, ops [][]byte, secrets []room.Secret) error {
	list, known := b.Bucket(opsBucket), b.Bucket(knownBucket)
	for _, op := range ops {
		hash := sha256.Sum256(op)
		if known.Get(hash[:]) != nil {
			continue
		}
		n, err := list.NextSequence()
		if err != nil {
			return err
		}
		number := binary.BigEndian.AppendUint64(nil, n)
		if err := list.Put(number, op); err != nil {
			return err
		}
		if err := known.Put(hash[:], number); err != nil {
			return err
		}
	}
	for _, secret := range secrets {
		if err := b.Bucket(secretsBucket).Put(secret.Commit[:], secret.Key[:]); err != nil {
			return err
		}
	}
	return nil
}

// Ops implements room.Keeper.
func (s *Store) Ops(id identity.RoomID) (ops [][]byte, err error) {
	err = s.view(id, func(b *bbolt.Bucket) error {
		ops, err = readOps(b)
		return err
	})
	return ops, err
}

func readOps(b *bbolt.Bucket) (ops [][]byte, err error) {
	err = b.Bucket(opsBucket).ForEach(func(_, op []byte) error {
		ops = append(ops, append([]byte(nil), op...))
		return nil
	})
	return ops, err
}

// DropSecrets implements room.Keeper.
func (s *Store) DropSecrets(id identity.RoomID, commits ...identity.Hash) error {
	return s.update(id, func(b *bbolt.Bucket) error {
		for _, c := range commits {
			if err := b.Bucket(secretsBucket).Delete(c[:]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Secrets implements room.Keeper.
func (s *Store) Secrets(id identity.RoomID) (secrets []room.Secret, err error) {
	err = s.view(id, func(b *bbolt.Bucket) error {
		secrets, err = readSecrets(b)
		return err
	})
	return secrets, err
}

func readSecrets(b *bbolt.Bucket) (secrets []room.Secret, err error) {
	err = b.Bucket(secretsBucket).ForEach(func(commit, key []byte) error {
		var s room.Secret
		if len(commit) != len(s.Commit) || len(key) != len(s.Key) {
			return identity.ErrDamaged
		}
		copy(s.Commit[:], commit)
		copy(s.Key[:], key)
		secrets = append(secrets, s)
		return nil
	})
	return secrets, err
}

// SaveInvite implements room.Keeper.
func (s *Store) SaveInvite(id identity.RoomID, inv room.Invited) error {
	return s.update(id, func(b *bbolt.Bucket) error { return writeInvite(b, inv) })
}

// Invites implements room.Keeper.
func (s *Store) Invites(id identity.RoomID) (invites []room.Invited, err error) {
	err = s.view(id, func(b *bbolt.Bucket) error {
		invites, err = readInvites(b)
		return err
	})
	return invites, err
}

// view looks at a room.
func (s *Store) view(id identity.RoomID, f func(*bbolt.Bucket) error) error {
	return s.read(func(tx *bbolt.Tx) error { return inRoom(tx, id, f) })
}

// update changes a room in one transaction.
func (s *Store) update(id identity.RoomID, f func(*bbolt.Bucket) error) error {
	return s.write(func(tx *bbolt.Tx) error { return inRoom(tx, id, f) })
}

func inRoom(tx *bbolt.Tx, id identity.RoomID, f func(*bbolt.Bucket) error) error {
	b := tx.Bucket(roomsBucket).Bucket(id[:])
	if b == nil {
		return ErrNoRoom
	}
	return f(b)
}

// exists tells whether there is a file.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
