// The judge of one listener's two relays: what it is told. What it makes of that is in judge.go.

package relay

import (
	"iter"
	"slices"
	"time"

	"stoa/identity"
)

const (
	// maxStreams is how many streams a Watch follows: those of a digest, and as many again that an epoch has just renamed or a speaker left.
	maxStreams = 2 * MaxLive

	// streamLife is how long a stream is remembered that nobody mentions.
	streamLife = time.Minute

	// maxVoices is how many of the speakers a relay sends when more speak: the loudest.
	maxVoices = 4

	// gapFrames is how many frames after the last one the next may begin if no more than two packets between were lost.
	gapFrames = 6

	// pauseAfter is how long nobody has anything new of a stream that pauses, and not one of which a digest or two were lost.
	pauseAfter = 500 * time.Millisecond

	// epoch is the moment at which a Watch begins: any that is not zero.
	epoch = moment(time.Second)
)

// Watch judges the two relays of one listener by what comes from them. It is a pure machine, not safe for concurrent use.
//
// Report everything as it comes, then call Step, which says what to do. Step is cheap; call it after what was reported, and when it said to be
// called. After Swap the Watch itself counts the former shadow as the primary, so what that sends is Primary's from then on, and nothing more is
// reported of the one that was left; SetPair then names the new shadow.
type Watch struct {
	begin   time.Time
	pair    Pair
	paths   [2]path
	streams []*stream // of which something is new or pending; with asleep at most maxStreams
	asleep  []*stream // of which nothing is, in the order in which they fell silent. Step looks at none of them

	// While the shadow sends media.
	media   bool
	asked   moment // since when it should
	proven  moment // since when it does: its first packet
	trouble moment // when something was last wrong with the primary
	lacked  bool   // the primary has lacked a packet that the shadow brought
}

// path is what is known of one relay.
type path struct {
	since  moment // when it came to this place, or was asked for the media
	begin  moment // when it became one of the two
	life   moment // when it last sent anything
	stamp  moment // when it did so lately; the next one is at least lifeApart later
	before moment // the stamp before
	media  moment // when its last packet came

	digest  moment // when its last digest came
	digests int
	seq     uint32 // of that digest
	full    bool   // likewise: it had no room for more streams

	bundles   bool
	bundle    uint32  // number of the newest
	loss      float64 // share of bundles that were lost lately
	throttled moment  // until when the relay sends fewer voices, since we reported loss
	voices    int     // how many then

	rough moment // when something was last lost on the way

	strike moment // when it last sent what had been sent
	fault  Fault  // one that needs no witness
}

// lifeApart is how far apart two signs of life are to count as two.
const lifeApart = 40 * time.Millisecond

// stream is one speaker's voice under one key.
type stream struct {
	kid   uint64
	track [2]track
	claim [2]claim
	used  moment // when anybody last mentioned it
	gone  bool   // nobody has it any more, though it never ended
	spoke moment // when it began after a pause, as far as anybody knows
	rough moment // when the primary last lacked so much of it that it was heard

	// Against the primary, by what the shadow says.
	marks  [4]mark
	due    []slice // at most maxSlices, in the order of due
	score  float64 // of drops, see judge.go
	proof  float64 // the part of it that the shadow has proved
	slow   float64 // of long outages, all proved
	short  float64 // against the shadow: it sends less than it says
	late   int     // of delays, by marks
	lag    int     // of delays, by packets that came by both
	lagged moment  // since when lag is above zero

	// While the shadow sends media.
	compared uint32 // packets after this one are still to be compared
	compares bool
	next     moment // when the next of them are put aside
	missing  int    // how many in a row only the shadow has brought
	altLost  float64
	altAll   float64
	lack     moment // since when the shadow has brought what the primary lacks; zero when it lacks nothing
	lacking  int    // how many of those

	floor floorClaim
}

// claim is what the digests of a path say of a stream.
type claim struct {
	known bool
	live  Live
	level uint8  // in the digest before
	at    moment // of the digest
	moved moment // when the index last grew
	first moment // when it appeared
}

// mark is a packet that a digest of the shadow has shown, and that should come by the primary about now.
type mark struct {
	open  bool
	late  bool // counted already
	index uint32
	at    moment
}

