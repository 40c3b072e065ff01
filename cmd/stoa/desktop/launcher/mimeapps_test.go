// The list of programs: what others wrote in it stays.

package launcher

import (
	"slices"
	"strings"
	"testing"
)

func TestMimeapps(t *testing.T) {
	for name, tt := range map[string]struct{ before, with, without string }{
		"none": {
			"",
			"[Default Applications]\nx-scheme-handler/stoa=stoa.desktop;\n",
			"[Default Applications]\n",
		},
		"others": {
			"# mine\n[Added Associations]\ntext/plain=vi.desktop;\n\n[Default Applications]\ntext/html=firefox.desktop\n\n[Removed Associations]\nx=y\n",
			"# mine\n[Added Associations]\ntext/plain=vi.desktop;\n\n[Default Applications]\ntext/html=firefox.desktop\nx-scheme-handler/stoa=stoa.desktop;\n\n[Removed Associations]\nx=y\n",
			"# mine\n[Added Associations]\ntext/plain=vi.desktop;\n\n[Default Applications]\ntext/html=firefox.desktop\n\n[Removed Associations]\nx=y\n",
		},
		"somebody else opens them": {
			"[Default Applications]\nx-scheme-handler/stoa=other.desktop\n",
			"[Default Applications]\nx-scheme-handler/stoa=stoa.desktop;other.desktop;\n",
			"[Default Applications]\nx-scheme-handler/stoa=other.desktop;\n",
		},
		"already": {
			"[Default Applications]\nx-scheme-handler/stoa=stoa.desktop;\n",
			"[Default Applications]\nx-scheme-handler/stoa=stoa.desktop;\n",
			"[Default Applications]\n",
		},
		"no end of the line": {
			"[Default Applications]\ntext/html=a.desktop",
			"[Default Applications]\ntext/html=a.desktop\nx-scheme-handler/stoa=stoa.desktop;\n",
			"[Default Applications]\ntext/html=a.desktop\n",
		},
		"no end of the last group": {
			"[Added Associations]\ntext/html=a.desktop",
			"[Added Associations]\ntext/html=a.desktop\n[Default Applications]\nx-scheme-handler/stoa=stoa.desktop;\n",
			"[Added Associations]\ntext/html=a.desktop\n[Default Applications]\n",
		},
		"of another system": {
			"[Default Applications]\r\ntext/html=a.desktop\r\n",
			"[Default Applications]\r\ntext/html=a.desktop\r\nx-scheme-handler/stoa=stoa.desktop;\r\n",
			"[Default Applications]\r\ntext/html=a.desktop\r\n",
		},
		"a group that is alike": {
			"[Default Applications Of Ann]\nx-scheme-handler/stoa=ann.desktop\n",
			"[Default Applications Of Ann]\nx-scheme-handler/stoa=ann.desktop\n[Default Applications]\nx-scheme-handler/stoa=stoa.desktop;\n",
			"[Default Applications Of Ann]\nx-scheme-handler/stoa=ann.desktop\n[Default Applications]\n",
		},
	} {
		with := addDefault(tt.before)
		if with != tt.with {
			t.Errorf("%s, added:\n%q, want\n%q", name, with, tt.with)
		}
		if again := addDefault(with); again != with {
			t.Errorf("%s, added again:\n%q", name, again)
		}
		if without := dropDefault(with); without != tt.without {
			t.Errorf("%s, dropped:\n%q, want\n%q", name, without, tt.without)
		}
	}
}

// Whatever stands in the list, every line of it but our own is there afterwards, in the
// order in which it was.
func FuzzMimeapps(f *testing.F) {
	f.Add("[Default Applications]\nx-scheme-handler/stoa=a;b\n\n[x]\n")
	f.Add("\r\n[Default Applications]\r\n = \n[Default Applications]")
	f.Fuzz(func(t *testing.T, before string) {
		with := addDefault(before)
		if !strings.Contains(with, scheme) {
			t.Fatalf("not added: %q", with)
		}
		if again := addDefault(with); again != with {
			t.Errorf("added twice: %q, then %q", with, again)
		}
		rest := foreign(dropDefault(with))
		for _, line := range foreign(before) {
			i := slices.Index(rest, line)
			if i < 0 {
				t.Fatalf("lost %q of %q", line, before)
			}
			rest = rest[i+1:]
		}
	})
}

// foreign lists the lines that are not about links to stoa.
func foreign(text string) (lines []string) {
	for _, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.Contains(line, scheme) {
			lines = append(lines, line)
		}
	}
	return lines
}
