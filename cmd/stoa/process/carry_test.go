// Relays as people run them: hosts of their own that carry a room to listeners
// whom its speaker cannot reach, and what happens when one of them goes.

package process

import (
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"stoa/cmd/stoa/process/hear"
)

// nowhere is where a node listens that nobody can dial, as behind a NAT: two
// such nodes never have a link.
const nowhere = "/p2p-circuit"

// behindNAT starts somebody's stoa, which can reach others and not be reached.
func (w *world) behindNAT(name string, args ...string) *process {
	w.t.Helper()
	return start(w.t, honest, name, w.home(name), w.devices(name, args, "--listen", nowhere)...)
}

// relay starts a relay host.
func (w *world) relay(name string, links ...string) *process {
	w.t.Helper()
	args := append([]string{"relay", "--bootstrap", w.bootstrap, "--listen", loopback, "--name", name, "--metrics", "127.0.0.1:0"}, links...)
	return start(w.t, honest, name, filepath.Join(w.dir, name), args...)
}

// lent fits the news that a node carries the room, or ceases to.
func lent(on bool) func(event) bool {
	return func(e event) bool { return e.Event == "lend" && e.On == on }
}

// get reads what a relay serves on its address for figures.
func (p *process) get(path string) string {
	p.t.Helper()
	addr := p.wait("the figures", kind("metrics")).Addrs[0]
	reply, err := http.Get("http://" + addr + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %s, %v", path, reply.Status, err)
	}
	return string(body)
}

// A speaker and three listeners, none of whom can be reached by the others, and
// two relays: all hear, one relay goes politely without a gap, and comes back.
func TestRelaysCarryARoom(t *testing.T) {
	began := time.Now()
	w := newWorld(t)
	ann := w.behindNAT("ann", "open", "Stoa", "--in", clip("a"), "--loop")
	listener := ann.wait("a link", kind("link")).Link
	forRelay := ann.link("--role", "relay", "--slots", "100")
	hosts := map[string]*process{}
	for _, name := range []string{"rel", "ray"} {
		hosts[name] = w.relay(name, forRelay)
	}
	for _, h := range hosts {
		h.wait("to carry", lent(true))
	}
	voice := ann.id()

	listeners := map[string]*process{}
	for _, name := range []string{"bob", "cid", "dan"} {
		listeners[name] = w.behindNAT(name, "join", listener)
	}
	served := func(e event) bool {
		return e.Event == "stats" && e.Stats.Relays != nil && e.Stats.Relays.Primary != "" && e.Stats.Relays.Shadow != ""
	}
	for _, p := range listeners {
		p.wait("Ann's voice", about("sound", voice))
		p.wait("two relays", served)
	}

	t.Logf("%s: all hear", time.Since(began).Round(time.Millisecond))
	rel := hosts["rel"]
	if body := rel.get("/healthz"); body != "ok\n" {
		t.Errorf("/healthz: %q", body)
	}
	figures := rel.get("/metrics")
	for _, want := range []string{
		`stoa_relay_rooms 1\n`,
		`stoa_relay_children\{carrier="[a-z]+",room="[a-z2-7]+",state="(media|standby)"\} [1-3]\n`,
		`stoa_relay_packets_in_total\{room="[a-z2-7]+"\} [1-9]`,
		`stoa_relay_packets_refused_total\{reason="forged",room="[a-z2-7]+"\} 0\n`,
		`go_goroutines `, `libp2p_swarm_connections_opened_total`, `process_cpu_seconds_total`,
	} {
		if !regexp.MustCompile(want).MatchString(figures) {
			t.Errorf("the figures lack %s", want)
		}
	}

	// The relay that serves somebody goes.
	first := listeners["bob"].waitSince(0, "two relays", served).Stats.Relays.Primary
	going, peer := "", ""
	for name, h := range hosts {
		if h.id() == first {
			going, peer = name, h.wait("ready", kind("ready")).Peer
		}
	}
	marks, before := map[string]int{}, map[string]time.Duration{}
	for name, p := range listeners {
		marks[name], before[name] = p.mark(), tape{t, w.record(name)}.now()
	}
	if code := hosts[going].quit(); code != 0 {
		t.Errorf("the relay ended with %d", code)
	}
	for name, p := range listeners {
		e := p.waitSince(marks[name], "another relay", func(e event) bool {
			return e.Event == "stats" && e.Stats.Relays != nil && e.Stats.Relays.Primary != "" && e.Stats.Relays.Primary != first
		})
		gap := 0.0
		for _, s := range p.stats(marks[name], e) {
			for _, v := range s.Stats.Speakers {
				gap = max(gap, v.Silence)
			}
		}
		t.Logf("%s: longest silence while the relay went %.0f ms", name, gap)
		if gap > 400 {
			t.Errorf("%s: a gap of %.0f ms", name, gap)
		}
	}

	t.Logf("%s: one relay is gone", time.Since(began).Round(time.Millisecond))

	// It returns to the room without a link, as the same peer.
	again := w.relay(going)
	if got := again.wait("ready", kind("ready")).Peer; got != peer {
		t.Errorf("it is another peer: %s, was %s", got, peer)
	}
	again.wait("to carry", lent(true))
	if out := again.verb("status"); !strings.Contains(out, "you carry ") {
		t.Errorf("status: %s", out)
	}

	// And all that time it was Ann whom they heard.
	sought := soughtClip(t, clip("a"))
	for name := range listeners {
		heard := tape{t, w.record(name)}
		until := heard.reach(before[name] + enoughSpeech)
		if share := hear.Listen(heard.between(before[name], until)).Share(sought); share < heardShare {
			t.Errorf("%s does not hear clip a (%.2f)", name, share)
		}
	}
}

// enoughSpeech is how much of a recording tells whose it is.
const enoughSpeech = 5 * time.Second

// stats are the figures printed from a mark up to an event.
func (p *process) stats(mark int, until event) []event {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []event
	for _, e := range p.events[mark:] {
		if e.Event == "stats" && !e.at.After(until.at.Add(time.Second)) {
			all = append(all, e)
		}
	}
	return all
}
