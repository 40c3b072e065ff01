// A recording holds who said yes and nobody else, in step, and proves it; also when
// whoever records is killed.

package process

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stoa/audio"
	"stoa/audio/opus"
	"stoa/cmd/stoa/process/hear"
)

// readOpus decodes an Ogg/Opus file (RFC 3533, 7845) that may have lost its end, as a
// player does. It is not the program's own reader.
func readOpus(t *testing.T, path string) (samples []float64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dec, err := opus.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	var packet []byte
	var skip, packets int
	end := -1
	for len(b) >= 27 && string(b[:4]) == "OggS" {
		last, granule := b[5]&4 != 0, int(binary.LittleEndian.Uint64(b[6:]))
		lacing := b[27:][:b[26]]
		body := b[27+len(lacing):]
		for _, n := range lacing {
			packet = append(packet, body[:n]...)
			if body = body[n:]; n == 255 {
				continue
			}
			if packets == 0 {
				skip = int(binary.LittleEndian.Uint16(packet[10:]))
			}
			if packets++; packets > 2 {
				pcm := make([]float32, opus.MaxPacketSamples)
				n, err := dec.DecodePacket(packet, pcm)
				if err != nil {
					t.Fatalf("%s: packet %d: %v", path, packets, err)
				}
				for _, v := range pcm[:n] {
					samples = append(samples, float64(v))
				}
			}
			packet = packet[:0]
		}
		if b = body; last {
			end = granule
		}
	}
	if len(b) > 0 || len(samples) < skip {
		t.Fatalf("%s: %d bytes are no page", path, len(b))
	}
	if end >= 0 {
		samples = samples[:end]
	}
	return samples[skip:]
}

// recorded is what `stoa recording --json` says of a folder.
type recorded struct {
	Started  int64 `json:"started_ms"`
	Ended    int64 `json:"ended_ms"`
	Speakers []struct {
		ID      string `json:"id"`
		File    string `json:"file"`
		Answers []struct {
			Yes bool `json:"yes"`
		} `json:"answers"`
	} `json:"speakers"`
}

func verified(t *testing.T, folder string) (r recorded) {
	t.Helper()
	out, errs, code := run(t, "recording", "--json", folder)
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 {
		t.Fatalf("recording: exit %d, %v\n%s%s", code, err, out, errs)
	}
	return r
}

// file is the path of somebody's file, empty where there is none.
func (r *recorded) file(folder, id string) string {
	for _, s := range r.Speakers {
		if path := filepath.Join(folder, s.File); s.ID == id {
			if _, err := os.Stat(path); err == nil {
				return path
			}
		}
	}
	return ""
}

// energy is the sum of squares.
func energy(x []float64) (sum float64) {
	for _, v := range x {
		sum += v * v
	}
	return sum
}

// newest is the folder of the last recording of a home.
func newest(t *testing.T, home string) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(home, "recordings", "*"))
	if err != nil || len(all) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	return slices.MaxFunc(all, func(a, b string) int {
		x, errX := os.Stat(a)
		y, errY := os.Stat(b)
		if errX != nil || errY != nil {
			t.Fatal(errX, errY)
		}
		return x.ModTime().Compare(y.ModTime())
	})
}

