// Windows: how many bundles some speakers make, how long their packets wait, who is
// carried, and who is advised to pair his frames the other way.

package node

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// tickWorld plays speakers to a ticker in virtual time.
type tickWorld struct {
	ticker  ticker
	windows [3]held
	turn    int

	bundles int
	carried map[uint64]int
	waited  []time.Duration // each packet until its window closed
	quiet   int
	late    int
}

func newTickWorld() *tickWorld {
	w := &tickWorld{carried: make(map[uint64]int)}
	w.ticker.window = &w.windows[0]
	return w
}

// arrival is one packet.
type arrival struct {
	at time.Duration
	v  Voice
}

// play runs arrivals, which it sorts, and closes each window to the moment.
func (w *tickWorld) play(as []arrival) {
	slices.SortStableFunc(as, func(a, b arrival) int { return int(a.at - b.at) })
	var now time.Duration
	for _, a := range as {
		w.shutUntil(a.at, now)
		now = a.at
		w.ticker.take([]byte{byte(a.v.KID)}, a.v, now)
	}
	w.shutUntil(now+time.Second, now)
}

func (w *tickWorld) shutUntil(end, now time.Duration) {
	for {
		at, open := w.ticker.due(now)
		if at = max(at, now); !open || at > end {
			return
		}
		now = at
		w.turn = (w.turn + 1) % 3
		h, quiet, late := w.ticker.shut(&w.windows[w.turn], now)
		w.quiet += quiet
		w.late += late
		if h.chosen > 0 {
			w.bundles++
		}
		for _, i := range h.order[:h.chosen] {
			w.carried[h.packets[i].kid]++
			w.waited = append(w.waited, now-h.packets[i].at)
		}
	}
}

// speech is packets of two frames from one speaker, each jitter late at most.
func speech(kid uint64, level uint8, from, last, jitter time.Duration, rnd *rand.Rand) (as []arrival) {
	for at := from; at < from+last; at += pairTime {
		late := time.Duration(0)
		if jitter > 0 {
			late = time.Duration(rnd.Int64N(int64(jitter)))
		}
		as = append(as, arrival{at + late, Voice{KID: kid, Index: uint32(at / frameTime), Frames: 2, Level: level}})
	}
	return as
}

func percentile(d []time.Duration, p float64) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[int(p*float64(len(d)-1))]
}

func TestOneSpeakerWaitsForNobody(t *testing.T) {
	w := newTickWorld()
	w.play(speech(1, 30, 0, 10*time.Second, 3*time.Millisecond, rand.New(rand.NewPCG(1, 1))))
	if w.bundles != 250 || w.carried[1] != 250 {
		t.Errorf("%d bundles with %d packets, want 250", w.bundles, w.carried[1])
	}
	if most := slices.Max(w.waited); most != 0 {
		t.Errorf("a packet waited %v", most)
	}
}

func TestSpeakersInOneHalfMakeOneBundle(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 2))
	w := newTickWorld()
	var as []arrival
	for kid := range uint64(4) {
		as = append(as, speech(kid, 30, time.Duration(kid)*4*time.Millisecond, 20*time.Second, 2*time.Millisecond, rnd)...)
	}
	w.play(as)
	if w.bundles > 510 { // 500 periods, and a few at the start
		t.Errorf("%d bundles in 500 periods", w.bundles)
	}
	for kid, n := range w.carried {
		if n != 500 {
			t.Errorf("%d packets of speaker %d, want 500", n, kid)
		}
	}
	if got := percentile(w.waited, 0.5); got > 12*time.Millisecond {
		t.Errorf("half of the packets waited more than %v", got)
	}
	if most := slices.Max(w.waited); most > windowTime {
		t.Errorf("a packet waited %v", most)
	}
}

