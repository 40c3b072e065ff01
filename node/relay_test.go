// Relays and their children on a simulated network, in virtual time.

package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/node/nodetest"
)

// admitAll carries everybody.
func admitAll(identity.ID, []byte) node.Admission { return node.Yes }

func serve(t *testing.T, r *node.Room, cfg node.ServeConfig) *node.Relay {
	t.Helper()
	if cfg.Slots == 0 {
		cfg.Slots = 16
	}
	if cfg.Admit == nil {
		cfg.Admit = admitAll
	}
	rl, err := r.Serve(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return rl
}

// listener is somebody who is served by relays.
type listener struct {
	nodetest.Host
	packets heard
	mu      sync.Mutex
	digests []string
	drained int
}

func (l *listener) config(relay identity.ID, media bool) node.AttachConfig {
	return node.AttachConfig{
		Relay:    relay,
		Media:    media,
		OnPacket: func(b []byte, at time.Time) { l.packets.packet(relay, b, at) },
		OnDigest: func(b []byte, _ time.Time) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.digests = append(l.digests, string(b))
		},
		OnDrain: func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.drained++
		},
	}
}

func (l *listener) attach(t *testing.T, relay nodetest.Host, media bool) *node.Attachment {
	t.Helper()
	l.Room.Meet(relay.ID, relay.Addrs())
	a, err := l.Room.Attach(t.Context(), l.config(relay.ID, media))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func listeners(hosts []nodetest.Host) []*listener {
	var ls []*listener
	for _, h := range hosts {
		ls = append(ls, &listener{Host: h})
	}
	return ls
}

// next is what a room hears next, "" after some time.
func next(t *testing.T, r *node.Room) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	channel, msg, err := r.Next(ctx)
	if err != nil {
		return ""
	}
	return channel + ": " + string(msg)
}

func TestAttachIsOneRoundTripAfterTheDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := nodetest.Hosts(t, oneWay, 2)
		rl := serve(t, h[0].Room, node.ServeConfig{})
		l := listeners(h[1:])[0]
		start := time.Now()
		a := l.attach(t, h[0], true)
		if took := time.Since(start); took > 3*2*oneWay+oneWay {
			t.Errorf("attached after %v", took)
		}
		synctest.Wait()
		children := rl.Children()
		if len(children) != 1 || children[0].ID != l.ID || !children[0].Media || children[0].Peer != l.Peer() {
			t.Fatalf("children: %+v", children)
		}
		a.Close()
		time.Sleep(time.Second)
		if len(rl.Children()) != 0 || !errors.Is(a.Err(), node.ErrClosed) {
			t.Errorf("%d children, %v", len(rl.Children()), a.Err())
		}
	})
}

func TestOneRelayARoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := nodetest.Hosts(t, oneWay, 1)
		rl := serve(t, h[0].Room, node.ServeConfig{})
		if _, err := h[0].Room.Serve(node.ServeConfig{Slots: 1, Admit: admitAll}); !errors.Is(err, node.ErrServing) {
			t.Errorf("served twice: %v", err)
		}
		rl.Close()
		serve(t, h[0].Room, node.ServeConfig{})
	})
}

func TestAttachErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := nodetest.Hosts(t, oneWay, 3)
		verdict := node.No
		rl := serve(t, h[0].Room, node.ServeConfig{Admit: func(identity.ID, []byte) node.Admission { return verdict }})
		l := listeners(h[2:])[0]
		l.Room.Quiet(true)
		l.Room.Meet(h[0].ID, h[0].Addrs())
		l.Room.Meet(h[1].ID, h[1].Addrs())
		try := func(id identity.ID, proof int) error {
			cfg := l.config(id, true)
			cfg.Proof = make([]byte, proof)
			a, err := l.Room.Attach(t.Context(), cfg)
			if err == nil {
				a.Close()
			}
			return err
		}
		if err := try(identity.ID{7}, 0); !errors.Is(err, node.ErrUnreachable) {
			t.Errorf("nobody: %v", err)
		}
		if err := try(h[1].ID, 0); !errors.Is(err, node.ErrRefused) {
			t.Errorf("not a relay: %v", err)
		}
		if err := try(h[0].ID, 5<<10); !errors.Is(err, node.ErrTooLarge) {
			t.Errorf("proof of 5 KiB: %v", err)
		}
		start := time.Now()
		if err := try(h[0].ID, 0); !errors.Is(err, node.ErrRefused) || time.Since(start) > time.Second {
			t.Errorf("refused: %v after %v", err, time.Since(start))
		}
		verdict = node.NotYet
		start = time.Now()
		if err := try(h[0].ID, 4<<10); !errors.Is(err, node.ErrRefused) {
			t.Errorf("never admitted: %v", err)
		} else if took := time.Since(start); took < 5*time.Second || took > 5500*time.Millisecond {
			t.Errorf("never admitted, cut after %v", took)
		}
		refused := time.Now()
		time.Sleep(2 * time.Second)
		if h[0].ConnectedSince(l.Addrs()[0], refused) { // the DHT may have made another since
			t.Error("who was refused is still connected")
		}
		if s := rl.Stats(); s.Refused != 2 || s.Admitted != 0 || s.Waiting != 0 {
			t.Errorf("stats: %+v", s)
		}
	})
}

