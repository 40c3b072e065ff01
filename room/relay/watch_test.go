// The judge by itself: exact times, what is nobody's fault, what both relays do, and any sequence of reports.

package relay

import (
	"slices"
	"testing"
	"time"

	"stoa/identity"
)

// ms is a moment after noon.
func ms(n int) time.Time { return noon.Add(time.Duration(n) * time.Millisecond) }

// pairOf is a Watch over two relays since noon.
func pairOf() *Watch {
	w := NewWatch(noon)
	w.SetPair(Pair{someone(1), someone(2)}, noon)
	return w
}

// talk reports packets of two frames by a path, every 40 ms from one moment up to another.
func talk(w *Watch, p Path, from, to int) {
	for at := from; at < to; at += 40 {
		w.Packet(p, 7, uint32(at/20), 2, false, ms(at))
	}
}

// TestDeadOnTheDot: the shadow is asked 120 ms after the last packet, not earlier, and not after an end.
func TestDeadOnTheDot(t *testing.T) {
	w := pairOf()
	talk(w, Primary, 0, 1000) // the last at 960
	acts, next := w.Step(ms(961))
	if len(acts) != 0 || !next.Equal(ms(960+120)) {
		t.Fatalf("%v, then %v", acts, next.Sub(noon))
	}
	if acts, _ = w.Step(ms(1079)); len(acts) != 0 || w.Media(Shadow) {
		t.Fatalf("%v", acts)
	}
	acts, _ = w.Step(ms(1080))
	if len(acts) != 1 || acts[0] != (Act{Kind: TakeOver, Relay: someone(2), Fault: Dead}) || !w.Media(Shadow) {
		t.Fatalf("%v", acts)
	}
	if acts, _ = w.Step(ms(1081)); len(acts) != 0 {
		t.Fatalf("twice: %v", acts)
	}

	w = pairOf()
	talk(w, Primary, 0, 1000)
	w.Packet(Primary, 7, 50, 1, true, ms(1000))
	if acts, _ = w.Step(ms(1500)); len(acts) != 0 {
		t.Fatalf("after an end: %v", acts)
	}
}

// TestGiveBack: after a real gap the shadow rests when the primary has been without fault for 2 s.
func TestGiveBack(t *testing.T) {
	w := pairOf()
	var acts []timedAct
	for at := 0; at < 4500; at += 5 {
		gap := at >= 1000 && at < 1400
		if at%40 == 0 && !gap {
			w.Packet(Primary, 7, uint32(at/20), 2, false, ms(at))
		}
		if at%200 == 100 {
			w.Digest(Shadow, &Digest{Relay: someone(2), Seq: uint32(at)}, ms(at))
		}
		if at%40 == 5 && w.Media(Shadow) {
			if w.find(7).track[Primary].has(uint32((at - 5) / 20)) {
				w.Replayed(Shadow, 7, uint32((at-5)/20), 2, false, ms(at))
			} else {
				w.Packet(Shadow, 7, uint32((at-5)/20), 2, false, ms(at))
			}
		}
		got, _ := w.Step(ms(at))
		for _, a := range got {
			acts = append(acts, timedAct{time.Duration(at) * time.Millisecond, a})
		}
	}
	if len(acts) != 2 || acts[0].Kind != TakeOver || acts[0].at != 1080*time.Millisecond || acts[1].Kind != GiveBack ||
		acts[1].at < 3380*time.Millisecond || acts[1].at > 3500*time.Millisecond {
		t.Errorf("%v", acts)
	}
	if w.Media(Shadow) {
		t.Error("the shadow is still to send")
	}
}

