// Tests of the file as microphone and loudspeaker, in virtual time.

package file

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoa/audio"
)

// wavOf writes a 16-bit WAV file of the values.
func wavOf(t testing.TB, rate int, values []float64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.wav")
	b := riff(fmtChunk(tagPCM, 1, uint32(rate), 16), chunk("data", samples(tagPCM, 1, 16, values...)))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// counting is 1, 2, 3 ... as samples that can be told apart.
func counting(n int) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = float64(i+1) / 32767
	}
	return s
}

func number(s float32) int { return int(math.Round(float64(s) * 32768)) }

// during runs f in a bubble beside run, which must end with its context when f has returned.
func during(t *testing.T, run func(context.Context) error, f func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	f()
	cancel()
	if err := <-done; err != context.Canceled {
		t.Errorf("Run returned %v", err)
	}
}

func openMic(t *testing.T, path string, loop bool) *Mic {
	t.Helper()
	m, err := OpenMic(path, loop)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func TestMicPlaysInRealTime(t *testing.T) {
	path := wavOf(t, outRate, counting(24000))
	synctest.Test(t, func(t *testing.T) {
		m, r := openMic(t, path, false), audio.NewRing(audio.RingSize)
		var began time.Time
		m.Began = func(at time.Time) { began = at }
		start := time.Now()
		during(t, func(ctx context.Context) error { return m.Run(ctx, r) }, func() {
			buf := make([]float32, audio.RingSize)
			heard := 0
			for ms := 0; ms <= 700; ms += 5 {
				synctest.Wait()
				for _, s := range buf[:r.Read(buf)] {
					heard++
					if want := heard * min(1, 24001/(heard+1)); number(s) != want {
						t.Fatalf("sample %d is %d", heard, number(s))
					}
				}
				if want := ms / 10 * 480; heard != want {
					t.Fatalf("%d samples after %d ms, want %d", heard, ms, want)
				}
				time.Sleep(5 * time.Millisecond)
			}
		})
		if r.Overruns() != 0 {
			t.Errorf("%d samples were lost", r.Overruns())
		}
		if !began.Equal(start) {
			t.Errorf("began at %v, and told %v", start, began)
		}
	})
}

func TestMicTellsTheEnd(t *testing.T) {
	path := wavOf(t, 8000, make([]float64, 8000/4+1)) // 250.125 ms
	synctest.Test(t, func(t *testing.T) {
		m, r := openMic(t, path, false), audio.NewRing(1<<16)
		during(t, func(ctx context.Context) error { return m.Run(ctx, r) }, func() {
			begin := time.Now()
			<-m.Done()
			if d := time.Since(begin); d != 260*time.Millisecond {
				t.Errorf("the file ended after %v", d)
			}
		})
	})
}

func TestMicLoopsWithoutGap(t *testing.T) {
	path := wavOf(t, outRate, counting(1001))
	synctest.Test(t, func(t *testing.T) {
		m, r := openMic(t, path, true), audio.NewRing(1<<16)
		during(t, func(ctx context.Context) error { return m.Run(ctx, r) }, func() {
			time.Sleep(time.Second)
		})
		buf := make([]float32, 1<<16)
		n := r.Read(buf)
		if n < 47520 {
			t.Fatalf("%d samples in a second", n)
		}
		for i, s := range buf[:n] {
			if number(s) != i%1001+1 {
				t.Fatalf("sample %d is %d", i, number(s))
			}
		}
		select {
		case <-m.Done():
			t.Error("a loop has ended")
		default:
		}
	})
}

// A reader that is held up loses nothing, and the clock makes up for it.
func TestMicWaitsForABusyReader(t *testing.T) {
	path := wavOf(t, outRate, counting(24000))
	synctest.Test(t, func(t *testing.T) {
		m, r := openMic(t, path, false), audio.NewRing(4096)
		during(t, func(ctx context.Context) error { return m.Run(ctx, r) }, func() {
			time.Sleep(250 * time.Millisecond)
			buf := make([]float32, 4096)
			heard := 0
			for range 25 {
				synctest.Wait()
				for n := r.Read(buf); n > 0; n = r.Read(buf) {
					for _, s := range buf[:n] {
						if heard++; number(s) != heard {
							t.Fatalf("sample %d is %d", heard, number(s))
						}
					}
					synctest.Wait()
				}
				time.Sleep(10 * time.Millisecond)
			}
			if heard != 490*48 {
				t.Errorf("%d samples in 490 ms", heard)
			}
		})
	})
}

// Nobody reads: what is late by more than a moment is lost, as with a sound card.
func TestMicDoesNotWaitForEver(t *testing.T) {
	path := wavOf(t, outRate, counting(24000))
	synctest.Test(t, func(t *testing.T) {
		m, r := openMic(t, path, false), audio.NewRing(4096)
		during(t, func(ctx context.Context) error { return m.Run(ctx, r) }, func() {
			begin := time.Now()
			<-m.Done()
			if d := time.Since(begin); d > 510*time.Millisecond+micPatience {
				t.Errorf("0.5 s took %v", d)
			}
		})
		if r.Overruns() == 0 {
			t.Error("nothing was counted as lost")
		}
	})
}

func TestMicReportsDamageFurtherIn(t *testing.T) {
	b := record(t, newOggWriter, float32s(tone(outRate, outRate, 440, 0.5)))
	b[len(b)-1] ^= 1
	path := filepath.Join(t.TempDir(), "talk.opus")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		m := openMic(t, path, false)
		err := m.Run(t.Context(), audio.NewRing(1<<16))
		if err == nil || !strings.HasPrefix(err.Error(), path+": ") || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("the error is %v", err)
		}
	})
}

