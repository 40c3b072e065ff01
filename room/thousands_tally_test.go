// What the simulation counts: who heard whom, what reached whom when, what it cost.

package room

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"stoa/room/relay"
)

// histogram counts durations in steps of 10 ms, up to a minute.
type histogram struct {
	counts [6001]int64
	n      int64
}

func (h *histogram) add(ms int64) {
	h.counts[min(max(ms, 0)/10, 6000)]++
	h.n++
}

// at is the duration below which that share lies.
func (h *histogram) at(share float64) time.Duration {
	left := int64(share * float64(h.n))
	for i, n := range h.counts {
		if left -= n; left < 0 {
			return time.Duration(i+1) * 10 * time.Millisecond
		}
	}
	return time.Minute
}

func (h *histogram) String() string {
	return fmt.Sprintf("p50 %v, p99 %v, p99.9 %v, worst %v (%d)", h.at(0.5), h.at(0.99), h.at(0.999), h.at(1-0.5/float64(max(h.n, 1))), h.n)
}

// traffic is messages and bytes.
type traffic struct{ messages, bytes int64 }

// score is what has been counted.
type score struct {
	spoken  [4][maxSpeakers]int // packets said, by second
	crowded [4]bool             // more spoke at once than anybody hears

	seconds, heard   int64 // of a listener and an active speaker
	presence         int64 // seconds of listeners here
	lied             int64 // of those, with a liar as the primary
	unheard          map[string]int64
	played, late     int64
	sealed           int64 // packets that came before the secret did
	forgedPlayed     int64
	leaked           int64 // packets that somebody who was kicked could open, said 3 s after
	begged, yielded  int64 // times that somebody who was kicked asked for a secret, and got it
	speechless       int64 // packets that a speaker could not seal
	full, complaints int64

	operations histogram // from the author to each listener
	missed     int64     // listeners that had not seen an operation 2 s after
	due        int64
	keys       histogram // from the kick to each listener's key
	keyless    int64     // listeners without the key when it came into use
	keyed      int64
	keyLate    int64 // and 3 s after the kick

	homes     histogram // from the loss of voice's last relay, or from coming, to another
	reborn    histogram // likewise, after the disaster
	disaster  int64
	rightly   map[string]int64
	wrongly   map[string]int64
	relayActs map[string]int64

	audience map[string]*traffic // between listeners and relays
	core     map[string]*traffic
}

func (t *score) begin() {
	t.unheard, t.rightly, t.wrongly, t.relayActs = map[string]int64{}, map[string]int64{}, map[string]int64{}, map[string]int64{}
	t.audience, t.core = map[string]*traffic{}, map[string]*traffic{}
}

func count(m map[string]*traffic, kind string, messages, bytes int) {
	c := m[kind]
	if c == nil {
		c = new(traffic)
		m[kind] = c
	}
	c.messages += int64(messages)
	c.bytes += int64(bytes)
}

func (t *score) listeners(kind string, messages, bytes int) { count(t.audience, kind, messages, bytes) }
func (t *score) stage(kind string, messages, bytes int)     { count(t.core, kind, messages, bytes) }
func (t *score) gossip(kind string, messages, bytes int) {
	count(t.core, "gossip: "+kind, messages, bytes)
}

// spoken notes a packet of a speaker.
func (w *world) spoken(p *packet) {
	t := &w.score
	at := p.sent / 1000 % 4
	t.spoken[at][p.speaker]++
	talking := 0
	for _, m := range w.speakers {
		if m.talking {
			talking++
		}
	}
	t.crowded[at] = t.crowded[at] || talking > loudest
	w.floor.Count(p.bytes, p.glance.KID, p.glance.Index, p.glance.Level, p.glance.End, w.time())
}

// second judges what was heard of the second before the last: each speaker who spoke for a fifth of it at least, by each listener who had
// been there for a while. It was heard if four packets in five could be played.
func (t *score) second(w *world) {
	s := w.at/1000 - 2
	if s < 0 {
		return
	}
	at := s % 4
	for _, l := range w.crowd {
		if !l.here {
			continue
		}
		t.presence++
		if l.kicked == nil && l.joined+settled.Milliseconds() <= s*1000 && !t.crowded[at] {
			t.judge(l, at)
		}
		if a := l.att[0]; a != nil && a.carrier.lie != honest {
			t.lied++
		}
		l.plays[at] = [maxSpeakers]uint8{}
		t.reports(l)
	}
	t.spoken[at], t.crowded[at] = [maxSpeakers]int{}, false
}

