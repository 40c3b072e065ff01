// The machines of a room one by one: tables, and the same events in any order.

package room

import (
	"crypto/sha256"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"stoa/identity"
)

var noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// at is an instant after noon, as the wire has it.
func at(d time.Duration) uint64 { return uint64(noon.Add(d).UnixMilli()) }

func someone(n byte) identity.ID { return identity.ID{n} }

func noOne(identity.ID) bool     { return false }
func everybody(identity.ID) bool { return true }
func waits(*Hand) bool           { return false }

func TestBucket(t *testing.T) {
	b := bucket{burst: 3, every: time.Second}
	steps := []struct {
		after time.Duration
		want  bool
	}{
		{0, true}, {0, true}, {0, true}, {0, false},
		{time.Second, true}, {0, false},
		{time.Hour, true}, {0, true}, {0, true}, {0, false},
	}
	now := noon
	for i, s := range steps {
		now = now.Add(s.after)
		if got := b.take(now); got != s.want {
			t.Errorf("step %d: %t", i, got)
		}
	}
}

func TestBucketsAreBounded(t *testing.T) {
	s := buckets{burst: 1, every: time.Minute}
	for n := range maxBuckets {
		if !s.take(identity.ID{byte(n), byte(n >> 8)}, noon) {
			t.Fatalf("person %d has to wait", n)
		}
	}
	if s.take(identity.ID{0, 0, 1}, noon) || len(s.of) > maxBuckets {
		t.Error("a flood of names gets in or takes memory")
	}
	if !s.take(identity.ID{0, 0, 1}, noon.Add(time.Hour)) || len(s.of) > 1 {
		t.Errorf("%d people are counted after an hour", len(s.of))
	}
}

// TestQueueInAnyOrder gives many members' hands to queues in random orders,
// some of them twice, and takes some down at a random moment: they agree.
func TestQueueInAnyOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for round := range 300 {
		var hands []*Hand
		for n := range 12 {
			who := someone(byte(1 + rnd.IntN(5)))
			hands = append(hands, &Hand{Who: who, Up: rnd.IntN(3) > 0, Time: at(time.Duration(rnd.IntN(6)) * time.Second), Seq: uint64(n)})
		}
		state := &State{Lowered: map[identity.ID]Lowered{someone(1): {Until: at(time.Duration(rnd.IntN(6)) * time.Second)}}}
		var want []Raised
		for order := range 4 {
			q := new(queue)
			told := rnd.IntN(2 * len(hands)) // of the one that was taken down
			for n, i := range append(rnd.Perm(len(hands)), rnd.Perm(len(hands))...) {
				if n == told {
					q.settle(noon.Add(6*time.Second), state.lowers, everybody)
				}
				if n < told || !state.lowers(hands[i]) {
					q.put(hands[i], identity.Marshal(hands[i]), noon, noon.Add(6*time.Second))
				}
			}
			q.settle(noon.Add(6*time.Second), waits, everybody)
			got := q.list()
			if order == 0 {
				want = got
			} else if !slices.Equal(got, want) {
				t.Fatalf("round %d: one order gives %v, another %v", round, want, got)
			}
			for i, r := range got {
				if r.Place != i+1 || i > 0 && r.Since.Before(got[i-1].Since) {
					t.Fatalf("round %d: the queue is out of order: %v", round, got)
				}
			}
		}
	}
}

func TestQueueSettles(t *testing.T) {
	raised := func() *queue {
		q := new(queue)
		q.put(&Hand{Who: someone(1), Up: true, Time: at(0), Seq: 1}, []byte("hand"), noon, noon)
		return q
	}
	tests := []struct {
		name  string
		after time.Duration
		over  func(*Hand) bool
		here  func(identity.ID) bool
		up    bool
	}{
		{"waits", 9 * time.Minute, waits, everybody, true},
		{"over", time.Second, func(*Hand) bool { return true }, everybody, false},
		{"away for a moment", 59 * time.Second, waits, noOne, true},
		{"away for long", 60 * time.Second, waits, noOne, false},
		{"forgotten", 10 * time.Minute, waits, everybody, false},
	}
	for _, tt := range tests {
		q := raised()
		if tt.here(someone(1)) {
			q.settle(noon.Add(tt.after-time.Second), waits, everybody)
		}
		q.settle(noon.Add(tt.after), tt.over, tt.here)
		if up := q.raised(someone(1)) != nil; up != tt.up {
			t.Errorf("%s: hand up is %t", tt.name, up)
		}
	}
}

