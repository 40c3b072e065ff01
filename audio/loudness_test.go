// Tests of many voices at once: loud and quiet ones are brought together without pumping, twenty open
// microphones are no louder than one, and twenty who speak are not distorted.

package audio_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"
	"time"

	"stoa/audio"
	"stoa/audio/audiotest"
)

// A tape plays a recording: payloads are indices of its frames.
type tape []float32

func (t tape) Decode(p []byte, pcm []float32) error {
	at := int(binary.BigEndian.Uint16(p)) * audio.FrameSize
	copy(pcm, t[at%len(t):])
	return nil
}

func (t tape) DecodeFEC(_ []byte, pcm []float32) error { return t.Conceal(pcm) }

func (t tape) Conceal(pcm []float32) error {
	clear(pcm)
	return nil
}

func (t tape) Reset() error { return nil }

// A hall is a number of people whose microphones are open, heard over a path without faults.
type hall struct {
	player  *audio.Player
	sources []*audio.Source
	now     time.Duration
	index   uint32
}

func newHall(people ...[]float32) *hall {
	h := &hall{player: audio.NewPlayer()}
	for _, pcm := range people {
		h.sources = append(h.sources, h.player.NewSource(tape(pcm)))
	}
	return h
}

// frame plays 20 ms and gives both blocks to each.
func (h *hall) frame(each func(block []float32)) {
	payload := [3]byte{byte(h.index >> 8), byte(h.index)}
	for _, s := range h.sources {
		s.Push(audio.Packet{Index: h.index, Since: 1, Payload: payload[:]}, h.player.Epoch().Add(h.now))
	}
	for range 2 {
		h.now += 10 * ms
		each(h.player.Mix(h.now))
	}
	h.index++
}

// listen plays the seconds and returns what is heard.
func (h *hall) listen(seconds int) []float32 {
	var heard []float32
	for range seconds * 50 {
		h.frame(func(block []float32) { heard = append(heard, block...) })
	}
	return heard
}

func speakerAt(seed uint64, seconds int, dB float64) []float32 {
	pcm := audiotest.Voice(seconds*audio.Rate, seed)
	noise := audiotest.Fan(len(pcm), seed)
	return audiotest.Sum(audiotest.Scale(pcm, dB-audiotest.SpeechLevel(pcm)), audiotest.Scale(noise, dB-40-audiotest.RMS(noise)))
}

func TestLevelling(t *testing.T) {
	const seconds = 24
	tests := []struct{ said, least, most float64 }{
		{-38, -29, -24}, {-16, -25, -20}, {-46, -37, -32}, {-30, -28, -22}, {-24, -26, -22}, {-10, -24, -20},
	}
	if testing.Short() {
		tests = tests[:2]
	}
	for _, tt := range tests {
		pcm := speakerAt(1, seconds, tt.said)
		h := newHall(pcm)
		h.player.SetLevelling(true)
		heard := h.listen(seconds)
		late := heard[12*audio.Rate:]
		if got := audiotest.SpeechLevel(late); got < tt.least || got > tt.most {
			t.Errorf("a voice of %.0f dB is played at %.1f, want %.0f to %.0f", tt.said, got, tt.least, tt.most)
		}
		// The gain of each 200 ms, where there is speech: it wanders no further than a decibel in what
		// is left, and goes nowhere by more than 6 dB a second.
		last, wander := 0.0, []float64{}
		for at := 0; at+9600 < len(heard); at += 9600 {
			said, got := audiotest.RMS(pcm[at:at+9600]), audiotest.RMS(heard[at:][:9600])
			if said < tt.said-6 {
				continue
			}
			gain := got - said
			if last != 0 && at > audio.Rate && math.Abs(gain-last) > 3 && tt.said < -14 {
				t.Errorf("%.0f dB: the gain goes from %.1f to %.1f at %.1f s", tt.said, last, gain, float64(at)/audio.Rate)
			}
			last = gain
			if at > 12*audio.Rate {
				wander = append(wander, gain)
			}
		}
		low, high := math.Inf(1), math.Inf(-1)
		for _, g := range wander {
			low, high = min(low, g), max(high, g)
		}
		if high-low > 1.5 && tt.said < -14 { // what is limited is limited
			t.Errorf("%.0f dB: the gain wanders from %.1f to %.1f", tt.said, low, high)
		}
		off := newHall(pcm)
		plain := off.listen(10)
		if got, want := audiotest.SpeechLevel(plain), audiotest.SpeechLevel(pcm[:10*audio.Rate]); math.Abs(got-want) > 1 && tt.said < -20 {
			t.Errorf("switched off, a voice of %.1f dB is played at %.1f", want, got)
		}
	}
}

// crowded is a voice that begins after four seconds, and others whose microphones are open: a noise of
// -50 dB each, no two alike at any moment.
func crowded(others int) (voice []float32, people [][]float32) {
	const seconds = 7
	voice = audiotest.Voice(seconds*audio.Rate, 5) // of -26 dB
	clear(voice[:4*audio.Rate])
	noise := audiotest.Fan(seconds*audio.Rate, 6)
	audiotest.Scale(noise, -50-audiotest.RMS(noise))
	for i := range others + 1 {
		at := i * len(noise) / (others + 1)
		people = append(people, append(append([]float32(nil), noise[at:]...), noise[:at]...))
	}
	people[0] = audiotest.Sum(voice, people[0])
	return voice, people
}

