package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoa/cmd/stoa/pause"
	"stoa/identity"
	"stoa/node"
	"stoa/room"
)

func TestInvitedUpAndSilenced(t *testing.T) {
	listening := around("bob", being("bob", identity.RoleListener))
	raised := around("bob", being("bob", identity.RoleListener))
	raised.Me.Place = 3
	speaking := around("bob", being("bob", identity.RoleSpeaker))
	muted := around("bob", being("bob", identity.RoleSpeaker))
	muted.Me.Speaks, muted.Me.Muted = false, true
	for _, c := range []struct {
		name          string
		prev, next    *room.Snapshot
		live, silence bool
	}{
		{"the first look", nil, speaking, false, false},
		{"called with the hand up", raised, speaking, true, false},
		{"called without having asked", listening, speaking, false, false},
		{"the hand still up", listening, raised, false, false},
		{"off the stage", speaking, listening, false, true},
		{"muted", speaking, muted, false, true},
		{"unmuted", muted, speaking, false, false},
		{"nothing", speaking, speaking, false, false},
	} {
		if got := invitedUp(c.prev, c.next); got != c.live {
			t.Errorf("%s: live %v", c.name, got)
		}
		if got := silenced(c.prev, c.next); got != c.silence {
			t.Errorf("%s: silenced %v", c.name, got)
		}
	}
}

func TestPlace(t *testing.T) {
	var crowd []room.Person
	for i := range 60 {
		crowd = append(crowd, being(fmt.Sprint(i), identity.RoleListener))
	}
	for i := range crowd {
		s := around(fmt.Sprint(i), crowd...)
		if got := place(s); got != i {
			t.Errorf("number %d has place %d", i, got)
		}
		if got := announces(s); got != (i < maxAnnouncers) {
			t.Errorf("number %d announces the room: %v", i, got)
		}
		s.Seated = true
		if announces(s) {
			t.Errorf("number %d announces the room from a seat", i)
		}
	}
	if got := place(around("stranger", crowd...)); got != len(crowd) {
		t.Errorf("who is not there has place %d", got)
	}
}

func TestPeersOf(t *testing.T) {
	me, hidden := being("me", identity.RoleOwner), being("hidden", identity.RoleSpeaker)
	me.Addrs = []string{"mine"}
	people := []room.Person{me, hidden}
	for i := range 60 {
		p := being(fmt.Sprint(i), identity.RoleListener)
		p.Addrs = []string{fmt.Sprint("addr ", i)}
		people = append(people, p)
	}
	got := peersOf(around("me", people...))
	if len(got) != maxRemembered || got[0].ID != people[2].ID || got[0].Addrs[0] != "addr 0" {
		t.Errorf("%d peers, the first %v", len(got), got[0])
	}
	if len(peersOf(around("me", me, hidden))) != 0 {
		t.Error("peers without addresses are remembered")
	}
}

func TestRemovalSaysWho(t *testing.T) {
	ann, bob := being("ann", identity.RoleOwner), being("bob", identity.RoleListener)
	for _, c := range []struct {
		mark *room.Mark
		want string
	}{
		{nil, "your link to this room was revoked, so you are out"},
		{&room.Mark{By: ann.ID, Reason: "noise"}, "you were put out of the room by ann: noise"},
		{&room.Mark{By: ann.ID}, "you were put out of the room by ann"},
		{&room.Mark{By: idOf("zoe")}, "you were put out of the room"},
	} {
		s := around("bob", ann, bob)
		if c.mark != nil {
			s.State.Kicked[bob.ID] = *c.mark
		}
		var seen glance
		seen.remember(s)
		wantWords(t, removal(s, seen.name), c.want)
	}
}

// phone is a linker whose calls take as long as told.
type phone struct {
	takes time.Duration
	fails bool

	mu     sync.Mutex
	links  map[identity.ID]bool
	calls  map[identity.ID]int
	now    int
	atOnce int // the most calls at a time
}

var _ linker = (*phone)(nil)

