// Reading a file: words, what varies, and the lines of the header.
//
//	about  TEXT                      one sentence
//	vary   NAME each VALUE…          one variant for each value; $NAME stands for it below
//	vary   NAME NAME pairs VALUE…    one for each unordered pair, those of a value with itself too
//	tries  [short=N] [all=N]         1 each unless said
//	alone                            no other try at the same time

package scenario

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
)

// An Error is what is wrong with a file.
type Error struct {
	File string
	Line int
	Text string
}

func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text) }

// line is one line of a file, without comment.
type line struct {
	number int
	words  []string
}

// Parse reads a file and returns its variants, one at least. Name is for errors
// and, without folder and ending, for the table. Errors are of type *Error.
func Parse(name, text string) ([]*Scenario, error) {
	if len(text) > maxFile {
		return nil, &Error{name, 1, fmt.Sprintf("longer than %d bytes", maxFile)}
	}
	lines := split(text)
	all, rest, err := variants(name, lines)
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(path.Base(name), ".lab")
	var out []*Scenario
	for _, v := range all {
		s, err := parse(name, rest, v)
		if err != nil {
			return nil, err
		}
		s.File, s.Variant = base, v.String()
		out = append(out, s)
	}
	return out, nil
}

// split cuts a text into lines that say something.
func split(text string) []line {
	var lines []line
	for i, t := range strings.Split(text, "\n") {
		t, _, _ = strings.Cut(t, "#")
		if words := strings.Fields(t); len(words) > 0 {
			lines = append(lines, line{i + 1, words})
		}
	}
	return lines
}

// A variant is what the names of vary lines stand for, in the order of the file.
type variant []struct{ name, value string }

func (v variant) String() string {
	var values []string
	for _, one := range v {
		values = append(values, one.value)
	}
	return strings.Join(values, " ")
}

func (v variant) has(name string) bool {
	for _, one := range v {
		if one.name == name {
			return true
		}
	}
	return false
}

// apply puts values where $NAME stands, the longest names first in effect: a name
// ends where its letters do.
func (v variant) apply(word string) (string, error) {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(word, "$")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		end := 0
		for end < len(after) && isNameByte(after[end]) {
			end++
		}
		known := false
		for _, one := range v {
			if one.name == after[:end] {
				out.WriteString(one.value)
				known = true
			}
		}
		if !known {
			return "", fmt.Errorf("nothing called $%s varies", after[:end])
		}
		word = after[end:]
	}
}

// variants takes the vary lines out of a file and returns every combination of
// their values, one empty one when there are none.
func variants(name string, lines []line) (all []variant, rest []line, err error) {
	all = []variant{nil}
	for _, l := range lines {
		if l.words[0] != "vary" {
			rest = append(rest, l)
			continue
		}
		choices, err := vary(l.words[1:], all[0])
		if err == nil && len(all)*len(choices) > maxVariants {
			err = fmt.Errorf("more than %d variants", maxVariants)
		}
		if err != nil {
			return nil, nil, &Error{name, l.number, err.Error()}
		}
		var more []variant
		for _, v := range all {
			for _, c := range choices {
				more = append(more, append(v[:len(v):len(v)], c...))
			}
		}
		all = more
	}
	return all, rest, nil
}

// vary reads one vary line behind its first word.
func vary(words []string, before variant) ([]variant, error) {
	usage := errors.New("vary NAME each VALUE… or vary NAME NAME pairs VALUE…")
	names := 0
	for names < len(words) && words[names] != "each" && words[names] != "pairs" {
		if !isName(words[names]) || before.has(words[names]) {
			return nil, fmt.Errorf("%q is no new name", words[names])
		}
		names++
	}
	if names+1 >= len(words) {
		return nil, usage
	}
	values := words[names+1:]
	var out []variant
	switch {
	case words[names] == "each" && names == 1:
		for _, v := range values {
			out = append(out, variant{{words[0], v}})
		}
	case words[names] == "pairs" && names == 2 && words[0] != words[1]:
		for i, v := range values {
			for _, w := range values[i:] {
				out = append(out, variant{{words[0], v}, {words[1], w}})
			}
		}
	default:
		return nil, usage
	}
	return out, nil
}

