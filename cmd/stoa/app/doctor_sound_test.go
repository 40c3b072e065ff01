//go:build cgo

package app

import (
	"math"
	"testing"
)

func TestSoundMeter(t *testing.T) {
	var m soundMeter
	if f := m.facts(); f.samples != 0 || !math.IsInf(f.level, -1) {
		t.Errorf("of nothing: %+v", f)
	}
	block := make([]float32, 1000)
	for i := range block {
		block[i] = 0.1
	}
	block[0], block[1] = 1, -1
	m.add(block)
	if f := m.facts(); f.samples != 1000 || f.peak != 1 || f.clipped != 0.002 || math.Abs(f.level+19.2) > 0.1 {
		t.Errorf("%+v", f)
	}
}
