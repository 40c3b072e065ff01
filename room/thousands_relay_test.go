// The relays of the simulation: honest ones, which do what relays do, and liars of every kind.

package room

import (
	"fmt"
	"slices"
	"time"

	"stoa/identity"
	"stoa/room/relay"
)

// lie is what a relay does wrong.
type lie uint8

const (
	honest   lie = iota
	drops        // three packets in ten, and says that all went on
	delays       // by 300 ms
	censors      // one speaker
	forges       // alters a packet now and then
	replays      // sends packets again, a second later
	invents      // says in its digests that there is more than there is
	hushes       // carries voices, and neither operations nor letters
	refuses      // takes nobody
	swallows     // takes everybody and sends nothing
	lies         // how many there are
)

func (l lie) String() string {
	return [...]string{"honest", "drops", "delays", "censors", "forges", "replays", "invents", "hushes", "refuses", "swallows"}[l]
}

// What a relay of package node does.
const (
	window     = 20 // ms in which the packets of a bundle are gathered
	loudest    = 4  // packets in a bundle, beside those that are repeated
	bundleHead = 14 // bytes: kind, token, number, stamp, count
	maxBundle  = 1200

	udpHead    = 28  // bytes of UDP and IPv4
	streamHead = 70  // bytes around a message on a stream, with its acknowledgement
	letterSize = 450 // bytes of a sealed question, or answer
	reportSize = 40  // bytes of a report, every half second
)

const (
	fedFor      = 10000            // ms during which it is no wonder that others bring what a speaker has brought
	dialTime    = 5000             // ms until somebody gives up who calls a machine that is gone
	retireAfter = 3000             // ms that a speaker goes on feeding a relay that is no longer of the trunk
	noticed     = 12 * time.Second // until the core knows that one of them went without a word
)

// carrier is a relay.
type carrier struct {
	n       int
	key     *identity.Key
	id      identity.ID
	place   place
	lie     lie
	slots   int // of those that get voice
	alive   bool
	gossip  *gossiper
	trunk   bool     // the speakers feed it, as far as it knows
	up      follower // how it is fed otherwise
	itself  attachment
	started int64

	children []*attachment
	media    int // of the children
	gate     bucket

	seen     [maxSpeakers]window64
	gathered []*packet          // since the window opened
	windows  uint32             // counts them
	talking  [maxSpeakers]int64 // when the last packet of each came; 0 when it ended a stretch of talk
	before   []*packet          // of the bundle before
	said     []*packet          // what a replayer keeps
	silent   int                // the speaker whom a censor swallows
	direct   [maxSpeakers]int64 // when the link of each speaker last brought a packet
	meter    relay.Meter
	guests   *relay.Attendees

	sent int64 // bytes
	most int   // children with voice
}

// attachment is a seat at a relay.
type attachment struct {
	carrier *carrier
	owner   *follower
	media   bool
	at      int // in the carrier's children
	over    bool
	opened  int64
	down    path
	upward  path
	lossy   bool   // so much is lost that it is repeated
	seq     uint32 // of bundles sent
	holds   identity.Hash
}

// cargo is what one event brings to many.
type cargo struct {
	packets []*packet
	repeats []*packet
	digest  *relay.Digest
	floor   *relay.Floor
	version int32
	size    int // bytes
	more    int // bytes of the repeats
}

// maxSpeakers bounds the speakers of a simulation.
const maxSpeakers = 8

// window64 remembers which of the newest 64 packets of a speaker came.
type window64 struct {
	newest uint32
	bits   uint64
}

// take marks a packet and tells whether it is new.
func (w *window64) take(n uint32) bool {
	switch {
	case n > w.newest:
		w.bits = w.bits<<min(n-w.newest, 64) | 1
		w.newest = n
		return true
	case w.newest-n >= 64 || w.bits>>(w.newest-n)&1 == 1:
		return false
	}
	w.bits |= 1 << (w.newest - n)
	return true
}

