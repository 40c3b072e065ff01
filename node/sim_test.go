// Nodes on a simulated network, in virtual time.

package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/node/nodetest"
)

var rendezvous = nodetest.Rendezvous

const oneWay = 10 * time.Millisecond

func newKey(t *testing.T) *identity.Key {
	t.Helper()
	k, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func echo(_ context.Context, _ identity.ID, req []byte) ([]byte, error) {
	return append([]byte("re: "), req...), nil
}

// link has one host link to another.
func link(t *testing.T, from, to nodetest.Host) {
	t.Helper()
	from.Room.Meet(to.ID, to.Addrs())
	if err := from.Room.Link(t.Context(), to.ID); err != nil {
		t.Fatal(err)
	}
}

// findAndAsk asks the first peer that answers.
func findAndAsk(t *testing.T, r *node.Room, req []byte) (identity.ID, []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for addr := range r.Find(ctx) {
		if who, rep, err := r.AskPeer(ctx, addr, req); err == nil {
			return who, rep
		}
	}
	t.Fatal("nobody found who answers")
	return identity.ID{}, nil
}

func TestFindWithoutHintsAndAskBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := nodetest.New(t, oneWay)
		boot := w.Open("1.0.0.1", 8000)
		a := w.Open("1.0.0.2", 8000, boot.Addrs()...)
		b := w.Open("1.0.0.3", 8000, boot.Addrs()...)
		ra, ida := nodetest.Enter(t, a, rendezvous)
		rb, idb := nodetest.Enter(t, b, rendezvous)
		ra.HandleAsk(echo)
		rb.HandleAsk(echo)
		go ra.Announce(t.Context())

		start := time.Now()
		who, rep := findAndAsk(t, rb, []byte("let me in"))
		if who != ida || string(rep) != "re: let me in" {
			t.Fatalf("%v answered %q, want %v", who, rep, ida)
		}
		if took := time.Since(start); took > 1500*time.Millisecond {
			t.Errorf("finding took %v", took)
		}

		// The asked one knows the asker now, and asks back without any address.
		rep, err := ra.Ask(t.Context(), idb, []byte("who are you"))
		if err != nil || string(rep) != "re: who are you" {
			t.Fatalf("asked back: %q, %v", rep, err)
		}
	})
}

func TestAskIsOneRoundTripAfterTheDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, on := nodetest.Hosts(t, oneWay, 2)
		a, b := on[0], on[1]
		a.Room.HandleAsk(echo)

		start := time.Now()
		if _, _, err := b.Room.AskPeer(t.Context(), a.Addrs()[0], []byte("x")); err != nil {
			t.Fatal(err)
		}
		// Two round trips for the QUIC handshake with its address check, one to ask;
		// the simulated links add microseconds.
		if took := time.Since(start); took > 3*2*oneWay+oneWay {
			t.Errorf("first ask took %v", took)
		}
		start = time.Now()
		if _, err := b.Room.Ask(t.Context(), a.ID, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 2*oneWay+oneWay/2 {
			t.Errorf("second ask took %v, more than one round trip", took)
		}
	})
}

func TestAskErrorsTellUnreachableFromRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, on := nodetest.Hosts(t, oneWay, 2)
		a, b := on[0], on[1]

		_, _, err := b.Room.AskPeer(t.Context(), a.Addrs()[0], []byte("no handler yet"))
		if !errors.Is(err, node.ErrRefused) {
			t.Errorf("without a handler: %v, want refused", err)
		}
		a.Room.HandleAsk(func(context.Context, identity.ID, []byte) ([]byte, error) {
			return nil, errors.New("a secret reason")
		})
		if _, err = b.Room.Ask(t.Context(), a.ID, []byte("x")); !errors.Is(err, node.ErrRefused) {
			t.Errorf("handler said no: %v, want refused", err)
		} else if bytes.Contains([]byte(err.Error()), []byte("secret")) {
			t.Errorf("the reason crossed the wire: %v", err)
		}
		if _, err = b.Room.Ask(t.Context(), identity.ID{1}, []byte("x")); !errors.Is(err, node.ErrUnreachable) {
			t.Errorf("unknown person: %v, want unreachable", err)
		}
		w.Block(nodetest.Around("1.0.0.1:8000"))
		if _, err = b.Room.Ask(t.Context(), a.ID, []byte("x")); !errors.Is(err, node.ErrUnreachable) {
			t.Errorf("silent peer: %v, want unreachable", err)
		}
		if _, err = b.Room.Ask(t.Context(), a.ID, make([]byte, 65<<10)); !errors.Is(err, node.ErrTooLarge) {
			t.Errorf("65 KiB: %v, want too large", err)
		}
	})
}

