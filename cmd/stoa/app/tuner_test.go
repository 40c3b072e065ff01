// A tuner on lines of package hop, in virtual time: a speaker who makes no pause, with what
// package node would tell of the links.

package app

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
	"time"

	"stoa/cmd/stoa/process/lab/hop"
	"stoa/identity"
	"stoa/node"
	"stoa/room"
	"stoa/room/seal"
)

// tuned is a world with one speaker. All copies go through one uplink, and then each on a
// line of its own.
type tuned struct {
	t              *testing.T
	tuner          *tuner
	manner         manner
	up             *hop.Lane
	ears           []*tunedEar
	frame          int
	changes        int // of the rung
	steps, repeats int // of the tuner, and those in which links repeated
	lies           func(i int, l *node.LinkInfo)
	came           func(i int) time.Duration // when; nil: at the beginning
	branch         func(i int) branch        // nil: each one of their own
	each           func(now time.Duration)   // after each step
}

// tunedEar is a listener, with what both ends count.
type tunedEar struct {
	info            node.LinkInfo
	down            *hop.Lane
	seq             uint32
	before          []byte // frames that go once more
	highest         uint32
	received        uint32
	told            [2]uint32 // highest and received in the last report
	reports, probes uint64
	probed          bool    // a report has come since the last one back
	sent, lost      float64 // as node's lossAverage
	quickest        time.Duration
	transit         time.Duration   // of a report
	last            time.Duration   // of a packet
	back            *hop.Lane       // of reports
	reported        []node.LinkInfo // by them
	delays          map[uint32]time.Duration
}

func newTuned(t *testing.T, seed uint64, up string, down ...string) *tuned {
	w := &tuned{t: t, tuner: newTuner(), manner: manner{rung: rungs[0]}, up: hop.NewLane(line(t, up), seed, 0)}
	for i, d := range down {
		e := &tunedEar{down: hop.NewLane(line(t, d), seed, uint64(i+1)), quickest: math.MaxInt64, delays: map[uint32]time.Duration{}, back: hop.NewLane(line(t, d), seed, uint64(i+1001))}
		e.info.ID[0] = byte(i + 1)
		w.ears = append(w.ears, e)
	}
	return w
}

