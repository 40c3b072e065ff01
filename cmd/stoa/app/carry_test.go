// What a relay passes on, whom it carries, and how it begins and ends.

package app

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
	"stoa/room/relay"
	"stoa/room/seal"
)

// fan is a fanout that keeps what it is given.
type fan struct {
	mu       sync.Mutex
	packets  [][]byte
	voices   []node.Voice
	digests  [][]byte
	children []node.ChildInfo
	reviews  int
	flips    []uint64
	limits   [2]int        // slots and bytes a second, as set last
	drained  time.Duration // that the last Drain was given
	patience time.Duration // that Drain takes
	closed   bool
}

func (f *fan) Forward(packet []byte, v node.Voice) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.packets, f.voices = append(f.packets, bytes.Clone(packet)), append(f.voices, v)
}

func (f *fan) SendDigest(b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.digests = append(f.digests, b)
}

func (f *fan) Children() []node.ChildInfo {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.children)
}

func (f *fan) Review() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reviews++
}

func (f *fan) Limit(slots, up int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.limits = [2]int{slots, up}
}

func (f *fan) Flips() []uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.flips
}

func (f *fan) Forwarded() node.ForwardStats { return node.ForwardStats{} }

func (f *fan) Drain(ctx context.Context) error {
	end, _ := ctx.Deadline()
	f.mu.Lock()
	f.drained = time.Until(end)
	f.mu.Unlock()
	select {
	case <-time.After(f.patience):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *fan) Stats() node.RelayStats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := node.RelayStats{Children: len(f.children)}
	for _, c := range f.children {
		if c.Media {
			s.Media++
		}
	}
	return s
}

func (f *fan) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	return nil
}

func (f *fan) reopen() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed, f.drained = false, 0
}

// asks has the fan want speakers to pair their frames the other way.
func (f *fan) asks(kids ...uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flips = kids
}

func (f *fan) have(children ...node.ChildInfo) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.children = children
}

// porch is a membership that keeps what it is told.
type porch struct {
	mu       sync.Mutex
	snapshot *room.Snapshot
	admits   room.Admission
	adverts  []room.AdvertArgs
	attended []*relay.Attendance
	roster   func() []identity.ID
}

func (p *porch) Admits(identity.ID, []byte) room.Admission { return p.admits }
func (p *porch) FeedsAudience(string, []byte) bool         { return true }
func (p *porch) Snapshot() *room.Snapshot                  { return p.snapshot }

func (p *porch) HandleRoster(f func() []identity.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.roster = f
}

func (p *porch) PublishAttendance(_ context.Context, a *relay.Attendance) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.attended = append(p.attended, a)
	return nil
}

func (p *porch) Advertise(_ context.Context, a room.AdvertArgs) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.adverts = append(p.adverts, a)
	return nil
}

// relayed is a room as its relay rita sees it, in which ann and bob may speak.
func relayed() *room.Snapshot {
	s := stage("rita")
	rita := being("rita", identity.RoleRelay)
	s.People, s.Me = append(s.People, rita), rita
	s.State.Members[rita.ID] = rita.Member
	s.Epochs[0].Known = false // it holds no secret
	return s
}

// carrying is rita's carrier with what is around it.
type carrying struct {
	*carrier
	fan   *fan
	porch *porch

	mu      sync.Mutex // of what follows: the carrier runs beside the test
	served  []node.ServeConfig
	loan    loan
	events  []Event
	advised map[identity.ID]bool
}

