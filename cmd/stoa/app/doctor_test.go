package app

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoa/node"
)

// TestVerdicts: what a person reads of each thing that can be found.
func TestVerdicts(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	reach := func(kind node.ReachKind, change func(*networkFacts)) networkFacts {
		f := networkFacts{Network: "public", Outward: true, DHT: true, Servers: 20}
		f.Reach.Kind, f.Reach.UDP = kind, true
		if change != nil {
			change(&f)
		}
		return f
	}
	noUDP := func(f *networkFacts) { f.Reach.UDP = false }
	dead := func(f *networkFacts) { f.Reach.UDP, f.Servers = false, 0 }
	symmetric := func(f *networkFacts) { f.Reach.NAT = node.NATSymmetric }
	lan := networkFacts{Network: "lan"}
	apart := networkFacts{Network: "private", DHT: true}
	failed := networkFacts{Network: "public", Problem: "this machine's network cannot be used"}
	relays := func(ways ...node.Way) networkFacts {
		f := networkFacts{}
		for i, w := range ways {
			f.Relays = append(f.Relays, relayFact{Name: string(rune('A' + i)), Way: w})
		}
		return f
	}
	words := pageWords(t)
	for _, tt := range []struct {
		found   Finding
		verdict Verdict
		text    string
		do      string // a part of it
	}{
		{judgeHome(nil), Fine, "your home can be written", ""},
		{judgeHome(os.ErrPermission), Broken, "your home cannot be written: this user may not read or write there", "--home"},

		{judgeMic(soundFacts{unasked: true}), Fine, "not looked at", ""},
		{judgeMic(soundFacts{absent: true}), Worth, "this stoa was built without sound", "cgo"},
		{judgeMic(soundFacts{err: errors.New("no microphone found: unplugged")}), Broken, "no microphone found: unplugged", "--in silence"},
		{judgeMic(soundFacts{}), Broken, "the microphone opens but gives no sound", "sound settings"},
		{judgeMic(soundFacts{samples: 9}), Broken, "the microphone opens but hears nothing at all", "muted"},
		{judgeMic(soundFacts{samples: 9, peak: 1, level: -10, clipped: 0.01}), Worth, "the microphone is too loud: it is cut off at full scale", "turn it down"},
		{judgeMic(soundFacts{samples: 9, peak: 0.01, level: -62.4}), Fine, "the microphone works; it heard hardly anything (-62 dB)", "while you speak"},
		{judgeMic(soundFacts{samples: 9, peak: 0.5, level: -30}), Fine, "the microphone hears you (-30 dB)", ""},

		{judgeSpeaker(soundFacts{unasked: true}), Fine, "not looked at", ""},
		{judgeSpeaker(soundFacts{absent: true}), Worth, "this stoa was built without sound", "cgo"},
		{judgeSpeaker(soundFacts{err: errors.New("no loudspeaker found")}), Broken, "no loudspeaker found", "--out null"},
		{judgeSpeaker(soundFacts{}), Broken, "the loudspeaker opens but takes no sound", "sound settings"},
		{judgeSpeaker(soundFacts{samples: 9}), Fine, "the loudspeaker plays", ""},

		{judgeUDP(failed), Broken, "this machine's network cannot be used", "--listen"},
		{judgeUDP(lan), Fine, "not needed on this network", ""},
		{judgeUDP(apart), Fine, "not needed on this network", ""},
		{judgeUDP(reach(node.ReachPunch, nil)), Fine, "UDP gets out: voices take the short way", ""},
		{judgeUDP(reach(node.ReachRelayed, noUDP)), Worth, "UDP does not get out of this network, TCP does: voices come later, and less evenly", "firewall"},
		{judgeUDP(reach(node.ReachLocal, dead)), Broken, "nobody on the internet can be reached", "--network lan"},
		{judgeUDP(reach(node.ReachUnknown, dead)), Broken, "nobody on the internet can be reached", "online"},

		{judgeNAT(lan), Fine, "not needed on this network", ""},
		{judgeNAT(reach(node.ReachOpen, nil)), Fine, "others can reach this machine directly", ""},
		{judgeNAT(reach(node.ReachPunch, nil)), Fine, "you are behind a router that most others can get through", ""},
		{judgeNAT(reach(node.ReachRelayed, symmetric)), Worth, "you are behind a router that others cannot get through: some will hear you by a relay", "UPnP"},
		{judgeNAT(reach(node.ReachRelayed, noUDP)), Worth, "without UDP nobody gets through to you: some will hear you by a relay", "relay"},
		{judgeNAT(reach(node.ReachLocal, dead)), Worth, "there is no way out of this network", "--network lan"},
		{judgeNAT(reach(node.ReachUnknown, nil)), Worth, "too little was seen to tell how others reach you", "in a room"},

		{judgeMapping(reach(node.ReachOpen, func(f *networkFacts) { f.Reach.Mapped = "pcp" })), Fine, "the router gave a port (pcp)", ""},
		{judgeMapping(reach(node.ReachOpen, nil)), Fine, "no router has to give a port", ""},
		{judgeMapping(reach(node.ReachRelayed, func(f *networkFacts) { f.Reach.NAT, f.Asking = node.NATSymmetric, true })), Fine, "the router has not answered yet", "again"},
		{judgeMapping(reach(node.ReachRelayed, symmetric)), Worth, "the router gives no port", "UPnP"},
		{judgeMapping(reach(node.ReachPunch, nil)), Fine, "the router gives no port, which others do not need", ""},

		{judgeIPv6(reach(node.ReachOpen, func(f *networkFacts) { f.Reach.IPv6 = true })), Fine, "there is IPv6", ""},
		{judgeIPv6(reach(node.ReachOpen, nil)), Fine, "there is no IPv6, which nobody needs who has IPv4", ""},

		{judgeDHT(failed), Broken, "this machine's network cannot be used", ""},
		{judgeDHT(lan), Fine, "not needed on this network", ""},
		{judgeDHT(apart), Worth, "no other node of the private network is known", "--bootstrap"},
		{judgeDHT(reach(node.ReachPunch, nil)), Fine, "rooms can be found: 20 directory nodes are known", ""},
		{judgeDHT(reach(node.ReachPunch, dead)), Broken, "no directory node answers: rooms can be joined only by the addresses in a link", "online"},

		{judgeRelays(failed), Broken, "this machine's network cannot be used", ""},
		{judgeRelays(networkFacts{}), Fine, "there are no relays in your rooms", ""},
		{judgeRelays(relays(node.Direct, node.OverTCP)), Fine, "reached: A (direct), B (tcp)", ""},
		{judgeRelays(relays(node.Direct, "")), Worth, "reached: A (direct); not reached: B", "running"},
		{judgeRelays(relays("", "")), Broken, "no relay can be reached: A, B", "firewall"},

		{judgeClockAt(networkFacts{Clock: 10 * time.Minute, Others: 2}, now), Worth, "your clock is 10 minutes fast, as far as most people here can tell", "set it right"},
		{judgeClockAt(networkFacts{Clock: -3 * time.Hour, Others: 2}, now), Broken, "your clock is 3 hours slow, as far as most people here can tell", "set it right"},
		{judgeClockAt(networkFacts{Others: 2}, now), Fine, "your clock agrees with those of the people in your room", ""},
		{judgeClockAt(networkFacts{Latest: now.Add(48 * time.Hour)}, now), Broken, "your clock is 2 days behind what happened in your rooms already", "set it right"},
		{judgeClockAt(networkFacts{Latest: now}, now), Fine, "there was nobody to compare your clock with", "in a room"},
		{judgeClockAt(networkFacts{Others: 1, Running: true}, now), Fine, "there was nobody to compare your clock with", ""},
		{judgeMic(soundFacts{samples: 9, peak: 0.5, level: -30, name: "B", instead: "A"}), Worth, "the microphone hears you (-30 dB): B, since A cannot be used", ""},
		{judgeSpeaker(soundFacts{samples: 9, name: "B", instead: "A"}), Worth, "the loudspeaker plays: B, since A cannot be used", ""},
		{judgeMapping(lan), Fine, "not needed on this network", ""},
		{judgeIPv6(lan), Fine, "not needed on this network", ""},
	} {
		f := tt.found
		if f.Verdict != tt.verdict || f.Text != tt.text || !strings.Contains(f.Do, tt.do) || tt.do == "" && f.Do != "" {
			t.Errorf("%s: %q %q, do %q\nwant %q %q, do %q", f.Check, f.Verdict, f.Text, f.Do, tt.verdict, tt.text, tt.do)
		}
		for file, words := range words {
			if words["finding."+f.Code] == "" {
				t.Errorf("%s: %s does not know %q (%s)", f.Check, file, f.Code, f.Text)
			}
		}
	}
}