// slice is a stretch of a stream that is judged a little later, when what is still on its way has come.
type slice struct {
	from, to uint32 // packets that begin after from and not after to
	count    uint32 // how many the shadow says there are
	own      bool   // the shadow should have sent them too
	direct   bool   // no claim: what came by both is compared
	due      moment
}

// floorClaim is a stream that the acting host hears and neither path has.
type floorClaim struct {
	since     moment // zero: some path has it
	index     uint32
	confirmed bool // it went on, as a later floor showed
}

// NewWatch returns a Watch without relays, that begins at a time.
func NewWatch(now time.Time) *Watch { return &Watch{begin: now.Add(-epoch)} }

// moment gives a time its internal form. One before the beginning is the beginning.
func (w *Watch) moment(t time.Time) moment { return max(t.Sub(w.begin), epoch) }

// SetPair says who the relays are from now on. What is known of one that stays, or changes places, stays.
func (w *Watch) SetPair(p Pair, at time.Time) {
	t := w.moment(at)
	if p == w.pair {
		return
	}
	if !p.Primary.IsZero() && p.Primary == w.pair.Shadow || !p.Shadow.IsZero() && p.Shadow == w.pair.Primary {
		w.exchange(t)
	}
	for _, place := range []Path{Primary, Shadow} {
		if id := p.at(place); id != w.pair.at(place) {
			w.enter(place, id, t)
		}
	}
}

// at returns who is in a place.
func (p Pair) at(place Path) identity.ID {
	if place == Primary {
		return p.Primary
	}
	return p.Shadow
}

// exchange puts each relay in the other's place.
func (w *Watch) exchange(t moment) {
	w.pair = Pair{Primary: w.pair.Shadow, Shadow: w.pair.Primary}
	w.paths[Primary], w.paths[Shadow] = w.paths[Shadow], w.paths[Primary]
	w.paths[Primary].since, w.paths[Shadow].since = t, t
	if w.proven == 0 {
		w.paths[Primary].since += shadowGrace
	}
	for s := range w.all() {
		s.track[Primary], s.track[Shadow] = s.track[Shadow], s.track[Primary]
		s.claim[Primary], s.claim[Shadow] = s.claim[Shadow], s.claim[Primary]
		s.rough, s.floor = 0, floorClaim{}
	}
	w.acquit()
}

// enter puts a relay, or nobody, in a place, and forgets who was there. What the acting host heard before a relay came does not speak against it.
func (w *Watch) enter(place Path, id identity.ID, t moment) {
	if place == Primary {
		w.pair.Primary = id
	} else {
		w.pair.Shadow = id
	}
	w.paths[place] = path{since: t, begin: t}
	for s := range w.all() {
		s.track[place], s.claim[place] = track{}, claim{}
		if !id.IsZero() {
			s.floor = floorClaim{}
		}
		if place == Primary {
			s.rough = 0
		}
	}
	w.acquit()
}

// acquit forgets what there is against the two relays by comparing them.
func (w *Watch) acquit() {
	w.rest()
	for s := range w.all() {
		s.marks, s.late = [4]mark{}, 0
		s.score, s.short = 0, 0
		s.due = s.due[:0]
	}
}

// rest takes the media back from the shadow, and forgets what could be seen while both sent it.
func (w *Watch) rest() {
	w.media, w.asked, w.proven, w.trouble, w.lacked = false, 0, 0, 0, false
	for s := range w.all() {
		s.proof, s.slow, s.short = 0, 0, 0
		s.lag, s.lagged = 0, 0
		s.compares, s.compared, s.next, s.missing = false, 0, 0, 0
		s.altLost, s.altAll = 0, 0
		s.lack, s.lacking = 0, 0
		s.due = slices.DeleteFunc(s.due, func(x slice) bool { return x.direct })
	}
}

// Pair returns the relays as the Watch counts them: SetPair's, less those it said to leave.
func (w *Watch) Pair() Pair { return w.pair }

// PathOf tells which path a relay is on.
func (w *Watch) PathOf(relay identity.ID) (p Path, ok bool) {
	switch {
	case relay.IsZero():
		return 0, false
	case relay == w.pair.Primary:
		return Primary, true
	case relay == w.pair.Shadow:
		return Shadow, true
	}
	return 0, false
}

// Media tells whether a path should send media: the primary always, the shadow between TakeOver and GiveBack.
func (w *Watch) Media(p Path) bool { return p == Primary || w.media }

