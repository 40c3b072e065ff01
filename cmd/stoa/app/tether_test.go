package app

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoa/cmd/stoa/pause"
	"stoa/identity"
	"stoa/node"
	"stoa/room/relay"
	"stoa/room/seal"
)

// studio is a room of relays that are made up: each passes on what one speaker
// says, who never pauses, and tells five times a second what it passed on.
type studio struct {
	t    *testing.T
	room identity.RoomID

	mu       sync.Mutex
	relays   map[identity.ID]*stand
	complain []relay.Complaint
	partings []parting
	heard    map[uint32]int // how often each packet came
	newest   time.Time      // when the last one came
	gap      time.Duration  // the longest time without one
}

// stand is one relay.
type stand struct {
	key     *identity.Key
	refuses error
	takes   time.Duration // to attach
	dead    bool          // sends nothing any more
	holds   bool          // passes no voice on, though it says so
	forges  bool

	meter    relay.Meter
	attempts int
	place    *standPlace // who is attached; nil when nobody is
}

// standPlace is an attachment to a stand.
type standPlace struct {
	s     *studio
	at    *stand
	cfg   node.AttachConfig
	media bool
	seq   uint32
	holds [8]byte
	done  chan struct{}
	err   error
}

func newStudio(t *testing.T, names ...string) *studio {
	s := &studio{t: t, room: identity.RoomID{7}, relays: map[identity.ID]*stand{}, heard: map[uint32]int{}}
	for _, n := range names {
		s.relays[idOf(n)] = &stand{key: keyOf(n)}
	}
	return s
}

func (s *studio) attach(ctx context.Context, cfg node.AttachConfig) (attachment, error) {
	s.mu.Lock()
	r := s.relays[cfg.Relay]
	r.attempts++
	takes := r.takes
	s.mu.Unlock()
	if pause.For(ctx, takes) != nil {
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.refuses != nil {
		return nil, r.refuses
	}
	if r.place != nil {
		s.t.Errorf("two attachments to %s at a time", cfg.Relay.Short())
	}
	r.place = &standPlace{s: s, at: r, cfg: cfg, media: cfg.Media, done: make(chan struct{})}
	return r.place, nil
}

func (p *standPlace) SetMedia(on bool) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.media = on
}

func (p *standPlace) Holds(c [8]byte) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.holds = c
}

func (p *standPlace) Info() node.AttachmentInfo { return node.AttachmentInfo{Relay: p.cfg.Relay} }
func (p *standPlace) Done() <-chan struct{}     { return p.done }
func (p *standPlace) Err() error                { return p.err }

func (p *standPlace) Close() error {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.end(node.ErrClosed)
	return nil
}

// end ends the attachment. The caller holds the studio's mu.
func (p *standPlace) end(err error) {
	if p.err == nil {
		p.err = err
		close(p.done)
	}
	if p.at.place == p {
		p.at.place = nil
	}
}

// talk has the speaker speak until ctx ends.
func (s *studio) talk(ctx context.Context) {
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for index := uint32(0); ; index += 2 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := time.Now()
		for _, call := range s.round(index, now) {
			call()
		}
	}
}

// round is what the relays send of one packet.
func (s *studio) round(index uint32, now time.Time) (calls []func()) {
	packet := binary.BigEndian.AppendUint32([]byte{'v'}, index)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range sortedIDs(s.relays) {
		r := s.relays[id]
		r.meter.Count(packet, 7, index, 20, false, now)
		var digest []byte
		if index%10 == 0 {
			digest = r.meter.Digest(s.room, id, now).Sign(r.key)
		}
		p := r.place
		if p == nil || r.dead {
			continue
		}
		if digest != nil {
			calls = append(calls, func() { p.cfg.OnDigest(digest, now) })
		}
		if !p.media || r.holds {
			continue
		}
		p.seq++
		seq, b := p.seq, slices.Clone(packet)
		if r.forges {
			b[0] = 'f'
		}
		calls = append(calls, func() { p.cfg.OnBundle(seq, now); p.cfg.OnPacket(b, now) })
	}
	return calls
}

