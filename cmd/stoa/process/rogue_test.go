// A rogue: a client of the real network that keeps to no rule. It is made of
// the packages that the program is made of, has a key and a link like anybody,
// and says what an honest program never would.

package process

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
	"stoa/room/roomtest"
)

// What members ask one another, as package room writes it on the wire.
const (
	askJoin   = 1
	askSync   = 2
	askSecret = 3
)

type question struct {
	Kind uint8  `cbor:"1,keyasint"`
	Body []byte `cbor:"2,keyasint"`
}

type answer struct {
	Code string `cbor:"1,keyasint"`
	Body []byte `cbor:"2,keyasint"`
}

type joinQuestion struct {
	Credential []byte `cbor:"1,keyasint"`
}

type syncQuestion struct {
	Credential []byte          `cbor:"1,keyasint"`
	Heads      []identity.Hash `cbor:"2,keyasint"`
	Ops        [][]byte        `cbor:"3,keyasint"`
}

type syncAnswer struct {
	Heads     []identity.Hash `cbor:"1,keyasint"`
	Ops       [][]byte        `cbor:"2,keyasint"`
	Presences [][]byte        `cbor:"3,keyasint"`
	Hands     [][]byte        `cbor:"4,keyasint"`
	Ages      []uint32        `cbor:"5,keyasint,omitempty"`
}

type secretQuestion struct {
	Commit identity.Hash `cbor:"1,keyasint"`
}

// packet is one that a rogue received on its links.
type packet struct {
	from  identity.ID
	bytes []byte
	at    time.Time
}

// rogue is one such client, in the room of one link.
type rogue struct {
	t       testing.TB
	key     *identity.Key
	id      identity.ID
	session [8]byte
	inv     *identity.Invite
	net     *node.Room
	cred    identity.Credential
	welcome *room.Welcome // nil before join
	room    *room.Room    // an honest member that runs beside; nil before join

	mu      sync.Mutex
	packets []packet
	written [][]byte // all that came on the channel of chat, as it came
}

// wiretap is the network of a rogue, who keeps what the honest member beside it is asked to judge.
type wiretap struct {
	*node.Room
	rogue *rogue
}

func (w wiretap) Check(f func(channel string, msg []byte) (accept, bad bool)) {
	if f == nil {
		w.Room.Check(nil)
		return
	}
	w.Room.Check(func(channel string, msg []byte) (accept, bad bool) {
		if channel == room.ChannelChat {
			w.rogue.mu.Lock()
			w.rogue.written = append(w.rogue.written, slices.Clone(msg))
			w.rogue.mu.Unlock()
		}
		return f(channel, msg)
	})
}