// A squatter announces the DHT key (which it may have seen) without the door key.
func TestSquatterLearnsNothingAndHidesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := nodetest.New(t, oneWay)
		boot := w.Open("1.0.0.1", 8000)
		squatter := w.Open("1.0.0.2", 8000, boot.Addrs()...)
		member := w.Open("1.0.0.3", 8000, boot.Addrs()...)
		joiner := w.Open("1.0.0.4", 8000, boot.Addrs()...)

		// The rendezvous key alone gives the DHT key; the room ID opens the door.
		other, err := squatter.Enter(node.RoomConfig{ID: identity.RoomID{'x'}, Rendezvous: rendezvous, Key: newKey(t)})
		if err != nil {
			t.Fatal(err)
		}
		go other.Announce(t.Context())
		time.Sleep(time.Second)
		heard := false
		other.HandleAsk(func(context.Context, identity.ID, []byte) ([]byte, error) {
			heard = true
			return []byte("welcome"), nil
		})

		rm, idm := nodetest.Enter(t, member, rendezvous)
		rm.HandleAsk(echo)
		go rm.Announce(t.Context())
		rj, _ := nodetest.Enter(t, joiner, rendezvous)
		if _, _, err := rj.AskPeer(t.Context(), squatter.Addrs()[0], []byte("secret")); !errors.Is(err, node.ErrRefused) {
			t.Errorf("the squatter answered: %v", err)
		}
		if who, _ := findAndAsk(t, rj, []byte("x")); who != idm {
			t.Errorf("%v answered, want the member", who)
		}
		synctest.Wait()
		if heard {
			t.Error("a node outside the room was asked")
		}
	})
}

func TestGossipReachesMembersAndObeysTheCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := nodetest.New(t, oneWay)
		var nodes []*node.Node
		var rooms []*node.Room
		var ids []identity.ID
		for i := range 5 {
			n := w.Open(fmt.Sprintf("1.0.0.%d", i+1), 8000)
			r, id := nodetest.Enter(t, n, rendezvous)
			nodes, rooms, ids = append(nodes, n), append(rooms, r), append(ids, id)
		}
		// A star: only the first can be reached by the others.
		hub := "1.0.0.1:8000"
		w.Block(nodetest.Past(hub))
		for _, r := range rooms[1:] {
			r.Meet(ids[0], nodes[0].Addrs())
		}
		var mu sync.Mutex
		checked := 0
		rooms[0].Check(func(_ string, msg []byte) (accept, bad bool) {
			mu.Lock()
			defer mu.Unlock()
			checked++
			return string(msg) != "bad", string(msg) == "bad"
		})
		time.Sleep(2 * time.Second)

		if err := rooms[1].Publish(t.Context(), "log", []byte("good")); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for i, r := range rooms {
			if i == 1 {
				continue
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			channel, msg, err := r.Next(ctx)
			cancel()
			if err != nil || channel != "log" || string(msg) != "good" {
				t.Fatalf("node %d: %q %q %v", i, channel, msg, err)
			}
		}
		if took := time.Since(start); took > 100*time.Millisecond {
			t.Errorf("gossip took %v", took)
		}

		// What the first refuses does not get past it.
		if err := rooms[2].Publish(t.Context(), "log", []byte("bad")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, msg, err := rooms[3].Next(ctx); err == nil {
			t.Errorf("refused message was passed on: %q", msg)
		}
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if checked != 2 {
			t.Errorf("checked %d messages, want 2", checked)
		}
	})
}

func TestGossipBoundsAndUnknownChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := nodetest.New(t, oneWay)
		r, _ := nodetest.Enter(t, w.Open("1.0.0.1", 8000), rendezvous)
		if err := r.Publish(t.Context(), "log", make([]byte, 61<<10)); !errors.Is(err, node.ErrTooLarge) {
			t.Errorf("61 KiB: %v", err)
		}
		if err := r.Publish(t.Context(), "nonsense", []byte("x")); err == nil {
			t.Error("published on a channel that does not exist")
		}
		r.Close()
		if _, _, err := r.Next(t.Context()); !errors.Is(err, node.ErrClosed) {
			t.Errorf("Next after Close: %v", err)
		}
	})
}

// heard collects packets.
type heard struct {
	mu   sync.Mutex
	got  []string
	from []identity.ID
}

func (h *heard) packet(from identity.ID, packet []byte, _ time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got, h.from = append(h.got, string(packet)), append(h.from, from)
}

func (h *heard) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.got)
}

func TestVoiceTravelsByRAW(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, on := nodetest.Hosts(t, oneWay, 2)
		a, b := on[0], on[1]
		var ha, hb heard
		a.Room.OnPacket(ha.packet)
		b.Room.OnPacket(hb.packet)
		link(t, b, a)
		for i := range 100 {
			packet := bytes.Repeat([]byte{byte(i)}, node.MaxPacket)
			if n := b.Room.Send(packet, []identity.ID{a.ID, {9}}); n != 1 {
				t.Fatalf("taken by %d links, want 1", n)
			}
			a.Room.Send(packet, []identity.ID{b.ID})
			time.Sleep(20 * time.Millisecond)
		}
		if ha.count() != 100 || hb.count() != 100 {
			t.Errorf("heard %d and %d of 100", ha.count(), hb.count())
		}
		if ha.from[0] != b.ID || hb.from[0] != a.ID {
			t.Error("packets came from somebody else")
		}
		info := b.Room.Links()[0]
		if info.Carrier != node.Raw || info.ID != a.ID || info.Sent != 100 || info.Received != 100 || info.Dropped != 0 {
			t.Errorf("link: %+v", info)
		}
		if info.RTT < 2*oneWay || info.RTT > 2*oneWay+oneWay/2 {
			t.Errorf("round trip %v, want %v", info.RTT, 2*oneWay)
		}
		if info.LossIn != 0 || info.LossOut != 0 {
			t.Errorf("loss %v, %v on a perfect network", info.LossIn, info.LossOut)
		}
		if info.Quiet < 0 || info.Quiet > 500*time.Millisecond {
			t.Errorf("quiet for %v, though reports come", info.Quiet)
		}
	})
}

// A network may let QUIC through and nothing else, or begin and stop to do so. Voice goes on.
func TestVoiceGoesOnWithoutRAW(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, h := nodetest.Hosts(t, oneWay, 2)
		var ha heard
		h[0].Room.OnPacket(ha.packet)
		h[1].Room.Meet(h[0].ID, h[0].Addrs())
		if err := h[1].Room.Link(t.Context(), h[0].ID); err != nil {
			t.Fatal(err)
		}
		speak := func(last time.Duration) (lost int, carrier node.Carrier) {
			before := ha.count()
			n := int(last / (20 * time.Millisecond))
			for range n {
				h[1].Room.Send([]byte("voice"), []identity.ID{h[0].ID})
				time.Sleep(20 * time.Millisecond)
			}
			time.Sleep(2 * oneWay)
			return n - (ha.count() - before), h[1].Room.Links()[0].Carrier
		}
		steps := []struct {
			lose    bool
			last    time.Duration
			lost    int // packets, at most
			carrier node.Carrier
		}{
			{false, time.Second, 0, node.Raw},
			{true, 3 * time.Second, 70, node.Datagram}, // 1 s of silence, a round trip and the time to notice
			{true, 30 * time.Second, 0, node.Datagram},
			{false, 45 * time.Second, 0, node.Raw}, // the back-off is at 40 s by now
			{false, 10 * time.Second, 0, node.Raw},
		}
		for i, step := range steps {
			w.LoseRAW(step.lose)
			lost, carrier := speak(step.last)
			if lost > step.lost || carrier != step.carrier {
				t.Errorf("step %d: %d packets lost, at most %d are to be; carrier %q, want %q", i, lost, step.lost, carrier, step.carrier)
			}
		}
	})
}