func TestRecording(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.run(honest, "ann", "open", "Stoa", "--muted", "--out", "null")
	ann.wait("a link", kind("link"))
	link := ann.link("--role", "speaker")
	log := func(name string) string { return filepath.Join(w.dir, name+".log") }
	people := map[string]*process{}
	for i, name := range []string{"bob", "cid", "dan"} {
		mic := filepath.Join(w.dir, name+"-says.wav")
		if err := hear.WriteMarked(mic, clip(string(rune('a'+i)))); err != nil {
			t.Fatal(err)
		}
		p := w.run(honest, name, "join", link, "--in", mic, "--loop", "--out", "null", "--log", log(name))
		p.wait("the room", kind("joined"))
		ann.wait("the voice of "+name, about("sound", p.id()))
		people[name] = p
	}
	bob, cid, dan := people["bob"], people["cid"], people["dan"]

	ann.verb("record", "on")
	on := dan.wait("that he hears of it", func(e event) bool { return e.Event == "recording" && e.On })
	if on.By != ann.id() {
		t.Errorf("it is %s who records", on.By)
	}
	for _, p := range []*process{bob, cid} {
		p.verb("consent", "yes")
		ann.wait("consent", about("consent", p.id()))
	}
	if _, errs, code := run(t, "record", "off", "--home", dan.home); code != 1 || !strings.Contains(errs, "role") {
		t.Errorf("a speaker ends it: exit %d, %s", code, errs)
	}
	hearFor(4 * time.Second)
	ann.verb("record", "off")
	folder := ann.wait("that it is complete", kind("recorded")).Folder
	r := verified(t, folder)
	if r.Ended == 0 || len(r.Speakers) != 3 { // who records has consented, and said nothing
		t.Errorf("it ended at %d and holds %d people", r.Ended, len(r.Speakers))
	}
	if files, err := filepath.Glob(filepath.Join(folder, "*.opus")); err != nil || len(files) != 3 {
		t.Errorf("the files are %q, %v", files, err)
	}
	mixed := readOpus(t, filepath.Join(folder, "mixed.opus"))
	rest := slices.Clone(mixed)
	var middle []float64
	for _, p := range []*process{bob, cid} {
		pcm := readOpus(t, r.file(folder, p.id()))
		if len(pcm) != len(mixed) {
			t.Fatalf("%s: %d samples, and %d in the mix", p.name, len(pcm), len(mixed))
		}
		for i, v := range pcm {
			rest[i] -= v
		}
		spoke, err := hear.Began(log(p.name), "microphone")
		if err != nil {
			t.Fatal(err)
		}
		// Marks are sought for from a tenth of a second before they can be.
		const early = 100
		began := time.Duration(r.Started)*time.Millisecond - spoke
		delays, missed := hear.DelaysOfMarks(pcm, began+early*time.Millisecond)
		if len(delays) < 4 || missed > 0 {
			t.Errorf("%s: %d marks are there and %d are not", p.name, len(delays), missed)
			continue
		}
		for _, d := range delays {
			if d -= early; d < -20 || d > 20 {
				t.Errorf("%s: a mark is %.1f ms from where it was spoken", p.name, d)
			}
		}
		slices.Sort(delays)
		middle = append(middle, delays[len(delays)/2]-early)
	}
	t.Logf("ms from where it was spoken: %.1f", middle)
	// dan is as loud as the others; what is left of the mix is what coding took away.
	if left := energy(rest) / energy(mixed); left > 0.2 {
		t.Errorf("%.2f of the mix is of nobody who consented", left)
	}
	if file := r.file(folder, dan.id()); file != "" {
		t.Errorf("dan is in %s", file)
	}

	// Another one, in the middle of which ann is killed.
	since := bob.mark()
	ann.verb("record", "on")
	bob.waitSince(since, "the second recording", func(e event) bool { return e.Event == "recording" && e.On })
	since = ann.mark()
	bob.verb("consent", "yes")
	ann.waitSince(since, "consent", about("consent", bob.id()))
	hearFor(5 * time.Second)
	ann.kill()
	folder = newest(t, ann.home)
	r = verified(t, folder)
	if r.Ended != 0 || len(r.Speakers) != 2 {
		t.Errorf("it ended at %d and holds %d people", r.Ended, len(r.Speakers))
	}
	for _, path := range []string{r.file(folder, bob.id()), filepath.Join(folder, "mixed.opus")} {
		if pcm := readOpus(t, path); len(pcm) < audio.Rate || energy(pcm) == 0 {
			t.Errorf("%s: %d samples after the crash", path, len(pcm))
		}
	}
	since = bob.mark()
	w.run(honest, "ann", "--out", "null")
	bob.waitSince(since, "the end of what nobody records", func(e event) bool { return e.Event == "recording" && !e.On })

	// Somebody puts a voice into the folder.
	if err := os.WriteFile(filepath.Join(folder, "dan.opus"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := run(t, "recording", folder); code != 1 || !strings.Contains(errs, "dan.opus") {
		t.Errorf("a voice of nobody passes: exit %d, %s", code, errs)
	}
}