func newPhone(takes time.Duration, fails bool) *phone {
	return &phone{takes: takes, fails: fails, links: map[identity.ID]bool{}, calls: map[identity.ID]int{}}
}

func (p *phone) Links() []node.LinkInfo {
	p.mu.Lock()
	defer p.mu.Unlock()
	var links []node.LinkInfo
	for id := range p.links {
		links = append(links, node.LinkInfo{ID: id})
	}
	return links
}

func (p *phone) Link(ctx context.Context, id identity.ID) error {
	p.mu.Lock()
	p.calls[id]++
	p.now++
	p.atOnce = max(p.atOnce, p.now)
	p.mu.Unlock()
	pause.For(ctx, p.takes)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now--
	if p.fails || ctx.Err() != nil {
		return node.ErrUnreachable
	}
	p.links[id] = true
	return nil
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// calling runs a caller for a while and returns when everything it started has
// ended.
func calling(p *phone, s *room.Snapshot, entered time.Time, during func(*caller)) {
	c := newCaller(p, quiet(), entered)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		c.run(ctx, func() *room.Snapshot { return s })
		close(ended)
	}()
	during(c)
	cancel()
	<-ended
	if p.now != 0 {
		panic("an attempt outlived run")
	}
}

func TestCallerCallsWhoeverHearsOrIsHeard(t *testing.T) {
	speaker, listener, me := being("speaker", identity.RoleSpeaker), being("listener", identity.RoleListener), being("me", identity.RoleListener)
	synctest.Test(t, func(t *testing.T) {
		p := newPhone(time.Second, false)
		calling(p, around("me", speaker, me, listener), time.Now(), func(*caller) { time.Sleep(time.Minute) })
		if len(p.calls) != 1 || p.calls[speaker.ID] != 1 {
			t.Errorf("a listener made the calls %v", p.calls)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := newPhone(time.Second, false)
		calling(p, around("speaker", speaker, me, listener), time.Now(), func(*caller) { time.Sleep(time.Minute) })
		if len(p.calls) != 2 {
			t.Errorf("a speaker made the calls %v", p.calls)
		}
	})
}

// Whoever has moved calls everybody at once, also who did not answer lately.
func TestCallerCallsAnewAfterAMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := being("away", identity.RoleListener)
		p := newPhone(time.Millisecond, true)
		calls := func() int {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.calls[away.ID]
		}
		calling(p, around("me", being("me", identity.RoleSpeaker), away), time.Now(), func(c *caller) {
			time.Sleep(time.Hour + 7*time.Millisecond) // calls are 15 s apart by now
			before := calls()
			time.Sleep(100 * time.Millisecond)
			if n := calls(); n != before {
				t.Fatalf("%d calls in 100 ms without a reason", n-before)
			}
			c.moved()
			time.Sleep(100 * time.Millisecond)
			if n := calls(); n != before+1 {
				t.Errorf("%d calls after a move, want one", n-before)
			}
		})
	})
}

func TestCallerOfALargeRoomThatCannotBeReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		people := []room.Person{being("me", identity.RoleSpeaker)}
		for i := range 200 {
			people = append(people, being(fmt.Sprint(i), identity.RoleListener))
		}
		p := newPhone(time.Hour, true) // longer than any attempt may take
		calling(p, around("me", people...), time.Now(), func(*caller) { time.Sleep(10 * time.Minute) })
		if p.atOnce != maxCalls {
			t.Errorf("%d calls at a time", p.atOnce)
		}
		if len(p.calls) != 200 {
			t.Errorf("%d of 200 were called", len(p.calls))
		}
	})
}

func TestCallerCallsAgainWhenALinkIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		speaker, me := being("speaker", identity.RoleSpeaker), being("me", identity.RoleListener)
		p := newPhone(time.Second, false)
		calling(p, around("me", speaker, me), time.Now(), func(c *caller) {
			time.Sleep(time.Minute)
			p.mu.Lock()
			delete(p.links, speaker.ID)
			p.mu.Unlock()
			c.nudge()
			time.Sleep(time.Minute)
		})
		if p.calls[speaker.ID] != 2 {
			t.Errorf("%d calls", p.calls[speaker.ID])
		}
	})
}