func line(t *testing.T, text string) hop.Line {
	t.Helper()
	l, err := hop.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// What is pushed: kind, listener, seq, time, first frame, frames, and in a repeat those of the
// packet before.
const (
	tunedVoice = 1
	tunedProbe = 2
)

// run lets time pass, 1 ms at a time.
func (w *tuned) run(from, to time.Duration) {
	for now := from; now < to; now += time.Millisecond {
		if now%(20*time.Millisecond) == 0 {
			w.speak(now)
		}
		for i, e := range w.ears {
			if !w.here(i, now) {
				continue
			}
			if now%tunePeriod == time.Duration(i)*7*time.Millisecond {
				w.push(e, i, tunedProbe, now, 62, nil)
				e.report(now)
			}
		}
		w.carry(now)
		if now%tunePeriod == 0 {
			w.tune(now)
		}
	}
}

func (w *tuned) here(i int, now time.Duration) bool { return w.came == nil || now >= w.came(i) }

func (w *tuned) speak(now time.Duration) {
	w.frame++
	size := w.manner.frames
	if w.frame%size != 0 {
		return
	}
	var frames []byte
	for i := range size {
		frames = binary.BigEndian.AppendUint32(frames, uint32(w.frame-size+1+i))
	}
	for i, e := range w.ears {
		if !w.here(i, now) {
			continue
		}
		e.seq++
		e.info.Sent++
		voice := size*w.manner.bitrate/400*6/5 + 2*(size-1) // Opus makes more of dense speech than it was told
		bytes := headers + voice
		content := slices.Clone(frames)
		if e.lossOut() >= repeatAt && !slices.Contains(w.manner.spared, e.info.ID) && len(e.before) > 0 {
			bytes += headersRepeat + voice
			content = append(content, e.before...)
		}
		e.before = frames
		w.push(e, i, tunedVoice, now, bytes, content)
	}
}

func (w *tuned) push(e *tunedEar, i int, kind byte, now time.Duration, bytes int, frames []byte) {
	b := []byte{kind, byte(i)}
	b = binary.BigEndian.AppendUint32(b, e.seq)
	b = binary.BigEndian.AppendUint64(b, uint64(now))
	b = append(b, byte(len(frames)))
	b = append(b, frames...)
	b = append(b, make([]byte, max(0, bytes-len(b)))...)
	w.up.Push(b, now)
}

func (w *tuned) carry(now time.Duration) {
	for {
		b, _, ok := w.up.Pop(now)
		if !ok {
			break
		}
		w.ears[b[1]].down.Push(b, now)
	}
	for _, e := range w.ears {
		for {
			b, at, ok := e.down.Pop(now)
			if !ok {
				break
			}
			e.hear(b, at)
		}
	}
}

func (e *tunedEar) hear(b []byte, at time.Duration) {
	sent := time.Duration(binary.BigEndian.Uint64(b[6:]))
	if b[0] == tunedProbe {
		e.transit, e.probed = at-sent, true
		e.quickest = min(e.quickest, e.transit)
		return
	}
	transit := at - sent
	e.info.Scatter += ((transit - e.last).Abs() - e.info.Scatter) / 16
	e.last = transit
	e.received++
	e.highest = max(e.highest, binary.BigEndian.Uint32(b[2:]))
	for frames := b[15 : 15+int(b[14])]; len(frames) > 0; frames = frames[4:] {
		n := binary.BigEndian.Uint32(frames)
		if _, here := e.delays[n]; !here {
			e.delays[n] = at - time.Duration(n-1)*20*time.Millisecond
		}
	}
}

func (e *tunedEar) lossOut() float64 { return e.info.LossOut }

// report sends what the listener knows to the speaker.
func (e *tunedEar) report(now time.Duration) {
	l := e.info
	sent, got := float64(e.highest-e.told[0]), float64(e.received-e.told[1])
	e.told = [2]uint32{e.highest, e.received}
	if sent > 0 {
		l.Missed = max(0, 1-got/sent)
		keep := 1.0
		if e.sent > 0 {
			keep = min(1, max(0, 200-sent)/e.sent)
		}
		e.sent, e.lost = e.sent*keep+sent, e.lost*keep+max(0, sent-got)
		l.LossOut = e.lost / e.sent
	}
	if e.probed {
		l.Queue, e.probed = e.transit-e.quickest, false
		e.probes++
	}
	l.Probed, l.Arrived = e.probes, e.received
	e.reports++
	l.Reports = e.reports
	e.reported = append(e.reported, l)
	e.back.Push(binary.BigEndian.AppendUint32(nil, uint32(len(e.reported)-1)), now)
}

func (w *tuned) tune(now time.Duration) {
	var ways []way
	for i, e := range w.ears {
		if !w.here(i, now) {
			continue
		}
		for {
			b, _, ok := e.back.Pop(now)
			if !ok {
				break
			}
			sent, scatter := e.info.Sent, e.info.Scatter
			e.info = e.reported[binary.BigEndian.Uint32(b)]
			e.info.Sent, e.info.Scatter = sent, scatter
		}
		l := e.info
		if w.lies != nil {
			w.lies(i, &l)
		}
		of := branch{root: identity.Hash(l.ID)}
		if w.branch != nil {
			of = w.branch(i)
		}
		ways = append(ways, way{l, of})
	}
	before := w.manner.rung
	w.manner = w.tuner.step(ways, now)
	if w.manner.rung != before {
		w.changes++
	}
	w.steps++
	if w.manner.repeats > 0 {
		w.repeats++
	}
	if w.each != nil {
		w.each(now)
	}
}

// heard judges what a listener got of the frames since some number: the share that came, and
// the delay that 95 of 100 did not exceed.
func (w *tuned) heard(i, since int) (share float64, p95 time.Duration) {
	var delays []time.Duration
	until := w.frame - 50 // those that had the time to come
	for n := since; n < until; n++ {
		if d, ok := w.ears[i].delays[uint32(n)]; ok {
			delays = append(delays, d)
		}
	}
	slices.Sort(delays)
	if len(delays) == 0 {
		return 0, 0
	}
	return float64(len(delays)) / float64(until-since), delays[len(delays)*95/100]
}

func TestTunerSuitsTheWay(t *testing.T) {
	const thin = "rate=64kbit queue=200ms delay=10ms"
	never, seldom, always := [2]float64{}, [2]float64{0, 0.05}, [2]float64{1, 1}
	four := func(line string) []string { return []string{line, line, line, line} }
	for _, c := range []struct {
		name    string
		up      string
		down    []string
		bitrate [2]int     // least and most, in the end
		frames  int        // most
		repeats [2]float64 // share of the time in which links repeat, least and most
		changes int        // of the rung, most, in two minutes
		share   float64
		p95     time.Duration
	}{
		{"good", "", []string{"delay=20ms"}, [2]int{32000, 32000}, 1, never, 0, 1, 30 * time.Millisecond},
		{"loss 5 %", "", []string{"delay=20ms loss=5%"}, [2]int{32000, 32000}, 1, always, 0, 0.995, 60 * time.Millisecond},
		{"loss 20 %", "", []string{"delay=20ms loss=20%"}, [2]int{32000, 32000}, 1, always, 0, 0.95, 60 * time.Millisecond},
		{"bursts", "", []string{"delay=20ms burst=200ms/5s"}, [2]int{32000, 32000}, 1, always, 0, 0.955, 60 * time.Millisecond},
		{"jitter", "", four("delay=50ms jitter=30ms"), [2]int{32000, 32000}, 1, never, 0, 1, 90 * time.Millisecond},
		{"two, thin", thin, []string{"delay=10ms"}, [2]int{24000, 32000}, 2, never, 8, 0.995, 100 * time.Millisecond},
		{"four, thin", thin, four("delay=10ms")[:3], [2]int{8000, 8000}, 4, seldom, 10, 0.995, 150 * time.Millisecond},
		{"four, thin and loss", thin, four("delay=10ms loss=5%")[:3], [2]int{6000, 8000}, 4, seldom, 10, 0.94, 170 * time.Millisecond},
		{"two, thin and loss", thin, []string{"delay=10ms loss=5%"}, [2]int{12000, 16000}, 2, [2]float64{0.8, 1}, 8, 0.985, 150 * time.Millisecond},
		{"no queue at all", "rate=85kbit queue=20ms", []string{"delay=10ms loss=3%"}, [2]int{16000, 32000}, 2, [2]float64{0.5, 1}, 12, 0.98, 80 * time.Millisecond},
		{"one of four is thin", "", append(four("delay=10ms")[:3], "rate=40kbit queue=300ms delay=10ms"), [2]int{16000, 24000}, 2, never, 8, 0.999, 60 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(3) {
				w := newTuned(t, seed, c.up, c.down...)
				w.run(0, 20*time.Second)
				begin := w.frame
				w.changes, w.steps, w.repeats = 0, 0, 0
				w.run(20*time.Second, 140*time.Second)
				m := w.manner
				share, p95 := w.heard(0, begin)
				t.Logf("seed %d: %d bit/s, %d frames, %d repeats, limit %.0f, %d changes, %.2f %% came, p95 %v", seed, m.bitrate, m.frames, m.repeats, m.limit, w.changes, 100*share, p95)
				if m.bitrate < c.bitrate[0] || m.bitrate > c.bitrate[1] || m.frames > c.frames {
					t.Errorf("seed %d: %+v", seed, m)
				}
				if r := float64(w.repeats) / float64(w.steps); r < c.repeats[0] || r > c.repeats[1] {
					t.Errorf("seed %d: links repeat for %.2f of the time", seed, r)
				}
				if w.changes > c.changes {
					t.Errorf("seed %d: %d changes in two minutes", seed, w.changes)
				}
				if share < c.share || p95 > c.p95 {
					t.Errorf("seed %d: %.2f %% came, 95 %% within %v", seed, 100*share, p95)
				}
			}
		})
	}
}

