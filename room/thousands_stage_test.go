// The people of the simulation who are in the log and in gossip: who speaks, who moderates, and how what they say gets about.

package room

import (
	"bytes"
	"container/heap"
	"crypto/sha256"
	"fmt"
	"time"

	"stoa/identity"
	"stoa/room/seal"
)

const (
	talkMean  = 3 * time.Second // of a stretch of talk
	pauseMean = 13 * time.Second
	gossipOut = 8 // neighbours that each of the core picks, besides those who picked it
)

// key is somebody's, and follows from the seed.
func (w *world) key(who string) *identity.Key {
	return identity.KeyFromSeed(sha256.Sum256(fmt.Appendf(nil, "thousands %d %s", w.cfg.seed, who)))
}

// founded makes the room, with a first epoch.
func (w *world) found() {
	w.owner = w.key("owner")
	founders := identity.Charter{Owners: []identity.ID{w.owner.ID()}, Threshold: 1, Created: dawn}
	charter, err := identity.SignCharter(founders, w.owner)
	w.must(err)
	w.charter = charter
	w.log = NewLog(charter)
	w.ear = seal.NewOpener(charter.ID())
	w.views = []*State{w.log.State()}
	w.born, w.removes = []int64{0}, []bool{false}
	w.link = w.key("link")
	w.invited = w.grant(w.link.ID(), "link", identity.Grant{Role: identity.RoleListener, Invite: true})
	w.write(w.owner, KindTitle, identity.ID{}, TitleArgs{Text: "Thousands"})
	w.newEpoch(w.owner)
}

// grant makes a grant by the owner. Its nonce follows from the seed.
func (w *world) grant(subject identity.ID, label string, g identity.Grant) identity.Credential {
	g.Room, g.Subject = w.charter.ID(), subject
	g.Caps, g.Rank, g.Depth = g.Role.Caps(), g.Role.Rank(), g.Role.Depth()
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s", label, subject))
	copy(g.Nonce[:], sum[:])
	signed, err := identity.SignGrant(w.owner, g)
	w.must(err)
	return identity.Credential{{Grant: signed}}
}

// must ends the simulation on what cannot happen.
func (w *world) must(err error) {
	if err != nil {
		w.tb.Helper()
		w.tb.Fatalf("seed %d, at %s: %v", w.cfg.seed, time.Duration(w.at)*time.Millisecond, err)
	}
}

// write adds an operation to the log that all share, and returns its number: somebody who is at version v has seen operations 1 to v.
func (w *world) write(k *identity.Key, kind Kind, target identity.ID, args any) int32 {
	grant, ok := w.log.State().Under(k.ID(), kind)
	if !ok {
		w.tb.Fatalf("seed %d: %s may not %s", w.cfg.seed, k.ID(), kind)
	}
	return w.add(k, kind, grant, target, args)
}

func (w *world) add(k *identity.Key, kind Kind, grant identity.Hash, target identity.ID, args any) int32 {
	op, err := w.log.Compose(k, kind, grant, target, args, millis(w.time()))
	w.must(err)
	added, _, err := w.log.Add(op.Raw())
	w.must(err)
	for range added {
		w.views = append(w.views, w.log.State())
		w.born = append(w.born, w.at)
		w.sizes = append(w.sizes, len(op.Raw()))
		w.removes = append(w.removes, kind == KindKick)
	}
	return w.version()
}

// logSize is the bytes of the log up to a version.
func (w *world) logSize(version int32) (n int) {
	for _, size := range w.sizes[:version] {
		n += size
	}
	return n
}

// version is the number of the latest operation.
func (w *world) version() int32 { return int32(len(w.views) - 1) }

// epochOf is what the simulation knows of an epoch.
type epochOf struct {
	n       uint32
	commit  identity.Hash
	secret  [32]byte
	version int32 // of its operation
	used    int64 // when the first packet was sealed with it, ms; 0 never
	kick    *kick // what it was made for
}