// Of two who have been in the room for a while the one of lower key calls at
// once, the other one only if that does not help.
func TestCallerLeavesTheFirstCallToTheLowerKey(t *testing.T) {
	a, b := being("a", identity.RoleSpeaker), being("b", identity.RoleSpeaker)
	low, high := a, b
	if string(low.ID[:]) > string(high.ID[:]) {
		low, high = high, low
	}
	synctest.Test(t, func(t *testing.T) {
		long := time.Now().Add(-time.Hour)
		first := map[string]time.Duration{}
		for _, me := range []room.Person{low, high} {
			c := newCaller(newPhone(0, true), quiet(), long)
			s := around(me.Name, a, b)
			start := time.Now()
			for {
				ids, again := c.next(s, time.Now())
				if len(ids) > 0 {
					break
				}
				time.Sleep(again)
			}
			first[me.Name] = time.Since(start)
		}
		if first[low.Name] != 0 || first[high.Name] != callSecond {
			t.Errorf("the first calls come after %v", first)
		}
	})
}

// Who cannot be reached is called ever more rarely, and at once when they say to be
// somewhere else.
func TestCallerCallsWhoMovedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		speaker, me := being("speaker", identity.RoleSpeaker), being("me", identity.RoleListener)
		p := newPhone(0, true)
		s := around("me", speaker, me)
		calling(p, s, time.Now(), func(c *caller) {
			time.Sleep(time.Minute)
			synctest.Wait() // nobody calls now: what follows is ours to read and to change
			before := p.calls[speaker.ID]
			if before < 5 || before > 8 {
				t.Errorf("%d calls in a minute", before)
			}
			for i := range s.People {
				s.People[i].Addrs = []string{"/elsewhere"}
			}
			c.nudge()
			synctest.Wait()
			if p.calls[speaker.ID] != before+1 {
				t.Error("who has moved was not called")
			}
		})
	})
}

// Who is gone is forgotten, so that a room people come and go through for days
// does not grow.
func TestCallerForgets(t *testing.T) {
	me, other := being("me", identity.RoleSpeaker), being("other", identity.RoleListener)
	c := newCaller(newPhone(0, true), quiet(), time.Now().Add(-time.Hour))
	c.next(around("me", me, other), time.Time{})
	if len(c.plans) != 1 {
		t.Fatal("nobody was planned to be called")
	}
	c.plans[other.ID].calling = false
	c.next(around("me", me), time.Now())
	if len(c.plans) != 0 {
		t.Error("who has gone is remembered")
	}
}

func TestBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs, running := 0, false
		b := background{run: func(ctx context.Context) {
			runs++
			running = true
			<-ctx.Done()
			time.Sleep(time.Second)
			running = false
		}}
		for range 3 {
			b.set(t.Context(), true)
			b.set(t.Context(), true)
			synctest.Wait()
			if !running {
				t.Error("not running")
			}
			b.set(t.Context(), false)
			if running {
				t.Error("not waited for")
			}
			b.set(t.Context(), false)
		}
		if runs != 3 {
			t.Errorf("ran %d times", runs)
		}
	})
}

func TestInPeace(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	late, stop := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer stop()
	broken := errors.New("broken")
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want error
	}{
		{over, fmt.Errorf("x: %w", context.Canceled), nil},
		{late, context.DeadlineExceeded, nil},
		{over, broken, broken},
		{over, context.DeadlineExceeded, context.DeadlineExceeded},
		{t.Context(), context.Canceled, context.Canceled},
		{t.Context(), nil, nil},
	} {
		if got := inPeace(c.ctx, c.err); got != c.want {
			t.Errorf("%v: got %v, want %v", c.err, got, c.want)
		}
	}
}
