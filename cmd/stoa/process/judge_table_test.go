//go:build sound

// A recogniser of speech as judge: how many words a far listener loses.

package process

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stoa/audio"
	"stoa/audio/file"
	"stoa/audio/opus"
	"stoa/cmd/stoa/process/hear"
)

const (
	judgeLead = 20 * time.Second // of silence, in which everybody comes
	judgeGap  = time.Second      // of silence after each clip
	judgeEdge = 300 * time.Millisecond
	judgeEars = 2 // listeners for each figure, each with other losses
	judgeRTT  = 100 * time.Millisecond

	// judgeShare is what the texts weigh for the recogniser: see hear.NewRecogniser. Without
	// that, or with its own model of English, it gets a third and more of the original wrong,
	// and with more it guesses what it cannot hear.
	judgeShare = 0.1
)

// judgeSounds are words of the clips that the recogniser's dictionary lacks.
var judgeSounds = map[string]string{"digium": "D IH JH IY AH M", "touchtone": "T AH CH T OW N"}

// judgeBounds are how many words in a hundred the network may cost beyond what the codec
// alone does. What the recogniser makes of the same recording, moved by a few milliseconds,
// differs by 2 and less; lost packets cost what error correction and repeats cannot bring
// back, which at 10 % is 1 frame in 100.
var judgeBounds = map[int]float64{0: 2.5, 5: 3.5, 10: 6}

// A script is what is said: clips one after the other.
type script struct {
	words  [][]string
	sound  []float64
	begins []int // of each clip, in samples
	ends   []int
}

// readScript puts the clips together.
func readScript(t *testing.T) (s script) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(speech, "words.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		s.words = append(s.words, strings.Fields(line))
	}
	s.sound = make([]float64, int(judgeLead.Seconds()*hear.Rate))
	for i := range s.words {
		pcm, err := file.Read(clip(string(rune('a' + i))))
		if err != nil {
			t.Fatal(err)
		}
		s.begins = append(s.begins, len(s.sound))
		for _, v := range pcm {
			s.sound = append(s.sound, float64(v))
		}
		s.ends = append(s.ends, len(s.sound))
		s.sound = append(s.sound, make([]float64, int(judgeGap.Seconds()*hear.Rate))...)
	}
	return s
}

// cut returns the clips as they are in a recording that lags by so much.
func (s *script) cut(recording []float64, lag time.Duration) (clips [][]float64) {
	shift, edge := int(lag.Seconds()*hear.Rate), int(judgeEdge.Seconds()*hear.Rate)
	bound := func(at int) int { return min(max(at, 0), len(recording)) }
	for i := range s.begins {
		clips = append(clips, recording[bound(s.begins[i]+shift-edge):bound(s.ends[i]+shift+2*edge)])
	}
	return clips
}

// coded is what the codec makes of a sound, with nothing between.
func coded(t *testing.T, sound []float64) []float64 {
	t.Helper()
	enc, err := opus.NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	dec, err := opus.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	pcm, payload := make([]float32, audio.FrameSize), make([]byte, audio.MaxPayload)
	var out []float64
	for len(sound) >= audio.FrameSize {
		for i := range pcm {
			pcm[i] = float32(sound[i])
		}
		n, err := enc.Encode(pcm, payload)
		if err != nil {
			t.Fatal(err)
		}
		if err := dec.Decode(payload[:n], pcm); err != nil {
			t.Fatal(err)
		}
		for _, v := range pcm {
			out = append(out, float64(v))
		}
		sound = sound[audio.FrameSize:]
	}
	return out
}

// A judge counts errors of words.
type judge struct {
	t      *testing.T
	script *script
	by     *hear.Recogniser
	turn   chan struct{} // holds a value for each recogniser that may run
}

// rate is how many words in a hundred are wrong in recordings, all together.
func (j *judge) rate(recordings ...[][]float64) float64 {
	var mu sync.Mutex
	var wg sync.WaitGroup
	wrong, words := 0, 0
	for _, clips := range recordings {
		for i, samples := range clips {
			wg.Go(func() {
				j.turn <- struct{}{}
				defer func() { <-j.turn }()
				heard, err := j.by.Words(context.Background(), samples)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					j.t.Error(err)
				}
				wrong += hear.WordErrors(j.script.words[i], heard)
				words += len(j.script.words[i])
			})
		}
	}
	wg.Wait()
	return 100 * float64(wrong) / float64(words)
}