// Whatever the phases, nothing waits for more than a window, all is carried, and there are
// no more than two bundles in 40 ms, give or take a start.
func TestAnyPhasesMakeTwoBundlesAtMost(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(3, seed))
		w := newTickWorld()
		var as []arrival
		for kid := range uint64(4) {
			from := time.Duration(rnd.Int64N(int64(pairTime)))
			as = append(as, speech(kid, 30, from, 8*time.Second, 2*time.Millisecond, rnd)...)
		}
		w.play(as)
		if w.bundles > 2*200+40 {
			t.Errorf("seed %d: %d bundles in 200 periods", seed, w.bundles)
		}
		for kid, n := range w.carried {
			if n != 200 {
				t.Errorf("seed %d: %d packets of speaker %d, want 200", seed, n, kid)
			}
		}
		if most := slices.Max(w.waited); most > windowTime {
			t.Errorf("seed %d: a packet waited %v", seed, most)
		}
	}
}

func TestTheFourLoudestAreCarried(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 4))
	w := newTickWorld()
	var as []arrival
	for kid := range uint64(7) {
		as = append(as, speech(kid, uint8(10+10*kid), time.Duration(kid)*2*time.Millisecond, 10*time.Second, 0, rnd)...)
	}
	w.play(as)
	for kid := range uint64(7) {
		n := w.carried[kid]
		if kid < loudest && n < 248 || kid >= loudest && n > 3 {
			t.Errorf("%d packets of speaker %d", n, kid)
		}
	}
	if w.quiet == 0 {
		t.Error("nobody was left out")
	}
}

// Two people of about the same loudness must not alternate.
func TestWhoIsCarriedStaysCarried(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5))
	w := newTickWorld()
	var as []arrival
	for kid := range uint64(3) {
		as = append(as, speech(kid, 10, 0, 10*time.Second, 0, rnd)...)
	}
	for kid := uint64(3); kid < 5; kid++ {
		for _, a := range speech(kid, 0, time.Duration(kid)*time.Millisecond, 10*time.Second, 0, rnd) {
			a.v.Level = uint8(40 + rnd.IntN(4))
			as = append(as, a)
		}
	}
	w.play(as)
	a, b := w.carried[3], w.carried[4]
	if min(a, b) > 3 || max(a, b) < 248 {
		t.Errorf("two as loud as one another have %d and %d packets of 250", a, b)
	}
	// A third who shouts takes the place at once.
	loud := speech(9, 5, 11*time.Second, time.Second, 0, rnd)
	for kid := range uint64(4) {
		as = append(loud, speech(kid, 30, 11*time.Second, time.Second, 0, rnd)...)
		loud = as
	}
	w = newTickWorld()
	w.play(loud)
	if w.carried[9] != 25 {
		t.Errorf("%d packets of 25 of somebody who shouts", w.carried[9])
	}
}

func TestLastPacketIsCarriedWhoeverSaysIt(t *testing.T) {
	rnd := rand.New(rand.NewPCG(6, 6))
	w := newTickWorld()
	var as []arrival
	for kid := range uint64(5) {
		as = append(as, speech(kid, uint8(10+10*kid), 0, time.Second, 0, rnd)...)
	}
	as = append(as, arrival{time.Second, Voice{KID: 4, Frames: 2, Level: 127, End: true}})
	before := newTickWorld()
	before.play(slices.Clone(as[:len(as)-1]))
	w.play(as)
	if w.carried[4] != before.carried[4]+1 {
		t.Errorf("the end of somebody quiet was not carried")
	}
}

func TestLatePacketsAreDropped(t *testing.T) {
	w := newTickWorld()
	w.ticker.take([]byte{1}, Voice{KID: 1, Frames: 2}, 0)
	h, _, late := w.ticker.shut(&w.windows[1], lateAfter+time.Millisecond)
	if h.chosen != 0 || late != 1 {
		t.Errorf("%d carried and %d late", h.chosen, late)
	}
}

