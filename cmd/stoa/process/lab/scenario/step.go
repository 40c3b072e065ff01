// What happens, and what must come of it.
//
//	start NODE…                 freeze NODE…   thaw NODE…   kill NODE…   quit NODE…
//	wait TIME                   cut SITE       restore SITE rebind SITE
//	move NODE SITE              part NODE NODE              join NODE NODE
//	line SITE [line=WORD,…] [up=WORD,…] [down=WORD,…]       nothing: a good line
//	tell NODE VERB [WORD…]
//
//	expect LISTENERS hears  SPEAKERS within=TIME [share=N%]
//	expect LISTENERS by     SPEAKERS way=WAY,… within=TIME [share=N%]
//	expect LISTENERS deaf   SPEAKERS for=TIME [share=N%]
//	expect LISTENERS gap    SPEAKER  within=TIME for=TIME [share=N%]
//	expect LISTENERS live   SPEAKER  within=TIME for=TIME [share=N%]
//	expect LISTENERS plays  SPEAKERS least=N% for=TIME [share=N%]
//	expect LISTENERS prints EVENT [FIELD=VALUE…] within=TIME [share=N%]
//	expect LISTENERS is     FIELD=VALUE… within=TIME [share=N%]
//	expect LISTENERS paths  NODE-NODE,…|none within=TIME [share=N%]
//
// LISTENERS and SPEAKERS are names with commas between, or all: everybody who was
// started by then and has a loudspeaker, or says something. Nobody must hear
// themselves. Expectations that stand one below the other are measured at the same
// time. That of within= is counted from the beginning of the last step that is neither
// wait nor expect, and of the last program in a start of several; for= lasts from there on with gap and live, and from now on with deaf
// and plays.

package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ways are those by which sound may come.
var ways = []string{"direct", "punched", "tcp", "websocket", "relay"}

func (r *reader) step(number int, first string, words []string) error {
	if len(r.s.Steps) == maxSteps {
		return fmt.Errorf("more than %d steps", maxSteps)
	}
	st := Step{Line: number}
	var err error
	st.Do, err = oneOf(first, Start, Wait, Cut, Restore, Move, Rebind, Line, Part, Join, Freeze, Thaw, Kill, Quit, Tell, Must)
	if err != nil {
		return fmt.Errorf("%q begins no line", first)
	}
	switch st.Do {
	case Start, Freeze, Thaw, Kill, Quit:
		err = r.several(&st, words)
	case Wait:
		if len(words) != 1 {
			return errors.New("wait TIME")
		}
		st.Time, err = duration(words[0])
	case Cut, Restore, Rebind:
		err = r.oneSite(&st, words)
	case Move:
		if len(words) != 2 {
			return errors.New("move NODE SITE")
		}
		if err = r.several(&st, words[:1]); err == nil {
			err = r.oneSite(&st, words[1:])
		}
	case Line:
		if len(words) == 0 {
			return errors.New("line SITE …")
		}
		if err = r.oneSite(&st, words[:1]); err != nil {
			return err
		}
		var opts map[string]string
		if opts, err = options(words[1:], "line", "up", "down"); err == nil {
			st.Up, st.Down, err = impairment(opts)
		}
	case Part, Join:
		st.Pair, err = r.pair(words)
	case Tell:
		if len(words) < 2 {
			return errors.New("tell NODE VERB …")
		}
		st.Words = words[1:]
		err = r.several(&st, words[:1])
	case Must:
		if !r.acted {
			return errors.New("nothing was started yet")
		}
		st.Expect, err = r.expect(words)
	}
	if err != nil {
		return err
	}
	r.acted = r.acted || st.Do != Wait && st.Do != Must
	r.s.Steps = append(r.s.Steps, st)
	return nil
}

// several reads nodes. Those that are not to be started must have been.
func (r *reader) several(st *Step, words []string) error {
	if len(words) == 0 {
		return errors.New("which node?")
	}
	for _, w := range words {
		i := r.nodeIndex(w)
		if i < 0 {
			return fmt.Errorf("there is no node %s", w)
		}
		if st.Do != Start && !r.started[i] {
			return fmt.Errorf("%s was not started", w)
		}
		if st.Do == Start && r.started[i] {
			return fmt.Errorf("%s was started already", w)
		}
		r.started[i] = true
		st.Nodes = append(st.Nodes, i)
	}
	return nil
}

func (r *reader) oneSite(st *Step, words []string) error {
	if len(words) != 1 {
		return errors.New("which site?")
	}
	if st.Site = r.siteIndex(words[0]); st.Site < 0 {
		return fmt.Errorf("there is no site %s", words[0])
	}
	if s := r.s.Sites[st.Site]; st.Do != Move && s.Offline || st.Do == Rebind && s.NAT == NoNAT {
		return fmt.Errorf("%s has nothing to %s", s.Name, st.Do)
	}
	return nil
}

