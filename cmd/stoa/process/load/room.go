// The room that is measured: its speakers, who are in it as everybody is, and the
// relay, a process of its own.

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
	"stoa/room/roomtest"
	"stoa/room/seal"
)

const loopback = "/ip4/127.0.0.1/udp/0/quic-v1"

// person is somebody in the room with a node of their own.
type person struct {
	key     *identity.Key
	session [8]byte
	node    *node.Node
	net     *node.Room
	room    *room.Room
}

// theatre is the room.
type theatre struct {
	owner    *person
	record   room.Record
	links    map[identity.Role]*identity.Invite
	people   []*person
	relay    identity.ID
	addrs    []string // of the relay
	server   *exec.Cmd
	sent     [maxSpeakers]spoken
	work     sync.WaitGroup
	speaking atomic.Int32 // packets sent
	unlinked atomic.Int32 // of these, those that no link to the relay took
}

const maxSpeakers = 16

// enter brings somebody's node into the room.
func enter(key *identity.Key, rec room.Record, session byte) (*person, error) {
	p := &person{key: key, session: [8]byte{session, 'l', 'o', 'a', 'd'}}
	var err error
	if p.node, err = node.Open(context.Background(), node.Config{Network: node.Links, Listen: []string{loopback}}); err != nil {
		return nil, err
	}
	p.net, err = p.node.Enter(node.RoomConfig{ID: rec.Room, Rendezvous: rec.Rendezvous, Key: key, Session: p.session})
	return p, err
}

// join has the room's rules run for somebody who is in.
func (t *theatre) join(ctx context.Context, p *person, rec room.Record, k room.Keeper, w *room.Welcome) (err error) {
	p.room, err = room.New(room.Config{
		Record: rec, Key: p.key, Keeper: k, Network: p.net, Session: p.session, Name: "load", Addrs: p.node.Addrs, Welcome: w,
	})
	if err != nil {
		return err
	}
	p.net.Admit(func(identity.ID) bool { return true })
	t.work.Go(func() { _ = p.room.Run(ctx) })
	t.people = append(t.people, p)
	return nil
}

// build opens a room with its speakers, and has a relay serve it.
func build(ctx context.Context, o options) (*theatre, error) {
	t := &theatre{links: map[identity.Role]*identity.Invite{}}
	key, err := identity.NewKey()
	if err != nil {
		return nil, err
	}
	keeper := new(roomtest.Keeper)
	if t.record, err = room.Found(key, identity.Policy{}, "Load", keeper, time.Now()); err != nil {
		return nil, err
	}
	if t.owner, err = enter(key, t.record, 0); err != nil {
		return nil, err
	}
	if err := t.join(ctx, t.owner, t.record, keeper, nil); err != nil {
		return nil, err
	}
	for _, role := range []identity.Role{identity.RoleSpeaker, identity.RoleListener, identity.RoleRelay} {
		terms := identity.Terms{Role: role}
		if role == identity.RoleRelay {
			terms.Slots = identity.MaxSlots
		}
		chain, seed, err := identity.IssueInvite(key, nil, terms, t.record.Room)
		if err != nil {
			return nil, err
		}
		t.links[role] = &identity.Invite{
			Room: t.record.Room, Rendezvous: t.record.Rendezvous, Seed: seed, Chain: chain, Hints: t.owner.node.Hints(),
		}
	}
	for i := 1; i < o.speakers; i++ {
		if err := t.addSpeaker(ctx, i); err != nil {
			return nil, fmt.Errorf("speaker %d: %w", i, err)
		}
	}
	if err := t.startRelay(ctx, o); err != nil {
		return t, err
	}
	return t, t.waitForRelay(ctx)
}

// addSpeaker has somebody come by the speakers' link.
func (t *theatre) addSpeaker(ctx context.Context, n int) error {
	key, err := identity.NewKey()
	if err != nil {
		return err
	}
	cred, err := t.links[identity.RoleSpeaker].Redeem(key, time.Now())
	if err != nil {
		return err
	}
	p, err := enter(key, t.record, byte(n))
	if err != nil {
		return err
	}
	w, err := knock(ctx, p.net, t.owner.node.Addrs(), t.record.Room, key.ID(), cred)
	if err != nil {
		return err
	}
	k := new(roomtest.Keeper)
	rec, err := w.Keep(k, t.record.Rendezvous)
	if err != nil {
		return err
	}
	return t.join(ctx, p, rec, k, w)
}

// knock asks at addresses, one after the other, to be let in.
func knock(ctx context.Context, net *node.Room, addrs []string, id identity.RoomID, me identity.ID, cred identity.Credential) (w *room.Welcome, err error) {
	err = errors.New("no address to knock at")
	for _, addr := range addrs {
		ask := func(ctx context.Context, req []byte) ([]byte, error) {
			_, rep, err := net.AskPeer(ctx, addr, req)
			return rep, err
		}
		if w, err = room.Knock(ctx, ask, id, me, cred); err == nil {
			return w, nil
		}
	}
	return nil, err
}

