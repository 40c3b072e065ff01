// Media links of a room: who is linked, making links, keeping and cutting them.

package node

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"stoa/identity"
)

// Carrier says what a link's packets travel in.
type Carrier string

const (
	Raw      Carrier = "raw"      // UDP packets beside QUIC's, on its socket
	Datagram Carrier = "datagram" // QUIC datagrams
	Stream   Carrier = "stream"   // a libp2p stream: no UDP between the two, or no datagrams
)

// LinkInfo describes one media link to one peer of one person.
type LinkInfo struct {
	ID      identity.ID
	Session [8]byte // of the far run of the program
	Peer    string  // the far peer ID
	Addr    string  // the far address
	Way     Way
	Carrier Carrier

	RTT      time.Duration // 0 until it was measured, within a second
	LossOut  float64       // share of our last 200 packets or so that the far side missed
	LossIn   float64       // share of theirs that we missed, in our last report
	Jitter   time.Duration // of what we receive, RFC 3550
	Sent     uint64        // packets
	Received uint64        // packets

	// What the far side says of our packets, in its reports.
	Reports uint64        // that came
	Arrived uint32        // packets that had come to them; wraps
	Probed  uint64        // times that Queue was measured
	Queue   time.Duration // by how much a report of ours took longer to them than the quickest lately: what waits on the way
	Missed  float64       // share of ours that did not come to them, in their last report
	Scatter time.Duration // their jitter, RFC 3550

	Dropped uint64        // packets that gave way to newer ones in our queue
	Quiet   time.Duration // since anything came over it, of which there are reports twice a second at least

	// Flip asks a speaker whose packets hold two frames to pair them the other way, the
	// second of one packet with the first of the next: a relay could then send everybody's
	// packets on in one bundle. It lasts until it was seen to be done, or is no use any
	// more: act on it once in two seconds at most.
	Flip bool
}

// linkEvent waits to be told to OnLink.
type linkEvent struct {
	info LinkInfo
	up   bool
}

// OnPacket sets who receives voice packets. It is called on the goroutine that reads
// the network: it must not block, and packet is valid only during the call. Packets
// of one connection come one at a time; those of different peers may come at once. No
// call is running or begins after [Room.Close] has returned.
func (r *Room) OnPacket(f func(from identity.ID, packet []byte, at time.Time)) { r.onPacket.Store(&f) }

// OnLink sets who hears when the first link to a person came up and when the last one
// went down. Calls come one at a time and in order, from a goroutine of the room.
func (r *Room) OnLink(f func(info LinkInfo, up bool)) { r.onLink.Store(&f) }

// Admit sets who may hold a link; until it is set nobody may. It is asked about every
// link again every 250 ms and on [Room.Review], and must be quick. A link of somebody
// it refuses is cut; a newcomer's waits up to 5 s, because the news that he was let in
// may still be on its way, and carries nothing meanwhile.
func (r *Room) Admit(f func(id identity.ID) bool) {
	r.admit.Store(&f)
	r.Review()
}

// Review asks Admit about every link now. Call it when the room's state has changed.
func (r *Room) Review() {
	r.review(time.Now())
	r.nudgeLinks()
}

// Drop cuts the links to a person now. Whether they come back is for Admit to say.
func (r *Room) Drop(id identity.ID) {
	for _, l := range r.allLinks() {
		if l.key.id == id {
			l.end()
		}
	}
}

// Links describes the links that are up, in no order.
func (r *Room) Links() []LinkInfo {
	var infos []LinkInfo
	for _, ls := range *r.linked.Load() {
		for _, l := range ls {
			infos = append(infos, l.info())
		}
	}
	return infos
}

// Send queues a packet on the links to the given people, and says how many links took
// it. It never blocks and copies the bytes: a full queue drops its oldest. People
// without a link are skipped, and so is a packet of more than MaxPacket bytes.
func (r *Room) Send(packet []byte, to []identity.ID) int {
	if len(packet) == 0 || len(packet) > MaxPacket {
		return 0
	}
	linked := *r.linked.Load()
	n := 0
	for _, id := range to {
		for _, l := range linked[id] {
			l.send(packet)
			n++
		}
	}
	return n
}

