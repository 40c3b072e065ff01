// This file tests how a log takes operations in: order, waiting, bounds, comparing two logs, composing; and fuzzes it.

package room

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"stoa/identity"
)

// chain composes n titles of the owner's, each after the one before, and joins them to a log.
func chain(tb testing.TB, c *cast, n int) (*Log, []*Op) {
	l := c.log()
	var ops []*Op
	for i := range n {
		o, err := l.Compose(c.keys[owner], KindTitle, identity.Hash{}, identity.ID{}, TitleArgs{fmt.Sprint(i)}, dawn)
		if err != nil {
			tb.Fatal(err)
		}
		if _, _, err := l.Add(o.Raw()); err != nil {
			tb.Fatal(err)
		}
		ops = append(ops, o)
	}
	return l, ops
}

func TestComposeFollowsHeads(t *testing.T) {
	c := newCast(t, 1)
	l, ops := chain(t, c, 5)
	for i, o := range ops {
		if o.Seq != uint64(i+1) || o.Time != dawn+uint64(i) {
			t.Errorf("operation %d: sequence %d, time %d", i, o.Seq, o.Time)
		}
		if i > 0 && !slices.Equal(o.Deps, []identity.Hash{ops[i-1].Hash()}) {
			t.Errorf("operation %d follows %v", i, o.Deps)
		}
	}
	if !slices.Equal(l.Heads(), []identity.Hash{ops[4].Hash()}) {
		t.Errorf("heads %v", l.Heads())
	}
	if _, err := l.Compose(c.keys[eve], KindTitle, identity.Hash{}, identity.ID{}, TitleArgs{}, dawn); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("a stranger composes: %v", err)
	}
}