// newEpoch writes a new secret's commitment.
func (w *world) newEpoch(k *identity.Key) *epochOf {
	e := &epochOf{n: uint32(len(w.epochs) + 1)}
	e.secret = sha256.Sum256(fmt.Appendf(nil, "secret %d %d", w.cfg.seed, e.n))
	e.commit = sha256.Sum256(e.secret[:])
	e.version = w.write(k, KindEpoch, identity.ID{}, EpochArgs{Commit: e.commit, N: e.n})
	w.epochs = append(w.epochs, e)
	w.byCommit[e.commit] = e
	w.retune()
	return e
}

// retune gives the ear, which opens each packet once on behalf of everybody, all secrets that may be in use.
func (w *world) retune() {
	var known []seal.Epoch
	for _, e := range w.epochs[max(0, len(w.epochs)-6):] {
		known = append(known, seal.Epoch{Commit: e.commit, Secret: e.secret})
	}
	var streams []seal.Stream
	for _, m := range w.stage {
		if m.sealer != nil {
			streams = append(streams, m.sealer.Stream())
		}
	}
	w.must(w.ear.SetEpochs(known))
	w.must(w.ear.SetStreams(streams))
}

// member is one of the core that is no relay.
type member struct {
	key     *identity.Key
	place   place
	gossip  *gossiper
	book    book
	sealer  *seal.Sealer // of a speaker
	n       int          // which speaker
	talking bool
	frame   uint32
	sealing identity.Hash      // the epoch that the sealer has
	sent    uint32             // packets
	feeds   map[*carrier]int64 // until when
}

// packet is what a speaker sends to relays: two frames, signed.
type packet struct {
	speaker int
	n       uint32 // counts the packets of the speaker
	sent    int64
	epoch   uint32
	glance  seal.Glance
	bytes   []byte
	checked bool
	genuine bool
}

// forged tells whether anybody who checks the packet finds it altered. The check is the real one, made once for everybody: it follows
// from the bytes alone.
func (w *world) forged(p *packet) bool {
	if !p.checked {
		_, _, err := w.ear.Open(p.bytes, identity.ID{})
		p.checked, p.genuine = true, err == nil
	}
	return !p.genuine
}

// open makes the stage: the owner, two moderators, the speakers.
func (w *world) open() {
	join := func(k *identity.Key) *member {
		m := &member{key: k, place: w.settle(false), n: -1, feeds: map[*carrier]int64{}}
		m.place.loss, m.place.jitter = min(m.place.loss, 0.01), min(m.place.jitter, 3)
		m.gossip = w.gossiper(m.place)
		m.gossip.member = m
		w.stage = append(w.stage, m)
		return m
	}
	join(w.owner)
	for i := range 2 {
		k := w.key(fmt.Sprint("moderator ", i))
		join(k)
		w.admit(k.ID(), w.grant(k.ID(), "moderator", identity.Grant{Role: identity.RoleModerator}))
	}
	for i := range w.cfg.speakers {
		k := w.key(fmt.Sprint("speaker ", i))
		m := join(k)
		m.n = i
		m.sealer = seal.NewSealer(w.charter.ID(), k, [8]byte{byte(i), 's'})
		w.admit(k.ID(), w.grant(k.ID(), "speaker", identity.Grant{Role: identity.RoleSpeaker}))
		w.speakers = append(w.speakers, m)
		w.clock.call(w.rnd.about(2*time.Second), func() { w.talk(m) })
	}
	w.retune()
	for _, m := range w.stage {
		m.gossip.seen = w.version()
		w.turnMember(m)
	}
}

// admit writes somebody into the log.
func (w *world) admit(who identity.ID, cred identity.Credential) int32 {
	return w.add(w.owner, KindGrant, identity.Hash{}, who, GrantArgs{Grant: cred.Leaf().Bytes()})
}

// turnMember has a member take notice of the epochs of what it has seen.
func (w *world) turnMember(m *member) {
	s := w.views[m.gossip.seen]
	if m.book.turn(s.Epoch.N, s.Epoch.Commit, w.time()) {
		// Members of the core ask one another, at once and directly.
		e := w.byCommit[s.Epoch.Commit]
		w.call(time.Duration(20+w.rnd.IntN(150))*time.Millisecond, func() { m.book.learn(e.commit, e.secret) })
	}
	m.book.expire(w.time())
}