// Spare says whether the links to a person get every packet once only, also when some are
// lost: because it is our sending that fills the way.
func (r *Room) Spare(id identity.ID, on bool) {
	for _, l := range (*r.linked.Load())[id] {
		l.spare.Store(on)
	}
}

// Advise sets what our reports to a person on his links say, see [LinkInfo.Flip].
func (r *Room) Advise(id identity.ID, flip bool) {
	for _, l := range (*r.linked.Load())[id] {
		l.flip.Store(flip)
	}
}

func (r *Room) deliver(from identity.ID, packet []byte, at time.Time) {
	r.delivering.RLock()
	defer r.delivering.RUnlock()
	if f := r.onPacket.Load(); f != nil && r.ctx.Err() == nil {
		(*f)(from, packet, at)
	}
}

func (r *Room) admitted(id identity.ID) bool {
	f := r.admit.Load()
	return f != nil && (*f)(id)
}

// linkPatience bounds one attempt, with dialling, hole punching and the hellos.
const linkPatience = 10 * time.Second

// Link makes sure that there is a media link to a person: it dials when there is
// none. Calls for the same person share one attempt, which outlives a caller that
// gives up. The error wraps [ErrUnreachable], [ErrRefused],
// [ErrBusy] or [ErrImpostor].
func (r *Room) Link(ctx context.Context, id identity.ID) error {
	if len((*r.linked.Load())[id]) > 0 {
		return nil
	}
	if !r.admitted(id) {
		return fmt.Errorf("link to %s: %w by our own state of the room", id.Short(), ErrRefused)
	}
	result := r.dials.DoChan(string(id[:]), func() (any, error) { return nil, r.dialPerson(id) })
	select {
	case res := <-result:
		return res.Err
	case <-ctx.Done():
		return fmt.Errorf("link to %s: %w: %w", id.Short(), ErrUnreachable, ctx.Err())
	}
}

func (r *Room) dialPerson(id identity.ID) error {
	if !r.begin() {
		return ErrClosed
	}
	defer r.work.Done()
	ctx, cancel := context.WithTimeout(r.ctx, linkPatience)
	defer cancel()
	r.callingTo(id, 1)
	defer r.callingTo(id, -1)
	for {
		moved, err := r.tryPerson(ctx, id)
		switch {
		case err == nil:
			return nil
		case !moved || ctx.Err() != nil:
			return fmt.Errorf("link to %s: %w", id.Short(), err)
		}
	}
}

// tryPerson tries the peers of a person once, and says whether the machine moved meanwhile.
func (r *Room) tryPerson(ctx context.Context, id identity.ID) (moved bool, err error) {
	ctx, leave := r.node.whileHere(ctx)
	defer leave()
	_, err = tryPeers(ctx, r, id, func(ctx context.Context, p peer.ID) (struct{}, error) {
		if len((*r.linked.Load())[id]) > 0 {
			return struct{}{}, nil // they reached us meanwhile
		}
		return struct{}{}, r.dialLink(ctx, id, p)
	})
	return context.Cause(ctx) == ErrMoved, err
}

// callingTo counts the attempts to link to a person.
func (r *Room) callingTo(id identity.ID, more int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calling[id] += more; r.calling[id] == 0 {
		delete(r.calling, id)
	}
}

// dialLink makes a link to one peer. When the connection ends under it, it tries another.
func (r *Room) dialLink(ctx context.Context, id identity.ID, p peer.ID) error {
	s, err := r.node.openDirect(ctx, p, protoMedia)
	if err != nil {
		return err
	}
	err = r.linkOver(ctx, id, p, s)
	if err == nil || !s.Conn().IsClosed() || ctx.Err() != nil {
		return err
	}
	if s, err = r.node.openDirect(ctx, p, protoMedia); err != nil {
		return err
	}
	return r.linkOver(ctx, id, p, s)
}