// TestAtOnce: what needs no witness.
func TestAtOnce(t *testing.T) {
	one, two := someone(1), someone(2)
	tests := []struct {
		name   string
		report func(w *Watch)
		acts   []Act
		pair   Pair
	}{
		{"the primary forges", func(w *Watch) { w.Forged(Primary, ms(1)) }, []Act{{Swap, one, Forges, 0}}, Pair{Primary: two}},
		{"the shadow forges", func(w *Watch) { w.Forged(Shadow, ms(1)) }, []Act{{Replace, two, Forges, 0}}, Pair{Primary: one}},
		{"the primary is lost", func(w *Watch) { w.Lost(Primary, ms(1)) }, []Act{{Swap, one, Dead, 0}}, Pair{Primary: two}},
		{"the shadow is lost", func(w *Watch) { w.Lost(Shadow, ms(1)) }, []Act{{Replace, two, Dead, 0}}, Pair{Primary: one}},
		{"both are lost", func(w *Watch) { w.Lost(Primary, ms(1)); w.Lost(Shadow, ms(1)) },
			[]Act{{Replace, two, Dead, 0}, {Swap, one, Dead, 0}}, Pair{}},
		{"one replay", func(w *Watch) { w.Replayed(Primary, 9, 5, 2, false, ms(1)) }, nil, Pair{one, two}},
		{"two within a second", func(w *Watch) {
			talk(w, Primary, 0, 2000)
			w.Replayed(Primary, 7, 4, 2, false, ms(2001))
			w.Replayed(Primary, 7, 6, 2, false, ms(2041))
		}, []Act{{Swap, one, Replays, 0}}, Pair{Primary: two}},
		{"copies of what one who was left has brought", func(w *Watch) {
			w.Replayed(Primary, 9, 5, 2, false, ms(1))
			w.Replayed(Primary, 9, 7, 2, false, ms(41))
			w.Packet(Primary, 9, 9, 2, false, ms(81))
		}, nil, Pair{one, two}},
		{"a repeat against loss", func(w *Watch) {
			talk(w, Primary, 0, 200)
			for at := 0; at < 200; at += 40 {
				w.Replayed(Primary, 7, uint32(at/20), 2, false, ms(at+40))
			}
		}, nil, Pair{one, two}},
		{"a third copy of each", func(w *Watch) {
			talk(w, Primary, 0, 80)
			for range 2 {
				w.Replayed(Primary, 7, 0, 2, false, ms(80))
				w.Replayed(Primary, 7, 2, 2, false, ms(80))
			}
		}, []Act{{Swap, one, Replays, 0}}, Pair{Primary: two}},
		{"copies of the other path", func(w *Watch) {
			talk(w, Primary, 0, 200)
			for at := 0; at < 200; at += 40 {
				w.Replayed(Shadow, 7, uint32(at/20), 2, false, ms(at+40))
			}
		}, nil, Pair{one, two}},
		{"nobody is there", func(w *Watch) {
			w.SetPair(Pair{}, noon)
			w.Forged(Primary, ms(1))
			w.Lost(Shadow, ms(1))
			w.Packet(Primary, 7, 1, 2, false, ms(1))
			w.Bundle(Shadow, 1, ms(1))
		}, nil, Pair{}},
	}
	for _, tt := range tests {
		w := pairOf()
		tt.report(w)
		acts, _ := w.Step(ms(2100))
		if !slices.Equal(acts, tt.acts) || w.Pair() != tt.pair {
			t.Errorf("%s: %v, then %v", tt.name, acts, w.Pair())
		}
		if acts, _ = w.Step(ms(2101)); len(acts) != 0 {
			t.Errorf("%s: and again %v", tt.name, acts)
		}
	}
}

// TestSetPair: what is known of a relay goes with it.
func TestSetPair(t *testing.T) {
	w := pairOf()
	talk(w, Primary, 0, 200)
	w.SetPair(Pair{someone(2), someone(1)}, ms(200))
	if s := w.find(7); !s.track[Shadow].started || s.track[Primary].started {
		t.Error("the packets stayed where they were")
	}
	w.SetPair(Pair{someone(3), someone(1)}, ms(200))
	if p, ok := w.PathOf(someone(1)); p != Shadow || !ok || !w.find(7).track[Shadow].started {
		t.Error("the one who stayed was forgotten")
	}
	if _, ok := w.PathOf(someone(2)); ok {
		t.Error("the one who went is known")
	}
	if _, ok := w.PathOf(identity.ID{}); ok {
		t.Error("nobody has a path")
	}
}

