// fanout: one relay's voice to all its children.
//
//	Relay.Forward -> forward -> window (tick.go)
//	                              | run, the one goroutine: waits until the window closes
//	                              v
//	  parcels (bundle.go): what all share, whole, with repeats, or reduced
//	                              | for each seat: 13 bytes of its own before it
//	                              v
//	  RAW: batches of 64 for sendmmsg (raw_linux.go)     else: the path's ring and sender
//
// For the relay: newFanout, run in a goroutine, add and remove seats, setMedia, report what
// a child says, forward what was verified, digest. None of them blocks. A seat whose child
// has not reported for 3 s gets nothing. Nothing is allocated for a packet or a child that
// goes by RAW.

package node

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	digestWaits = 45 * time.Millisecond // for a bundle that takes it along, a packet less for each child
	flushLasts  = windowTime            // what an upload cap or a full send buffer keeps back for longer is dropped
	maxDigest   = 1100
	parcelsMost = 3 // for one window, the last for a digest only: what does not fit is dropped, the quietest first
)

// ForwardStats counts what was forwarded to children, and what was not and why.
type ForwardStats struct {
	Packets uint64 // taken by Forward
	Bundles uint64 // sent, to all children together
	Bytes   uint64 // of these, without IP and UDP
	Raw     uint64 // bundles of these that went as bare UDP packets
	Digests uint64 // sent by themselves, to all children together

	Full    uint64 // packets too many for one window, or too large
	Quiet   uint64 // packets of speakers who are not among the four loudest
	Late    uint64 // packets that waited for more than 60 ms
	Crowded uint64 // packets that fitted into no bundle of their window
	Stale   uint64 // bundles for children that have not reported for 3 s
	Capped  uint64 // bundles over the upload cap
	Failed  uint64 // bundles that the system did not take

	Delays   [len(DelayBounds) + 1]uint64 // packets by what the relay added to their way, see DelayBounds
	DelaySum time.Duration                // of these packets together
}

type forwardCounts struct {
	packets, bundles, bytes, raw, digests             atomic.Uint64
	full, quiet, late, crowded, stale, capped, failed atomic.Uint64

	delays   [len(DelayBounds) + 1]atomic.Uint64
	delaySum atomic.Int64
}

// A fanout sends what it is given to all its seats. Its methods may be called from any
// goroutine.
type fanout struct {
	node   *Node
	born   time.Time
	wake   chan struct{} // one slot: there is something new
	counts forwardCounts
	seats  atomic.Pointer[[]*fanSeat] // the slice is never changed

	limit   atomic.Int64 // bytes a second of all together; 0 is none
	seating sync.Mutex   // of whoever replaces seats

	mu       sync.Mutex
	tick     ticker
	digested []byte        // the digest to send, nil: none
	digestBy time.Duration // when it goes to those who get voice by itself; 0: it has gone to the others
	store    [maxDigest]byte

	// What follows is run's alone.
	windows [3]held // the open one, the one being sent and the one before that
	turn    int     // of windows
	before  *held   // may be nil
	sending *held
	variety [varieties]variety
	batches []*batch
	pace    pacer
	first   int    // seat that is served first: after a cap it is another's turn
	carry   []byte // the digest that is being sent
}

// A fanSeat is one child in the fanout.
type fanSeat struct {
	path  *path
	media atomic.Bool
	heard atomic.Int64  // its last report, durations since the fanout was born
	kind  atomic.Uint32 // which variety it gets
	meter *meter

	mu       sync.Mutex
	throttle throttle

	// run's alone
	seq    uint16
	target target
	heads  [parcelsMost][bundleHead]byte
}

// Varieties of a window's parcels: by how many speakers, and with repeats or not.
const varieties = 6

type variety struct {
	parcels [parcelsMost]parcel
	n       int // 0: not made for this window
	size    int // of all messages, with the heads
}

func varietyOf(speakers int, repeats bool) uint32 {
	kind := uint32(0)
	for n := loudest; n > speakers; n /= 2 {
		kind += 2
	}
	if repeats {
		kind++
	}
	return kind
}

