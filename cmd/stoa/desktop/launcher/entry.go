// Desktop entries: what a desktop reads of a program.

package launcher

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	entryFile = "stoa.desktop"
	scheme    = "x-scheme-handler/stoa" // what links that begin with stoa: have as their type
)

// entryText returns the desktop entry by which a desktop starts program with args, as the
// Desktop Entry Specification has it. With links it is also how a desktop opens a
// link; without, it is one for the start of a session.
func entryText(program string, args []string, links bool) (string, error) {
	words := append([]string{program}, args...)
	exec := make([]string, len(words))
	for i, word := range words {
		quoted, err := quote(word)
		if err != nil {
			return "", err
		}
		exec[i] = quoted
	}
	lines := []string{
		"[Desktop Entry]",
		"Type=Application",
		"Version=1.1",
		"Name=stoa",
		"GenericName=Live audio rooms",
		"GenericName[es]=Salas de audio en directo",
		"GenericName[id]=Ruang audio langsung",
		"Comment=Talk and listen in rooms that belong to nobody",
		"Comment[es]=Habla y escucha en salas que no son de nadie",
		"Comment[id]=Berbicara dan mendengarkan di ruang yang bukan milik siapa pun",
		"Icon=stoa",
	}
	if strings.HasPrefix(program, "/") {
		lines = append(lines, "TryExec="+escape(program))
	}
	if links {
		exec = append(exec, "%u")
		lines = append(lines, "MimeType="+scheme+";")
	}
	lines = append(lines,
		"Exec="+strings.Join(exec, " "),
		"Terminal=false",
		"StartupNotify=false",
		"Categories=Network;Chat;",
		"Keywords=voice;talk;stage;room;",
	)
	return strings.Join(lines, "\n") + "\n", nil
}

// quote writes one word of a command as the key Exec wants it: in quotes where it holds a
// character that means something there, a per cent sign twice, and all of it once more
// escaped as every value is.
func quote(word string) (string, error) {
	switch {
	case !utf8.ValidString(word) || strings.ContainsFunc(word, unicode.IsControl):
		return "", &Error{
			Text: fmt.Sprintf("no desktop entry can name %q", word),
			Hint: "put stoa into a folder whose name has no control characters",
		}
	case strings.Contains(word, "=") && strings.HasPrefix(word, "/"):
		return "", &Error{
			Text: "no desktop entry can name a program with an equals sign in its path: " + word,
			Hint: "put stoa into a folder without one",
		}
	}
	word = strings.ReplaceAll(word, "%", "%%")
	if strings.ContainsAny(word, " \"'\\><~|&;$*?#()`") || word == "" {
		word = `"` + strings.NewReplacer(`"`, `\"`, "`", "\\`", `$`, `\$`, `\`, `\\`).Replace(word) + `"`
	}
	return escape(word), nil
}

// escape writes a value of the type string.
func escape(value string) string { return strings.ReplaceAll(value, `\`, `\\`) }
