// A listener at the far end: it compares what was recorded with what was said.

package process

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"testing"
	"time"
)

// rate is that of everything compared here, in samples a second.
const rate = 48000

// window is the step of an energy envelope: 20 ms.
const window = rate / 50

// readWAV returns the samples of a 16-bit WAV file, mono, at the file's own rate.
func readWAV(t testing.TB, path string) (samples []float64, fileRate int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		t.Fatalf("%s is no WAV file", path)
	}
	var channels, bits int
	for p := 12; p+8 <= len(b); {
		id, size := string(b[p:p+4]), int(binary.LittleEndian.Uint32(b[p+4:]))
		data := b[p+8 : min(p+8+size, len(b))]
		switch id {
		case "fmt ":
			channels = int(binary.LittleEndian.Uint16(data[2:]))
			fileRate = int(binary.LittleEndian.Uint32(data[4:]))
			bits = int(binary.LittleEndian.Uint16(data[14:]))
		case "data":
			if bits != 16 || channels != 1 {
				t.Fatalf("%s: %d bits, %d channels; the tests read 16 and 1", path, bits, channels)
			}
			for i := 0; i+1 < len(data); i += 2 {
				samples = append(samples, float64(int16(binary.LittleEndian.Uint16(data[i:])))/32768)
			}
		}
		p += 8 + size + size&1
	}
	return samples, fileRate
}

// said returns a speech clip at the rate of the comparison. Straight lines
// between its samples are good enough for an energy envelope.
func said(t testing.TB, path string) []float64 {
	t.Helper()
	in, r := readWAV(t, path)
	out := make([]float64, len(in)*rate/r)
	for i := range out {
		at := float64(i) * float64(r) / rate
		k := int(at)
		next := min(k+1, len(in)-1)
		out[i] = in[k] + (in[next]-in[k])*(at-float64(k))
	}
	return out
}

// envelope is the root mean square of each 20 ms that begins at from.
func envelope(x []float64, from int) []float64 {
	var e []float64
	for i := from; i+window <= len(x); i += window {
		e = append(e, rms(x[i:i+window]))
	}
	return e
}

func rms(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum / float64(len(x)))
}

