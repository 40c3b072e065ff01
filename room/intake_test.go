// What the log takes in of others, how fast and how far.

package room

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"stoa/identity"
)

// porch is a room whose loop the test is: the owners, the moderator Mona, and the others let in by a listeners' link. It is Eve's.
type porch struct {
	*play
	*Room
	monas   identity.Credential
	link    link
	numbers uint32
}

func newPorch(t *testing.T) *porch {
	p := &porch{play: newPlay(t)}
	p.monas, _, p.link = p.start()
	for _, who := range []int{pia, pete, paul} {
		p.play.admit(fmt.Sprint("admit ", who), who, p.by(p.link, who))
	}
	p.Room = &Room{me: p.c.id(eve), charter: p.c.charter}
	p.log, p.intake = p.l, newIntake()
	p.state = p.l.State()
	p.intake.now = time.UnixMilli(dawn)
	return p
}

// letIn is the admission of a fresh person, by the listeners' link unless cred is another.
func (p *porch) letIn(author identity.ID, cred identity.Credential) *Op {
	p.numbers++
	target := identity.ID{9, byte(p.numbers >> 8), byte(p.numbers)}
	if cred == nil {
		cred = identity.Credential{{Grant: p.link.chain.Leaf(), Redeem: &identity.Redeem{Person: target}}}
	}
	return &Op{Author: author, Kind: KindAdmit, Target: cred.Holder(), args: opArgs{credential: cred}, raw: []byte("x"), hash: identity.Hash{8, byte(p.numbers >> 8), byte(p.numbers)}}
}

func (p *porch) kick(author int) *Op {
	p.numbers++
	return &Op{Author: p.c.id(author), Kind: KindKick, Target: p.c.id(pia), raw: []byte("x"), hash: identity.Hash{7, byte(p.numbers >> 8), byte(p.numbers)}}
}

// TestSharesOfTheLog: whoever fills the log leaves space for those who can do something about it, and for all that these have seen.
func TestSharesOfTheLog(t *testing.T) {
	p := newPorch(t)
	seen := p.letIn(p.c.id(pete), nil)
	p.intake.vouched = map[identity.Hash]voucher{seen.hash: {p.c.id(mona), moderators}}
	ally := p.letIn(p.c.id(pete), p.by(p.play.link(owner, nil, "moderators", identity.Grant{Role: moderator}), paul))
	for _, tt := range []struct {
		what  string
		op    *Op
		share int
	}{
		{"a listener lets somebody in", p.letIn(p.c.id(pete), nil), everybodys},
		{"a moderator lets somebody in", p.letIn(p.c.id(mona), nil), everybodys},
		{"an owner lets somebody in", p.letIn(p.c.id(owner), nil), everybodys},
		{"what a moderator has seen", seen, moderators},
		{"a listener lets a moderator in", ally, moderators},
		{"a listener kicks", p.kick(pete), everybodys},
		{"a moderator kicks", p.kick(mona), moderators},
		{"an owner kicks", p.kick(owner), owners},
	} {
		p.l.bytes = MaxBytes*tt.share/16 - 1
		if err := p.toll(tt.op, false); err != nil {
			t.Errorf("%s, and there is space: %v", tt.what, err)
		}
		p.l.bytes++
		if err := p.toll(tt.op, false); !errors.Is(err, ErrLogFull) {
			t.Errorf("%s beyond %d sixteenths: %v", tt.what, tt.share, err)
		}
	}
}

// TestPaceOfTheLog: how many of each sort are taken in at once, and how many more a minute later.
func TestPaceOfTheLog(t *testing.T) {
	sybil := func(n int) identity.ID { return identity.ID{6, byte(n >> 8), byte(n)} }
	for what, tt := range map[string]struct {
		op          func(p *porch, n int) *Op
		once, later int
	}{
		"one listener at the gate": {func(p *porch, n int) *Op { return p.letIn(p.c.id(pete), nil) }, 300, 240},
		"many listeners at the gate": {func(p *porch, n int) *Op {
			p.state.Members[sybil(n/50)] = Member{Caps: identity.RoleListener.Caps()}
			return p.letIn(sybil(n/50), nil)
		}, 1000, 300},
		"the same person again":  {func(p *porch, n int) *Op { return p.letIn(p.c.id(pete), p.by(p.link, paul)) }, 8, 1},
		"somebody who is not in": {func(p *porch, n int) *Op { return p.letIn(sybil(n), nil) }, 256, 60},
		"a listener who kicks":   {func(p *porch, n int) *Op { return p.kick(pete) }, 256, 60},
		"a moderator":            {func(p *porch, n int) *Op { return p.kick(mona) }, 2000, 600},
		"what a moderator has seen": {func(p *porch, n int) *Op {
			o := p.letIn(sybil(n), nil)
			p.intake.vouched = map[identity.Hash]voucher{o.hash: {p.c.id(mona), moderators}}
			return o
		}, 256 + 2000, 60 + 600},
	} {
		t.Run(what, func(t *testing.T) {
			p := newPorch(t)
			taken := func() (n int) {
				for range 3000 {
					switch err := p.toll(tt.op(p, n), true); {
					case errors.Is(err, ErrLater):
						return n
					case err != nil:
						t.Fatal(err)
					}
					n++
				}
				return n
			}
			if n := taken(); n != tt.once {
				t.Errorf("%d at once, want %d", n, tt.once)
			}
			p.intake.now = p.intake.now.Add(time.Minute)
			if n := taken(); n != tt.later {
				t.Errorf("%d a minute later, want %d", n, tt.later)
			}
		})
	}
}

// TestClosedLinkSlowsDown: once somebody has closed a link, what still comes by it is worth little.
func TestClosedLinkSlowsDown(t *testing.T) {
	p := newPorch(t)
	p.play.do("close", owner, nil, KindRevoke, room, RevokeArgs{p.link.hash(), true})
	p.state = p.l.State()
	costs := p.costs(p.letIn(p.c.id(pete), nil))
	if len(costs) != 2 || costs[1] != &p.intake.idle {
		t.Errorf("it costs %v", costs)
	}
}

// TestWaitingIsNotFree: what waits in the log for something else pays when it joins, like everything, and can come again.
func TestWaitingIsNotFree(t *testing.T) {
	c := newCast(t, 1)
	_, ops := chain(t, c, 10)
	l := c.log()
	left := 3
	l.toll = func(*Op) error {
		if left == 0 {
			return ErrLater
		}
		left--
		return nil
	}
	for _, o := range ops[1:] {
		l.Add(o.Raw())
	}
	if added, _, err := l.Add(ops[0].Raw()); len(added) != 3 || err != nil {
		t.Fatalf("%d joined for the price of three: %v", len(added), err)
	}
	if _, _, err := l.Add(ops[3].Raw()); !errors.Is(err, ErrLater) {
		t.Fatal(err)
	}
	left = 10
	for _, o := range ops {
		if _, _, err := l.Add(o.Raw()); err != nil {
			t.Fatal(err)
		}
	}
	if l.Len() != len(ops) {
		t.Errorf("%d of %d are in the end in", l.Len(), len(ops))
	}
}
