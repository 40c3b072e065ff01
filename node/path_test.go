// The ladder, the ring, and what a path takes and refuses.

package node

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"stoa/identity"
)

// ladderWorld runs a ladder against a far side that answers probes while works says so.
type ladderWorld struct {
	ladder      ladder
	now         time.Duration
	heard, sent time.Duration
	works       bool
	probes      []time.Duration
	touches     int
	falls       []time.Duration
}

const ladderRTT = 40 * time.Millisecond

// run lets time pass; the far side reports every 500 ms, and so do we while we are up.
func (w *ladderWorld) run(d time.Duration) {
	for end := w.now + d; w.now < end; w.now += stepEvery {
		if w.works && w.now%(500*time.Millisecond) == 0 {
			w.heard = w.now
		}
		if w.ladder.up && w.now%(500*time.Millisecond) == 0 {
			w.sent = w.now
		}
		do := w.ladder.step(w.now, w.heard, w.sent, ladderRTT)
		if do.probe {
			w.probes = append(w.probes, w.now)
			if w.works {
				w.heard = w.now + ladderRTT
				w.ladder.answered(w.now + ladderRTT)
			}
		}
		if do.touch {
			w.touches++
		}
		if do.fell {
			w.falls = append(w.falls, w.now)
		}
	}
}

func newLadderWorld(works bool) *ladderWorld {
	w := &ladderWorld{works: works}
	w.ladder.begin(0)
	return w
}

func TestLadderGoesUpWithTheFirstAnswer(t *testing.T) {
	w := newLadderWorld(true)
	w.run(time.Minute)
	if !w.ladder.up || len(w.probes) != 1 || w.probes[0] != 0 || len(w.falls) != 0 {
		t.Errorf("up %v, probes at %v, fell at %v", w.ladder.up, w.probes, w.falls)
	}
}

func TestLadderProbesEverMoreRarely(t *testing.T) {
	w := newLadderWorld(false)
	w.run(10 * time.Minute)
	if w.ladder.up {
		t.Fatal("up without an answer")
	}
	// Rounds of four after 0, 10, 20, 40, 80, 80 ... seconds.
	if n := len(w.probes); n != 4*10 {
		t.Errorf("%d probes in 10 minutes: %v", n, w.probes)
	}
	for i, gap := range []time.Duration{100, 200, 400, 10_000, 100, 200, 400, 20_000} {
		if got := w.probes[i+1] - w.probes[i]; got != gap*time.Millisecond {
			t.Errorf("gap %d is %v, want %v ms", i, got, gap)
		}
	}
	w.works = true
	w.run(2 * probeRests)
	if !w.ladder.up {
		t.Error("does not climb when it works again")
	}
}

func TestLadderFallsIntoSilenceOnly(t *testing.T) {
	w := newLadderWorld(true)
	w.run(5 * time.Second)
	w.works = false
	at := w.now
	w.run(2 * time.Second)
	if w.ladder.up || len(w.falls) != 1 {
		t.Fatalf("up %v, fell at %v", w.ladder.up, w.falls)
	}
	if took := w.falls[0] - at; took < 500*time.Millisecond || took > rawSilent+ladderRTT+stepEvery {
		t.Errorf("fell %v after it stopped to work", took)
	}
	if w.touches != 1 || len(w.probes) < 4 {
		t.Errorf("asked %d times by RAW and %d by QUIC before falling", len(w.probes)-1, w.touches)
	}
	w.works = true
	w.run(probePause)
	if !w.ladder.up {
		t.Error("did not climb again within 10 s")
	}
}

// A path on which nothing is sent may be silent for as long as it likes.
func TestLadderBearsSilenceWhenNothingIsSent(t *testing.T) {
	l := ladder{up: true}
	for now := time.Duration(0); now < time.Minute; now += stepEvery {
		if do := l.step(now, time.Second, time.Second, 0); do != (ladderStep{}) {
			t.Fatalf("at %v: %+v", now, do)
		}
	}
}

func TestLadderStartsOverWhenTheFarSideMoves(t *testing.T) {
	w := newLadderWorld(false)
	w.run(time.Minute) // deep in back-off
	n := len(w.probes)
	w.works = true
	w.ladder.moved(w.now)
	w.run(stepEvery)
	if !w.ladder.up || len(w.probes) != n+1 {
		t.Error("no probe at once after a move")
	}
}

func FuzzLadder(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		var l ladder
		l.begin(0)
		var now, heard, sent time.Duration
		probes := 0
		for _, c := range b {
			now += time.Duration(c>>4) * stepEvery
			switch c & 7 {
			case 0:
				heard = now
			case 1:
				sent = now
			case 2:
				l.answered(now)
			case 3:
				l.moved(now)
				probes = 0
			}
			was := l.up
			do := l.step(now, heard, sent, time.Duration(c)*10*time.Millisecond)
			if do.fell != (was && !l.up) || do.fell && do.probe || do.touch && !do.probe {
				t.Fatalf("%+v from up %v to %v", do, was, l.up)
			}
			if do.fell && sent <= heard {
				t.Fatal("fell although nothing was sent")
			}
			if do.probe {
				probes++
			}
		}
		if l.pause < probePause || l.pause > probeRests {
			t.Fatalf("pause %v", l.pause)
		}
	})
}