// What the way bears changes: the voice follows at once when it is less, and is as good as
// ever some time after it is more again.
func TestTunerFollowsTheWay(t *testing.T) {
	for seed := range uint64(3) {
		w := newTuned(t, seed, "rate=1mbit queue=200ms delay=10ms", "delay=10ms", "delay=10ms")
		w.run(0, 20*time.Second)
		if w.manner.rung != rungs[0] {
			t.Errorf("seed %d: %+v on a good line", seed, w.manner)
		}
		w.up.Set(line(t, "rate=64kbit queue=200ms delay=10ms"))
		w.run(20*time.Second, 30*time.Second)
		begin := w.frame
		w.run(30*time.Second, 45*time.Second)
		for i := range w.ears {
			if share, p95 := w.heard(i, begin); share < 0.99 || p95 > 200*time.Millisecond {
				t.Errorf("seed %d: 10 s after the line became thin %.2f %% came, 95 %% within %v, %+v", seed, 100*share, p95, w.manner)
			}
		}
		w.up.Set(line(t, "rate=1mbit queue=200ms delay=10ms"))
		w.run(45*time.Second, 4*time.Minute)
		if w.manner.rung != rungs[0] || w.manner.limit != 0 {
			t.Errorf("seed %d: %+v three minutes after the line was good again", seed, w.manner)
		}
	}
}

