// What `stoa doctor` finds out, and in which order it tells. Each finding is
// judged in doctor_verdict.go; here they are gathered, side by side, each
// bounded in time.

package app

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
	"stoa/room/keep"
)

const (
	// doctorTime bounds the whole of it; soundTime what is listened to and
	// played, once a device has opened; reachTime the wait of a fresh node for
	// the network, of which a router without ports takes most, and dialTime one
	// relay.
	doctorTime = 14 * time.Second
	soundTime  = 2 * time.Second
	reachTime  = 12 * time.Second
	dialTime   = 4 * time.Second

	maxProbes = 8 // relays that are tried
)

// A Finding is one thing that was looked at.
type Finding struct {
	Check   string  `json:"check"`
	Verdict Verdict `json:"verdict"`
	Code    string  `json:"code"`            // of the sentence: the same in every language and version
	Text    string  `json:"text"`            // one sentence
	Do      string  `json:"do,omitempty"`    // what to do about it; empty: nothing
	About   string  `json:"about,omitempty"` // the names in the sentence, for who puts it into other words
}

// A Verdict says how bad a finding is.
type Verdict string

const (
	Fine   Verdict = "fine"
	Worth  Verdict = "worth knowing"
	Broken Verdict = "broken"
)

// DoctorOptions say what is looked at beside the network.
type DoctorOptions struct {
	Tone bool // play a tone that can be heard, and not silence
}

// networkFacts are what a node knows of its network.
type networkFacts struct {
	Network node.Network  `json:"network"`
	Reach   node.Reach    `json:"reach"`
	Outward bool          `json:"outward"` // the network has to do with the internet
	Asking  bool          `json:"asking"`  // a router may still lend a port
	Servers int           `json:"servers"` // of the DHT
	DHT     bool          `json:"dht"`
	Relays  []relayFact   `json:"relays"`
	Clock   time.Duration `json:"clock"`  // by which it is fast
	Others  int           `json:"others"` // people whose clocks that rests on
	Latest  time.Time     `json:"latest"` // of the newest thing in the rooms of this home; for who has nobody to ask
	Running bool          `json:"running"`
	Problem string        `json:"problem,omitempty"` // no node could be started
}

// relayFact is a relay, and how it was reached.
type relayFact struct {
	Name string   `json:"name"`
	Way  node.Way `json:"way,omitempty"` // empty: it was not
}

// soundFacts are what a device did.
type soundFacts struct {
	unasked bool   // --in or --out names something else
	absent  bool   // this program was built without sound
	err     error  // it did not open
	name    string // of the device; empty: not known
	instead string // the one that was chosen, which is not there
	samples int
	peak    float64 // 1 is full scale
	level   float64 // mean, dB below full scale; -inf for nothing at all
	clipped float64 // share of samples at full scale
}

// Doctor looks at everything a node needs and tells of each finding, in the
// order of the list, as soon as it and those before it are known. It asks the
// node that runs with the home, or starts one for the purpose that enters no
// room. It takes 15 seconds at most. broken says whether anything is.
func Doctor(ctx context.Context, cfg Config, opt DoctorOptions, tell func(Finding)) (broken bool) {
	return examine(ctx, &cfg, opt, func(ctx context.Context) networkFacts { return findNetwork(ctx, &cfg) }, tell)
}

// examine is Doctor, where find gathers what there is to know of the network.
func examine(ctx context.Context, cfg *Config, opt DoctorOptions, find func(context.Context) networkFacts, tell func(Finding)) (broken bool) {
	ctx, cancel := context.WithTimeout(ctx, doctorTime)
	defer cancel()
	network := sync.OnceValue(func() networkFacts { return find(ctx) })
	ofNetwork := func(judge func(networkFacts) Finding) func() Finding {
		return func() Finding { return judge(network()) }
	}
	looks := []func() Finding{
		func() Finding { return judgeHome(tryHome(cfg.Home)) },
		func() Finding { return judgeMic(probeMic(ctx, cfg)) },
		func() Finding { return judgeSpeaker(probeSpeaker(ctx, cfg, opt.Tone)) },
		ofNetwork(judgeUDP), ofNetwork(judgeNAT), ofNetwork(judgeMapping), ofNetwork(judgeIPv6),
		ofNetwork(judgeDHT), ofNetwork(judgeRelays), ofNetwork(judgeClock),
	}
	found := make([]chan Finding, len(looks))
	var work sync.WaitGroup
	defer work.Wait()
	for i, look := range looks {
		found[i] = make(chan Finding, 1)
		work.Go(func() { found[i] <- look() })
	}
	for _, c := range found {
		f := <-c
		broken = broken || f.Verdict == Broken
		tell(f)
	}
	return broken
}

// tryHome writes a file into the home, or where the home would be made.
func tryHome(dir string) error {
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return &fs.PathError{Op: "open", Path: dir, Err: errors.New("not a folder")}
		}
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir {
			return err
		}
		dir = filepath.Dir(dir)
	}
	f, err := os.CreateTemp(dir, ".stoa-doctor-")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 64<<10))
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
}

// findNetwork asks the running node, or a fresh one.
func findNetwork(ctx context.Context, cfg *Config) networkFacts {
	reply, err := askControl(ctx, cfg.Home, Request{Verb: VerbDoctor})
	if errors.Is(err, errNotRunning) {
		return findAlone(ctx, cfg)
	}
	var f networkFacts
	if err == nil {
		// What has crossed the socket is plain data again.
		var raw []byte
		if raw, err = json.Marshal(reply.Data); err == nil {
			err = json.Unmarshal(raw, &f)
		}
	}
	f.Running = true
	if err != nil {
		f.Problem = Explain(err).Text
	}
	return f
}