func TestWindowIsBounded(t *testing.T) {
	w := newTickWorld()
	for i := range 100 {
		took := w.ticker.take([]byte{1}, Voice{KID: uint64(i), Frames: 2}, 0)
		if took != (i < tickPackets) {
			t.Fatalf("packet %d was taken: %v", i, took)
		}
	}
	if w.ticker.n > tickSpeakers {
		t.Errorf("%d speakers", w.ticker.n)
	}
}

func TestFlips(t *testing.T) {
	ms := time.Millisecond
	tests := []struct {
		name string
		at   []time.Duration
		want []uint64
	}{
		{"nobody", nil, nil},
		{"one", []time.Duration{13 * ms}, nil},
		{"together", []time.Duration{0, 5 * ms, 12 * ms}, nil},
		{"together across the turn", []time.Duration{38 * ms, 2 * ms, 12 * ms}, nil},
		{"one of three is off", []time.Duration{0, 25 * ms, 10 * ms}, []uint64{1}},
		{"one of two", []time.Duration{0, 20 * ms}, []uint64{1}},
		{"two of five", []time.Duration{0, 4 * ms, 21 * ms, 8 * ms, 30 * ms}, []uint64{2, 4}},
		{"too far apart whatever they do", []time.Duration{0, 5 * ms, 10 * ms, 15 * ms}, nil},
	}
	for _, tt := range tests {
		var ps []phase
		for i, at := range tt.at {
			ps = append(ps, phase{uint64(i), at})
		}
		got := flips(ps)
		if len(got) != len(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			continue
		}
		if tt.name == "one of two" {
			continue // either
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Speakers who follow the advice make one bundle in 40 ms.
func TestFlippingHelps(t *testing.T) {
	helped := 0
	for seed := range uint64(100) {
		rnd := rand.New(rand.NewPCG(7, seed))
		from := map[uint64]time.Duration{}
		for kid := range uint64(4) {
			from[kid] = time.Duration(rnd.Int64N(int64(pairTime)))
		}
		play := func() *tickWorld {
			w := newTickWorld()
			var as []arrival
			for kid := range uint64(4) {
				as = append(as, speech(kid, 30, from[kid], 4*time.Second, time.Millisecond, rnd)...)
			}
			w.play(as)
			return w
		}
		first := play()
		advice := first.ticker.flips(4*time.Second - pairTime)
		if len(advice) == 0 {
			continue
		}
		for _, kid := range advice {
			from[kid] += frameTime
		}
		second := play()
		if more := second.ticker.flips(4*time.Second - pairTime); len(more) > 0 {
			t.Errorf("seed %d: told to flip %v and then %v", seed, advice, more)
		}
		if second.bundles > 110 {
			t.Errorf("seed %d: %d bundles in 100 periods, %d before %v flipped", seed, second.bundles, first.bundles, advice)
		}
		if first.bundles > 140 {
			helped++
		}
	}
	if helped < 20 {
		t.Errorf("of 100 rooms only %d were helped", helped)
	}
}

func FuzzTicker(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 200, 100})
	f.Fuzz(func(t *testing.T, b []byte) {
		w := newTickWorld()
		var now time.Duration
		for i := 0; i+1 < len(b); i += 2 {
			now += time.Duration(b[i]&0x3F) * time.Millisecond
			v := Voice{KID: uint64(b[i] >> 6), Frames: int(b[i+1] & 3), Level: b[i+1] >> 1, End: b[i+1]&64 != 0}
			w.shutUntil(now, now)
			w.ticker.take(b[i:i+1], v, now)
			if at, open := w.ticker.due(now); !open || at > w.ticker.opened+windowTime {
				t.Fatalf("open %v, due at %v for a window opened at %v", open, at, w.ticker.opened)
			}
			for _, kid := range w.ticker.flips(now) {
				if w.ticker.known(kid) == nil {
					t.Fatal("advice for nobody")
				}
			}
		}
		w.shutUntil(now+time.Second, now)
		if _, open := w.ticker.due(now + time.Second); open {
			t.Fatal("a window stays open")
		}
	})
}
