// Recordings of several speakers: in step, at the right instant, and of nobody else.

package file

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoa/audio"
	"stoa/audio/audiotest"
	"stoa/audio/opus"
)

// taping runs a tape in virtual time while speak does, and returns the folder and what Run returned.
func taping(t *testing.T, speak func(tape *Tape, begin time.Time)) (dir string, err error) {
	t.Helper()
	dir = t.TempDir()
	tape, err := NewTape(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { err = tape.Run(ctx) })
	speak(tape, time.Now())
	cancel()
	done.Wait()
	return dir, err
}

// talker sends speech as somebody's program does.
type talker struct {
	who   Who
	from  time.Duration // after the beginning of the recording, when their first frame begins
	way   time.Duration // to the recorder, at its shortest
	rough time.Duration // mean of what comes on top
	loss  int           // every so many-th packet does not come; 0: all do
	said  []float32
	sound encoded
}

func newTalker(t *testing.T, n byte, from, way, rough time.Duration, loss int) *talker {
	said := audiotest.Voice(5*audio.Rate, uint64(n))
	return &talker{who: Who{n}, from: from, way: way, rough: rough, loss: loss, said: said, sound: encode(t, said, opus.NewEncoder)}
}

func (k *talker) name() string { return fmt.Sprint(k.who[0], ".opus") }

// speak sends all of it, and returns when the last frame has come.
func (k *talker) speak(tape *Tape, begin time.Time) {
	rnd := rand.New(rand.NewPCG(uint64(k.who[0]), 1))
	index := ^uint32(0) - 20*uint32(k.who[0]) // it wraps around
	for i, p := range k.sound.packets {
		at := begin.Add(k.from + time.Duration(i+1)*audio.FrameTime + k.way + time.Duration(rnd.ExpFloat64()*float64(k.rough)))
		time.Sleep(time.Until(at))
		p.Index = index
		if index++; p.Payload == nil || k.loss > 0 && i%k.loss == 1 {
			continue
		}
		tape.Put(k.who, [8]byte{k.who[0]}, p, time.Now())
		if i%7 == 0 { // by another way, too
			tape.Put(k.who, [8]byte{k.who[0]}, p, time.Now())
		}
	}
}

// heard is how far behind its instant somebody is in a file, and how well the envelopes agree.
func (k *talker) heard(t *testing.T, pcm []float32) (late time.Duration, c float64) {
	t.Helper()
	const before = outRate / 10
	from := int(sampleAt(k.from)) - before
	if len(pcm) < from+len(k.said) {
		t.Fatalf("%d samples do not hold what %d said", len(pcm), k.who[0])
	}
	delay, c := align(k.said, pcm[from:])
	return time.Duration(delay-before) * time.Second / outRate, c
}

func TestTapeInStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := []*talker{
			newTalker(t, 1, 503*time.Millisecond, 0, 0, 0),
			newTalker(t, 2, 2117*time.Millisecond, 30*time.Millisecond, 5*time.Millisecond, 0),
			newTalker(t, 3, 3331*time.Millisecond, 30*time.Millisecond, 5*time.Millisecond, 30),
			newTalker(t, 4, 1200*time.Millisecond, 0, 0, 0), // who does not consent
		}
		const length = 9 * time.Second
		dir, err := taping(t, func(tape *Tape, begin time.Time) {
			var speaking sync.WaitGroup
			for _, k := range all {
				if k.who[0] != 4 {
					tape.Allow(k.who, k.name())
				}
				speaking.Go(func() { k.speak(tape, begin) })
			}
			speaking.Wait()
			time.Sleep(time.Until(begin.Add(length)))
		})
		if err != nil {
			t.Fatal(err)
		}
		files, err := os.ReadDir(dir)
		if err != nil || len(files) != 4 {
			t.Fatalf("%d files: %v", len(files), err)
		}
		mixed := mustOpen(t, dir, MixName)
		var before time.Duration
		for i, k := range all[:3] {
			pcm := mustOpen(t, dir, k.name())
			if len(pcm) != int(sampleAt(length)) || len(mixed) != len(pcm) {
				t.Errorf("%d: %d samples, %d in the mix, want %d of both", i, len(pcm), len(mixed), sampleAt(length))
			}
			late, c := k.heard(t, pcm)
			t.Logf("%d: %v after its way of %v, envelopes agree by %.3f", i, late-k.way, k.way, c)
			if d := late - k.way; d < -20*time.Millisecond || d > 20*time.Millisecond || c < 0.95 {
				t.Errorf("%d: %v late, envelopes agree by %.3f", i, d, c)
			}
			if step := late - k.way - before; i > 0 && (step < -20*time.Millisecond || step > 20*time.Millisecond) {
				t.Errorf("%d is %v out of step", i, step)
			}
			before = late - k.way
			for j := range pcm { // what is left of the mix is nobody's
				mixed[j] -= pcm[j]
			}
		}
		if _, c := all[3].heard(t, mixed); c > 0.3 {
			t.Errorf("the mix holds who did not consent: %.3f", c)
		}
		// What coding takes away is a small part of one voice.
		if rest := sum(envelope(mixed)); rest > 0.2*sum(envelope(all[0].said)) {
			t.Errorf("the mix holds %.4f of what is in no file", rest/sum(envelope(all[0].said)))
		}
	})
}