func (r *reader) expect(words []string) (*Expect, error) {
	e := &Expect{Share: 1, Text: strings.Join(words, " ")}
	if len(words) < 3 {
		return nil, errors.New("expect WHO hears|by|deaf|gap|live|plays|prints|is|paths …")
	}
	var err error
	if e.Check, err = oneOf(words[1], Hears, By, Deaf, Gap, Live, Plays, Prints, Is, Paths); err != nil {
		return nil, err
	}
	if e.Listeners, err = r.group(words[0], func(n Node) bool { return fits(e.Check, n.Kind) }); err != nil {
		return nil, err
	}
	words = words[2:]
	switch e.Check {
	case Hears, By, Deaf, Gap, Live, Plays:
		e.Speakers, err = r.group(words[0], func(n Node) bool { return n.Says != "" })
		words = words[1:]
	case Prints:
		e.Fields, words = [][2]string{{"event", words[0]}}, words[1:]
	case Paths:
		e.Pairs, err = r.pairs(words[0])
		words = words[1:]
	}
	if err != nil {
		return nil, err
	}
	if e.Check == Prints || e.Check == Is {
		if words, err = e.fields(words); err != nil {
			return nil, err
		}
	}
	if err := e.terms(words); err != nil {
		return nil, err
	}
	return e, e.complete()
}

// fits says whether a check can be made of what a node does.
func fits(c Check, k Kind) bool {
	switch {
	case k == Opens || k == Joins:
		return true
	case k == Crowd:
		return c == Hears
	}
	return c == Prints
}

// fields takes what is neither within= nor share= out of words.
func (e *Expect) fields(words []string) (rest []string, err error) {
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		switch {
		case name == "within" || name == "share":
			rest = append(rest, w)
		case !ok:
			return nil, fmt.Errorf("%q is no FIELD=VALUE", w)
		default:
			e.Fields = append(e.Fields, [2]string{name, value})
		}
	}
	return rest, nil
}

// terms reads the words that all checks share.
func (e *Expect) terms(words []string) error {
	opts, err := options(words, "within", "for", "way", "share", "least")
	if err != nil {
		return err
	}
	for name, value := range opts {
		switch name {
		case "within":
			e.Within, err = duration(value)
		case "for":
			e.For, err = duration(value)
		case "share":
			e.Share, err = percent(value)
		case "least":
			e.Least, err = percent(value)
		case "way":
			for w := range strings.SplitSeq(value, ",") {
				if !slices.Contains(ways, w) {
					err = fmt.Errorf("%q is none of %s", w, strings.Join(ways, ", "))
				}
				e.Ways = append(e.Ways, w)
			}
		}
		if err != nil {
			return fmt.Errorf("%s=: %w", name, err)
		}
	}
	return nil
}

// complete says what an expectation lacks or has too much.
func (e *Expect) complete() error {
	needsWithin, needsFor := true, false
	switch e.Check {
	case Deaf, Plays:
		needsWithin, needsFor = false, true
	case Gap, Live:
		needsFor = true
		if len(e.Speakers) != 1 {
			return fmt.Errorf("%s is judged by what one speaker says alone", e.Check)
		}
	case Is:
		if len(e.Fields) == 0 {
			return errors.New("is what?")
		}
	}
	switch {
	case needsWithin != (e.Within > 0):
		return fmt.Errorf("%s and within= must go together, but for deaf and plays", e.Check)
	case needsFor != (e.For > 0):
		return errors.New("for= is needed with deaf, gap, live and plays, and only there")
	case (e.Least > 0) != (e.Check == Plays):
		return errors.New("least= is for plays, which needs it")
	case (len(e.Ways) > 0) != (e.Check == By):
		return errors.New("way= is for by, which needs it")
	}
	return nil
}

// group reads names with commas between, or all: those who were started and fit.
func (r *reader) group(text string, fits func(Node) bool) ([]int, error) {
	var out []int
	if text == "all" {
		for i, n := range r.s.Nodes {
			if r.started[i] && fits(n) {
				out = append(out, i)
			}
		}
		if len(out) == 0 {
			return nil, errors.New("all are none")
		}
		return out, nil
	}
	for w := range strings.SplitSeq(text, ",") {
		i := r.nodeIndex(w)
		switch {
		case i < 0:
			return nil, fmt.Errorf("there is no node %q", w)
		case !r.started[i]:
			return nil, fmt.Errorf("%s was not started", w)
		case !fits(r.s.Nodes[i]):
			return nil, fmt.Errorf("%s cannot be that", w)
		case slices.Contains(out, i):
			return nil, fmt.Errorf("%s stands twice", w)
		}
		out = append(out, i)
	}
	return out, nil
}

// pairs reads NODE-NODE with commas between, or none.
func (r *reader) pairs(text string) ([][2]int, error) {
	if text == "none" {
		return nil, nil
	}
	var out [][2]int
	for w := range strings.SplitSeq(text, ",") {
		a, b, _ := strings.Cut(w, "-")
		pair, err := r.pair([]string{a, b})
		if err != nil {
			return nil, err
		}
		out = append(out, pair)
	}
	return out, nil
}
