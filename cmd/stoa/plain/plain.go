// Making text of strangers safe to show, in a terminal and in a page.

// Package plain makes text that somebody else has written safe to show: names,
// titles, topics, what people say in chat. Whatever shows such text takes it
// through Line first.
package plain

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks may follow each other. No writing
// system needs more; stacks of them paint over the lines above.
const maxMarks = 4

// Line returns s as one line that a terminal shows as it stands: without
// control characters, without terminal escape sequences (their parameters go
// too), without format characters such as the direction overrides that make a
// name read backwards or another's text change place. What separates lines or
// columns becomes a space, bytes that are no UTF-8 the replacement character.
// The joiners U+200C and U+200D stay: Persian, Indic scripts and emoji need
// them. Cleaning twice changes nothing.
func Line(s string) string {
	if isClean(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	marks := 0
	for s != "" {
		if n := escapeLen(s); n > 0 {
			s = s[n:]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		switch {
		case r == '\t' || r == '\n' || r == '\r' || unicode.In(r, unicode.Zl, unicode.Zp):
			r = ' '
		case unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d':
			continue
		}
		if !unicode.In(r, unicode.Mn, unicode.Me) {
			marks = 0
		} else if marks++; marks > maxMarks {
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// isClean is the common case: printable ASCII.
func isClean(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

const (
	esc = '\x1b'
	csi = '\u009b' // the one-character forms of ESC [, ESC ], ESC P, ESC X, ESC ^, ESC _
	osc = '\u009d'
	dcs = '\u0090'
	sos = '\u0098'
	pm  = '\u009e'
	apc = '\u009f'
	st  = '\u009c'
)

// escapeLen returns the length of the terminal escape sequence (ECMA-48) that s
// begins with, 0 if it begins with none. A sequence that s cuts off reaches to
// the end of s: a terminal would go on to swallow what is printed next.
func escapeLen(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	if r != esc {
		return introducedLen(r, n, s)
	}
	if len(s) == 1 {
		return 1
	}
	switch next := s[1]; {
	case next >= 0x40 && next <= 0x5f: // the seven-bit form of one C1 control
		return max(2, introducedLen(rune(next)+0x40, 2, s))
	case next >= 0x30 && next <= 0x7e: // two characters
		return 2
	case next >= 0x20 && next <= 0x2f: // intermediates, then a final byte
		n := 2
		for n < len(s) && s[n] >= 0x20 && s[n] <= 0x2f {
			n++
		}
		if n < len(s) && s[n] >= 0x30 && s[n] <= 0x7e {
			n++
		}
		return n
	}
	return 1
}

// introducedLen is the length of the sequence that s begins with, where its
// first n bytes stand for the C1 control r; 0 if r introduces none.
func introducedLen(r rune, n int, s string) int {
	switch r {
	case csi:
		return n + controlLen(s[n:])
	case osc, dcs, sos, pm, apc:
		return n + stringLen(s[n:])
	}
	return 0
}

// controlLen measures a control sequence behind its introducer: parameters and
// intermediates (0x20-0x3f), then a final byte (0x40-0x7e). Any other byte
// ends it and is no part of it.
func controlLen(s string) int {
	n := 0
	for n < len(s) && s[n] >= 0x20 && s[n] <= 0x3f {
		n++
	}
	if n < len(s) && s[n] >= 0x40 && s[n] <= 0x7e {
		n++
	}
	return n
}

// stringLen measures a control string behind its introducer, with the BEL or
// ST that ends it.
func stringLen(s string) int {
	for i, r := range s {
		switch {
		case r == '\a':
			return i + 1
		case r == st:
			return i + utf8.RuneLen(st)
		case r == esc && strings.HasPrefix(s[i+1:], `\`):
			return i + 2
		}
	}
	return len(s)
}