// talk has a speaker say something for a while, and again later.
func (w *world) talk(m *member) {
	words := max(1, int(w.rnd.about(talkMean)/(40*time.Millisecond)))
	m.talking = true
	level := uint8(20 + w.rnd.IntN(30))
	// The relays ask speakers to pair frames so that all packets of a period come in one half of it.
	phase := int64(w.rnd.IntN(15))
	w.after(40-w.at%40+phase, event{kind: evCall, do: func() { w.say(m, words, level) }})
}

// say sends one packet to the relays that this speaker feeds.
func (w *world) say(m *member, words int, level uint8) {
	if p := w.sealed(m, words == 1, level); p != nil {
		w.spoken(p)
		w.feedRelays(m, p)
	}
	if words > 1 {
		w.after(40, event{kind: evCall, do: func() { w.say(m, words-1, level) }})
		return
	}
	m.talking = false
	w.call(w.rnd.about(pauseMean), func() { w.talk(m) })
}

// sealed is the next packet of a speaker, under the epoch that the room's rules say.
func (w *world) sealed(m *member, last bool, level uint8) *packet {
	s := Snapshot{Epochs: m.book.all()}
	m.frame += 2
	e, ok := s.Speaking(w.time())
	if !ok {
		w.score.speechless++
		return nil
	}
	known := w.byCommit[e.Commit]
	if m.sealing != e.Commit {
		w.must(m.sealer.SetEpoch(seal.Epoch{Commit: e.Commit, Secret: e.Secret}))
		m.sealing = e.Commit
	}
	if known.used == 0 {
		known.used = w.at
		w.inUse(known)
	}
	// What is said does not matter to anything here; that it is this packet does.
	payload := bytes.Repeat([]byte{byte(m.n), byte(m.sent), byte(m.sent >> 8)}, 27)[:80]
	b, err := m.sealer.SealSigned(nil,
		seal.Frame{Index: m.frame, Since: 1, Level: level, Payload: payload},
		seal.Frame{Index: m.frame + 1, Since: 1, Level: level, Payload: payload, End: last})
	w.must(err)
	g, _ := seal.Glimpse(b)
	m.sent++
	return &packet{speaker: m.n, n: m.sent, sent: w.at, epoch: known.n, glance: g, bytes: b}
}

// gossiper is one of those who pass gossip on.
type gossiper struct {
	at      int
	place   place
	peers   []*gossiper
	gone    bool
	mute    bool // takes part and passes nothing on
	seen    int32
	heard   map[int32]bool // operations after seen that came before those in between
	member  *member
	carrier *carrier

	reached float64 // of the message that is being spread
	mark    int
	index   int // in the heap
}

// gossiper adds somebody to the core.
func (w *world) gossiper(p place) *gossiper {
	g := &gossiper{at: len(w.mesh), place: p, heard: map[int32]bool{}}
	w.mesh = append(w.mesh, g)
	w.graft(g)
	return g
}

// graft gives g as many neighbours as it wants, and as there are.
func (w *world) graft(g *gossiper) {
	for try := 0; len(g.peers) < gossipOut && try < 40; try++ {
		o := w.mesh[w.rnd.IntN(len(w.mesh))]
		if o == g || o.gone || contains(g.peers, o) {
			continue
		}
		g.peers = append(g.peers, o)
		o.peers = append(o.peers, g)
	}
}

func contains(list []*gossiper, g *gossiper) bool {
	for _, o := range list {
		if o == g {
			return true
		}
	}
	return false
}

// leave takes g out of the mesh. Its neighbours find others when the next heartbeat of the mesh shows it.
func (w *world) leave(g *gossiper) {
	g.gone = true
	for _, o := range g.peers {
		w.call(time.Second, func() {
			for i, p := range o.peers {
				if p == g {
					o.peers = append(o.peers[:i], o.peers[i+1:]...)
					break
				}
			}
			w.graft(o)
		})
	}
}

