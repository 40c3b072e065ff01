// Every kind of event, as a person and as a script see it.

package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"

	"stoa/cmd/stoa/app"
)

const (
	roomA = "roomaaaaaaaaaaaaaaaa"
	roomB = "roombbbbbbbbbbbbbbbb"
	ann   = "annkeyaaaaaaaaaaaaaa"
	bob   = "bobkeybbbbbbbbbbbbbb"
	cat   = "catkeycccccccccccccc"
)

func flagged(b bool) *bool    { return &b }
func millis(ms int64) *int64  { return &ms }
func here(who, name string) e { return memberIs(who, name, "listener", "present") }

// noon is one where this machine is.
var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.Local)

type e = app.Event

func memberIs(who, name, role, state string) e {
	return e{Kind: app.EventMember, Room: roomA, Who: who, Name: name, Role: role, State: state}
}

// TestPrint tells a story a step; each step is one event and what a person
// sees of it.
func TestPrint(t *testing.T) {
	type step struct {
		e    app.Event
		want string
	}
	hand := func(who string, up bool, place int) e {
		return e{Kind: app.EventHand, Room: roomA, Who: who, Up: flagged(up), Place: place}
	}
	stories := map[string][]step{
		"coming and going": {
			{e{Kind: app.EventReady, Peer: "p", Addrs: []string{"/ip4/192.0.2.1"}}, "ready\n"},
			{e{Kind: app.EventRoom, Room: roomA, Title: "Evening talk"}, "room: Evening talk (roomaaaa)\n"},
			{e{Kind: app.EventRoom, Room: roomA, Title: "Evening talk"}, ""},
			{e{Kind: app.EventRoom, Room: roomA, Title: "Night \x1b[2Jtalk"}, "Evening talk is now called Night talk\n"},
			{e{Kind: app.EventLink, Room: roomA, Role: "listener", Link: "stoa:j/abc"}, "link for a listener:\nstoa:j/abc\n"},
			{e{Kind: app.EventJoined, Room: roomA, Role: "owner", MS: millis(0)}, "you are in, as owner (0 ms)\n"},
			{e{Kind: app.EventLeft, Room: roomA}, "you left the room\n"},
			{e{Kind: app.EventLeft, Room: roomA, Why: "the room was closed"}, "you left the room: the room was closed\n"},
		},
		"relays": {
			{e{Kind: app.EventMetrics, Addrs: []string{"127.0.0.1:9090"}}, "figures: http://127.0.0.1:9090/metrics\n"},
			{e{Kind: app.EventLend, Room: roomA, On: flagged(true)}, "your connection is lent to the room\n"},
			{e{Kind: app.EventCarries, Room: roomA, Carries: &app.Carries{Listeners: 3, Standby: 2, Slots: 64}}, "carrying 3 of 64 listeners, 2 on standby\n"},
			{e{Kind: app.EventDrain, Room: roomA, Carries: &app.Carries{Listeners: 3, Standby: 2, Slots: 64}}, "asking 5 listeners to go elsewhere\n"},
			{e{Kind: app.EventDrain, Room: roomA, Carries: &app.Carries{Slots: 64}}, ""},
			{e{Kind: app.EventLend, Room: roomA, On: flagged(false), Why: "nobody can reach it"}, "your connection is not lent to the room: nobody can reach it\n"},
		},
		"the door": {
			{here(ann, "Ann"), "Ann is here (listener)\n"},
			{e{Kind: app.EventLocked, Room: roomA, On: flagged(true), By: ann}, "the room was locked by Ann\n"},
			{e{Kind: app.EventLocked, Room: roomA, On: flagged(false)}, "the room was unlocked\n"},
		},
		"meetings": {
			{here(ann, "Ann"), "Ann is here (listener)\n"},
			{e{Kind: app.EventSchedule, Room: roomA, On: flagged(true), By: ann, StartsMS: noon.UnixMilli(), Text: "te\x1b[2Ja"}, "the room meets on Tue 1 Dec 2026 12:00: tea\n"},
			{e{Kind: app.EventSchedule, Room: roomA, On: flagged(false), By: ann}, "nothing is planned in the room any more\n"},
			{e{Kind: app.EventBegins, Room: roomA, Text: "\"tea\" begins now"}, "\"tea\" begins now\n"},
		},
		"recordings": {
			{here(ann, "Ann"), "Ann is here (listener)\n"},
			{e{Kind: app.EventRecording, Room: roomA, On: flagged(true), By: ann}, "Ann records the room and asks whether you may be heard in it: `stoa consent yes`; who says nothing is left out\n"},
			{e{Kind: app.EventConsent, Room: roomA, Who: ann, On: flagged(true)}, "Ann may be recorded\n"},
			{e{Kind: app.EventConsent, Room: roomA, Who: ann, On: flagged(false)}, "Ann may not be recorded\n"},
			{e{Kind: app.EventRecording, Room: roomA, On: flagged(false), By: ann}, "the room is not recorded any more\n"},
			{e{Kind: app.EventRecorded, Room: roomA, Text: "done", Folder: "/x"}, "done: /x\n"},
		},
		"members": {
			{here(ann, "Ann"), "Ann is here (listener)\n"},
			{here(ann, "Ann"), ""},
			{here(ann, "Anna"), "Ann is now called Anna\n"},
			{memberIs(ann, "Anna", "speaker", "present"), ""}, // a stage event says it
			{memberIs(ann, "Anna", "moderator", "present"), "Anna is now a moderator\n"},
			{memberIs(ann, "", "", "away"), "Anna is away\n"},
			{memberIs(ann, "", "", "away"), ""},
			{memberIs(ann, "Anna", "moderator", "present"), "Anna is back\n"},
			{memberIs(ann, "Anna", "moderator", "gone"), "Anna left\n"},
			{memberIs(ann, "Anna", "moderator", "gone"), ""},
			{here(ann, "Anna"), "Anna is here (listener)\n"},
			{memberIs(bob, "Bob", "listener", "gone"), ""}, // never seen
		},
		"names": {
			{here(ann, "Ann"), "Ann is here (listener)\n"},
			{here(bob, "ANN"), "ANN (bobkeybb) is here (listener)\n"},
			{here(cat, "\x1b[31m\u202e \n"), "catkeycc is here (listener)\n"},
			{memberIs(ann, "Ann", "listener", "gone"), "Ann (annkeyaa) left\n"},
			{e{Kind: app.EventStage, Room: roomA, Who: bob, On: flagged(true)}, "ANN is on stage\n"},
		},
		"hands": {
			{here(ann, "Ann"), "Ann is here (listener)\n"},
			{hand(ann, true, 2), "Ann raised a hand (place 2)\n"},
			{hand(ann, true, 1), ""},
			{hand(ann, false, 0), "Ann has the hand down\n"},
			{hand(ann, false, 0), ""},
			{hand(bob, true, 1), "bobkeybb raised a hand (place 1)\n"},
			{e{Kind: app.EventHand, Room: roomA, Who: bob, Up: flagged(false), By: ann, Text: "t", Hint: "raise it again"}, "Ann took down the hand of bobkeybb\nraise it again\n"},
		},
		"stage and microphones": {
			{here(ann, "Ann"), "Ann is here (listener)\n"},
			{here(bob, "Bob"), "Bob is here (listener)\n"},
			{e{Kind: app.EventStage, Room: roomA, Who: ann, On: flagged(true)}, "Ann is on stage\n"},
			{e{Kind: app.EventStage, Room: roomA, Who: ann, On: flagged(false)}, "Ann left the stage\n"},
			{e{Kind: app.EventMuted, Room: roomA, Who: ann, By: bob, Muted: flagged(true)}, "Ann was muted by Bob\n"},
			{e{Kind: app.EventMuted, Room: roomA, Who: ann, Muted: flagged(false)}, "Ann was unmuted\n"},
			{e{Kind: app.EventMic, Room: roomA, On: flagged(true)}, "your microphone is live\n"},
			{e{Kind: app.EventMic, Room: roomA, On: flagged(false)}, "your microphone is muted\n"},
			{e{Kind: app.EventTalk, State: "push", On: flagged(true)}, ""},
			{e{Kind: app.EventDuck, On: flagged(true)}, ""},
			{e{Kind: app.EventUnheard, Text: "you speak, but you are muted", Hint: "say so"}, "you speak, but you are muted: say so\n"},
			{e{Kind: app.EventEcho, Text: "others hear themselves", Hint: "use headphones"}, "others hear themselves: use headphones\n"},
			{e{Kind: app.EventSound, Room: roomA, Who: ann, MS: millis(310)}, "you hear Ann\n"},
			{e{Kind: app.EventChat, Room: roomA, Who: ann, Name: "Ann", Key: "1.a", Text: "good\nevening\x1b[2J"}, "Ann: good evening\n"},
			{e{Kind: app.EventChat, Room: roomA, Who: ann, Name: "Ann", Key: "1.a", By: ann}, "a message of Ann was hidden by Ann\n"},
			{e{Kind: app.EventChat, Room: roomA, Who: bob, Name: "Ann", Key: "2.b", Text: "it is me"}, "Ann (bobkeybb): it is me\n"},
			{e{Kind: app.EventChat, Room: roomA, Who: cat, Name: "Ann", Key: "3.c", Text: "no, me"}, "Ann (catkeycc): no, me\n"},
			{e{Kind: app.EventReact, Room: roomA, Who: ann, Emoji: "👏"}, "Ann 👏\n"},
			{e{Kind: app.EventStats, Stats: &app.Stats{Room: roomA, People: 2}}, ""}, // no terminal, no status line
			{e{Kind: app.EventStats}, ""},
		},
		"who hears whom": {
			{here(ann, "Ann"), "Ann is here (listener)\n"},
			{here(bob, "Bob"), "Bob is here (listener)\n"},
			{memberIs(cat, "Rel", "relay", "present"), "Rel is here (relay)\n"},
			{e{Kind: app.EventHears, Room: roomA, Who: ann, State: "none"}, "you do not hear Ann: there is no way to them yet\n"},
			{e{Kind: app.EventHears, Room: roomA, Who: ann, State: "relay", By: cat}, "you do not hear Ann directly; the relay Rel brings their voice\n"},
			{e{Kind: app.EventHears, Room: roomA, Who: ann, State: "relay", By: bob}, "you do not hear Ann directly; Bob brings their voice\n"},
			{e{Kind: app.EventHears, Room: roomA, Who: ann, State: "direct"}, "you hear Ann directly\n"},
			{e{Kind: app.EventHeard, Room: roomA, Who: bob, On: flagged(false)}, "Bob does not hear you\n"},
			{e{Kind: app.EventHeard, Room: roomA, Who: bob, On: flagged(true)}, "Bob hears you again\n"},
			{e{Kind: app.EventHelp, Room: roomA, On: flagged(true), People: []string{ann, bob}}, "you carry voices on to Ann and Bob, who cannot connect to somebody on stage\n"},
			{e{Kind: app.EventHelp, Room: roomA, On: flagged(false), People: []string{ann, bob}}, "you carry no voices on any more: nobody needs it\n"},
		},
		"removal": {
			{here(ann, "Ann"), "Ann is here (listener)\n"},
			{e{Kind: app.EventRemoved, Room: roomA, Who: ann, By: bob, Why: "spam\a"}, "Ann was removed by bobkeybb: spam\n"},
			{memberIs(ann, "Ann", "listener", "gone"), ""},
			{e{Kind: app.EventRemoved, Room: roomA, Who: ann}, "Ann was removed\n"},
			{here(ann, "Ann"), "Ann is here (listener)\n"},
		},
		"two rooms": {
			{e{Kind: app.EventRoom, Room: roomA, Title: "One"}, "room: One (roomaaaa)\n"},
			{e{Kind: app.EventRoom, Room: roomB, Title: "Two"}, "room: Two (roombbbb)\n"},
			{here(ann, "Ann"), "One: Ann is here (listener)\n"},
			{e{Kind: app.EventSound, Room: roomB, Who: ann}, "Two: you hear annkeyaa\n"},
			{e{Kind: app.EventLeft, Room: roomB}, "Two: you left the room\n"},
			{here(bob, "Bob"), "Bob is here (listener)\n"},
		},
		"of a later version": {
			{e{Kind: "weather", Text: "it\nrains"}, "it rains\n"},
			{e{Kind: "weather"}, ""},
		},
		"errors go elsewhere": {
			{e{Kind: app.EventError, Text: "no", Hint: "yes"}, ""},
		},
	}
	for name, steps := range stories {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			c := &cli{stdout: &out, stderr: &bytes.Buffer{}}
			p := c.newPrinter(&nodeFlags{}, false)
			for i, s := range steps {
				out.Reset()
				p.event(s.e)
				if out.String() != s.want {
					t.Errorf("step %d: got %q, want %q", i, out.String(), s.want)
				}
			}
		})
	}
}

