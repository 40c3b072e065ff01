// Status line and QR codes.

package main

import (
	"bytes"
	"strings"
	"testing"

	"rsc.io/qr"

	"stoa/cmd/stoa/app"
)

func testScreen(width int) (*screen, *bytes.Buffer) {
	var out bytes.Buffer
	return &screen{w: &out, width: func() int { return width }}, &out
}

func TestStatusLine(t *testing.T) {
	s, out := testScreen(20)
	expect := func(want string) {
		t.Helper()
		if out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
		out.Reset()
	}
	s.line("one")
	expect("one\n")
	s.status("12 people")
	expect("\r\x1b[K12 people")
	s.status("12 people")
	expect("")
	s.line("two")
	expect("\r\x1b[Ktwo\n12 people")
	s.status("a status that is longer than the window")
	expect("\r\x1b[Ka status that is lo")
	s.status("")
	expect("\r\x1b[K")
	s.line("three")
	expect("three\n")
}

func TestNoTerminalNoStatusLine(t *testing.T) {
	s, out := testScreen(0)
	s.status("12 people")
	s.line("one")
	if out.String() != "one\n" {
		t.Errorf("got %q", out.String())
	}
}

func TestStatsInStatusLine(t *testing.T) {
	s, out := testScreen(80)
	c := &cli{stdout: out}
	p := c.newPrinter(&nodeFlags{}, false)
	p.out = s
	stats := func(people int, received uint64) {
		out.Reset()
		p.event(app.Event{Kind: app.EventStats, Stats: &app.Stats{Room: roomA, People: people, Speakers: []app.SpeakerStats{{Who: ann, Received: received}}}})
	}
	p.event(here(ann, "Ann"))
	stats(2, 50)
	if want := eraseLine + "2 people | speaking: Ann"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
	on := true
	p.event(app.Event{Kind: app.EventMic, Room: roomA, On: &on})
	stats(1, 50) // she has said nothing since
	if want := eraseLine + "only you | your microphone is live"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
	out.Reset()
	p.close()
	if out.String() != eraseLine {
		t.Errorf("got %q", out.String())
	}
}

func TestCut(t *testing.T) {
	tests := []struct {
		in   string
		n    int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "abc"}, {"", 0, ""}, {"a", 0, ""},
		{"日本語", 5, "日本"}, {"日本語", 6, "日本語"}, {"e\u0301e\u0301", 1, "e\u0301"}, {"a", -1, ""},
	}
	for _, tt := range tests {
		if got := cut(tt.in, tt.n); got != tt.want {
			t.Errorf("cut(%q, %d) = %q, want %q", tt.in, tt.n, got, tt.want)
		}
	}
}

// The rows drawn must hold the modules of the code, each where it belongs,
// within a light margin.
func TestQRRows(t *testing.T) {
	code, err := qr.Encode("stoa:j/"+strings.Repeat("Ab1-", 150), qr.L)
	if err != nil {
		t.Fatal(err)
	}
	drawn := make(map[[2]int]bool)
	rows := qrRows(code)
	for r, row := range rows {
		for x, block := range []rune(row) {
			drawn[[2]int{x, 2 * r}] = block == '▀' || block == '█'
			drawn[[2]int{x, 2*r + 1}] = block == '▄' || block == '█'
		}
	}
	side := code.Size + 2*quiet
	if len(rows) != (side+1)/2 || len([]rune(rows[0])) != side {
		t.Errorf("%d rows of %d", len(rows), len([]rune(rows[0])))
	}
	for y := range side {
		for x := range side {
			inside := x >= quiet && y >= quiet && x < quiet+code.Size && y < quiet+code.Size
			if got, want := drawn[[2]int{x, y}], inside && code.Black(x-quiet, y-quiet); got != want {
				t.Fatalf("module %d,%d is dark: %v, want %v", x, y, got, want)
			}
		}
	}
}

func TestQR(t *testing.T) {
	tests := []struct {
		name         string
		codes, color bool
		width        int
		want         string // how the output begins
	}{
		{"not wanted", false, false, 0, ""},
		{"in a file", true, false, 0, strings.Repeat("█", 25)},
		{"in a terminal", true, true, 100, "\x1b[38;5;16;48;5;231m" + strings.Repeat(" ", 25) + "\x1b[0m\n"},
		{"in a narrow terminal", true, true, 24, "(its QR code needs a window 25 columns wide)\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, out := testScreen(tt.width)
			s.codes, s.color = tt.codes, tt.color
			if err := s.qr("stoa:j/abc"); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(out.String(), tt.want) || tt.want == "" && out.Len() > 0 {
				t.Errorf("got %q", out.String())
			}
		})
	}
	s, _ := testScreen(0)
	s.codes = true
	if err := s.qr(strings.Repeat("x", 4000)); err == nil {
		t.Error("4000 bytes fit no QR code")
	}
}

func TestInviteShowsQR(t *testing.T) {
	f := &fake{reply: app.Reply{Lines: []string{"link for a listener:", "stoa:j/abc"}}}
	if got := f.run(t.Context(), "invite"); got.out != "link for a listener:\nstoa:j/abc\n" {
		t.Errorf("got %q", got.out)
	}
	if got := f.run(t.Context(), "invite", "--qr"); !strings.Contains(got.out, "\nstoa:j/abc\n█████") {
		t.Errorf("got %q", got.out)
	}
	if got := f.run(t.Context(), "invite", "--qr", "--json"); got.out != `{"lines":["link for a listener:","stoa:j/abc"]}`+"\n" {
		t.Errorf("got %q", got.out)
	}
}