// linkOver makes a link over a stream.
func (r *Room) linkOver(ctx context.Context, id identity.ID, p peer.ID, s stream) error {
	defer context.AfterFunc(ctx, func() { s.SetDeadline(time.Unix(1, 0)) })()
	l, err := r.newLink(p, s, true)
	if err != nil {
		s.Reset()
		return err
	}
	if err := r.greetLink(l, id); err != nil {
		l.end()
		return err
	}
	return r.add(l)
}

// greetLink says hello first and checks who answers.
func (r *Room) greetLink(l *link, id identity.ID) error {
	ch := channel{r.id, r.node.host.ID(), l.key.peer}
	l.stream.SetDeadline(time.Now().Add(helloPatience))
	if err := writeFrame(l.stream, sealHello(r.door, r.key, ch, r.hello(l))); err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	h, err := readHello(r.door, ch.back(), l.stream)
	if err != nil {
		return cutShort(err)
	}
	r.prove(h.From, l.key.peer)
	if h.From != id {
		return ErrImpostor
	}
	l.know(h)
	return l.stream.SetDeadline(time.Time{})
}

// hello is what this end says of a link.
func (r *Room) hello(l *link) hello {
	return hello{Session: r.session, Token: l.path.in, Behind: r.node.behind(), Turn: l.ours}
}

func readHello(d *door, ch channel, s stream) (hello, error) {
	frame, err := readFrame(s, maxHello)
	if err != nil {
		return hello{}, err
	}
	tag, sealed, err := cutTag(frame)
	if err != nil || tag != d.tag {
		return hello{}, errDoor
	}
	return openHello(d, ch, sealed)
}

// handleLink answers the hello of somebody who wants a link. Whoever does not hold
// the key of a room that we are in gets a reset stream.
func (n *Node) handleLink(raw network.Stream) {
	if !n.begin() {
		raw.Reset()
		return
	}
	defer n.work.Done()
	s := stream{raw, raw}
	p := s.Conn().RemotePeer()
	if s.Conn().Stat().Limited || !n.asks.take(p, time.Now()) {
		s.ResetWithError(network.StreamRateLimited)
		return
	}
	if err := n.acceptLink(s, p); err != nil {
		n.log.Debug("link refused", "peer", p, "err", err)
		s.Reset()
	}
}

func (n *Node) acceptLink(s stream, p peer.ID) error {
	s.SetDeadline(time.Now().Add(helloPatience))
	r, sealed, err := n.readSealed(s, maxHello)
	if err != nil {
		return err
	}
	ch := channel{r.id, p, n.host.ID()}
	h, err := openHello(r.door, ch, sealed)
	if err != nil {
		return err
	}
	r.prove(h.From, p)
	l, err := r.newLink(p, s, false)
	if err != nil {
		return err
	}
	l.know(h)
	err = writeFrame(s, sealHello(r.door, r.key, ch.back(), r.hello(l)))
	if err == nil {
		err = s.SetDeadline(time.Time{})
	}
	if err != nil {
		l.end()
		return err
	}
	return r.add(l)
}

// add makes a greeted link one of the room's, starts its goroutines and lets Admit decide.
func (r *Room) add(l *link) error {
	l.path.begin(l.out) // whoever finds the link may send
	loser, err := r.insert(l, r.admitted(l.key.id))
	if loser != nil {
		loser.end()
	}
	if err != nil {
		l.end()
		return err
	}
	if loser == l {
		return nil
	}
	r.review(time.Now())
	r.nudgeLinks()
	return nil
}

// insert puts the link into the table. When both ends dialled at once there are two
// links for one pair of peers, and both ends must keep the same one. admitted says what
// Admit thinks of the person: strangers, of whom anybody with the room's key can make any
// number, must not keep members out.
func (r *Room) insert(l *link, admitted bool) (loser *link, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	old := r.links[l.key]
	if old != nil && r.keeps(old, l) {
		return l, nil
	}
	if old == nil && (len(r.links) >= linksPerRoom || !admitted && r.pending() >= pendingLinks) {
		return nil, ErrBusy
	}
	loser = old
	if old == nil {
		loser = r.surplus(l.key.id)
	}
	if loser != nil {
		delete(r.links, loser.key)
	}
	r.links[l.key] = l
	if old != nil && old.up.Load() {
		l.up.Store(true) // the person stays linked
	}
	r.publishLinks()
	r.work.Go(l.readLoop)
	r.work.Go(l.reportLoop)
	return loser, nil
}