func mustOpen(t *testing.T, dir, name string) []float32 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return mustRead(t, b)
}

// TestTapeWithdrawn: from the instant on at which somebody is not allowed any more nothing of them is written, also of what waited.
func TestTapeWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newTalker(t, 1, 500*time.Millisecond, 0, 0, 0)
		const over = 2500 * time.Millisecond
		dir, err := taping(t, func(tape *Tape, begin time.Time) {
			tape.Allow(k.who, k.name())
			time.AfterFunc(over, func() { tape.Allow(k.who, "") })
			k.speak(tape, begin)
			time.Sleep(time.Second)
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{k.name(), MixName} {
			pcm := mustOpen(t, dir, name)
			said, after := sum(envelope(pcm[:sampleAt(over)])), sum(envelope(pcm[sampleAt(over):]))
			if said == 0 || after > said/1000 {
				t.Errorf("%s: %.4f was said before, and %.4f after", name, said, after)
			}
		}
	})
}

// TestTapeKilled: whatever is on disk at any second plays, and is no more than three seconds short.
func TestTapeKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newTalker(t, 1, 100*time.Millisecond, 0, 0, 0)
		dir := t.TempDir()
		tape, err := NewTape(dir, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		seconds := 0
		tape.Check = func() error {
			seconds++
			for _, name := range []string{k.name(), MixName} {
				if seconds <= 3 {
					continue // the headers alone are no sound
				}
				if pcm := mustOpen(t, dir, name); len(pcm) < (seconds-3)*outRate || len(pcm) > seconds*outRate {
					t.Errorf("%s: %d samples after %d s", name, len(pcm), seconds)
				}
			}
			if seconds == 5 {
				return errors.New("no more")
			}
			return nil
		}
		tape.Allow(k.who, k.name())
		var done sync.WaitGroup
		done.Go(func() { err = tape.Run(t.Context()) })
		k.speak(tape, time.Now())
		done.Wait()
		if err == nil || seconds != 5 {
			t.Errorf("after %d s it ends with %v", seconds, err)
		}
		if pcm := mustOpen(t, dir, k.name()); len(pcm) != 5*outRate {
			t.Errorf("%d samples in the end", len(pcm))
		}
	})
}

// TestTapeHostile: whatever somebody sends, the files play, and nobody waits.
func TestTapeHostile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newTalker(t, 1, 0, 0, 0, 0)
		payloads := [][]byte{nil, {}, {0xff}, {0xff, 0xff, 1, 2}, make([]byte, audio.MaxPayload), {31<<3 | 3, 6}, k.sound.packets[100].Payload}
		dir, err := taping(t, func(tape *Tape, begin time.Time) {
			tape.Allow(k.who, k.name())
			rnd := rand.New(rand.NewPCG(5, 5))
			for range 2 * tapeQueue { // all at one instant
				p := audio.Packet{Index: rnd.Uint32() >> rnd.IntN(32), End: rnd.IntN(2) == 0, Level: uint8(rnd.IntN(128)), Payload: payloads[rnd.IntN(len(payloads))]}
				tape.Put(k.who, [8]byte{byte(rnd.IntN(3))}, p, begin.Add(time.Duration(rnd.Int64N(int64(3*time.Second)))))
			}
			time.Sleep(4 * time.Second)
			p := k.sound.packets[100]
			p.Index = 7
			tape.Put(k.who, [8]byte{3}, p, time.Now()) // of what came before it, it is chance whether anything has a place
			for n := range byte(200) {                 // more speakers than there is place for
				tape.Allow(Who{2, n}, fmt.Sprint(n, " more.opus"))
				tape.Put(Who{2, n}, [8]byte{}, p, time.Now())
			}
			time.Sleep(4 * time.Second)
			if tape.Dropped() == 0 {
				t.Error("nothing was dropped")
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		files, err := os.ReadDir(dir)
		if err != nil || len(files) != MaxVoices+1 {
			t.Errorf("%d files: %v", len(files), err)
		}
		for _, f := range files {
			if pcm := mustOpen(t, dir, f.Name()); len(pcm) != 8*outRate {
				t.Errorf("%s: %d samples", f.Name(), len(pcm))
			}
		}
	})
}

// TestTapeNeverWaits: a disk that stands still holds up nobody who speaks.
func TestTapeNeverWaits(t *testing.T) {
	tape, err := NewTape(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	tape.Allow(Who{1}, "1.opus")
	for range tapeQueue + 7 { // Run does not run
		tape.Put(Who{1}, [8]byte{}, audio.Packet{Payload: []byte{1}}, time.Now())
	}
	if tape.Dropped() != 7 {
		t.Errorf("%d were dropped", tape.Dropped())
	}
}

// TestTapeKeepsWhatIsThere: no recording writes over another.
func TestTapeKeepsWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, MixName), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewTape(dir, time.Now()); !errors.Is(err, os.ErrExist) {
		t.Error(err)
	}
}
