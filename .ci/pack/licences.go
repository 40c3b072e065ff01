// Under what licences the program stands: its own, and that of every module in it.

package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// licenceFile matches the names of files with licences and with notices that go with them.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|unlicense)([-._].*)?$`)

// licencesOf returns the text for the package: each licence once, under the names of what
// stands under it. A module without any is an error.
func licencesOf(source, program string) ([]byte, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, err
	}
	goRoot, err := output(source, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	var list collection
	if err := list.add("stoa", source); err != nil {
		return nil, err
	}
	if err := list.add("the Go standard library "+info.GoVersion, strings.TrimSpace(goRoot)); err != nil {
		return nil, err
	}
	for _, module := range info.Deps {
		if module.Replace != nil {
			return nil, fmt.Errorf("%s is replaced: say here by what", module.Path)
		}
		dir, err := output(source, "go", "list", "-m", "-f", "{{.Dir}}", module.Path)
		if err != nil {
			return nil, err
		}
		if err := list.add(module.Path+" "+module.Version, strings.TrimSpace(dir)); err != nil {
			return nil, err
		}
	}
	page, err := os.ReadFile("page.licence")
	if err != nil {
		return nil, err
	}
	list.text("Svelte, in the page", page)
	return list.print(), nil
}

// collection is texts with what they are for.
type collection []licence

type licence struct {
	of   []string
	text string
}

// add takes every licence at the root of a folder.
func (c *collection) add(name, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	found := false
	for _, e := range entries {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) || filepath.Ext(e.Name()) == ".go" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		c.text(name, data)
		found = true
	}
	if !found {
		return errors.New("no licence is known of " + name)
	}
	return nil
}

// text takes one. Texts that differ in their spaces alone are the same.
func (c *collection) text(name string, data []byte) {
	text := strings.TrimSpace(strings.ReplaceAll(string(data), "\r\n", "\n"))
	same := func(l licence) bool { return slices.Equal(strings.Fields(l.text), strings.Fields(text)) }
	if i := slices.IndexFunc(*c, same); i >= 0 {
		(*c)[i].of = append((*c)[i].of, name)
		return
	}
	*c = append(*c, licence{[]string{name}, text})
}

func (c collection) print() []byte {
	var b bytes.Buffer
	b.WriteString("stoa is under the first of these licences. The program holds the other things that\nare named here, each under the licence that follows its name.\n")
	for _, l := range c {
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(l.of, "\n"), l.text)
	}
	return b.Bytes()
}
