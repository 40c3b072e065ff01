// When circuits are asked for.

package node

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

func TestWhenACircuitIsAskedFor(t *testing.T) {
	now := time.Unix(1000, 0)
	lent := func(rest time.Duration) reservation { return reservation{until: now.Add(rest)} }
	refused := func(ago time.Duration) map[peer.ID]time.Time { return map[peer.ID]time.Time{"a": now.Add(-ago)} }
	for _, tt := range []struct {
		name    string
		held    map[peer.ID]reservation
		refused map[peer.ID]time.Time
		want    bool
	}{
		{"there is none", nil, nil, true},
		{"refused just now", nil, refused(borrowRest - 1), false},
		{"refused a while ago", nil, refused(borrowRest), true},
		{"enough from others", map[peer.ID]reservation{"b": lent(time.Hour), "c": lent(time.Hour)}, nil, false},
		{"lent for long", map[peer.ID]reservation{"a": lent(borrowRenewal + 1)}, nil, false},
		{"lent for a little longer", map[peer.ID]reservation{"a": lent(borrowRenewal)}, nil, true},
		{"and more was refused just now", map[peer.ID]reservation{"a": lent(borrowRenewal)}, refused(0), false},
	} {
		b := borrowed{held: tt.held, refused: tt.refused}
		if got := b.asks("a", now); got != tt.want {
			t.Errorf("%s: asks %t", tt.name, got)
		}
	}
}