// findAlone starts a node that enters no room.
func findAlone(ctx context.Context, cfg *Config) networkFacts {
	var f networkFacts
	f.Network, _ = networkOf(cfg) // openNode says what is wrong with it
	relays, latest := relaysAtHome(cfg.Home)
	f.Latest = latest
	relays = append(relays, bootstraps(cfg)...)
	n, err := openNode(ctx, cfg)
	if err != nil {
		f.Problem = Explain(err).Text
		return f
	}
	defer n.Close()
	var tried sync.WaitGroup
	tried.Go(func() { f.Relays = probeRelays(ctx, n, relays) })
	f.await(ctx, n, bootstrapOf(cfg))
	tried.Wait()
	f.read(n)
	return f
}

// await waits until a fresh node knows how it is connected, or for reachTime.
func (f *networkFacts) await(ctx context.Context, n *node.Node, bootstrap []string) {
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		f.read(n)
		first := f.Network == node.Private && len(bootstrap) == 0 // of its network: there is nobody to find
		if f.settled() && (f.Servers > 0 || !f.DHT || first) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

// read notes what the node knows now.
func (f *networkFacts) read(n *node.Node) {
	f.Reach, f.Outward, f.Asking = n.Reach(), n.Outward(), n.AsksRouter()
	f.Servers, f.DHT = n.Known()
}

// settled says that the node knows how it is connected to the internet, if its
// network has to do with that.
func (f *networkFacts) settled() bool {
	known := f.Reach.UDP && f.Reach.Kind != node.ReachUnknown && f.Reach.NAT != node.NATUnknown
	return !f.Outward || known && (!f.Asking || f.Reach.Kind == node.ReachOpen)
}

// doDoctor answers what the running node knows of its network, or, with the word
// findings, what is to be found of everything here.
func (s *Session) doDoctor(ctx context.Context, word string) Reply {
	if word != "findings" {
		return Reply{Data: s.networkFacts(ctx)}
	}
	found := []Finding{}
	examine(ctx, &s.cfg, DoctorOptions{}, s.networkFacts, func(f Finding) { found = append(found, f) })
	return Reply{Data: map[string]any{"findings": found}}
}

func (s *Session) networkFacts(ctx context.Context) networkFacts {
	f := networkFacts{Network: s.network, Running: true}
	f.read(s.node)
	var relays []relayAt
	for _, h := range s.rooms() {
		snap := h.room.Snapshot()
		for _, r := range snap.Relays {
			if r.ID != h.me && len(r.Addrs) > 0 {
				relays = append(relays, relayAt{name: nameOr(r.Name, r.ID), addrs: r.Addrs})
			}
		}
		if others := len(snap.People) - 1; others > f.Others {
			f.Others, f.Clock = others, snap.ClockFast
		}
	}
	f.Relays = probeRelays(ctx, s.node, append(relays, bootstraps(&s.cfg)...))
	return f
}

// nameOr is how a person is called, by key where they have no name.
func nameOr(name string, id identity.ID) string {
	if name == "" {
		return id.Short()
	}
	return name
}

// relayAt is where a relay says it is.
type relayAt struct {
	name  string
	addrs []string
}

// bootstraps are the nodes that --bootstrap names, each with all its addresses.
func bootstraps(cfg *Config) (nodes []relayAt) {
	for _, addr := range bootstrapOf(cfg) {
		_, peer, _ := strings.Cut(addr, "/p2p/")
		name := "bootstrap " + peer[max(0, len(peer)-6):]
		if i := slices.IndexFunc(nodes, func(r relayAt) bool { return r.name == name }); i >= 0 {
			nodes[i].addrs = append(nodes[i].addrs, addr)
		} else {
			nodes = append(nodes, relayAt{name: name, addrs: []string{addr}})
		}
	}
	return nodes
}

// probeRelays tries the relays side by side, each by the addresses it has.
func probeRelays(ctx context.Context, n *node.Node, relays []relayAt) []relayFact {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	relays = relays[:min(len(relays), maxProbes)]
	facts := make([]relayFact, len(relays))
	var work sync.WaitGroup
	for i, r := range relays {
		facts[i].Name = r.name
		work.Go(func() {
			for _, addr := range r.addrs {
				if way, err := n.Reaches(ctx, addr); err == nil {
					facts[i].Way = way
					return
				}
			}
		})
	}
	work.Wait()
	return facts
}

// relaysAtHome reads from the rooms of a home where their relays are, and when
// the newest thing in them happened. It makes nothing and needs no key; a home
// that cannot be read has no rooms.
func relaysAtHome(dir string) (relays []relayAt, latest time.Time) {
	path := filepath.Join(dir, storeFile)
	if _, err := os.Stat(path); err != nil {
		return nil, latest
	}
	store, err := keep.Open(path)
	if err != nil {
		return nil, latest
	}
	defer store.Close()
	recs, err := store.Rooms()
	if err != nil {
		return nil, latest
	}
	for _, rec := range recs {
		log, _, err := loadLog(rec, store)
		if err != nil {
			continue
		}
		if at := newest(log); at.After(latest) {
			latest = at
		}
		if rec.Left {
			continue
		}
		for _, r := range log.State().Relays() {
			if len(r.Addrs) > 0 {
				relays = append(relays, relayAt{name: r.ID.Short(), addrs: r.Addrs})
			}
		}
	}
	return relays, latest
}

// newest is the time of the latest operation of a log.
func newest(log *room.Log) (at time.Time) {
	for e := range log.Ops() {
		if t := time.UnixMilli(int64(e.Op.Time)); t.After(at) {
			at = t
		}
	}
	return at
}