// packet is what opens packets.
func (s *studio) packet(b []byte, at time.Time) (seal.Glance, delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := seal.Glance{KID: 7, Index: binary.BigEndian.Uint32(b[1:]), Frames: 2, Signed: true}
	if b[0] == 'f' {
		return g, forgery
	}
	s.heard[g.Index]++
	if s.heard[g.Index] > 1 {
		return g, again
	}
	if !s.newest.IsZero() {
		s.gap = max(s.gap, at.Sub(s.newest))
	}
	s.newest = at
	return g, brought
}

// longest returns the longest time without voice since it was last asked.
func (s *studio) longest() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	gap := max(s.gap, time.Since(s.newest))
	s.gap = 0
	return gap
}

// with changes a relay.
func (s *studio) with(id identity.ID, change func(*stand)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.relays[id])
}

// attached says how a relay serves: "media", "digests" or nothing.
func (s *studio) attached(id identity.ID) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch p := s.relays[id].place; {
	case p == nil:
		return ""
	case p.media:
		return "media"
	}
	return "digests"
}

// tethered runs a tether to the relays of a studio.
func tethered(t *testing.T, names []string, during func(s *studio, h *tether)) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t, names...)
		h := newTether(tetherConfig{
			knows: func(uint64) bool { return true },
			room:  s.room, me: idOf("me"), log: quiet(),
			attach: s.attach, proof: func() []byte { return nil }, packet: s.packet,
			complain: func(c relay.Complaint) { s.complain = append(s.complain, c) },
			left:     func(p parting) { s.partings = append(s.partings, p) },
		})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { h.run(ctx) })
		wg.Go(func() { s.talk(ctx) })
		during(s, h)
		cancel()
		wg.Wait()
		for id := range s.relays {
			if s.attached(id) != "" {
				t.Errorf("still attached to %s", id.Short())
			}
		}
	})
}

// all is the course of being carried by any of the relays.
func (s *studio) all() course {
	c := course{want: true}
	for _, id := range sortedIDs(s.relays) {
		c.relays = append(c.relays, relay.Candidate{ID: id, Slots: 10, Beacon: identity.Hash{1}, Net: id.String()})
	}
	return c
}

// settled lets the tether come to rest and returns its two relays.
func (s *studio) settled(h *tether) relay.Pair {
	time.Sleep(2 * time.Second)
	pair := h.state().Pair
	if s.attached(pair.Primary) != "media" || s.attached(pair.Shadow) != "digests" {
		s.t.Fatalf("primary %q, shadow %q", s.attached(pair.Primary), s.attached(pair.Shadow))
	}
	s.longest()
	return pair
}

var four = []string{"r1", "r2", "r3", "r4"}

func TestTetherHoldsToTheElected(t *testing.T) {
	tethered(t, four, func(s *studio, h *tether) {
		time.Sleep(time.Second)
		if got := h.state(); got.Pair != (relay.Pair{}) {
			t.Errorf("attached to %v before anybody wanted it", got)
		}
		c := s.all()
		c.holds = [8]byte{1}
		h.follow(c)
		pair := s.settled(h)
		order := relay.Elect(idOf("me"), c.relays)
		if want := (relay.Pair{Primary: order[0].ID, Shadow: order[1].ID}); pair != want {
			t.Errorf("attached to %v, want %v", pair, want)
		}
		if st := h.state(); !st.whole() || st.Left != 0 {
			t.Errorf("state %+v", st)
		}
		c.holds = [8]byte{2}
		h.follow(c)
		time.Sleep(time.Minute)
		for _, id := range []identity.ID{pair.Primary, pair.Shadow} {
			if got := s.relays[id].place.holds; got != c.holds {
				t.Errorf("%s was told that we hold %v, want %v", id.Short(), got, c.holds)
			}
			if n := s.relays[id].attempts; n != 1 {
				t.Errorf("%d attempts", n)
			}
		}
		if gap := s.longest(); gap > 40*time.Millisecond {
			t.Errorf("a gap of %v while all is well", gap)
		}
		c.want = false
		h.follow(c)
		time.Sleep(time.Second)
		for _, id := range []identity.ID{pair.Primary, pair.Shadow} {
			if s.attached(id) != "" {
				t.Error("attached although nobody wants it")
			}
		}
		if len(s.partings) != 0 || len(s.complain) != 0 {
			t.Errorf("told of %v and %v", s.partings, s.complain)
		}
	})
}

