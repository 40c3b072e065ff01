// Who is where: which peers proved to speak for which person, and where persons
// say that they can be reached. Pure but for its lock.

package node

import (
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"stoa/identity"
)

// A book holds the people of one room. Safe for concurrent use.
type book struct {
	mu      sync.Mutex
	persons map[identity.ID]*entry
	proved  map[peer.ID]proof
}

// A proof is what a peer has signed over its connection.
type proof struct {
	ids   []identity.ID
	since time.Time
}

type entry struct {
	peers []peer.ID       // proved while connected, the latest first
	met   []peer.AddrInfo // said in signed presence
	lost  time.Time       // when the last of peers went
}

func newBook() *book {
	return &book{persons: make(map[identity.ID]*entry), proved: make(map[peer.ID]proof)}
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
// whether the peer had proved anything in this room before. A peer speaks for at most
// peerPersons: whoever makes up keys would fill the book with them. Whoever else has said
// that the peer is his is not believed any more.
func (b *book) prove(id identity.ID, p peer.ID) (first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	proved, known := b.proved[p]
	if !known {
		proved.since = time.Now()
	}
	if !slices.Contains(proved.ids, id) {
		if len(proved.ids) >= peerPersons {
			return false
		}
		proved.ids = append(proved.ids, id)
		b.unsay(p, proved.ids)
	}
	b.proved[p] = proved
	e := b.entry(id)
	e.peers = slices.DeleteFunc(e.peers, func(q peer.ID) bool { return q == p })
	e.peers = slices.Insert(e.peers, 0, p)
	e.peers = e.peers[:min(len(e.peers), linksPerPerson)]
	return !known
}

// unsay forgets what anybody but its owners has said of a peer.
func (b *book) unsay(p peer.ID, owners []identity.ID) {
	of := func(at peer.AddrInfo) bool { return at.ID == p }
	for id, e := range b.persons {
		if !slices.Contains(owners, id) && slices.ContainsFunc(e.met, of) {
			e.met = slices.DeleteFunc(slices.Clone(e.met), of) // others may be reading it
		}
	}
}

// gone forgets what a peer proved: it holds only as long as the connection.
func (b *book) gone(p peer.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range b.proved[p].ids {
		if e := b.persons[id]; e != nil {
			e.peers = slices.DeleteFunc(e.peers, func(q peer.ID) bool { return q == p })
			if len(e.peers) == 0 {
				e.lost = time.Now()
			}
			if len(e.peers) == 0 && len(e.met) == 0 {
				delete(b.persons, id)
			}
		}
	}
	delete(b.proved, p)
}

// meet replaces where a person says to be reachable: at personPeers peers at most, and at none
// that somebody else has proved to be his. It returns what is believed, and whether that is
// news.
func (b *book) meet(id identity.ID, at []peer.AddrInfo) (kept []peer.AddrInfo, news bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entry(id)
	at = slices.DeleteFunc(at, func(p peer.AddrInfo) bool {
		proved, known := b.proved[p.ID]
		return known && !slices.Contains(proved.ids, id)
	})
	at = at[:min(len(at), personPeers)]
	news = !slices.EqualFunc(e.met, at, func(x, y peer.AddrInfo) bool {
		return x.ID == y.ID && slices.EqualFunc(x.Addrs, y.Addrs, ma.Multiaddr.Equal)
	})
	e.met = at
	return at, news
}

// hasMet says whether a person is connected or was within a while.
func (b *book) hasMet(id identity.ID, within time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.persons[id]
	return e != nil && (len(e.peers) > 0 || !e.lost.IsZero() && time.Since(e.lost) < within)
}

// has says whether the peer proved to be somebody of this room.
func (b *book) has(p peer.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, ok := b.proved[p]
	return ok
}

// of lists for whom a peer has proved to speak.
func (b *book) of(p peer.ID) []identity.ID {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.proved[p].ids)
}

// isConnected says whether a peer proved to speak for the person.
func (b *book) isConnected(id identity.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.persons[id]
	return e != nil && len(e.peers) > 0
}

// candidates lists the peers to try for a person, the likeliest first: those that
// both sources name, then those that the person named, then the other proved ones,
// who may belong to a run that has ended.
func (b *book) candidates(id identity.ID) []peer.AddrInfo {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.persons[id]
	if e == nil {
		return nil
	}
	list := slices.Clone(e.met)
	slices.SortStableFunc(list, func(x, y peer.AddrInfo) int {
		return int(flag(slices.Contains(e.peers, y.ID))) - int(flag(slices.Contains(e.peers, x.ID)))
	})
	for _, p := range e.peers {
		if !slices.ContainsFunc(e.met, func(at peer.AddrInfo) bool { return at.ID == p }) {
			list = append(list, peer.AddrInfo{ID: p})
		}
	}
	return list
}

// everybody lists all peers that are known to be anybody's.
func (b *book) everybody() []peer.AddrInfo {
	b.mu.Lock()
	defer b.mu.Unlock()
	var peers []peer.AddrInfo
	for _, e := range b.persons {
		peers = append(peers, e.met...)
		for _, p := range e.peers {
			peers = append(peers, peer.AddrInfo{ID: p})
		}
	}
	return peers
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

// provedSince lists the peers that have proved themselves after a time.
func (b *book) provedSince(t time.Time) []peer.ID {
	b.mu.Lock()
	defer b.mu.Unlock()
	var peers []peer.ID
	for p, proved := range b.proved {
		if proved.since.After(t) {
			peers = append(peers, p)
		}
	}
	return peers
}

// strangers lists people who can be reached but are not connected, in no order. direct says
// whether a peer is, other than by a circuit.
func (b *book) strangers(direct func(peer.ID) bool) []identity.ID {
	b.mu.Lock()
	defer b.mu.Unlock()
	var ids []identity.ID
	for id, e := range b.persons {
		if len(e.met) > 0 && !slices.ContainsFunc(e.peers, direct) {
			ids = append(ids, id)
		}
	}
	return ids
}
