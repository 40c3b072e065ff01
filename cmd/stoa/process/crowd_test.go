// Crowds: one voice, relays that are processes of their own, and more listeners
// than anybody could talk to directly. The sizes are small unless STOA_CROWD
// says how many listeners there are to be: see `make crowd`.

package process

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"stoa/cmd/stoa/process/hear"
)

// crowdSize is how many listeners a test of a crowd has.
func crowdSize(t testing.TB, usual int) int {
	text := os.Getenv("STOA_CROWD")
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("STOA_CROWD=%q is not a number of listeners", text)
	}
	return n
}

var buildCrowd = sync.OnceValues(func() (string, error) {
	out := filepath.Join(filepath.Dir(honest), "crowd")
	if !buildPackage(out, "nolibopusfile", "stoa/cmd/stoa/process/crowd") {
		return "", fmt.Errorf("the crowd does not build")
	}
	return out, nil
})

// crowd is a process of many listeners.
type crowd struct {
	t       testing.TB
	n       int
	dir     string
	orders  io.WriteCloser
	reports chan crowdReport
	done    chan struct{}

	mu   sync.Mutex
	news []crowdNews
}

// crowdNews is a line about one listener, crowdReport how all of them are: see
// cmd/stoa/process/crowd.
type crowdNews struct {
	Event string `json:"event"`
	N     int    `json:"listener"`
	MS    int64  `json:"ms"`
	Who   string `json:"who"`
	Why   string `json:"why"`
	Text  string `json:"text"`

	at time.Time // when it was read
}

type crowdReport struct {
	Joined    int `json:"joined"`
	Heard     int `json:"heard"`
	Carried   int `json:"carried"`
	Quiet     int `json:"quiet"`
	Listeners []struct {
		N       int               `json:"listener"`
		Joined  int64             `json:"joined_ms"`
		Sound   int64             `json:"sound_ms"`
		Primary string            `json:"primary"`
		Shadow  string            `json:"shadow"`
		Carrier string            `json:"carrier"`
		Silence float64           `json:"silence_ms"`
		Seconds float64           `json:"seconds"`
		Links   int               `json:"links"`
		Refused map[string]uint64 `json:"refused"`
	} `json:"listeners"`
}

// crowd starts n listeners, of whom the first few write down what they hear.
func (w *world) crowd(name string, n, record int, link string, args ...string) *crowd {
	w.t.Helper()
	program, err := buildCrowd()
	if err != nil {
		w.t.Fatal(err)
	}
	c := &crowd{t: w.t, n: n, dir: filepath.Join(w.dir, name), reports: make(chan crowdReport, 1), done: make(chan struct{})}
	if err := os.Mkdir(c.dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	args = append([]string{"-n", strconv.Itoa(n), "-record", strconv.Itoa(record), "-dir", c.dir, "-bootstrap", "none"}, args...)
	cmd := exec.Command(program, append(args, link)...)
	out, err := cmd.StdoutPipe()
	if err == nil {
		c.orders, err = cmd.StdinPipe()
	}
	var words strings.Builder
	cmd.Stderr = &words
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	go func() {
		defer close(c.done)
		c.read(out)
		_ = cmd.Wait()
	}()
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-c.done
		if w.t.Failed() {
			w.t.Logf("%s printed to standard error:\n%s", name, words.String())
		}
	})
	return c
}

func (c *crowd) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		var one crowdNews
		if json.Unmarshal(lines.Bytes(), &one) != nil {
			continue
		}
		if one.Event != "report" {
			one.at = time.Now()
			c.mu.Lock()
			c.news = append(c.news, one)
			c.mu.Unlock()
			continue
		}
		var r crowdReport
		if json.Unmarshal(lines.Bytes(), &r) == nil {
			c.reports <- r
		}
	}
}

// report is how they are now. The silences in it are those since the last one.
func (c *crowd) report() crowdReport {
	c.t.Helper()
	if _, err := io.WriteString(c.orders, "report\n"); err != nil {
		c.t.Fatal(err)
	}
	select {
	case r := <-c.reports:
		return r
	case <-c.done:
		c.t.Fatal("the crowd has ended")
	case <-time.After(patience):
		c.t.Fatal("the crowd does not report")
	}
	return crowdReport{}
}

