// Recordings that hold what is waited for, and others, which end the wait.

package hear

import (
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// record makes a recording that grows by half a second of sound each millisecond, until
// the test ends. What is played begins again when it is over.
func record(t *testing.T, played []float64) Tape {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tape.wav")
	head := wav(nil, Rate)
	binary.LittleEndian.PutUint32(head[40:], math.MaxInt32) // nobody knows yet how long it will be
	if err := os.WriteFile(path, head, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	const chunk = Rate // bytes: half a second
	sound := wav(played, Rate)[len(head):]
	sound = append(sound, sound[:chunk]...)
	done, stop := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() {
		close(stop)
		<-done
		f.Close()
	})
	go func() {
		defer close(done)
		clock := time.NewTicker(time.Millisecond)
		defer clock.Stop()
		for at := 0; ; at = (at + chunk) % (len(sound) - chunk) {
			select {
			case <-stop:
				return
			case <-clock.C:
			}
			if _, err := f.Write(sound[at : at+chunk]); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	return Tape(path)
}

func TestTape(t *testing.T) {
	a, err := ReadClip(clip("a"))
	if err != nil {
		t.Fatal(err)
	}
	still := make([]float64, Rate)
	impatient := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}

	if share, err := record(t, a).Hears(t.Context(), seek(t, "a")); err != nil || share < HeardShare {
		t.Errorf("clip a in itself: %.2f, %v", share, err)
	}
	if _, err := record(t, a).Hears(impatient(), seek(t, "b")); err == nil {
		t.Error("clip b is heard in clip a")
	}
	if err := record(t, still).Silent(t.Context(), time.Second); err != nil {
		t.Errorf("silence: %v", err)
	}
	if err := record(t, a).Silent(impatient(), time.Second); err == nil {
		t.Error("speech is silent")
	}

	over := Tape(filepath.Join(t.TempDir(), "over.wav"))
	if err := WriteWAV(string(over), still); err != nil {
		t.Fatal(err)
	}
	if _, err := over.Next(impatient(), time.Second); err == nil {
		t.Error("a recording that does not grow has a next second")
	}
}