func newCarrying() *carrying {
	s := relayed()
	c := &carrying{
		carrier: newCarrier(keyOf("rita"), s.Room, session, slog.New(slog.DiscardHandler)),
		fan:     &fan{},
		porch:   &porch{snapshot: s},
		loan:    loan{slots: 10, up: 1000, addrs: []string{"/ip4/192.0.2.1/udp/1/quic-v1/p2p/x"}},
	}
	c.carrier.room = c.porch
	c.serve = func(cfg node.ServeConfig) (fanout, error) {
		defer c.lock()()
		c.served = append(c.served, cfg)
		c.fan.reopen()
		return c.fan, nil
	}
	c.lend = func() loan {
		defer c.lock()()
		return c.loan
	}
	c.advised = map[identity.ID]bool{}
	c.advise = func(who identity.ID, flip bool) {
		defer c.lock()()
		c.advised[who] = flip
	}
	c.tell = func(e Event) {
		defer c.lock()()
		c.events = append(c.events, e)
	}
	return c
}

// start has the carrier run and see the room, until stop is called.
func (c *carrying) start(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := c.run(ctx); err != nil {
			t.Error(err)
		}
	})
	c.follow(c.porch.snapshot)
	return func() {
		cancel()
		running.Wait()
	}
}

// seen is what has come of a carrier until now.
type seen struct {
	served   []node.ServeConfig
	advised  map[identity.ID]bool
	adverts  []room.AdvertArgs
	attended []*relay.Attendance
	roster   func() []identity.ID
	digests  [][]byte
	limits   [2]int
	closed   bool
	drained  time.Duration
}

// look waits until the carrier has nothing to do, and tells what has come of it.
func (c *carrying) look() seen {
	synctest.Wait()
	defer c.lock()()
	c.fan.mu.Lock()
	defer c.fan.mu.Unlock()
	c.porch.mu.Lock()
	defer c.porch.mu.Unlock()
	return seen{
		slices.Clone(c.served), maps.Clone(c.advised), slices.Clone(c.porch.adverts), slices.Clone(c.porch.attended),
		c.porch.roster, slices.Clone(c.fan.digests), c.fan.limits, c.fan.closed, c.fan.drained,
	}
}

func (c *carrying) lock() (unlock func()) {
	c.mu.Lock()
	return c.mu.Unlock
}

// can changes what rita can give.
func (c *carrying) can(slots, up int) {
	defer c.lock()()
	c.loan.slots, c.loan.up = slots, up
}

// forget drops the events that were told.
func (c *carrying) forget() {
	defer c.lock()()
	c.events = nil
}

// told lists the kinds of the events that were told, with whether they were on.
func (c *carrying) told() (kinds []string) {
	defer c.lock()()
	for _, e := range c.events {
		kind := e.Kind
		if e.On != nil && !*e.On {
			kind += " off"
		}
		kinds = append(kinds, kind)
	}
	return kinds
}

// packets makes signed packets of two frames each of somebody on the stage.
func packets(t *testing.T, who string, n int) [][]byte {
	t.Helper()
	s := seal.NewSealer(identity.RoomID{1}, keyOf(who), session)
	if err := s.SetEpoch(seal.Epoch{Commit: oldKey.Commit, Secret: oldKey.Secret}); err != nil {
		t.Fatal(err)
	}
	var made [][]byte
	for i := range uint32(n) {
		p, err := s.SealSigned(nil, seal.Frame{Index: 2 * i, Payload: []byte{1}}, seal.Frame{Index: 2*i + 1, Since: 1, Payload: []byte{2}})
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, p)
	}
	return made
}