// correlation is Pearson's, over the length of the shorter.
func correlation(a, b []float64) float64 {
	n := min(len(a), len(b))
	if n == 0 {
		return 0
	}
	var ma, mb float64
	for i := range n {
		ma += a[i] / float64(n)
		mb += b[i] / float64(n)
	}
	var ab, aa, bb float64
	for i := range n {
		x, y := a[i]-ma, b[i]-mb
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// verdict is how well a recording holds what was said.
type verdict struct {
	at          float64 // seconds into the recording at which the clip begins
	correlation float64 // of the 20 ms energy envelopes
	gap         float64 // the longest silence where the original was loud, ms
	level       float64 // of the recording against the original, dB
}

func (v verdict) String() string {
	return fmt.Sprintf("at %.3f s: correlation %.4f, longest gap %.0f ms, level %+.2f dB", v.at, v.correlation, v.gap, v.level)
}

// compare finds a clip in a recording and says how well it was kept. The clip
// is looked for in steps of 2.5 ms, first coarsely by envelopes.
func compare(clip, recording []float64) verdict {
	want := envelope(clip, 0)
	best := verdict{correlation: -1}
	const fine = window / 8
	for offset := range 8 {
		got := envelope(recording, offset*fine)
		for lag := 0; lag+len(want) <= len(got); lag++ {
			if c := correlation(want, got[lag:lag+len(want)]); c > best.correlation {
				best.correlation = c
				best.at = float64(offset*fine+lag*window) / rate
			}
		}
	}
	if best.correlation < 0 {
		return best
	}
	start := int(best.at * rate)
	part := recording[start : start+len(want)*window]
	best.level = 20 * math.Log10(rms(part)/rms(clip[:len(want)*window]))
	best.gap = longestGap(clip, part)
	return best
}

// longestGap is the longest stretch, in ms and steps of 5, in which the
// recording is all but silent while the original, then and 20 ms around, is
// loud.
func longestGap(clip, recording []float64) float64 {
	const step = rate / 200
	loud := 0.1 * rms(clip)
	longest, run := 0, 0
	for i := 0; i+step <= min(len(clip), len(recording)); i += step {
		from, to := max(i-window, 0), min(i+step+window, len(clip))
		quietNear := false
		for k := from; k+step <= to; k += step {
			if rms(clip[k:k+step]) < loud {
				quietNear = true
				break
			}
		}
		if !quietNear && rms(recording[i:i+step]) < 0.05*loud {
			run += 5
		} else {
			run = 0
		}
		longest = max(longest, run)
	}
	return float64(longest)
}

// A tape is a recording that is being made.
type tape struct {
	t    testing.TB
	path string
}

// flushed is how far behind the sound what is on the disk may be.
const flushed = 200 * time.Millisecond

// now is how long the recording is. What is heard later is recorded later.
func (r tape) now() time.Duration {
	r.t.Helper()
	info, err := os.Stat(r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	return time.Duration(info.Size()) * time.Second / (2 * rate)
}

// reach waits until the recording is so long, and returns how long it is then.
func (r tape) reach(at time.Duration) time.Duration {
	r.t.Helper()
	limit := time.Now().Add(at - r.now() + patience)
	for r.now() < at {
		if time.Now().After(limit) {
			r.t.Fatalf("%s does not grow", r.path)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return r.now()
}

// hears waits until a clip is recognised in what is recorded from now on. A
// machine that is busy elsewhere may spoil the sound for a while, which is no
// failure here; that the clip is never heard is one.
func (r tape) hears(who, letter string) {
	r.t.Helper()
	const enough = 5 * time.Second
	c := soughtClip(r.t, clip(letter))
	share := 0.0
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		from := r.now() + flushed
		share = listen(r.between(from, r.reach(from+enough))).share(c)
		if share >= heardShare {
			r.t.Logf("%s hears clip %s: found in %.2f", who, letter, share)
			return
		}
	}
	r.t.Fatalf("%s does not hear clip %s (%.2f)", who, letter, share)
}

// neverHeard fails the test when a clip is in a part of the recording.
func (r tape) neverHeard(what, letter string, from, to time.Duration) {
	r.t.Helper()
	share := listen(r.between(from, to)).share(soughtClip(r.t, clip(letter)))
	r.t.Logf("%s: clip %s is found in %.2f", what, letter, share)
	if share > unheardShare {
		r.t.Errorf("%s: clip %s is heard (%.2f)", what, letter, share)
	}
}

// silent fails the test when there is anything to hear in a part of the
// recording.
func (r tape) silent(what string, from, to time.Duration) {
	r.t.Helper()
	part := r.between(from, to)
	if l := loudest(part); l > inaudible {
		r.t.Errorf("%s: something of level %.5f is heard, the last of it %v from the beginning", what, l, lastSound(part))
	}
}

// lastSound is where the last thing to hear ends.
func lastSound(x []float64) time.Duration {
	last := 0
	for i, e := range envelope(x, 0) {
		if e > inaudible {
			last = i + 1
		}
	}
	return time.Duration(last) * 20 * time.Millisecond
}

// between returns a part of the recording. No end means all the rest.
func (r tape) between(from, to time.Duration) []float64 {
	r.t.Helper()
	x, _ := readWAV(r.t, r.path)
	a, b := int(from.Seconds()*rate), int(to.Seconds()*rate)
	if to == 0 || b > len(x) {
		b = len(x)
	}
	if a >= b {
		r.t.Fatalf("%s holds nothing from %v to %v", r.path, from, to)
	}
	return x[a:b]
}

// loudest is the root mean square of the loudest 20 ms.
func loudest(x []float64) float64 {
	most := 0.0
	for _, e := range envelope(x, 0) {
		most = max(most, e)
	}
	return most
}

// inaudible is what nobody hears: -66 dBFS, 44 dB below the speech of the clips.
const inaudible = 0.0005
