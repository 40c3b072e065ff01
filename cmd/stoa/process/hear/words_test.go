package hear

import (
	"math"
	"strings"
	"testing"
)

func TestWordErrors(t *testing.T) {
	for _, c := range []struct {
		said, heard string
		want        int
	}{
		{"", "", 0},
		{"", "well", 1},
		{"one two three", "", 3},
		{"one two three", "one two three", 0},
		{"one two three", "one too three", 1},
		{"one two three", "one three", 1},
		{"one two three", "one two two three", 1},
		{"one two three", "two three four", 2},
		{"a b c d e f", "f e d c b a", 6},
	} {
		if got := WordErrors(strings.Fields(c.said), strings.Fields(c.heard)); got != c.want {
			t.Errorf("%q as %q: %d errors, want %d", c.said, c.heard, got, c.want)
		}
	}
}

// TestBigrams: after each word the probabilities of all words, known pairs and others, are one
// together.
func TestBigrams(t *testing.T) {
	texts := [][]string{strings.Fields("one two one three"), strings.Fields("two two")}
	model := bigrams(texts, 0.1)
	for _, want := range []string{"ngram 1=5", "ngram 2=8", "-0.6021 one -0.0458", "-99.0000 <s>", "-0.5607 one two"} {
		if !strings.Contains(model, want) {
			t.Errorf("no %q in\n%s", want, model)
		}
	}
	sum := 2 * math.Pow(10, -0.6021) * 0.9 // one one, one </s>
	sum += 2 * math.Pow(10, -0.5607)       // one two, one three
	if math.Abs(sum-1) > 0.002 {
		t.Errorf("after one: %v", sum)
	}
}

// TestThirdOf: a tone that 16 kHz can hold keeps its level, one above it is gone.
func TestThirdOf(t *testing.T) {
	for freq, want := range map[float64]float64{200: 0, 6500: 0, 9500: -40, 15000: -40} {
		x := make([]float64, Rate)
		for i := range x {
			x[i] = math.Sin(2 * math.Pi * freq * float64(i) / Rate)
		}
		got := 20 * math.Log10(RMS(thirdOf(x)[1000:15000])*math.Sqrt2)
		if want == 0 && math.Abs(got) > 0.2 || want < 0 && got > want {
			t.Errorf("%v Hz: %.1f dB", freq, got)
		}
	}
}