// Both ends dial at the same instant; one link must remain, the same at both.
func TestLinksDialledFromBothEndsBecomeOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, on := nodetest.Hosts(t, oneWay, 2)
		a, b := on[0], on[1]
		var ha, hb heard
		a.Room.OnPacket(ha.packet)
		b.Room.OnPacket(hb.packet)
		a.Room.Meet(b.ID, b.Addrs())
		b.Room.Meet(a.ID, a.Addrs())
		var events []bool
		a.Room.OnLink(func(_ node.LinkInfo, up bool) { events = append(events, up) })
		var dials sync.WaitGroup
		dials.Go(func() {
			if err := a.Room.Link(t.Context(), b.ID); err != nil {
				t.Error(err)
			}
		})
		dials.Go(func() {
			if err := b.Room.Link(t.Context(), a.ID); err != nil {
				t.Error(err)
			}
		})
		dials.Wait()
		time.Sleep(10 * time.Second)
		if na, nb := len(a.Room.Links()), len(b.Room.Links()); na != 1 || nb != 1 {
			t.Fatalf("%d and %d links remain", na, nb)
		}
		a.Room.Send([]byte("a"), []identity.ID{b.ID})
		b.Room.Send([]byte("b"), []identity.ID{a.ID})
		time.Sleep(time.Second)
		if ha.count() != 1 || hb.count() != 1 {
			t.Errorf("heard %d and %d, want 1 and 1", ha.count(), hb.count())
		}
		synctest.Wait()
		if len(events) != 1 || !events[0] {
			t.Errorf("link events %v, want one up", events)
		}
	})
}

func TestDeadLinkIsCutAndAFreshOneMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, on := nodetest.Hosts(t, oneWay, 2)
		a, b := on[0], on[1]
		link(t, b, a)
		time.Sleep(2 * time.Second)
		var down time.Time
		b.Room.OnLink(func(_ node.LinkInfo, up bool) {
			if !up {
				down = time.Now()
			}
		})
		w.Block(nodetest.Around("1.0.0.1:8000"))
		cut := time.Now()
		// A sender that never stops must not keep the dead link.
		for i := range 200 {
			b.Room.Send(make([]byte, node.MaxPacket), []identity.ID{a.ID})
			time.Sleep(20 * time.Millisecond)
			if i == 99 {
				if quiet := b.Room.Links()[0].Quiet; quiet < 2*time.Second-oneWay || quiet > 2500*time.Millisecond {
					t.Errorf("2 s after the cut the link says to have been quiet for %v", quiet)
				}
			}
		}
		synctest.Wait()
		if down.IsZero() {
			t.Fatal("the link is not cut after 4 s of silence")
		}
		if took := down.Sub(cut); took < 2*time.Second || took > 3500*time.Millisecond {
			t.Errorf("cut after %v", took)
		}
		w.Block(nil)
		if err := b.Room.Link(t.Context(), a.ID); err != nil {
			t.Errorf("linking again: %v", err)
		}
	})
}