// until waits for a report that fits.
func (c *crowd) until(what string, limit time.Duration, fits func(crowdReport) bool) crowdReport {
	c.t.Helper()
	var r crowdReport
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(250 * time.Millisecond) {
		if r = c.report(); fits(r) {
			return r
		}
	}
	second, linked := 0, 0
	for _, l := range r.Listeners {
		if l.Shadow != "" {
			second++
		}
		if l.Links > 0 {
			linked++
		}
	}
	c.t.Fatalf("%s did not come: of %d listeners %d are in, %d hear, %d are carried, %d have a second relay, %d are out of gossip, %d are linked to somebody",
		what, c.n, r.Joined, r.Heard, r.Carried, second, r.Quiet, linked)
	return r
}

// quit ends the listeners and waits for that.
func (c *crowd) quit() {
	c.t.Helper()
	_, _ = io.WriteString(c.orders, "quit\n")
	<-c.reports // the last one
	<-c.done
}

// about returns the news of a kind since a time.
func (c *crowd) about(event string, since time.Time) (found []crowdNews) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.news {
		if n.Event == event && !n.at.Before(since) {
			found = append(found, n)
		}
	}
	return found
}

// stands reports whether everybody hears, is carried by two relays that are among
// those alive, and is linked to nobody.
func stands(alive map[string]bool) func(crowdReport) bool {
	return func(r crowdReport) bool {
		for _, l := range r.Listeners {
			if l.Joined < 0 || l.Sound < 0 || !alive[l.Primary] || !alive[l.Shadow] || l.Primary == l.Shadow || l.Links > 0 {
				return false
			}
		}
		return true
	}
}

// hosts starts relays that carry the room of who opened it, and returns them by
// the keys of their people.
func (w *world) hosts(owner *process, n int) map[string]*process {
	w.t.Helper()
	link := owner.link("--role", "relay", "--slots", "1000")
	hosts := map[string]*process{}
	for i := range n {
		h := w.relay(fmt.Sprint("relay-", i+1), link)
		h.wait("to carry", lent(true))
		hosts[h.id()] = h
	}
	return hosts
}

func keys(hosts map[string]*process) map[string]bool {
	alive := map[string]bool{}
	for id := range hosts {
		alive[id] = true
	}
	return alive
}

// joining is how long a crowd may take to get in. It is no measure of anything.
func joining(n int) time.Duration { return patience + time.Duration(n)*time.Second }

// TestCrowdHearsThroughRelays: one speaker, four relays, and listeners who are
// linked to relays alone. Those who came last write down what they hear.
func TestCrowdHearsThroughRelays(t *testing.T) {
	n, sample, whole := crowdSize(t, 32), 4, os.Getenv("STOA_CROWD") != ""
	if whole {
		sample = 20
	}
	w := newWorld(t)
	ann := w.run(honest, "ann", "open", "Stoa", "--in", clip("a"), "--loop", "--out", "none")
	listener := ann.wait("a link", kind("link")).Link
	hosts := w.hosts(ann, 4)
	alive := keys(hosts)

	began := time.Now()
	many := w.crowd("many", n-sample, 0, listener, "-every", "150ms")
	many.until("everybody's place", joining(n), stands(alive))
	few := w.crowd("few", sample, sample, listener, "-every", "150ms", "-first", strconv.Itoa(n))
	few.until("the last ones' place", joining(sample), stands(alive))
	t.Logf("%d listeners are in after %v", n, time.Since(began).Round(time.Millisecond))

	few.report()
	tapes := make([]tape, sample)
	from := make([]time.Duration, sample)
	for i := range tapes {
		tapes[i] = tape{t, filepath.Join(few.dir, fmt.Sprintf("heard-%d.wav", n+i))}
		from[i] = tapes[i].now() + flushed
	}
	enough := 2 * enoughSpeech
	if whole {
		enough = 2 * clipLength(t, "a")
	}
	for i := range tapes {
		tapes[i].reach(from[i] + enough)
	}
	r := many.until("everybody's place", patience, stands(alive))
	carried := map[string]int{}
	var sounds []float64
	for _, l := range append(r.Listeners, few.report().Listeners...) {
		carried[l.Primary]++
		sounds = append(sounds, float64(l.Sound))
		if l.Refused["forged"] > 0 {
			t.Errorf("listener %d refused %v", l.N, l.Refused)
		}
	}
	slices.Sort(sounds)
	t.Logf("the relays carry %v; from start to sound p50 %.0f ms, p95 %.0f ms", slices.Sorted(maps.Values(carried)), sounds[len(sounds)/2], sounds[len(sounds)*95/100])
	if len(carried) != len(hosts) {
		t.Errorf("%d of %d relays carry anybody", len(carried), len(hosts))
	}
	speaker := ann.waitSince(ann.mark(), "figures", kind("stats"))
	if speaker.Stats.Links != len(hosts) {
		t.Errorf("the speaker is linked to %d people, and there are %d relays", speaker.Stats.Links, len(hosts))
	}
	few.quit()
	sought := soughtClip(t, clip("a"))
	for i, heard := range tapes {
		name := fmt.Sprint("listener ", n+i)
		if whole { // and alone on its machine: every gap counts
			recognise(t, name, clip("a"), heard.path)
		} else if share := hear.Listen(heard.between(from[i], 0)).Share(sought); share < heardShare {
			t.Errorf("%s does not hear clip a (%.2f)", name, share)
		}
	}
}

