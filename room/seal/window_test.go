// The replay window against a plain list of what was seen.

package seal

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

// model is the window without bits: it remembers everything.
type model struct {
	newest uint32
	seen   map[uint32]bool
}

func (m *model) fresh(i uint32) bool {
	if len(m.seen) == 0 || i > m.newest {
		return true
	}
	return m.newest-i < windowSize && !m.seen[i]
}

func (m *model) mark(i uint32) {
	if len(m.seen) == 0 || i > m.newest {
		m.newest = i
	}
	m.seen[i] = true
}

// agree offers indices to window and model and lets each in that both find
// fresh.
func agree(t *testing.T, indices []uint32) {
	t.Helper()
	var w window
	m := model{seen: make(map[uint32]bool)}
	for n, i := range indices {
		got, want := w.fresh(i), m.fresh(i)
		if got != want {
			t.Fatalf("step %d: fresh(%d) = %v, want %v; all: %d", n, i, got, want, indices[:n+1])
		}
		if got {
			w.mark(i)
			m.mark(i)
		}
	}
}

func TestWindow(t *testing.T) {
	for name, indices := range map[string][]uint32{
		"in order":          {0, 1, 2, 3, 3, 2, 1, 0},
		"first is far":      {1 << 31, 1<<31 - 1, 1<<31 - 127, 1<<31 - 128, 1<<31 + 1},
		"jump of 63":        {0, 63, 0, 62, 1},
		"jump of 64":        {0, 64, 0, 63, 1},
		"jump of 65":        {0, 1, 65, 0, 1, 2},
		"jump of 127":       {5, 132, 5, 6},
		"jump of 128":       {5, 133, 5, 6},
		"jump over all":     {5, 100_000, 5, 99_999, 99_873, 99_872},
		"the last index":    {math.MaxUint32 - 1, math.MaxUint32, math.MaxUint32, math.MaxUint32 - 1, 0},
		"zero then the end": {0, math.MaxUint32, 0},
	} {
		t.Run(name, func(t *testing.T) { agree(t, indices) })
	}
}

func TestWindowReordered(t *testing.T) {
	rng := rand.New(rand.NewPCG(9605, 1))
	for range 200 {
		indices := make([]uint32, 400)
		at := rng.Uint32()
		for n := range indices {
			at += uint32(rng.IntN(4))
			indices[n] = at - uint32(rng.IntN(160))
		}
		agree(t, indices)
	}
}

func FuzzWindow(f *testing.F) {
	f.Add([]byte{0, 1, 1, 200, 130, 3})
	f.Add([]byte{255, 255, 128, 127, 0, 64, 64})
	f.Fuzz(func(t *testing.T, steps []byte) {
		var at uint32
		if len(steps) >= 4 {
			at = binary.BigEndian.Uint32(steps)
		}
		var indices []uint32
		for _, s := range steps {
			at += uint32(int32(int8(s)) * 2)
			indices = append(indices, at, at+1)
		}
		agree(t, indices)
	})
}