// spread has each of the core get a message when the first copy of it gets there: along the fastest way of the mesh.
func (w *world) spread(from *gossiper, size int, kind string, take func(*gossiper)) {
	w.spreads++
	from.reached, from.mark = 0, w.spreads
	front := meshFront{from}
	copies := 0
	for len(front) > 0 {
		g := heap.Pop(&front).(*gossiper)
		if g.gone {
			continue
		}
		if g != from {
			w.after(int64(g.reached), event{kind: evCall, do: func() {
				if !g.gone {
					take(g)
				}
			}})
			if g.mute {
				continue
			}
		}
		for _, o := range g.peers {
			p := between(g.place, o.place)
			at := g.reached + 2 + float64(p.stream(w.rnd)) // 2 ms to check it
			copies++
			switch {
			case o.mark != w.spreads:
				o.mark, o.reached = w.spreads, at
				heap.Push(&front, o)
			case at < o.reached && o.index >= 0:
				o.reached = at
				heap.Fix(&front, o.index)
			}
		}
	}
	w.score.gossip(kind, copies, copies*(size+40))
}

// meshFront is whom a message reaches next.
type meshFront []*gossiper

func (h meshFront) Len() int           { return len(h) }
func (h meshFront) Less(i, j int) bool { return h[i].reached < h[j].reached }
func (h meshFront) Swap(i, j int)      { h[i], h[j] = h[j], h[i]; h[i].index, h[j].index = i, j }
func (h *meshFront) Push(x any)        { g := x.(*gossiper); g.index = len(*h); *h = append(*h, g) }
func (h *meshFront) Pop() any {
	last := len(*h) - 1
	g := (*h)[last]
	g.index = -1
	*h = (*h)[:last]
	return g
}

// publish spreads an operation, from its author to the core, and from there to everybody.
func (w *world) publish(author *member, version int32) {
	author.gossip.takeOp(w, version)
	w.followUp(version)
	w.spread(author.gossip, w.sizes[version-1], "operations", func(g *gossiper) { g.takeOp(w, version) })
}

// takeOp has one of the core see an operation, and those that waited for it.
func (g *gossiper) takeOp(w *world, version int32) {
	before := g.seen
	g.seen = advance(g.seen, version, g.heard)
	if g.seen == before {
		return
	}
	if g.member != nil {
		w.turnMember(g.member)
	}
	if g.carrier != nil {
		g.carrier.sawOps(w, before)
	}
}

// advance is the version of somebody at seen who has been told of an operation.
func advance(seen, version int32, heard map[int32]bool) int32 {
	if version > seen {
		heard[version] = true
	}
	for heard[seen+1] {
		seen++
		delete(heard, seen)
	}
	return seen
}

// kick is somebody being put out, and what became of it.
type kick struct {
	at      int64
	version int32
	target  *hearer
	epoch   *epochOf
}

// moderate has moderators kick listeners and change the title, until the end.
func (w *world) moderate() {
	moderators := w.stage[:3]
	w.every(w.cfg.kicks, func() bool {
		m := moderators[w.rnd.IntN(len(moderators))]
		if l := w.someListener(); l != nil && m.gossip.seen == w.version() {
			w.kick(m, l)
		}
		return true
	})
	w.every(w.cfg.acts, func() bool {
		m := moderators[w.rnd.IntN(len(moderators))]
		if m.gossip.seen == w.version() {
			v := w.write(m.key, KindTitle, identity.ID{}, TitleArgs{Text: fmt.Sprint("Thousands, ", w.at)})
			w.publish(m, v)
		}
		return true
	})
}

// kick puts a listener out. Whoever does it makes the next epoch a moment later: rotateSoon.
func (w *world) kick(m *member, l *hearer) {
	k := &kick{at: w.at, target: l}
	k.version = w.write(m.key, KindKick, l.id, RemoveArgs{Reason: "noise"})
	l.kicked = k
	w.kicks = append(w.kicks, k)
	w.publish(m, k.version)
	w.call(rotateSoon, func() {
		e := w.newEpoch(m.key)
		k.epoch, e.kick = e, k
		m.book.hold(Secret{Commit: e.commit, Key: e.secret}, w.time())
		w.publish(m, e.version)
		w.afterKick(k)
	})
}
