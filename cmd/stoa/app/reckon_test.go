package app

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
	"stoa/room/relay"
)

// carries makes a relay of a room, with slots, that is alive and carries so
// many.
func carries(name string, slots uint16, n int) room.RelayView {
	return room.RelayView{
		RelayMember: room.RelayMember{ID: idOf(name), Slots: slots, Beacon: identity.Hash{1}, Advert: identity.HashOf([]byte(name)), Addrs: []string{"/ip4/127.0.0.1/udp/1/" + name}},
		Weight:      slots, Most: slots, Alive: true, Carries: n,
	}
}

// theatre is a room as me sees it: ann and bob may speak, cid and dan only
// hear, and r1 and r2 are relays that carry nobody, members who do not hear.
func theatre(me string, changes ...func(*room.Snapshot)) *room.Snapshot {
	r1, r2 := being("r1", identity.RoleRelay), being("r2", identity.RoleRelay)
	s := around(me, being("ann", identity.RoleOwner), being("bob", identity.RoleSpeaker), r1, r2,
		being("cid", identity.RoleListener), being("dan", identity.RoleListener))
	s.Relays = []room.RelayView{carries("r1", 100, 0), carries("r2", 100, 0)}
	for _, change := range changes {
		change(s)
	}
	return s
}

func crowded(s *room.Snapshot)    { s.Crowd = true }
func oneCarried(s *room.Snapshot) { s.Relays[1].Carries = 1 }
func bereft(s *room.Snapshot)     { s.Relays[0].Alive, s.Relays[1].Alive = false, false }
func small(s *room.Snapshot)      { s.Relays[0].Most, s.Relays[1].Most = 1, 0 }

// manyRelays makes the room one of n relays of the names m0, m1 and so on.
func manyRelays(n int) func(*room.Snapshot) {
	return func(s *room.Snapshot) {
		s.Relays = nil
		for i := range n {
			s.Relays = append(s.Relays, carries(fmt.Sprint("m", i), 10, 0))
		}
	}
}

func idsOf(cs []relay.Candidate) (ids []identity.ID) {
	for _, c := range cs {
		ids = append(ids, c.ID)
	}
	return ids
}

func TestLevels(t *testing.T) {
	s := theatre("cid")
	s.Relays[0].Alive = false
	s.Relays[1].Weight = 7
	l := levelsOf(s)
	if len(l.fed) != 1 || len(l.serve) != 1 || l.fed[0].ID != idOf("r2") || l.fed[0].Slots != 100 || l.serve[0].Slots != 7 || l.serve[0].Net == "" {
		t.Errorf("of few: %+v", l)
	}
	s = theatre("cid", manyRelays(20))
	l = levelsOf(s)
	if len(l.fed) != relay.MaxTrunk || len(l.serve) != 20-relay.MaxTrunk {
		t.Fatalf("of many: %d are fed, %d serve", len(l.fed), len(l.serve))
	}
	for _, id := range idsOf(l.fed) {
		if slices.Contains(idsOf(l.serve), id) {
			t.Errorf("%s does both", id.Short())
		}
	}
	// Complaints, which not everybody hears, change nobody's level.
	for i := range s.Relays {
		s.Relays[i].Weight = uint16(1 + i)
	}
	if again := levelsOf(s); !slices.Equal(idsOf(again.fed), idsOf(l.fed)) {
		t.Error("the trunk follows complaints")
	}
}

func TestFedBy(t *testing.T) {
	both := []identity.ID{idOf("r1"), idOf("r2")}
	for _, c := range []struct {
		name string
		s    *room.Snapshot
		want []identity.ID
	}{
		{"a small room in which all hear directly", theatre("ann"), nil},
		{"a relay carries one who cannot", theatre("ann", oneCarried), both},
		{"a crowd, of which nobody is carried yet", theatre("ann", crowded), both},
		{"a speaker who is a relay", theatre("r1", crowded), both[1:]},
		{"no relay", theatre("ann", crowded, func(s *room.Snapshot) { s.Relays = nil }), nil},
	} {
		if got := fedBy(c.s, noon); !slices.Equal(got, c.want) {
			t.Errorf("%s: %d relays, want %d", c.name, len(got), len(c.want))
		}
	}
	if got := fedBy(theatre("ann", crowded, manyRelays(20)), noon); len(got) != relay.MaxTrunk {
		t.Errorf("of many relays %d are fed", len(got))
	}
}