// Somebody who speaks in sentences, on a line without fault, whose reports are half a second
// old when they are seen: what they do not tell of yet is not missing.
func TestTunerOfSentences(t *testing.T) {
	for pause := 1; pause <= 4; pause++ { // half seconds
		for length := 2; length <= 12; length++ {
			u := newTuner()
			l := node.LinkInfo{Jitter: time.Millisecond}
			l.ID[0] = 1
			for i := range 240 {
				l.Arrived = uint32(l.Sent)
				l.Reports++
				l.Probed++
				if i%(length+pause) < length {
					l.Sent += 25
				} else {
					l.Sent += 3 // the noise of the room, refreshed
				}
				m := u.step([]way{{l, branch{root: identity.Hash(l.ID)}}}, time.Duration(i)*tunePeriod)
				if m.rung != rungs[0] {
					t.Fatalf("sentences of %d half seconds, pauses of %d: %+v after %d", length, pause, m, i)
				}
			}
		}
	}
}

// Music gets more where the way bears it, and where not what a voice gets.
func TestTunerOfMusic(t *testing.T) {
	for _, c := range []struct {
		up      string
		bitrate int
	}{
		{"rate=1mbit queue=200ms delay=10ms", musicBitrate},
		{"rate=140kbit queue=200ms delay=10ms", 32000}, // at most
	} {
		w := newTuned(t, 1, c.up, "delay=10ms", "delay=10ms")
		w.tuner.music = true
		w.run(0, 20*time.Second)
		begin := w.frame
		w.run(20*time.Second, 35*time.Second)
		if got := w.manner.bitrate; got > c.bitrate || c.bitrate == musicBitrate && got != musicBitrate {
			t.Errorf("%s: %d bit/s, want %d", c.up, got, c.bitrate)
		}
		for i := range w.ears {
			if share, p95 := w.heard(i, begin); share < 0.99 || p95 > 200*time.Millisecond {
				t.Errorf("%s: %.2f %% came, 95 %% within %v, %+v", c.up, 100*share, p95, w.manner)
			}
		}
		w.tuner.music = false
		w.run(35*time.Second, 36*time.Second)
		if got := w.manner.bitrate; got > 32000 {
			t.Errorf("%s: %d bit/s for a voice", c.up, got)
		}
	}
}

