package demo

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// testBoard has three listeners, two relays and two speakers.
func testBoard() *board {
	b := newBoard(3)
	b.names = map[string]string{"a": "Ada", "b": "Ben", "r": "relay 1", "s": "relay 2"}
	b.cast, b.relays = []string{"a", "b"}, []string{"r", "s"}
	return b
}

func TestBoard(t *testing.T) {
	b := testBoard()
	for i := range 3 {
		b.told(i, ear{heard: map[string]float64{"a": 10, "b": 10}})
	}
	b.lines(time.Second)
	b.told(0, ear{primary: "r", heard: map[string]float64{"a": 10.9, "b": 10.06}, loss: 0.03, delay: 90 * time.Millisecond})
	b.told(1, ear{primary: "r", heard: map[string]float64{"a": 10.9, "b": 10}})
	b.told(2, ear{heard: map[string]float64{"a": 10.9}})
	want := []string{
		"on stage  ADA ♪     Ben",
		"",
		"relay 1   carries   2  ▪",
		"relay 2   carries   0",
		"",
		"listeners 3 of 3 hear, 1 of them without a relay; loss 1.0 %; mouth to ear 90 ms",
		"time      2s",
	}
	if got := b.lines(2 * time.Second); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// Nothing has come since.
	if got := b.lines(3 * time.Second)[0]; got != "on stage  Ada       Ben" {
		t.Errorf("in silence: %q", got)
	}
}

func TestBoardAfterAKill(t *testing.T) {
	b := testBoard()
	b.told(0, ear{primary: "s"})
	b.told(1, ear{primary: "s"})
	b.told(2, ear{primary: "r"})
	id := b.busiest()
	carried := b.carriedBy(id)
	if id != "s" || !slices.Equal(carried, []int{0, 1}) {
		t.Fatalf("busiest is %s with %v", id, carried)
	}
	b.dead[id] = true
	if b.busiest() != "r" {
		t.Error("a dead relay is the busiest")
	}
	b.told(0, ear{primary: "r", silence: 200 * time.Millisecond})
	b.told(1, ear{primary: "r", silence: 80 * time.Millisecond})
	b.told(2, ear{primary: "r", silence: time.Minute})
	if longest, _ := b.gap(carried); longest != 200*time.Millisecond {
		t.Errorf("the longest silence of those carried was %v", longest)
	}
	if got := b.lines(0)[3]; got != "relay 2   killed" {
		t.Errorf("got %q", got)
	}
}