// TestTableWordErrors has listeners behind networks of different badness record what a
// speaker says, with real programs, and a recogniser write it down.
func TestTableWordErrors(t *testing.T) {
	s := readScript(t)
	dir := t.TempDir()
	mic := filepath.Join(dir, "mic.wav")
	if err := hear.WriteWAV(mic, s.sound); err != nil {
		t.Fatal(err)
	}
	near, err := hear.NewRecogniser(dir, s.words, judgeShare, judgeSounds)
	if err != nil {
		t.Fatalf("%v; `.ci/need judge` installs the recogniser", err)
	}
	judges := []*judge{{t, &s, near, make(chan struct{}, 2)}, {t, &s, hear.NewPlainRecogniser(dir), make(chan struct{}, 2)}}

	percents := []int{0, 5, 10}
	recordings, bitrates := map[int][][][]float64{}, map[string]string{}
	var all []*judged
	for _, percent := range percents {
		all = append(all, newJudged(t, mic, percent))
	}
	for _, n := range all {
		recordings[n.percent] = n.recordings(&s)
		bitrates[networkRow(n.percent)] = fmt.Sprintf("%.1f", n.ann.bitrate()/1000)
	}

	round := coded(t, s.sound)
	rows := []struct {
		name  string
		clips [][][]float64
	}{
		{"original", [][][]float64{s.cut(s.sound, 0)}},
		{"original, 3 ms later", [][][]float64{s.cut(s.sound, -3*time.Millisecond)}},
		{"original, 7 ms later", [][][]float64{s.cut(s.sound, -7*time.Millisecond)}},
		{"Opus, no network", [][][]float64{s.cut(round, 6500*time.Microsecond), s.cut(round, 0)}},
	}
	for _, percent := range percents {
		rows = append(rows, struct {
			name  string
			clips [][][]float64
		}{networkRow(percent), recordings[percent]})
	}
	words := 0
	for _, w := range s.words {
		words += len(w)
	}
	bitrates["Opus, no network"] = "32.0"
	t.Logf("%-22s %8s %8s %12s %14s", "what was judged", "kbit/s", "words", "errors in %", "plain English")
	rates := map[string]float64{}
	for _, row := range rows {
		rates[row.name] = judges[0].rate(row.clips...)
		plain := "" // it takes three times as long
		if !strings.Contains(row.name, "later") {
			plain = fmt.Sprintf("%.1f", judges[1].rate(row.clips[0]))
		}
		t.Logf("%-22s %8s %8d %12.1f %14s", row.name, bitrates[row.name], words*len(row.clips), rates[row.name], plain)
	}
	if words < 200 {
		t.Errorf("%d words: one error is more than half a percent", words)
	}
	if r := rates["original"]; r > 15 {
		t.Errorf("the recogniser gets %.1f %% of the original wrong: it judges nothing", r)
	}
	for _, percent := range percents {
		got, base := rates[networkRow(percent)], rates["Opus, no network"]
		if got > base+judgeBounds[percent] {
			t.Errorf("%d %% lost: %.1f %% of the words are wrong, with the codec alone %.1f %%; the network may add %.1f", percent, got, base, judgeBounds[percent])
		}
	}
}

func networkRow(percent int) string { return fmt.Sprintf("network, %d %% lost", percent) }

// bitrate is what the encoder was told on average while its person could be heard, in bit/s. On
// a machine that is too busy to pass packets on in time it falls, as on a thin line.
func (p *process) bitrate() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	sum, n := 0, 0
	for _, e := range p.events {
		if e.Event == "stats" && e.Stats.Sending != nil {
			sum += e.Stats.Sending.Bitrate
			n++
		}
	}
	return float64(sum) / float64(max(n, 1))
}

// judged is a speaker, and listeners behind hops of their own.
type judged struct {
	t       *testing.T
	dir     string
	percent int
	ann     *process
	ears    []*process
	hops    []*lossyHop
}

func newJudged(t *testing.T, mic string, percent int) *judged {
	n := &judged{t: t, dir: t.TempDir(), percent: percent}
	run := func(name string, args ...string) *process {
		args = append(args, "--bootstrap", "none", "--listen", loopback, "--name", name, "--log", n.log(name))
		return start(t, honest, name, filepath.Join(n.dir, name), args...)
	}
	n.ann = run("ann", "open", "Stoa", "--in", mic, "--out", "null")
	link := n.ann.wait("a link", kind("link")).Link
	for i := range judgeEars {
		link, h := through(t, link, func(port uint16) *lossyHop {
			return newLossyHop(t, port, judgeRTT/2, float64(percent)/100, uint64(100*percent+i))
		})
		name := fmt.Sprint("ear", i)
		n.ears, n.hops = append(n.ears, run(name, "join", link, "--in", "silence", "--out", n.record(name))), append(n.hops, h)
	}
	return n
}

func (n *judged) log(name string) string    { return filepath.Join(n.dir, name+".log") }
func (n *judged) record(name string) string { return filepath.Join(n.dir, name+".wav") }

// recordings waits until everything has been said and returns what each listener has of it,
// clip by clip.
func (n *judged) recordings(s *script) (all [][][]float64) {
	n.t.Helper()
	began := func(name, device string) time.Duration {
		at, err := hear.Began(n.log(name), device)
		if err != nil {
			n.t.Fatal(err)
		}
		return at
	}
	for _, p := range n.ears {
		first := p.wait("the first word", kind("sound")).at
		if late := first.Sub(time.Unix(0, int64(began("ann", "microphone")+judgeLead))); late > 2*time.Second {
			n.t.Fatalf("%s came %v too late to hear the first word", p.name, late)
		}
	}
	spoke := began("ann", "microphone")
	length := time.Duration(len(s.sound)) * time.Second / hear.Rate
	time.Sleep(time.Until(time.Unix(0, int64(spoke+length)).Add(time.Second)))
	for i, p := range n.ears {
		if passed, lost, _ := n.hops[i].counts(); n.percent > 0 && 100*lost < uint64(n.percent)*(passed+lost)/2 {
			n.t.Fatalf("the hop lost %d of %d packets, not %d %%", lost, passed+lost, n.percent)
		}
		heard := began(p.name, "loudspeaker")
		if p.quit() != 0 {
			n.t.Fatalf("%s ended badly", p.name)
		}
		x, _, err := hear.ReadWAV(n.record(p.name))
		if err != nil {
			n.t.Fatal(err)
		}
		all = append(all, s.cut(x, spoke-heard+judgeRTT/2+60*time.Millisecond))
	}
	n.ann.quit()
	return slices.Clip(all)
}