// The way becomes longer, as when an address changes. That looks like a queue that nothing
// empties, and is forgotten.
func TestTunerTakesALongerWay(t *testing.T) {
	w := newTuned(t, 1, "delay=10ms", "delay=10ms")
	w.run(0, 20*time.Second)
	w.up.Set(line(t, "delay=200ms"))
	w.run(20*time.Second, time.Minute)
	if w.manner.rung != rungs[0] || w.manner.limit != 0 {
		t.Errorf("%+v 40 s after the way became longer", w.manner)
	}
}

// Some say that most of it gets lost and that a lot waits, and that keeps changing. While they
// have half of the votes or fewer the others lose quality, but not below what nobody minds; one
// of them loses packets by chance and goes on getting them twice, and nobody pays for error
// correction that only liars ask for.
func TestTunerBelievesFewLittle(t *testing.T) {
	one := branch{root: identity.Hash{1}}
	own := func(i int) branch { return branch{root: identity.Hash{byte(i + 2)}} }
	for _, c := range []struct {
		name          string
		honest, liars int
		branch        func(i int, lies bool) branch
		bound         bool // holds
	}{
		{"two and one", 2, 1, func(i int, _ bool) branch { return own(i) }, true},
		{"nine and one", 9, 1, func(i int, _ bool) branch { return own(i) }, true},
		{"one and one", 1, 1, func(i int, _ bool) branch { return own(i) }, true},
		{"many of one branch", 5, 5, func(i int, lies bool) branch {
			if lies {
				return one
			}
			return own(i)
		}, true},
		{"many more of one branch", 1, 5, func(i int, lies bool) branch {
			if lies {
				return one
			}
			return own(i)
		}, true},
		{"half of the only branch", 5, 5, func(int, bool) branch { return one }, true},
		{"many more of the branch of somebody on the stage", 1, 5, func(_ int, lies bool) branch { return branch{one.root, !lies} }, true},
		{"more than half", 1, 2, func(i int, _ bool) branch { return own(i) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			const chance = "delay=10ms loss=3%"
			lines := []string{chance}
			for range c.honest + c.liars - 1 {
				lines = append(lines, "delay=10ms")
			}
			w := newTuned(t, 1, "", lines...)
			w.branch = func(i int) branch { return c.branch(i, i >= c.honest) }
			w.lies = func(i int, l *node.LinkInfo) {
				if i >= c.honest {
					l.Queue, l.Probed = 200*time.Millisecond+time.Duration(l.Reports%21)*10*time.Millisecond, l.Reports
					l.Missed, l.LossOut, l.Arrived = 0.7, 0.7, uint32(l.Sent*3/10)
				}
			}
			worst, fec, steps, repeated := rungs[0], 0, 0, 0
			w.each = func(now time.Duration) {
				if w.manner.load(false) < worst.load(false) {
					worst = w.manner.rung
				}
				fec = max(fec, w.manner.fec)
				if now >= 20*time.Second {
					steps++
					if w.tuner.links[outlet{id: w.ears[0].info.ID}].repeating && !slices.Contains(w.manner.spared, w.ears[0].info.ID) {
						repeated++
					}
				}
			}
			w.run(0, 2*time.Minute)
			often := float64(repeated) / float64(steps)
			t.Logf("at worst %d bit/s, %d frames, fec %d %%, repeats for %.2f of the time", worst.bitrate, worst.frames, fec, often)
			held := worst.load(false) >= rungs[rungShared].load(false) && often > 0.9 && fec < 10
			if held != c.bound {
				t.Errorf("the bound holds: %v", held)
			}
		})
	}
}

