// The page: its flag, its address, which browsers it forgets, and how one stoa hands over
// to another that runs with the same home.

package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"stoa/cmd/stoa/app"
	"stoa/cmd/stoa/ui"
)

// linkScheme is what every link begins with.
const linkScheme = "stoa:"

// servingOf reads --page: when the page is served, and on what port. normally holds
// where nothing is said.
func servingOf(flag string, normally serving) (serving, int, error) {
	switch flag {
	case "":
		return normally, 0, nil
	case "none":
		return never, 0, nil
	}
	port, err := strconv.Atoi(flag)
	if err != nil || port < 1 || port > 65535 {
		return never, 0, &usageError{text: "--page is a port or none, not " + flag}
	}
	return always, port, nil
}

// verbSignOut signs every browser out of the page.
const verbSignOut = "signout"

func pageCommand() *command {
	return &command{
		name:    "page",
		summary: "show the page of the running stoa",
		usage:   "[LINK]",
		about: `Prints an address that lets one browser in, once and within ten minutes, and opens
it where there is a browser. With a link, the page shows where that leads.

A browser that was let in comes back by itself. With --forget none does any more, and
none is in, nor gets in by an address from before; it also works when no node runs.`,
		example: `stoa page
stoa page --forget`,
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, app.VerbPage)
			forget := fs.Bool("forget", false, "sign out every browser, and show nothing")
			return func(ctx context.Context, c *cli, words []string) error {
				if *forget {
					return c.signOut(ctx, v, words)
				}
				if err := tooMany(words, 1); err != nil {
					return err
				}
				v.req.Args = words
				reply, err := v.ask(ctx, c)
				if err != nil {
					return err
				}
				return c.showPage(reply, v.json)
			}
		},
	}
}

// signOut signs every browser out of the page: of the node that runs, or of the next.
func (c *cli) signOut(ctx context.Context, v *verb, words []string) error {
	if err := tooMany(words, 0); err != nil {
		return err
	}
	v.req.Verb = verbSignOut
	reply, err := v.ask(ctx, c)
	if err != nil && app.Explain(err).Code == "not_running" {
		home := homeOr(v.home)
		err = c.app.alone(home, func() (err error) {
			reply, err = signedOut(ui.SignOut(filepath.Join(home, pageFile)))
			return err
		})
	}
	if err != nil {
		return err
	}
	return v.print(c, reply)
}

// signedOut is what the verb signout answers when err is what came of it.
func signedOut(err error) (app.Reply, error) {
	if err != nil {
		return app.Reply{}, &app.UserError{
			Code: "choice_not_kept", Text: "that every browser is signed out cannot be kept: " + reason(err),
			Hint: "see that stoa may write to its home and has room there, and try again", Err: err,
		}
	}
	return app.Reply{Lines: []string{"every browser is signed out: `stoa page` lets one in again"}}, nil
}

// showPage shows what the verb page answered.
func (c *cli) showPage(reply app.Reply, asJSON bool) error {
	var page pageReply
	data, err := json.Marshal(reply.Data)
	if err == nil {
		err = json.Unmarshal(data, &page)
	}
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(c.stdout, page)
	}
	if page.Shown {
		fmt.Fprintln(c.stdout, "the page that is open shows it")
		return nil
	}
	c.offer(page.URL, true)
	return nil
}

// offer prints an address of the page, and opens it where that is wanted and there
// is a browser.
func (c *cli) offer(address string, open bool) {
	fmt.Fprintf(c.stdout, "page: %s\n", address)
	if open && c.app.browse(address) == nil {
		return
	}
	at, err := url.Parse(address)
	if err != nil {
		return // it is one of ours
	}
	fmt.Fprintln(c.stdout, "  it lets one browser in, within ten minutes; `stoa page` prints another one")
	fmt.Fprintf(c.stdout, "  for a browser on another machine, run this there first: ssh -L %s:127.0.0.1:%s %s\n", at.Port(), at.Port(), whereabouts())
}

// whereabouts is this account as ssh names it.
func whereabouts() string {
	name, host := "USER", "HOST"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return name + "@" + host
}

// handOver lets the node that runs with a home show its page or, when there is to be
// none, join a link. done is false where no node runs.
func (c *cli) handOver(ctx context.Context, home string, f *nodeFlags, s stay) (done bool, err error) {
	verb := app.VerbPage
	if f.page == "none" && s.link != "" {
		verb = app.VerbJoin
	}
	ask := func(verb string) (app.Reply, error) {
		req := app.Request{Verb: verb}
		if s.link != "" {
			req.Args = []string{s.link}
		}
		return c.app.do(ctx, home, req, nil)
	}
	reply, err := ask(verb)
	code := ""
	if err != nil {
		code = app.Explain(err).Code
	}
	switch {
	case code == "not_running":
		return false, nil
	case code == "no_page" && s.link == "":
		return true, &app.UserError{
			Code: "home_in_use", Text: "another stoa runs with this home, without a page",
			Hint: "steer it with the verbs (`stoa help`), or give this one another --home", Err: err,
		}
	case code == "no_page":
		verb = app.VerbJoin
		reply, err = ask(verb)
	}
	switch {
	case err != nil, s.background:
		return true, err
	case verb == app.VerbJoin:
		return true, c.printReply(reply, f.json)
	}
	return true, c.showPage(reply, f.json)
}

// isInUse reports whether a home could not be opened because another node has it.
func isInUse(err error) bool { return err != nil && app.Explain(err).Code == "home_in_use" }

const (
	handAgain = 200 * time.Millisecond
	handTries = 25
)

// handOverSoon is handOver to a node that is about to start, whose lock on the home
// is there before it answers.
func (c *cli) handOverSoon(ctx context.Context, home string, f *nodeFlags, s stay) (done bool, err error) {
	again := time.NewTicker(handAgain)
	defer again.Stop()
	for range handTries {
		select {
		case <-again.C:
		case <-ctx.Done():
			return false, nil
		}
		if done, err = c.handOver(ctx, home, f, s); done {
			break
		}
	}
	return done, err
}

// linkWord is the one word that stoa alone may have: a link that was clicked.
func linkWord(words []string) (link string, err error) {
	if len(words) > 0 && strings.HasPrefix(words[0], linkScheme) {
		return words[0], tooMany(words, 1)
	}
	return "", tooMany(words, 0)
}