// keeps says whether old stays in spite of its double: of two links in whose time either
// end has given up different numbers of connections, the later one; the one by QUIC; of two
// dialled from different ends, the one from the lower peer ID; of two from the same end, the
// newer.
func (r *Room) keeps(old, double *link) bool {
	better := isQUIC(old.conn.RemoteMultiaddr())
	switch {
	case old.session != double.session:
		return false
	case old.turns() != double.turns():
		return old.turns() > double.turns()
	case better != isQUIC(double.conn.RemoteMultiaddr()):
		return better
	case old.dialled == double.dialled:
		return false
	}
	return old.dialled == (r.node.host.ID() < old.key.peer)
}

// surplus finds the oldest link of a person who has as many as he may.
func (r *Room) surplus(id identity.ID) (oldest *link) {
	n := 0
	for key, l := range r.links {
		if key.id != id {
			continue
		}
		n++
		if oldest == nil || l.born.Before(oldest.born) {
			oldest = l
		}
	}
	if n < linksPerPerson {
		return nil
	}
	return oldest
}

func (r *Room) pending() (n int) {
	for _, l := range r.links {
		if !l.up.Load() {
			n++
		}
	}
	return n
}

// publishLinks rebuilds the table that Send reads without a lock, and notes who
// became linked and who no longer is. The caller holds mu.
func (r *Room) publishLinks() {
	linked := make(map[identity.ID][]*link)
	for key, l := range r.links {
		if l.up.Load() {
			linked[key.id] = append(linked[key.id], l)
		}
	}
	before := *r.linked.Swap(&linked)
	for id, ls := range linked {
		if len(before[id]) == 0 {
			r.events = append(r.events, linkEvent{ls[0].info(), true})
		}
	}
	for id, ls := range before {
		if len(linked[id]) == 0 {
			r.events = append(r.events, linkEvent{ls[0].info(), false})
		}
	}
}

// remove takes an ended link out of the table.
func (r *Room) remove(l *link) {
	r.mu.Lock()
	if r.links[l.key] == l {
		delete(r.links, l.key)
		r.publishLinks()
	}
	r.mu.Unlock()
	r.nudgeLinks()
}

func (r *Room) allLinks() []*link {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Values(r.links))
}

// review lets newcomers in, and cuts links that Admit refuses and links that died.
func (r *Room) review(now time.Time) {
	raised := false
	var dead []network.Conn
	for _, l := range r.allLinks() {
		ok := r.admitted(l.key.id)
		switch up := l.up.Load(); {
		case l.silent(now):
			// The path is dead although QUIC or TCP has not noticed yet. Closing
			// the connection frees a stuck sender, and lets the next dial begin afresh;
			// that it was given up has the far end prefer the next link to this one.
			dead = append(dead, l.conn)
		case up && !ok, !ok && now.Sub(l.born) > admitPatience:
			l.end()
		case ok && !up:
			l.up.Store(true)
			raised = true
		case up && l.climbs(now):
			r.climb(l)
		}
	}
	if raised {
		r.mu.Lock()
		r.publishLinks()
		r.mu.Unlock()
	}
	r.node.giveUp(dead)
}

func (r *Room) nudgeLinks() { poke(r.relink) }

// keepLinks reviews the links and tells OnLink until the room closes.
func (r *Room) keepLinks() {
	tick := time.NewTicker(reviewEvery)
	defer tick.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-tick.C:
			r.review(time.Now())
		case <-r.relink:
		}
		r.tellLinks()
	}
}

func (r *Room) tellLinks() {
	r.mu.Lock()
	events := r.events
	r.events = nil
	r.mu.Unlock()
	if f := r.onLink.Load(); f != nil {
		for _, e := range events {
			(*f)(e.info, e.up)
		}
	}
}

func (r *Room) closeLinks() {
	for _, l := range r.allLinks() {
		l.end()
	}
}
