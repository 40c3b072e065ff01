// What strangers may make a terminal show.

package plain

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"plain", "Ann Lee", "Ann Lee"},
		{"other scripts", "Zoë 李小龙 أحمد", "Zoë 李小龙 أحمد"},
		{"line breaks and tabs", "a\nb\r\nc\td", "a b  c d"},
		{"line separators", "a\u2028b\u2029c", "a b c"},
		{"controls", "a\x00b\x07c\x08d\x7fe", "abcde"},
		{"colour", "a\x1b[1;31mb\x1b[0mc", "abc"},
		{"private parameters", "a\x1b[?25lb", "ab"},
		{"C1 colour", "a\u009b31mb", "ab"},
		{"title, BEL", "a\x1b]0;owned\ab", "ab"},
		{"title, ST", "a\x1b]0;owned\x1b\\b", "ab"},
		{"title, C1", "a\u009d0;owned\u009cb", "ab"},
		{"title, C1 ended by BEL", "a\u009d0;owned\ab", "ab"},
		{"device control", "a\x1bPq#0\x1b\\b", "ab"},
		{"hyperlink", "a\x1b]8;;http://x\x1b\\text\x1b]8;;\x1b\\b", "atextb"},
		{"other C1 controls", "a\u0085b\u0084c", "abc"},
		{"two-character escape", "a\x1b7b\x1bcd", "abd"},
		{"character set", "a\x1b(0b", "ab"},
		{"character set, cut off", "a\x1b(", "a"},
		{"control sequence broken by another rune", "a\x1b[1é", "aé"},
		{"escape before a letter of two bytes", "a\x1bé", "aé"},
		{"two escapes", "a\x1b\x1b[31mb", "ab"},
		{"cut-off escape", "a\x1b", "a"},
		{"cut-off control sequence", "a\x1b[31", "a"},
		{"cut-off string", "a\x1b]0;rest of the line", "a"},
		{"direction overrides", "a\u202eb\u202cc\u2066d\u2069e\u200ff\u061cg", "abcdefg"},
		{"zero width", "a\u200bb\ufeffc\u2060d\u00ade", "abcde"},
		{"tags", "a\U000e0041b", "ab"},
		{"joiners stay", "\u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f4bb", "\u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f4bb"},
		{"no UTF-8", "a\xffb\x9bc", "a\ufffdb\ufffdc"},
		{"marks", "e\u0301\u0323", "e\u0301\u0323"},
		{"too many marks", "e" + strings.Repeat("\u0301", 30) + "f", "e" + strings.Repeat("\u0301", maxMarks) + "f"},
		{"marks of two letters", "a\u0301\u0301\u0301b\u0301\u0301\u0301", "a\u0301\u0301\u0301b\u0301\u0301\u0301"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Line(tt.in); got != tt.want {
				t.Errorf("Line(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func FuzzLine(f *testing.F) {
	for _, s := range []string{"Ann", "a\x1b[1;31mb", "a\x1b]0;t\ab", "\u009d\x1b\\", "\x1b(0", "\u202e", "\xff\x9b", "e\u0301\u0301\u0301\u0301\u0301", "\x1b\u009b1m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Line(s)
		if !utf8.ValidString(got) {
			t.Fatalf("Line(%q) = %q is no UTF-8", s, got)
		}
		for _, r := range got {
			if unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("Line(%q) = %q holds %U", s, got, r)
			}
		}
		if again := Line(got); again != got {
			t.Fatalf("Line(%q) = %q, and again %q", s, got, again)
		}
	})
}
