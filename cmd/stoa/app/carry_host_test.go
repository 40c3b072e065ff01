// What a relay host does when a room is lost to it.

package app

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
)

// linkTo makes a link to a room.
func linkTo(t *testing.T, r room.Record) string {
	t.Helper()
	owner := keyOf("ann")
	chain, seed, err := identity.IssueInvite(owner, nil, identity.Terms{Role: identity.RoleRelay, Slots: 1}, r.Room)
	if err != nil {
		t.Fatal(err)
	}
	return (&identity.Invite{Room: r.Room, Seed: seed, Chain: chain}).String()
}

func TestHostedBy(t *testing.T) {
	one, two := room.Record{Room: identity.RoomID{1}}, room.Record{Room: identity.RoomID{2}}
	first, again, other := linkTo(t, one), linkTo(t, one), linkTo(t, two)
	bad := 0
	all := hostedBy([]room.Record{one}, []string{first, other, "stoa:j/garbage", again}, func(error) { bad++ })
	if len(all) != 2 || bad != 1 {
		t.Fatalf("%d rooms, %d bad links", len(all), bad)
	}
	if r := all[0]; r.id != one.Room || !r.kept || !slices.Equal(r.links, []string{first, again}) {
		t.Errorf("the room that is kept: %+v", r)
	}
	if r := all[1]; r.id != two.Room || r.kept || !slices.Equal(r.links, []string{other}) {
		t.Errorf("the other: %+v", r)
	}
}

func TestLastEnd(t *testing.T) {
	one, two := errors.New("one"), errors.New("two")
	for _, c := range []struct {
		name string
		ends []error
		told int
		want error
	}{
		{"no room", nil, 0, nil},
		{"in peace", []error{nil, nil}, 0, nil},
		{"one of two", []error{one, nil}, 0, one},
		{"both", []error{one, two}, 1, two},
	} {
		ends, told := make(chan hostEnd, len(c.ends)), 0
		for _, err := range c.ends {
			ends <- hostEnd{err: err}
		}
		if got := lastEnd(context.Background(), ends, func(identity.RoomID, error) { told++ }); got != c.want || told != c.told {
			t.Errorf("%s: %v, %d told", c.name, got, told)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := lastEnd(ctx, make(chan hostEnd, 1), nil); err != nil {
		t.Errorf("when the program ends: %v", err)
	}
}

// TestKeepIn is what becomes of a room whose first stay or first entry fails.
func TestKeepIn(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name         string
		enter, stay  []error // each time
		out          bool
		told         int
		took         time.Duration
		want         error
		entered, cut int // how often; at which stay the program ends
	}{
		{name: "in peace", enter: []error{nil}, stay: []error{nil}, entered: 1},
		{name: "nobody there at first", enter: []error{node.ErrUnreachable, room.ErrBusy, nil}, stay: []error{nil}, told: 2, took: 3 * enterAgain, entered: 3},
		{name: "a stay that breaks", enter: []error{nil, nil}, stay: []error{broken, nil}, told: 1, took: enterAgain, entered: 2},
		{name: "no way back", enter: []error{nil}, stay: []error{broken}, out: true, want: broken, entered: 1},
		{name: "a bad link", enter: []error{room.ErrBanned}, want: room.ErrBanned, entered: 1},
		{name: "a bad link after a stay", enter: []error{nil, room.ErrBanned}, stay: []error{broken}, told: 1, took: enterAgain, want: room.ErrBanned, entered: 2},
		{name: "the program ends", enter: []error{nil}, stay: []error{broken}, entered: 1, cut: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				entered, stayed, told := 0, 0, 0
				began := time.Now()
				err := keepIn(ctx, stays{
					enter: func(context.Context) (*hall, error) {
						entered++
						return nil, c.enter[entered-1]
					},
					stay: func(context.Context, *hall) error {
						if stayed++; stayed == c.cut {
							cancel()
						}
						return c.stay[stayed-1]
					},
					out:  func(*hall) bool { return c.out },
					tell: func(error) { told++ },
				})
				if err != c.want || entered != c.entered || told != c.told || time.Since(began) != c.took {
					t.Errorf("%v after %v: entered %d times, told %d times", err, time.Since(began), entered, told)
				}
			})
		})
	}
}