// newFanout makes a fanout that sends at most up bytes a second, or as many as it can
// when up is 0. It does nothing until run is called.
func newFanout(n *Node, up int) *fanout {
	f := &fanout{node: n, born: time.Now(), wake: make(chan struct{}, 1)}
	f.limit.Store(int64(up))
	f.seats.Store(new([]*fanSeat))
	f.tick.window = &f.windows[0]
	f.carry = make([]byte, 0, maxDigest)
	return f
}

func (f *fanout) now() time.Duration { return time.Since(f.born) }

// add gives a child a seat. media says whether it gets voice or stands by.
func (f *fanout) add(p *path, media bool) *fanSeat {
	s := &fanSeat{path: p, meter: newMeter(f.node, time.Now())}
	s.media.Store(media)
	s.heard.Store(int64(f.now()))
	f.seating.Lock()
	defer f.seating.Unlock()
	old := *f.seats.Load()
	seats := append(make([]*fanSeat, 0, len(old)+1), old...)
	seats = append(seats, s)
	f.seats.Store(&seats)
	return s
}

// remove takes the seat away. Nothing is begun for it afterwards; a batch that is on its
// way may hold a last packet.
func (f *fanout) remove(s *fanSeat) {
	f.seating.Lock()
	defer f.seating.Unlock()
	seats := slices.DeleteFunc(slices.Clone(*f.seats.Load()), func(o *fanSeat) bool { return o == s })
	f.seats.Store(&seats)
}

// setMedia says whether the child gets voice or stands by.
func (f *fanout) setMedia(s *fanSeat, on bool) { s.media.Store(on) }

// report takes what a child's path brought. What is not a report is ignored.
func (f *fanout) report(s *fanSeat, b []byte, at time.Time) {
	rep, ok := parseReport(b)
	if !ok {
		return
	}
	now := at.Sub(f.born)
	s.heard.Store(int64(now))
	s.meter.take(rep, at)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.throttle.report(float64(rep.loss)/65535, now)
	s.kind.Store(varietyOf(s.throttle.speakers(), s.meter.lossOut() >= repeatLoss))
}

// unreported is for how long the child in a seat has not reported.
func (f *fanout) unreported(s *fanSeat) time.Duration {
	return f.now() - time.Duration(s.heard.Load())
}

// loss is the share of the bundles for a seat that did not arrive lately.
func (f *fanout) loss(s *fanSeat) float64 { return s.meter.lossOut() }

// forward puts a packet into the window. It keeps nothing of packet.
func (f *fanout) forward(packet []byte, v Voice) {
	f.counts.packets.Add(1)
	f.mu.Lock()
	took := f.tick.take(packet, v, f.now())
	f.mu.Unlock()
	if !took {
		f.counts.full.Add(1)
	}
	f.nudge()
}

// digest sends a digest of at most 1100 bytes to every child: at once to those that stand
// by, and with the next bundle to those that get voice, or 45 ms later. An empty one is a
// sign of life.
func (f *fanout) digest(b []byte) {
	if len(b) > maxDigest {
		return
	}
	f.mu.Lock()
	f.digested, f.digestBy = f.store[:copy(f.store[:], b)], 0
	f.mu.Unlock()
	f.nudge()
}

// flips lists the KIDs of the speakers who should pair their frames the other way.
func (f *fanout) flips() []uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tick.flips(f.now())
}

func (f *fanout) stats() ForwardStats {
	c := &f.counts
	s := ForwardStats{
		Packets: c.packets.Load(), Bundles: c.bundles.Load(), Bytes: c.bytes.Load(),
		Raw: c.raw.Load(), Digests: c.digests.Load(),
		Full: c.full.Load(), Quiet: c.quiet.Load(), Late: c.late.Load(), Crowded: c.crowded.Load(),
		Stale: c.stale.Load(), Capped: c.capped.Load(), Failed: c.failed.Load(),
		DelaySum: time.Duration(c.delaySum.Load()),
	}
	for i := range s.Delays {
		s.Delays[i] = c.delays[i].Load()
	}
	return s
}

func (f *fanout) nudge() { poke(f.wake) }

// run sends until ctx ends.
func (f *fanout) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if next, idle := f.step(); idle {
			timer.Stop()
		} else {
			timer.Reset(next)
		}
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		case <-timer.C:
		}
	}
}