func TestPrintReady(t *testing.T) {
	var out bytes.Buffer
	c := &cli{stdout: &out}
	f := &nodeFlags{}
	f.bootstrap = "none"
	c.newPrinter(f, true).event(e{Kind: app.EventReady, Addrs: []string{"/a", "/b"}})
	if want := "ready\n  /a\n  /b\nrooms of this home are taken up again, muted; Ctrl-C ends\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
}

func TestPrintRelayReady(t *testing.T) {
	var out bytes.Buffer
	p := (&cli{stdout: &out}).newPrinter(&nodeFlags{}, false)
	p.relay = true
	p.event(e{Kind: app.EventReady, Addrs: []string{"/a", "/b"}})
	if want := "ready: others come here by any of these, as hints or as --bootstrap of a private network\n  /a\n  /b\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
	out.Reset()
	p.event(e{Kind: app.EventLend, Room: roomA, On: flagged(true)})
	p.event(e{Kind: app.EventLend, Room: roomA, On: flagged(false)})
	if want := "this relay carries the room\nthis relay does not carry the room any more\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
}

// TestPrintAudible: the line comes when it has become another one, without what a terminal
// would obey.
func TestPrintAudible(t *testing.T) {
	var out bytes.Buffer
	p := (&cli{stdout: &out}).newPrinter(&nodeFlags{}, false)
	for _, text := range []string{"heard by 2", "heard by 2", "heard by 1, not by b\x1b[2Job"} {
		p.event(e{Kind: app.EventAudible, Room: roomA, Audible: &app.Audible{Text: text}})
	}
	if want := "heard by 2\nheard by 1, not by bob\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
}

