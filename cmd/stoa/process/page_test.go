// The page of real nodes, visited without a browser.

package process

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"stoa/cmd/stoa/app"
	"stoa/cmd/stoa/ui"
	"stoa/cmd/stoa/ui/visitor"
)

// A tab is a page that is open.
type tab struct {
	*visitor.Visitor
	t *testing.T
}

// open opens the page of a node that serves it.
func (p *process) open(t *testing.T) tab {
	t.Helper()
	v, err := visitor.Enter(t.Context(), p.wait("a page", kind("page")).URL)
	if err != nil {
		t.Fatal(err)
	}
	return tab{v, t}
}

// do performs a verb; code is empty or that of the problem.
func (p tab) do(req app.Request) (reply app.Reply, code string) {
	p.t.Helper()
	var got struct {
		app.Reply
		ui.Problem
	}
	status, err := p.Post(p.t.Context(), "/do", req, &got)
	if err != nil || (status == http.StatusOK) != (got.Code == "") {
		p.t.Fatalf("%s: status %d, %v", req.Verb, status, err)
	}
	return got.Reply, got.Code
}

// until follows the page until it shows something, and returns that.
func (p tab) until(what string, fits func(v app.View) bool) (v app.View) {
	p.t.Helper()
	begin := time.Now()
	var shown any
	found := false
	err := p.Follow(p.t.Context(), func(name string, data []byte) bool {
		if name == "state" || name == "patch" {
			var patch any
			if err := json.Unmarshal(data, &patch); err != nil {
				p.t.Errorf("%s: %v", data, err)
				return false
			}
			if name == "state" {
				shown = nil
			}
			shown = ui.Apply(shown, patch)
			whole, err := json.Marshal(shown)
			if err == nil {
				v = app.View{}
				err = json.Unmarshal(whole, &v)
			}
			if err != nil {
				p.t.Errorf("%s: %v", whole, err)
				return false
			}
			found = fits(v)
		}
		return !found && time.Since(begin) < patience
	})
	if !found {
		p.t.Fatalf("the page does not show %s: %v; last %+v", what, err, v)
	}
	return v
}

// alone are the words of a node that takes up its rooms again.
func (w *world) alone() []string {
	return []string{"--bootstrap", w.bootstrap, "--listen", loopback, "--in", "silence", "--out", "null"}
}

// freePort finds one that no system gives to anybody who does not ask for it, so that
// it is still free after a crash.
func freePort(t *testing.T) string {
	t.Helper()
	for port := 21000; port < 30000; port++ {
		if l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			return strconv.Itoa(port)
		}
	}
	t.Fatal("there is no free port")
	return ""
}

// TestPageSurvives has the node of an open page killed and started again: the page
// comes back by itself, to the same port, and finds what was done last.
func TestPageSurvives(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	home := filepath.Join(t.TempDir(), "home")
	ann := start(t, honest, "ann", home, append(w.alone(), "--page", freePort(t))...)
	page := ann.open(t)
	page.until("a node that runs", func(v app.View) bool { return v.Phase == "running" && v.Me.New })
	if _, code := page.do(app.Request{Verb: app.VerbID, Args: []string{"name", "Ann"}}); code != "" {
		t.Fatalf("naming oneself: %s", code)
	}
	ann.kill()
	again := start(t, honest, "ann again", home, w.alone()...)
	again.wait("a page", kind("page"))
	if err := page.Return(t.Context()); err != nil {
		t.Fatal(err)
	}
	page.until("her name", func(v app.View) bool { return v.Me.Name == "Ann" })
	if _, err := visitor.Enter(t.Context(), ann.wait("a page", kind("page")).URL); err == nil {
		t.Error("the first address lets in twice")
	}
	again.quit()
}

// TestPageUnlocks has the passphrase of a locked key typed in the page, wrongly
// first, and another process told meanwhile what is missing.
func TestPageUnlocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	home := filepath.Join(t.TempDir(), "home")
	const secret = "correct horse"
	typed := func() (string, error) { return secret, nil }
	if _, err := app.Do(t.Context(), home, app.Request{Verb: app.VerbID, Args: []string{"lock"}}, typed); err != nil {
		t.Fatal(err)
	}
	ann := startIn(t, append(os.Environ(), "STOA_PASSPHRASE="), honest, "ann", home, w.alone()...)
	page := ann.open(t)
	page.until("that the key is locked", func(v app.View) bool { return v.Phase == "locked" })
	says(t, 1, "your key is locked", "who", "--home", home)
	handed(t, "--home", home)
	if _, code := page.do(app.Request{Verb: app.VerbPassphrase, Secret: "wrong"}); code != "wrong_passphrase" {
		t.Errorf("a wrong passphrase: %q", code)
	}
	page.until("why it is locked still", func(v app.View) bool { return v.Phase == "locked" && v.Why != nil })
	if _, code := page.do(app.Request{Verb: app.VerbPassphrase, Secret: secret}); code != "" {
		t.Errorf("the right passphrase: %q", code)
	}
	page.until("that the node runs", func(v app.View) bool { return v.Phase == "running" && v.Why == nil })
	ann.quit()
}
