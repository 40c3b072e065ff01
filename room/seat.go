// This file holds the seat: how somebody is in a crowd without an operation of the log, and how they prove it wherever they go.
//
//	newcomer                gate                       relay, or who has the secret
//	   │ join{credential}     │                                    │
//	   │ ────────────────────►│ signs who, grant, time             │
//	   │ ◄──────────── seat   │                                    │
//	   │ proof{credential, seat}                                   │
//	   │ ─────────────────────────────────────────────────────────►│ signatures once, the log again whenever it changes
//
// A seat is worth what an admission made at its time would be worth, had every removal since then seen it.

package room

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"stoa/identity"
)

const (
	seatDomain = "stoa/seat/1"

	// MaxSeat is the size of the largest seat, MaxProof that of the largest proof, in bytes.
	MaxSeat  = 256
	MaxProof = 4 << 10
)

// gates are the capabilities of which whoever gives seats has at least one.
const gates = identity.AllCaps &^ (identity.CapHear | identity.CapSpeak)

// Seat lets a person hear in a room without being a member: signed under "stoa/seat/1" by a gate, which is a member with any capability
// beyond hearing and speaking, for as long as the gate is one.
type Seat struct {
	Room  identity.RoomID `cbor:"1,keyasint"`
	Who   identity.ID     `cbor:"2,keyasint"`
	Grant identity.Hash   `cbor:"3,keyasint"` // the invite they came by
	Time  uint64          `cbor:"4,keyasint"` // Unix milliseconds, by the gate's clock
	By    identity.ID     `cbor:"5,keyasint"` // the gate
}

func signSeat(k *identity.Key, s *Seat) []byte { return pack(k, seatDomain, s) }

// ParseSeat decodes a seat and checks its signature, but not whether who signed it is a gate. Errors: identity.ErrMalformed, ErrForged.
func ParseSeat(raw []byte) (*Seat, error) {
	s := new(Seat)
	if err := unpack(raw, MaxSeat, seatDomain, s, func() identity.ID { return s.By }); err != nil {
		return nil, err
	}
	if s.Time > maxTime {
		return nil, identity.ErrMalformed
	}
	return s, nil
}

// Proof is how somebody shows that they may hear, in deterministic CBOR and at most MaxProof bytes: a member by the credential in the log,
// a seated person by theirs and the seat, an owner of the charter by neither.
type Proof struct {
	Credential []byte `cbor:"1,keyasint"`
	Seat       []byte `cbor:"2,keyasint"`
}

// Admission is what is known of somebody who wants to be carried.
type Admission int

const (
	NotYet Admission = iota // may be let in by operations that are not here yet
	Yes
	No
)

// Hears says why an admission on this credential at seatedAt, unix ms, does not let its holder hear any more; nil when it does. It is
// [State.Refuses] for somebody who came then: what was done later only to keep newcomers out (a closed invite, a lock, the removal of
// somebody further up) does not end it. Errors: those of Refuses. It verifies neither the credential nor who let its holder in.
func (s *State) Hears(cred identity.Credential, seatedAt uint64) error {
	if len(cred) == 0 {
		return ErrNotMember
	}
	return s.seats(&conferral{grant: cred.Leaf(), line: lineage(cred), cred: cred, seated: seatedAt})
}

// seats is Hears for a conferral that only lacks its node.
func (s *State) seats(c *conferral) error {
	at := *c
	at.node = s.now
	return s.refuses(&at)
}

// Gate reports whether the person may give seats.
func (s *State) Gate(id identity.ID) bool { return s.Members[id].Caps&gates != 0 }

// seatable reports whether an invite brings its holders to a seat in a crowd: it lets them do no more than hear and nobody counts its uses.
func seatable(cred identity.Credential) bool {
	if len(cred) == 0 {
		return false
	}
	leaf := cred.Leaf()
	return leaf.Invite && leaf.Caps == identity.CapHear && leaf.Uses == 0 && !leaf.Exact
}

// proven is what a proof shows by itself, whatever the room has decided since.
type proven struct {
	conferral // without a node; without a line for an owner
	seat      *Seat
	raw       []byte // the seat as signed
}

var errProof = fmt.Errorf("proof: %w", identity.ErrMalformed)