func TestCarrierPassesOnWhatMayBeHeard(t *testing.T) {
	c := newCarrying()
	c.set(c.fan, lending)
	c.follow(c.porch.snapshot)
	anns, cids := packets(t, "ann", 4), packets(t, "cid", 1)
	forged := bytes.Clone(anns[3])
	forged[len(forged)-1] ^= 1

	passes := func(what string, packet []byte, want bool) {
		t.Helper()
		before := len(c.fan.packets)
		c.receive(packet, time.Now())
		if got := len(c.fan.packets) > before; got != want {
			t.Errorf("%s: passed on %v, want %v", what, got, want)
		} else if want && !bytes.Equal(c.fan.packets[before], packet) {
			t.Errorf("%s: the bytes were changed", what)
		}
	}
	passes("a speaker's", anns[0], true)
	passes("the same again", anns[0], false)
	passes("a forged one", forged, false)
	passes("a listener's", cids[0], false)
	passes("garbage", []byte("garbage"), false)
	if v := c.fan.voices[0]; v.Frames != 2 || v.Index != 0 || v.KID == 0 {
		t.Errorf("it is described as %+v", v)
	}

	muted := relayed()
	muted.People[0].Speaks = false
	c.follow(muted)
	passes("one of somebody muted", anns[1], false)
	c.follow(relayed())
	passes("one of somebody unmuted", anns[1], true)
	c.set(nil, idle)
	passes("one while nothing is carried", anns[2], false)

	d := c.meter.Digest(c.id, idOf("rita"), time.Now())
	if len(d.Live) != 1 || d.Live[0].Count != 2 {
		t.Errorf("the digest says %+v", d.Live)
	}
}

// Sessions and epochs go by; what is kept of their streams goes with them.
func TestCarrierForgetsStreams(t *testing.T) {
	c := newCarrying()
	c.set(c.fan, lending)
	c.follow(c.porch.snapshot)
	c.receive(packets(t, "ann", 1)[0], time.Now())
	c.receive(packets(t, "bob", 1)[0], time.Now())
	if len(c.kids) != 2 || len(c.direct) != 2 {
		t.Fatalf("it knows %d streams, %d of them directly", len(c.kids), len(c.direct))
	}
	next := relayed()
	next.People[0].Session = [8]byte{99}
	c.follow(next)
	if len(c.kids) != 1 || len(c.direct) != 1 {
		t.Errorf("after ann's next session it knows %d streams, %d of them directly", len(c.kids), len(c.direct))
	}
	next = relayed()
	next.Epochs = []room.EpochKey{epochOf(3, time.Time{})}
	c.follow(next)
	if len(c.kids) != 0 || len(c.direct) != 0 {
		t.Errorf("in the next epoch it knows %d streams, %d of them directly", len(c.kids), len(c.direct))
	}
}

func TestCarrierReviewsWhenTheStateChanges(t *testing.T) {
	c := newCarrying()
	c.set(c.fan, lending)
	c.follow(c.porch.snapshot)
	beat := *c.porch.snapshot // a heartbeat changes nothing in the state
	c.follow(&beat)
	if c.fan.reviews != 1 {
		t.Errorf("%d reviews", c.fan.reviews)
	}
	c.follow(relayed())
	if c.fan.reviews != 2 {
		t.Errorf("%d reviews", c.fan.reviews)
	}
}

func TestCarrierComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCarrying()
		c.fan.patience = time.Second
		defer c.start(t)()
		if len(c.look().served) != 0 {
			t.Fatal("it serves unasked")
		}
		c.want(true)
		if seen := c.look(); len(seen.served) != 1 || seen.served[0].Slots != 10 || seen.served[0].Up != 1000 || seen.roster == nil {
			t.Fatalf("served %+v", seen.served)
		}
		c.fan.have(node.ChildInfo{ID: idOf("cid"), Peer: "p", Media: true}, node.ChildInfo{ID: idOf("dan"), Peer: "q"})
		time.Sleep(6 * time.Second)
		seen := c.look()
		if got := seen.roster(); !slices.Equal(got, []identity.ID{idOf("cid")}) {
			t.Errorf("the roster is %v", got)
		}
		if got, want := c.told(), []string{EventLend, EventCarries, EventCarries}; !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
		if a := seen.attended; len(a) != 2 || a[0].Count != 0 || a[1].Count != 1 || len(a[1].Joins) != 1 {
			t.Errorf("attendances %+v", a)
		}
		if a := seen.adverts; len(a) != 1 || a[0].Slots != 10 || a[0].Kbps != 8 || len(a[0].Addrs) != 1 {
			t.Errorf("adverts %+v", a)
		}
		if n := len(seen.digests); n != 30 {
			t.Errorf("%d digests in 6 s", n)
		}
		if d, err := relay.ParseDigest(seen.digests[0]); err != nil || d.Relay != idOf("rita") {
			t.Errorf("digest %+v, %v", d, err)
		}

		// What it can give changes, and so does who should pair frames otherwise.
		c.receive(packets(t, "ann", 1)[0], time.Now())
		c.fan.asks(c.fan.voices[0].KID, 99)
		c.can(4, 500)
		time.Sleep(tallyEvery)
		seen = c.look()
		if seen.limits != [2]int{4, 500} {
			t.Errorf("limits %v", seen.limits)
		}
		if a := seen.adverts; len(a) != 2 || a[1].Slots != 4 {
			t.Errorf("adverts %+v", a)
		}
		if len(seen.advised) != 1 || !seen.advised[idOf("ann")] {
			t.Errorf("advised %v", seen.advised)
		}
		c.fan.asks()
		time.Sleep(tallyEvery)
		seen = c.look()
		if len(seen.advised) != 1 || seen.advised[idOf("ann")] {
			t.Errorf("advised %v", seen.advised)
		}
		c.forget()

		c.want(false) // drains, then closes
		time.Sleep(500 * time.Millisecond)
		seen = c.look()
		if seen.closed || seen.drained != drainTime {
			t.Errorf("closed %v, drain was given %v", seen.closed, seen.drained)
		}
		time.Sleep(time.Second)
		seen = c.look()
		if !seen.closed || seen.roster != nil {
			t.Error("it goes on")
		}
		want := []string{EventDrain, EventLend + " off"}
		if got := c.told(); !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}

		// Who may not carry any more is not given the time for goodbyes.
		c.want(true)
		synctest.Wait()
		c.fan.reopen()
		demoted := relayed()
		demoted.Me.Caps = identity.CapHear
		c.follow(demoted)
		seen = c.look()
		if !seen.closed || seen.drained != 0 {
			t.Errorf("closed %v, drain was given %v", seen.closed, seen.drained)
		}
	})
}

func TestCarrierWaitsUntilItCanBeReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCarrying()
		c.can(0, 0)
		defer c.start(t)()
		c.want(true)
		time.Sleep(3 * lookEvery)
		if got, want, n := c.told(), []string{EventLend + " off"}, len(c.look().served); !slices.Equal(got, want) || n != 0 {
			t.Errorf("told %q, served %d times", got, n)
		}
		c.can(5, 0)
		time.Sleep(lookEvery)
		if n := len(c.look().served); n != 1 {
			t.Errorf("served %d times", n)
		}
	})
}

func TestCarrierAdmits(t *testing.T) {
	c := newCarrying()
	for verdict, want := range map[room.Admission]node.Admission{room.Yes: node.Yes, room.No: node.No, room.NotYet: node.NotYet} {
		c.porch.admits = verdict
		if got := c.admit(idOf("cid"), nil); got != want {
			t.Errorf("%v becomes %v", verdict, got)
		}
	}
	c.porch.admits = room.No
	other := being("roy", identity.RoleRelay)
	c.porch.snapshot.State.Members[other.ID] = other.Member
	if c.admit(other.ID, nil) != node.Yes {
		t.Error("another relay is refused")
	}
}

// Of more relays than the speakers feed, the others are fed by those.
func TestUpstream(t *testing.T) {
	s := relayed()
	add := func(name string) {
		s.Relays = append(s.Relays, room.RelayView{RelayMember: room.RelayMember{ID: idOf(name), Slots: 10, Beacon: identity.Hash{1}}, Weight: 10, Alive: true})
	}
	add("rita")
	if upstream(s).want {
		t.Error("the only relay wants to be fed by others")
	}
	for n := range relay.MaxTrunk + 4 {
		add(string(rune('a' + n)))
	}
	fed := 0
	for _, r := range s.Relays {
		s.Me.ID = r.ID
		c := upstream(s)
		if !c.want {
			fed++
			continue
		}
		if len(c.relays) != relay.MaxTrunk || slices.ContainsFunc(c.relays, func(o relay.Candidate) bool { return o.ID == r.ID }) {
			t.Errorf("%s is fed by %d relays", r.ID.Short(), len(c.relays))
		}
	}
	if fed != relay.MaxTrunk {
		t.Errorf("the speakers feed %d relays", fed)
	}
	s.Me.ID = idOf("somebody else")
	if upstream(s).want {
		t.Error("one that is no relay yet wants to be fed")
	}
}