// TestWhoLinksWhom asks both ends of every pair: whether there should be a link, and
// whether it may be.
func TestWhoLinksWhom(t *testing.T) {
	names := []string{"ann", "bob", "cid", "dan", "r1"}
	stage, hall := []string{"ann bob"}, []string{"ann cid", "ann dan", "bob cid", "bob dan"}
	relays := []string{"ann r1", "bob r1"}
	// What members may do that nobody needs.
	idle := []string{"cid dan"}
	for _, c := range []struct {
		name    string
		with    []func(*room.Snapshot)
		settled bool
		carried bool
		should  []string // pairs of which at least one end calls the other
		may     []string // pairs of which both let it be
	}{
		{name: "small", should: slices.Concat(stage, hall, relays), may: slices.Concat(stage, hall, idle, relays)},
		{name: "small, with somebody carried", with: []func(*room.Snapshot){oneCarried},
			should: slices.Concat(stage, hall, relays), may: slices.Concat(stage, hall, idle, relays)},
		{name: "a crowd that has just formed", with: []func(*room.Snapshot){crowded},
			should: slices.Concat(stage, relays), may: slices.Concat(stage, hall, idle, relays)},
		{name: "a crowd", with: []func(*room.Snapshot){crowded}, settled: true,
			should: slices.Concat(stage, relays), may: slices.Concat(stage, relays, []string{"cid r1", "dan r1"}[:0])},
		{name: "a crowd that its relays cannot carry", with: []func(*room.Snapshot){crowded, small}, settled: true,
			should: slices.Concat(stage, hall, relays), may: slices.Concat(stage, hall, relays)},
		{name: "whoever is carried in it", with: []func(*room.Snapshot){crowded, small}, settled: true, carried: true,
			should: slices.Concat(stage, relays), may: slices.Concat(stage, hall, relays)},
		{name: "a crowd whose relays are gone", with: []func(*room.Snapshot){crowded, bereft}, settled: true,
			should: slices.Concat(stage, hall), may: slices.Concat(stage, hall, relays)},
	} {
		view := map[string]*room.Snapshot{}
		for _, n := range names {
			view[n] = theatre(n, c.with...)
		}
		for i, a := range names {
			for _, b := range names[i+1:] {
				pair := a + " " + b
				pa, _ := view[b].Person(idOf(a))
				pb, _ := view[a].Person(idOf(b))
				should := shouldLink(view[a], &pb, c.carried) || shouldLink(view[b], &pa, c.carried)
				may := mayHoldLink(view[a], pb.ID, c.settled) && mayHoldLink(view[b], pa.ID, c.settled)
				if should != slices.Contains(c.should, pair) {
					t.Errorf("%s: %s: link wanted: %v", c.name, pair, should)
				}
				if may != slices.Contains(c.may, pair) {
					t.Errorf("%s: %s: link let be: %v", c.name, pair, may)
				}
				if should && !may {
					t.Errorf("%s: %s: wanted and refused", c.name, pair)
				}
			}
		}
		for _, n := range names {
			me, _ := view[n].Person(idOf(n))
			if shouldLink(view[n], &me, c.carried) {
				t.Errorf("%s: %s calls itself", c.name, n)
			}
			if mayHoldLink(view[n], idOf("stranger"), c.settled) {
				t.Errorf("%s: %s lets a stranger in", c.name, n)
			}
		}
	}
}

// TestNobodyIsDeafWithoutRelays: a speaker may have heard of nobody who listens, for they are out of gossip.
func TestNobodyIsDeafWithoutRelays(t *testing.T) {
	s := theatre("ann", crowded, bereft)
	s.People = slices.DeleteFunc(s.People, func(p room.Person) bool { return !p.Stage })
	if s.Audience != 0 || !mayHoldLink(s, idOf("cid"), true) {
		t.Error("a listener is refused though no relay is alive")
	}
}

