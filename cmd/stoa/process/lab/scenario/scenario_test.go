// What the language says, what it refuses, and that no text harms the reader.

package scenario

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// whole is a file that says something of everything.
const whole = `
about   everything at once # and a comment
vary    NAT each port full
tries   short=2 all=30
alone

site    cloud ip=both
site    home  nat=$NAT block=udp line=delay=50ms,loss=5%
site    hall  uplink=none

node    door at cloud dht
node    ann  at cloud opens says=a+ muted=yes
node    bob  at home  joins role=moderator hints=no clock=10m -- --lend
node    many at home  crowd of=60
apart   ann bob

start   door ann bob many
wait    1.5s
move    bob hall
line    home up=rate=64kbit
tell    ann stage add bob
expect  bob,many hears ann within=3s
expect  all by ann way=direct,relay within=10s share=99.5%
expect  bob plays ann least=99.7% for=10s
expect  ann prints hand who=bob up=true within=1s
expect  ann paths ann-bob within=5s
`

func TestParse(t *testing.T) {
	all, err := Parse("dir/all.lab", whole)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[0].Name() != "all port" || all[1].Name() != "all full" {
		t.Fatalf("%d variants, the first is %q", len(all), all[0].Name())
	}
	s := all[0]
	wantSites := []Site{
		{Name: "cloud", NAT: NoNAT, IP: Both},
		{Name: "home", NAT: PortNAT, IP: IPv4, NoUDP: true, Up: "delay=50ms loss=5%", Down: "delay=50ms loss=5%"},
		{Name: "hall", NAT: NoNAT, IP: IPv4, Offline: true},
	}
	wantNodes := []Node{
		{Name: "door", Kind: DHT},
		{Name: "ann", Kind: Opens, Says: "a+", Muted: true},
		{Name: "bob", Site: 1, Kind: Joins, Role: "moderator", Nohint: true, Clock: 10 * time.Minute, Args: []string{"--lend"}},
		{Name: "many", Site: 1, Kind: Crowd, Count: 60},
	}
	if !reflect.DeepEqual(s.Sites, wantSites) {
		t.Errorf("sites: %+v", s.Sites)
	}
	if !reflect.DeepEqual(s.Nodes, wantNodes) {
		t.Errorf("nodes: %+v", s.Nodes)
	}
	if s.About != "everything at once" || s.Tries != (Tries{2, 30}) || !s.Alone || !reflect.DeepEqual(s.Apart, [][2]int{{1, 2}}) {
		t.Errorf("%+v", s)
	}
	wantSteps := []Step{
		{Line: 17, Do: Start, Nodes: []int{0, 1, 2, 3}},
		{Line: 18, Do: Wait, Time: 1500 * time.Millisecond},
		{Line: 19, Do: Move, Nodes: []int{2}, Site: 2},
		{Line: 20, Do: Line, Site: 1, Up: "rate=64kbit"},
		{Line: 21, Do: Tell, Nodes: []int{1}, Words: []string{"stage", "add", "bob"}},
	}
	wantExpect := []Expect{
		{Check: Hears, Listeners: []int{2, 3}, Speakers: []int{1}, Within: 3 * time.Second, Share: 1},
		{Check: By, Listeners: []int{1, 2}, Speakers: []int{1}, Ways: []string{"direct", "relay"}, Within: 10 * time.Second, Share: 0.995},
		{Check: Plays, Listeners: []int{2}, Speakers: []int{1}, Least: 0.997, For: 10 * time.Second, Share: 1},
		{Check: Prints, Listeners: []int{1}, Fields: [][2]string{{"event", "hand"}, {"who", "bob"}, {"up", "true"}}, Within: time.Second, Share: 1},
		{Check: Paths, Listeners: []int{1}, Pairs: [][2]int{{1, 2}}, Within: 5 * time.Second, Share: 1},
	}
	for i, got := range s.Steps {
		if i < len(wantSteps) {
			if !reflect.DeepEqual(got, wantSteps[i]) {
				t.Errorf("step %d: %+v", i, got)
			}
			continue
		}
		e := *got.Expect
		e.Text = ""
		if !reflect.DeepEqual(e, wantExpect[i-len(wantSteps)]) {
			t.Errorf("line %d: %+v", got.Line, e)
		}
	}
	if len(s.Steps) != len(wantSteps)+len(wantExpect) {
		t.Errorf("%d steps", len(s.Steps))
	}
}