// step sends what is due, and says how long until the next thing is, or that there is none.
func (f *fanout) step() (next time.Duration, idle bool) {
	for {
		f.mu.Lock()
		now := f.now()
		shut, open := f.tick.due(now)
		waits := f.digested != nil
		switch {
		case open && shut <= now:
			f.shut(now)
			f.mu.Unlock()
			f.flush(now)
		case waits && f.digestBy == 0:
			f.digestBy = now + digestWaits
			d := f.copyDigest()
			f.mu.Unlock()
			f.sendDigest(d, false, now)
		case waits && f.digestBy <= now:
			d := f.copyDigest()
			f.digested = nil
			f.mu.Unlock()
			f.sendDigest(d, true, now)
		default:
			byDigest := f.digestBy - now
			f.mu.Unlock()
			switch {
			case open && waits:
				return min(shut-now, byDigest), false
			case open:
				return shut - now, false
			case waits:
				return byDigest, false
			}
			return 0, true
		}
	}
}

// copyDigest takes the digest out of others' reach. The caller holds mu.
func (f *fanout) copyDigest() []byte {
	f.carry = append(f.carry[:0], f.digested...)
	return f.carry
}

// shut closes the window and takes the digest along if there is one that has gone to those
// who stand by. The caller holds mu.
func (f *fanout) shut(now time.Duration) {
	f.turn = (f.turn + 1) % len(f.windows)
	f.before = f.sending
	w, quiet, late := f.tick.shut(&f.windows[f.turn], now)
	f.sending = w
	f.counts.quiet.Add(uint64(quiet))
	f.counts.late.Add(uint64(late))
	f.carry = f.carry[:0]
	if f.digested != nil && f.digestBy != 0 && w.chosen > 0 {
		f.copyDigest()
		f.digested = nil
	}
}

// flush sends the closed window to everybody who gets voice.
func (f *fanout) flush(now time.Duration) {
	if f.sending.chosen == 0 {
		return
	}
	for i := range f.variety {
		f.variety[i].n = 0
	}
	f.pace.rate = float64(f.limit.Load())
	seats, limit := *f.seats.Load(), now+flushLasts
	first, over := f.first, false
	for i := range seats {
		at := (first + i) % len(seats)
		s := seats[at]
		if !s.media.Load() || !s.fresh(f, now) {
			continue
		}
		v := f.make(s.kind.Load())
		if over || !f.afford(v.size, limit) {
			if !over {
				over, f.first = true, at // who had to wait is the first next time
			}
			f.counts.capped.Add(uint64(v.n))
			continue
		}
		for j := range v.n {
			f.put(s, j, v.parcels[j].bytes(), now, limit)
		}
	}
	f.send(limit)
	f.observe(f.sending, f.now())
}

// fresh says whether the child has reported lately, and counts it if not.
func (s *fanSeat) fresh(f *fanout, now time.Duration) bool {
	if now-time.Duration(s.heard.Load()) > linkSilence || !s.path.begun.Load() {
		f.counts.stale.Add(1)
		return false
	}
	return true
}

// make fills a variety of the parcels for this window, unless it has been asked for before:
// the packets, then the digest, and repeats in what room is left.
func (f *fanout) make(kind uint32) *variety {
	v := &f.variety[kind]
	if v.n > 0 {
		return v
	}
	whole := loudest >> (kind / 2)
	last := v.next()
	for _, i := range f.sending.order[:min(f.sending.chosen, f.upTo(f.sending, whole))] {
		packet := f.sending.packets[i].bytes()
		if last.add(packet, false) {
			continue
		}
		if v.n == parcelsMost-1 {
			f.counts.crowded.Add(1)
			continue
		}
		last = v.next()
		last.add(packet, false)
	}
	if kind%2 == 1 && f.before != nil && v.n == 1 && f.sending.at-f.before.at < repeatUntil {
		f.repeat(last, whole)
	}
	if !last.finish(f.carry) {
		v.next().finish(f.carry)
	}
	v.size = 0
	for j := range v.n {
		v.size += bundleHead + len(v.parcels[j].bytes()) + udpHead
	}
	return v
}

