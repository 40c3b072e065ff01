//go:build sound

// From mouth to ear with files as devices, and of what the way is made.

package process

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"stoa/audio"
	"stoa/cmd/stoa/process/hear"
)

// What the program adds by its nature, in ms: a frame has to be full, and Opus looks ahead.
const (
	frameDelay = float64(audio.FrameTime) / float64(time.Millisecond)
	codecDelay = 6.5
)

// TestTableMouthToEarFiles has three people hear a fourth and finds in the recordings when each
// of many marks in the speech was heard. The figures asked for are those of the design.
func TestTableMouthToEarFiles(t *testing.T) {
	const asked50, asked95 = 60, 80 // ms
	w := newWorld(t)
	log := func(name string) string { return filepath.Join(w.dir, name+".log") }
	mic := filepath.Join(w.dir, "voice.wav")
	if err := hear.WriteMarked(mic, clip("a")); err != nil {
		t.Fatal(err)
	}
	ann := w.run(honest, "ann", "open", "Stoa", "--in", mic, "--loop", "--out", "null", "--log", log("ann"))
	link := ann.wait("a link", kind("link")).Link
	var ears []*process
	for _, name := range []string{"bob", "cid", "dan"} {
		p := w.run(honest, name, "join", link, "--log", log(name))
		p.wait("sound", kind("sound"))
		ears = append(ears, p)
	}
	time.Sleep(2 * measuring)

	var way, network, buffer []float64
	for _, p := range ears {
		half := p.rtt(ann) / 2
		network = append(network, half)
		for _, told := range p.delays() {
			buffer = append(buffer, told-frameDelay-codecDelay-half)
		}
		if p.quit() != 0 {
			t.Fatalf("%s ended badly", p.name)
		}
		delays, missed, err := hear.MarkDelays(w.record(p.name), log("ann"), log(p.name))
		if err != nil || len(delays) < markSkip+10 || missed > len(delays)/10 {
			t.Fatalf("%d marks were heard, and then %d were not: %v", len(delays), missed, err)
		}
		way = append(way, delays[markSkip:]...)
	}
	p50, p95 := reach(way, 50), reach(way, 95)
	known := frameDelay + codecDelay + reach(network, 50) + reach(buffer, 50)
	t.Logf("%-58s %8s %8s", "from mouth to ear with files as devices, in ms", "p50", "p95")
	t.Logf("%-58s %8.1f %8.1f", "capture: until a frame is full", frameDelay, frameDelay)
	t.Logf("%-58s %8.1f %8.1f", "codec: what Opus looks ahead", codecDelay, codecDelay)
	t.Logf("%-58s %8.1f %8.1f", "network: half the round trip", reach(network, 50), reach(network, 95))
	t.Logf("%-58s %8.1f %8.1f", "jitter buffer, as the listener says", reach(buffer, 50), reach(buffer, 95))
	t.Logf("%-58s %8.1f", "playout and the rest: mixing, ring, the loudspeaker's pull", p50-known)
	t.Logf("%-58s %8.1f %8.1f   of %d marks", "all the way, in the recordings", p50, p95, len(way))
	if p50 > asked50 || p95 > asked95 {
		t.Errorf("p50 %.1f ms, p95 %.1f ms; asked are %d and %d", p50, p95, asked50, asked95)
	}
}

// reach is the least value that so many percent do not exceed.
func reach(values []float64, percent int) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)*percent+99)/100-1]
}

// rtt is the round trip to another, as the program measures it, in ms.
func (p *process) rtt(to *process) float64 {
	p.t.Helper()
	var seen struct {
		People []struct {
			Name string `json:"name"`
			Path *struct {
				RTT float64 `json:"rtt_ms"`
			} `json:"path"`
		} `json:"people"`
	}
	if err := json.Unmarshal([]byte(p.verb("who", "--paths", "--json")), &seen); err != nil {
		p.t.Fatal(err)
	}
	for _, one := range seen.People {
		if one.Name == to.name && one.Path != nil {
			return one.Path.RTT
		}
	}
	p.t.Fatalf("%s knows no way to %s", p.name, to.name)
	return 0
}

// delays are what the program said each second of how long the only voice is on its way, in ms,
// but for the first few.
func (p *process) delays() (all []float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if e.Event == "stats" && len(e.Stats.Speakers) == 1 {
			all = append(all, e.Stats.Speakers[0].Delay)
		}
	}
	const settled = 5
	if len(all) <= settled {
		p.t.Fatalf("%s said only %d times how its voices fare", p.name, len(all))
	}
	return all[settled:]
}