// enlist has a relay join the room: the owner grants, the relay offers, a moderator audits. It is elected from the next epoch on.
func (w *world) enlist(l lie, slots int) *carrier {
	c := &carrier{n: len(w.relays), lie: l, slots: slots, place: w.settle(true), alive: true, silent: w.rnd.IntN(w.cfg.speakers), started: w.at}
	c.key = w.key(fmt.Sprint("relay ", c.n))
	c.id = c.key.ID()
	c.itself = attachment{carrier: c, owner: &c.up}
	c.gate = newGuard().seats
	c.guests = relay.NewAttendees(w.charter.ID(), c.id, [8]byte{byte(c.n), byte(c.n >> 8)})
	w.relays = append(w.relays, c)
	w.byID[c.id] = c
	c.gossip = w.gossiper(c.place)
	c.gossip.carrier = c
	c.gossip.mute = l == swallows || l == refuses
	c.up.init(w, c.id, c.place)
	c.up.carrier = c
	w.admit(c.id, w.grant(c.id, "relay", identity.Grant{Role: identity.RoleRelay, Slots: uint32(slots)}))
	w.write(c.key, KindAdvert, identity.ID{}, AdvertArgs{Slots: uint16(slots), Addrs: []string{c.place.addr()}})
	w.write(w.stage[1].key, KindAudit, c.id, AuditArgs{Kbps: uint32(slots * slotKbps)})
	return c
}

// serve has a relay begin, and do what it does all the time.
func (c *carrier) serve(w *world) {
	c.gossip.seen = w.version()
	c.rank(w)
	w.call(time.Duration(w.rnd.IntN(200))*time.Millisecond, func() {
		w.every(relay.DigestEvery, func() bool { c.testify(w); return c.alive })
	})
	w.every(time.Second, func() bool { c.attendance(w); return c.alive })
}

// rank finds out whether the speakers feed this relay, and if not, who does.
func (c *carrier) rank(w *world) {
	first := slices.Contains(w.fed(c.gossip.seen), c)
	switch {
	case first && !c.trunk:
		c.trunk = true
		// It goes on being fed by others until the speakers surely do.
		w.call(2*retireAfter*time.Millisecond, func() {
			if c.trunk {
				c.up.leave()
			}
		})
	case !first:
		c.trunk = false
		c.up.choose()
	}
}

// sawOps takes notice of operations that have come, passes them on, and cuts those who were put out.
func (c *carrier) sawOps(w *world, before int32) {
	removes := false
	for v := before + 1; v <= c.gossip.seen; v++ {
		removes = removes || w.removes[v]
		if c.lie != swallows && c.lie != hushes {
			c.feed(w, evFeed, &cargo{version: v, size: w.sizes[v-1]})
		}
	}
	s := w.views[c.gossip.seen]
	for _, a := range c.atRisk(removes) {
		if l := a.owner.listener; l != nil && c.lie == honest && !l.welcome(s) {
			c.release(a)
		}
	}
	c.rank(w)
}

// atRisk are the children about whom there is something new.
func (c *carrier) atRisk(removes bool) []*attachment {
	if !removes {
		return nil
	}
	return slices.Clone(c.children)
}

// feed sends every child a message of the room.
func (c *carrier) feed(w *world, kind eventKind, what *cargo) {
	for _, a := range c.children {
		if a.owner.listener == nil {
			continue
		}
		w.after(a.down.stream(w.rnd), event{kind: kind, on: a, cargo: what})
		w.score.listeners("feed", 1, what.size+streamHead)
	}
}

// feedRelays sends a packet from its speaker to the relays that the speaker feeds.
func (w *world) feedRelays(m *member, p *packet) {
	load := &cargo{packets: []*packet{p}}
	for _, c := range w.fed(m.gossip.seen) {
		m.feeds[c] = w.at + retireAfter
	}
	for _, c := range w.relays {
		until, ok := m.feeds[c]
		if !ok {
			continue
		}
		if until < w.at || !c.alive && w.gone[c] {
			delete(m.feeds, c)
			continue
		}
		way := between(m.place, c.place)
		w.score.stage("voice to relays", 1, len(p.bytes)+udpHead+9)
		if ms, ok := way.packet(w.rnd); ok {
			w.after(ms, event{kind: evVoice, on: &c.itself, cargo: load})
		}
	}
}

// gather takes packets that are verified and new.
func (c *carrier) gather(w *world, p *packet) {
	c.meter.Count(p.bytes, p.glance.KID, p.glance.Index, p.glance.Level, p.glance.End, w.time())
	if len(c.gathered) == 0 {
		c.windows++
		w.after(window, event{kind: evFlush, seq: c.windows, on: &c.itself})
	}
	c.gathered = append(c.gathered, p)
	c.talking[p.speaker] = w.at
	if c.complete(w) {
		c.flush(w)
	}
	if p.glance.End {
		c.talking[p.speaker] = 0
	}
}