// Listeners who came by one invite are one branch, also beside its owner; on the stage everybody
// is one.
func TestTunerBranches(t *testing.T) {
	ann := keyOf("ann")
	charter, err := identity.SignCharter(identity.Charter{Owners: []identity.ID{ann.ID()}, Threshold: 1, Created: uint64(noon.UnixMilli())}, ann)
	if err != nil {
		t.Fatal(err)
	}
	log := room.NewLog(charter)
	s := &room.Snapshot{People: []room.Person{being("ann", identity.RoleOwner)}}
	for _, who := range []struct {
		role  identity.Role
		names []string
	}{
		{identity.RoleListener, []string{"liz", "lou"}},
		{identity.RoleListener, []string{"leo"}},
		{identity.RoleSpeaker, []string{"sam", "sue"}},
	} {
		link, _ := makeLink(t, "ann", charter.ID(), identity.Terms{Role: who.role})
		inv, err := identity.ParseInvite(link)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range who.names {
			cred, err := inv.Redeem(keyOf(name), noon)
			if err != nil {
				t.Fatal(err)
			}
			op, err := log.Compose(ann, room.KindAdmit, identity.Hash{}, idOf(name), room.AdmitArgs{Credential: cred.Bytes()}, uint64(noon.UnixMilli()))
			if err == nil {
				_, _, err = log.Add(op.Raw())
			}
			if err != nil {
				t.Fatal(err)
			}
			s.People = append(s.People, being(name, who.role))
		}
	}
	s.State = log.State()
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"liz", "lou", true}, {"liz", "leo", false}, {"liz", "ann", false}, {"sam", "sue", false}, {"sam", "ann", false},
		{"a stranger", "another", true}, {"a stranger", "liz", false},
	} {
		if same := branchOf(s, idOf(c.a)) == branchOf(s, idOf(c.b)); same != c.same {
			t.Errorf("%s and %s are one branch: %v", c.a, c.b, same)
		}
	}
}

// Who lies while nobody else is there to say otherwise has harmed only himself. When others
// come it does not last.
func TestTunerOutlivesWhoCameFirst(t *testing.T) {
	lines := slices.Repeat([]string{"delay=10ms"}, 6)
	w := newTuned(t, 1, "", lines...)
	w.came = func(i int) time.Duration { return min(time.Duration(i), 1) * 30 * time.Second }
	w.lies = func(i int, l *node.LinkInfo) {
		if i == 0 {
			l.Queue, l.Probed = time.Duration(l.Reports)*time.Second, l.Reports
			l.Missed, l.LossOut, l.Arrived = 1, 1, 0
		}
	}
	w.run(0, 30*time.Second)
	if w.manner.rung != rungs[len(rungs)-1] {
		t.Errorf("%+v while only one listens, for whom nothing gets through", w.manner)
	}
	w.run(30*time.Second, 150*time.Second)
	if w.manner.load(false) < rungs[rungShared].load(false) {
		t.Errorf("%+v two minutes after five others came", w.manner)
	}
}

// Pauses neither raise nor cut anything, and what was learnt lasts over them.
func TestTunerRests(t *testing.T) {
	w := newTuned(t, 1, "rate=64kbit queue=200ms delay=10ms", "delay=10ms", "delay=10ms")
	w.run(0, 20*time.Second)
	tick := func(now time.Duration) manner {
		var ways []way
		for i, e := range w.ears {
			l := e.info
			l.Reports += uint64(now / tunePeriod)
			l.Probed += l.Reports
			l.Queue = time.Duration(i) * time.Second
			ways = append(ways, way{LinkInfo: l})
		}
		return w.tuner.step(ways, now)
	}
	before := tick(20 * time.Second)
	if before.limit == 0 {
		t.Fatalf("%+v on a thin line", before)
	}
	for now := 20*time.Second + tunePeriod; now < 2*time.Minute; now += tunePeriod {
		if m := tick(now); m.rung != before.rung || m.limit != before.limit {
			t.Fatalf("after a pause of %v: %+v, before it %+v", now-20*time.Second, m, before)
		}
	}
	if m := w.tuner.step(nil, 3*time.Minute); m.rung != before.rung || m.repeats != 0 {
		t.Errorf("without links: %+v", m)
	}
}