func TestAdmitHoldsNewcomersAndCutsTheRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, on := nodetest.Hosts(t, oneWay, 2)
		a, b := on[0], on[1]
		var ha heard
		a.Room.OnPacket(ha.packet)
		var mu sync.Mutex
		member := false
		a.Room.Admit(func(id identity.ID) bool {
			mu.Lock()
			defer mu.Unlock()
			return member && id == b.ID
		})
		set := func(in bool) {
			mu.Lock()
			member = in
			mu.Unlock()
			a.Room.Review()
		}
		b.Room.Meet(a.ID, a.Addrs())
		say := func() { b.Room.Send([]byte("x"), []identity.ID{a.ID}); time.Sleep(100 * time.Millisecond) }

		if err := b.Room.Link(t.Context(), a.ID); err != nil {
			t.Fatal(err)
		}
		say()
		if ha.count() != 0 || len(a.Room.Links()) != 0 {
			t.Fatal("heard somebody who is not let in yet")
		}
		set(true) // the news arrives within the five seconds
		say()
		if ha.count() != 1 {
			t.Fatal("not heard although let in")
		}
		set(false)
		say()
		if ha.count() != 1 || len(a.Room.Links()) != 0 {
			t.Error("heard after the removal")
		}
		time.Sleep(time.Second)
		if len(b.Room.Links()) != 0 {
			t.Error("the removed one still believes in his link")
		}

		// Without news the newcomer is cut.
		if err := b.Room.Link(t.Context(), a.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		if len(b.Room.Links()) != 0 {
			t.Error("a stranger kept his link for more than five seconds")
		}
		if err := a.Room.Link(t.Context(), b.ID); !errors.Is(err, node.ErrRefused) {
			t.Errorf("linked to somebody not let in: %v", err)
		}
	})
}

// Sixty people behind one address join, greet and link, all at once.
func TestSixtyBehindOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := nodetest.New(t, oneWay)
		host := w.Open("1.0.0.1", 8000)
		hub := "1.0.0.1:8000" // guests cannot reach one another: their DHTs would, for long
		w.Block(nodetest.Past(hub))
		rh, idh := nodetest.Enter(t, host, rendezvous)
		rh.HandleAsk(echo)
		var h heard
		rh.OnPacket(h.packet)
		var joins sync.WaitGroup
		for i := range 60 {
			n := w.Open("2.0.0.2", 8000+i)
			r, _ := nodetest.Enter(t, n, rendezvous)
			joins.Go(func() {
				if _, _, err := r.AskPeer(t.Context(), host.Addrs()[0], []byte("x")); err != nil {
					t.Errorf("guest %d: %v", i, err)
					return
				}
				if err := r.Link(t.Context(), idh); err != nil {
					t.Errorf("guest %d: %v", i, err)
				}
				r.Send([]byte("hello"), []identity.ID{idh})
			})
		}
		joins.Wait()
		time.Sleep(3 * time.Second)
		if n := len(rh.Links()); n != 60 {
			t.Errorf("%d links, want 60", n)
		}
		if h.count() != 60 {
			t.Errorf("heard %d of 60", h.count())
		}
	})
}

// What a newcomer publishes the moment he is in reaches the others within about a heartbeat.
func TestNewcomerIsHeardSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := nodetest.New(t, oneWay)
		a, b := w.Open("1.0.0.1", 8000), w.Open("1.0.0.2", 8000)
		ra, _ := nodetest.Enter(t, a, rendezvous)
		ra.HandleAsk(echo)
		time.Sleep(3 * time.Second) // the room is older than the newcomer
		rb, _ := nodetest.Enter(t, b, rendezvous)
		start := time.Now()
		if _, _, err := rb.AskPeer(t.Context(), a.Addrs()[0], []byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := rb.Publish(t.Context(), "presence", []byte("here")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, _, err := ra.Next(ctx); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("heard after %v", took)
		} else {
			t.Logf("heard after %v", took)
		}
	})
}

// A person's program is killed and started again on another peer: the link to the new
// run does not wait for the death of the old.
func TestRestartIsLinkedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := nodetest.New(t, oneWay)
		a, b, c := w.Open("1.0.0.1", 8000), w.Open("1.0.0.2", 8000), w.Open("1.0.0.3", 8000)
		ra, ida := nodetest.Enter(t, a, rendezvous)
		cfg := node.RoomConfig{ID: nodetest.RoomID, Rendezvous: rendezvous, Key: newKey(t)}
		id := cfg.Key.ID()
		var h heard
		for _, n := range []*node.Node{b, c} {
			r, err := n.Enter(cfg)
			if err != nil {
				t.Fatal(err)
			}
			r.Admit(func(who identity.ID) bool { return who == ida })
			if n == c {
				r.OnPacket(h.packet)
			}
		}
		ra.Meet(id, b.Addrs())
		if err := ra.Link(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		w.Block(nodetest.Around("1.0.0.2:8000"))
		ra.Drop(id)
		ra.Meet(id, c.Addrs())
		start := time.Now()
		if err := ra.Link(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 200*time.Millisecond {
			t.Errorf("linked after %v", took)
		}
		ra.Send([]byte("x"), []identity.ID{id})
		time.Sleep(time.Second)
		if h.count() != 1 {
			t.Error("the new run hears nothing")
		}
	})
}