// pageWords are the sentences of the page by their name, of each language.
func pageWords(t *testing.T) map[string]map[string]string {
	t.Helper()
	files, err := filepath.Glob("../ui/page/src/lang/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no languages: %v", err)
	}
	all := map[string]map[string]string{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		words := map[string]string{}
		if err := json.Unmarshal(data, &words); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[filepath.Base(file)] = words
	}
	return all
}

// TestSettled: a fresh node waits for the router, unless nobody needs a port of it.
func TestSettled(t *testing.T) {
	known := node.Reach{Kind: node.ReachRelayed, NAT: node.NATSymmetric, UDP: true}
	open := node.Reach{Kind: node.ReachOpen, NAT: node.NATNone, UDP: true}
	for _, tt := range []struct {
		f    networkFacts
		want bool
	}{
		{networkFacts{}, true},
		{networkFacts{Outward: true}, false},
		{networkFacts{Outward: true, Reach: known}, true},
		{networkFacts{Outward: true, Reach: known, Asking: true}, false},
		{networkFacts{Outward: true, Reach: open, Asking: true}, true},
	} {
		if got := tt.f.settled(); got != tt.want {
			t.Errorf("%+v: settled %t", tt.f, got)
		}
	}
}

func TestBootstraps(t *testing.T) {
	a, b := "/ip4/192.0.2.1/tcp/1/p2p/12D3KooWaaaaaa", "/ip4/192.0.2.1/udp/1/quic-v1/p2p/12D3KooWaaaaaa"
	got := bootstraps(&Config{Bootstrap: []string{a, b, "/ip4/192.0.2.2/tcp/1/p2p/12D3KooWbbbbbb", "nonsense"}})
	if len(got) != 3 || got[0].name != "bootstrap aaaaaa" || len(got[0].addrs) != 2 || len(got[1].addrs) != 1 {
		t.Errorf("%+v", got)
	}
	if got := bootstraps(&Config{Bootstrap: []string{"none"}}); len(got) != 0 {
		t.Errorf("none is %+v", got)
	}
}

func TestTryHome(t *testing.T) {
	dir := t.TempDir()
	if err := tryHome(filepath.Join(dir, "not", "yet")); err != nil {
		t.Errorf("a home that can be made: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var pe *fs.PathError
	if err := tryHome(file); !errors.As(err, &pe) {
		t.Errorf("a file for a home: %v", err)
	}
}

// TestDoctorAlone: without a running node it starts one, tells everything in order, and leaves no home behind.
func TestDoctorAlone(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	cfg := Config{
		Home: home, Network: "private", Bootstrap: []string{"none"}, In: inSilence, Out: outNull,
		Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"},
	}
	var checks []string
	broken := Doctor(t.Context(), cfg, DoctorOptions{}, func(f Finding) {
		checks = append(checks, f.Check)
		if f.Verdict == Broken {
			t.Errorf("%s: %s", f.Check, f.Text)
		}
	})
	if got := strings.Join(checks, ", "); broken || got != "home, microphone, loudspeaker, udp, nat, port mapping, ipv6, dht, relay, clock" {
		t.Errorf("broken %t: %s", broken, got)
	}
	if _, err := os.Stat(home); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a home was made: %v", err)
	}
}