// TestComposeManyHeads: with more heads than fit, an author still shows what their authority rests on, and few operations join all heads.
func TestComposeManyHeads(t *testing.T) {
	p := newPlay(t)
	m, _, _ := p.start()
	p.do("mona's own", mona, m, KindTitle, room, TitleArgs{"mine"})
	for i := range 40 {
		p.do(fmt.Sprint(i), owner2, nil, KindTitle, room, TitleArgs{fmt.Sprint(i)}, "title")
	}
	if n := len(p.l.Heads()); n != 41 {
		t.Fatalf("%d heads", n)
	}
	for range 3 {
		o, err := p.l.Compose(p.c.keys[mona], KindTitle, m.Leaf().Hash(), identity.ID{}, TitleArgs{"all"}, dawn)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.l.Add(o.Raw()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(p.l.Heads()); n != 1 {
		t.Errorf("%d heads are left", n)
	}
	p.replay()
}

func TestAddWaits(t *testing.T) {
	c := newCast(t, 1)
	_, ops := chain(t, c, 5)
	l := c.log()
	for i := 4; i > 0; i-- {
		added, missing, err := l.Add(ops[i].Raw())
		if len(added) > 0 || err != nil || !slices.Equal(missing, []identity.Hash{ops[i-1].Hash()}) {
			t.Fatalf("operation %d: added %d, missing %v, %v", i, len(added), missing, err)
		}
	}
	if _, missing, _ := l.Add(ops[4].Raw()); !slices.Equal(missing, []identity.Hash{ops[0].Hash()}) {
		t.Errorf("asked again, wants %v", missing)
	}
	added, missing, err := l.Add(ops[0].Raw())
	if len(added) != 5 || len(missing) > 0 || err != nil {
		t.Errorf("added %d, missing %v, %v", len(added), missing, err)
	}
	if added, missing, err := l.Add(ops[2].Raw()); len(added)+len(missing) > 0 || err != nil {
		t.Error("a known operation is news")
	}
}

// TestAddDropsTheOldest: what waits is bounded, and what waits for something refused is forgotten.
func TestAddDropsTheOldest(t *testing.T) {
	c := newCast(t, 1)
	_, ops := chain(t, c, MaxPending+2)
	l := c.log()
	for _, o := range ops[1:] {
		l.Add(o.Raw())
	}
	if len(l.pending.ops) != MaxPending || len(l.pending.arrived) != MaxPending {
		t.Fatalf("%d wait", len(l.pending.ops))
	}
	if added, _, _ := l.Add(ops[0].Raw()); len(added) != 1 {
		t.Errorf("%d joined, though the one after is forgotten", len(added))
	}
	if added, _, _ := l.Add(ops[1].Raw()); len(added) != MaxPending+1 || len(l.pending.ops)+len(l.pending.waiters) > 0 {
		t.Errorf("%d joined, %d wait", len(added), len(l.pending.ops))
	}
}

func TestPendingForgetsWhatFollowsTheRefused(t *testing.T) {
	c := newCast(t, 1)
	make := func(who int, seq uint64, deps ...identity.Hash) *Op {
		o := &Op{Room: c.charter.ID(), Author: c.id(who), Seq: seq, Deps: deps, Time: dawn + seq, Kind: KindTitle, Args: identity.Marshal(TitleArgs{"x"})}
		signed, err := o.sign(c.keys[who])
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	bad := make(eve, 1)
	after := make(owner, 2, bad.Hash())
	later := make(owner, 3, after.Hash())
	l := c.log()
	l.Add(later.Raw())
	l.Add(after.Raw())
	if _, _, err := l.Add(bad.Raw()); !errors.Is(err, ErrNotAllowed) {
		t.Fatal(err)
	}
	if len(l.pending.ops)+len(l.pending.waiters)+len(l.pending.arrived) > 0 {
		t.Errorf("%d wait for what never joins", len(l.pending.ops))
	}
}

func TestHorizon(t *testing.T) {
	c := newCast(t, 1)
	_, ops := chain(t, c, 2)
	l := c.log()
	l.SetHorizon(dawn)
	if _, _, err := l.Add(ops[0].Raw()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Add(ops[1].Raw()); !errors.Is(err, ErrEarly) {
		t.Fatal(err)
	}
	l.SetHorizon(dawn + 1)
	if added, _, err := l.Add(ops[1].Raw()); len(added) != 1 || err != nil {
		t.Fatal(err)
	}
}

func TestLogFull(t *testing.T) {
	c := newCast(t, 1)
	l, _ := chain(t, c, 1)
	o, err := l.Compose(c.keys[owner], KindLock, identity.Hash{}, identity.ID{}, nil, dawn)
	if err != nil {
		t.Fatal(err)
	}
	l.bytes = MaxBytes
	if _, _, err := l.Add(o.Raw()); !errors.Is(err, ErrLogFull) {
		t.Error(err)
	}
	if _, err := l.Compose(c.keys[owner], KindLock, identity.Hash{}, identity.ID{}, nil, dawn); !errors.Is(err, ErrLogFull) {
		t.Error(err)
	}
}

// TestWrongRoom: what one room's owner signed means nothing in another.
func TestWrongRoom(t *testing.T) {
	_, ops := chain(t, newCast(t, 1), 1)
	if _, _, err := newCast(t, 2).log().Add(ops[0].Raw()); !errors.Is(err, identity.ErrWrongRoom) {
		t.Error(err)
	}
}

// TestMissing heals a partition the way two members do: each tells its heads and gets what it lacks.
func TestMissing(t *testing.T) {
	c := newCast(t, 2)
	for seed := range uint64(50) {
		h := newHistory(t, c, seed, 25)
		a, b := c.log(), c.log()
		for _, n := range h.graph.nodes {
			for i, l := range []*Log{a, b} {
				if !l.waits(n.op) && (h.rng.IntN(10) < 8 || n.at%2 == i) {
					l.add(n.op)
				}
			}
		}
		send := func(from, to *Log) {
			mine, _ := from.Missing(to.Heads())
			for _, body := range mine {
				o, err := parseBody(body)
				if err != nil {
					t.Fatal(err)
				}
				o.raw = body
				if _, missing, err := to.add(o); err != nil || len(missing) > 0 {
					t.Fatalf("not in causal order: %v %v", missing, err)
				}
			}
		}
		if _, unknown := a.Missing(b.Heads()); len(unknown) == 0 && a.Len() < b.Len() {
			t.Fatal("nothing unknown in a longer log's heads")
		}
		send(a, b)
		send(b, a)
		requireSame(t, fmt.Sprint("history ", seed), a, b)
	}
}

// FuzzParseOp: whatever arrives, it does not panic, and what parses encodes to the same bytes.
func FuzzParseOp(f *testing.F) {
	for _, raw := range opVectors(f) {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		o, err := ParseOp(raw)
		if body, _, e := identity.Unpack(raw, 1); e == nil && len(raw) <= MaxOp {
			parsed, perr := parseBody(body) // the fuzzer cannot sign: look behind the signature
			if err == nil != (perr == nil) && !errors.Is(err, identity.ErrForged) {
				t.Fatalf("%v, but %v of the body", err, perr)
			}
			if perr == nil && !bytes.Equal(identity.Marshal(parsed), body) {
				t.Fatal("the body has another encoding")
			}
		}
		if err == nil && !bytes.Equal(o.Raw(), raw) {
			t.Fatal("not kept as it came")
		}
	})
}

// FuzzAdd adds the operations of a history, chosen and ordered by the fuzzer, some more than once, with looks at the state in between. Two
// logs that end up with the same operations agree, and what one has is enough to bring the other up to date.
func FuzzAdd(f *testing.F) {
	f.Add(uint64(1), []byte{0, 1, 2, 3, 250, 4, 5, 6})
	f.Add(uint64(2), []byte{9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 255, 1})
	c := newCast(f, 2)
	f.Fuzz(func(t *testing.T, seed uint64, script []byte) {
		h := newHistory(t, c, seed, 16)
		l := c.log()
		for _, b := range script[:min(len(script), 200)] {
			if b >= 200 {
				l.State()
				continue
			}
			o := h.graph.nodes[int(b)%len(h.graph.nodes)].op
			before := l.Len()
			added, missing, err := l.add(o)
			if err != nil || l.Len() != before+len(added) || len(missing) > 0 && len(added) > 0 {
				t.Fatalf("added %d, missing %d, %v", len(added), len(missing), err)
			}
			if slices.ContainsFunc(missing, l.Has) {
				t.Fatal("asks for what it has")
			}
		}
		again := c.log()
		order := rand.New(rand.NewPCG(seed, 3)).Perm(l.Len())
		for _, i := range order {
			again.add(l.nodes[i].op)
		}
		requireSame(t, "again", l, again)
		mine, unknown := again.Missing(l.Heads())
		if len(mine)+len(unknown) > 0 {
			t.Fatal("equal logs miss something")
		}
	})
}