// Somebody is removed while he is being admitted, and the review does not see him yet.
func TestAReviewIsNotOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := nodetest.Hosts(t, oneWay, 2)
		var rl *node.Relay
		var removed atomic.Bool
		rl = serve(t, h[0].Room, node.ServeConfig{Admit: func(identity.ID, []byte) node.Admission {
			if removed.Swap(true) {
				return node.No
			}
			rl.Review() // there is nobody to review
			return node.Yes
		}})
		l := listeners(h[1:])[0]
		l.Room.Meet(h[0].ID, h[0].Addrs())
		if _, err := l.Room.Attach(t.Context(), l.config(h[0].ID, true)); !errors.Is(err, node.ErrRefused) {
			t.Errorf("removed meanwhile: %v", err)
		}
		if n := len(rl.Children()); n != 0 {
			t.Errorf("%d children", n)
		}
	})
}

// Strangers who wait keep out strangers, not members.
func TestWhoIsKnownDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := nodetest.Hosts(t, oneWay, 2)
		rl := serve(t, h[0].Room, node.ServeConfig{Admit: func(_ identity.ID, proof []byte) node.Admission {
			if string(proof) == "member" {
				return node.Yes
			}
			return node.NotYet
		}})
		l := listeners(h[1:])[0]
		l.Room.Meet(h[0].ID, h[0].Addrs())
		ctx, cancel := context.WithCancel(t.Context())
		var work sync.WaitGroup
		for range 2 {
			work.Go(func() { l.Room.Attach(ctx, l.config(h[0].ID, false)) })
		}
		time.Sleep(time.Second)
		if n := rl.Stats().Waiting; n != 2 {
			t.Fatalf("%d wait", n)
		}
		if _, err := l.Room.Attach(ctx, l.config(h[0].ID, false)); !errors.Is(err, node.ErrFull) {
			t.Errorf("the third of one peer that waits: %v", err)
		}
		cfg := l.config(h[0].ID, false)
		cfg.Proof = []byte("member")
		if _, err := l.Room.Attach(ctx, cfg); err != nil {
			t.Errorf("a member: %v", err)
		}
		cancel()
		work.Wait()
		time.Sleep(10 * time.Second)
		if n := rl.Stats().Waiting; n != 0 {
			t.Errorf("%d still wait", n)
		}
	})
}

// The news that somebody may be carried comes after him.
func TestAdmissionWaitsForTheNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := nodetest.Hosts(t, oneWay, 2)
		var mu sync.Mutex
		verdict := node.NotYet
		rl := serve(t, h[0].Room, node.ServeConfig{Admit: func(_ identity.ID, proof []byte) node.Admission {
			mu.Lock()
			defer mu.Unlock()
			if string(proof) != "ticket" {
				return node.No
			}
			return verdict
		}})
		say := func(v node.Admission) {
			mu.Lock()
			verdict = v
			mu.Unlock()
			rl.Review()
		}
		l := listeners(h[1:])[0]
		l.Room.Meet(h[0].ID, h[0].Addrs())
		cfg := l.config(h[0].ID, true)
		cfg.Proof = []byte("ticket")
		start := time.Now()
		var said time.Time
		go func() {
			time.Sleep(2 * time.Second)
			said = time.Now()
			say(node.Yes)
		}()
		go func() {
			for range 100 {
				rl.Forward([]byte("early"), node.Voice{KID: 1, Frames: 2})
				time.Sleep(20 * time.Millisecond)
			}
		}()
		a, err := l.Room.Attach(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(said); took < oneWay || took > 2*oneWay {
			t.Errorf("in %v after the news, %v in all", took, time.Since(start))
		}
		if n := l.packets.count(); n > 1 {
			t.Errorf("%d packets came before the admission", n)
		}
		// For a moment nothing is known of him: he stays. Then he is out.
		say(node.NotYet)
		time.Sleep(2 * time.Second)
		say(node.Yes)
		time.Sleep(8 * time.Second)
		if len(rl.Children()) != 1 {
			t.Fatal("cut for a doubt that was gone")
		}
		say(node.No)
		if len(rl.Children()) != 0 {
			t.Fatal("still carried when Review returns")
		}
		time.Sleep(oneWay + time.Millisecond)
		select {
		case <-a.Done():
		default:
			t.Error("the child does not know")
		}
		if !errors.Is(a.Err(), node.ErrRefused) {
			t.Errorf("ended with %v", a.Err())
		}
	})
}