// unharmed runs a world of honest relays and wants nobody to be left.
func unharmed(t *testing.T, w *world, until time.Duration) {
	t.Helper()
	w.run(until)
	if a, ok := firstAct(w.listener.acts, Swap, Replace); ok {
		t.Errorf("%v", a)
	}
}

// TestNobodysFault: what happens in honest rooms.
func TestNobodysFault(t *testing.T) {
	t.Run("a speaker goes without a word", func(t *testing.T) {
		w := newWorld(1, 2, 3)
		w.start()
		w.run(10 * time.Second)
		w.speakers[0].quiet = true
		w.run(20 * time.Second)
		w.speakers[1].quiet = true
		unharmed(t, w, time.Minute)
		if w.listener.watch.Media(Shadow) {
			t.Error("the shadow still sends")
		}
	})
	t.Run("keys change every 10 s", func(t *testing.T) {
		w := newWorld(2, 3, 3)
		for _, s := range w.speakers {
			s.talk, s.pause = 3*time.Second, time.Second
		}
		w.start()
		for n := range 60 {
			w.at(time.Duration(10+10*n)*time.Second, func() {
				for i, s := range w.speakers {
					s.kid = uint64(1000*(n+1) + i)
				}
			})
		}
		unharmed(t, w, 10*time.Minute)
	})
	t.Run("the speakers' own network pauses", func(t *testing.T) {
		w := newWorld(3, 1, 3)
		w.start()
		for n := range 30 {
			w.at(time.Duration(10+5*n)*time.Second, func() { w.speakers[0].quiet = true })
			w.at(time.Duration(10+5*n)*time.Second+300*time.Millisecond, func() { w.speakers[0].quiet = false })
		}
		unharmed(t, w, 3*time.Minute)
		// The shadow rests soon again, since it has not helped.
		for i, a := range w.listener.acts {
			if a.Kind == GiveBack && a.at-w.listener.acts[i-1].at > 2*time.Second {
				t.Errorf("%v, then %v", w.listener.acts[i-1], a)
			}
		}
	})
	t.Run("six speak and four are heard", func(t *testing.T) {
		w := newWorld(4, 6, 3)
		for i, s := range w.speakers {
			s.talk, s.pause = 20*time.Second, 2*time.Second
			s.level = uint8(20 + 3*i)
		}
		w.start()
		for _, r := range w.relays {
			r.forward = func(v voicePacket) bool {
				louder := 0
				for _, s := range w.speakers {
					if !s.mute && s.level < v.level {
						louder++
					}
				}
				return louder < 4
			}
		}
		unharmed(t, w, 10*time.Minute)
	})
	t.Run("everything stops and comes back", func(t *testing.T) {
		w := newWorld(5, 1, 3)
		w.listener.reuse = true
		w.start()
		w.run(10 * time.Second)
		for _, r := range w.relays {
			r.out.cut = true
		}
		w.run(30 * time.Second)
		for _, r := range w.relays {
			r.out.cut = false
		}
		w.run(40 * time.Second)
		if n := len(w.listener.since(36 * time.Second)); n > 1 {
			t.Errorf("still busy: %v", w.listener.since(36*time.Second))
		}
		heard := w.listener.heard[w.speakers[0].kid]
		if at, ok := heard[w.speakers[0].index-4]; !ok || at < 39*time.Second {
			t.Error("nothing is heard again")
		}
	})
	t.Run("each lacks another voice", func(t *testing.T) {
		w := newWorld(6, 2, 2)
		w.relays[0].forward = func(v voicePacket) bool { return v.kid != 100 }
		w.relays[1].forward = func(v voicePacket) bool { return v.kid != 101 }
		w.listener.stuck = true
		w.start()
		w.run(20 * time.Second)
		if a, ok := firstAct(w.listener.acts, Swap); ok {
			t.Errorf("%v: then one voice would be missing", a)
		}
	})
}

