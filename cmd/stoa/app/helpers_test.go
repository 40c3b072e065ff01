// People and rooms made up for the tests.

package app

import (
	"errors"
	"sync"
	"testing"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
)

// keys are those of all made-up people, by name: some tests name somebody ten
// thousand times, and a key is a multiplication on the curve.
var keys sync.Map

// keyOf gives the key of a made-up person, always the same for the same name.
func keyOf(name string) *identity.Key {
	if k, made := keys.Load(name); made {
		return k.(*identity.Key)
	}
	var seed [32]byte
	copy(seed[:], name)
	k, _ := keys.LoadOrStore(name, identity.KeyFromSeed(seed))
	return k.(*identity.Key)
}

func idOf(name string) identity.ID { return keyOf(name).ID() }

// being makes somebody who is in a room.
func being(name string, role identity.Role) room.Person {
	p := room.Person{Name: name, Member: room.Member{ID: idOf(name), Role: role, Caps: role.Caps(), Rank: role.Rank()}}
	p.Stage = p.Caps.Has(identity.CapSpeak)
	p.Speaks = p.Stage
	return p
}

// around makes a room as somebody sees it who is in it with these people, in
// the order of the room.
func around(me string, people ...room.Person) *room.Snapshot {
	s := &room.Snapshot{
		Room: identity.RoomID{1},
		State: &room.State{
			Title:   "Agora",
			Members: map[identity.ID]room.Member{},
			Muted:   map[identity.ID]room.Mark{},
			Banned:  map[identity.ID]room.Mark{},
			Kicked:  map[identity.ID]room.Mark{},
		},
		People: people,
		Live:   true,
	}
	for _, p := range people {
		s.State.Members[p.ID] = p.Member
		if p.ID == idOf(me) {
			s.Me = p
		}
	}
	return s
}

// noon is when tests are that have to be some time.
var noon = time.Unix(1_800_000_000, 0)

// linksTo makes links to people that are good.
func linksTo(names ...string) (links []node.LinkInfo) {
	for _, n := range names {
		links = append(links, node.LinkInfo{ID: idOf(n), Way: node.Direct, RTT: 20 * time.Millisecond})
	}
	return links
}

// attachedTo is a place at a carrier that works.
func attachedTo(name string) *node.AttachmentInfo {
	return &node.AttachmentInfo{Relay: idOf(name), RTT: 30 * time.Millisecond, LossIn: 0.2}
}

// wantWords fails the test unless err is one that a person can read, with
// these words in it.
func wantWords(t *testing.T, err error, text string) {
	t.Helper()
	var user *UserError
	if !errors.As(asUserError(err), &user) || user.Text != text || user.Hint == "" {
		t.Errorf("got %#v, want the text %q and a hint", err, text)
	}
}