// parseProof verifies everything about a proof of who that needs no log; now matters for a grant to a person only. Errors: identity's.
func parseProof(charter *identity.Charter, who identity.ID, raw []byte, now time.Time) (*proven, error) {
	var p Proof
	if err := identity.UnmarshalLimit(raw, &p, MaxProof); err != nil {
		return nil, err
	}
	if len(p.Credential) == 0 {
		if !charter.IsOwner(who) || len(p.Seat) > 0 {
			return nil, identity.ErrNotOwner
		}
		return &proven{}, nil
	}
	cred, err := identity.ParseCredential(p.Credential)
	if err != nil {
		return nil, err
	}
	if cred.Holder() != who {
		return nil, identity.ErrForged
	}
	if len(p.Seat) == 0 {
		if at := cred.RedeemedAt(); !at.IsZero() {
			now = at
		}
		if err := cred.Verify(charter, now); err != nil {
			return nil, err
		}
		return &proven{conferral: conferral{grant: cred.Leaf(), line: lineage(cred), cred: cred}}, nil
	}
	return parseSeated(charter, cred, p.Seat)
}

// parseSeated verifies a seat together with the credential on which it was given.
func parseSeated(charter *identity.Charter, cred identity.Credential, raw []byte) (*proven, error) {
	seat, err := parseSeatOn(charter.ID(), cred, raw)
	if err != nil {
		return nil, err
	}
	if err := cred.Verify(charter, time.UnixMilli(int64(seat.Time))); err != nil {
		return nil, err
	}
	c := conferral{grant: cred.Leaf(), line: lineage(cred), cred: cred, seated: seat.Time}
	return &proven{conferral: c, seat: seat, raw: raw}, nil
}

// parseSeatOn verifies a seat and that it was given on this credential, which may still be worth nothing.
func parseSeatOn(room identity.RoomID, cred identity.Credential, raw []byte) (*Seat, error) {
	seat, err := ParseSeat(raw)
	if err != nil {
		return nil, err
	}
	switch {
	case seat.Room != room:
		return nil, identity.ErrWrongRoom
	case seat.Who != cred.Holder() || seat.Grant != cred.Leaf().Hash():
		return nil, identity.ErrForged
	case !seatable(cred):
		return nil, errProof
	}
	return seat, nil
}

// judge says what the log has to say to a proof of who, and why not.
func (p *proven) judge(s *State, who identity.ID) (Admission, error) {
	if m, in := s.Members[who]; in && !s.Closed {
		if m.Caps&(identity.CapHear|identity.CapRelay) == 0 {
			return No, ErrNoRight
		}
		return Yes, nil
	}
	if _, out := s.Banned[who]; out || s.Closed {
		return No, refusal(s, who)
	}
	if len(p.line) == 0 {
		return No, ErrNotMember
	}
	if err := s.seats(&p.conferral); err != nil {
		return No, err
	}
	if p.seat == nil || !s.counted(p.line) {
		return NotYet, ErrNotMember
	}
	if !s.Gate(p.seat.By) {
		if _, member := s.Members[p.seat.By]; member || refusal(s, p.seat.By) != ErrNotMember {
			return No, errNoGate
		}
		return NotYet, errNoGate
	}
	return Yes, nil
}

var errNoGate = errors.New("the seat was given by somebody who may not")

// counted reports whether every use of a counted invite that a lineage rests on is in the log. An uncounted leaf has none.
func (s *State) counted(line []step) bool {
	for _, st := range line[:len(line)-1] {
		if st.uses == 0 && !st.exact {
			continue
		}
		if _, ok := s.rules.turns[st.holding]; !ok {
			return false
		}
	}
	return true
}

// maxProofs is how many proofs are remembered at least, and half of how many at most.
const maxProofs = 4096

// proofs remembers proofs whose signatures were verified, of each person the last one. It is safe for concurrent use.
type proofs struct {
	mu         sync.Mutex // guards all below
	fresh, old map[identity.ID]*remembered
}

type remembered struct {
	sum [32]byte // of the proof
	*proven
}

func (c *proofs) get(who identity.ID) *remembered {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.fresh[who]
	if p == nil {
		if p = c.old[who]; p != nil {
			c.keep(who, p)
		}
	}
	return p
}

func (c *proofs) put(who identity.ID, p *remembered) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(who, p)
}

