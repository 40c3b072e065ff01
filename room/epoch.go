// The secrets that voices are sealed with: which are in use, and which are
// wanted.

package room

import (
	"crypto/sha256"
	"slices"
	"time"

	"stoa/identity"
)

const (
	// EpochDelay is how long after an epoch is first seen its secret comes
	// into use, so that it has reached everybody.
	EpochDelay = 1500 * time.Millisecond

	// EpochKeep is how long after that the one before is still understood.
	EpochKeep = 10 * time.Second

	maxEpochs = 8 // that are understood at a time
)

// book is the epochs of a room whose voices can be understood, as far as
// their secrets are here. It is a pure machine.
type book struct {
	current EpochKey   // zero before the first
	past    []EpochKey // newest first, each with the time it was replaced
}

// hold takes a secret whose epoch is not the current one: one kept from an
// earlier run or told at the gate, or one whose operation will be applied next.
func (b *book) hold(s Secret, now time.Time) {
	b.past = append(b.past, EpochKey{Commit: s.Commit, Secret: s.Key, Known: true, Seen: now, Replaced: now})
}

// turn makes an epoch the current one and tells whether it was not.
func (b *book) turn(n uint32, commit identity.Hash, now time.Time) bool {
	if commit.IsZero() || b.current.Commit == commit {
		return false
	}
	e := EpochKey{N: n, Commit: commit, Seen: now}
	if i := slices.IndexFunc(b.past, func(o EpochKey) bool { return o.Commit == commit }); i >= 0 {
		e.Secret, e.Known = b.past[i].Secret, b.past[i].Known
		b.past = slices.Delete(b.past, i, i+1)
	}
	if b.current.Commit.IsZero() {
		e.Seen = now.Add(-EpochDelay) // nothing was in use before: use it at once
	} else {
		b.current.Replaced = now
		b.past = slices.Insert(b.past, 0, b.current)
	}
	b.current = e
	return true
}

// learn takes a secret and tells whether it was wanted and is the right one.
func (b *book) learn(commit identity.Hash, secret [32]byte) bool {
	if b.current.Commit != commit || b.current.Known || sha256.Sum256(secret[:]) != commit {
		return false
	}
	b.current.Secret, b.current.Known = secret, true
	return true
}

// all returns the epochs, newest first.
func (b *book) all() []EpochKey {
	if b.current.Commit.IsZero() {
		return nil
	}
	return append([]EpochKey{b.current}, b.past...)
}

// secret returns the one of an epoch, if it is here.
func (b *book) secret(commit identity.Hash) ([32]byte, bool) {
	for _, e := range b.all() {
		if e.Commit == commit {
			return e.Secret, e.Known
		}
	}
	return [32]byte{}, false
}

// lacking returns the current epoch when its secret is not here.
func (b *book) lacking() (identity.Hash, bool) {
	return b.current.Commit, !b.current.Commit.IsZero() && !b.current.Known
}

// expire forgets epochs that are over and returns them.
func (b *book) expire(now time.Time) []identity.Hash {
	var over []identity.Hash
	b.past = slices.DeleteFunc(b.past, func(e EpochKey) bool {
		gone := now.Sub(e.Replaced) >= EpochKeep
		if gone {
			over = append(over, e.Commit)
		}
		return gone
	})
	for len(b.past) >= maxEpochs {
		last := len(b.past) - 1
		over = append(over, b.past[last].Commit)
		b.past = b.past[:last]
	}
	return over
}

// next is when expire will have something to do; zero when it will not.
func (b *book) next() time.Time {
	var next time.Time
	for _, e := range b.past {
		if at := e.Replaced.Add(EpochKeep); next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

// known returns the secrets that are here, newest first.
func (b *book) known() []Secret {
	var list []Secret
	for _, e := range b.all() {
		if e.Known {
			list = append(list, Secret{e.Commit, e.Secret})
		}
	}
	return list
}