func (t *score) judge(l *hearer, at int64) {
	for k, said := range t.spoken[at] {
		if said < 5 {
			continue
		}
		t.seconds++
		if 5*int(l.plays[at][k]) >= 4*said {
			t.heard++
		} else {
			t.unheard[l.why()]++
		}
	}
}

// why guesses why a listener did not hear somebody.
func (l *hearer) why() string {
	a := l.att[0]
	switch _, lacking := l.book.lacking(); {
	case lacking:
		return "no key"
	case a == nil:
		return "no relay"
	case l.w.at-a.opened < 3000:
		return "has just moved"
	case !a.carrier.alive:
		return "relay is dead"
	case a.carrier.lie != honest:
		return "relay " + a.carrier.lie.String()
	case !a.carrier.trunk && a.carrier.up.att[0] == nil:
		return "relay is not fed"
	case !a.carrier.trunk && a.carrier.up.att[0].carrier.lie != honest:
		return "relay is fed by one that " + a.carrier.up.att[0].carrier.lie.String()
	case !a.carrier.trunk && l.w.at-a.carrier.up.att[0].opened < 3000:
		return "relay has just moved"
	case l.place.loss >= 0.05:
		return "bad network"
	}
	return "other"
}

// reports counts the reports that a listener sends to two relays in a second.
func (t *score) reports(l *hearer) {
	for _, a := range l.att {
		if a != nil {
			count(t.audience, "reports", 2, 2*(reportSize+udpHead))
		}
	}
}

// learned notes how long the operations were on their way that a listener has seen now.
func (t *score) learned(l *hearer) {
	for v := l.noted + 1; v <= l.seen; v++ {
		if born := l.w.born[v]; l.noted > 0 && l.joined+settled.Milliseconds() <= born {
			t.operations.add(l.w.at - born)
		}
	}
	l.noted = l.seen
}

// followUp looks, 2 s after an operation, who has not seen it.
func (w *world) followUp(version int32) {
	born := w.at
	w.call(2*time.Second, func() {
		for _, l := range w.crowd {
			if l.here && l.kicked == nil && l.joined+settled.Milliseconds() <= born {
				w.score.due++
				if l.seen < version {
					w.score.missed++
				}
			}
		}
	})
}

// mayHear tells whether a listener should have had the key by now.
func (l *hearer) mayHear(kick *kick) bool {
	return l.here && l.kicked == nil && l.joined+settled.Milliseconds() <= kick.at
}

// inUse looks who has the key of an epoch when the first packet is sealed with it.
func (w *world) inUse(e *epochOf) {
	if e.kick == nil {
		return
	}
	for _, l := range w.crowd {
		if l.mayHear(e.kick) {
			w.score.keyed++
			if _, ok := l.book.secret(e.commit); !ok {
				w.score.keyless++
			}
		}
	}
}

// afterKick looks, 3 s after a kick, who does not have the new key, and has who was kicked ask everybody for it.
func (w *world) afterKick(k *kick) {
	w.call(3*time.Second, func() {
		for _, l := range w.crowd {
			if l.mayHear(k) {
				if _, ok := l.book.secret(k.epoch.commit); !ok {
					w.score.keyLate++
				}
			}
		}
	})
	// The edited program of who was kicked asks around, from the moment there is something to ask for.
	who, id := k.target, k.target.id
	w.every(300*time.Millisecond, func() bool {
		if who.id != id || w.at > k.at+10000 {
			return false
		}
		for range 20 {
			w.score.begged++
			if _, ok := w.crowd[w.rnd.IntN(len(w.crowd))].hands(who, k.epoch.commit); ok {
				w.score.yielded++
			}
		}
		return true
	})
}

// rehomed notes how long somebody had nobody who sends voice.
func (t *score) rehomed(f *follower, ms int64) {
	if f.listener == nil {
		return
	}
	t.homes.add(ms)
	if t.disaster > 0 && f.w.at < t.disaster+30000 && f.bereft >= t.disaster {
		t.reborn.add(ms)
	}
}