// startRelay starts the process that is measured.
func (t *theatre) startRelay(ctx context.Context, o options) error {
	home, err := os.MkdirTemp("", "stoa-load-")
	if err != nil {
		return err
	}
	t.server = exec.CommandContext(ctx, o.stoa, "relay", "--home", home, "--bootstrap", "none", "--listen", loopback,
		"--slots", fmt.Sprint(o.listeners+o.probes+50), "--json", t.links[identity.RoleRelay].String())
	t.server.Stderr = os.Stderr
	t.server.Cancel = func() error { return t.server.Process.Signal(syscall.SIGTERM) }
	out, err := t.server.StdoutPipe()
	if err != nil {
		return err
	}
	if err := t.server.Start(); err != nil {
		return err
	}
	t.work.Go(func() {
		defer os.RemoveAll(home)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var e struct{ Event, Text string }
			if json.Unmarshal(lines.Bytes(), &e) == nil && e.Event == "error" {
				fmt.Fprintln(os.Stderr, "load: the relay says:", e.Text)
			}
		}
		_ = t.server.Wait()
	})
	return nil
}

// waitForRelay waits until every speaker is linked to the relay.
func (t *theatre) waitForRelay(ctx context.Context) error {
	for {
		linked := 0
		for _, p := range t.people {
			s := p.room.Snapshot()
			for i := range s.Relays {
				if r := &s.Relays[i]; r.Alive && len(r.Addrs) > 0 {
					t.relay, t.addrs = r.ID, r.Addrs
				}
			}
			if t.relay.IsZero() {
				continue
			}
			for _, l := range p.net.Links() {
				if l.ID == t.relay {
					linked++
					break
				}
			}
			p.net.Meet(t.relay, t.addrs)
			_ = p.net.Link(ctx, t.relay) // an error shows by the lack of a link
		}
		if linked == len(t.people) {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%d of %d speakers reached the relay: %w", linked, len(t.people), ctx.Err())
		}
	}
}

// spoken is what a speaker has sent: when, by the index of the packet.
type spoken struct {
	kid   atomic.Uint64
	times [spokenMost]atomic.Int64 // Unix nanoseconds, at index/2 % spokenMost
}

const spokenMost = 256 // packets: 10 s

// speak has a speaker send a packet of two frames every 40 ms until ctx ends.
func (t *theatre) speak(ctx context.Context, n int, p *person) error {
	s := seal.NewSealer(t.record.Room, p.key, p.session)
	var epoch identity.Hash
	said := &t.sent[n]
	// Everybody speaks in the same half of the 40 ms, as the relay asks speakers to.
	next := time.Now().Truncate(packetTime).Add(packetTime + time.Duration(n)*time.Millisecond)
	payload := make([]byte, payloadSize)
	var packet []byte
	for index := uint32(2); ; index += 2 {
		select {
		case <-time.After(time.Until(next)):
		case <-ctx.Done():
			return nil
		}
		next = next.Add(packetTime)
		e, ok := p.room.Snapshot().Speaking(time.Now())
		if !ok {
			return errors.New("no key to speak with")
		}
		if e.Commit != epoch { // the first, or one that is made because the relay is new
			if err := s.SetEpoch(seal.Epoch{Commit: e.Commit, Secret: e.Secret}); err != nil {
				return err
			}
			epoch = e.Commit
		}
		for i := range payload {
			payload[i] = byte(i*37) ^ byte(index)
		}
		frame := seal.Frame{Index: index, Since: 1, Level: byte(20 + n), Payload: payload}
		second := frame
		second.Index++
		var err error
		if packet, err = s.SealSigned(packet[:0], frame, second); err != nil {
			return err
		}
		g, _ := seal.Glimpse(packet)
		said.kid.Store(g.KID)
		said.times[index/2%spokenMost].Store(time.Now().UnixNano())
		if p.net.Send(packet, []identity.ID{t.relay}) == 0 {
			t.unlinked.Add(1)
			t.work.Go(func() { _ = p.net.Link(ctx, t.relay) })
		}
		t.speaking.Add(1)
	}
}

// saidAt is when a packet was sent; zero when nobody sent it lately.
func (t *theatre) saidAt(g seal.Glance) (at time.Time) {
	for i := range t.people {
		if said := &t.sent[i]; said.kid.Load() == g.KID {
			return time.Unix(0, said.times[g.Index/2%spokenMost].Load())
		}
	}
	return at
}

// close ends the relay and everybody's nodes.
func (t *theatre) close() {
	if t.server != nil && t.server.Process != nil {
		_ = t.server.Process.Kill()
	}
	for _, p := range t.people {
		_ = p.net.Close()
		_ = p.node.Close()
	}
}