// A reader makes a Scenario of lines.
type reader struct {
	s       *Scenario
	acted   bool // a step that is neither wait nor expect was read
	started map[int]bool
}

// parse reads the lines of one variant.
func parse(name string, lines []line, v variant) (*Scenario, error) {
	r := &reader{s: &Scenario{Tries: Tries{1, 1}}, started: map[int]bool{}}
	last := 1
	for _, l := range lines {
		last = l.number
		words := make([]string, len(l.words))
		for i, w := range l.words {
			var err error
			if words[i], err = v.apply(w); err != nil {
				return nil, &Error{name, l.number, err.Error()}
			}
		}
		if err := r.line(l.number, words); err != nil {
			return nil, &Error{name, l.number, err.Error()}
		}
	}
	if err := r.whole(); err != nil {
		return nil, &Error{name, last, err.Error()}
	}
	return r.s, nil
}

// line reads one line.
func (r *reader) line(number int, words []string) error {
	switch first, rest := words[0], words[1:]; first {
	case "about":
		r.s.About = strings.Join(rest, " ")
		return nil
	case "tries":
		return r.tries(rest)
	case "alone":
		if len(rest) > 0 {
			return errors.New("alone stands alone")
		}
		r.s.Alone = true
		return nil
	case "site":
		return r.site(rest)
	case "node":
		return r.node(rest)
	case "apart":
		return r.apart(rest)
	default:
		return r.step(number, first, rest)
	}
}

func (r *reader) tries(words []string) error {
	opts, err := options(words, "short", "all")
	if err != nil {
		return err
	}
	for name, into := range map[string]*int{"short": &r.s.Tries.Short, "all": &r.s.Tries.All} {
		if text, ok := opts[name]; ok {
			if *into, err = count(text, 0, maxTries); err != nil {
				return err
			}
		}
	}
	return nil
}

// whole says what is missing when all lines were read.
func (r *reader) whole() error {
	switch {
	case r.s.About == "":
		return errors.New("no line says what it is about")
	case len(r.s.Nodes) == 0:
		return errors.New("there is no node")
	}
	for _, st := range r.s.Steps {
		if st.Do == Must {
			return nil
		}
	}
	return errors.New("nothing is expected")
}

// options reads words of the form name=value, each name once and one of those known.
func options(words []string, known ...string) (map[string]string, error) {
	out := map[string]string{}
	for _, w := range words {
		name, value, found := strings.Cut(w, "=")
		ok := false
		for _, k := range known {
			ok = ok || k == name
		}
		_, twice := out[name]
		switch {
		case !found || !ok:
			return nil, fmt.Errorf("%q is none of %s", w, strings.Join(known, "=, ")+"=")
		case twice:
			return nil, fmt.Errorf("%s= stands twice", name)
		case value == "":
			return nil, fmt.Errorf("%s= says nothing", name)
		}
		out[name] = value
	}
	return out, nil
}

func count(text string, least, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%q is no number from %d to %d", text, least, most)
	}
	return n, nil
}

// duration reads a time that is longer than nothing.
func duration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > maxTime {
		return 0, fmt.Errorf("%q is no time up to %v, such as 300ms or 3s", text, maxTime)
	}
	return d, nil
}

// percent reads a share such as 95% or 99.7%.
func percent(text string) (float64, error) {
	number, ok := strings.CutSuffix(text, "%")
	f, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(f >= 0 && f <= 100) {
		return 0, fmt.Errorf("%q is no share from 0%% to 100%%", text)
	}
	return f / 100, nil
}

// oneOf checks that a word is one of a few.
func oneOf[T ~string](text string, known ...T) (T, error) {
	var names []string
	for _, k := range known {
		if T(text) == k {
			return k, nil
		}
		names = append(names, string(k))
	}
	return "", fmt.Errorf("%q is none of %s", text, strings.Join(names, ", "))
}

func isNameByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
}

// isName says whether a word may name something: it ends up in the names of files
// and network namespaces.
func isName(s string) bool {
	if s == "" || len(s) > 12 {
		return false
	}
	for i := range len(s) {
		if !isNameByte(s[i]) {
			return false
		}
	}
	return true
}