func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := nodetest.Hosts(t, oneWay, 11)
		rl := serve(t, h[0].Room, node.ServeConfig{Slots: 4})
		var seats []*node.Attachment
		ls := listeners(h[1:])
		for i, l := range ls[:9] { // four with voice, five that stand by
			seats = append(seats, l.attach(t, h[0], i < 4))
		}
		extra := ls[9]
		extra.Room.Meet(h[0].ID, h[0].Addrs())
		for _, media := range []bool{true, false} {
			if _, err := extra.Room.Attach(t.Context(), extra.config(h[0].ID, media)); !errors.Is(err, node.ErrFull) {
				t.Errorf("one too many, media %v: %v", media, err)
			}
		}
		// One more gets voice when its other relay dies, the second must go elsewhere.
		seats[4].SetMedia(true)
		time.Sleep(time.Second)
		if s := rl.Stats(); s.Media != 5 || s.Children != 9 {
			t.Errorf("%+v", s)
		}
		seats[5].SetMedia(true)
		time.Sleep(time.Second)
		if err := seats[5].Err(); !errors.Is(err, node.ErrFull) {
			t.Errorf("sixth voice of four slots: %v", err)
		}
		// Who leaves makes room.
		seats[0].Close()
		seats[4].Close()
		time.Sleep(time.Second)
		extra.attach(t, h[0], true)
		if s := rl.Stats(); s.Media != 4 || s.Children != 7 || s.Full != 3 {
			t.Errorf("%+v", s)
		}
	})
}

// A person may be served on two devices, and on each once.
func TestTwoSeatsAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, h := nodetest.Hosts(t, oneWay, 1)
		rl := serve(t, h[0].Room, node.ServeConfig{Slots: 2})
		cfg := node.RoomConfig{ID: nodetest.RoomID, Rendezvous: nodetest.Rendezvous, Key: newKey(t)}
		var seats []*node.Attachment
		for i := range 3 {
			r, err := w.Open(fmt.Sprintf("1.0.1.%d", i+1), 8000).Enter(cfg)
			if err != nil {
				t.Fatal(err)
			}
			r.Meet(h[0].ID, h[0].Addrs())
			for range 2 {
				a, err := r.Attach(t.Context(), node.AttachConfig{Relay: h[0].ID, Media: true})
				if err != nil {
					t.Fatal(err)
				}
				seats = append(seats, a)
				time.Sleep(100 * time.Millisecond)
			}
		}
		for i, a := range seats {
			if alive := a.Err() == nil; alive != (i == 3 || i == 5) {
				t.Errorf("seat %d alive: %v, %v", i, alive, a.Err())
			} else if !alive && !errors.Is(a.Err(), node.ErrClosed) {
				t.Errorf("seat %d gave way: %v", i, a.Err())
			}
		}
		if n := len(rl.Children()); n != 2 {
			t.Errorf("%d children", n)
		}
		rl.Close()
		time.Sleep(time.Second)
		if err := seats[5].Err(); !errors.Is(err, node.ErrUnreachable) {
			t.Errorf("the relay closed: %v", err)
		}
	})
}

func TestGossipComesThroughTheRelayWhileQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, h := nodetest.Hosts(t, oneWay, 5)
		author, r1, r2 := h[0], h[1], h[2]
		author.Room.Meet(r1.ID, r1.Addrs())
		author.Room.Meet(r2.ID, r2.Addrs())
		feed := func(channel string, msg []byte) bool { return channel != "hands" }
		serve(t, r1.Room, node.ServeConfig{Feed: feed})
		serve(t, r2.Room, node.ServeConfig{Feed: feed})
		ls := listeners(h[3:])
		for _, l := range ls {
			l.attach(t, r1, true)
			l.attach(t, r2, false)
			l.Room.Quiet(true)
		}
		// The audience has no way to anybody but the relays.
		w.Block(func(from, to string) bool {
			far := func(a, b string) bool { return a == "1.0.0.1:8000" && b > "1.0.0.4" || a > "1.0.0.4" && b > "1.0.0.4" }
			return far(from, to) || far(to, from)
		})
		time.Sleep(5 * time.Second)

		publish := func(r *node.Room, channel, msg string) {
			t.Helper()
			if err := r.Publish(t.Context(), channel, []byte(msg)); err != nil {
				t.Fatal(err)
			}
		}
		publish(author.Room, "hands", "not for the audience")
		publish(author.Room, "log", "kick")
		start := time.Now()
		for _, l := range ls {
			if got := next(t, l.Room); got != "log: kick" {
				t.Errorf("heard %q", got)
			}
		}
		if took := time.Since(start); took > 100*time.Millisecond {
			t.Errorf("the log took %v", took)
		}
		publish(author.Room, "presence", "here")
		for _, l := range ls {
			if got := next(t, l.Room); got != "presence: here" {
				t.Errorf("heard %q", got)
			}
			if got := next(t, l.Room); got != "" {
				t.Errorf("heard %q as well", got)
			}
		}
		for _, r := range []*node.Room{r1.Room, r2.Room} {
			for range 3 {
				next(t, r)
			}
		}

		// What one of the audience says is heard by all, once.
		publish(ls[0].Room, "presence", "me too")
		for i, r := range []*node.Room{author.Room, r1.Room, r2.Room, ls[1].Room} {
			if got := next(t, r); got != "presence: me too" {
				t.Errorf("%d heard %q", i, got)
			}
			if got := next(t, r); got != "" {
				t.Errorf("%d heard %q again", i, got)
			}
		}
		if got := next(t, ls[0].Room); got != "" {
			t.Errorf("heard oneself: %q", got)
		}

		// Back in gossip, nothing is heard twice.
		w.Block(nil)
		ls[0].Room.Meet(author.ID, author.Addrs())
		ls[0].Room.Quiet(false)
		time.Sleep(5 * time.Second)
		publish(author.Room, "log", "again")
		if got := next(t, ls[0].Room); got != "log: again" {
			t.Errorf("heard %q", got)
		}
		if got := next(t, ls[0].Room); got != "" {
			t.Errorf("heard %q as well", got)
		}
	})
}

func TestPublishThroughARelayObeysTheCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := nodetest.Hosts(t, oneWay, 3)
		author, relay := h[0], h[1]
		author.Room.Meet(relay.ID, relay.Addrs())
		rl := serve(t, relay.Room, node.ServeConfig{})
		relay.Room.Check(func(_ string, msg []byte) (accept, bad bool) { return !bytes.HasPrefix(msg, []byte("bad")), true })
		l := listeners(h[2:])[0]
		if err := l.Room.Publish(t.Context(), "log", []byte("not quiet yet")); err != nil {
			t.Fatal(err)
		}
		l.Room.Quiet(true)
		if err := l.Room.Publish(t.Context(), "log", []byte("x")); !errors.Is(err, node.ErrUnreachable) {
			t.Errorf("published through nobody: %v", err)
		}
		l.attach(t, relay, true)
		time.Sleep(3 * time.Second)
		for i := range 40 { // many at once, half of them bad
			msg := []string{"bad ", "good "}[i%2] + fmt.Sprint(i)
			if err := l.Room.Publish(t.Context(), "presence", []byte(msg)); err != nil {
				t.Fatal(err)
			}
		}
		n := 0
		for got := next(t, author.Room); got != ""; got = next(t, author.Room) {
			if !bytes.HasPrefix([]byte(got), []byte("presence: good")) {
				t.Errorf("published %q", got)
			}
			n++
		}
		if n != 10 { // twenty of the burst were judged
			t.Errorf("%d published", n)
		}
		if s := rl.Stats(); s.Published != 10 || s.Unwelcome != 30 {
			t.Errorf("%+v", s)
		}
	})
}

func TestLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, h := nodetest.Hosts(t, oneWay, 5)
		core, relay := h[0], h[1]
		relay.Room.Meet(core.ID, core.Addrs())
		ls := listeners(h[2:])
		commit := [8]byte{'c'}
		serve(t, relay.Room, node.ServeConfig{
			Hears:  func() []identity.ID { return []identity.ID{core.ID} },
			Commit: func() [8]byte { return commit },
		})
		name := make(map[identity.ID]string)
		for i, who := range h {
			name[who.ID] = fmt.Sprint(i)
			who.Room.HandleAsk(func(_ context.Context, from identity.ID, req []byte) ([]byte, error) {
				if string(req) == "no" {
					return nil, errors.New("no")
				}
				if string(req) == "much" {
					return make([]byte, 300<<10), nil
				}
				return fmt.Appendf(nil, "%d to %s: %s", i, name[from], req), nil
			})
		}
		var seats []*node.Attachment
		for _, l := range ls {
			seats = append(seats, l.attach(t, relay, true))
			l.Room.Quiet(true)
		}
		w.Block(nodetest.Past("1.0.0.2:8000"))
		time.Sleep(time.Second)
		asker := ls[0].Room
		for _, c := range []struct {
			to   identity.ID
			want string
		}{{core.ID, "0"}, {relay.ID, "1"}, {ls[1].ID, "3"}, {ls[2].ID, "4"}} {
			rep, err := asker.Ask(t.Context(), c.to, []byte("hi"))
			if string(rep) != c.want+" to 2: hi" {
				t.Errorf("asked %s: %q, %v", c.want, rep, err)
			}
		}
		if _, err := asker.Ask(t.Context(), ls[1].ID, []byte("no")); !errors.Is(err, node.ErrRefused) {
			t.Errorf("refused: %v", err)
		}
		if _, err := asker.Ask(t.Context(), ls[1].ID, []byte("much")); !errors.Is(err, node.ErrRefused) {
			t.Errorf("an answer of 300 KiB: %v", err)
		}
		if _, err := asker.Ask(t.Context(), identity.ID{9}, []byte("hi")); !errors.Is(err, node.ErrUnreachable) {
			t.Errorf("nobody: %v", err)
		}
		if _, err := asker.Ask(t.Context(), core.ID, make([]byte, 65<<10)); !errors.Is(err, node.ErrTooLarge) {
			t.Errorf("65 KiB: %v", err)
		}
		if rep, err := asker.Ask(t.Context(), core.ID, make([]byte, 64<<10)); err != nil || len(rep) < 64<<10 {
			t.Errorf("64 KiB: %v", err)
		}

		// Somebody: a member alone, until listeners say that they know.
		if rep, err := asker.AskSomebody(t.Context(), []byte("hi")); string(rep) != "0 to 2: hi" {
			t.Errorf("asked somebody: %q, %v", rep, err)
		}
		for _, a := range seats {
			a.Holds(commit)
		}
		time.Sleep(time.Second)
		var by []string
		for range 4 {
			rep, err := asker.AskSomebody(t.Context(), []byte("hi"))
			if err != nil {
				t.Fatal(err)
			}
			by = append(by, string(rep[:1]))
		}
		slices.Sort(by)
		if !slices.Equal(by, []string{"0", "0", "3", "4"}) {
			t.Errorf("answered by %v, want the member and a fellow listener in turn", by)
		}
		commit = [8]byte{'d'}
		if rep, err := asker.AskSomebody(t.Context(), []byte("hi")); string(rep) != "0 to 2: hi" {
			t.Errorf("asked about another secret: %q, %v", rep, err)
		}
	})
}

func TestDrainAndDeath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, h := nodetest.Hosts(t, oneWay, 5)
		r1 := serve(t, h[0].Room, node.ServeConfig{})
		r2 := serve(t, h[1].Room, node.ServeConfig{})
		ls := listeners(h[2:])
		for _, l := range ls {
			a := l.attach(t, h[0], true)
			b := l.attach(t, h[1], false)
			go func() { // a listener that moves when it is told to
				for {
					time.Sleep(50 * time.Millisecond)
					l.mu.Lock()
					told := l.drained > 0
					l.mu.Unlock()
					if told {
						b.SetMedia(true)
						a.Close()
						return
					}
				}
			}()
		}
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if err := r1.Drain(ctx); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 200*time.Millisecond {
			t.Errorf("drained in %v", took)
		}
		time.Sleep(oneWay) // one relay hears it as the other does, give or take a packet
		if s := r2.Stats(); s.Media != 3 {
			t.Errorf("the other relay: %+v", s)
		}
		if _, err := ls[0].Room.Attach(t.Context(), ls[0].config(h[0].ID, true)); !errors.Is(err, node.ErrFull) {
			t.Errorf("attached to a relay that drains: %v", err)
		}

		// The other dies without a word.
		var seats []*node.Attachment
		for _, l := range ls {
			seats = append(seats, l.attach(t, h[1], true))
		}
		time.Sleep(time.Second)
		w.Block(nodetest.Around("1.0.0.2:8000"))
		start = time.Now()
		for _, a := range seats {
			<-a.Done()
			if !errors.Is(a.Err(), node.ErrUnreachable) {
				t.Errorf("ended with %v", a.Err())
			}
		}
		if took := time.Since(start); took > 4*time.Second {
			t.Errorf("its death was seen after %v", took)
		}
		// To the relay its children are as dead: it cuts them when the lease is over.
		time.Sleep(time.Second)
		if n := len(r2.Children()); n != 3 {
			t.Errorf("%d children soon after, want 3: they may come back", n)
		}
		time.Sleep(15 * time.Second)
		if s := r2.Stats(); s.Children != 0 || s.Lost != 3 {
			t.Errorf("%+v", s)
		}
	})
}