// TestRelayDies kills relays in the middle of speech, and tells how long those
// whom they carried heard nothing.
func TestRelayDies(t *testing.T) {
	n, kills := 30, 3
	if os.Getenv("STOA_CROWD") != "" {
		n, kills = min(crowdSize(t, n), 100), 20
	}
	w := newWorld(t)
	ann := w.run(honest, "ann", "open", "Stoa", "--in", clip("a"), "--loop", "--out", "none")
	listener := ann.wait("a link", kind("link")).Link
	hosts := w.hosts(ann, 3)
	c := w.crowd("crowd", n, 0, listener, "-every", "150ms")
	r := c.until("everybody's place", joining(n), stands(keys(hosts)))

	var silences []float64
	for range kills {
		id := busiest(r)
		c.report()
		hosts[id].kill()
		name := hosts[id].name
		delete(hosts, id)
		time.Sleep(3 * time.Second) // for figures that come once a second
		after := c.report()
		for i, l := range after.Listeners {
			if r.Listeners[i].Primary == id {
				silences = append(silences, l.Silence)
			}
		}
		c.until("everybody's new place", patience, stands(keys(hosts)))
		again := w.relay(name)
		again.wait("to carry", lent(true))
		hosts[id] = again
		r = c.until("everybody's place", patience, stands(keys(hosts)))
	}
	slices.Sort(silences)
	p95, p99 := silences[len(silences)*95/100], silences[len(silences)*99/100]
	t.Logf("%d kills, %d listeners: silence p50 %.0f ms, p95 %.0f ms, p99 %.0f ms, longest %.0f ms",
		kills, len(silences), silences[len(silences)/2], p95, p99, silences[len(silences)-1])
	if p99 > 2000 {
		t.Errorf("p99 is %.0f ms: nobody took over", p99)
	}
}

func busiest(r crowdReport) (id string) {
	count := map[string]int{}
	for _, l := range r.Listeners {
		count[l.Primary]++
	}
	for who, n := range count {
		if n > count[id] || n == count[id] && who < id {
			id = who
		}
	}
	return id
}

