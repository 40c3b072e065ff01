package app

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"stoa/identity"
	"stoa/room"
)

// A rig is a session that runs on this machine alone, without sound.
type rig struct {
	*Session
	t   *testing.T
	ctx context.Context
}

// runRig starts a session that has no task, on a network of its own or that of the given
// addresses. It ends with the test, which fails when it does not end in peace.
func runRig(t *testing.T, name string, bootstrap ...string) *rig {
	t.Helper()
	if len(bootstrap) == 0 {
		bootstrap = []string{"none"}
	}
	s, err := Open(Config{
		Home: t.TempDir(), Name: name, Bootstrap: bootstrap, Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}, In: inSilence, Out: outNone,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, nil) }()
	r := &rig{s, t, ctx}
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%s ended with %v", name, err)
		}
		if v, _ := s.View(); v.Phase != phaseOver {
			t.Errorf("%s is %s after the end", name, v.Phase)
		}
	})
	r.until("it runs", func(v *View) bool { return v.Phase == phaseRunning })
	return r
}

// until waits for a View, as a page would.
func (r *rig) until(what string, is func(*View) bool) *View {
	r.t.Helper()
	late := time.After(20 * time.Second)
	for {
		v, changed := r.View()
		if is(v) {
			return v
		}
		select {
		case <-changed:
		case <-late:
			r.t.Fatalf("waited for: %s; the view is %s", what, asJSON(r.t, v))
		}
	}
}

// must performs a verb.
func (r *rig) must(req Request) Reply {
	r.t.Helper()
	reply, err := r.do(r.ctx, req)
	if err != nil {
		r.t.Fatalf("%s: %v", req.Verb, err)
	}
	return reply
}

// code performs a verb that is refused, and returns the code of why.
func (r *rig) code(req Request) string {
	r.t.Helper()
	_, err := r.do(r.ctx, req)
	if err == nil {
		r.t.Errorf("%s is not refused", req.Verb)
		return ""
	}
	return Explain(err).Code
}