func TestQueueTakesNoHandWhoseLifeIsOver(t *testing.T) {
	q := new(queue)
	if q.put(&Hand{Who: someone(1), Up: true, Time: at(0), Seq: 1}, nil, noon.Add(-10*time.Minute), noon) {
		t.Error("taken ten minutes later")
	}
}

func TestQueueShowAndLower(t *testing.T) {
	q := new(queue)
	h := &Hand{Who: someone(1), Up: true, Time: at(0), Seq: 1}
	q.put(h, []byte("hand"), noon, noon)
	if q.lower(someone(1), at(-time.Second)) {
		t.Error("a heartbeat from before it was raised takes a hand down")
	}
	if !q.lower(someone(1), at(time.Second)) || q.raised(someone(1)) != nil {
		t.Error("a heartbeat without the hand does not take it down")
	}
	if q.put(h, []byte("hand"), noon, noon) || q.raised(someone(1)) != nil {
		t.Error("gossip that comes late raises the hand again")
	}
	if !q.show(h, []byte("hand"), at(2*time.Second), noon, noon) || q.raised(someone(1)) == nil {
		t.Error("its owner cannot show that it is still up")
	}
	late := &Hand{Who: someone(1), Up: true, Time: at(time.Second), Seq: 2}
	q.put(late, []byte("late"), noon, noon)
	if q.show(h, []byte("hand"), at(time.Second), noon, noon) || q.raised(someone(1)).Time != late.Time {
		t.Error("an older heartbeat undoes a newer hand")
	}
	if !q.show(h, []byte("hand"), at(2*time.Second), noon, noon) || q.raised(someone(1)).Time != h.Time {
		t.Error("a newer heartbeat does not undo a hand that its owner has lost")
	}
}

func TestRoster(t *testing.T) {
	r := newRoster()
	beat := func(d time.Duration, seq uint64, change func(*Presence)) news {
		p := &Presence{Who: someone(1), Name: "anna", Time: at(d), Seq: seq}
		if change != nil {
			change(p)
		}
		return r.put(p, []byte{byte(seq)}, noon.Add(d))
	}
	steps := []struct {
		name string
		got  news
		want news
	}{
		{"comes", beat(0, 1, nil), changed},
		{"again", beat(0, 1, nil), stale},
		{"stays", beat(time.Second, 2, nil), repeat},
		{"late one", beat(0, 1, nil), stale},
		{"renamed", beat(2*time.Second, 3, func(p *Presence) { p.Name = "ann" }), changed},
		{"new session", beat(3*time.Second, 1, func(p *Presence) { p.Session[0] = 1 }), changed},
		{"leaves", beat(4*time.Second, 2, func(p *Presence) { p.Bye = true }), changed},
		{"echo after leaving", beat(3*time.Second, 1, nil), stale},
		{"second goodbye", beat(5*time.Second, 3, func(p *Presence) { p.Bye = true }), stale},
		{"back", beat(6*time.Second, 4, nil), changed},
	}
	for _, s := range steps {
		if s.got != s.want {
			t.Errorf("%s: %d, want %d", s.name, s.got, s.want)
		}
	}
	for d := 6 * time.Second; d < 6*time.Second+minPatience; d += minBeat {
		r.expire(noon.Add(d))
	}
	if r.expire(noon.Add(6*time.Second + minPatience - 1)) {
		t.Error("gone before its time")
	}
	if !r.expire(noon.Add(6*time.Second+minPatience)) || len(r.here) != 0 {
		t.Error("still here after its time")
	}
	if beat(6*time.Second, 4, nil) != stale {
		t.Error("a replayed heartbeat calls back somebody gone")
	}
	if r.expire(noon.Add(2 * maxSkew)); beat(6*time.Second, 4, nil) != stale {
		t.Error("a replayed heartbeat calls back somebody gone for as long as a clock may take it for new")
	}
	r.expire(noon.Add(2*maxSkew + time.Minute))
	if len(r.last) != 0 {
		t.Error("people gone for long are never forgotten")
	}
}