// rogue brings a rogue to the door that a link leads to. A nil key is a fresh
// one.
func (w *world) rogue(key *identity.Key, link string) *rogue {
	t := w.t
	t.Helper()
	if key == nil {
		key = newKey(t)
	}
	inv, err := identity.ParseInvite(link)
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.Open(context.Background(), node.Config{
		Network:   node.Private,
		Bootstrap: strings.Split(w.bootstrap, ","),
		Listen:    strings.Split(loopback, ","),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	r := &rogue{t: t, key: key, id: key.ID(), session: [8]byte{1: 0x66, 7: byte(len(link))}, inv: inv}
	r.net, err = n.Enter(node.RoomConfig{ID: inv.Room, Rendezvous: inv.Rendezvous, Key: key, Session: r.session})
	if err != nil {
		t.Fatal(err)
	}
	r.net.OnPacket(func(from identity.ID, b []byte, at time.Time) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.packets = append(r.packets, packet{from, slices.Clone(b), at})
	})
	r.net.Admit(func(identity.ID) bool { return true })
	if r.cred, err = redeem(inv, key, time.Now()); err != nil {
		t.Fatal(err)
	}
	return r
}

func newKey(t testing.TB) *identity.Key {
	t.Helper()
	key, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// keyOf is the key in somebody's home, in the hands of whoever has the home.
func (w *world) keyOf(name string) *identity.Key {
	w.t.Helper()
	key, err := identity.LoadKey(filepath.Join(w.home(name), "identity.key"), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return key
}

// redeem takes an invite up without asking whether that is allowed: for a
// person it does not name, at a time that suits.
func redeem(inv *identity.Invite, key *identity.Key, at time.Time) (identity.Credential, error) {
	leaf := inv.Chain.Leaf()
	signed, err := identity.SignRedeem(identity.KeyFromSeed(inv.Seed), key, identity.Redeem{
		Room: leaf.Room, Grant: leaf.Hash(), Time: uint64(at.UnixMilli()), Nonce: [8]byte{7},
	})
	if err != nil {
		return nil, err
	}
	chain := slices.Clone(inv.Chain)
	chain[len(chain)-1].Redeem = signed
	return chain, nil
}

// at is where a process can be reached.
func (p *process) at() string {
	p.t.Helper()
	return p.wait("its address", kind("ready")).Addrs[0]
}

// ask puts a question to one process and returns the code of the answer, which
// is empty when all went well. The answer itself goes into reply.
func (r *rogue) ask(p *process, kind uint8, body, reply any) string {
	r.t.Helper()
	var raw []byte
	var err error
	for range 3 { // the machine may be busy with other tests
		if _, raw, err = r.net.AskPeer(context.Background(), p.at(), identity.Marshal(question{kind, identity.Marshal(body)})); err == nil {
			break
		}
	}
	if err != nil {
		r.t.Fatalf("asking %s: %v", p.name, err)
	}
	var a answer
	if err := identity.UnmarshalLimit(raw, &a, 4<<20); err != nil {
		r.t.Fatal(err)
	}
	if a.Code == "" && reply != nil {
		if err := identity.UnmarshalLimit(a.Body, reply, 4<<20); err != nil {
			r.t.Fatal(err)
		}
	}
	return a.Code
}

// knock asks one process to be let in, and returns the code of the answer.
func (r *rogue) knock(p *process, cred identity.Credential) string {
	r.t.Helper()
	return r.ask(p, askJoin, joinQuestion{cred.Bytes()}, nil)
}

// join enters the room through one process, honestly, and takes part from then on.
func (r *rogue) join(p *process, name string) {
	t := r.t
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	w, err := room.Knock(ctx, func(ctx context.Context, req []byte) ([]byte, error) {
		_, reply, err := r.net.AskPeer(ctx, p.at(), req)
		return reply, err
	}, r.inv.Room, r.id, r.cred)
	if err != nil {
		t.Fatal(err)
	}
	keeper := new(roomtest.Keeper)
	rec, err := w.Keep(keeper, r.inv.Rendezvous)
	if err != nil {
		t.Fatal(err)
	}
	r.welcome = w
	r.room, err = room.New(room.Config{Record: rec, Key: r.key, Keeper: keeper, Network: wiretap{r.net, r}, Session: r.session, Name: name, Welcome: w})
	if err != nil {
		t.Fatal(err)
	}
	run, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.room.Run(run) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// until waits for a state of the room, as the rogue sees it.
func (r *rogue) until(what string, ok func(*room.Snapshot) bool) *room.Snapshot {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for s := range r.room.Watch(ctx) {
		if ok(s) {
			return s
		}
	}
	r.t.Fatalf("the rogue did not see %s", what)
	return nil
}

// sees waits until somebody is here.
func (r *rogue) sees(id identity.ID) room.Person {
	r.t.Helper()
	s := r.until("somebody come", func(s *room.Snapshot) bool { _, ok := s.Person(id); return ok })
	p, _ := s.Person(id)
	return p
}

// link makes a media link to somebody who is here.
func (r *rogue) link(id identity.ID) {
	r.t.Helper()
	r.sees(id)
	var err error
	for range 20 {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err = r.net.Link(ctx, id)
		cancel()
		if err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	r.t.Fatal(err)
}

// received are the packets that have come from somebody.
func (r *rogue) received(from identity.ID) []packet {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []packet
	for _, p := range r.packets {
		if p.from == from {
			list = append(list, p)
		}
	}
	return list
}

// person is a process's key, parsed.
func (p *process) person() identity.ID {
	p.t.Helper()
	id, err := identity.ParseID(p.id())
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

// eventually waits for something that no event tells.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("%s did not happen", what)
}
