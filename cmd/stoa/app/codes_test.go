package app

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"stoa/node"
	"stoa/room"
)

// codes finds every code in this package, whatever it is built with, and fails the test
// for a UserError or a Problem that has none.
func codes(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	fset := token.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "doctor") {
			continue // the findings of the doctor are no errors, and have words of their own
		}
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		note := func(e ast.Expr) {
			if lit, is := e.(*ast.BasicLit); is {
				text, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				found[text] = true
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				kind, _ := n.Type.(*ast.Ident)
				if kind == nil || len(n.Elts) == 0 || kind.Name != "UserError" && kind.Name != "Problem" {
					break
				}
				if _, keyed := n.Elts[0].(*ast.KeyValueExpr); !keyed {
					note(n.Elts[0])
				} else if !slices.ContainsFunc(n.Elts, isCode) {
					t.Errorf("%s: an error without a code", fset.Position(n.Pos()))
				}
			case *ast.KeyValueExpr:
				if isCode(n) {
					note(n.Value)
				}
			case *ast.AssignStmt:
				for i, to := range n.Lhs {
					if field, is := to.(*ast.SelectorExpr); is && field.Sel.Name == "Code" && len(n.Lhs) == len(n.Rhs) {
						note(n.Rhs[i])
					}
				}
			}
			return true
		})
	}
	for _, e := range explanations {
		found[e.code] = true
	}
	list := []string{}
	for code := range found {
		list = append(list, code)
	}
	slices.Sort(list)
	return list
}

// isCode says that a field Code is set.
func isCode(e ast.Expr) bool {
	field, is := e.(*ast.KeyValueExpr)
	if !is {
		return false
	}
	key, is := field.Key.(*ast.Ident)
	return is && key.Name == "Code"
}

// The page says every error in the words of each of its languages.
func TestEveryCodeIsInEveryLanguage(t *testing.T) {
	word := regexp.MustCompile(`^[a-z][a-z_]*$`)
	all := codes(t)
	for _, code := range all {
		if !word.MatchString(code) {
			t.Errorf("%q is no code", code)
		}
	}
	languages, err := filepath.Glob("../ui/page/src/lang/*.json")
	if err != nil || len(languages) < 3 {
		t.Fatalf("the languages of the page: %v, %v", languages, err)
	}
	for _, path := range languages {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		words := map[string]string{}
		if err := json.Unmarshal(raw, &words); err != nil {
			t.Fatal(err)
		}
		var missing []string
		for _, code := range all {
			if words["error."+code] == "" {
				missing = append(missing, code)
			}
		}
		if len(missing) > 0 {
			t.Errorf("%s lacks the words for %s", filepath.Base(path), strings.Join(missing, " "))
		}
		for c := room.VoidShutOut; c.String() != ""; c++ {
			if words["log.void."+c.String()] == "" {
				t.Errorf("%s does not say why an entry of the history is void: %s", filepath.Base(path), c)
			}
		}
		for _, kind := range []node.ReachKind{node.ReachOpen, node.ReachPunch, node.ReachRelayed, node.ReachLocal} {
			if code, word := netView(node.Public, false, node.Reach{Kind: kind}).Code, string(kind); code != "reach_"+word || words["net."+word] == "" {
				t.Errorf("%s has no words for a network that is %s", filepath.Base(path), word)
			}
		}
	}
}
