// Signatures that need not be verified again.

package identity

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
)

// memo is what Share has begun; nil before.
var memo atomic.Pointer[proven]

// Share has [Verify] remember the last few thousand signatures that held, for all
// that runs in this process. It is for processes that hold many members of one
// room, such as tests of crowds: hundreds of listeners verify the same packets, and
// this way each of these costs the process one verification. What is verified stays
// the same; a single member gains little.
func Share() { memo.CompareAndSwap(nil, new(proven)) }

const (
	provenShards = 64
	provenSlots  = 128 // of a shard
)

// proven remembers signatures that held, in 256 KiB. A newer one takes the place of
// an older one that falls into the same slot.
type proven [provenShards]struct {
	sync.Mutex
	slots [provenSlots]Hash
}

// nameOf names a signature of id over msg. It may overwrite what lies behind msg in
// its array.
func nameOf(msg []byte, id ID, sig []byte) Hash {
	msg = append(append(msg, id[:]...), sig...) // both of fixed length, so one reading only
	return sha256.Sum256(msg)
}

func (p *proven) has(name Hash) bool {
	s := &p[name[0]%provenShards]
	s.Lock()
	defer s.Unlock()
	return s.slots[name[1]%provenSlots] == name
}

func (p *proven) add(name Hash) {
	s := &p[name[0]%provenShards]
	s.Lock()
	defer s.Unlock()
	s.slots[name[1]%provenSlots] = name
}
