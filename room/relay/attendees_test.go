// Who is carried: what relays tell, and what becomes of it.

package relay

import (
	"math/rand/v2"
	"testing"
	"time"

	"stoa/identity"
)

func sec(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }

func TestAttendees(t *testing.T) {
	l := NewAttendees(identity.RoomID{1}, testKey.ID(), [8]byte{7})
	a, next := l.Next(sec(0))
	if a == nil || !a.Full || a.Count != 0 || !next.Equal(sec(20)) {
		t.Fatalf("%+v, then %v", a, next)
	}
	l.Join(person(1))
	l.Join(person(2))
	l.Join(person(3))
	l.Leave(person(3)) // nobody has heard of this one
	if a, next := l.Next(sec(4)); a != nil || !next.Equal(sec(5)) {
		t.Fatalf("%+v, then %v", a, next)
	}
	a, next = l.Next(sec(5))
	if a == nil || a.Full || a.Seq != 1 || a.Count != 2 || len(a.Joins) != 2 || len(a.Leaves) != 0 || !next.Equal(sec(25)) {
		t.Fatalf("%+v, then %v", a, next)
	}
	if _, err := ParseAttendance(a.Sign(testKey)); err != nil {
		t.Error(err)
	}
	l.Leave(person(1))
	l.Join(person(2)) // at a second device
	if a, _ = l.Next(sec(10)); a == nil || a.Count != 2 || len(a.Joins) != 0 || len(a.Leaves) != 1 {
		t.Fatalf("%+v", a)
	}
	l.Leave(person(2))
	l.Leave(person(9)) // never came
	if a, _ = l.Next(sec(30)); a == nil || len(a.Joins)+len(a.Leaves) != 0 {
		t.Fatalf("%+v", a)
	}
	if a, _ = l.Next(sec(60)); a == nil || !a.Full || len(a.Joins) != 1 || a.Joins[0] != PrefixOf(person(2)) {
		t.Fatalf("%+v", a)
	}
}

// TestAttendanceArrives: over random comings and goings with messages lost, everybody's count is the relay's after the next message, and the list
// after the next that begins anew.
func TestAttendanceArrives(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	l := NewAttendees(identity.RoomID{1}, testKey.ID(), [8]byte{7})
	var all Audience
	here := make(map[int]bool)
	rest := func() { // nobody moves for so long that all is told
		for s := range 150 {
			if a, _ := l.Next(sec(10000 + s)); a != nil {
				raw := a.Sign(testKey)
				if got, err := ParseAttendance(raw); err != nil || !all.Put(got, 65535, sec(10000+s)) {
					t.Fatal(err)
				}
			}
		}
	}
	for s := range 600 {
		for range rng.IntN(30) {
			n := rng.IntN(3000)
			if here[n] {
				l.Leave(person(n))
			} else {
				l.Join(person(n))
			}
			here[n] = !here[n]
		}
		a, _ := l.Next(sec(s))
		if a == nil || rng.IntN(4) == 0 {
			continue
		}
		all.Put(a, 65535, sec(s))
		if n, ok := all.Carries(testKey.ID()); !ok || n != int(a.Count) || all.Count(nil) < n {
			t.Fatalf("after %d s: %d of %d, in all %d", s, n, a.Count, all.Count(nil))
		}
	}
	rest()
	n := 0
	for who, is := range here {
		by, ok := all.By(person(who))
		if ok != is || ok && by != testKey.ID() {
			t.Errorf("%d: %t, want %t", who, ok, is)
		}
		if is {
			n++
		}
	}
	if got := all.Count(nil); got != n {
		t.Errorf("%d people, want %d", got, n)
	}
}

func TestAudience(t *testing.T) {
	var l Audience
	put := func(relay byte, session byte, seq uint32, s int, count uint32, full bool, joins, leaves []Prefix) bool {
		return l.Put(&Attendance{
			Relay: someone(relay), Session: [8]byte{session}, Seq: seq, Time: uint64(sec(s).UnixMilli()), Count: count, Full: full, Joins: joins, Leaves: leaves,
		}, 10, sec(s))
	}
	steps := []struct {
		name string
		ok   bool
		want int
	}{
		{"first", put(1, 1, 0, 0, 2, true, []Prefix{{1}, {2}}, nil), 2},
		{"again", !put(1, 1, 0, 0, 2, true, []Prefix{{1}, {2}}, nil), 2},
	}
	for _, s := range steps {
		if !s.ok || l.Count(nil) != s.want {
			t.Errorf("%s: %t, %d people, want %d", s.name, s.ok, l.Count(nil), s.want)
		}
	}
	put(2, 1, 0, 1, 3, true, []Prefix{{2}, {3}}, nil) // one at both, one unknown
	if n := l.Count(nil); n != 4 {
		t.Errorf("%d people, want 4", n)
	}
	if n := l.Count(func(p Prefix) bool { return p == Prefix{1} }); n != 3 {
		t.Errorf("%d people, want 3", n)
	}
	if n, _ := l.Carries(someone(2)); n != 3 {
		t.Errorf("it carries %d", n)
	}
	put(1, 1, 1, 2, 1000, false, nil, []Prefix{{2}}) // claims more than it has slots
	if n, _ := l.Carries(someone(1)); n != 10 {
		t.Errorf("it carries %d", n)
	}
	if put(1, 2, 0, 1, 1, true, nil, nil) {
		t.Error("an older session is taken")
	}
	if !put(1, 2, 0, 3, 0, true, nil, nil) || l.Count(nil) != 3 {
		t.Errorf("after a restart: %d people", l.Count(nil))
	}
	if any, next := l.Expire(sec(45)); any || !next.Equal(sec(46)) {
		t.Errorf("%t, %v", any, next)
	}
	if any, next := l.Expire(sec(46)); !any || !next.Equal(sec(48)) || l.Count(nil) != 0 {
		t.Errorf("%t, %v, %d people", any, next, l.Count(nil))
	}
	l.Drop(someone(1))
	if _, ok := l.Carries(someone(1)); ok {
		t.Error("a relay that was dropped is still there")
	}
	if _, ok := l.By(person(5)); ok {
		t.Error("somebody unknown is carried")
	}
}

func TestAudienceIsBounded(t *testing.T) {
	var l Audience
	for r := range 600 {
		a := &Attendance{Relay: person(r), Count: 300}
		for i := range 300 {
			a.Joins = append(a.Joins, Prefix{byte(i >> 8), byte(i), byte(r >> 8), byte(r)})
		}
		l.Put(a, 1000, noon)
	}
	if len(l.relays) != maxAudienceRelays || l.known != maxAudience || l.Count(nil) != 300*maxAudienceRelays {
		t.Errorf("%d relays, %d known, %d people", len(l.relays), l.known, l.Count(nil))
	}
	l.Expire(sec(100))
	if l.known != 0 {
		t.Errorf("%d known of nobody", l.known)
	}
	many := NewAttendees(identity.RoomID{}, testKey.ID(), [8]byte{})
	for n := range 2 * MaxAttendees {
		many.Join(person(n))
	}
	if len(many.here) != MaxAttendees || many.count != 2*MaxAttendees {
		t.Errorf("%d listed of %d", len(many.here), many.count)
	}
	for n := range 2 * MaxAttendees {
		many.Leave(person(n))
	}
	if len(many.here) != 0 || many.count != 0 || len(many.changed) != 0 {
		t.Errorf("%d listed of %d", len(many.here), many.count)
	}
}