// What stops reporting gets nothing more after 3 s, and no seat after 15.
func TestWhoStopsReportingGetsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, on := nodetest.Hosts(t, oneWay, 2)
		rl := serve(t, on[0].Room, node.ServeConfig{})
		mute, err := on[1].Room.AttachMute(t.Context(), on[0].ID, on[0].Addrs()[0])
		if err != nil {
			t.Fatal(err)
		}
		on[1].Room.Quiet(true)
		var mu sync.Mutex
		sent := 0
		w.Block(func(from, _ string) bool {
			mu.Lock()
			defer mu.Unlock()
			if from == "1.0.0.1:8000" {
				sent++
			}
			return false
		})
		speak := func(d time.Duration) int {
			mu.Lock()
			sent = 0
			mu.Unlock()
			for end := time.Now().Add(d); time.Now().Before(end); {
				rl.Forward([]byte("voice"), node.Voice{KID: 1, Frames: 2})
				rl.SendDigest([]byte("digest"))
				if err := on[0].Room.Publish(t.Context(), "presence", []byte(time.Now().String())); err != nil {
					t.Fatal(err)
				}
				time.Sleep(40 * time.Millisecond)
			}
			mu.Lock()
			defer mu.Unlock()
			return sent
		}
		if n := speak(3 * time.Second); n < 75 {
			t.Fatalf("%d packets in 3 s of speech", n)
		}
		mute()
		speak(3500 * time.Millisecond)
		if n := speak(6 * time.Second); n > 9 { // QUIC's and gossip's own
			t.Errorf("%d packets to who does not report", n)
		}
		if n := len(rl.Children()); n != 1 {
			t.Errorf("%d children before the lease is over", n)
		}
		time.Sleep(6 * time.Second)
		if s := rl.Stats(); s.Children != 0 || s.Lost != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestLettersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, on := nodetest.Hosts(t, oneWay, 3)
		rl := serve(t, on[0].Room, node.ServeConfig{})
		ls := listeners(on[1:])
		for _, l := range ls {
			l.attach(t, on[0], true)
			l.Room.Quiet(true)
		}
		answered := 0
		ls[1].Room.HandleAsk(func(ctx context.Context, _ identity.ID, req []byte) ([]byte, error) {
			if string(req) == "never" {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			time.Sleep(time.Second)
			return req, nil
		})
		var mu sync.Mutex
		var asks sync.WaitGroup
		busy := 0
		for range 7 {
			asks.Go(func() {
				_, err := ls[0].Room.Ask(t.Context(), ls[1].ID, []byte("x"))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					answered++
				case errors.Is(err, node.ErrBusy):
					busy++
				default:
					t.Error(err)
				}
			})
		}
		asks.Wait()
		if answered != 4 || busy != 3 {
			t.Errorf("%d answered, %d too much", answered, busy)
		}
		start := time.Now()
		if _, err := ls[0].Room.Ask(t.Context(), ls[1].ID, []byte("never")); !errors.Is(err, node.ErrUnreachable) {
			t.Errorf("never answered: %v", err)
		}
		if took := time.Since(start); took > 5100*time.Millisecond {
			t.Errorf("given up after %v", took)
		}
		time.Sleep(time.Second) // the relay gives up a little later
		if s := rl.Stats(); s.Letters != 4 || s.Returned != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// A seated listener is attached to a relay.
type seated struct {
	*listener
	seat *node.Attachment
}

// newSecret names the secret of afterKick.
var newSecret = [8]byte{'c'}

// tell answers every ask with that secret.
func tell(context.Context, identity.ID, []byte) ([]byte, error) { return []byte("secret"), nil }

// afterKick makes an audience whose relay knows of a new secret, which one member outside of
// it holds whom the relay alone can reach.
func afterKick(t *testing.T, audience int) (all []seated) {
	t.Helper()
	w, on := nodetest.Hosts(t, oneWay, 2+audience)
	core, relay := on[0], on[1]
	w.Block(nodetest.Past("1.0.0.2:8000"))
	relay.Room.Meet(core.ID, core.Addrs())
	serve(t, relay.Room, node.ServeConfig{
		Slots:  audience,
		Hears:  func() []identity.ID { return []identity.ID{core.ID} },
		Commit: func() [8]byte { return newSecret },
	})
	core.Room.HandleAsk(tell)
	for _, l := range listeners(on[2:]) {
		all = append(all, seated{l, l.attach(t, relay, true)})
		l.Room.Quiet(true)
	}
	time.Sleep(7 * time.Second)
	return all
}