// complete tells whether everybody who talks has a packet in this window.
func (c *carrier) complete(w *world) bool {
	n := 0
	for _, at := range c.talking {
		if at > 0 && w.at-at <= 60 {
			n++
		}
	}
	return len(c.gathered) >= n
}

// voice takes a packet from its speaker.
func (c *carrier) voice(w *world, what *cargo) {
	for _, p := range what.packets {
		if c.alive && !w.forged(p) && c.seen[p.speaker].take(p.n) {
			c.direct[p.speaker] = w.at
			c.gather(w, p)
		}
	}
}

// flush sends what has been gathered to everybody who wants voice.
func (c *carrier) flush(w *world) {
	c.windows++ // the timer of this window has nothing to do any more
	packets := c.gathered
	c.gathered = nil
	if len(packets) > loudest {
		slices.SortStableFunc(packets, func(a, b *packet) int { return int(a.glance.Level) - int(b.glance.Level) })
		packets = packets[:loudest]
	}
	honestly := packets
	packets = c.tamper(w, packets)
	load := &cargo{packets: packets, size: bundleHead + udpHead}
	for _, p := range packets {
		load.size += 2 + len(p.bytes)
	}
	if len(packets) == len(honestly) && len(c.before) > 0 {
		for _, p := range c.before {
			if load.size+load.more+2+len(p.bytes) <= maxBundle+udpHead {
				load.repeats = append(load.repeats, p)
				load.more += 2 + len(p.bytes)
			}
		}
	}
	c.before = packets
	if c.lie == swallows || len(packets) == 0 {
		return
	}
	extra := int64(0)
	if c.lie == delays {
		extra = 300
	}
	for _, a := range c.children {
		if !a.media {
			continue
		}
		a.seq++
		size := load.size
		if a.lossy {
			size += load.more
		}
		w.score.carried(c, size)
		if a.owner.listener != nil {
			w.score.listeners("voice", 1, size)
		} else {
			w.score.stage("voice between relays", 1, size)
		}
		if ms, ok := a.down.packet(w.rnd); ok {
			w.after(ms+extra, event{kind: evBundle, seq: a.seq, on: a, cargo: load})
		}
	}
}

// tamper is what a liar makes of the packets of a bundle.
func (c *carrier) tamper(w *world, packets []*packet) []*packet {
	switch c.lie {
	case drops:
		packets = slices.DeleteFunc(packets, func(*packet) bool { return w.rnd.one(0.3) })
	case censors:
		packets = slices.DeleteFunc(packets, func(p *packet) bool { return p.speaker == c.silent })
	case forges:
		if w.rnd.one(0.1) {
			packets = slices.Clone(packets)
			packets[0] = packets[0].altered(w.rnd)
		}
	case replays:
		c.said = append(c.said, packets...)
		if len(c.said) > 25 {
			c.said = c.said[len(c.said)-25:]
			packets = append(slices.Clone(packets), c.said[0])
		}
	}
	return packets
}

// altered is the packet with one bit of its voice or signature changed.
func (p *packet) altered(rnd *chance) *packet {
	q := &packet{speaker: p.speaker, n: p.n, sent: p.sent, epoch: p.epoch, glance: p.glance, bytes: slices.Clone(p.bytes)}
	at := len(q.bytes)/2 + rnd.IntN(len(q.bytes)/2)
	q.bytes[at] ^= 1 << rnd.IntN(8)
	return q
}

// testify sends every child a digest.
func (c *carrier) testify(w *world) {
	if !c.alive {
		return
	}
	d := c.meter.Digest(w.charter.ID(), c.id, w.time())
	if c.lie == swallows {
		return
	}
	if c.lie == invents {
		for i := range d.Live {
			d.Live[i].Count += d.Live[i].Count / 2
			d.Live[i].Index += 50
			d.Live[i].End = false
		}
	}
	load := &cargo{digest: d, size: w.digestSize(d) + 9 + udpHead}
	for _, a := range c.children {
		w.score.carried(c, load.size)
		if a.owner.listener != nil {
			w.score.listeners("digests", 1, load.size)
		}
		if ms, ok := a.down.packet(w.rnd); ok {
			w.after(ms, event{kind: evDigest, on: a, cargo: load})
		}
	}
}

// digestSize is how long a digest is when signed.
func (w *world) digestSize(d *relay.Digest) int {
	n := len(d.Live)
	if w.digests[n] == 0 {
		w.digests[n] = len(d.Sign(w.owner))
	}
	return w.digests[n]
}

