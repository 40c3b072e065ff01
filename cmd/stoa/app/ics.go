// Calendar files (RFC 5545).

package app

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"stoa/cmd/stoa/plain"
	"stoa/identity"
	"stoa/room"
)

const (
	icsTime = "20060102T150405Z"

	// icsLine is how many bytes a line holds before it is folded (RFC 5545 section 3.1).
	icsLine = 75
)

// calendar is a meeting as a calendar file. Made again of the same schedule it is the same; of a later one it has the same UID and a higher
// SEQUENCE, so that a calendar moves the event and does not add one. link may be empty.
func calendar(id identity.RoomID, title string, s *room.Schedule, link string) string {
	at := func(ms uint64) string { return time.UnixMilli(int64(ms)).UTC().Format(icsTime) }
	var b strings.Builder
	line := func(name, value string) { b.WriteString(icsFold(name + ":" + value)) }
	line("BEGIN", "VCALENDAR")
	line("VERSION", "2.0")
	line("PRODID", "-//stoa//stoa//EN")
	line("METHOD", "PUBLISH")
	line("BEGIN", "VEVENT")
	line("UID", id.String()+"@stoa.invalid")
	line("DTSTAMP", at(s.Time)) // when this was said, not when the file was made
	line("SEQUENCE", fmt.Sprint(s.Time/60_000%(1<<31)))
	line("DTSTART", at(s.Starts))
	line("DTEND", at(s.Ends))
	line("SUMMARY", icsText(title))
	if s.Text != "" {
		line("DESCRIPTION", icsText(s.Text))
	}
	if link != "" {
		line("URL", link)
	}
	line("BEGIN", "VALARM")
	line("ACTION", "DISPLAY")
	line("DESCRIPTION", icsText(title))
	line("TRIGGER", "-PT10M")
	line("END", "VALARM")
	line("END", "VEVENT")
	line("END", "VCALENDAR")
	return b.String()
}

// icsText writes what a person has written as a TEXT value (RFC 5545 section 3.3.11).
func icsText(s string) string {
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`).Replace(plain.Line(s))
}

// icsFold ends a line, and goes on in the next where it is too long, never within a letter.
func icsFold(s string) string {
	var b strings.Builder
	for room := icsLine; len(s) > room; room = icsLine - 1 { // a space goes before what follows
		n := room
		for !utf8.RuneStart(s[n]) {
			n--
		}
		b.WriteString(s[:n] + "\r\n ")
		s = s[n:]
	}
	return b.String() + s + "\r\n"
}