// askSecret asks whoever the relay finds for the new secret.
func (s seated) askSecret(t *testing.T) ([]byte, error) {
	return s.Room.AskSomebody(t.Context(), []byte("the secret of c"))
}

// learn has somebody hold the new secret and tell it, as a room does.
func (s seated) learn() {
	s.Room.HandleAsk(tell)
	s.seat.Holds(newSecret)
}

// After a kick everybody asks somebody for the new secret at once; at first one member has it.
func TestAWholeAudienceAsksAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		audience := 48 // the member answers 40 in a burst
		if testing.Short() {
			audience = 8
		}
		ls := afterKick(t, audience)
		start := time.Now()
		var asks sync.WaitGroup
		for i, l := range ls {
			asks.Go(func() {
				rep, err := l.askSecret(t)
				if err != nil || string(rep) != "secret" {
					t.Errorf("%d got %q, %v", i, rep, err)
					return
				}
				l.learn()
			})
		}
		asks.Wait()
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// An edited client sends letters of others, to see them answered again.
func TestLettersOfOthersAreNotCarried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, on := nodetest.Hosts(t, oneWay, 4)
		serve(t, on[0].Room, node.ServeConfig{})
		ls := listeners(on[1:])
		var seats []*node.Attachment
		for _, l := range ls {
			seats = append(seats, l.attach(t, on[0], true))
		}
		handled := 0
		ls[2].Room.HandleAsk(func(context.Context, identity.ID, []byte) ([]byte, error) {
			handled++
			return nil, nil
		})
		letter := ls[0].Room.WriteLetter(ls[2].ID, []byte("raise my hand"))
		if !seats[0].PostLetter(t.Context(), ls[2].ID, letter) {
			t.Error("a letter was not answered")
		}
		if seats[0].PostLetter(t.Context(), ls[2].ID, letter) {
			t.Error("a letter was answered twice")
		}
		letter = ls[0].Room.WriteLetter(ls[2].ID, []byte("raise my hand"))
		if seats[1].PostLetter(t.Context(), ls[2].ID, letter) {
			t.Error("another's letter was carried")
		}
		if seats[0].PostLetter(t.Context(), ls[1].ID, letter) {
			t.Error("a letter was carried to somebody else")
		}
		if handled != 1 {
			t.Errorf("handled %d times", handled)
		}
	})
}

// Who floods the control stream is cut, and nobody else notices.
func TestControlFloodEndsTheFlooder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, on := nodetest.Hosts(t, oneWay, 3)
		rl := serve(t, on[0].Room, node.ServeConfig{})
		ls := listeners(on[1:])
		hostile, honest := ls[0].attach(t, on[0], true), ls[1].attach(t, on[0], true)
		for i := range 1000 {
			hostile.SetMedia(i%2 == 0)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		if hostile.Err() == nil || honest.Err() != nil || len(rl.Children()) != 1 {
			t.Errorf("the hostile one %v, the honest one %v", hostile.Err(), honest.Err())
		}
	})
}

// A quiet listener keeps no connection that it does not need, and those whom it met
// need not keep one for it.
func TestQuietLeavesNoConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, on := nodetest.Hosts(t, oneWay, 4)
		relay, core := on[0], on[1:3]
		serve(t, relay.Room, node.ServeConfig{})
		l := listeners(on[3:])[0]
		for _, c := range core {
			l.Room.Meet(c.ID, c.Addrs())
		}
		l.attach(t, relay, true)
		time.Sleep(5 * time.Second)
		for _, h := range on[1:3] {
			if h.Room.Proved() == 0 {
				t.Fatal("not connected")
			}
		}
		l.Room.Quiet(true)
		time.Sleep(7 * time.Second)
		for _, h := range on[1:3] {
			if n := h.Room.Proved(); n != 0 {
				t.Errorf("%d peers are still connected to a member", n)
			}
		}
		if l.Room.Proved() != 1 {
			t.Error("the relay is not connected any more")
		}
		// Back in the room it connects again.
		l.Room.Quiet(false)
		time.Sleep(5 * time.Second)
		if core[0].Room.Proved() == 0 {
			t.Error("not connected again")
		}
	})
}