func TestMessageRingDropsTheOldest(t *testing.T) {
	var r messageRing
	dropped := 0
	for i := range byte(5) {
		if r.push([]byte{9}, []byte{i}, time.Duration(i)) {
			dropped++
		}
	}
	if dropped != 2 {
		t.Errorf("dropped %d, want 2", dropped)
	}
	buf := make([]byte, 0, maxMedia)
	for i := byte(2); i < 5; i++ {
		if b, since := r.pop(buf); !bytes.Equal(b, []byte{9, i}) || since != time.Duration(i) {
			t.Errorf("popped %v of %v, want %d", b, since, i)
		}
	}
	if b, _ := r.pop(buf); b != nil {
		t.Error("popped from an empty ring")
	}
}

// idlePath is a path that never goes anywhere: its sender is said to run and does not.
func idlePath() *path {
	p := &path{
		node: &Node{}, born: time.Now(), done: make(chan struct{}), wake: make(chan struct{}, 1),
		wire: &wire{}, sending: true, packets: bucket{rate: linkPackets}, bytes: bucket{rate: linkBytes},
	}
	p.begun.Store(true)
	return p
}

// A path that cannot send for a while must not bring old voice then, nor forget to report.
func TestLateVoiceIsDroppedAndReportsAreNot(t *testing.T) {
	p := idlePath()
	message := func(kind byte) []byte { return append([]byte{kind}, make([]byte, 30)...) }
	p.send(message(kindReport))
	for range 10 {
		p.send(message(kindBundle))
	}
	p.send(message(kindDigest))
	p.born = p.born.Add(-queueLasts - time.Millisecond)
	var kinds []byte
	buf := make([]byte, 2, 2+maxMedia)
	for b, _ := p.next(buf); b != nil; b, _ = p.next(buf) {
		kinds = append(kinds, b[2])
	}
	if !bytes.Equal(kinds, []byte{kindReport, kindDigest}) {
		t.Errorf("kinds %v are sent late", kinds)
	}
	if n := p.info().dropped; n != 10 {
		t.Errorf("%d counted as dropped, want 10", n)
	}
}

func TestSendAllocatesNothing(t *testing.T) {
	p := idlePath()
	l := &link{path: p, meter: new(meter), born: time.Now()}
	r := new(Room)
	r.linked.Store(&map[identity.ID][]*link{{1}: {l}})
	packet, to := make([]byte, 200), []identity.ID{{1}, {2}}
	buf := make([]byte, 2, 2+maxMedia)
	if n := testing.AllocsPerRun(100, func() { r.Send(packet, to); p.next(buf) }); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

// Consent: who was not heard for 3 s gets nothing more.
func TestSilentFarSideGetsNothing(t *testing.T) {
	p := idlePath()
	b := make([]byte, 20)
	if !p.send(b) {
		t.Fatal("a fresh path took nothing")
	}
	p.born = time.Now().Add(-linkSilence - time.Millisecond)
	if p.send(b) {
		t.Error("sent after 3 s of silence")
	}
	p.sink = func([]byte, time.Time) {}
	p.receive(make([]byte, 20), Datagram, time.Now())
	if !p.send(b) {
		t.Error("took nothing after a sign of life")
	}
	close(p.done)
	if p.send(b) {
		t.Error("sent after close")
	}
}

// closer is a connection that can be closed.
type closer struct {
	network.Conn
	at chan time.Time
}

func (c closer) Close() error {
	c.at <- time.Now()
	return nil
}

// A path has one stream, and none once it is closed: nobody would reset it.
func TestPathTakesOneStream(t *testing.T) {
	p := idlePath()
	p.wire = nil
	w := newWall()
	if !p.useStream(stream{w, w}) {
		t.Fatal("not taken")
	}
	second := newWall()
	if p.useStream(stream{second, second}) {
		t.Error("took a second stream")
	}
	p.close()
	<-w.reset
	p = idlePath()
	p.wire = nil
	p.close()
	if p.useStream(stream{second, second}) {
		t.Error("took a stream after its end")
	}
}

// A far end that acknowledges nothing fills QUIC's queue. It must not keep a sender there
// for each path that it gave up.
func TestStuckSenderEndsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, stuck := range []bool{true, false} {
			p := idlePath()
			conn := closer{at: make(chan time.Time, 1)}
			p.conn, p.wire = conn, &wire{cancel: func() {}}
			p.queueing.Store(true)
			start := time.Now()
			p.close()
			time.Sleep(writePatience / 2)
			p.queueing.Store(stuck)
			time.Sleep(writePatience)
			select {
			case at := <-conn.at:
				if !stuck || at.Sub(start) != writePatience {
					t.Errorf("stuck %v: closed after %v", stuck, at.Sub(start))
				}
			default:
				if stuck {
					t.Error("the connection stays")
				}
			}
		}
	})
}

func TestJunkFindsNoPath(t *testing.T) {
	n := &Node{}
	p := idlePath()
	n.paths.m = map[token]*path{{1, 2}: p}
	for _, b := range [][]byte{nil, {}, {4}, make([]byte, 8), make([]byte, 9), make([]byte, 64)} {
		if n.paths.find(b) != nil {
			t.Errorf("%d bytes of junk found a path", len(b))
		}
	}
	if n.paths.find(append([]byte{4}, p.in[:]...)) != nil {
		t.Error("found by a token that is not in the table")
	}
	good := []byte{4, 1, 2, 0, 0, 0, 0, 0, 0, 7}
	if n.paths.find(good) != p {
		t.Error("not found by its token")
	}
	if allocs := testing.AllocsPerRun(100, func() { n.paths.find(good) }); allocs != 0 {
		t.Errorf("%v allocations to find a path", allocs)
	}
}