func TestRoomsComeAndGo(t *testing.T) {
	ann, ben := runRig(t, "ann"), runRig(t, "ben")
	opened := ann.must(Request{Verb: VerbOpen, Open: &OpenRoom{Title: "Agora"}}).Data.(arrival)
	id := opened.Room
	if v, _ := ann.View(); opened.Link == "" || v.Rooms[id] == nil || v.Rooms[id].Link != opened.Link || !v.Rooms[id].Alone || v.Kept[id].Title != "Agora" {
		t.Fatalf("after opening: %+v, %s", opened, asJSON(t, v))
	}

	// Many clicks are one joining.
	var joins sync.WaitGroup
	var mu sync.Mutex
	entered := 0
	for range 3 {
		joins.Go(func() {
			reply, err := ben.do(ben.ctx, Request{Verb: VerbJoin, Args: []string{opened.Link}})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("joining: %v", err)
			} else if a := reply.Data.(arrival); !a.Already {
				entered++
			}
		})
	}
	joins.Wait()
	if entered != 1 {
		t.Errorf("%d of the three joinings entered the room", entered)
	}
	me := ben.home.key.ID().String()
	ann.until("ben is there", func(v *View) bool { return v.Rooms[id].People[me] != nil && !v.Rooms[id].Alone })
	ben.until("ann is there", func(v *View) bool { return len(v.Rooms[id].People) == 2 })

	// More rights come with another link, and fewer do not take any.
	invite := func(role string) string {
		return ann.must(Request{Verb: VerbInvite, Room: id, Invite: &InviteOptions{Role: role}}).Data.(linkData).Link
	}
	if a := ben.must(Request{Verb: VerbJoin, Args: []string{invite("moderator")}}).Data.(arrival); a.Role != "moderator" || a.Already {
		t.Errorf("by a moderator's link: %+v", a)
	}
	if a := ben.must(Request{Verb: VerbJoin, Args: []string{opened.Link}}).Data.(arrival); a.Role != "moderator" || !a.Already {
		t.Errorf("by the listener's link again: %+v", a)
	}

	// Leaving is no end of the program, and returning needs no link.
	ben.must(Request{Verb: VerbLeave, Room: id})
	v := ben.until("the room is left", func(v *View) bool { return v.Rooms[id] == nil })
	if k := v.Kept[id]; !k.Left || k.LastMS == 0 {
		t.Errorf("a room that was left: %+v", k)
	}
	ben.must(Request{Verb: VerbPin, Args: []string{"agora", "on"}})
	if a := ben.must(Request{Verb: VerbEnter, Args: []string{id}}).Data.(arrival); a.Role != "moderator" || a.Already {
		t.Errorf("entering again: %+v", a)
	}
	if v, _ := ben.View(); !v.Kept[id].Pinned || v.Kept[id].Left {
		t.Errorf("after entering again: %+v", v.Kept[id])
	}

	// Who is put out sees why until they have seen it.
	ann.until("ben is back", func(v *View) bool { return v.Rooms[id].People[me] != nil })
	ben.until("ann is there again", func(v *View) bool { return len(v.Rooms[id].People) == 2 })
	ann.must(Request{Verb: VerbKick, Room: id, Args: []string{"ben"}, Reason: "noise"})
	v = ben.until("ben is out", func(v *View) bool { return v.Rooms[id] != nil && v.Rooms[id].Gone != nil })
	if g := v.Rooms[id]; g.Gone.Code != "put_out" || g.Gone.Text != "you were put out of the room by ann: noise" || g.Title != "Agora" {
		t.Errorf("gone: %+v", g.Gone)
	}
	if r := v.Rooms[id].Removed[me]; r.ByName != "ann" || r.Reason != "noise" || r.Banned {
		t.Errorf("who put ben out, as he sees it: %+v", r)
	}
	ann.until("who is out is listed by name", func(v *View) bool { return v.Rooms[id].Removed[me].Name == "ben" })
	ben.must(Request{Verb: VerbSeen, Args: []string{id}})
	if v, _ := ben.View(); v.Rooms[id] != nil {
		t.Error("what was seen is still shown")
	}
	if code := ben.code(Request{Verb: VerbEnter, Args: []string{id}}); code != "put_out" {
		t.Errorf("entering after a kick: %s", code)
	}

	// What is forgotten is gone, also when one is in it.
	other := ben.must(Request{Verb: VerbOpen, Args: []string{"Own", "room"}}).Data.(arrival)
	for _, name := range []string{other.Room, id} {
		ben.must(Request{Verb: VerbForget, Args: []string{name}})
	}
	if v, _ := ben.View(); len(v.Kept) != 0 || len(v.Rooms) != 0 {
		t.Errorf("after forgetting: %s", asJSON(t, v))
	}
	if code := ben.code(Request{Verb: VerbEnter, Args: []string{id}}); code != "in_no_room" {
		t.Errorf("entering what is forgotten: %s", code)
	}

	// A room that ends is over for good.
	ann.must(Request{Verb: VerbEnd, Room: id})
	v = ann.until("the room has ended", func(v *View) bool { return v.Rooms[id] != nil && v.Rooms[id].Gone != nil })
	if v.Rooms[id].Gone.Code != "room_ended" || !v.Kept[id].Ended {
		t.Errorf("a room that has ended: %s", asJSON(t, v))
	}
	if code := ann.code(Request{Verb: VerbEnter, Args: []string{id}}); code != "room_ended" {
		t.Errorf("entering what has ended: %s", code)
	}
}

// Of those who want into one room at once one enters; when that fails the next one tries.
func TestArrive(t *testing.T) {
	s := &Session{errands: make(chan func(context.Context)), closing: make(chan struct{}), arriving: map[identity.RoomID]chan struct{}{}}
	id := identity.RoomID{1}
	begun, fail := make(chan struct{}), make(chan struct{})
	failed := make(chan error)
	go func() {
		_, _, err := s.arrive(t.Context(), id, func() (*hall, error) {
			close(begun)
			<-fail
			return nil, room.ErrLocked
		})
		failed <- err
	}()
	<-begun
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.arrive(gone, id, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up while another one entered: %v", err)
	}
	close(fail)
	if err := <-failed; !errors.Is(err, room.ErrLocked) {
		t.Errorf("the first: %v", err)
	}
	if _, _, err := s.arrive(t.Context(), id, func() (*hall, error) { return nil, room.ErrBusy }); !errors.Is(err, room.ErrBusy) {
		t.Errorf("the next: %v", err)
	}
	if len(s.arriving) != 0 {
		t.Error("somebody is still said to enter")
	}
}
