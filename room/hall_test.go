// A hall full of people for the tests: rooms on a simulated network with
// simulated disks.

package room_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"stoa/identity"
	"stoa/room"
	"stoa/room/roomtest"
)

// hall is a network with people on it. It lives in a synctest bubble.
type hall struct {
	t   *testing.T
	net *roomtest.Net
}

// guest is one person and their room.
type guest struct {
	*room.Room
	hall   *hall
	name   string
	key    *identity.Key
	keeper *roomtest.Keeper
	node   *roomtest.Node
	record room.Record
	runs   byte
	cancel context.CancelFunc
	done   chan error
	fast   time.Duration // its clock
}

// meeting runs f in a bubble with a hall whose network is like that.
func meeting(t *testing.T, c roomtest.Conditions, f func(h *hall)) {
	t.Helper()
	t.Parallel()     // virtual time needs no machine of its own
	identity.Share() // all guests verify what each of them signs, and in one process once is enough
	synctest.Test(t, func(t *testing.T) {
		f(&hall{t: t, net: roomtest.NewNet(1, c)})
	})
}

// calm is a network as good as they come.
var calm = roomtest.Conditions{Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond}

// rough is one that loses, repeats and reorders.
var rough = roomtest.Conditions{Delay: 50 * time.Millisecond, Jitter: 200 * time.Millisecond, Loss: 0.1, Duplicate: 0.1}

func keyOf(name string) *identity.Key {
	return identity.KeyFromSeed(sha256.Sum256([]byte("room test " + name)))
}

func (h *hall) guest(name string) *guest {
	g := &guest{hall: h, name: name, key: keyOf(name), keeper: new(roomtest.Keeper)}
	g.node = h.net.Node(g.key.ID())
	return g
}

// found makes a room and starts its owner.
func (h *hall) found(name string) *guest {
	h.t.Helper()
	g := h.guest(name)
	var err error
	g.record, err = room.Found(g.key, identity.Policy{}, "the painted porch", g.keeper, g.now())
	if err != nil {
		h.t.Fatal(err)
	}
	g.start(nil)
	return g
}

// start runs the guest's room from its disk.
func (g *guest) start(w *room.Welcome) {
	g.hall.t.Helper()
	g.runs++
	r, err := room.New(room.Config{
		Clock: g.now, Record: g.record, Key: g.key, Keeper: g.keeper, Network: g.node, Name: g.name,
		Session: [8]byte{g.runs, g.name[0]}, Addrs: func() []string { return []string{"/at/" + g.name} }, Welcome: w,
	})
	if err != nil {
		g.hall.t.Fatal(err)
	}
	g.Room = r
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel, g.done = cancel, make(chan error, 1)
	go func() { g.done <- r.Run(ctx) }()
	g.hall.t.Cleanup(cancel)
}

// now is what the guest's clock says.
func (g *guest) now() time.Time { return time.Now().Add(g.fast) }

// stop ends the guest's room in good order.
func (g *guest) stop() {
	g.hall.t.Helper()
	g.cancel()
	if err := <-g.done; err != nil {
		g.hall.t.Errorf("%s: Run: %v", g.name, err)
	}
}

// kill takes the guest's machine away: nobody hears a goodbye, and what was
// not durable is lost.
func (g *guest) kill() {
	g.hall.net.Cut(g.key.ID())
	disk := g.keeper.Restart()
	g.cancel()
	<-g.done
	g.keeper = disk
}

// restart brings back a guest who was stopped or killed.
func (g *guest) restart() {
	g.hall.t.Helper()
	g.node = g.hall.net.Node(g.key.ID())
	g.start(nil)
}

// invite makes a link.
func (g *guest) invite(terms identity.Terms) *identity.Invite {
	g.hall.t.Helper()
	inv, err := g.Invite(context.Background(), terms, "")
	if err != nil {
		g.hall.t.Fatalf("%s: invite: %v", g.name, err)
	}
	return inv
}

// knock tries to get in on a link.
func (g *guest) knock(gate *guest, inv *identity.Invite) (*room.Welcome, error) {
	cred, err := inv.Redeem(g.key, g.now())
	if err != nil {
		return nil, err
	}
	return room.Knock(context.Background(), g.asks(gate), inv.Room, g.key.ID(), cred)
}

// asks returns how this guest asks another.
func (g *guest) asks(other *guest) func(context.Context, []byte) ([]byte, error) {
	return func(ctx context.Context, req []byte) ([]byte, error) { return g.node.Ask(ctx, other.key.ID(), req) }
}

// enter gets in on a link and starts.
func (g *guest) enter(gate *guest, inv *identity.Invite) error {
	w, err := g.knock(gate, inv)
	if err != nil {
		return err
	}
	if g.record, err = w.Keep(g.keeper, inv.Rendezvous); err != nil {
		return err
	}
	g.start(w)
	return nil
}

// join is enter for somebody who has to succeed.
func (h *hall) join(name string, gate *guest, inv *identity.Invite) *guest {
	h.t.Helper()
	g := h.guest(name)
	if err := g.enter(gate, inv); err != nil {
		h.t.Fatalf("%s does not get in: %v", name, err)
	}
	return g
}

// crowd joins n people on one link.
func (h *hall) crowd(n int, gate *guest, inv *identity.Invite) []*guest {
	h.t.Helper()
	var all []*guest
	for i := range n {
		all = append(all, h.join(fmt.Sprintf("guest %d", i), gate, inv))
	}
	return all
}

// must fails the test when an action did.
func (h *hall) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// want fails the test when err is another one.
func (h *hall) want(err, want error) {
	h.t.Helper()
	if !errors.Is(err, want) {
		h.t.Errorf("error is %v, want %v", err, want)
	}
}

// agree fails the test unless all have the same state.
func (h *hall) agree(all ...*guest) {
	h.t.Helper()
	root := all[0].Snapshot().State.Root
	for _, g := range all[1:] {
		if s := g.Snapshot(); s.State.Root != root {
			h.t.Errorf("%s has another state than %s: %d operations against %d", g.name, all[0].name, s.Ops, all[0].Snapshot().Ops)
		}
	}
}

// sees tells whether g lists another as being here.
func (g *guest) sees(other *guest) bool {
	_, ok := g.Snapshot().Person(other.key.ID())
	return ok
}

// waiting are the people in the queue as g sees it.
func (g *guest) waiting() (who []identity.ID) {
	for _, h := range g.Snapshot().Hands {
		who = append(who, h.Who)
	}
	return who
}

// secret returns the current epoch as g knows it.
func (g *guest) epoch() room.EpochKey {
	if e := g.Snapshot().Epochs; len(e) > 0 {
		return e[0]
	}
	return room.EpochKey{}
}

var (
	listener  = identity.Terms{Role: identity.RoleListener}
	speaker   = identity.Terms{Role: identity.RoleSpeaker}
	moderator = identity.Terms{Role: identity.RoleModerator}
)
