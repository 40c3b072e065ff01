// Admission: who becomes a child of a relay, and how one ceases to be.

package node

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// handleRelay takes the stream of somebody who wants to be served, and serves its control
// frames until it ends. Whoever does not hold the key of a room that we serve gets a reset
// stream.
func (n *Node) handleRelay(raw network.Stream) {
	if !n.begin() {
		raw.Reset()
		return
	}
	defer n.work.Done()
	s := stream{raw, raw}
	if s.Conn().Stat().Limited || !n.asks.take(s.Conn().RemotePeer(), time.Now()) {
		s.ResetWithError(network.StreamRateLimited)
		return
	}
	if err := n.acceptChild(s); err != nil {
		n.log.Debug("child ended", "peer", s.Conn().RemotePeer(), "err", err)
		s.Reset()
		n.shutUnused(s)
	}
}

func (n *Node) acceptChild(s stream) error {
	p := s.Conn().RemotePeer()
	s.SetDeadline(time.Now().Add(attachPatience))
	r, sealed, err := n.readSealed(s, maxAttach)
	if err != nil {
		return err
	}
	ch := channel{r.id, p, n.host.ID()}
	a, err := openAttach(r.door, ch, sealed)
	if err != nil {
		return err
	}
	rl := r.serving.Load()
	if rl == nil || !rl.begin() {
		return errDoor
	}
	n.guests.note(p, time.Now())
	defer rl.work.Done()
	defer context.AfterFunc(rl.ctx, func() { s.ResetWithError(network.StreamShutdown) })()
	if a.Audit > 0 {
		return rl.audit(s, a)
	}
	return rl.serve(s, a)
}

// serve makes the sender of an attach a child, if that is to be, and reads its frames. Its
// error is for those who were not let in or were shown out.
func (rl *Relay) serve(s stream, a attach) error {
	switch err := rl.await(s.Conn(), a); err {
	case nil:
	case ErrRefused:
		return rl.turnAway(s, a, attachRefused)
	case ErrFull:
		return rl.turnAway(s, a, attachFull)
	default:
		return err
	}
	c, err := rl.newChild(s, a)
	if err != nil {
		return err
	}
	if !rl.insert(c, a.Media) {
		c.path.close()
		return rl.turnAway(s, a, attachFull)
	}
	// A Review that came after Admit and before insert has not seen this child.
	if verdict, _ := rl.judge(a); c.judge(verdict, time.Now()) {
		rl.dismiss(c)
		rl.counts.refused.Add(1)
		return rl.turnAway(s, a, attachRefused)
	}
	defer rl.end(c, network.StreamNoError)
	c.path.begin(a.Token)
	if err := rl.answerAttach(s, a, attached{Token: c.path.in}); err != nil {
		return err
	}
	s.SetDeadline(time.Time{})
	c.line.release()
	err = c.line.read(c.take)
	if c.expelled.Load() {
		return ErrRefused
	}
	rl.room.log.Debug("child left", "child", c.key.id.Short(), "err", err)
	return nil
}

func (rl *Relay) answerAttach(s stream, a attach, answer attached) error {
	r := rl.room
	ch := channel{r.id, r.node.host.ID(), s.Conn().RemotePeer()}
	s.SetDeadline(time.Now().Add(attachPatience))
	return writeFrame(s, sealAttached(r.door, r.key, ch, a.Token, answer))
}

// turnAway says why before the stream ends.
func (rl *Relay) turnAway(s stream, a attach, status attachStatus) error {
	if status == attachFull {
		rl.counts.full.Add(1)
	}
	if err := rl.answerAttach(s, a, attached{Status: status}); err != nil {
		return err
	}
	s.CloseWrite()
	s.Read(make([]byte, 1)) // until the far end has read it, or time is up
	return fmt.Errorf("turned away: status %d", status)
}

// await asks Admit about a newcomer until it decides, for 5 s at most. Nothing is sent
// meanwhile. Who is known takes no place among those who wait.
func (rl *Relay) await(conn network.Conn, a attach) error {
	verdict, reviewed := rl.judge(a)
	if verdict == NotYet {
		addr, p := addrOf(conn), conn.RemotePeer()
		if !rl.startWaiting(addr, p) {
			return ErrFull
		}
		defer rl.stopWaiting(addr, p)
	}
	tick := time.NewTicker(admissionEvery)
	defer tick.Stop()
	late := time.After(admissionLasts)
	for {
		switch verdict {
		case Yes:
			return nil
		case No:
			rl.counts.refused.Add(1)
			return ErrRefused
		}
		select {
		case <-tick.C:
		case <-reviewed:
		case <-late:
			rl.counts.refused.Add(1)
			return fmt.Errorf("not admitted in time")
		case <-rl.ctx.Done():
			return ErrClosed
		}
		verdict, reviewed = rl.judge(a)
	}
}

// judge asks Admit about a newcomer. reviewed is closed when another answer may be had.
func (rl *Relay) judge(a attach) (verdict Admission, reviewed <-chan struct{}) {
	rl.mu.Lock()
	reviewed = rl.reviewed
	rl.mu.Unlock()
	return rl.cfg.Admit(a.From, a.Proof), reviewed
}

func (rl *Relay) startWaiting(addr netip.Prefix, p peer.ID) bool {
	rl.mu.Lock()
	defer rl.mu.Unlock()
	if rl.waited >= waitingChildren || rl.knocking[p] >= waitingPerPeer || addr.IsValid() && rl.waiting[addr] >= waitingPerAddr {
		return false
	}
	rl.waited++
	rl.waiting[addr]++
	rl.knocking[p]++
	return true
}

