// A person's terminal, or the pipe or file that stands in for one: lines, one
// status line under them, QR codes.

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"rsc.io/qr"
)

// eraseLine returns to the first column and clears to the end of the line.
const eraseLine = "\r\x1b[K"

// A screen writes to standard output.
type screen struct {
	w     io.Writer
	codes bool       // print QR codes
	color bool       // the terminal understands colours
	width func() int // columns of the terminal; 0: no terminal, so no status line

	under string // the status line that is shown
}

func (c *cli) newScreen(codes bool) *screen {
	s := &screen{w: c.stdout, codes: codes, width: func() int { return 0 }}
	f, ok := c.stdout.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" || !isTerminal(f) {
		return s
	}
	s.codes = true
	s.color = os.Getenv("NO_COLOR") == ""
	s.width = func() int { return columns(f) }
	return s
}

// line prints text above the status line.
func (s *screen) line(text string) {
	if s.under == "" {
		fmt.Fprintln(s.w, text)
		return
	}
	fmt.Fprint(s.w, eraseLine, text, "\n", s.under)
}

// status replaces the status line; an empty one is taken away.
func (s *screen) status(text string) {
	if s.width() == 0 {
		return
	}
	// A line that wraps can no longer be erased.
	text = cut(text, s.width()-1)
	if text == s.under {
		return
	}
	s.under = text
	fmt.Fprint(s.w, eraseLine, text)
}

// cut shortens text to at most n columns.
func cut(text string, n int) string {
	for i, r := range text {
		if n -= cells(r); n < 0 {
			return text[:i]
		}
	}
	return text
}

// cells is how many columns a terminal gives to r, rather too many than too
// few: everything from the Hangul letters up counts as wide.
func cells(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100:
		return 2
	}
	return 1
}

// quiet is the margin of a QR code in modules. The standard asks for 4; half of
// it leaves more of the window free, and the terminal around it is empty anyway.
const quiet = 2

// qr prints a link as a QR code, two modules to a character, where QR codes are
// wanted and one fits.
func (s *screen) qr(link string) error {
	if !s.codes {
		return nil
	}
	code, err := qr.Encode(link, qr.L)
	if err != nil {
		return fmt.Errorf("the link is too long for a QR code: %w", err)
	}
	cols := code.Size + 2*quiet
	if w := s.width(); w > 0 && w < cols {
		s.line(fmt.Sprintf("(its QR code needs a window %d columns wide)", cols))
		return nil
	}
	for _, row := range qrRows(code) {
		if s.color {
			// Black on white whatever the terminal's own colours are: not
			// every telephone reads a code in negative.
			row = "\x1b[38;5;16;48;5;231m" + row + "\x1b[0m"
		} else {
			row = negative.Replace(row)
		}
		s.line(row)
	}
	return nil
}

// negative swaps ink and paper, for terminals that write light on dark.
var negative = strings.NewReplacer(" ", "█", "█", " ", "▀", "▄", "▄", "▀")

// qrRows draws code with half blocks, in dark ink on light paper.
func qrRows(code *qr.Code) []string {
	blocks := [2][2]rune{{' ', '▄'}, {'▀', '█'}} // [upper module dark][lower module dark]
	dark := func(x, y int) int {
		if code.Black(x, y) { // false outside the code
			return 1
		}
		return 0
	}
	var rows []string
	for y := -quiet; y < code.Size+quiet; y += 2 {
		var b strings.Builder
		for x := -quiet; x < code.Size+quiet; x++ {
			b.WriteRune(blocks[dark(x, y)][dark(x, y+1)])
		}
		rows = append(rows, b.String())
	}
	return rows
}