func TestWantsRelays(t *testing.T) {
	for _, c := range []struct {
		name     string
		s        *room.Snapshot
		unlinked time.Duration
		want     bool
	}{
		{"a listener in a small room", theatre("cid"), 0, false},
		{"who waits for a speaker's link", theatre("cid"), linkPatience - 1, false},
		{"who cannot reach a speaker", theatre("cid"), linkPatience, true},
		{"a speaker who cannot reach another", theatre("bob"), linkPatience, true},
		{"a listener in a crowd", theatre("cid", crowded), 0, true},
		{"with the hand up", theatre("cid", crowded, func(s *room.Snapshot) { s.Me.Place = 1 }), 0, true},
		{"a speaker in a crowd", theatre("bob", crowded), 0, false},
		{"who hears by a seat", theatre("cid", func(s *room.Snapshot) { s.Seated = true }), 0, true},
		{"a relay that does not hear", theatre("r1", crowded), linkPatience, false},
		{"who was put out", theatre("cid", crowded, func(s *room.Snapshot) { s.Live = false }), linkPatience, false},
		{"of a room that has ended", theatre("cid", crowded, func(s *room.Snapshot) { s.State.Closed = true }), 0, false},
	} {
		if got := wantsRelays(c.s, c.unlinked); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestTellers(t *testing.T) {
	name := map[identity.ID]string{idOf("ann"): "ann", idOf("bob"): "bob", idOf("cid"): "cid", idOf("dan"): "dan"}
	nobody := func(s *room.Snapshot) {
		for i := range s.People {
			s.People[i].Stage = false
		}
	}
	for _, c := range []struct {
		name string
		s    *room.Snapshot
		want []string
	}{
		{"those on the stage", theatre("r1"), []string{"ann", "bob"}},
		{"whoever made the secret", theatre("r1", func(s *room.Snapshot) { s.State.Epoch.By = idOf("dan") }), []string{"ann", "bob", "dan"}},
		{"anybody who hears, where nobody speaks", theatre("r1", nobody), []string{"ann", "bob", "cid", "dan"}},
		{"not this node", theatre("ann"), []string{"bob"}},
	} {
		var got []string
		for _, id := range tellersOf(c.s) {
			got = append(got, name[id])
		}
		if slices.Sort(got); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestUnlinkedSince(t *testing.T) {
	now := noon
	s := theatre("cid")
	to := func(names ...string) linkage { return linkageOf(linksTo(names...), nil) }
	since := unlinkedSince(s, to("ann", "dan"), nil, now)
	if len(since) != 1 || !since[idOf("bob")].Equal(now) {
		t.Fatalf("without a link: %v", since)
	}
	later := now.Add(2 * time.Second)
	since = unlinkedSince(s, linkage{}, since, later)
	if len(since) != 2 || !since[idOf("bob")].Equal(now) || !since[idOf("ann")].Equal(later) {
		t.Errorf("a little later: %v", since)
	}
	if got := longestOf(since, later.Add(time.Second)); got != 3*time.Second {
		t.Errorf("the longest: %v", got)
	}
	if since = unlinkedSince(s, to("bob", "ann"), since, later); len(since) != 0 || longestOf(since, later) != 0 {
		t.Errorf("when all are linked: %v", since)
	}
	dead := linksTo("ann", "bob")
	dead[1].Quiet = linkQuiet
	if since = unlinkedSince(s, linkageOf(dead, nil), nil, later); len(since) != 1 || longestOf(since, later) != linkPatience {
		t.Errorf("with a link that brings nothing: %v", since)
	}
	s.People[1].Stage = false
	if since = unlinkedSince(s, to("ann"), nil, later); len(since) != 0 {
		t.Errorf("of who is off the stage: %v", since)
	}
}

func TestAuditors(t *testing.T) {
	s := theatre("ann")
	for i := range 10 {
		p := being(fmt.Sprint("speaker ", i), identity.RoleSpeaker)
		s.People = append(s.People, p)
	}
	r := &s.Relays[0]
	got := auditorsOf(s, r)
	if len(got) != auditors {
		t.Fatalf("%d auditors", len(got))
	}
	for _, id := range got {
		if p, _ := s.Person(id); !p.Stage {
			t.Errorf("%s may not speak and measures", p.Name)
		}
	}
	slices.Reverse(s.People)
	if again := auditorsOf(s, r); !slices.Equal(again, got) {
		t.Error("the order of the people matters")
	}
	next := *r
	next.Advert = identity.Hash{9}
	if slices.Equal(auditorsOf(s, &next), got) && slices.Equal(auditorsOf(s, &s.Relays[1]), got) {
		t.Error("neither the advert nor the relay matters")
	}
	if few := auditorsOf(theatre("ann"), r); len(few) != 2 {
		t.Errorf("of two who may %d measure", len(few))
	}
}

func TestHolds(t *testing.T) {
	s := stage("cid")
	if got := holdsOf(s); string(got[:]) != string(oldKey.Commit[:8]) {
		t.Errorf("holds %x", got)
	}
	s.Epochs[0].Known = false
	if got := holdsOf(s); got != ([8]byte{}) {
		t.Errorf("holds %x without having it", got)
	}
}

// TestCling has reasons for relays come and go.
func TestCling(t *testing.T) {
	var c cling
	now := noon
	const s = time.Second
	for i, step := range []struct {
		after  time.Duration
		reason bool
		want   bool
	}{
		{0, false, false}, {s, true, true}, {s, false, true}, {carriedOn - 2*s, false, true}, {s, false, false},
		// Needed again soon: the next time it is held for longer.
		{s, true, true}, {carriedOn, false, true}, {carriedOn, false, false},
		{s, true, true}, {2 * carriedOn, false, true}, {2 * carriedOn, false, false},
		// A link that comes and goes all the time costs no more than the relay.
		{s, true, true}, {s, false, true}, {s, true, true}, {s, false, true}, {s, true, true}, {8*carriedOn - s, false, true}, {s, false, false},
		// After a long time without need it is as at the beginning.
		{carriedCalm, true, true}, {carriedOn - s, false, true}, {s, false, false},
	} {
		now = now.Add(step.after)
		if got := c.next(step.reason, now); got != step.want {
			t.Errorf("step %d: held: %v", i, got)
		}
	}
	for range 20 {
		c.next(true, now)
		for now = now.Add(s); c.next(false, now); now = now.Add(s) {
		}
	}
	if c.keep != carriedLong {
		t.Errorf("in the end relays are held for %v", c.keep)
	}
}

// TestReckoner goes through an evening of one listener.
func TestReckoner(t *testing.T) {
	var a reckoner
	now := time.Unix(1000, 0)
	linked := linksTo("ann", "bob")
	info := &node.AttachmentInfo{}
	none := held{}
	half := held{Pair: relay.Pair{Primary: idOf("r1"), Shadow: idOf("r2")}, Primary: info}
	both := held{Pair: half.Pair, Primary: info, Shadow: info}
	one := held{Pair: relay.Pair{Primary: idOf("r1")}, Primary: info}
	hand := func(s *room.Snapshot) { s.Me.Place = 1 }
	for _, c := range []struct {
		what        string
		after       time.Duration
		s           *room.Snapshot
		links       []node.LinkInfo
		h           held
		want, quiet bool
	}{
		{"small", 0, theatre("cid"), linked, none, false, false},
		{"bob is out of reach", 0, theatre("cid"), linked[:1], none, false, false},
		{"for long", linkPatience, theatre("cid"), linked[:1], none, true, false},
		{"carried", time.Second, theatre("cid"), linked[:1], both, true, false},
		{"bob is back", time.Second, theatre("cid"), linked, both, true, false},
		{"for long", carriedOn, theatre("cid"), linked, both, false, false},
		{"a crowd", 0, theatre("cid", crowded), linked, none, true, false},
		{"one relay of two", 0, theatre("cid", crowded), nil, half, true, false},
		{"both", 0, theatre("cid", crowded), nil, both, true, true},
		{"the shadow is lost", time.Hour, theatre("cid", crowded), nil, half, true, true},
		{"all are lost", 0, theatre("cid", crowded), nil, none, true, true},
		{"soon found again", deafFor - 1, theatre("cid", crowded), nil, half, true, true},
		{"lost again", 0, theatre("cid", crowded), nil, none, true, true},
		{"for too long", 2 * deafFor, theatre("cid", crowded), nil, none, true, false},
		{"the only relay there is", 0, theatre("cid", crowded), nil, one, true, true},
		{"a hand goes up", 0, theatre("cid", crowded, hand), nil, both, true, false},
		{"and down", 0, theatre("cid", crowded), nil, both, true, true},
		{"on the stage", 0, theatre("bob", crowded), linked[:1], both, true, false},
		{"the crowd goes home", 2 * carriedOn, theatre("cid"), linked, both, false, false},
	} {
		now = now.Add(c.after)
		got, quiet := a.next(c.s, linkageOf(c.links, nil), &c.h, now)
		if got.want != c.want || quiet != c.quiet {
			t.Errorf("%s: relays wanted: %v, quiet: %v", c.what, got.want, quiet)
		}
		if len(got.relays) != 2 {
			t.Errorf("%s: %d relays to choose from", c.what, len(got.relays))
		}
	}
	s := theatre("r1", crowded)
	if c, _ := a.next(s, linkage{}, &none, now); len(c.relays) != 1 {
		t.Error("a relay may choose itself")
	}
}

func TestAuditing(t *testing.T) {
	s := theatre("ann")
	a := auditing{of: map[identity.Hash]audit{}}
	now := time.Unix(1000, 0)
	measured := map[identity.ID][]time.Time{}
	step := func(d time.Duration) (adverts []identity.Hash) {
		for end := now.Add(d); now.Before(end); now = now.Add(time.Second) {
			if advert, id, due := a.next(s, now); due {
				measured[id] = append(measured[id], now)
				adverts = append(adverts, advert)
			}
		}
		return adverts
	}
	adverts := step(auditTime)
	if len(adverts) != 1 {
		t.Fatalf("%d at a time", len(adverts))
	}
	a.finish(adverts[0])
	step(time.Hour)
	var once, often identity.ID
	for id, at := range measured {
		if len(at) == 1 {
			once = id
		} else {
			often = id
		}
	}
	if once.IsZero() || len(measured[often]) != maxAudits {
		t.Fatalf("measured %v", measured)
	}
	for i, at := range measured[often][1:] {
		if d := at.Sub(measured[often][i]); d < auditAgain {
			t.Errorf("again after %v", d)
		}
	}
	s.Relays[0].Advert, s.Relays[1].Advert = identity.Hash{1}, identity.Hash{2}
	s.Relays[0].Alive = false
	if again := step(time.Minute); len(again) != 1 || again[0] != (identity.Hash{2}) {
		t.Errorf("new adverts lead to %v", again)
	}
	if len(a.of) != 1 {
		t.Errorf("%d adverts remembered, of which one stands", len(a.of))
	}
}

func TestAdvisesFlip(t *testing.T) {
	relays := []identity.ID{idOf("r1"), idOf("r2")}
	flips := func(name string) []node.LinkInfo {
		return []node.LinkInfo{{ID: idOf("ann")}, {ID: idOf(name), Flip: true}}
	}
	if !advisesFlip(flips("r1"), relays) || advisesFlip(flips("r2"), relays) || advisesFlip(flips("r1"), nil) || advisesFlip(nil, relays) {
		t.Error("not the first relay is obeyed, or another")
	}
}

// Who comes into the audience of a crowd is out of gossip from the start, and
// comes in when no relay will have him.
func TestReckonerBegins(t *testing.T) {
	now := time.Unix(1000, 0)
	if a := reckonerOf(theatre("cid"), now); a.quiet {
		t.Error("quiet in a small room")
	}
	s := theatre("cid", func(s *room.Snapshot) { s.Seated = true })
	a := reckonerOf(s, now)
	for _, c := range []struct {
		after time.Duration
		quiet bool
	}{{0, true}, {deafFor - 1, true}, {2 * deafFor, false}} {
		if _, quiet := a.next(s, linkage{}, &held{}, now.Add(c.after)); quiet != c.quiet {
			t.Errorf("after %v without a relay: quiet %v", c.after, quiet)
		}
	}
}

// The acting host tells what it hears and says, and counts only while it is the
// host of a crowd.
func TestWitness(t *testing.T) {
	var w witness
	now := time.Unix(1000, 0)
	ann := sealerOf(t, "ann", oldKey)
	w.count(signedBy(t, ann, 0, 2), now)
	if w.floor(identity.RoomID{1}, idOf("ann"), now) != nil {
		t.Error("something is told that nobody asked for")
	}
	w.watch(true)
	w.count(signedBy(t, ann, 2, 2), now)
	w.watch(true) // again, which changes nothing
	w.count(signedBy(t, ann, 4, 2), now)
	w.count([]byte("noise"), now)
	f := w.floor(identity.RoomID{1}, idOf("ann"), now)
	if f == nil || f.Host != idOf("ann") || len(f.Live) != 1 || f.Live[0].Count != 2 || f.Live[0].Index != 4 {
		t.Errorf("told %+v", f)
	}
	w.watch(false)
	if w.floor(identity.RoomID{1}, idOf("ann"), now) != nil {
		t.Error("told by one who is no host any more")
	}
}
