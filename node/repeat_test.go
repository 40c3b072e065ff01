// Packets that are sent once more with the next one, and the loss that asks for it.

package node

import (
	"math"
	"testing"
	"time"
)

func TestArrivalsTellNewsOnce(t *testing.T) {
	type event struct {
		seq  uint16
		pair bool // came with the packet before it
		news string
	}
	tests := []struct {
		name   string
		events []event
	}{
		{"in order", []event{{1, false, "1"}, {2, false, "2"}, {3, false, "3"}}},
		{"the first one is a pair", []event{{7, true, "67"}, {8, true, "8"}}},
		{"one is lost", []event{{1, true, "01"}, {3, true, "23"}, {4, true, "4"}}},
		{"one comes late", []event{{1, false, "1"}, {3, true, "23"}, {2, true, ""}, {4, true, "4"}}},
		{"twice", []event{{1, false, "1"}, {1, false, ""}, {2, true, "2"}, {2, true, ""}}},
		{"two are lost", []event{{1, true, "01"}, {4, true, "34"}, {5, true, "5"}}},
		{"a gap longer than the memory", []event{{1, false, "1"}, {200, false, "200"}, {1, false, "1"}, {200, false, ""}, {199, false, "199"}}},
		{"half the numbers away", []event{{1, false, "1"}, {1 + 1<<15, false, "32769"}}},
	}
	for _, tt := range tests {
		var a arrivals
		for i, e := range tt.events {
			news := ""
			own := a.packet(packetHeader{seq: e.seq}, 0)
			if e.pair && a.note(e.seq-1) {
				news += digits(e.seq - 1)
			}
			if own {
				news += digits(e.seq)
			}
			if news != e.news {
				t.Errorf("%s, event %d: news %q, want %q", tt.name, i, news, e.news)
			}
		}
	}
}

func digits(n uint16) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return digits(n/10) + digits(n%10)
}

func TestLossAverage(t *testing.T) {
	var l lossAverage
	if l.share() != 0 {
		t.Errorf("%v of nothing", l.share())
	}
	l.add(25, 20)
	if l.share() != 0.2 {
		t.Errorf("the first report says 0.2, the average %v", l.share())
	}
	for range 8 {
		l.add(25, 25)
		l.add(0, 0) // a pause says nothing
	}
	if got := l.share(); got < 0.01 || got > 0.03 {
		t.Errorf("%v is left 4 s later", got)
	}
	for i := range 100 {
		l.add(20, 20-uint32(i%5/4)) // one of a hundred
	}
	if got := l.share(); math.Abs(got-0.01) > 0.003 {
		t.Errorf("%v of a loss of 0.01", got)
	}
	l.add(math.MaxUint32, 0)
	l.add(25, 100) // duplicates
	if got := l.share(); !(got >= 0 && got <= 1) {
		t.Errorf("%v after a senseless report", got)
	}
}

// A report that arrives after a later one would count packets twice, or as sent by the billion.
func TestOvertakenReportChangesNothing(t *testing.T) {
	l := &link{meter: newMeter(&Node{born: time.Now()}, time.Now())}
	say := func(stamp, highest, received uint32) {
		l.receive(appendReport(nil, report{stamp: stamp, highest: highest, received: received}), time.Now())
	}
	say(1, 100, 100)
	say(1001, 150, 140)
	say(501, 125, 120)
	say(1001, 150, 140)
	if got := l.meter.lossOut(); math.Abs(got-0.2) > 1e-9 {
		t.Errorf("a loss of %v, want 10 of 50", got)
	}
	say(1501, 200, 180)
	if got := l.meter.lossOut(); math.Abs(got-0.2) > 1e-9 {
		t.Errorf("a loss of %v, want 20 of 100", got)
	}
}

func TestRepeatWhenLossAsksAndRoomAllows(t *testing.T) {
	now := time.Now()
	tests := []struct {
		name           string
		wire           *wire
		lost           uint32 // of 100
		age            time.Duration
		before, packet int
		spare          bool
		want           bool
	}{
		{"loss", &wire{}, 5, 20 * time.Millisecond, 100, 100, false, true},
		{"no loss", &wire{}, 0, 20 * time.Millisecond, 100, 100, false, false},
		{"a stream", nil, 5, 20 * time.Millisecond, 100, 100, false, false},
		{"after a pause", &wire{}, 5, time.Second, 100, 100, false, false},
		{"the first one", &wire{}, 5, 0, 0, 100, false, false},
		{"just room", &wire{}, 5, 0, 598, MaxPacket - 600, false, true},
		{"no room", &wire{}, 5, 0, 598, MaxPacket - 599, false, false},
		{"too much for the way", &wire{}, 5, 20 * time.Millisecond, 100, 100, true, false},
	}
	for _, tt := range tests {
		l := &link{path: &path{wire: tt.wire}, meter: new(meter), size: tt.before, beforeAt: now.Add(-tt.age)}
		l.meter.loss.add(100, 100-tt.lost)
		l.spare.Store(tt.spare)
		if got := l.repeat(make([]byte, tt.packet), now); (got != nil) != tt.want {
			t.Errorf("%s: repeated is %v", tt.name, got != nil)
		}
	}
}