// attendance tells the room who came and went.
func (c *carrier) attendance(w *world) {
	if !c.alive {
		return
	}
	if a, _ := c.guests.Next(w.time()); a != nil && c.lie != swallows && c.lie != refuses {
		size := len(a.Sign(c.key))
		w.spread(c.gossip, size, "attendance", func(g *gossiper) {
			if g == w.stage[0].gossip {
				w.audience.Put(a, uint16(2*c.slots), w.time())
			}
			w.score.fed(g, "feed: attendance", size)
		})
	}
}

// admits decides on somebody who wants to be carried, and takes them.
func (c *carrier) admits(w *world, f *follower, media bool) *attachment {
	if c.lie == refuses {
		return nil
	}
	if f.listener != nil && c.lie == honest && !f.listener.welcome(w.views[c.gossip.seen]) {
		return nil
	}
	if media && c.media >= c.slots || !media && len(c.children)-c.media >= c.slots*5/4 {
		w.score.full++
		return nil
	}
	a := &attachment{carrier: c, owner: f, at: len(c.children), opened: w.at, down: between(c.place, f.place), upward: between(f.place, c.place)}
	a.lossy = float64(a.down.loss) > 0.01*(1<<32)
	c.children = append(c.children, a)
	c.setMedia(w, a, media)
	if f.listener != nil {
		c.guests.Join(f.id)
	}
	return a
}

// setMedia gives a child voice, or stops. One that asks because its other relay has failed is not held to the slots.
func (c *carrier) setMedia(w *world, a *attachment, on bool) {
	if a.over || a.media == on {
		return
	}
	if on && c.media >= c.slots*5/4 {
		w.score.full++
		c.release(a)
		return
	}
	a.media = on
	if on {
		c.media++
		c.most = max(c.most, c.media)
	} else {
		c.media--
	}
}

// release ends an attachment, from either side. The child learns of it by its stream.
func (c *carrier) release(a *attachment) {
	if a.over {
		return
	}
	a.over = true
	last := len(c.children) - 1
	c.children[a.at] = c.children[last]
	c.children[a.at].at = a.at
	c.children = c.children[:last]
	if a.media {
		c.media--
	}
	if a.owner.listener != nil {
		c.guests.Leave(a.owner.id)
	}
	w := a.owner.w
	w.after(a.down.stream(w.rnd), event{kind: evCall, do: func() { a.owner.lost(a) }})
}

// die takes a relay from the world without a word.
func (c *carrier) die(w *world) {
	if !c.alive {
		return
	}
	c.alive = false
	w.leave(c.gossip)
	for _, a := range c.children {
		a.over = true
		w.call(dialTime*time.Millisecond, func() { a.owner.lost(a) }) // unless the watch finds out, which it does
	}
	c.children, c.media, c.gathered = nil, 0, nil
	c.up.leave()
	w.call(noticed, func() {
		w.gone[c] = true
		w.regard++
		for _, o := range w.relays {
			if o.alive {
				o.rank(w)
			}
		}
	})
}

// fed are the relays that speakers at a version feed.
func (w *world) fed(version int32) []*carrier {
	return w.plan(version).fed
}

// plan is what follows from a version of the log and from who is known to be gone.
type plan struct {
	serve  []relay.Candidate // listeners
	trunk  []relay.Candidate // the others; nil when the speakers feed all
	fed    []*carrier        // by the speakers
	regard int
}

func (w *world) plan(version int32) *plan {
	if p := w.plans[version]; p != nil && p.regard == w.regard {
		return p
	}
	p := &plan{regard: w.regard}
	var all []relay.Candidate
	for _, r := range w.views[version].Relays() {
		if c := w.byID[r.ID]; !w.gone[c] {
			all = append(all, relay.Candidate{ID: r.ID, Slots: r.Slots, Beacon: r.Beacon, Net: relay.NetworkOf(r.Addrs[0])})
		}
	}
	trunk := relay.Trunk(all)
	for _, c := range all {
		first := slices.Contains(trunk, c.ID)
		if first || trunk == nil {
			p.fed = append(p.fed, w.byID[c.ID])
		}
		if first {
			p.trunk = append(p.trunk, c)
		} else {
			p.serve = append(p.serve, c)
		}
	}
	w.plans[version] = p
	return p
}