// upTo is how many of a window's packets are of the loudest so many speakers.
func (f *fanout) upTo(w *held, speakers int) (n int) {
	kid := uint64(0)
	for _, i := range w.order[:w.chosen] {
		if n == 0 || w.packets[i].kid != kid {
			if speakers--; speakers < 0 {
				break
			}
		}
		kid = w.packets[i].kid
		n++
	}
	return n
}

// repeat adds packets of the window before, as far as there is room beside the digest.
func (f *fanout) repeat(p *parcel, speakers int) {
	for _, i := range f.before.order[:f.upTo(f.before, speakers)] {
		if packet := f.before.packets[i].bytes(); p.n+2+len(packet)+len(f.carry) <= maxPayload {
			p.add(packet, true)
		}
	}
}

// next takes one more parcel into use.
func (v *variety) next() *parcel {
	p := &v.parcels[v.n]
	v.n++
	p.reset()
	return p
}

// udpHead is what IPv4 and UDP put before a packet, for the upload cap.
const udpHead = 28

// afford waits until n more bytes may be sent, but not beyond limit: then it is false.
func (f *fanout) afford(n int, limit time.Duration) bool {
	for {
		now := f.now()
		wait := f.pace.take(n, now)
		if wait == 0 {
			return true
		}
		f.send(limit)
		if now+wait > limit {
			return false
		}
		time.Sleep(wait)
	}
}

// put gives one message to a seat's path: to a batch if that goes by RAW. j says which of
// the seat's heads is free. A full batch is sent, and waits until limit at most.
func (f *fanout) put(s *fanSeat, j int, body []byte, now, limit time.Duration) {
	s.seq++
	head := &s.heads[j]
	putBundleHead(head, s.seq, now)
	copy(head[1:], s.path.out[:])
	f.counts.bundles.Add(1)
	f.counts.bytes.Add(uint64(len(head) + len(body)))
	if !f.batch(s, j == 0, head[:], body, now, limit) {
		s.path.enqueue(head[:], body)
	}
}

// batch adds a message to the batch of the seat's socket, if the seat goes by RAW.
func (f *fanout) batch(s *fanSeat, aim bool, head, body []byte, now, limit time.Duration) bool {
	p := s.path
	if !p.raw.Load() || aim && !p.aim(&s.target) {
		return false
	}
	b := f.batchOf(s.target.socket, limit)
	if b == nil {
		return false
	}
	f.counts.raw.Add(1)
	p.loaded(f.born.Add(now).Sub(p.born))
	if b.add(&s.target, head, body) {
		f.sendBatch(b, limit-f.now())
	}
	return true
}

// batchOf finds the batch for a socket, or makes one.
func (f *fanout) batchOf(s *socket, limit time.Duration) *batch {
	for _, b := range f.batches {
		if b.socket == s {
			return b
		}
	}
	if s == nil {
		return nil
	}
	if len(f.batches) == batchesMost { // sockets come and go, seldom
		f.send(limit)
		f.batches = f.batches[:0]
	}
	b := newBatch(s)
	f.batches = append(f.batches, b)
	return b
}

const batchesMost = 16

// send sends what is in the batches.
func (f *fanout) send(limit time.Duration) {
	for _, b := range f.batches {
		f.sendBatch(b, limit-f.now())
	}
}

func (f *fanout) sendBatch(b *batch, patience time.Duration) {
	if n := b.len(); n > 0 {
		f.counts.failed.Add(uint64(n - b.flush(patience)))
	}
}

// sendDigest sends a digest by itself, to those who get voice or to the others.
func (f *fanout) sendDigest(d []byte, media bool, now time.Duration) {
	seats, limit := *f.seats.Load(), now+flushLasts
	for _, s := range seats {
		if s.media.Load() != media || !s.fresh(f, now) {
			continue
		}
		f.counts.digests.Add(1)
		head := s.heads[0][:mediaHead]
		head[0] = kindDigest
		copy(head[1:], s.path.out[:])
		if !f.batch(s, true, head, d, now, limit) {
			s.path.enqueue(head, d)
		}
	}
	f.send(limit)
}