// TestBothDie: the listener is with two others soon.
func TestBothDie(t *testing.T) {
	for seed := range seeds(20) {
		w := newWorld(seed, 2, 4)
		w.start()
		w.run(40 * time.Second)
		w.relays[0].dead, w.relays[1].dead = true, true
		w.run(45 * time.Second)
		pair := w.listener.watch.Pair()
		if pair != (Pair{w.relays[2].id, w.relays[3].id}) && pair != (Pair{w.relays[3].id, w.relays[2].id}) {
			t.Errorf("seed %d: %v: %v", seed, pair, w.listener.since(40*time.Second))
		}
	}
}

// TestGapWhenPrimaryDies: how long a listener hears nothing, over many deaths: 120 ms, the way to the shadow and back.
func TestGapWhenPrimaryDies(t *testing.T) {
	var gaps []time.Duration
	for seed := range uint64(100) {
		w := newWorld(seed, 1, 3)
		w.start()
		w.run(5*time.Second + time.Duration(w.rng.IntN(100))*time.Millisecond)
		w.relays[0].dead = true
		died := w.now
		w.run(died + 3*time.Second)
		var after, before time.Duration
		for _, at := range w.listener.heard[100] {
			if at <= died {
				before = max(before, at)
			} else if at > died+40*time.Millisecond && (after == 0 || at < after) {
				after = at
			}
		}
		if after == 0 {
			t.Fatalf("seed %d: nothing more: %v", seed, w.listener.acts)
		}
		gaps = append(gaps, after-before)
	}
	slices.Sort(gaps)
	if p95 := gaps[95]; p95 > 300*time.Millisecond {
		t.Errorf("silent for %v, p95", p95)
	}
	t.Logf("silent for %v, p50, %v, p95", gaps[50], gaps[95])
}

// floors lets the acting host tell what it hears.
func floors(w *world) {
	var host Meter
	r := &simRelay{w: w, used: true, id: someone(99), inBy: w.relays[0].inBy, out: w.relays[0].out}
	r.forward = func(v voicePacket) bool {
		host.Count(v.bytes(), v.kid, v.index, v.level, v.end, w.time())
		return false
	}
	w.relays = append(w.relays, r)
	var tell func()
	tell = func() {
		w.after(FloorEvery, tell)
		w.listener.watch.Floor(host.Floor(identity.RoomID{}, someone(99), w.time()), w.time())
		w.listener.step()
	}
	w.after(time.Duration(w.rng.IntN(2000))*time.Millisecond, tell)
}

// TestBothCollude: when both hide a voice, in media and digests, the acting host's floor shows it, and both go.
func TestBothCollude(t *testing.T) {
	for seed := range seeds(20) {
		w := newWorld(seed, 2, 4)
		floors(w)
		w.start()
		w.run(40 * time.Second)
		if len(w.listener.acts) > 0 {
			t.Fatalf("seed %d: %v", seed, w.listener.acts)
		}
		for _, r := range w.relays[:2] {
			r.forward = func(v voicePacket) bool { return v.kid != 101 }
			r.lie = func(d *Digest) {
				d.Live = slices.DeleteFunc(d.Live, func(l Live) bool { return l.KID == 101 })
			}
		}
		from := w.now
		w.run(from + 10*time.Second)
		acts := w.listener.since(from)
		swap, one := firstAct(acts, Swap)
		replace, two := firstAct(acts, Replace)
		if !one || !two || swap.Fault != Censors || swap.KID != 101 || replace.Fault != Censors || swap.at-from > 7*time.Second {
			t.Errorf("seed %d: %v", seed, acts)
		}
		if pair := w.listener.watch.Pair(); pair.Primary == w.relays[0].id || pair.Primary == w.relays[1].id {
			t.Errorf("seed %d: still with %v", seed, pair)
		}
	}
}