// TestTetherSurvives has the primary fail in one way after another.
func TestTetherSurvives(t *testing.T) {
	for name, c := range map[string]struct {
		fail      func(*stand)
		fault     relay.Fault
		within    time.Duration // without voice, at most
		complains bool
	}{
		"its connection breaks": {func(r *stand) { r.dead = true; r.place.end(node.ErrUnreachable) }, relay.Dead, 100 * time.Millisecond, false},
		"it falls silent":       {func(r *stand) { r.dead = true }, relay.Dead, 400 * time.Millisecond, false},
		"it keeps a voice back": {func(r *stand) { r.holds = true }, 0, 800 * time.Millisecond, false},
		"it forges":             {func(r *stand) { r.forges = true }, relay.Forges, 100 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			tethered(t, four, func(s *studio, h *tether) {
				h.follow(s.all())
				was := s.settled(h)
				s.with(was.Primary, c.fail)
				time.Sleep(5 * time.Second)
				now := h.state()
				if now.Pair.Primary != was.Shadow || now.Pair.Shadow == was.Primary || now.Pair.Shadow.IsZero() || !now.whole() {
					t.Errorf("was held to %v, and is to %v", was, now.Pair)
				}
				if gap := s.longest(); gap > c.within {
					t.Errorf("%v without voice, want %v at most", gap, c.within)
				}
				if len(s.partings) != 1 || s.partings[0].Relay != was.Primary || s.partings[0].Path != relay.Primary || now.Left != 1 {
					t.Fatalf("told of %v", s.partings)
				}
				if p := s.partings[0]; c.fault != 0 && p.Fault != c.fault || p.Gap > c.within || p.Gap < 0 {
					t.Errorf("told of %v", p)
				}
				if c.complains != (len(s.complain) == 1) && c.fault != 0 {
					t.Errorf("complained %v", s.complain)
				}
				for _, x := range s.complain {
					if x.Relay != was.Primary || x.Who != idOf("me") || x.Room != s.room || x.Fault != s.partings[0].Fault {
						t.Errorf("complained %+v", x)
					}
				}
			})
		})
	}
}

// TestTetherToBoth has both relays send voice, so that nothing is missed when one dies.
func TestTetherToBoth(t *testing.T) {
	tethered(t, four, func(s *studio, h *tether) {
		h.mu.Lock()
		h.both = true
		h.mu.Unlock()
		h.follow(s.all())
		time.Sleep(time.Minute)
		pair := h.state().Pair
		if s.attached(pair.Primary) != "media" || s.attached(pair.Shadow) != "media" {
			t.Fatalf("primary %q, shadow %q", s.attached(pair.Primary), s.attached(pair.Shadow))
		}
		if len(s.partings) != 0 {
			t.Errorf("left %v while all was well", s.partings)
		}
		s.longest()
		s.with(pair.Primary, func(r *stand) { r.dead = true })
		time.Sleep(10 * time.Second)
		if gap := s.longest(); gap > 40*time.Millisecond {
			t.Errorf("a gap of %v", gap)
		}
		if got := h.state().Pair; got.Primary != pair.Shadow || got.Shadow.IsZero() || s.attached(got.Shadow) != "media" {
			t.Errorf("after %v died the pair is %v, the shadow sends %q", pair.Primary.Short(), got, s.attached(got.Shadow))
		}
	})
}

// A shadow that fails is replaced, and nobody hears anything of it.
func TestTetherReplacesTheShadow(t *testing.T) {
	tethered(t, four, func(s *studio, h *tether) {
		h.follow(s.all())
		was := s.settled(h)
		s.with(was.Shadow, func(r *stand) { r.dead = true })
		time.Sleep(5 * time.Second)
		now := h.state()
		if now.Pair.Primary != was.Primary || now.Pair.Shadow == was.Shadow || !now.whole() {
			t.Errorf("was held to %v, and is to %v", was, now.Pair)
		}
		if gap := s.longest(); gap > 40*time.Millisecond {
			t.Errorf("a gap of %v", gap)
		}
		if len(s.partings) != 1 || s.partings[0].Path != relay.Shadow || s.partings[0].Fault != relay.Silent {
			t.Errorf("told of %v", s.partings)
		}
	})
}