func (rl *Relay) stopWaiting(addr netip.Prefix, p peer.ID) {
	rl.mu.Lock()
	defer rl.mu.Unlock()
	rl.waited--
	subtract(rl.waiting, addr)
	subtract(rl.knocking, p)
}

// subtract takes one away, and the entry with the last.
func subtract[K comparable](m map[K]int, k K) {
	if m[k]--; m[k] <= 0 {
		delete(m, k)
	}
}

// addrOf is what counts as one address at the far end of a connection, see houseOf.
func addrOf(conn network.Conn) netip.Prefix { return houseOf(conn.RemoteMultiaddr()) }

// houseOf is what counts as one address: an IPv4 address or an IPv6 /56. It is not valid
// for loopback, where nobody needs a bound on himself, and for what is not IP.
func houseOf(a ma.Multiaddr) netip.Prefix {
	ip := ipOf(a)
	if !ip.IsValid() || ip.IsLoopback() {
		return netip.Prefix{}
	}
	return prefixOf(ip, 32, 56)
}

// spare is how many children more than Slots may get voice when another relay has died.
func (cfg *ServeConfig) spare() int { return (cfg.Slots + 3) / 4 }

// insert puts a child into the table if there is a slot for it. One from the same peer, and
// the oldest of a person who has as many as he may, give way to it.
func (rl *Relay) insert(c *child, media bool) bool {
	loser, ok := rl.place(c, media)
	if loser != nil {
		rl.end(loser, network.StreamSupplanted)
	}
	if ok {
		rl.counts.admitted.Add(1)
	}
	return ok
}

func (rl *Relay) place(c *child, media bool) (loser *child, ok bool) {
	rl.mu.Lock()
	defer rl.mu.Unlock()
	loser = rl.surplus(c.key)
	count, voiced, addr := rl.count, rl.media, rl.perAddr[c.addr]
	if loser != nil {
		count--
		voiced -= int(flag(loser.media))
		if loser.addr == c.addr {
			addr--
		}
	}
	switch {
	case rl.closed || rl.draining || count >= 2*rl.cfg.Slots+rl.cfg.spare():
		return nil, false
	case media && voiced >= rl.cfg.Slots, c.addr.IsValid() && addr >= childrenPerAddr:
		return nil, false
	}
	if loser != nil {
		rl.remove(loser)
	}
	c.media = media
	rl.children[c.key.id] = slices.Insert(rl.children[c.key.id], 0, c)
	rl.count++
	rl.media += int(flag(media))
	rl.perAddr[c.addr]++
	rl.room.node.host.ConnManager().Protect(c.key.peer, rl.protection(c))
	c.seat.Store(rl.fan.add(c.path, media))
	return loser, true
}

// surplus finds the child that gives way to a new one of the same person.
func (rl *Relay) surplus(key childKey) *child {
	of := rl.children[key.id]
	for _, c := range of {
		if c.key.peer == key.peer {
			return c
		}
	}
	if len(of) >= childrenEach {
		return of[len(of)-1]
	}
	return nil
}

// remove takes a child out of the table, and reports whether it was there. The caller
// holds mu.
func (rl *Relay) remove(c *child) bool {
	of := rl.children[c.key.id]
	i := slices.Index(of, c)
	if i < 0 {
		return false
	}
	if of = slices.Delete(of, i, i+1); len(of) == 0 {
		delete(rl.children, c.key.id)
	} else {
		rl.children[c.key.id] = of
	}
	rl.count--
	rl.media -= int(flag(c.media))
	subtract(rl.perAddr, c.addr)
	rl.room.node.host.ConnManager().Unprotect(c.key.peer, rl.protection(c))
	rl.fan.remove(c.seat.Load())
	if rl.draining && rl.count == 0 {
		close(rl.emptied)
	}
	return true
}

// protection names what keeps the connection to a child from being trimmed.
func (rl *Relay) protection(c *child) string { return rl.room.protection() + string(c.key.id[:]) }

// end cuts a child. The code tells it why: StreamGated when it may not be carried any
// more, StreamGarbageCollected when it was silent or slow, StreamSupplanted when it
// attached anew, StreamShutdown when the relay closes.
func (rl *Relay) end(c *child, why network.StreamErrorCode) {
	c.expelled.Store(why == network.StreamGated)
	if rl.dismiss(c) {
		switch why {
		case network.StreamGated:
			rl.counts.cut.Add(1)
		case network.StreamGarbageCollected:
			rl.counts.lost.Add(1)
		}
	}
	c.line.cut(why)
}

// dismiss ends what a child gets.
func (rl *Relay) dismiss(c *child) bool {
	rl.mu.Lock()
	was := rl.remove(c)
	rl.mu.Unlock()
	c.path.close()
	return was
}

// setMedia gives a child voice, or has it stand by. Where there is no slot to spare, the
// child is told so and leaves.
func (rl *Relay) setMedia(c *child, on bool) {
	rl.mu.Lock()
	here := slices.Contains(rl.children[c.key.id], c)
	full := here && on && !c.media && rl.media >= rl.cfg.Slots+rl.cfg.spare()
	if here && !full && c.media != on {
		c.media = on
		rl.media += 2*int(flag(on)) - 1
		rl.fan.setMedia(c.seat.Load(), on)
	}
	rl.mu.Unlock()
	if full {
		rl.counts.full.Add(1)
		c.send(control{kind: controlFull}.append(nil))
		rl.dismiss(c)
		c.line.finish()
		time.AfterFunc(time.Second, func() { c.line.cut(network.StreamNoError) })
	}
}