// TestFreshRelaysAreNotBlamed: what two relays hid together does not speak against those who come after them, even when the voice has ended.
func TestFreshRelaysAreNotBlamed(t *testing.T) {
	for seed := range seeds(20) {
		w := newWorld(seed, 2, 4)
		floors(w)
		w.start()
		w.run(40 * time.Second)
		w.listener.stuck = true
		for _, r := range w.relays[:2] {
			r.forward = func(v voicePacket) bool { return v.kid != 101 }
			r.lie = func(d *Digest) {
				d.Live = slices.DeleteFunc(d.Live, func(l Live) bool { return l.KID == 101 })
			}
		}
		w.run(w.now + 10*time.Second)
		if pair := w.listener.watch.Pair(); pair != (Pair{}) {
			t.Fatalf("seed %d: still with %v", seed, pair)
		}
		w.speakers[1].quiet = seed%2 == 0
		from := w.now
		w.listener.stuck = false
		w.listener.fill()
		w.run(from + 20*time.Second)
		if left, any := firstAct(w.listener.since(from), Swap, Replace); any {
			t.Errorf("seed %d: %v", seed, left)
		}
	}
}

// TestFloorStarts: a floor that began before a relay came, on either path, or that leaps, proves nothing; a new one does.
func TestFloorStarts(t *testing.T) {
	floor := func(w *Watch, index uint32, at int) {
		w.Floor(&Floor{Live: []Live{{KID: 7, Index: index}}}, ms(at))
	}
	faults := func(w *Watch, at int) (Fault, Fault) {
		j := judge{w: w, now: w.moment(ms(at))}
		shadow, _ := j.shadowFault()
		primary, _ := j.primaryFault()
		return primary, shadow
	}
	claimed := func() *Watch {
		w := pairOf()
		floor(w, 1000, 10)
		floor(w, 1100, 1000)
		return w
	}
	tests := []struct {
		name            string
		make            func() *Watch
		primary, shadow Fault
	}{
		{"both there all along", claimed, Censors, Censors},
		{"they change places", func() *Watch {
			w := claimed()
			w.SetPair(Pair{someone(2), someone(1)}, ms(1500))
			return w
		}, 0, 0},
		{"another shadow", func() *Watch {
			w := claimed()
			w.SetPair(Pair{someone(1), someone(3)}, ms(1500))
			return w
		}, 0, 0},
		{"no shadow", func() *Watch {
			w := claimed()
			w.SetPair(Pair{Primary: someone(1)}, ms(1500))
			return w
		}, Censors, 0},
		{"a leap", func() *Watch {
			w := pairOf()
			talk(w, Primary, 0, 10)
			floor(w, leapFrames+2, 10)
			floor(w, leapFrames+100, 100)
			return w
		}, 0, 0},
		{"as far as may be", func() *Watch {
			w := pairOf()
			talk(w, Primary, 0, 10)
			floor(w, leapFrames, 10)
			floor(w, leapFrames+4, 100)
			return w
		}, Censors, Censors},
		{"a pause as long", func() *Watch {
			w := NewWatch(noon.Add(-time.Minute))
			w.SetPair(Pair{someone(1), someone(2)}, noon.Add(-time.Minute))
			talk(w, Primary, -30000, -29990)
			floor(w, ^uint32(0)-200, -10000)
			floor(w, ^uint32(0)-100, -9000)
			return w
		}, Censors, Censors},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := tt.make()
			for p := range w.paths {
				w.paths[p].digests, w.paths[p].digest, w.paths[p].life = 1, w.moment(ms(4100)), w.moment(ms(4100))
			}
			if primary, shadow := faults(w, 4200); primary != tt.primary || shadow != tt.shadow {
				t.Errorf("%v and %v", primary, shadow)
			}
		})
	}
}

