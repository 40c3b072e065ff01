package app

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"stoa/identity"
	"stoa/room/seal"
)

// goish are signs of an error that was meant for a programmer.
var goish = regexp.MustCompile(`stoa/|0x[0-9a-f]|%!|\.go:|nil |errno|context |cbor|<nil>|[a-z]: [a-z]+: `)

func TestExplanationsAreForPeople(t *testing.T) {
	for i, e := range explanations {
		if p := Explain(fmt.Errorf("reading x: %w", e.err)); p != (Problem{e.code, e.text, e.hint}) {
			t.Errorf("%v is explained as %q: an earlier one hides it", e.err, p.Text)
		}
		for _, words := range []string{e.text, e.hint} {
			if goish.MatchString(words) || strings.HasSuffix(words, ".") || words != strings.TrimSpace(words) {
				t.Errorf("%q is not how a person speaks", words)
			}
		}
		if e.text == "" || strings.ToLower(e.text[:1]) != e.text[:1] {
			t.Errorf("explanation %d: %q", i, e.text)
		}
		if e.hint == "" && !errors.Is(e.err, context.Canceled) && !strings.Contains(e.text, "left") {
			t.Errorf("%q has no hint", e.text)
		}
	}
}

// Every error that another package names has words here, so that one more
// cannot be forgotten. Those left out reach nobody, or are said where they
// happen.
func TestEverySentinelHasWords(t *testing.T) {
	elsewhere := map[string]bool{
		"identity.ErrMalformed": true, // said by who read it: parseLink, openBundle, loadKey
	}
	explained := map[string]bool{}
	for _, e := range explanations {
		explained[e.err.Error()] = true
	}
	n := 0
	for _, pkg := range []string{"identity", "room", "room/keep", "node"} {
		for name, text := range sentinels(t, filepath.Join("../../..", pkg)) {
			n++
			full := filepath.Base(pkg) + "." + name
			if !explained[text] && !elsewhere[full] {
				t.Errorf("%s (%q) has no words in explanations", full, text)
			}
		}
	}
	if n < 30 {
		t.Fatalf("only %d errors found: the test looks in the wrong place", n)
	}
}

// sentinels finds `ErrX = errors.New("text")` in the files of a package.
func sentinels(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no files, %v", dir, err)
	}
	found := map[string]string{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Names) != 1 || len(v.Values) != 1 || !strings.HasPrefix(v.Names[0].Name, "Err") {
				return true
			}
			call, ok := v.Values[0].(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			if text, ok := call.Args[0].(*ast.BasicLit); ok {
				found[v.Names[0].Name] = strings.Trim(text.Value, `"`)
			}
			return true
		})
	}
	return found
}

func TestExplainOthers(t *testing.T) {
	user := &UserError{Code: "c", Text: "no", Hint: "yes", Err: identity.ErrExpired}
	if p := Explain(errors.Join(errors.New("closing"), fmt.Errorf("x: %w", user))); p != (Problem{"c", "no", "yes"}) {
		t.Errorf("a UserError inside: %+v", p)
	}
	if p := Explain(seal.ErrNoEpoch); p != (Problem{Code: codeOther, Text: seal.ErrNoEpoch.Error()}) {
		t.Errorf("an unknown error: %+v", p)
	}
	if p := Explain(&UserError{Text: "put out: \u202e\x1b[31mfdp", Hint: "a\nb"}); p.Text != "put out: fdp" || p.Hint != "a b" {
		t.Errorf("what others have written: %+v", p)
	}
	full := &os.PathError{Op: "write", Path: "/x", Err: syscall.ENOSPC}
	if p := Explain(fmt.Errorf("keep: %w", full)); p.Text != "the disk is full" {
		t.Errorf("a full disk: %q", p.Text)
	}
	if asUserError(nil) != nil {
		t.Error("no error became one")
	}
	if err := asUserError(fmt.Errorf("x: %w", identity.ErrExpired)); !errors.Is(err, identity.ErrExpired) {
		t.Errorf("%v has lost its cause", err)
	}
}
