// What a home keeps of people, one thing of each, in every room and over every start: how loud they are played, whom one knows, whom one does not
// want to hear.

package app

import (
	"maps"
	"sync"

	"stoa/identity"
)

// keptOf is one such file: an object of JSON from key to T. Its methods may be called from any goroutine.
type keptOf[T any] struct {
	dir, file string
	most      int   // people
	full      error // what is said when there are as many
	mu        sync.Mutex
	people    map[identity.ID]T
}

// read reads what the home keeps. Entries that good refuses are left out: they are of another version, or edited. With an error nobody is known.
func (k *keptOf[T]) read(good func(identity.ID, T) bool) error {
	k.people = map[identity.ID]T{}
	var kept map[string]T
	if err := loadKept(k.dir, k.file, &kept); err != nil {
		return err
	}
	for text, entry := range kept {
		if id, err := identity.ParseID(text); err == nil && good(id, entry) && len(k.people) < k.most {
			k.people[id] = entry
		}
	}
	return nil
}

// get returns what is kept of somebody.
func (k *keptOf[T]) get(id identity.ID) (T, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	entry, kept := k.people[id]
	return entry, kept
}

// all returns what is kept of everybody.
func (k *keptOf[T]) all() map[identity.ID]T {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.people)
}

// change keeps what f makes of all, or, when that cannot be kept or is too much, what was there before. f must not fail halfway.
func (k *keptOf[T]) change(f func(map[identity.ID]T)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := maps.Clone(k.people)
	if f(next); len(next) > k.most && len(next) > len(k.people) {
		return k.full
	}
	if err := saveKept(k.dir, k.file, next); err != nil {
		return err
	}
	k.people = next
	return nil
}
