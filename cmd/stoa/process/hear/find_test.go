package hear

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
)

// letters name the ten clips.
var letters = []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}

func clip(letter string) string {
	return filepath.Join("..", "..", "testdata", "speech", letter+".wav")
}

func seek(t *testing.T, letter string) *Sought {
	t.Helper()
	c, err := Seek(clip(letter))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func said(t *testing.T, letter string) []float64 {
	t.Helper()
	x, err := ReadClip(clip(letter))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestFindsOneOfNine calibrates the search on mixes made here: every clip of
// nine is found though a tenth of the sound is missing and each clip is moved
// and disturbed, and the one that is not in the mix is not found.
func TestFindsOneOfNine(t *testing.T) {
	const length = 9 * Rate
	random := rand.New(rand.NewPCG(2, 9))
	clips := make([]*Sought, len(letters))
	voices := make([][]float64, len(letters))
	for i, l := range letters {
		clips[i] = seek(t, l)
		voices[i] = said(t, l)
	}
	absents := []int{0, 4, 9}
	if testing.Short() {
		absents = absents[:1] // arithmetic in one goroutine: the race detector has nothing to find in more of it
	}
	for _, absent := range absents {
		mix := make([]float64, length)
		for i, v := range voices {
			if i == absent {
				continue
			}
			from := random.IntN(len(v))
			for frame := 0; frame < len(mix); frame += Window {
				if random.IntN(10) == 0 {
					continue // lost
				}
				for k := frame; k < frame+Window; k++ {
					mix[k] += v[(from+k)%len(v)] + 0.01*random.NormFloat64()
				}
			}
		}
		h := Listen(mix)
		var shares []string
		for i, c := range clips {
			share := h.Share(c)
			shares = append(shares, fmt.Sprintf("%s %.2f", letters[i], share))
			if i == absent && share > UnheardShare {
				t.Errorf("%s was found with %.2f of the votes, and it is not there", letters[i], share)
			}
			if i != absent && share < HeardShare {
				t.Errorf("%s was found with %.2f of the votes only", letters[i], share)
			}
		}
		t.Logf("without %s: %v", letters[absent], shares)
	}
	for i, c := range clips {
		if share := Listen(make([]float64, length)).Share(c); share != 0 {
			t.Errorf("%s was found in silence", letters[i])
		}
	}
}