// keep remembers a proof. Of two generations the older one, in which nobody has looked anything up since, is forgotten whole.
func (c *proofs) keep(who identity.ID, p *remembered) {
	if c.fresh == nil || len(c.fresh) >= maxProofs {
		c.old, c.fresh = c.fresh, make(map[identity.ID]*remembered)
	}
	c.fresh[who] = p
}

// prove verifies a proof of who, or finds that it was verified before.
func (r *Room) prove(who identity.ID, raw []byte, now time.Time) (*proven, error) {
	sum := sha256.Sum256(raw)
	if p := r.proofs.get(who); p != nil && p.sum == sum {
		return p.proven, nil
	}
	p, err := parseProof(r.charter, who, raw, now)
	if err != nil {
		return nil, err
	}
	r.proofs.put(who, &remembered{sum, p})
	return p, nil
}

// Admits says whether somebody who shows this proof may be carried by a relay: whether they are a member, or seated, as of what is known
// here. It never blocks, and costs signatures only when this proof of theirs has not been seen lately. Any goroutine may call it.
func (r *Room) Admits(who identity.ID, proof []byte) Admission {
	s := r.Snapshot().State
	p := &proven{} // the network knows who they are, so a member needs no proof
	if _, in := s.Members[who]; !in {
		if _, out := s.Banned[who]; out || s.Closed {
			return No
		}
		var err error
		if p, err = r.prove(who, proof, r.Now()); err != nil {
			return No
		}
	}
	a, _ := p.judge(s, who)
	return a
}

// checkSeated says whether what a gate gave lets who asked hear, as of the log that came with it.
func checkSeated(s *State, me identity.ID, cred identity.Credential, raw []byte) error {
	if len(raw) == 0 || len(cred) == 0 {
		return refusal(s, me)
	}
	p, err := parseSeated(s.charter, cred, raw)
	if err != nil {
		return fmt.Errorf("seat: %w", err)
	}
	if a, err := p.judge(s, me); a != Yes {
		return fmt.Errorf("seat: %w", err)
	}
	return nil
}

// seats tells whether this gate seats somebody who came on a credential, instead of letting them into the log, as it does while somebody can
// carry them. Loop only.
func (r *Room) seats(who identity.ID, cred identity.Credential) bool {
	return r.crowd.on && r.carriers() > 0 && !r.member(who) && seatable(cred) && r.state.counted(lineage(cred)) && r.state.Gate(r.me)
}

// giveSeat seats somebody whose credential has been verified as of now. Loop only.
func (r *Room) giveSeat(who identity.ID, cred identity.Credential, now time.Time) ([]byte, error) {
	if err := r.state.Refuses(cred); err != nil {
		return nil, err
	}
	if !r.guard.seated(now) {
		return nil, ErrBusy
	}
	return signSeat(r.cfg.Key, &Seat{Room: r.id, Who: who, Grant: cred.Leaf().Hash(), Time: r.stamp(now), By: r.me}), nil
}

// onSeat answers somebody whose seat was given by a gate that is none any more.
func (r *Room) onSeat(ctx context.Context, from identity.ID, q seatQuestion) (any, error) {
	cred, err := r.credential(q.Credential, from, r.Now())
	if err != nil {
		return nil, err
	}
	var reply *seatAnswer
	err = r.do(ctx, func(now time.Time) error {
		if !seatable(cred) || !r.state.counted(lineage(cred)) || !r.state.Gate(r.me) {
			return ErrRefused
		}
		seat, err := r.giveSeat(from, cred, now)
		reply = &seatAnswer{Seat: seat}
		return err
	})
	return reply, err
}

// promote makes somebody who is seated a member: on their seat, or, where their invite admits nobody any more, by a grant of this member who
// may call people to the stage. The grant lasts though the gate may have lied about the time, so it takes a gate that moderates. Loop only.
func (r *Room) promote(who identity.ID, p *proven, now time.Time) error {
	if r.member(who) {
		return nil
	}
	if a, err := p.judge(r.state, who); a != Yes {
		return err
	}
	refused := r.state.Refuses(p.cred)
	if refused == nil {
		return r.admit(who, AdmitArgs{Credential: p.cred.Bytes(), Seat: p.raw}, now)
	}
	if !r.staff(p.seat.By) {
		return refused
	}
	if !r.guard.joined(now) {
		return ErrBusy
	}
	return r.grant(who, identity.RoleListener, false, now)
}