// recording runs a loudspeaker beside f and returns the file's samples.
func recording(t *testing.T, name string, r *audio.Ring, f func()) []float32 {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	s, err := CreateSpeaker(path)
	if err != nil {
		t.Fatal(err)
	}
	during(t, func(ctx context.Context) error { return s.Run(ctx, r) }, f)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return mustRead(t, b)
}

// supply answers each pull with a block of samples 1, then 2 and so on, late by d.
func supply(ctx context.Context, r *audio.Ring, d time.Duration) {
	block := make([]float32, audio.BlockSize)
	for n := float32(1); ; n++ {
		for i := range block {
			block[i] = n / 32768
		}
		r.Write(block)
		select {
		case <-ctx.Done():
			return
		case <-r.Writable():
		}
		time.Sleep(d)
	}
}

func TestSpeakerRecordsWhatWasHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := audio.NewRing(audio.RingSize)
		got := recording(t, "out.wav", r, func() {
			time.Sleep(105 * time.Millisecond) // nobody speaks: blocks 0 to 8 are silence, 9 still waits
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			supply(ctx, r, 0)
			time.Sleep(200 * time.Millisecond)
		})
		if len(got) < 79*480 || len(got) > 81*480 {
			t.Fatalf("%d samples in 805 ms", len(got))
		}
		spoken := 0
		for n := range len(got) / 480 {
			want := n - 8
			if n < 9 || spoken >= 50 && number(got[n*480]) == 0 {
				want = 0
			}
			if s := number(got[n*480]); s != want {
				t.Errorf("block %d is %d, want %d", n, s, want)
			}
			if want > 0 {
				spoken++
			}
		}
		// Half a second, and what was in the ring before and after.
		if spoken > 55 {
			t.Errorf("%d blocks in half a second", spoken)
		}
	})
}

// A player that answers late, but within what a sound card's buffer bridges, makes no gap.
func TestSpeakerBridgesALatePlayer(t *testing.T) {
	for _, name := range []string{"out.wav", "out.opus"} {
		synctest.Test(t, func(t *testing.T) {
			r := audio.NewRing(audio.RingSize)
			got := recording(t, name, r, func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				supply(ctx, r, 9*time.Millisecond)
			})
			if len(got) < 48000-3*480 {
				t.Errorf("%s: %d samples in a second", name, len(got))
			}
			if r.Underruns() != 0 {
				t.Errorf("%s: %d samples were made up", name, r.Underruns())
			}
		})
	}
}

// A machine that stands still for a moment leaves no gap, and one that does so for longer leaves
// silence in the right place.
func TestSpeakerCatchesUp(t *testing.T) {
	for _, c := range []struct {
		stall time.Duration
		want  int // blocks of silence
	}{{50 * time.Millisecond, 0}, {200 * time.Millisecond, 15}} {
		synctest.Test(t, func(t *testing.T) {
			r := audio.NewRing(audio.RingSize)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			var supplying sync.WaitGroup
			defer supplying.Wait()
			supplying.Go(func() { supply(ctx, r, 3*time.Millisecond) })
			silent, n, last := 0, 0, float32(0)
			err := pull(ctx, r, nil, func(block []float32) error {
				if n++; n == 10 {
					time.Sleep(c.stall)
				}
				if block[0] == 0 {
					silent++
				} else if next := last + 1.0/32768; block[0] != next {
					t.Errorf("after a stall of %v block %d is %d, want %d", c.stall, n, number(block[0]), number(next))
				} else {
					last = next
				}
				return nil
			})
			if err != context.DeadlineExceeded || n < 99 || n > 101 {
				t.Errorf("%d blocks in a second, %v", n, err)
			}
			if silent < c.want-2 || silent > c.want+2 {
				t.Errorf("a stall of %v made %d blocks of silence, want %d", c.stall, silent, c.want)
			}
		})
	}
}

func TestSpeakerKeepsWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old.wav")
	if err := os.WriteFile(old, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{old, filepath.Join(dir, "new.wav")} {
		s, err := CreateSpeaker(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(old); err != nil || string(b) != "precious" {
		t.Errorf("a recording that never began left %q, %v", b, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "new.wav")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a recording that never began left a file: %v", err)
	}
}

func TestSpeakerReplacesLongerFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "out.wav")
		if err := os.WriteFile(path, make([]byte, 1<<20), 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := CreateSpeaker(path)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		r := audio.NewRing(audio.RingSize)
		during(t, func(ctx context.Context) error { return s.Run(ctx, r) }, func() { time.Sleep(100 * time.Millisecond) })
		if st, err := os.Stat(path); err != nil || st.Size() > 44+12*960 {
			t.Errorf("the file has %d bytes, %v", st.Size(), err)
		}
		if err := s.Run(t.Context(), r); err == nil {
			t.Error("a second Run went on")
		}
	})
}

func TestSpeakerRefusals(t *testing.T) {
	dir := t.TempDir()
	for name, want := range map[string]string{
		"sound":         "must end in .wav, .opus or .ogg",
		"sound.mp3":     "must end in .wav, .opus or .ogg",
		"none/here.wav": "no such file",
	} {
		path := filepath.Join(dir, name)
		if _, err := CreateSpeaker(path); err == nil || !strings.HasPrefix(err.Error(), path+": ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "dir.wav"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := CreateSpeaker(filepath.Join(dir, "dir.wav")); err == nil || !strings.Contains(err.Error(), "ordinary") {
		t.Errorf("a directory: %v", err)
	}
}

func TestSilenceAndNullKeepTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := audio.NewRing(1 << 16)
		during(t, func(ctx context.Context) error { return Silence{}.Run(ctx, r) }, func() {
			for _, ms := range []int{500, 500, 2000} { // a second of it is enough
				want := min(r.Len()+ms*48, outRate)
				time.Sleep(time.Duration(ms) * time.Millisecond)
				synctest.Wait()
				if r.Len() != want {
					t.Errorf("%d samples of silence, want %d", r.Len(), want)
				}
			}
		})
		before := r.Len()
		during(t, func(ctx context.Context) error { return Null{}.Run(ctx, r) }, func() {
			time.Sleep(95 * time.Millisecond)
			synctest.Wait()
			if n := before - r.Len(); n != 10*480 {
				t.Errorf("%d samples pulled in 95 ms", n)
			}
		})
	})
}

// A program that stood still does not say later what it should have said meanwhile.
func TestMicSaysNothingLate(t *testing.T) {
	const stood, old = 2 * time.Second, 1500 * time.Millisecond
	values := make([]float64, 3*outRate)
	for i := range values {
		if values[i] = 0.25; time.Duration(i)*time.Second/outRate < old {
			values[i] = 0.5
		}
	}
	path := wavOf(t, outRate, values)
	synctest.Test(t, func(t *testing.T) {
		m, r := openMic(t, path, false), audio.NewRing(audio.RingSize)
		m.Began = func(time.Time) { time.Sleep(stood) } // on the goroutine of Run, after its clock began
		during(t, func(ctx context.Context) error { return m.Run(ctx, r) }, func() {
			time.Sleep(stood + 100*time.Millisecond)
			synctest.Wait()
			buf := make([]float32, audio.RingSize)
			n := r.Read(buf)
			if n == 0 || slices.ContainsFunc(buf[:n], func(s float32) bool { return s > 0.4 }) {
				t.Errorf("of %d samples some are from before", n)
			}
		})
	})
}

// A loudspeaker that stood still does not play what waited for it.
func TestSpeakerPlaysNothingFromBeforeASleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := audio.NewRing(audio.RingSize)
		r.Write(slices.Repeat([]float32{0.5}, 2*audio.BlockSize))
		var played []float32
		during(t, func(ctx context.Context) error {
			asleep := func(time.Time) { time.Sleep(2 * time.Second) } // after its clock began
			return pull(ctx, r, asleep, func(block []float32) error {
				played = append(played, block...)
				return nil
			})
		}, func() { time.Sleep(2500 * time.Millisecond) })
		if len(played) < 2*outRate || slices.Contains(played, 0.5) {
			t.Errorf("%d samples are played, of these some that waited for 2 s", len(played))
		}
	})
}