func TestCarrierJudgesWhoBrings(t *testing.T) {
	c := newCarrying()
	anns := packets(t, "ann", 2)
	brings := func(what string, packet []byte, want delivery) {
		t.Helper()
		if _, got := c.bring(packet, time.Now()); got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	brings("while nothing is carried", anns[0], unwanted)
	c.set(c.fan, lending)
	c.follow(c.porch.snapshot)
	forged := bytes.Clone(anns[1])
	forged[len(forged)-1] ^= 1
	brings("a speaker's", anns[0], brought)
	brings("the same", anns[0], again)
	brings("forged", forged, forgery)
	brings("garbage", []byte("garbage"), forgery)
	brings("a listener's", packets(t, "cid", 1)[0], unwanted)

	// While a relay moves between the levels, speakers feed it as well as others.
	c.receive(anns[1], time.Now())
	brings("what the speaker has brought", anns[1], brought)
	if _, got := c.bring(anns[1], time.Now().Add(directFor)); got != again {
		t.Errorf("what the speaker brought long ago: %v, want %v", got, again)
	}
}

func TestMoves(t *testing.T) {
	child := func(peer, who string, media bool) node.ChildInfo {
		return node.ChildInfo{Peer: peer, ID: idOf(who), Media: media}
	}
	var came, went []identity.ID
	join := func(id identity.ID) { came = append(came, id) }
	leave := func(id identity.ID) { went = append(went, id) }
	step := func(before map[string]identity.ID, children ...node.ChildInfo) map[string]identity.ID {
		came, went = nil, nil
		return moves(before, children, join, leave)
	}
	here := step(nil, child("p", "ann", true), child("q", "bob", false))
	if !slices.Equal(came, []identity.ID{idOf("ann")}) || went != nil {
		t.Errorf("came %v, went %v", came, went)
	}
	here = step(here, child("p", "ann", true), child("q", "bob", true))
	if !slices.Equal(came, []identity.ID{idOf("bob")}) || went != nil {
		t.Errorf("came %v, went %v", came, went)
	}
	here = step(here, child("p", "cid", true)) // a peer that changed hands
	if !slices.Equal(came, []identity.ID{idOf("cid")}) || len(went) != 2 {
		t.Errorf("came %v, went %v", came, went)
	}
	if here = step(here); len(here) != 0 || !slices.Equal(went, []identity.ID{idOf("cid")}) {
		t.Errorf("went %v", went)
	}
}

func TestDirect(t *testing.T) {
	for _, c := range []struct {
		addr            string
		private, public bool
	}{
		{"/ip4/8.8.8.8/udp/1/quic-v1/p2p/x", true, true},
		{"/ip4/192.168.0.7/udp/1/quic-v1/p2p/x", true, false},
		{"/ip4/127.0.0.1/tcp/1/p2p/x", true, false},
		{"/ip6/fe80::1/tcp/1/p2p/x", true, false},
		{"/dns4/relay.example/tcp/1/p2p/x", true, true},
		{"/ip4/8.8.8.8/udp/1/quic-v1/p2p/x/p2p-circuit/p2p/y", false, false},
		{"", true, false},
	} {
		if got := direct(c.addr, false); got != c.private {
			t.Errorf("%s on a private network: %v", c.addr, got)
		}
		if got := direct(c.addr, true); got != c.public {
			t.Errorf("%s on the public network: %v", c.addr, got)
		}
	}
}