// One that says that it is about to go is left without a gap, and not come
// back to.
func TestTetherLeavesWhoDrains(t *testing.T) {
	tethered(t, []string{"r1", "r2", "r3"}, func(s *studio, h *tether) {
		h.follow(s.all())
		was := s.settled(h)
		s.relays[was.Primary].place.cfg.OnDrain()
		time.Sleep(overlap / 2)
		if s.attached(was.Shadow) != "media" || s.attached(was.Primary) != "media" {
			t.Errorf("old %q and new %q in between, want both sending", s.attached(was.Primary), s.attached(was.Shadow))
		}
		time.Sleep(overlap)
		if s.attached(was.Primary) != "" {
			t.Error("it was not left")
		}
		time.Sleep(drainedFor / 2)
		now := h.state()
		if now.Pair.Primary != was.Shadow || now.Pair.Shadow == was.Primary || !now.whole() || len(s.partings) != 0 {
			t.Errorf("was held to %v, and is to %v; %v", was, now.Pair, s.partings)
		}
		if gap := s.longest(); gap > 40*time.Millisecond {
			t.Errorf("a gap of %v", gap)
		}
	})
}

// With one relay only there is no shadow, and when it drains it is kept until
// it goes.
func TestTetherToOneRelay(t *testing.T) {
	tethered(t, []string{"r1"}, func(s *studio, h *tether) {
		h.follow(s.all())
		time.Sleep(time.Second)
		st := h.state()
		if !st.whole() || st.Pair.Primary != idOf("r1") {
			t.Fatalf("state %+v", st)
		}
		s.relays[idOf("r1")].place.cfg.OnDrain()
		time.Sleep(time.Minute)
		if s.attached(idOf("r1")) != "media" {
			t.Error("the only relay was left before it went")
		}
	})
}

// Relays that cannot be attached to are passed over, and tried again ever more
// rarely.
func TestTetherBacksOff(t *testing.T) {
	tethered(t, []string{"r1", "r2"}, func(s *studio, h *tether) {
		for id := range s.relays {
			s.relays[id].refuses = fmt.Errorf("at capacity: %w", node.ErrFull)
		}
		h.follow(s.all())
		time.Sleep(10 * time.Minute)
		for id, r := range s.relays {
			if r.attempts < 10 || r.attempts > 80 {
				t.Errorf("%d attempts at %s in ten minutes", r.attempts, id.Short())
			}
		}
		for id := range s.relays {
			s.with(id, func(r *stand) { r.refuses = nil })
		}
		time.Sleep(2 * attachRarely)
		if st := h.state(); !st.whole() {
			t.Errorf("not attached when it is possible: %+v", st)
		}
	})
}

func TestTetherPassesOverWhoIsFull(t *testing.T) {
	tethered(t, four, func(s *studio, h *tether) {
		c := s.all()
		order := relay.Elect(idOf("me"), c.relays)
		s.with(order[0].ID, func(r *stand) { r.refuses = node.ErrFull })
		h.follow(c)
		pair := s.settled(h)
		if pair.Primary != order[1].ID || pair.Shadow != order[2].ID {
			t.Errorf("held to %v", pair)
		}
	})
}

// While the first choice is slow, the second one sends.
func TestTetherDoesNotWaitForASlowPrimary(t *testing.T) {
	tethered(t, four, func(s *studio, h *tether) {
		c := s.all()
		order := relay.Elect(idOf("me"), c.relays)
		s.with(order[0].ID, func(r *stand) { r.takes = 9 * time.Second })
		h.follow(c)
		time.Sleep(slowPrimary + 100*time.Millisecond)
		if s.attached(order[1].ID) != "media" {
			t.Error("the voices wait")
		}
		time.Sleep(10 * time.Second)
		s.longest()
		if st := h.state(); st.Pair != (relay.Pair{Primary: order[1].ID, Shadow: order[0].ID}) || !st.whole() {
			t.Errorf("held to %+v", st)
		}
	})
}

