// Names that look alike though they are written otherwise.

package app

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// alike are letters that look like others, written as those: of each pair the one that names are likely to hold. After Unicode Technical Standard
// 39, for Cyrillic, Greek and what Latin has beside a to z; i, l and 1 look alike in many typefaces.
var alike = func() map[rune]rune {
	m := map[rune]rune{}
	for to, from := range map[rune]string{
		'a': "аαɑ", 'b': "вьβ", 'c': "сϲ", 'd': "ԁđ", 'e': "еєε", 'g': "ɡ", 'h': "нһħΗ", 'j': "јϳ", 'k': "кκ", 'l': "іιıӏłi1|", 'm': "мμ",
		'n': "ηпΝ", 'o': "оοσø0", 'p': "рρ", 'q': "ԛ", 'r': "г", 's': "ѕ", 't': "тτ", 'u': "υ", 'v': "νѵ", 'w': "ԝω", 'x': "хχ", 'y': "уγΥ", 'z': "ζ",
	} {
		for _, c := range from {
			m[c] = to
		}
	}
	return m
}()

// skeleton is what a name looks like: two that look alike have the same one. It is empty for a name without letters and digits.
func skeleton(name string) string {
	var b strings.Builder
	for _, c := range norm.NFKD.String(name) {
		to, is := alike[c]
		if !is { // few capitals look like another letter than their small one
			c = unicode.ToLower(c)
			to, is = alike[c]
		}
		if is {
			c = to
		}
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			b.WriteRune(c)
		}
	}
	return strings.NewReplacer("rn", "m", "vv", "w").Replace(b.String())
}
