// This file measures what a busy room costs: taking an operation in, and judging ten thousand from nothing.

package room

import (
	"fmt"
	"testing"
	"time"

	"stoa/identity"
	"stoa/room/relay"
)

// crowd is a log of n operations in one causal line: people who come in, are muted, called to the stage, put out, and so on.
func crowd(tb testing.TB, n int, every int) *Log {
	c := newCast(tb, 2)
	l := c.log()
	invite := c.invite(tb, owner, nil, "everybody", identity.Grant{Role: identity.RoleListener})
	for i := range n {
		o := crowdOp(tb, c, l, invite, i)
		if _, _, err := l.add(o); err != nil {
			tb.Fatal(err)
		}
		if every > 0 && i%every == 0 {
			l.State()
		}
	}
	return l
}

func crowdOp(tb testing.TB, c *cast, l *Log, invite identity.Credential, i int) *Op {
	kind, target, args := KindAdmit, c.id(2+i/5%6), any(nil)
	switch i % 5 {
	case 0:
		key := identity.KeyFromSeed([32]byte{2, byte(i), byte(i >> 8)})
		r, err := identity.SignRedeem(c.inviteKey(owner, "everybody"), key, identity.Redeem{Room: l.room, Grant: invite.Leaf().Hash(), Time: dawn})
		if err != nil {
			tb.Fatal(err)
		}
		cred := identity.Credential{{Grant: invite.Leaf(), Redeem: r}}
		target, args = key.ID(), AdmitArgs{Credential: cred.Bytes()}
	case 1:
		kind = KindGrant
		g := c.give(tb, owner, nil, target, fmt.Sprint(i), identity.Grant{Role: identity.RoleSpeaker})
		args = GrantArgs{g.Leaf().Bytes(), i%10 == 1}
	case 2:
		kind = KindMute
	case 3:
		kind, args = KindKick, RemoveArgs{}
	case 4:
		kind = KindPardon
	}
	o, err := unsigned(l.draft(c.id(owner), kind, identity.Hash{}, target, args, dawn))
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

// BenchmarkAdd is a signed operation on top of a log of 1,000, with the state after it.
func BenchmarkAdd(b *testing.B) {
	l := crowd(b, 1000, 100)
	k := identity.KeyFromSeed([32]byte{1, owner})
	for b.Loop() {
		if l.Len() == MaxOps {
			b.StopTimer()
			l = crowd(b, 1000, 100)
			b.StartTimer()
		}
		o, err := l.Compose(k, KindTitle, identity.Hash{}, identity.ID{}, TitleArgs{"title"}, dawn)
		if err != nil {
			b.Fatal(err)
		}
		if added, _, err := l.Add(o.Raw()); len(added) != 1 || err != nil {
			b.Fatal(err)
		}
		l.State()
	}
}

// BenchmarkEvaluate judges a full log from nothing.
func BenchmarkEvaluate(b *testing.B) {
	for _, n := range []int{1000, 8000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l := crowd(b, n, 0)
			for b.Loop() {
				l.evaluate()
			}
		})
	}
}

// BenchmarkState draws the state of a full log.
func BenchmarkState(b *testing.B) {
	l := crowd(b, 8000, 0)
	for b.Loop() {
		l.snapshot()
	}
}

// BenchmarkParseOp reads and verifies one record.
func BenchmarkParseOp(b *testing.B) {
	c := newCast(b, 2)
	o, err := c.log().Compose(c.keys[owner], KindTitle, identity.Hash{}, identity.ID{}, TitleArgs{"title"}, dawn)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := ParseOp(o.Raw()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAttendance is what a report of a relay costs somebody in a crowd of ten thousand, with the snapshot that follows: the people are
// counted twice a second at most, and otherwise nothing is done for each of them.
func BenchmarkAttendance(b *testing.B) {
	p := &play{t: &testing.T{}, c: newCast(b, 1), time: dawn, ops: map[string]*Op{}}
	p.l = p.c.log()
	p.start()
	p.carrier("relay", paul, identity.MaxSlots)
	r := stand(b, p, owner)
	now := time.UnixMilli(int64(p.time))
	list := relay.NewAttendees(r.id, p.c.id(paul), [8]byte{1})
	for i := range 8000 {
		list.Join(identity.ID{byte(i), byte(i >> 8), 3})
	}
	next := func() []byte {
		now = now.Add(relay.AttendanceEvery)
		list.Join(identity.ID{byte(now.Unix()), byte(now.Unix() >> 8), 4})
		a, _ := list.Next(now)
		if a == nil {
			b.Fatal("nothing to say")
		}
		return a.Sign(p.c.keys[paul])
	}
	for range 25 {
		r.takeReport(next(), now, now)
	}
	b.Run("report", func(b *testing.B) {
		raw := next()
		for b.Loop() {
			r.takeReport(raw, now, now)
		}
	})
	b.Run("count", func(b *testing.B) {
		for b.Loop() {
			r.attendance.stale, r.countAt = true, time.Time{}
			r.attend(now)
		}
		if r.count < 8000 {
			b.Fatalf("%d people", r.count)
		}
	})
	b.Run("snapshot", func(b *testing.B) {
		for b.Loop() {
			r.snapshot(now)
		}
	})
}