// Who comes and goes among the relays moves nobody but those whom they carried.
func TestTetherIsReluctant(t *testing.T) {
	tethered(t, append(four, "r5", "r6"), func(s *studio, h *tether) {
		c := s.all()
		few := c
		few.relays = c.relays[:3]
		h.follow(few)
		was := s.settled(h)
		h.follow(c)
		if now := s.settled(h); now != was {
			t.Errorf("moved from %v to %v because others came", was, now)
		}
		gone := c
		gone.relays = without(c.relays, was.Primary)
		h.follow(gone)
		if now := s.settled(h); now.Primary != was.Shadow || now.Shadow.IsZero() {
			t.Errorf("was held to %v, and is to %v", was, now)
		}
	})
}

// What one of them says in another's name is nothing.
func TestTetherIgnoresDigestsOfOthers(t *testing.T) {
	tethered(t, []string{"r1", "r2"}, func(s *studio, h *tether) {
		h.follow(s.all())
		was := s.settled(h)
		var m relay.Meter
		other := m.Digest(s.room, was.Shadow, time.Now()).Sign(s.relays[was.Shadow].key)
		elsewhere := m.Digest(identity.RoomID{8}, was.Primary, time.Now()).Sign(s.relays[was.Primary].key)
		for _, b := range [][]byte{other, elsewhere, []byte("noise")} {
			s.relays[was.Primary].place.cfg.OnDigest(b, time.Now())
		}
		time.Sleep(time.Second)
		if st := h.state(); st.Pair != was || len(s.partings) != 0 {
			t.Errorf("held to %v, %v", st.Pair, s.partings)
		}
	})
}

// A node that was asleep itself does not say that the relays were, but notices
// who is gone.
func TestTetherThatOversleptJudgesNobody(t *testing.T) {
	for _, c := range []struct {
		name string
		fail func(*stand)
		late time.Duration
		left bool
	}{
		{"awake, it leaves who forges", func(r *stand) { r.forges = true }, 0, true},
		{"a little late as well", func(r *stand) { r.forges = true }, overslept, true},
		{"having overslept it leaves nobody", func(r *stand) { r.forges = true }, overslept + 1, false},
		{"but those who are gone", func(r *stand) { r.place.end(node.ErrUnreachable) }, overslept + 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStudio(t, four...)
				h := newTether(tetherConfig{
					knows: func(uint64) bool { return true },
					room:  s.room, me: idOf("me"), log: quiet(),
					attach: s.attach, proof: func() []byte { return nil }, packet: s.packet,
					left: func(p parting) { s.partings = append(s.partings, p) },
				})
				ctx, cancel := context.WithCancel(t.Context())
				h.follow(s.all())
				for range 3 { // nobody but this test takes turns
					h.turn(ctx, time.Now())
					synctest.Wait()
				}
				was := h.state()
				if !was.whole() {
					t.Fatalf("held to %+v", was)
				}
				talk := func(from, to uint32) {
					for i := from; i < to; i += 2 {
						time.Sleep(40 * time.Millisecond)
						for _, call := range s.round(i, time.Now()) {
							call()
						}
					}
				}
				talk(0, 100)
				s.with(was.Pair.Primary, c.fail)
				synctest.Wait()
				talk(100, 104)
				h.wakeUp(ctx, time.Now().Add(-c.late), time.Now())
				synctest.Wait()
				if left := len(s.partings) == 1 && s.partings[0].Relay == was.Pair.Primary; left != c.left || len(s.partings) > 1 {
					t.Errorf("left %v", s.partings)
				}
				cancel()
				h.letGo()
				h.working.Wait()
			})
		})
	}
}

func TestPartingText(t *testing.T) {
	for _, c := range []struct {
		p    parting
		want string
	}{
		{parting{Path: relay.Primary, Fault: relay.Dead, Gap: 120 * time.Millisecond}, "a relay stopped delivering; switched in 120 ms"},
		{parting{Path: relay.Primary, Fault: relay.Forges}, "a relay brought what nobody had said; switched to another"},
		{parting{Path: relay.Shadow, Fault: relay.Silent}, "a relay that stood by fell silent; looking for another"},
	} {
		if got := c.p.text(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	for f := relay.Dead; f <= relay.Silent; f++ {
		p := parting{Path: relay.Shadow, Fault: f}
		if got := p.text(); got == (&parting{Path: relay.Shadow}).text() {
			t.Errorf("%v has no words", f)
		}
	}
}