func TestErrorEvent(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		var out, errOut bytes.Buffer
		c := &cli{stdout: &out, stderr: &errOut}
		f := &nodeFlags{}
		f.json = asJSON
		c.newPrinter(f, false).event(e{Kind: app.EventError, Text: "no microphone found", Hint: "use --in silence"})
		if want := "stoa: error: no microphone found\nstoa: hint: use --in silence\n"; errOut.String() != want {
			t.Errorf("stderr %q", errOut.String())
		}
		if got, want := out.Len() > 0, asJSON; got != want {
			t.Errorf("json %v: stdout %q", asJSON, out.String())
		}
	}
}

func TestPrintJSON(t *testing.T) {
	tests := []struct {
		e    app.Event
		want string
	}{
		{e{Kind: app.EventReady, Peer: "p", Addrs: []string{"/a"}}, `{"event":"ready","peer":"p","addrs":["/a"]}`},
		{e{Kind: app.EventRoom, Room: "r", Title: "A & <B>"}, `{"event":"room","room":"r","title":"A & <B>"}`},
		{e{Kind: app.EventLink, Room: "r", Role: "listener", Link: "stoa:j/a"}, `{"event":"link","room":"r","role":"listener","link":"stoa:j/a"}`},
		{e{Kind: app.EventJoined, Room: "r", Role: "owner", MS: millis(0)}, `{"event":"joined","room":"r","role":"owner","ms":0}`},
		{e{Kind: app.EventMember, Room: "r", Who: "w", Name: "A\x1b[1m", Role: "speaker", State: "present"}, `{"event":"member","room":"r","role":"speaker","who":"w","name":"A\u001b[1m","state":"present"}`},
		{e{Kind: app.EventHand, Room: "r", Who: "w", Up: flagged(true), Place: 1}, `{"event":"hand","room":"r","who":"w","up":true,"place":1}`},
		{e{Kind: app.EventHand, Room: "r", Who: "w", Up: flagged(false)}, `{"event":"hand","room":"r","who":"w","up":false}`},
		{e{Kind: app.EventStage, Room: "r", Who: "w", On: flagged(false)}, `{"event":"stage","room":"r","who":"w","on":false}`},
		{e{Kind: app.EventMuted, Room: "r", Who: "w", By: "b", Muted: flagged(true)}, `{"event":"muted","room":"r","who":"w","by":"b","muted":true}`},
		{e{Kind: app.EventMic, Room: "r", On: flagged(true)}, `{"event":"mic","room":"r","on":true}`},
		{e{Kind: app.EventDevice, Device: "mic", Name: "n", State: "instead", Text: "t"}, `{"event":"device","name":"n","state":"instead","device":"mic","text":"t"}`},
		{e{Kind: app.EventTalk, State: "push", On: flagged(true)}, `{"event":"talk","state":"push","on":true}`},
		{e{Kind: app.EventUnheard, Text: "t", Hint: "h"}, `{"event":"unheard","text":"t","hint":"h"}`},
		{e{Kind: app.EventDuck, On: flagged(false)}, `{"event":"duck","on":false}`},
		{e{Kind: app.EventEcho, Text: "t", Hint: "h"}, `{"event":"echo","text":"t","hint":"h"}`},
		{e{Kind: app.EventSound, Room: "r", Who: "w", MS: millis(5)}, `{"event":"sound","room":"r","ms":5,"who":"w"}`},
		{e{Kind: app.EventReact, Room: "r", Who: "w", Emoji: "🎉"}, `{"event":"react","room":"r","who":"w","emoji":"🎉"}`},
		{e{Kind: app.EventChat, Room: "r", Who: "w", Name: "n", Key: "k", Text: "t"}, `{"event":"chat","room":"r","who":"w","name":"n","key":"k","text":"t"}`},
		{e{Kind: app.EventStats, Stats: &app.Stats{Room: "r", People: 2, Sent: 3, Dropped: 1, Refused: map[string]uint64{"replay": 1}, Speakers: []app.SpeakerStats{{
			Who: "w", Received: 50, Played: 45, Repaired: 2, Lost: 1, Late: 2, Dropped: 4, Concealed: 3, Jitter: 1.5, Delay: 61.5, Carrier: "datagram"}}}},
			`{"event":"stats","stats":{"room":"r","people":2,"links":0,"sent":3,"dropped":1,"refused":{"replay":1},"speakers":[{"who":"w","received":50,"played":45,"repaired":2,"lost":1,"late":2,"dropped":4,"concealed":3,"seconds":0,"silence_ms":0,"jitter_ms":1.5,"delay_ms":61.5,"carrier":"datagram"}]}}`},
		{e{Kind: app.EventLocked, Room: "r", By: "b", On: flagged(true)}, `{"event":"locked","room":"r","on":true,"by":"b"}`},
		{e{Kind: app.EventSchedule, Room: "r", On: flagged(true), StartsMS: 1, EndsMS: 2, Text: "t", By: "b"}, `{"event":"schedule","room":"r","on":true,"by":"b","starts_ms":1,"ends_ms":2,"text":"t"}`},
		{e{Kind: app.EventBegins, Room: "r", Title: "A", StartsMS: 1, Code: "begins_now", Text: "t"}, `{"event":"begins","room":"r","title":"A","starts_ms":1,"code":"begins_now","text":"t"}`},
		{e{Kind: app.EventRecording, Room: "r", Recording: "x", On: flagged(true), By: "b"}, `{"event":"recording","room":"r","on":true,"by":"b","recording":"x"}`},
		{e{Kind: app.EventConsent, Room: "r", Recording: "x", Who: "w", On: flagged(false)}, `{"event":"consent","room":"r","who":"w","on":false,"recording":"x"}`},
		{e{Kind: app.EventRecorded, Room: "r", Recording: "x", Folder: "f", Text: "t"}, `{"event":"recorded","room":"r","recording":"x","folder":"f","text":"t"}`},
		{e{Kind: app.EventHears, Room: "r", Who: "w", State: "relay", By: "b"}, `{"event":"hears","room":"r","who":"w","state":"relay","by":"b"}`},
		{e{Kind: app.EventHeard, Room: "r", Who: "w", On: flagged(false)}, `{"event":"heard","room":"r","who":"w","on":false}`},
		{e{Kind: app.EventAudible, Room: "r", Audible: &app.Audible{Spoken: true, Heard: 3, Not: []string{"w"}, NoLoud: []string{}, Hears: 1,
			Unheard: []app.Silent{{Who: "v", Way: true, Seconds: 4}}, Loudspeaker: true, Text: "t"}},
			`{"event":"audible","room":"r","audible":{"spoken":true,"heard":3,"not":["w"],"no_loudspeaker":[],"unknown":0,"hears":1,"unheard":[{"who":"v","way":true,"seconds":4}],"quiet":0,"loudspeaker":true,"text":"t"}}`},
		{e{Kind: app.EventHelp, Room: "r", On: flagged(true), People: []string{"w", "v"}}, `{"event":"help","room":"r","on":true,"people":["w","v"]}`},
		{e{Kind: app.EventLend, Room: "r", On: flagged(false), Why: "y"}, `{"event":"lend","room":"r","on":false,"why":"y"}`},
		{e{Kind: app.EventCarries, Room: "r", Carries: &app.Carries{Listeners: 3, Standby: 2, Slots: 64}}, `{"event":"carries","room":"r","carries":{"listeners":3,"standby":2,"slots":64}}`},
		{e{Kind: app.EventDrain, Room: "r", Carries: &app.Carries{Slots: 64}}, `{"event":"drain","room":"r","carries":{"listeners":0,"standby":0,"slots":64}}`},
		{e{Kind: app.EventRelay, Room: "r", Who: "w", Why: "dead", Text: "t", MS: millis(90)}, `{"event":"relay","room":"r","ms":90,"who":"w","why":"dead","text":"t"}`},
		{e{Kind: app.EventReach, Reach: &app.Reach{Kind: "punch", NAT: "endpoint-independent", Seen: []string{"/a"}, UDP: true, Circuits: 2}, Text: "t"},
			`{"event":"reach","reach":{"kind":"punch","nat":"endpoint-independent","seen":["/a"],"udp":true,"ipv6":false,"circuits":2},"text":"t"}`},
		{e{Kind: app.EventMetrics, Addrs: []string{"127.0.0.1:9090"}}, `{"event":"metrics","addrs":["127.0.0.1:9090"]}`},
		{e{Kind: app.EventRemoved, Room: "r", Who: "w", By: "b", Why: "spam"}, `{"event":"removed","room":"r","who":"w","by":"b","why":"spam"}`},
		{e{Kind: app.EventLeft, Room: "r", Why: "closed"}, `{"event":"left","room":"r","why":"closed"}`},
		{e{Kind: app.EventError, Text: "t", Hint: "h"}, `{"event":"error","text":"t","hint":"h"}`},
	}
	tested := make(map[string]bool)
	for _, tt := range tests {
		tested[tt.e.Kind] = true
		var out bytes.Buffer
		c := &cli{stdout: &out, stderr: &bytes.Buffer{}}
		f := &nodeFlags{}
		f.json = true
		c.newPrinter(f, false).event(tt.e)
		if got := strings.TrimSuffix(out.String(), "\n"); got != tt.want {
			t.Errorf("%s: got  %s\nwant %s", tt.e.Kind, got, tt.want)
		}
		if !json.Valid(out.Bytes()) || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%s: not one JSON object on one line", tt.e.Kind)
		}
	}
	for _, kind := range eventKinds(t) {
		if !tested[kind] {
			t.Errorf("no test prints event %q", kind)
		}
	}
}

// eventKinds reads the kinds that package app declares, so that a new one
// cannot go untested.
func eventKinds(t *testing.T) []string {
	file, err := parser.ParseFile(token.NewFileSet(), "app/event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(v.Names[0].Name, "Event") && len(v.Values) == 1 {
			kind, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, kind)
		}
		return true
	})
	if len(kinds) == 0 {
		t.Fatal("found no kinds of event")
	}
	return kinds
}
