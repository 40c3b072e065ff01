// Two on the stage who cannot connect: both hear each other all the same, and
// everybody can see what is wrong.

package process

import (
	"encoding/json"
	"testing"
	"time"
)

// paths is what `stoa who --paths --json` shows.
type paths struct {
	People []struct {
		Name string `json:"name"`
		Path *struct {
			Way   string `json:"way"`
			Relay string `json:"relay"`
			Back  string `json:"back"`
		} `json:"path"`
	} `json:"people"`
	Pairs []struct {
		A    string `json:"a"`
		B    string `json:"b"`
		ABy  string `json:"a_by"`
		BBy  string `json:"b_by"`
		Text string `json:"text"`
	} `json:"pairs"`
}

// pairs waits until somebody sees this many pairs that have no link, and each of
// them carried both ways.
func (p *process) pairs(n int) paths {
	p.t.Helper()
	var seen paths
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		seen = paths{}
		if err := json.Unmarshal([]byte(p.verb("who", "--paths", "--json")), &seen); err != nil {
			p.t.Fatal(err)
		}
		carried := 0
		for _, pair := range seen.Pairs {
			if pair.ABy != "" && pair.BBy != "" {
				carried++
			}
		}
		if carried == n && len(seen.Pairs) == n {
			return seen
		}
	}
	p.t.Fatalf("%s sees %+v, and not %d pairs that are carried", p.name, seen.Pairs, n)
	return seen
}

// bearTogether has ann and ben, who cannot connect, hear each other by somebody,
// as everybody sees; carrier is how that one is called in the sentence.
func bearTogether(t *testing.T, ann, ben *process, by, carrier string, others ...*process) {
	t.Helper()
	came := ben.wait("the room", kind("joined")).at
	there := ann.wait("ben's voice", about("sound", ben.id())).at
	back := ben.wait("ann's voice", about("sound", ann.id())).at
	t.Logf("ann hears ben %v after he has come, and he hears her after %v", there.Sub(came).Round(time.Millisecond), back.Sub(came).Round(time.Millisecond))
	want := "ann and ben cannot connect directly; each hears the other through " + carrier
	for _, p := range append(others, ann, ben) {
		if pair := p.pairs(1).Pairs[0]; pair.Text != want || pair.ABy != by || pair.BBy != by {
			t.Errorf("%s sees %+v, want %q", p.name, pair, want)
		}
	}
	for _, p := range ann.pairs(1).People {
		if p.Name == "ben" && (p.Path == nil || p.Path.Way != "relay" || p.Path.Relay != by || p.Path.Back != "relay") {
			t.Errorf("ann's way to ben: %+v", p.Path)
		}
	}
	e := ann.wait("the news", about("hears", ben.id()))
	if e.State != "relay" || e.By != by {
		t.Errorf("ann is told of ben: %s", e.line)
	}
}

func TestRelayBringsTogetherWhoCannotConnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.behindNAT("ann", "open", "Stoa", "--in", clip("a"), "--loop")
	ann.wait("a link", kind("link"))
	rel := w.relay("rel", ann.link("--role", "relay"))
	rel.wait("to carry", lent(true))
	ben := w.behindNAT("ben", "join", ann.link("--role", "speaker"), "--in", clip("b"), "--loop")
	bearTogether(t, ann, ben, rel.id(), "relay rel")
}

// TestMembersHelp has no relay: the third one on the stage carries for the other
// two, and ceases when one of them goes. Who does not want to help need not.
func TestMembersHelp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.behindNAT("ann", "open", "Stoa", "--in", clip("a"), "--loop")
	ann.wait("a link", kind("link"))
	link := ann.link("--role", "speaker")
	dan := w.run(honest, "dan", "join", link, "--no-help")
	cem := w.run(honest, "cem", "join", link)
	for _, p := range []*process{dan, cem} {
		p.wait("the room", kind("joined"))
		p.wait("ann's voice", about("sound", ann.id()))
	}
	ben := w.behindNAT("ben", "join", link, "--in", clip("b"), "--loop")
	bearTogether(t, ann, ben, cem.id(), "cem", cem, dan)
	helps := func(on bool) func(event) bool { return func(e event) bool { return e.Event == "help" && e.On == on } }
	cem.wait("that he helps", helps(true))
	ben.quit()
	cem.wait("that nobody needs it", helps(false))
}