// A relay is connected to an audience that is in no gossip, and looks for those who are.
func TestRelayWithAnAudienceStaysInGossip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const audience = 14 // more than a mesh has
		w, on := nodetest.Hosts(t, oneWay, 2+audience)
		core, relay := on[0], on[1]
		w.Block(nodetest.Past("1.0.0.2:8000"))
		serve(t, relay.Room, node.ServeConfig{})
		for _, l := range listeners(on[2:]) {
			l.Room.Quiet(true)
			l.attach(t, relay, true)
			if _, err := l.Room.Ask(t.Context(), relay.ID, nil); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		relay.Room.Meet(core.ID, core.Addrs())
		time.Sleep(5 * time.Second)
		if core.Room.Proved() == 0 {
			t.Error("the relay looks for nobody to gossip with")
		}
	})
}

// A busload behind one address attaches at once, all of them strangers for two seconds.
func TestBusloadIsAdmitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, on := nodetest.Hosts(t, oneWay, 1)
		start := time.Now()
		rl := serve(t, on[0].Room, node.ServeConfig{Slots: 100, Admit: func(identity.ID, []byte) node.Admission {
			if time.Since(start) < 2*time.Second {
				return node.NotYet
			}
			return node.Yes
		}})
		const hub = "1.0.0.1:8000"
		w.Block(nodetest.Past(hub))
		var joins sync.WaitGroup
		guests := 70
		if testing.Short() {
			guests = 10
		}
		for i := range guests {
			r, _ := nodetest.Enter(t, w.Open("2.0.0.2", 8000+i), rendezvous)
			r.Meet(on[0].ID, on[0].Addrs())
			joins.Go(func() {
				if _, err := r.Attach(t.Context(), node.AttachConfig{Relay: on[0].ID, Media: true}); err != nil {
					t.Errorf("guest %d: %v", i, err)
				}
			})
		}
		joins.Wait()
		if n := len(rl.Children()); n != guests {
			t.Errorf("%d children", n)
		}
	})
}

func TestAuditMeasures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, h := nodetest.Hosts(t, oneWay, 3)
		serve(t, h[0].Room, node.ServeConfig{})
		member, stranger := h[1], h[2]
		h[0].Room.Admit(func(id identity.ID) bool { return id == member.ID })
		member.Room.Meet(h[0].ID, h[0].Addrs())
		stranger.Room.Meet(h[0].ID, h[0].Addrs())
		if _, err := stranger.Room.Audit(t.Context(), h[0].ID, 1000); !errors.Is(err, node.ErrRefused) {
			t.Errorf("a stranger's audit: %v", err)
		}
		got, err := member.Room.Audit(t.Context(), h[0].ID, 1000)
		if err != nil || got < 980 || got > 1000 {
			t.Errorf("%d kbit/s of 1000 arrived, %v", got, err)
		}
		if _, err := member.Room.Audit(t.Context(), h[0].ID, 1000); !errors.Is(err, node.ErrBusy) {
			t.Errorf("another at once: %v", err)
		}
		time.Sleep(61 * time.Second)
		sent := 0
		w.Block(func(from, _ string) bool {
			if from == "1.0.0.1:8000" {
				sent++
			}
			return from == "1.0.0.1:8000" && sent%4 == 0
		})
		if got, err = member.Room.Audit(t.Context(), h[0].ID, 1000); err != nil || got < 600 || got > 850 {
			t.Errorf("%d kbit/s of 1000 arrived where every fourth packet is lost, %v", got, err)
		}
	})
}

// A relay that carries voices and nothing else tells its children nothing, publishes
// nothing of theirs, carries no letters and lets nobody measure it.
func TestVoiceOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, on := nodetest.Hosts(t, oneWay, 3)
		core, helper, child := on[0], on[1], listeners(on[2:])[0]
		w.Block(nodetest.Around("1.0.0.1:8000")) // from the child
		core.Room.HandleAsk(echo)
		helper.Room.HandleAsk(echo)
		rl := serve(t, helper.Room, node.ServeConfig{VoiceOnly: true, Hears: func() []identity.ID { return []identity.ID{core.ID} }})
		a := child.attach(t, helper, true)
		if _, err := child.Room.Audit(t.Context(), helper.ID, 1000); !errors.Is(err, node.ErrRefused) {
			t.Errorf("measured: %v", err)
		}
		child.Room.Quiet(true)
		if _, err := child.Room.AskSomebody(t.Context(), []byte("x")); err == nil {
			t.Error("a letter was carried")
		}
		_ = child.Room.Publish(t.Context(), "log", []byte("x"))
		if err := helper.Room.Publish(t.Context(), "log", []byte("y")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if s := rl.Stats(); s.Fed != 0 || s.Published != 0 || s.Letters != 0 || s.Unwelcome != 0 || s.Media != 1 {
			t.Errorf("%+v", s)
		}
		select {
		case <-a.Done():
			t.Errorf("the child was cut: %v", a.Err())
		default:
		}
	})
}
