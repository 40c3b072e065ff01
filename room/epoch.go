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

// book is the epochs of a room, newest first. It is a pure machine.
type book struct {
	epochs []EpochKey
	// spare are secrets whose epoch has not come up yet. They are given up
	// at dusk.
	spare map[identity.Hash][32]byte
	dusk  time.Time
}

// hold takes a secret whose epoch has yet to come up: one kept from an earlier
// run, or one whose operation will be applied next.
func (b *book) hold(s Secret, now time.Time) {
	if b.spare == nil {
		b.spare = make(map[identity.Hash][32]byte)
	}
	b.spare[s.Commit] = s.Key
	b.dusk = now.Add(EpochKeep)
}

// turn makes an epoch the current one and tells whether it was not.
func (b *book) turn(n uint32, commit identity.Hash, now time.Time) bool {
	if commit == (identity.Hash{}) || len(b.epochs) > 0 && b.epochs[0].Commit == commit {
		return false
	}
	e := EpochKey{N: n, Commit: commit, Seen: now}
	if i := slices.IndexFunc(b.epochs, func(o EpochKey) bool { return o.Commit == commit }); i >= 0 {
		// Two halves of a room came together and agreed on an earlier one.
		e.Secret, e.Known = b.epochs[i].Secret, b.epochs[i].Known
		b.epochs = slices.Delete(b.epochs, i, i+1)
	}
	if len(b.epochs) > 0 {
		b.epochs[0].Replaced = now
	} else {
		e.Seen = now.Add(-EpochDelay) // nothing was in use before: use it at once
	}
	if s, ok := b.spare[commit]; ok {
		e.Secret, e.Known = s, true
		delete(b.spare, commit)
	}
	b.epochs = slices.Insert(b.epochs, 0, e)
	return true
}

// learn takes a secret and tells whether it was wanted and is the right one.
func (b *book) learn(commit identity.Hash, secret [32]byte) bool {
	if sha256.Sum256(secret[:]) != commit {
		return false
	}
	for i := range b.epochs {
		if e := &b.epochs[i]; e.Commit == commit && !e.Known {
			e.Secret, e.Known = secret, true
			return true
		}
	}
	return false
}

// secret returns the one of an epoch that is still understood.
func (b *book) secret(commit identity.Hash) ([32]byte, bool) {
	for _, e := range b.epochs {
		if e.Commit == commit {
			return e.Secret, e.Known
		}
	}
	return [32]byte{}, false
}

// lacking returns the current epoch when its secret is not here.
func (b *book) lacking() (identity.Hash, bool) {
	if len(b.epochs) == 0 || b.epochs[0].Known {
		return identity.Hash{}, false
	}
	return b.epochs[0].Commit, true
}

// expire forgets epochs that are over, and secrets that no epoch turned up
// for, and returns them.
func (b *book) expire(now time.Time) []identity.Hash {
	var over []identity.Hash
	b.epochs = slices.DeleteFunc(b.epochs, func(e EpochKey) bool {
		gone := !e.Replaced.IsZero() && now.Sub(e.Replaced) >= EpochKeep
		if gone {
			over = append(over, e.Commit)
		}
		return gone
	})
	for len(b.epochs) > maxEpochs {
		last := len(b.epochs) - 1
		over = append(over, b.epochs[last].Commit)
		b.epochs = b.epochs[:last]
	}
	if len(b.spare) > 0 && !now.Before(b.dusk) {
		for commit := range b.spare {
			over = append(over, commit)
		}
		clear(b.spare)
	}
	return over
}

// next is when expire will have something to do; zero when it will not.
func (b *book) next() time.Time {
	var next time.Time
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, e := range b.epochs {
		if !e.Replaced.IsZero() {
			sooner(e.Replaced.Add(EpochKeep))
		}
	}
	if len(b.spare) > 0 {
		sooner(b.dusk)
	}
	return next
}

// known returns the secrets of the epochs that are understood now.
func (b *book) known() []Secret {
	var list []Secret
	for _, e := range b.epochs {
		if e.Known {
			list = append(list, Secret{e.Commit, e.Secret})
		}
	}
	return list
}