// The encoder is told what half of the branches do not exceed, of those who are sent voice, and
// not more than pays. In a pause that stays as it is.
func TestTunerTellsTheEncoder(t *testing.T) {
	type ear struct {
		branch byte
		loss   float64
		silent bool // is sent nothing
	}
	for _, c := range []struct {
		ears []ear
		want int
	}{
		{nil, 0},
		{[]ear{{1, 0.05, false}}, 5},
		{[]ear{{1, 0.05, false}, {2, 1, true}}, 5},
		{[]ear{{1, 0, false}, {2, 1, false}}, 0},
		{[]ear{{1, 0, false}, {2, 0.05, false}, {3, 0.01, false}}, 1},
		{[]ear{{1, 0.02, false}, {2, 0.03, false}, {3, 1, false}, {3, 1, false}, {3, 1, false}}, 3},
		{[]ear{{1, 0.02, false}, {1, 0.04, false}, {1, 1, false}}, 4},
		{[]ear{{1, 1, false}}, 30},
	} {
		u := newTuner()
		step := func(sent uint64, now time.Duration) manner {
			var ways []way
			for i, e := range c.ears {
				l := node.LinkInfo{ID: identity.ID{byte(i)}, LossOut: e.loss}
				if !e.silent {
					l.Sent = sent
				}
				ways = append(ways, way{l, branch{root: identity.Hash{e.branch}}})
			}
			return u.step(ways, now)
		}
		step(0, 0)
		if m := step(20, time.Second); m.fec != c.want {
			t.Errorf("%v: %d %%", c.ears, m.fec)
		}
		if m := step(20, 2*time.Second); m.fec != c.want {
			t.Errorf("%v: %d %% in a pause", c.ears, m.fec)
		}
	}
}

// FuzzTuner has links say anything, in any order.
func FuzzTuner(f *testing.F) {
	f.Add([]byte("a lot of what could be said by somebody who wants to do harm, or is broken"))
	f.Fuzz(func(t *testing.T, b []byte) {
		u, now := newTuner(), time.Duration(0)
		for len(b) >= 16 {
			var ways []way
			for range b[0] % 4 {
				if len(b) < 16 {
					break
				}
				number := func(at int) uint64 { return uint64(binary.BigEndian.Uint16(b[at:])) }
				ways = append(ways, way{node.LinkInfo{
					ID: identity.ID{b[1] % 3}, Sent: number(2), Reports: number(4), Probed: number(6), Arrived: uint32(number(8)),
					Queue: time.Duration(int16(number(10))) * time.Second, Missed: float64(int8(b[12])), LossOut: float64(int8(b[13])),
					Scatter: time.Duration(number(14)) * time.Second,
				}, branch{root: identity.Hash{b[1] / 3 % 3}, stage: b[1] >= 128}})
				b = b[15:]
			}
			if len(b) > 0 {
				now += time.Duration(b[0]) * 50 * time.Millisecond
				b = b[1:]
			}
			m := u.step(ways, now)
			if m.bitrate < 6000 || m.frames < 1 || m.frames > seal.MaxFrames || m.fec < 0 || m.fec > 30 || !(m.limit >= 0) || len(u.links) > 3 {
				t.Fatalf("%+v of %+v", m, ways)
			}
		}
	})
}

// A machine sleeps while its owner speaks. What was under way is lost, and the first answers
// took as long as the sleep, which says nothing about the way there is now.
func TestTunerAfterSleep(t *testing.T) {
	u := newTuner()
	l := node.LinkInfo{Jitter: time.Millisecond}
	l.ID[0] = 1
	var now time.Duration
	step := func() manner {
		now += tunePeriod
		l.Sent += 25
		l.Reports++
		l.Probed++
		return u.step([]way{{l, branch{root: identity.Hash(l.ID)}}}, now)
	}
	for range 40 {
		l.Arrived = uint32(l.Sent)
		step()
	}
	now += time.Minute
	for range 4 {
		l.Missed, l.Queue = 1, 30*time.Second
		if m := step(); m.rung != rungs[0] {
			t.Fatalf("after a sleep: %+v", m)
		}
	}
	l.Missed, l.Queue = 0, 0
	for range 40 {
		l.Arrived = uint32(l.Sent)
		if m := step(); m.rung != rungs[0] {
			t.Fatalf("some time after a sleep: %+v", m)
		}
	}
}
