//go:build cgo && sound && !race

// The table of echo, in rooms that no canceller was tuned in.

package voice_test

import (
	"testing"
	"time"

	"stoa/audio/audiotest"
	"stoa/audio/echo"
	"stoa/audio/voice"
)

// cancellers are what is measured beside each other. The first is the one in use.
var cancellers = []struct {
	name string
	make func() voice.Canceller
}{
	{"audio/echo", func() voice.Canceller { return echo.New() }},
}

// What is asked: ERLE from 3 s on, in dB, and STOI of both.
const (
	askedERLE = 35
	askedSTOI = 0.85
)

// echoRows are talks, with what they hold at the least. Where that is less than what is asked, it is
// what has been reached so far: rooms that reverberate for longer than the model of them, loudspeakers
// that cut off, rooms that have just changed, and an echo that was found late.
var echoRows = []struct {
	name string
	talk
	erle, stoi float64
}{
	{"desk, 10 ms", talk{room: audiotest.Room{Seed: 11, Delay: 10 * ms, T60: 200 * ms}, far: "ada", near: "allison"}, askedERLE, askedSTOI},
	{"office, 40 ms", office, askedERLE, askedSTOI},
	{"living room, 120 ms", talk{room: audiotest.Room{Seed: 13, Delay: 120 * ms, T60: 400 * ms}, far: "allison", near: "ben", from: 3}, askedERLE, askedSTOI},
	{"bare kitchen, 250 ms", talk{room: audiotest.Room{Seed: 14, Delay: 250 * ms, T60: 500 * ms}, far: "ada", near: "callum", from: 2}, 30, askedSTOI},
	{"same voice on both sides", talk{room: audiotest.Room{Seed: 23, Delay: 50 * ms}, far: "allison", near: "allison", from: 5}, askedERLE, askedSTOI},
	{"loudspeaker bends", talk{room: audiotest.Room{Seed: 15, Delay: 40 * ms, Saturation: 0.6}, far: "callum", near: "ben"}, askedERLE, askedSTOI},
	{"loudspeaker bends much", talk{room: audiotest.Room{Seed: 16, Delay: 80 * ms, Saturation: 0.25}, far: "allison", near: "ben"}, 33, askedSTOI},
	{"loudspeaker clips hard", talk{room: audiotest.Room{Seed: 17, Delay: 60 * ms, Clip: 0.15}, far: "ben", near: "callum"}, 21, askedSTOI},
	{"moved at 5 s", talk{room: audiotest.Room{Seed: 18, Delay: 40 * ms, Change: 5 * time.Second}, far: "callum", near: "ada"}, 21, askedSTOI},
	{"clocks 50 ppm apart", talk{room: audiotest.Room{Seed: 19, Delay: 60 * ms, PPM: 50}, far: "ben", near: "allison"}, askedERLE, askedSTOI},
	{"echo 6 dB above near", talk{room: audiotest.Room{Seed: 20, Delay: 40 * ms, Loss: -3}, far: "ada", near: "callum", ahead: -6}, askedERLE, askedSTOI},
	{"echo 6 dB below near", talk{room: audiotest.Room{Seed: 21, Delay: 40 * ms, Loss: 10}, far: "allison", near: "callum", ahead: 6}, askedERLE, askedSTOI},
	{"noise at -50 dB", talk{room: audiotest.Room{Seed: 22, Delay: 30 * ms, Noise: -50}, far: "callum", near: "ben"}, 30, askedSTOI},
}

func TestTableEcho(t *testing.T) {
	for i, c := range cancellers {
		t.Logf("%-26s%s", c.name, outcomes)
		for _, r := range echoRows {
			o := r.hold(t, c.make().Cancel)
			short := ""
			if o.erle < askedERLE || o.stoi < askedSTOI {
				short = "   short of what is asked"
			}
			t.Logf("%-26s%v%s", r.name, o, short)
			if i == 0 && (o.erle < r.erle || o.stoi < r.stoi) {
				t.Errorf("%s: less than %v dB or %v", r.name, r.erle, r.stoi)
			}
		}
	}
}

func TestTableLaptops(t *testing.T) {
	t.Logf("apart  network  untreated  treated    STOI  (dB after the voice has ended)")
	for _, apart := range []float64{3, 6, 10, 20} {
		for _, network := range []time.Duration{30 * ms, 80 * ms, 200 * ms} {
			l := audiotest.Laptops{
				Room:    audiotest.Room{Seed: uint64(apart) + uint64(network/ms), Delay: 40 * ms, Noise: -70},
				Apart:   apart,
				Network: network,
			}
			raw, _, _ := howls(t, l, false)
			level, d, howl := howls(t, l, true)
			t.Logf("%2.0f dB  %6v  %9.1f  %7.1f  %6.3f", apart, network, raw, level, d)
			if howl {
				t.Errorf("%v dB apart, %v: howls", apart, network)
			}
		}
	}
}