// After three seconds the noise of twenty open microphones is no louder than that of one, and who speaks is understood,
// from the first syllable on.
func TestOpenMicrophonesDoNotAddUp(t *testing.T) {
	voice, people := crowded(19)
	heard := newHall(people...).listen(7)
	alone := newHall(people[:1]...).listen(7)
	all := audiotest.Sum(people[0], people[1:]...)

	quiet := func(pcm []float32) float64 { return audiotest.RMS(pcm[3*audio.Rate : 4*audio.Rate]) }
	t.Logf("noise: one %.1f dB, twenty %.1f, added up %.1f", quiet(alone), quiet(heard), quiet(all))
	if quiet(heard) > quiet(alone)+1 {
		t.Errorf("twenty microphones make %.1f dB of noise, one %.1f", quiet(heard), quiet(alone))
	}
	understood := func(pcm []float32) float64 { return audiotest.STOI(voice[4*audio.Rate:], pcm[4*audio.Rate:]) }
	ours, added := understood(heard), understood(all)
	t.Logf("understood: %.3f, added up %.3f", ours, added)
	if ours < added || ours < 0.95 {
		t.Errorf("STOI %.3f, of all added up %.3f", ours, added)
	}
	// Each 20 ms of the voice is there, its first as well: none is turned down with the noise.
	for at := 4 * audio.Rate; at+audio.FrameSize < len(voice); at += audio.FrameSize {
		said, got := audiotest.RMS(voice[at:at+audio.FrameSize]), audiotest.RMS(heard[at:][:audio.FrameSize])
		if said > -35 && got < said-3 {
			t.Errorf("at %.2f s %.1f dB were said and %.1f heard", float64(at)/audio.Rate, said, got)
		}
	}
}

// A note that is held, and held again, is not taken for the noise of a microphone.
func TestHeldNotesAreHeard(t *testing.T) {
	const seconds = 20
	notes := make([]float32, seconds*audio.Rate)
	audiotest.Tone(440, 0.05)(0, notes)
	for at := 0; at < len(notes); at += 2 * audio.Rate {
		clear(notes[at : at+audio.Rate/5])
	}
	noise := audiotest.Fan(len(notes), 1)
	audiotest.Scale(noise, -30-audiotest.RMS(noise)) // louder than the notes
	heard := newHall(notes, noise).listen(seconds)
	last := heard[len(heard)-audio.Rate:]
	if a := 20 * math.Log10(audiotest.ToneAmplitude(last, 440)/0.05); a < -1 {
		t.Errorf("a note is played %.1f dB softer", -a)
	}
}

// Twenty people who all speak at once are turned down together, and what is heard is what they say:
// the distortion beside the sum, turned down over each 10 ms as it is, stays below -30 dB.
func TestTwentyWhoSpeakAreNotDistorted(t *testing.T) {
	seconds := 5
	if testing.Short() {
		seconds = 1
	}
	var people [][]float32
	for i := range uint64(20) {
		people = append(people, speakerAt(i, seconds, -20))
	}
	heard := newHall(people...).listen(seconds)
	sum := audiotest.Sum(people[0], people[1:]...)[:len(heard)]
	clipped := append([]float32(nil), sum...)
	audio.SoftClip(clipped)
	ours, bent := distortion(sum, heard), distortion(sum, clipped)
	t.Logf("distortion %.1f dB, of the soft clip alone %.1f; the sum has %.1f dB", ours, bent, audiotest.RMS(sum))
	if ours > -30 {
		t.Errorf("distortion of %.1f dB", ours)
	}
	for i, v := range heard {
		if v > 1 || v < -1 {
			t.Fatalf("sample %d is %v", i, v)
		}
	}
	// Nobody alone is touched, up to the knee.
	quiet := speakerAt(0, 5, -26)
	if d := distortion(quiet, newHall(quiet).listen(5)); d > -60 {
		t.Errorf("one voice is distorted by %.1f dB", d)
	}
}

// distortion is how much of got is not want at another gain, which may be another every 10 ms and goes
// in a straight line between, in dB.
func distortion(want, got []float32) float64 {
	var signal, other float64
	for at := 0; at+480 <= min(len(want), len(got)); at += 480 {
		w, g := want[at:at+480], got[at:at+480]
		// got = want * (a + b t): least squares.
		var w2, w2t, w2tt, wg, wgt float64
		for i := range w {
			x, y, s := float64(w[i]), float64(g[i]), float64(i)/480
			w2, w2t, w2tt = w2+x*x, w2t+x*x*s, w2tt+x*x*s*s
			wg, wgt = wg+x*y, wgt+x*y*s
		}
		det := w2*w2tt - w2t*w2t
		if det < 1e-12 {
			continue
		}
		a, b := (wg*w2tt-wgt*w2t)/det, (wgt*w2-wg*w2t)/det
		for i := range w {
			fit := float64(w[i]) * (a + b*float64(i)/480)
			signal += fit * fit
			other += (float64(g[i]) - fit) * (float64(g[i]) - fit)
		}
	}
	return 10 * math.Log10(other/signal)
}

func TestMixingDoesNotAllocate(t *testing.T) {
	_, people := crowded(19)
	h := newHall(people...)
	h.player.SetLevelling(true)
	nothing := func([]float32) {}
	for range 100 {
		h.frame(nothing)
	}
	if n := testing.AllocsPerRun(100, func() { h.frame(nothing) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// What a second of mixing costs, without the decoding.
func BenchmarkMix(b *testing.B) {
	for _, n := range []int{1, 5, 20, 50} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			_, people := crowded(n - 1)
			h := newHall(people...)
			h.player.SetLevelling(true)
			b.ReportAllocs()
			for b.Loop() {
				h.frame(func([]float32) {})
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/20000*100, "%core")
		})
	}
}
