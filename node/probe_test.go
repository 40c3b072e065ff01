package node

import (
	"errors"
	"testing"
)

// TestReaches: a person is told by which way somebody answers, and that nobody does.
func TestReaches(t *testing.T) {
	for listen, want := range map[string]Way{overQUIC: Direct, overTCP: OverTCP, overWS: WebSocket} {
		a, b := openLoopback(t, listen), openLoopback(t, listen)
		if way, err := a.Reaches(t.Context(), b.Addrs()[0]); way != want || err != nil {
			t.Errorf("%s: %q, %v", listen, way, err)
		}
		if a.Outward() {
			t.Error("loopback is taken for the internet")
		}
		gone := b.Addrs()[0]
		b.Close()
		if way, err := openLoopback(t, listen).Reaches(t.Context(), gone); !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s, closed: %q, %v", listen, way, err)
		}
	}
	a := openLoopback(t, overQUIC)
	if _, err := a.Reaches(t.Context(), "nowhere"); err == nil {
		t.Error("reached nowhere")
	}
	if n, ok := a.Known(); n != 0 || !ok {
		t.Errorf("knows %d servers of its own network, %t", n, ok)
	}
}