// acted notes what a watch decided.
func (t *score) acted(f *follower, a *relay.Act) {
	c := f.w.byID[a.Relay]
	what := fmt.Sprintf("%v, %v", a.Kind, a.Fault)
	switch {
	case f.listener == nil:
		t.relayActs[what+", "+c.character()]++
	case a.Kind != relay.Swap && a.Kind != relay.Replace:
		t.rightly[what+", "+c.character()]++
	case f.listener.kicked != nil:
	case c.lie == honest && c.alive:
		t.wrongly[what]++
	default:
		t.rightly[what+", "+c.character()]++
	}
}

func (c *carrier) character() string {
	if !c.alive {
		return "dead"
	}
	return c.lie.String()
}

// fed notes what one of the core passes on to its listeners.
func (t *score) fed(g *gossiper, kind string, size int) {
	if c := g.carrier; c != nil && c.lie != swallows && c.lie != hushes {
		n := len(c.children)
		t.listeners(kind, n, n*(size+streamHead))
	}
}

// carried notes what a relay has sent.
func (t *score) carried(c *carrier, bytes int) { c.sent += int64(bytes) }

// report says everything.
func (w *world) report() string {
	t := &w.score
	b := new(strings.Builder)
	line := func(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }
	share := func(n, of int64) float64 { return 100 * float64(n) / float64(max(of, 1)) }
	line("%d members, %d speakers, %d relays (%d ever), %v, seed %d; %d people came, %d events", w.cfg.members, w.cfg.speakers,
		w.cfg.hosts+w.cfg.peers, len(w.relays), w.cfg.length, w.cfg.seed, w.people, w.count)
	line("heard: %.4f %% of %d seconds of somebody speaking to somebody; %.2f %% of all time with a liar as the primary", share(t.heard, t.seconds),
		t.seconds, share(t.lied, t.presence))
	for _, why := range slices.Sorted(maps.Keys(t.unheard)) {
		line("  not heard, %s: %.4f %%", why, share(t.unheard[why], t.seconds))
	}
	line("packets played %d, late %d, before the key %d; forged and played %d", t.played, t.late, t.sealed, t.forgedPlayed)
	line("operations: %v; not seen in 2 s: %.4f %% of %d", &t.operations, share(t.missed, t.due), t.due)
	line("kicks: %d; key at each listener %v after the kick; without it when it came into use %.4f %%, after 3 s %.4f %% of %d", len(w.kicks), &t.keys,
		share(t.keyless, t.keyed), share(t.keyLate, t.keyed), t.keyed)
	line("  who was kicked asked %d times, got %d, could open %d packets said 3 s after; speakers without a key %d packets", t.begged, t.yielded, t.leaked,
		t.speechless)
	line("without any relay: %v; after a fifth died at once: %v; seats refused for want of room %d", &t.homes, &t.reborn, t.full)
	hours := float64(t.presence) / 3600
	for _, what := range slices.Sorted(maps.Keys(t.wrongly)) {
		line("  honest relay left: %s: %d, %.3f an hour and listener", what, t.wrongly[what], float64(t.wrongly[what])/hours)
	}
	for _, what := range slices.Sorted(maps.Keys(t.rightly)) {
		line("  %s: %d", what, t.rightly[what])
	}
	for _, what := range slices.Sorted(maps.Keys(t.relayActs)) {
		line("  among relays: %s: %d", what, t.relayActs[what])
	}
	line("complaints %d; people shown as here %d of %d", t.complaints, w.audience.Count(nil), w.present())
	table := func(title string, m map[string]*traffic, per float64) {
		for _, kind := range slices.Sorted(maps.Keys(m)) {
			c := m[kind]
			line("  %s, %s: %.3f messages, %.0f bytes", title, kind, float64(c.messages)/per, float64(c.bytes)/per)
		}
	}
	table("a listener and second", t.audience, float64(max(t.presence, 1)))
	table("the whole core and second", t.core, w.cfg.length.Seconds())
	var loads []float64
	for _, c := range w.relays {
		if life := w.at - c.started; c.lie == honest && c.alive && life > 30000 {
			loads = append(loads, float64(c.sent)*8/float64(life))
		}
	}
	slices.Sort(loads)
	if n := len(loads); n > 0 {
		line("honest relays send kbit/s: least %.0f, p50 %.0f, p90 %.0f, most %.0f", loads[0], loads[n/2], loads[n*9/10], loads[n-1])
	}
	return b.String()
}

func (w *world) present() (n int) {
	for _, l := range w.crowd {
		if l.here {
			n++
		}
	}
	return n
}