// TestShadowThatDoesNotKnow: a shadow whose digests leave out what the primary brings is no use, and goes.
func TestShadowThatDoesNotKnow(t *testing.T) {
	w := newWorld(1, 2, 3)
	w.start()
	w.run(10 * time.Second)
	w.relays[1].lie = func(d *Digest) { d.Live = nil }
	w.run(20 * time.Second)
	a, ok := firstAct(w.listener.acts, Swap, Replace)
	if !ok || a.Kind != Replace || a.Relay != w.relays[1].id || a.Fault != Censors || a.at > 17*time.Second {
		t.Errorf("%v", w.listener.acts)
	}
}

// TestShadowThatDoesNotSend: a shadow whose digests are all it ever sends is found out when the primary dies, and both are left.
func TestShadowThatDoesNotSend(t *testing.T) {
	for seed := range seeds(20) {
		w := newWorld(seed, 1, 4)
		w.start()
		w.run(40 * time.Second)
		w.relays[1].rest, w.relays[0].dead = true, true
		from := w.now
		w.run(from + 4*time.Second)
		if left := w.listener.since(from); len(left) == 0 || w.listener.watch.Pair() != (Pair{w.relays[2].id, w.relays[3].id}) {
			t.Errorf("seed %d: %v: %v", seed, w.listener.watch.Pair(), left)
		}
		if _, heard := w.listener.heard[100][w.speakers[0].index-4]; !heard {
			t.Errorf("seed %d: nothing is heard", seed)
		}
	}
}

// TestHearsWhileOneIsHonest: whatever one of the two relays does, and whichever of the two it is, what the speakers say is heard, but for moments.
func TestHearsWhileOneIsHonest(t *testing.T) {
	deeds := map[string]func(w *world, r *simRelay){
		"dies":         func(w *world, r *simRelay) { r.dead = true },
		"says nothing": func(w *world, r *simRelay) { r.rest, r.noWord = true, true },
		"drops all":    func(w *world, r *simRelay) { r.forward = func(voicePacket) bool { return false } },
		"drops half":   func(w *world, r *simRelay) { r.forward = func(voicePacket) bool { return w.rng.IntN(2) > 0 } },
		"comes and goes": func(w *world, r *simRelay) {
			r.forward = func(voicePacket) bool { return w.now/time.Second%2 == 0 }
		},
		"says it is always over": func(w *world, r *simRelay) {
			r.forward = func(voicePacket) bool { return false }
			r.lie = func(d *Digest) {
				for i := range d.Live {
					d.Live[i].End = true
				}
			}
		},
		"invents voices": func(w *world, r *simRelay) {
			n := uint64(1 << 40)
			r.rest = true
			r.lie = func(d *Digest) {
				for len(d.Live) < MaxLive {
					n++
					d.Live = append(d.Live, Live{KID: n, Index: uint32(n), Count: uint32(n)})
				}
			}
		},
	}
	for name, deed := range deeds {
		for _, place := range []int{0, 1} {
			for seed := range uint64(3) {
				w := newWorld(seed, 2, 3)
				w.start()
				for _, s := range w.speakers {
					s.sent = make(map[uint32]time.Duration)
				}
				w.run(5 * time.Second)
				deed(w, w.relays[place])
				w.run(30 * time.Second)
				for _, s := range w.speakers {
					missed, row, worst := 0, 0, 0
					for i := s.index - 1200; i != s.index-10; i += 2 {
						if _, sent := s.sent[i]; !sent {
							continue
						}
						if _, heard := w.listener.heard[s.kid][i]; heard {
							row = 0
							continue
						}
						missed++
						row++
						worst = max(worst, row)
					}
					if worst > 25 || missed > 75 { // one second in a row; three in all
						t.Errorf("relay %d %s, seed %d: %d packets missed, %d in a row: %v", place, name, seed, missed, worst, w.listener.acts)
					}
				}
			}
		}
	}
}