// TestRefused: a line that says nothing sensible is refused, with its number.
func TestRefused(t *testing.T) {
	const before = "about x\nsite one nat=port\nsite two\nsite hall uplink=none\nnode a at one opens says=a\nnode b at two joins\nnode c at two joins\nstart a b\n"
	const after = "\nexpect b hears a within=1s\n"
	if _, err := Parse("x.lab", before+after); err != nil {
		t.Fatal(err)
	}
	for text, says := range map[string]string{
		"sing":               "begins no line",
		"vary":               "vary NAME",
		"vary A each":        "vary NAME",
		"vary A pairs x y":   "vary NAME",
		"vary A A pairs x y": "vary NAME",
		"vary a-b each x":    "no new name",
		"vary A each " + strings.Repeat("x ", 65): "more than 64 variants",
		"about $NAT":                         "nothing called $NAT",
		"tries short=-1":                     "no number",
		"tries short=1 short=2":              "stands twice",
		"tries often":                        "is none of short=, all=",
		"alone together":                     "stands alone",
		"site":                               "has a name",
		"site a/b":                           "has a name",
		"site one":                           "already",
		"site x nat=none nat=port":           "stands twice",
		"site x nat=cone":                    "none of none, full",
		"site x nat=":                        "says nothing",
		"site x uplink=none nat=port":        "without uplink",
		"site x line=loss=200%":              "line=",
		"site x line=loss=5% up=loss=1%":     "at once",
		"site x ports=yes":                   "one router",
		"node d in one joins":                "node NAME at",
		"node all at one joins":              "no name",
		"node b at one joins":                "already",
		"node d at three joins":              "no site three",
		"node d at one sings":                "none of",
		"node d at one opens":                "already",
		"node d at one joins says=z":         "clips are a to j",
		"node d at one relay says=a":         "says nothing",
		"node d at one crowd":                "of=",
		"node d at one joins of=3":           "of=",
		"node d at one crowd of=100000":      "no number",
		"node d at one joins clock=48h":      "more than a day",
		"apart a":                            "two nodes",
		"apart a x":                          "no node x",
		"apart b c":                          "different sites",
		"start":                              "which node",
		"start x":                            "no node x",
		"start a":                            "was started already",
		"kill c":                             "was not started",
		"wait":                               "wait TIME",
		"wait long":                          "no time",
		"wait 20m":                           "no time",
		"cut x":                              "no site x",
		"cut hall":                           "nothing to cut",
		"rebind two":                         "nothing to rebind",
		"move a":                             "move NODE SITE",
		"line one up=nonsense":               "up=",
		"tell a":                             "tell NODE VERB",
		"expect b hears a":                   "within=",
		"expect b hears a within=3s for=3s":  "for=",
		"expect b hears b,b within=3s":       "cannot be that",
		"expect b hears c within=3s":         "was not started",
		"expect b sees a within=3s":          "none of",
		"expect b hears a within=3s share=2": "no share",
		"expect b hears a within=3s way=tcp": "way=",
		"expect b by a within=3s way=pigeon": "none of direct",
		"expect b deaf a within=3s":          "within=",
		"expect b gap a,a within=3s for=1s":  "stands twice",
		"expect b plays a for=3s":            "least=",
		"expect b is within=3s":              "is what",
		"expect b is loud within=3s":         "no FIELD=VALUE",
		"expect b paths a within=3s":         "no node",
	} {
		_, err := Parse("x.lab", before+text+after)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Text, says) || !strings.HasPrefix(err.Error(), "x.lab:9: ") {
			t.Errorf("%q: %v, want line 9 and %q", text, err, says)
		}
	}
	for text, says := range map[string]string{
		"":                                       "about",
		"about x":                                "no node",
		"about x\nsite one\nnode a at one opens": "nothing is expected",
		"about x\nsite one\nnode a at one opens\nexpect a prints ready within=1s": "nothing was started",
		strings.Repeat("x", maxFile+1):                                            "longer than",
	} {
		if _, err := Parse("x.lab", text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.40q: %v, want %q", text, err, says)
		}
	}
}

// TestPairs: unordered, each value with itself too.
func TestPairs(t *testing.T) {
	all, err := Parse("x.lab", "about $A $B\nvary A B pairs x y z\nsite one\nnode a at one opens\nstart a\nexpect a prints ready within=1s")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range all {
		got = append(got, s.Variant)
		if s.About != s.Variant {
			t.Errorf("%q is about %q", s.Variant, s.About)
		}
	}
	if want := []string{"x x", "x y", "x z", "y y", "y z", "z z"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}

// files are the scenarios of the project.
func files(t testing.TB) map[string]string {
	t.Helper()
	names, err := filepath.Glob("../scenarios/*.lab")
	if err != nil || len(names) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	texts := map[string]string{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(b)
	}
	return texts
}

// TestScenarios: those of the project can be read, and each is in a set.
func TestScenarios(t *testing.T) {
	for name, text := range files(t) {
		all, err := Parse(name, text)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, s := range all {
			if s.Tries.Short+s.Tries.All == 0 {
				t.Errorf("%s is never tried", s.Name())
			}
		}
	}
}

// FuzzParse: whatever the text is, the reader returns an *Error or scenarios whose
// indices point at something.
func FuzzParse(f *testing.F) {
	f.Add(whole)
	for _, text := range files(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := Parse("x.lab", text)
		var e *Error
		if err != nil && !errors.As(err, &e) || err == nil && len(all) == 0 {
			t.Fatalf("%d scenarios, %v", len(all), err)
		}
		for _, s := range all {
			for _, n := range s.Nodes {
				_ = s.Sites[n.Site]
			}
			for _, st := range s.Steps {
				if (st.Do == Must) != (st.Expect != nil) {
					t.Fatalf("line %d: %s, %v", st.Line, st.Do, st.Expect)
				}
				for _, i := range append(st.Nodes, st.Pair[0], st.Pair[1]) {
					_ = s.Nodes[i]
				}
				if st.Expect != nil {
					for _, i := range append(st.Expect.Listeners, st.Expect.Speakers...) {
						_ = s.Nodes[i]
					}
				}
			}
		}
	})
}