// Two halves that could not reach each other for a minute gossip again within five
// seconds of the healing.
func TestHealedPartitionGossipsAgain(t *testing.T) {
	// The moment of healing falls differently into dials and their timers.
	for _, ms := range []time.Duration{60000, 60700, 61500, 62300} {
		apart := ms * time.Millisecond
		t.Run(apart.String(), func(t *testing.T) { healAfter(t, 3, false, apart) })
	}
}

// Two halves that have neighbours enough each look for one another all the same.
func TestHealedPartitionOfManyGossipsAgain(t *testing.T) {
	each := 14
	if testing.Short() {
		each = 8
	}
	healAfter(t, each, true, time.Minute)
}

// healAfter cuts a room in halves of so many, in which all are connected with all or with as many
// as there happen to be, lets them be apart for a while, and wants everybody in the second half
// to hear somebody in the first 5 s after the healing.
func healAfter(t *testing.T, each int, all bool, apart time.Duration) {
	n := 2 * each
	synctest.Test(t, func(t *testing.T) {
		w := nodetest.New(t, oneWay)
		first := make(map[string]bool)
		half := func(addr string) bool { return first[addr] }
		var rooms []*node.Room
		var ids []identity.ID
		var addrs [][]string
		for i := range n {
			o := w.Open(fmt.Sprintf("1.0.0.%d", i+1), 8000)
			first[fmt.Sprintf("1.0.0.%d:8000", i+1)] = i < each
			r, id := nodetest.Enter(t, o, rendezvous)
			rooms, ids, addrs = append(rooms, r), append(ids, id), append(addrs, o.Addrs())
		}
		for _, r := range rooms {
			for i, id := range ids {
				r.Meet(id, addrs[i])
			}
		}
		for i, r := range rooms {
			for _, id := range ids[:i] {
				if !all {
					break
				}
				if _, err := r.Ask(t.Context(), id, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(5 * time.Second)
		w.Block(func(from, to string) bool { return half(from) != half(to) })
		time.Sleep(apart)
		w.Block(nil)
		healed := time.Now()

		var mu sync.Mutex
		reached := make(map[int]time.Duration)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		var readers sync.WaitGroup
		for i := n / 2; i < n; i++ {
			readers.Go(func() {
				if _, _, err := rooms[i].Next(ctx); err == nil {
					mu.Lock()
					reached[i] = time.Since(healed)
					mu.Unlock()
				}
			})
		}
		for k := range 100 {
			rooms[0].Publish(ctx, "presence", []byte{byte(k)})
			time.Sleep(100 * time.Millisecond)
		}
		readers.Wait()
		for i := n / 2; i < n; i++ {
			if took, ok := reached[i]; !ok || took > 5*time.Second {
				t.Errorf("node %d heard the other half after %v (%v)", i, took, ok)
			}
		}
	})
}

// Who says goodbye and closes everything at once is still heard.
func TestGoodbyeIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, on := nodetest.Hosts(t, oneWay, 2)
		a, b := on[0], on[1]
		b.Room.Meet(a.ID, a.Addrs())
		time.Sleep(2 * time.Second)
		b.Room.Publish(t.Context(), "presence", []byte("bye"))
		b.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, msg, err := a.Room.Next(ctx); err != nil || string(msg) != "bye" {
			t.Errorf("%q, %v", msg, err)
		}
	})
}

func TestLossIsMeasuredAtBothEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, on := nodetest.Hosts(t, oneWay, 2)
		a, b := on[0], on[1]
		link(t, b, a)
		sent := 0 // one UDP packet in five from b to a is lost
		w.Block(func(from, _ string) bool {
			if from == "1.0.0.2:8000" {
				sent++
			}
			return from == "1.0.0.2:8000" && sent%5 == 0
		})
		var in, out float64
		reports := 0
		for i := range 500 {
			b.Room.Send(make([]byte, 100), []identity.ID{a.ID})
			time.Sleep(20 * time.Millisecond)
			if i%25 == 24 && len(a.Room.Links()) == 1 && len(b.Room.Links()) == 1 {
				in, out = in+a.Room.Links()[0].LossIn, out+b.Room.Links()[0].LossOut
				reports++
			}
		}
		in, out = in/float64(reports), out/float64(reports)
		if in < 0.1 || in > 0.3 || out < 0.1 || out > 0.3 {
			t.Errorf("measured loss %.2f at the receiver, %.2f at the sender, want about 0.2", in, out)
		}
		if back := a.Room.Links()[0].LossOut; back != 0 {
			t.Errorf("loss %.2f in the direction without any", back)
		}
	})
}

// When every fifth UDP packet is lost, every voice packet still arrives, and once: those
// that were lost come with the next one.
func TestLostPacketsComeWithTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, on := nodetest.Hosts(t, oneWay, 2)
		a, b := on[0], on[1]
		var h heard
		a.Room.OnPacket(h.packet)
		link(t, b, a)
		sent := 0
		w.Block(func(from, _ string) bool {
			if from == "1.0.0.2:8000" {
				sent++
			}
			return from == "1.0.0.2:8000" && sent%5 == 0
		})
		const learning = 100 // packets until the sender knows
		for i := range learning + 101 {
			b.Room.Send([]byte{byte(i)}, []identity.ID{a.ID})
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(time.Second)
		h.mu.Lock()
		defer h.mu.Unlock()
		times := map[string]int{}
		for _, packet := range h.got {
			times[packet]++
		}
		for i := learning; i < learning+100; i++ {
			if n := times[string([]byte{byte(i)})]; n != 1 {
				t.Errorf("packet %d came %d times", i, n)
			}
		}
	})
}

func TestAFloodOfAsksIsTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, on := nodetest.Hosts(t, oneWay, 2)
		a, b := on[0], on[1]
		a.Room.HandleAsk(echo)
		b.Room.Meet(a.ID, a.Addrs())
		time.Sleep(3 * time.Second)
		var mu sync.Mutex
		answered, busy := 0, 0
		var asks sync.WaitGroup
		for range 60 {
			asks.Go(func() {
				_, err := b.Room.Ask(t.Context(), a.ID, []byte("x"))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					answered++
				} else if errors.Is(err, node.ErrBusy) && !errors.Is(err, node.ErrRefused) {
					busy++
				}
			})
		}
		asks.Wait()
		if answered < 38 || answered > 44 || busy != 60-answered {
			t.Errorf("%d answered, %d too much, want 40 and 20", answered, busy)
		}
		time.Sleep(2 * time.Second)
		if _, err := b.Room.Ask(t.Context(), a.ID, []byte("x")); err != nil {
			t.Errorf("after the flood: %v", err)
		}
	})
}

// A link that fell silent counts as given up: the far end, which may hear us to the last, is
// told so by the next hello and takes the new link instead of the old.
func TestSilentLinkIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, on := nodetest.Hosts(t, oneWay, 2)
		a, b := on[0], on[1]
		link(t, b, a)
		time.Sleep(2 * time.Second)
		if a.Turn() != 0 || len(a.Room.Links()) != 1 {
			t.Fatalf("%d connections are given up, %d links", a.Turn(), len(a.Room.Links()))
		}
		w.Block(func(from, _ string) bool { return from == "1.0.0.2:8000" })
		time.Sleep(4 * time.Second)
		if a.Turn() != 1 || len(a.Room.Links()) != 0 {
			t.Errorf("%d connections are given up for silence, %d links are left", a.Turn(), len(a.Room.Links()))
		}
	})
}