// Whoever was asleep cannot tell who else has gone.
func TestStallIsNotSilence(t *testing.T) {
	r := newRoster()
	r.put(&Presence{Who: someone(1), Time: at(0), Seq: 1}, nil, noon)
	r.expire(noon)
	if r.expire(noon.Add(time.Hour)) {
		t.Error("gone because nobody looked for an hour")
	}
	gone := false
	for d := time.Duration(0); d < minPatience; d += minBeat {
		gone = r.expire(noon.Add(time.Hour+minBeat+d)) || gone
	}
	if !gone {
		t.Error("still here long after the sleep")
	}
}

func TestPatienceIsBounded(t *testing.T) {
	r := newRoster()
	for n := range 3000 {
		r.put(&Presence{Who: identity.ID{byte(n), byte(n >> 8)}, Time: at(0)}, nil, noon)
		if p := r.patience(); p > 15*time.Second || p < 6*time.Second {
			t.Fatalf("with %d people a ghost stays for %v", n, p)
		}
	}
}

func secretOf(n byte) Secret {
	s := Secret{Key: [32]byte{n}}
	s.Commit = sha256.Sum256(s.Key[:])
	return s
}

func TestBook(t *testing.T) {
	one, two, three := secretOf(1), secretOf(2), secretOf(3)
	var b book
	b.hold(one, noon)
	if !b.turn(1, one.Commit, noon) || b.turn(1, one.Commit, noon) {
		t.Fatal("the first epoch does not come up once")
	}
	s := Snapshot{Epochs: b.all()}
	if e, ok := s.Speaking(noon); !ok || e.Commit != one.Commit {
		t.Error("the first epoch is not in use at once")
	}

	b.turn(2, two.Commit, noon.Add(time.Minute))
	if commit, lacking := b.lacking(); !lacking || commit != two.Commit {
		t.Error("the second secret is not wanted")
	}
	if b.learn(two.Commit, one.Key) || b.learn(one.Commit, one.Key) || !b.learn(two.Commit, two.Key) {
		t.Error("learns wrong secrets, or not the right one")
	}
	s.Epochs = b.all()
	if e, _ := s.Speaking(noon.Add(time.Minute + EpochDelay - 1)); e.Commit != one.Commit {
		t.Error("the second epoch is in use too early")
	}
	if e, _ := s.Speaking(noon.Add(time.Minute + EpochDelay)); e.Commit != two.Commit {
		t.Error("the second epoch is not in use in time")
	}

	// Two halves of a room unite and agree on the first epoch after all.
	b.turn(1, one.Commit, noon.Add(time.Minute+time.Second))
	if b.current.Commit != one.Commit || !b.current.Known {
		t.Error("an epoch that returns has lost its secret")
	}
	b.turn(3, three.Commit, noon.Add(time.Minute+2*time.Second))
	if over := b.expire(b.next().Add(-1)); len(over) != 0 {
		t.Errorf("%d epochs end too early", len(over))
	}
	if over := b.expire(noon.Add(time.Minute + 2*time.Second + EpochKeep)); len(over) != 2 || len(b.all()) != 1 {
		t.Errorf("%d epochs are over, %d left", len(over), len(b.all()))
	}
	if _, ok := b.secret(one.Commit); ok || len(b.known()) != 0 {
		t.Error("an old secret is not forgotten")
	}
}

// Two removals a second apart: the secret between them has not reached everybody when
// the next one comes, so the first one is spoken under for a little longer.
func TestSpeakingWaitsForEachEpoch(t *testing.T) {
	one, two, three := secretOf(1), secretOf(2), secretOf(3)
	var b book
	b.hold(one, noon)
	b.turn(1, one.Commit, noon)
	first := noon.Add(time.Minute)
	b.turn(2, two.Commit, first)
	b.learn(two.Commit, two.Key)
	second := first.Add(time.Second)
	b.turn(3, three.Commit, second)
	b.learn(three.Commit, three.Key)
	s := Snapshot{Epochs: b.all()}
	for _, tt := range []struct {
		at   time.Time
		want Secret
	}{
		{second, one},
		{first.Add(EpochDelay - 1), one},
		{first.Add(EpochDelay), two},
		{second.Add(EpochDelay - 1), two},
		{second.Add(EpochDelay), three},
	} {
		if e, ok := s.Speaking(tt.at); !ok || e.Commit != tt.want.Commit {
			t.Errorf("%v after the first removal: another epoch is spoken under", tt.at.Sub(first))
		}
	}
}

