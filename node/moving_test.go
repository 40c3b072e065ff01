// Verdicts about connections, and clocks that stood still.

package node

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

func TestVigil(t *testing.T) {
	const every = lookEvery
	type look struct{ after, suspended, want time.Duration }
	for name, looks := range map[string][]look{
		"awake":                  {{every, 0, 0}, {every, 0, 0}, {every, 0, 0}},
		"busy":                   {{every, 0, 0}, {every + stoodLeast - 1, 0, 0}},
		"stopped":                {{every, 0, 0}, {every + time.Minute, 0, time.Minute}, {every, 0, 0}},
		"suspended":              {{every, 0, 0}, {every, time.Minute, time.Minute}, {every, time.Minute, 0}},
		"suspended before":       {{every, time.Hour, 0}, {every, time.Hour, 0}},
		"suspended and stopped":  {{every, 0, 0}, {every + 2*time.Second, time.Second, 3 * time.Second}},
		"a clock that went back": {{every, time.Minute, 0}, {every, 0, 0}, {every + time.Second, 0, time.Second}},
	} {
		var v vigil
		var now time.Duration
		for i, l := range looks {
			now += l.after
			if got := v.look(now, l.suspended); got != l.want {
				t.Errorf("%s, look %d: stood %v, want %v", name, i, got, l.want)
			}
		}
	}
}

func TestJudge(t *testing.T) {
	wifi, tether, none := netip.MustParseAddr("192.168.1.7"), netip.MustParseAddr("172.20.10.2"), netip.Addr{}
	loopback := netip.MustParseAddr("127.0.0.3")
	at := place{addrs: []netip.Addr{tether}}
	for _, c := range []struct {
		name        string
		before, now bearing
		want        verdict
	}{
		{"nothing changed", bearing{none, tether}, bearing{none, tether}, stays},
		{"another route", bearing{none, wifi}, bearing{none, tether}, doubtful},
		{"never seen", bearing{}, bearing{none, tether}, doubtful},
		{"no way out", bearing{none, wifi}, bearing{none, none}, stays},
		{"a way out again", bearing{none, none}, bearing{none, tether}, doubtful},
		{"tied to what is gone", bearing{wifi, wifi}, bearing{wifi, tether}, dead},
		{"tied to what is gone, no way out", bearing{wifi, wifi}, bearing{wifi, none}, stays},
		{"tied to what is there", bearing{tether, tether}, bearing{tether, tether}, stays},
		{"tied to what is there, another route", bearing{tether, wifi}, bearing{tether, tether}, doubtful},
		{"tied to the loopback", bearing{loopback, loopback}, bearing{loopback, loopback}, stays},
	} {
		if got := judge(c.before, c.now, at); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestPlacesRememberWhatTheyHad(t *testing.T) {
	var m fakeMachine
	at := placeOf(m)
	a := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }
	for i := range 3 * maxFormer {
		m.addrs = []netip.Addr{a(i)}
		at = at.next(m)
		if !at.has(a(i)) || at.has(a(i+1)) || len(at.former) != min(i, maxFormer) || i > 0 && at.former[0] != a(i-1) {
			t.Fatalf("%d: %+v", i, at)
		}
	}
	m.addrs = []netip.Addr{a(3*maxFormer - 2)} // back
	if at = at.next(m); at.former[0] != a(3*maxFormer-1) || len(at.former) != maxFormer {
		t.Errorf("%+v", at)
	}
	for _, f := range at.former {
		if at.has(f) {
			t.Errorf("%v is here and was", f)
		}
	}
}

type fakeMachine struct {
	unmoving
	addrs []netip.Addr
}

func (m fakeMachine) Addrs() []netip.Addr { return m.addrs }

// A check ends, touches no more often than it may, believes who was heard, and gives nobody
// up who answers within two round trips, one of them lost.
func TestCheck(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		rtt := time.Duration(rng.Int64N(int64(2 * time.Second)))
		answers := time.Duration(rng.Int64N(int64(3 * time.Second))) // after the first touch
		c := newCheck(rtt)
		if c.patience < checkLeast || c.patience > checkMost {
			t.Fatalf("patience %v", c.patience)
		}
		touches := 0
		var now time.Duration
		for {
			do := c.step(now, now >= answers)
			if do.touch {
				touches++
			}
			if do.over {
				if alive := answers <= c.patience; do.dead == alive && answers != now {
					t.Fatalf("rtt %v, answer after %v, patience %v: dead %v at %v", rtt, answers, c.patience, do.dead, now)
				}
				break
			}
			if do.next <= now || do.next > checkMost {
				t.Fatalf("at %v it comes back at %v", now, do.next)
			}
			now = do.next
		}
		if touches == 0 || touches > len(touchAfter) || answers < touchAfter[1] && touches != len(touchAfter) {
			t.Fatalf("%d touches", touches)
		}
	}
}

// Whatever comes behind the nonce of an answer is an address or nothing.
func TestSight(t *testing.T) {
	for _, text := range []string{"203.0.113.9:1", "[2001:db8::7]:65535"} {
		at := netip.MustParseAddrPort(text)
		b := append(binary.BigEndian.AppendUint16(nil, at.Port()), at.Addr().AsSlice()...)
		if got := parseSight(b); got != at {
			t.Errorf("%v came as %v", at, got)
		}
		for n := range b {
			if got := parseSight(b[:n]); got.IsValid() && len(b[:n]) != 6 {
				t.Errorf("%d bytes are %v", n, got)
			}
		}
		if parseSight(append(b, 0)).IsValid() {
			t.Error("a byte too much is taken")
		}
	}
}
