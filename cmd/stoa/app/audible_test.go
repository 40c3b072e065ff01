package app

import (
	"fmt"
	"testing"
	"time"

	"stoa/audio"
	"stoa/identity"
	"stoa/node"
	"stoa/room"
)

// span is a time of a play, in seconds.
type span struct{ from, to float64 }

func (s span) holds(at float64) bool { return at >= s.from && at < s.to }

// A play is what ann says, and how it comes to bob, in virtual time. Her frames are
// numbered on through pauses.
type play struct {
	speaks []span
	links  bool   // bob has a link to her
	dead   []span // the link brings nothing, either way
	beats  []span // bob's heartbeats do not come
	loses  []span // her voice does not come, though reports do
	blind  bool   // bob cannot open what comes
	mute   bool   // bob says nothing of her in his heartbeats
	way    room.Way
	deaf   []span // bob has no loudspeaker
}

func in(spans []span, at float64) bool {
	for _, s := range spans {
		if s.holds(at) {
			return true
		}
	}
	return false
}

// run gives hearers what they would get, every half second, and returns the verdicts by
// the time, in words.
func (p *play) run(until float64) (turns string) {
	const step, beat = 500 * time.Millisecond, 2 * time.Second
	a, bob := newHearers(), idOf("bob")
	var sent spokenMark
	var arrived uint32
	var got uint32
	receipt := room.Receipt{Who: bob, At: noon}
	was := unknown
	for at := time.Duration(0); at.Seconds() < until; at += audio.FrameTime {
		now, t := noon.Add(at), at.Seconds()
		if in(p.speaks, t) {
			sent = spokenMark{at: now, frames: sent.frames + 1, index: uint32(at/audio.FrameTime) + 1}
			if !in(p.loses, t) && !in(p.dead, t) {
				arrived++
				if !p.blind {
					got = sent.index
				}
			}
		}
		if at%beat == 300*time.Millisecond && !in(p.beats, t) {
			receipt = room.Receipt{Who: bob, At: now, Said: !p.mute, Way: p.way, Got: got, Deaf: in(p.deaf, t), Since: noon}
		}
		if at%step != 0 {
			continue
		}
		r := report{receipt: receipt}
		if p.links {
			l := node.LinkInfo{ID: bob, Arrived: arrived, Quiet: 100 * time.Millisecond}
			if in(p.dead, t) {
				l.Quiet = time.Minute
			}
			r.links = []node.LinkInfo{l}
		}
		m := sent
		m.at = now
		a.step(m, map[identity.ID]report{bob: r}, beat, now)
		if v := a.of[bob].verdict; v != was {
			was = v
			turns += fmt.Sprintf("%s at %.1f, ", [...]string{"unknown", "hears", "misses", "no loudspeaker"}[v], t)
		}
	}
	return turns
}

func TestHearers(t *testing.T) {
	always := []span{{0, 1000}}
	for _, c := range []struct {
		what string
		play play
		want string
	}{
		{"a link, and nothing is said", play{links: true, way: room.Direct}, ""},
		{"a link, and it is heard", play{speaks: always, links: true, way: room.Direct}, "hears at 0.5, "},
		{"by a relay", play{speaks: always, way: room.ByRelay}, "hears at 0.5, "},
		{"a link that brings no voice", play{speaks: always, links: true, way: room.Direct, loses: always}, "misses at 2.5, "},
		{"a voice that cannot be opened", play{speaks: always, links: true, way: room.Direct, blind: true}, "misses at 2.5, "},
		{"no link, no relay", play{speaks: always, mute: true, loses: always}, "misses at 2.5, "},
		{"he says that there is no way, though nothing is said", play{way: room.Unheard}, "misses at 2.0, "},
		{"it stops to come by a link that lives", play{speaks: always, links: true, way: room.Direct, loses: []span{{10, 15}}}, "hears at 0.5, misses at 12.5, hears at 16.5, "},
		{"he is cut off, and back", play{speaks: always, links: true, way: room.Direct, dead: []span{{10, 15}}, beats: []span{{10, 15}}}, "hears at 0.5, misses at 12.0, hears at 16.5, "},
		{"he is cut off from a relay", play{speaks: always, way: room.ByRelay, loses: []span{{10, 15}}, beats: []span{{10, 15}}}, "hears at 0.5, misses at 15.5, hears at 16.5, "},
		{"he is cut off while she pauses", play{speaks: []span{{0, 10}, {16, 40}}, links: true, way: room.Direct, dead: []span{{11, 15}}, beats: []span{{11, 15}}}, "hears at 0.5, "},
		{"what was found last holds", play{speaks: []span{{0, 20}}, links: true, way: room.Direct, loses: []span{{10, 40}}}, "hears at 0.5, misses at 12.5, "},
		{"one heartbeat is lost", play{speaks: always, way: room.ByRelay, beats: []span{{10, 11}}}, "hears at 0.5, "},
		{"words, and pauses of a second", play{speaks: []span{{0, 1}, {2, 3}, {4, 5}, {6, 7}, {8, 9}, {10, 11}}, links: true, way: room.Direct}, "hears at 0.5, "},
		{"his loudspeaker fails for a while", play{speaks: always, links: true, way: room.Direct, deaf: []span{{10, 20}}}, "hears at 0.5, no loudspeaker at 10.5, hears at 20.5, "},
		{"a crowd, where his heartbeats do not name her", play{speaks: always, links: true, mute: true, loses: []span{{10, 15}}}, "hears at 2.0, misses at 12.5, hears at 15.0, "},
	} {
		if got := c.play.run(40); got != c.want {
			t.Errorf("%s: %s want %s", c.what, got, c.want)
		}
	}
}