// Packet reports a packet that came the first time and was verified: by its signature, or opened. frames is how many it holds.
func (w *Watch) Packet(p Path, kid uint64, index uint32, frames int, end bool, at time.Time) {
	w.packet(p, kid, index, end, false, w.moment(at))
}

// Replayed reports a packet of somebody on stage that had come before, by either path (seal.ErrReplay). The Watch tells the copy of the other
// path, and the repeat that a relay adds against loss, from a replay.
func (w *Watch) Replayed(p Path, kid uint64, index uint32, frames int, end bool, at time.Time) {
	w.packet(p, kid, index, end, true, w.moment(at))
}

func (w *Watch) packet(p Path, kid uint64, index uint32, end, known bool, t moment) {
	if w.vacant(p) {
		return
	}
	path := &w.paths[p]
	s := w.find(kid)
	if s == nil {
		// Known or not: what a relay that has just been left sent to the end came before this.
		s = w.add(kid, t)
	}
	path.alive(t)
	path.media = t
	s.mention(t)
	if p == Shadow && w.media && w.proven == 0 {
		w.proven = t
	}
	gap := p == Primary && s.track[p].active() && int32(index-s.track[p].newest) > gapFrames
	switch s.track[p].note(index, end, known, t) {
	case replay:
		path.struck(t)
	case first:
		s.gone = false
		if gap {
			s.rough = t
		}
		s.arrive(p, index, t, w.media)
	}
}

// vacant tells whether nobody is in a place.
func (w *Watch) vacant(p Path) bool { return w.pair.at(p).IsZero() }

// find returns a stream, awake. It is nil when nobody has mentioned it for long.
func (w *Watch) find(kid uint64) *stream {
	for _, s := range w.streams {
		if s.kid == kid {
			return s
		}
	}
	for i, s := range w.asleep {
		if s.kid == kid {
			w.asleep = slices.Delete(w.asleep, i, i+1)
			w.streams = append(w.streams, s)
			return s
		}
	}
	return nil
}