// FuzzWatch reports anything in any order. It never panics, never asks to be called in the past, never acts on nobody, and remembers no more than
// it may.
func FuzzWatch(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
	f.Add([]byte{0, 0, 0, 40, 0, 0, 2, 40, 8, 0, 0, 200, 9, 0, 0, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		w, now, seq := pairOf(), noon, uint32(0)
		for len(ops) >= 4 {
			op, a, b, c := ops[0], ops[1], ops[2], ops[3]
			ops = ops[4:]
			now = now.Add(time.Duration(c) * 5 * time.Millisecond)
			seq++
			p := Path(a & 1)
			live := []Live{{KID: uint64(a), Index: uint32(b), Count: uint32(c), Level: b & 127, End: c&1 == 1}}
			switch op % 10 {
			case 0:
				w.Packet(p, uint64(a>>1), uint32(b)<<(a&31), 2, c&8 == 8, now)
			case 1:
				w.Replayed(p, uint64(a>>1), uint32(b), 2, c&8 == 8, now)
			case 2:
				w.Bundle(p, uint32(b)*uint32(c), now)
			case 3:
				w.Digest(p, &Digest{Relay: w.Pair().at(p), Seq: seq, Time: uint64(seq), Live: live}, now)
			case 4:
				w.Floor(&Floor{Live: live}, now)
			case 5:
				if a == 7 {
					w.Forged(p, now)
				}
			case 6:
				if a == 7 {
					w.Lost(p, now)
				}
			case 7:
				w.SetPair(Pair{identity.ID{b & 3}, identity.ID{c & 3}}, now)
			default:
				for n := range uint32(b) {
					w.Packet(p, uint64(a>>1), uint32(seq)+2*n, 2, false, now.Add(time.Duration(n)*time.Millisecond))
				}
			}
			before := w.Pair()
			acts, next := w.Step(now)
			if !next.After(now) || next.Sub(now) > calmStep {
				t.Fatalf("next is %v later", next.Sub(now))
			}
			for _, act := range acts {
				if act.Relay.IsZero() || act.Relay != before.Primary && act.Relay != before.Shadow {
					t.Fatalf("%v of %v", act, before)
				}
			}
			if len(acts) > 2 || len(w.streams)+len(w.asleep) > maxStreams {
				t.Fatalf("%d acts, %d streams", len(acts), len(w.streams))
			}
			for _, s := range w.streams {
				if len(s.due) > maxSlices || cap(s.due) > 2*maxSlices {
					t.Fatalf("%d slices", len(s.due))
				}
			}
		}
	})
}

func TestWatchAllocatesNothing(t *testing.T) {
	w := pairOf()
	at := 0
	step := func() {
		for range 10 {
			talk(w, Primary, at, at+40)
			at += 40
			w.Step(ms(at))
		}
	}
	step()
	if n := testing.AllocsPerRun(100, step); n != 0 {
		t.Errorf("%v allocations for ten packets", n)
	}
}

// BenchmarkWatch reports and steps as a listener of four speakers does, in one second.
func BenchmarkWatch(b *testing.B) {
	w, at := pairOf(), 0
	d := &Digest{Relay: someone(2)}
	for kid := range uint64(4) {
		d.Live = append(d.Live, Live{KID: kid})
	}
	b.ReportAllocs()
	for b.Loop() {
		for end := at + 1000; at < end; at += 40 {
			for i := range d.Live {
				w.Packet(Primary, uint64(i), uint32(at/20), 2, false, ms(at))
				d.Live[i].Index, d.Live[i].Count = uint32(at/20), uint32(at/40+1)
			}
			if at%200 == 0 {
				d.Seq++
				d.Time++
				w.Digest(Shadow, d, ms(at))
			}
			w.Step(ms(at))
		}
	}
}
