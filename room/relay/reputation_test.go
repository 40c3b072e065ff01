// Whom not to choose.

package relay

import (
	"testing"
	"time"

	"stoa/identity"
)

func TestBars(t *testing.T) {
	var r Reputation
	cs := candidates(64, 64)
	a, b := cs[0].ID, cs[1].ID
	barred := func(id identity.ID, s int) bool { return r.Barred(cs, sec(s))(id) }
	steps := []struct {
		name  string
		blame Fault
		at    int
		until int
	}{
		{"first", Dead, 0, 4},
		{"twice as long", Dead, 10, 18},
		{"and again", Dead, 20, 36},
		{"a worse one counts from its own beginning", Drops, 40, 72},
		{"a lighter one ends at its own most", Dead, 80, 140},
		{"forgotten after four times as long", Dead, 500, 504},
		{"forgery", Forges, 510, 4110},
	}
	for _, s := range steps {
		r.Blame(a, s.blame, sec(s.at))
		if got := r.Until(a); !got.Equal(sec(s.until)) {
			t.Errorf("%s: until %v, want %v", s.name, got.Sub(noon), sec(s.until).Sub(noon))
		}
		if !barred(a, s.until-1) || barred(a, s.until) || barred(b, s.at) {
			t.Errorf("%s: barred wrongly", s.name)
		}
	}
	r.Blame(b, 0, sec(0))
	r.Blame(b, faultEnd, sec(0))
	if barred(b, 0) {
		t.Error("barred for no fault")
	}
}

// TestSomebodyIsLeft: when all are barred, the one whose time is over first is not.
func TestSomebodyIsLeft(t *testing.T) {
	var r Reputation
	cs := candidates(64, 64, 64)
	r.Blame(cs[0].ID, Forges, noon)
	r.Blame(cs[1].ID, Silent, noon)
	r.Blame(cs[2].ID, Drops, noon)
	pair := Choose(cs, Pair{}, r.Barred(cs, sec(1)))
	if pair != (Pair{Primary: cs[1].ID}) {
		t.Errorf("%v", pair)
	}
	if pair = Choose(cs, pair, r.Barred(cs, sec(100))); pair != (Pair{cs[1].ID, cs[2].ID}) {
		t.Errorf("%v", pair)
	}
}

func TestBarsAreBounded(t *testing.T) {
	var r Reputation
	for n := range 3 * maxBars {
		r.Blame(person(n), Drops, noon.Add(time.Duration(n)*time.Millisecond))
	}
	if len(r.bars) > maxBars {
		t.Errorf("%d bars", len(r.bars))
	}
	if !r.Until(person(3*maxBars - 1)).After(noon) {
		t.Error("the last one is not barred")
	}
}

func TestComplaints(t *testing.T) {
	cs := candidates(64, 64)
	liar, good := cs[0].ID, cs[1].ID
	by := func(relay identity.ID, f Fault) *Complaint { return &Complaint{Relay: relay, Fault: f} }
	tests := []struct {
		name     string
		complain func(r *Reputation)
		want     uint16
	}{
		{"none", func(r *Reputation) {}, 64},
		{"a thousand of one subtree", func(r *Reputation) {
			for range 1000 {
				r.Complain(by(liar, Forges), identity.Hash{1}, noon)
			}
		}, 64},
		{"of two subtrees", func(r *Reputation) {
			r.Complain(by(liar, Drops), identity.Hash{1}, noon)
			r.Complain(by(liar, Forges), identity.Hash{2}, noon)
		}, 40},
		{"of three", func(r *Reputation) {
			r.Complain(by(liar, Censors), identity.Hash{1}, noon)
			r.Complain(by(liar, Forges), identity.Hash{2}, noon)
			r.Complain(by(liar, Drops), identity.Hash{3}, noon)
		}, 24},
		{"the worst of each", func(r *Reputation) {
			r.Complain(by(liar, Forges), identity.Hash{1}, noon)
			r.Complain(by(liar, Drops), identity.Hash{1}, noon)
			r.Complain(by(liar, Forges), identity.Hash{2}, noon)
		}, 8},
		{"old", func(r *Reputation) {
			r.Complain(by(liar, Forges), identity.Hash{1}, noon.Add(-complaintLife))
			r.Complain(by(liar, Forges), identity.Hash{2}, noon)
		}, 64},
		{"of what is nobody's fault", func(r *Reputation) {
			r.Complain(by(liar, Dead), identity.Hash{1}, noon)
			r.Complain(by(liar, 200), identity.Hash{2}, noon)
		}, 64},
	}
	for _, tt := range tests {
		var r Reputation
		tt.complain(&r)
		got := r.Weigh(cs, noon)
		if got[0].Slots != tt.want || got[1].Slots != 64 || cs[0].Slots != 64 {
			t.Errorf("complaints %s: %d and %d slots, want %d", tt.name, got[0].Slots, got[1].Slots, tt.want)
		}
	}
	var r Reputation
	for n := range 1000 {
		r.Complain(by(person(n), Drops), identity.Hash{1}, noon)
		r.Complain(by(good, Drops), identity.Hash{byte(n), byte(n >> 8)}, noon)
	}
	if len(r.complaints) > maxComplained || len(r.complaints[good]) > maxSubtrees {
		t.Errorf("%d relays, %d subtrees", len(r.complaints), len(r.complaints[good]))
	}
}

func TestMayComplain(t *testing.T) {
	var r Reputation
	if !r.MayComplain(sec(0)) {
		t.Error("not even once")
	}
	if r.MayComplain(sec(29)) || !r.MayComplain(sec(30)) || r.MayComplain(sec(31)) {
		t.Error("not once in 30 s")
	}
}