// TestRelaysThatLie has one relay of three misbehave in each way there is, from a
// signal on. Whoever it carries leaves it, and nothing forged is played.
func TestRelaysThatLie(t *testing.T) {
	for _, how := range []string{"drops", "delays", "censors", "forges", "replays"} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t)
			ann := w.behindNAT("ann", "open", "Stoa", "--in", clip("a"), "--loop", "--out", "none")
			ann.wait("the room", kind("joined"))
			hosts := w.hosts(ann, 2)
			listener := ann.link() // which names relays, the only ones who can be dialled
			bob := w.behindNAT("bob", "join", ann.link("--role", "speaker"), "--in", clip("b"), "--loop", "--out", "none")
			bob.wait("the room", kind("joined"))
			mal := startIn(t, append(os.Environ(), "STOA_CROOKED="+how), edited, "mallory", w.home("mallory"), "relay", "--bootstrap", w.bootstrap, "--listen", loopback,
				"--name", "mallory", ann.link("--role", "relay", "--slots", "1000"))
			mal.wait("to carry", lent(true))
			id := mal.id()
			hosts[id] = mal
			// Who is carried by whom is not in anybody's hands: a few more, until she carries one.
			var c *crowd
			hers := map[int]bool{}
			for i := 0; len(hers) == 0; i++ {
				c = w.crowd(fmt.Sprint("crowd-", i), 12, 0, listener, "-listen", nowhere, "-every", "150ms")
				for _, l := range c.until("everybody's place", joining(12), stands(keys(hosts))).Listeners {
					if l.Primary == id {
						hers[l.N] = true
					}
				}
			}
			began := time.Now()
			if err := mal.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
				t.Fatal(err)
			}
			delete(hosts, id)
			c.until("everybody leaving the one who lies", patience, func(r crowdReport) bool {
				for _, l := range r.Listeners {
					if l.Primary == id {
						return false
					}
				}
				return true
			})
			var took []time.Duration
			for _, n := range c.about("relay", began) {
				switch {
				case n.Who == id && hers[n.N]:
					took = append(took, n.at.Sub(began))
				case n.Who != id:
					t.Errorf("listener %d left an honest relay: %s", n.N, n.Text)
				}
			}
			slices.Sort(took)
			if len(took) < len(hers) {
				t.Fatalf("%d were carried by her, %d told of leaving her", len(hers), len(took))
			}
			t.Logf("%d left after %v to %v", len(took), took[0].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
		})
	}
}

// TestRelaysObeyTheRoom has somebody whose client obeys nobody speak through two
// relays to people who cannot reach him. Muted, and then put out, he is heard no
// longer than a second, though he goes on sending to both.
func TestRelaysObeyTheRoom(t *testing.T) {
	const promised = time.Second
	w := newWorld(t)
	ann := w.behindNAT("ann", "open", "Stoa", "--out", "none")
	ann.wait("the room", kind("joined"))
	hosts := w.hosts(ann, 2)
	cid := start(t, edited, "cid", w.home("cid"),
		w.devices("cid", []string{"join", ann.link("--role", "speaker"), "--in", clip("c"), "--loop", "--out", "none"}, "--listen", nowhere)...)
	cid.wait("the room", kind("joined"))
	id := cid.id()
	bob := w.behindNAT("bob", "join", ann.link())
	bob.wait("Cid's voice", about("sound", id))
	bob.wait("two relays", func(e event) bool { return e.Stats != nil && e.Stats.Relays != nil && e.Stats.Relays.Shadow != "" })
	heard := tape{t, w.record("bob")}
	heard.hears("bob", "c")

	refused := func() (n float64) {
		for _, h := range hosts {
			n += h.figure("stoa_relay_packets_refused_total")
		}
		return n
	}
	for _, verb := range []string{"mute", "kick"} {
		before := refused()
		ann.verb(verb, id)
		told := heard.now() + flushed
		if verb == "mute" { // who is put out loses the link as well, and nothing comes that could be refused
			eventually(t, "both relays refusing him", func() bool { return refused() >= before+50 })
		}
		heard.reach(told + promised + 2*time.Second)
		t.Logf("after the %s the last of him was heard after %v at most", verb, flushed+hear.LastSound(heard.between(told, 0)))
		heard.silent("bob, from a second after the "+verb, told+promised, 0)
		if verb == "mute" {
			ann.verb("unmute", id)
			heard.hears("bob, after the mute", "c")
		}
	}
	select {
	case <-cid.done:
		t.Error("his client gave in: it proves nothing")
	default:
	}
}

// figure is the sum of a figure that a relay serves, over all its labels.
func (p *process) figure(name string) (sum float64) {
	p.t.Helper()
	for line := range strings.Lines(p.get("/metrics")) {
		if of, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && (of == name || strings.HasPrefix(of, name+"{")) {
			x, err := strconv.ParseFloat(value, 64)
			if err != nil {
				p.t.Fatal(line)
			}
			sum += x
		}
	}
	return sum
}
