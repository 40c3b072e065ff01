package hear

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What was said comes with a delay that changes, and one mark is lost: the delays found are
// those, to a tenth of a millisecond.
func TestMarkDelays(t *testing.T) {
	said := filepath.Join(t.TempDir(), "said.wav")
	if err := WriteMarked(said, clip("a")); err != nil {
		t.Fatal(err)
	}
	x, _, err := ReadWAV(said)
	if err != nil {
		t.Fatal(err)
	}
	const began = 3 * Rate // the recording, after the speech
	heard := make([]float64, markedSize)
	var want []float64
	for at := 0; at < len(heard)+began; at += markEvery {
		k := at / markEvery
		delay := Rate/10 + k%4*Rate/20 // 100 to 250 ms
		if to := at - began + delay; k != 12 && to >= 0 && to+markEvery <= len(heard) {
			copy(heard[to:], x[at%markedSize:][:markEvery])
			if to+markAt-delay+markMost+markSize < len(heard) && to+markAt-delay >= 0 {
				want = append(want, 1000*float64(delay)/Rate)
			}
		}
	}
	got, missed := DelaysOfMarks(heard, began*time.Second/Rate)
	if missed != 1 || len(got) < 10 {
		t.Fatalf("%d marks found, %d missed", len(got), missed)
	}
	wrong := 0
	for i, d := range got {
		if math.Abs(d-want[len(want)-len(got)+i]) > 0.1 {
			wrong++
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d are wrong: %v, want %v", wrong, len(got), got, want)
	}
}

// The same side by side, from a beginning in the middle, and softer.
func TestMarkDelaysBeside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "said.wav")
	if err := WriteMarked(path, clip("a")); err != nil {
		t.Fatal(err)
	}
	x, _, err := ReadWAV(path)
	if err != nil {
		t.Fatal(err)
	}
	const began, delay = 1234, 99 * Rate / 1000
	spoken := append(make([]float64, began), x...)
	heard := make([]float64, len(spoken))
	for i := range heard[began+delay:] {
		heard[began+delay+i] = 0.3 * x[i]
	}
	got, missed, err := MarkDelaysBeside(spoken, heard)
	if err != nil || missed != 0 || len(got) < 12 {
		t.Fatalf("%d marks found, %d missed, %v", len(got), missed, err)
	}
	for _, d := range got {
		if math.Abs(d-99) > 0.1 {
			t.Errorf("delays %v", got)
			break
		}
	}
	if _, _, err := MarkDelaysBeside(heard[:0], heard); err == nil {
		t.Error("nothing was said, and it was heard")
	}
}

func TestMarkDelaysNeedsBothLogs(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good", fmt.Sprintf("msg=%q unix_us=17\n", "the file as microphone begins"))
	if at, err := Began(good, "microphone"); err != nil || at != 17*time.Microsecond {
		t.Errorf("%v, %v", at, err)
	}
	if at, err := Began(good, "loudspeaker"); err == nil {
		t.Errorf("it began at %v", at)
	}
	if _, _, err := MarkDelays("", good, filepath.Join(dir, "none")); err == nil {
		t.Error("no error without a log")
	}
}
