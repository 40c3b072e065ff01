// Who is where: which peers proved to speak for which person, and where persons
// say that they can be reached. Pure but for its lock.

package node

import (
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"stoa/identity"
)

// A book holds the people of one room. Safe for concurrent use.
type book struct {
	mu      sync.Mutex
	persons map[identity.ID]*entry
	proved  map[peer.ID][]identity.ID
}

type entry struct {
	peers []peer.ID       // proved while connected, the latest first
	met   []peer.AddrInfo // said in signed presence
}

func newBook() *book {
	return &book{persons: make(map[identity.ID]*entry), proved: make(map[peer.ID][]identity.ID)}
}

// entry makes room for a person by forgetting somebody who is not connected.
func (b *book) entry(id identity.ID) *entry {
	if e := b.persons[id]; e != nil {
		return e
	}
	if len(b.persons) >= bookPersons {
		for other, e := range b.persons {
			if len(e.peers) == 0 {
				delete(b.persons, other)
				break
			}
		}
	}
	e := new(entry)
	b.persons[id] = e
	return e
}

// prove records that the peer signed as the person over its connection, and says
// whether the peer had proved anything in this room before.
func (b *book) prove(id identity.ID, p peer.ID) (first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entry(id)
	e.peers = slices.DeleteFunc(e.peers, func(q peer.ID) bool { return q == p })
	e.peers = slices.Insert(e.peers, 0, p)
	e.peers = e.peers[:min(len(e.peers), linksPerPerson)]
	first = len(b.proved[p]) == 0
	if !slices.Contains(b.proved[p], id) && len(b.proved[p]) < linksPerPerson {
		b.proved[p] = append(b.proved[p], id)
	}
	return first
}

// gone forgets what a peer proved: it holds only as long as the connection.
func (b *book) gone(p peer.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range b.proved[p] {
		if e := b.persons[id]; e != nil {
			e.peers = slices.DeleteFunc(e.peers, func(q peer.ID) bool { return q == p })
			if len(e.peers) == 0 && len(e.met) == 0 {
				delete(b.persons, id)
			}
		}
	}
	delete(b.proved, p)
}

// meet replaces where a person says to be reachable.
func (b *book) meet(id identity.ID, at []peer.AddrInfo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entry(id).met = at
}

// has says whether the peer proved to be somebody of this room.
func (b *book) has(p peer.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.proved[p]) > 0
}

// candidates lists the peers to try for a person, the likeliest first.
func (b *book) candidates(id identity.ID) []peer.AddrInfo {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.persons[id]
	if e == nil {
		return nil
	}
	var list []peer.AddrInfo
	for _, p := range e.peers {
		list = append(list, peer.AddrInfo{ID: p})
	}
	for _, at := range e.met {
		if !slices.Contains(e.peers, at.ID) {
			list = append(list, at)
		}
	}
	return list
}

// connected lists the peers that proved themselves.
func (b *book) connected() []peer.ID {
	b.mu.Lock()
	defer b.mu.Unlock()
	peers := make([]peer.ID, 0, len(b.proved))
	for p := range b.proved {
		peers = append(peers, p)
	}
	return peers
}

// strangers lists people who can be reached but are not connected, in no order.
func (b *book) strangers() []identity.ID {
	b.mu.Lock()
	defer b.mu.Unlock()
	var ids []identity.ID
	for id, e := range b.persons {
		if len(e.peers) == 0 && len(e.met) > 0 {
			ids = append(ids, id)
		}
	}
	return ids
}