// all yields the streams, awake or not.
func (w *Watch) all() iter.Seq[*stream] {
	return func(yield func(*stream) bool) {
		for _, list := range [2][]*stream{w.streams, w.asleep} {
			for _, s := range list {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// add begins a stream. When there are too many it takes the place of the one that was not mentioned for longest, and of one of which nothing was
// ever verified if there is such a one: digests can claim what they like.
func (w *Watch) add(kid uint64, t moment) *stream {
	if len(w.streams)+len(w.asleep) == maxStreams {
		var oldest *stream
		for s := range w.all() {
			if oldest == nil || s.heard() == oldest.heard() && s.used < oldest.used || oldest.heard() && !s.heard() {
				oldest = s
			}
		}
		it := func(s *stream) bool { return s == oldest }
		w.streams, w.asleep = slices.DeleteFunc(w.streams, it), slices.DeleteFunc(w.asleep, it)
	}
	s := &stream{kid: kid, used: t}
	w.streams = append(w.streams, s)
	return s
}

// heard tells whether a packet of the stream was verified.
func (s *stream) heard() bool { return s.track[Primary].started || s.track[Shadow].started }

// arrive notes that a packet has come the first time by a path.
func (s *stream) arrive(p Path, index uint32, t moment, media bool) {
	if p == Primary {
		s.lack, s.lacking = 0, 0
		s.reach(t)
	} else if media && s.track[Primary].lacks(index) {
		if s.lack == 0 {
			s.lack = t
		}
		s.lacking++
	}
	if media {
		if other, ok := s.track[p.other()].came(index); ok {
			lag := t - other
			if p == Shadow {
				lag = -lag
			}
			s.delayed(lag, t)
		}
	}
}

// mention notes that somebody is about to say something new of the stream.
func (s *stream) mention(t moment) {
	if t-s.news() > pauseAfter {
		s.spoke = t
	}
	s.used = t
}

// Bundle reports a bundle, by the number that the relay gave it: the gaps are what the path lost. One that the network brings twice is reported
// once, as are the packets in it.
func (w *Watch) Bundle(p Path, seq uint32, at time.Time) {
	if w.vacant(p) {
		return
	}
	t, path := w.moment(at), &w.paths[p]
	path.alive(t)
	gap := int32(seq - path.bundle)
	if path.bundles && gap <= 0 {
		return
	}
	if path.bundles && gap < bundleJump {
		path.lose(int(gap)-1, t)
	}
	path.bundles, path.bundle = true, seq
}

// Digest reports a relay's digest. That of another relay than the path's, and an older one than is known, are ignored.
func (w *Watch) Digest(p Path, d *Digest, at time.Time) {
	path := &w.paths[p]
	if w.vacant(p) || d.Relay != w.pair.at(p) || path.digests > 0 && int32(d.Seq-path.seq) <= 0 {
		return
	}
	t := w.moment(at)
	path.alive(t)
	if gap := int32(d.Seq - path.seq); path.digests > 0 && gap > 1 {
		path.rough = t
	}
	path.digest, path.seq, path.full = t, d.Seq, len(d.Live) >= MaxLive
	path.digests++
	for i := range d.Live {
		w.claims(p, &d.Live[i], t)
	}
}

// claims takes what a digest says of a stream.
func (w *Watch) claims(p Path, l *Live, t moment) {
	s := w.find(l.KID)
	if s == nil {
		s = w.add(l.KID, t)
	}
	c := &s.claim[p]
	was := *c
	*c = claim{known: true, live: *l, level: l.Level, at: t, moved: was.moved, first: was.first}
	if !was.known || t-was.at > claimLife {
		s.mention(t)
		c.first, c.moved = t, t
		if p == Shadow && !l.End && s.track[Primary].lacks(l.Index) {
			s.mark(l.Index, t)
		}
		return
	}
	c.level = was.live.Level
	if int32(l.Index-was.live.Index) <= 0 {
		return
	}
	s.mention(t)
	c.moved = t
	if p == Shadow {
		s.claimed(&was.live, l, w.media && w.asked+shadowGrace <= was.at, t)
		s.mark(l.Index, t)
	}
}

// Floor reports the acting host's floor, verified. What it says of a stream that it lets leap is ignored.
func (w *Watch) Floor(f *Floor, at time.Time) {
	t := w.moment(at)
	for i := range f.Live {
		if l := &f.Live[i]; !l.End {
			s := w.find(l.KID)
			if s == nil {
				s = w.add(l.KID, t)
			}
			if !s.leaps(l.Index, t) {
				s.floored(l.Index, t)
			}
		}
	}
}

// Forged reports a packet whose signature was wrong. Not every packet that does not open is one: a speaker can sign what nobody can open.
func (w *Watch) Forged(p Path, at time.Time) { w.accuse(p, Forges) }

// Lost reports that the connection is gone.
func (w *Watch) Lost(p Path, at time.Time) { w.accuse(p, Dead) }

// accuse notes a fault that needs no witness.
func (w *Watch) accuse(p Path, f Fault) {
	if !w.vacant(p) && w.paths[p].fault == 0 {
		w.paths[p].fault = f
	}
}

// alive notes a sign of life.
func (p *path) alive(t moment) {
	if t-p.stamp >= lifeApart {
		p.before, p.stamp = p.stamp, t
	}
	p.life = t
}

// struck notes that something was sent again. The network may do that once; twice within a second it is the relay.
func (p *path) struck(t moment) {
	if p.strike != 0 && t-p.strike < strikeApart && p.fault == 0 {
		p.fault = Replays
	}
	p.strike = t
}

const (
	strikeApart = time.Second
	bundleJump  = 1000 // a relay that began to count anew

	lossWeight = 1.0 / 64 // of one bundle in the share that was lost: 2.5 s at 25 a second
	lossTwo    = 0.08     // from here on relays send the two loudest, as our reports make them
	lossOne    = 0.25     // and from here on the loudest
	lossHold   = 10 * time.Second
)

// lose counts how many bundles were lost before one that came.
func (p *path) lose(lost int, t moment) {
	for range min(lost, 64) {
		p.loss += (1 - p.loss) * lossWeight
	}
	p.loss -= p.loss * lossWeight
	if lost > 0 {
		p.rough = t
	}
	voices := maxVoices
	switch {
	case p.loss >= lossOne:
		voices = 1
	case p.loss >= lossTwo:
		voices = 2
	}
	if t >= p.throttled || voices < p.voices {
		p.voices = voices
	}
	if voices < maxVoices && voices <= p.voices {
		p.throttled = t + lossHold
	}
}

// carries is how many voices the relay sends us when more speak.
func (p *path) carries(t moment) int {
	if t < p.throttled {
		return p.voices
	}
	return maxVoices
}