func TestFetchAsksEverybodyInTurn(t *testing.T) {
	var f fetch
	people := []identity.ID{someone(1), someone(2)}
	commit := identity.Hash{1}
	f.aim(commit, noon)
	now := noon
	var asked []identity.ID
	for range 4 {
		who, ok := f.pick(people, now)
		if !ok { // all have been asked: after a while it begins again
			now = f.next()
			who, ok = f.pick(people, now)
		}
		if _, twice := f.pick(people, now); !ok || twice {
			t.Fatal("nobody is asked, or two at a time")
		}
		asked = append(asked, who)
		f.failed(commit, now)
		now = f.next()
	}
	if want := append(slices.Clone(people), people...); !slices.Equal(asked, want) {
		t.Errorf("asked %v", asked)
	}
	if now.Sub(noon) < fetchRound {
		t.Error("everybody is asked again without a pause")
	}
}

// After a question to somebody by name comes one to whomever a relay finds, and then the next by name.
func TestFetchKnowsWhetherItAskedByName(t *testing.T) {
	var f fetch
	people := []identity.ID{someone(1), someone(2)}
	f.aim(identity.Hash{1}, noon)
	now := noon
	for i := range people {
		if who, ok := f.pick(people, now); !ok || who != people[i] || !f.named {
			t.Fatalf("by name: %v, %t", who, ok)
		}
		if f.anybody(now, 0) {
			t.Fatal("two are asked at a time")
		}
		f.failed(f.commit, now)
		now = f.next()
		if !f.anybody(now, 0) || f.named {
			t.Fatal("no relay is asked")
		}
		f.failed(f.commit, now)
		now = f.next()
	}
	if now.Sub(noon) != 4*fetchPause {
		t.Errorf("it took %v", now.Sub(noon))
	}
}

func TestSyncs(t *testing.T) {
	s := newSyncs()
	lacks := func(identity.Hash) bool { return true }
	heads := []identity.Hash{{1}}
	s.want(someone(1), heads, noon)
	if _, ok := s.take(noon, lacks); ok {
		t.Error("gossip gets no time to bring what is missing")
	}
	now := s.next(noon)
	if _, ok := s.take(now, func(identity.Hash) bool { return false }); ok {
		t.Error("asks for what has come by itself")
	}
	s.want(someone(1), heads, noon)
	if who, ok := s.take(now, lacks); !ok || who != someone(1) {
		t.Error("does not ask for what is missing")
	}
	s.want(someone(1), heads, now)
	if _, ok := s.take(now.Add(time.Hour), lacks); ok {
		t.Error("asks somebody who has not answered yet")
	}
	s.done(someone(1), now)
	if next := s.next(now); next.Sub(now) < syncEvery {
		t.Errorf("asks the same person again after %v", next.Sub(now))
	}
	for n := range 2 * maxWishes {
		s.want(identity.ID{2, byte(n), byte(n >> 8)}, nil, now)
	}
	busy := 0
	for _, ok := s.take(now, lacks); ok; _, ok = s.take(now, lacks) {
		busy++
	}
	if busy != maxSyncs || len(s.wishes) > maxWishes {
		t.Errorf("%d syncs at a time, %d waiting", busy, len(s.wishes))
	}
}

func TestCut(t *testing.T) {
	tests := []struct{ in, want string }{
		{"anna", "anna"}, {"", ""}, {"a\x1b[31mb\n", "a[31mb"}, {"\xff\xfe", ""},
		{"right\u202eleft", "rightleft"}, {"12345é", "12345"}, {"日本語", "日本"},
	}
	for _, tt := range tests {
		if got := cut(tt.in, 6); got != tt.want && len(tt.in) < 7 || !plain(got, 6) && len(got) > 6 {
			t.Errorf("cut(%q) is %q", tt.in, got)
		}
		if got := cut(tt.in, 6); !plain(got, 6) {
			t.Errorf("cut(%q) is %q, which is not plain", tt.in, got)
		}
	}
}

func TestCodesAreTwoWay(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range codes {
		if seen[c.code] || codeOf(c.err) != c.code || errorOf(c.code) != c.err {
			t.Errorf("code %q is not one to one", c.code)
		}
		seen[c.code] = true
	}
	if errorOf("no such word") != ErrRefused || codeOf(ErrLater) != "refused" {
		t.Error("unknown errors are not plain refusals")
	}
}
