// Tests of a lane: what it does with single packets, in shares of many, and what holds
// whatever is done with it.

package hop

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

const ms = time.Millisecond

func parse(t testing.TB, text string) Line {
	t.Helper()
	l, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// arrival is a packet that left a lane.
type arrival struct {
	number  int
	took    time.Duration
	at      time.Duration
	doubled bool // it had come before
}

// pass sends n packets of a size through a lane, one every so often, and returns what came out.
func pass(l *Lane, n, size int, every time.Duration) []arrival {
	var out []arrival
	seen := make([]bool, n)
	collect := func(now time.Duration) {
		for {
			packet, due, ok := l.Pop(now)
			if !ok {
				return
			}
			i := int(binary.BigEndian.Uint32(packet))
			out = append(out, arrival{i, due - time.Duration(i)*every, due, seen[i]})
			seen[i] = true
		}
	}
	packet := make([]byte, size)
	for i := range n {
		now := time.Duration(i) * every
		collect(now)
		binary.BigEndian.PutUint32(packet, uint32(i))
		l.Push(packet, now)
	}
	collect(math.MaxInt64)
	return out
}

func numbers(as []arrival) (ns []int) {
	for _, a := range as {
		ns = append(ns, a.number)
	}
	return ns
}

func TestNothingIsDoneByAnEmptyLine(t *testing.T) {
	for i, a := range pass(NewLane(Line{}, 1, 0), 100, 200, 20*ms) {
		if a.number != i || a.took != 0 {
			t.Fatalf("packet %d came as number %d, after %v", a.number, i, a.took)
		}
	}
}

// A rate sends one packet after the other, keeps as many waiting as its queue holds, and
// drops what comes when it is full.
func TestRate(t *testing.T) {
	for _, tt := range []struct {
		line string
		came []int // of ten packets of 1000 bytes at once, each of which takes 100 ms
	}{
		{"rate=80kbit queue=250ms", []int{0, 1, 2}},
		{"rate=80kbit queue=3000B", []int{0, 1, 2, 3}},
		{"rate=80kbit", []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
	} {
		l := NewLane(parse(t, tt.line), 1, 0)
		out := pass(l, 10, 1000, 0)
		if !slices.Equal(numbers(out), tt.came) {
			t.Errorf("%s: %v came", tt.line, numbers(out))
		}
		for i, a := range out {
			if want := time.Duration(i+1) * 100 * ms; a.at != want {
				t.Errorf("%s: packet %d came at %v, want %v", tt.line, i, a.at, want)
			}
		}
		if c := l.Counts(); c.Full != uint64(10-len(tt.came)) {
			t.Errorf("%s: %+v", tt.line, c)
		}
	}
}

// Whoever sends twice what the rate bears loses half, and waits for the queue.
func TestOverload(t *testing.T) {
	l := NewLane(parse(t, "rate=64kbit queue=200ms"), 1, 0)
	out := pass(l, 1000, 320, 20*ms) // 128 kbit/s
	if n := len(out); n < 500 || n > 512 {
		t.Errorf("%d of 1000 came", n)
	}
	if last := out[len(out)-1]; last.took < 200*ms || last.took > 240*ms {
		t.Errorf("the last took %v", last.took)
	}
	if w := l.Counts().Waited; w < 160*ms || w > 200*ms {
		t.Errorf("the longest wait was %v", w)
	}
}

func TestBursts(t *testing.T) {
	l := NewLane(parse(t, "burst=100ms/1s"), 1, 0)
	out := pass(l, 1000, 100, 10*ms)
	for _, a := range out {
		if a.at%time.Second >= 900*ms {
			t.Fatalf("a packet came through at %v", a.at)
		}
	}
	if c := l.Counts(); len(out) != 900 || c.Bursts != 100 {
		t.Errorf("%d came, %+v", len(out), c)
	}
}

// The n-th packet is lost or not whatever else the line does, and again in the next run.
func TestLuckIsTheSeeds(t *testing.T) {
	lost := func(line string, seed, number uint64) []int {
		came := numbers(pass(NewLane(parse(t, line), seed, number), 2000, 100, 20*ms))
		var missing []int
		for i := range 2000 {
			if !slices.Contains(came, i) {
				missing = append(missing, i)
			}
		}
		return missing
	}
	want := lost("loss=5%", 7, 0)
	for _, line := range []string{"loss=5%", "loss=5% delay=50ms jitter=30ms", "loss=5% double=10% reorder=5%/40ms scatter=9ms rate=1mbit"} {
		if got := lost(line, 7, 0); !slices.Equal(got, want) {
			t.Errorf("%s loses %v, want %v", line, got, want)
		}
	}
	for _, other := range [][]int{lost("loss=5%", 8, 0), lost("loss=5%", 7, 1)} {
		if slices.Equal(other, want) {
			t.Error("another seed or lane loses the same packets")
		}
	}
}

// Shares of many packets are what the line says, and times are within its bounds.
func TestShares(t *testing.T) {
	const n, every = 50_000, 20 * ms
	near := func(line, what string, got, want float64) {
		if math.Abs(got-want) > 0.05*want {
			t.Errorf("%s: %s is %.4f, want %.4f", line, what, got, want)
		}
	}
	for _, tt := range []struct {
		line     string
		came     float64
		min, max time.Duration
		disorder bool
	}{
		{"loss=5%", 0.95, 0, 0, false},
		{"gilbert=1%/25%", 25. / 26, 0, 0, false},
		{"gilbert=10%/20%/50%/1%", 1 - (20*0.01+10*0.5)/30, 0, 0, false},
		{"delay=50ms jitter=30ms", 1, 20 * ms, 80 * ms, false},
		{"delay=50ms scatter=30ms", 1, 50 * ms, 80 * ms, true},
		{"double=2%", 1.02, 0, 0, false},
		{"delay=10ms reorder=3%/45ms", 1, 10 * ms, 55 * ms, true},
	} {
		out := pass(NewLane(parse(t, tt.line), 3, 0), n, 100, every)
		near(tt.line, "what came", float64(len(out))/n, tt.came)
		late := 0
		for i, a := range out {
			if a.took < tt.min || a.took > tt.max {
				t.Fatalf("%s: packet %d took %v", tt.line, a.number, a.took)
			}
			if i > 0 && a.number < out[i-1].number {
				late++
			}
		}
		if (late > 0) != tt.disorder {
			t.Errorf("%s: %d packets were overtaken", tt.line, late)
		}
	}
}

// Bad times last as long as the chance to end them says.
func TestGilbertLosesInRuns(t *testing.T) {
	came := numbers(pass(NewLane(parse(t, "gilbert=1%/25%"), 5, 0), 50_000, 100, ms))
	runs, lost := 0, 0
	for i := 1; i < len(came); i++ {
		if gap := came[i] - came[i-1] - 1; gap > 0 {
			runs++
			lost += gap
		}
	}
	if mean := float64(lost) / float64(runs); math.Abs(mean-4) > 0.3 {
		t.Errorf("%.2f are lost at a time, want 4", mean)
	}
}

// A change holds for what comes after it, and nothing that keeps its place is overtaken.
func TestSet(t *testing.T) {
	l := NewLane(parse(t, "delay=100ms"), 1, 0)
	l.Push([]byte{1}, 0)
	l.Set(parse(t, "delay=10ms"))
	l.Push([]byte{2}, 20*ms)
	l.Push([]byte{3}, 95*ms)
	for i, want := range []time.Duration{100 * ms, 100 * ms, 105 * ms} {
		if b, due, ok := l.Pop(time.Second); !ok || b[0] != byte(i+1) || due != want {
			t.Errorf("%v came at %v, want %d at %v", b, due, i+1, want)
		}
	}
}

func TestLaneIsBounded(t *testing.T) {
	l := NewLane(parse(t, "delay=10s double=100%"), 1, 0)
	for range 2 * mostHeld {
		l.Push(make([]byte, 20), 0)
	}
	if c := l.Counts(); len(l.held) != mostHeld || c.Full == 0 {
		t.Errorf("%d are held, %+v", len(l.held), c)
	}
}

// FuzzLane does to a lane whatever the bytes say: lines of all kinds, packets, pauses.
func FuzzLane(f *testing.F) {
	lines := []string{"", "loss=20%", "rate=64kbit queue=200ms", "rate=1mbit queue=3000B delay=50ms jitter=50ms",
		"delay=20ms scatter=30ms double=20%", "gilbert=10%/20% reorder=10%/30ms", "burst=100ms/1s rate=10kbit", "loss=100%"}
	f.Add(uint64(1), []byte("\x10a\x02b\x51c\x13d\x32e\x75f\x24"))
	f.Add(uint64(2), []byte("\x11\xff\x12\xff\x01\xff\x22\xff\x02\xff\x32\xff\x42\xff"))
	f.Fuzz(func(t *testing.T, seed uint64, ops []byte) {
		l, twin := NewLane(Line{}, seed, 0), NewLane(Line{}, seed, 0)
		var now, released time.Duration
		sent := uint64(0)
		check := func() {
			c := l.Counts()
			if c.Taken != sent || c.Taken+c.Doubled != c.Released+c.Lost+c.Bursts+c.Full+uint64(len(l.held)) {
				t.Fatalf("after %d packets %d are held, %+v", sent, len(l.held), c)
			}
			if c != twin.Counts() {
				t.Fatalf("the same seed does not do the same: %+v, %+v", c, twin.Counts())
			}
		}
		pop := func(until time.Duration) {
			for {
				due, any := l.Next()
				packet, at, ok := l.Pop(until)
				same, sameAt, sameOK := twin.Pop(until)
				if ok != sameOK || at != sameAt || !slices.Equal(packet, same) {
					t.Fatal("the same seed does not do the same")
				}
				if !ok {
					if any && due <= until {
						t.Fatalf("nothing came at %v, though something was due at %v", until, due)
					}
					return
				}
				if !any || at != due || at > until || at < released {
					t.Fatalf("a packet came for %v at %v, after %v; Next said %v", at, until, released, due)
				}
				released = at
				if pushed := time.Duration(binary.BigEndian.Uint64(packet)); at < pushed {
					t.Fatalf("a packet of %v came at %v", pushed, at)
				}
			}
		}
		for len(ops) >= 2 {
			op, by := ops[0], ops[1]
			ops = ops[2:]
			switch op & 3 {
			case 0:
				line := parse(t, lines[int(by)%len(lines)])
				l.Set(line)
				twin.Set(line)
			case 1:
				now += time.Duration(by) * ms
				pop(now)
				released = max(released, now) // what comes from now on is due later
			default:
				packet := make([]byte, 8+4*int(by))
				binary.BigEndian.PutUint64(packet, uint64(now))
				l.Push(packet, now)
				twin.Push(packet, now)
				sent++
			}
			check()
		}
		pop(math.MaxInt64)
		check()
	})
}

func BenchmarkLane(b *testing.B) {
	for _, text := range []string{"delay=50ms", "delay=50ms scatter=30ms loss=5% rate=10mbit"} {
		b.Run(fmt.Sprint(text), func(b *testing.B) {
			b.ReportAllocs()
			l, packet := NewLane(parse(b, text), 1, 0), make([]byte, 200)
			now := time.Duration(0)
			for b.Loop() {
				now += ms
				l.Push(packet, now)
				for {
					if _, _, ok := l.Pop(now); !ok {
						break
					}
				}
			}
		})
	}
}
