// Where a node's page and its desktop find it. The session comes and goes, the
// page stays: while the key is locked, through an import, and until the last
// word is said.
//
//	run ──► open ──► session.Run ──► over
//	  │       │           │
//	  │       └ locked: the passphrase is typed in the page
//	  └──◄── restarting: an import has changed the home

package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"sync"

	"stoa/cmd/stoa/app"
	"stoa/cmd/stoa/desktop"
	"stoa/cmd/stoa/ui"
	"stoa/identity"
)

// A session is one run of a node: *app.Session.
type session interface {
	Run(ctx context.Context, first app.Task) error
	Close() error
	View() (*app.View, <-chan struct{})
	Levels() (map[string]int, <-chan struct{})
	Do(ctx context.Context, req app.Request) (app.Reply, error)
	Export(passphrase string) ([]byte, error)
	MayImport() error
}

// A pageServer serves the page: *ui.Server.
type pageServer interface {
	Run(ctx context.Context) error
	Address(fragment string) string
	Tell(name string, data any)
	Pages() (open, visible int)
	SignOut() error
	Wake()
}

// The phases in which there is no session. The session's own are those of app.View.
const (
	phaseStarting   = "starting"
	phaseLocked     = "locked"
	phaseRestarting = "restarting"
	phaseOver       = "over"
)

// When the page is served.
type serving int

const (
	onDemand serving = iota // from when it is first asked for
	always
	never
)

// pageFile is in the home what ui.Config.Keep says.
const pageFile = "page.json"

// A desk holds the session of a home.
type desk struct {
	home     string
	version  string
	log      *slog.Logger
	open     func(app.Config) (session, error)
	openPage func(ui.Config) (pageServer, error)
	browse   func(address string) error

	openDesktop func(desktop.Config) desktopParts // nil: there is no desktop
	parts       sync.WaitGroup                    // what runs of it
	quit        context.CancelFunc                // ends run

	serving  serving
	port     int               // see ui.Config.Port
	fragment string            // what the first page shows
	address  func(addr string) // told of the address, when the page is served without having been asked for

	mu      sync.Mutex
	phase   string
	why     *app.Problem
	opened  session            // until its Run returns
	session session            // opened, when it can be asked
	changed chan struct{}      // closed when one of these is another one
	begun   bool               // the home is ours, and the page may be served
	server  pageServer         // nil while no page is served
	desktop desktopParts       // nil while nothing is shown on the desktop
	ended   chan error         // what Run of server returned
	stop    context.CancelFunc // ends it

	typed    chan attempt
	imported chan arrival
}

// An attempt is a passphrase that was typed in the page.
type attempt struct {
	passphrase string
	result     chan error // one value
}

// An arrival is an import that has been read and is to be put into the home.
type arrival struct {
	from   *app.Import
	result chan error // one value
}

func newDesk(of backend, home, version string, log *slog.Logger) *desk {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &desk{
		home: home, version: version, log: log, open: of.open, openPage: of.page, browse: of.browse, openDesktop: of.desktop,
		address: func(string) {},
		phase:   phaseStarting, changed: make(chan struct{}),
		typed: make(chan attempt), imported: make(chan arrival),
	}
}

// enter changes the phase, in which there is no session.
func (d *desk) enter(phase string, why *app.Problem) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.phase, d.why, d.session = phase, why, nil
	d.move()
}

// move tells that something has changed. The caller holds mu.
func (d *desk) move() {
	close(d.changed)
	d.changed = make(chan struct{})
	if d.server != nil {
		d.server.Wake() // it may wait for a session that has ended
	}
}

// run runs sessions until ctx ends or one ends by itself. terminal says that a
// passphrase can be asked for as cfg says, and need not be typed in the page.
func (d *desk) run(ctx context.Context, cfg app.Config, first app.Task, terminal bool) (err error) {
	told := ctx
	defer func() {
		if told.Err() == nil && errors.Is(err, context.Canceled) {
			err = nil // the person has quit, in peace
		}
		err = errors.Join(err, d.close(err))
	}()
	ctx, d.quit = context.WithCancel(ctx)
	defer d.parts.Wait()
	defer d.quit()
	cfg.Version, cfg.Verbs = d.version, d.verbs()
	emit := cfg.Emit
	cfg.Emit = func(e app.Event) { d.event(e); emit(e) }
	for {
		s, err := d.unlock(ctx, cfg, terminal)
		if err != nil {
			return err
		}
		again, err := d.visit(ctx, s, first)
		if !again {
			return err
		}
		first = nil // the home has other rooms now
	}
}

// verbs are the desk's own, which need no session.
func (d *desk) verbs() map[string]func(context.Context, app.Request) (app.Reply, error) {
	return map[string]func(context.Context, app.Request) (app.Reply, error){
		app.VerbPage: d.page, verbSignOut: d.signOut, verbDesktop: d.switchDesktop,
	}
}

// unlock opens the home, if need be with a passphrase that is typed in the page.
func (d *desk) unlock(ctx context.Context, cfg app.Config, terminal bool) (session, error) {
	var tried *attempt
	if !terminal && d.serving != never {
		cfg.Passphrase = func() (string, error) {
			a, err := d.waitLocked(ctx)
			if err != nil {
				return "", err
			}
			tried = &a
			return a.passphrase, nil
		}
	}
	for {
		s, err := d.open(cfg)
		typed := tried
		if tried = nil; typed != nil {
			typed.result <- err
		}
		if err == nil {
			return s, d.begin(ctx)
		}
		if typed == nil || !errors.Is(err, identity.ErrPassphrase) {
			return nil, err
		}
		why := app.Explain(err)
		d.enter(phaseLocked, &why)
	}
}

// waitLocked serves the page until a passphrase is typed in it. The home's store
// is ours meanwhile, so its socket is too.
func (d *desk) waitLocked(ctx context.Context) (attempt, error) {
	if err := d.begin(ctx); err != nil {
		return attempt{}, err
	}
	stop, err := app.Steer(d.home, d.locked)
	if err != nil {
		return attempt{}, err
	}
	d.mu.Lock()
	why := d.why
	d.mu.Unlock()
	d.enter(phaseLocked, why)
	select {
	case a := <-d.typed:
		return a, stop()
	case <-ctx.Done():
		return attempt{}, errors.Join(ctx.Err(), stop())
	}
}

// visit runs a session. again is true when it has ended for an import, which is
// in the home now.
func (d *desk) visit(ctx context.Context, s session, first app.Task) (again bool, err error) {
	d.mu.Lock()
	d.opened = s
	d.mu.Unlock()
	d.enter(phaseStarting, nil)
	run, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(run, first) }()
	var in *arrival
	select {
	case err = <-ended:
	case a := <-d.imported:
		in = &a
		d.enter(phaseRestarting, nil)
		stop()
		err = <-ended
	}
	d.mu.Lock()
	d.opened, d.session = nil, nil
	d.mu.Unlock()
	if in == nil {
		d.enter(phaseOver, nil)
		return false, err
	}
	if ctx.Err() != nil {
		in.result <- ctx.Err()
		return false, err
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		d.log.Warn("ending the session for an import", "err", err)
	}
	in.result <- in.from.Into(d.home)
	return true, nil
}

// event notes what concerns the page.
func (d *desk) event(e app.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch e.Kind {
	case app.EventReady:
		d.session = d.opened
		d.move()
	case app.EventReact:
		if d.server != nil {
			d.server.Tell("react", map[string]string{"room": e.Room, "who": e.Who, "emoji": e.Emoji})
		}
	}
}

// begin serves the page when that is wanted without being asked for, and with it the
// desktop until ctx ends. The home must be ours: what is kept of both is in it.
func (d *desk) begin(ctx context.Context) error {
	d.mu.Lock()
	first := !d.begun
	d.begun = true
	d.mu.Unlock()
	if !first || d.serving != always {
		return nil
	}
	server, err := d.serve()
	if err == nil {
		d.address(server.Address(d.fragment))
		d.showDesktop(ctx)
	}
	return err
}

// serve returns the server of the page, which it starts when there is none.
func (d *desk) serve() (pageServer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.server != nil:
		return d.server, nil
	case d.serving == never:
		return nil, &app.UserError{Code: "no_page", Text: "this stoa serves no page", Hint: "start it without --page none"}
	case !d.begun || d.phase == phaseOver:
		return nil, notNow
	}
	server, err := d.openPage(ui.Config{
		Node: d, Do: app.Handler(d.do), Port: d.port, Keep: filepath.Join(d.home, pageFile), Log: d.log,
	})
	if err != nil {
		return nil, &app.UserError{Code: "port_taken", Text: "the page cannot be served: " + reason(err), Hint: "give --page another port, or none", Err: err}
	}
	ctx, stop := context.WithCancel(context.Background())
	d.server, d.ended, d.stop = server, make(chan error, 1), stop
	go func() { d.ended <- server.Run(ctx) }()
	return server, nil
}

// notNow answers what nobody is there to do yet.
var notNow = &app.UserError{Code: "not_ready", Text: "stoa is not ready for that yet", Hint: "try again in a moment"}

// close tells the page why it is over, and ends it.
func (d *desk) close(err error) error {
	var why *app.Problem
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		p := app.Explain(err)
		why = &p
	}
	d.enter(phaseOver, why)
	d.mu.Lock()
	server := d.server
	d.mu.Unlock()
	if server == nil {
		return nil
	}
	d.stop()
	return <-d.ended
}

// State is ui.Node's.
func (d *desk) State() (any, <-chan struct{}) {
	d.mu.Lock()
	s, phase, why, changed := d.session, d.phase, d.why, d.changed
	d.mu.Unlock()
	if s != nil {
		v, changed := s.View()
		return v, changed
	}
	return app.Blank(phase, why, d.version), changed
}

// Levels is ui.Node's.
func (d *desk) Levels() (map[string]int, <-chan struct{}) {
	d.mu.Lock()
	s, changed := d.session, d.changed
	d.mu.Unlock()
	if s != nil {
		return s.Levels()
	}
	return nil, changed
}

// locked performs the verbs of other processes while the key is locked.
func (d *desk) locked(ctx context.Context, req app.Request) (app.Reply, error) {
	if own, is := d.verbs()[req.Verb]; is {
		return own(ctx, req)
	}
	return app.Reply{}, &app.UserError{Code: "locked", Text: "your key is locked", Hint: "type its passphrase in the page: `stoa page` shows where"}
}

// do performs the verbs of the page.
func (d *desk) do(ctx context.Context, req app.Request) (app.Reply, error) {
	d.mu.Lock()
	s, phase := d.session, d.phase
	d.mu.Unlock()
	own, is := d.verbs()[req.Verb]
	switch {
	case s != nil:
		return s.Do(ctx, req)
	case is:
		return own(ctx, req)
	case phase != phaseLocked:
		return app.Reply{}, notNow
	case req.Verb != app.VerbPassphrase:
		return d.locked(ctx, req)
	}
	a := attempt{req.Secret, make(chan error, 1)}
	select {
	case d.typed <- a:
	case <-ctx.Done():
		return app.Reply{}, ctx.Err()
	}
	select {
	case err := <-a.result:
		return app.Reply{Lines: []string{"your key is open"}}, err
	case <-ctx.Done():
		return app.Reply{}, ctx.Err()
	}
}

// A pageReply is what the verb page answers: an address to open, unless a page that
// is being looked at shows the link already.
type pageReply struct {
	URL   string `json:"url,omitempty"`
	Shown bool   `json:"shown,omitempty"`
}

// page performs the verb page: it makes an address or, of a link, has the pages
// that are open show where it leads.
func (d *desk) page(_ context.Context, req app.Request) (app.Reply, error) {
	link, fragment := "", ""
	if len(req.Args) > 0 {
		link = req.Args[0]
		if err := app.CheckLink(link); err != nil {
			return app.Reply{}, err
		}
		fragment = previewOf(link)
	}
	server, err := d.serve()
	if err != nil {
		return app.Reply{}, err
	}
	if link != "" {
		server.Tell("link", map[string]string{"link": link})
		if _, visible := server.Pages(); visible > 0 {
			return app.Reply{Lines: []string{"the page shows it"}, Data: pageReply{Shown: true}}, nil
		}
	}
	address := server.Address(fragment)
	return app.Reply{Lines: []string{address}, Data: pageReply{URL: address}}, nil
}

// previewOf is the part of an address that shows where a link leads.
func previewOf(link string) string { return "#/preview/" + url.PathEscape(link) }

// signOut performs the verb signout: it has no browser in the page any more.
func (d *desk) signOut(context.Context, app.Request) (app.Reply, error) {
	d.mu.Lock()
	server := d.server
	if server == nil {
		defer d.mu.Unlock() // none is served meanwhile
		return signedOut(ui.SignOut(filepath.Join(d.home, pageFile)))
	}
	d.mu.Unlock()
	return signedOut(server.SignOut())
}

// present returns the session, or says that there is none now.
func (d *desk) present() (session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session == nil {
		return nil, notNow
	}
	return d.session, nil
}

// Export is ui.Node's.
func (d *desk) Export(_ context.Context, passphrase string) ([]byte, error) {
	s, err := d.present()
	if err != nil {
		return nil, forPage(err)
	}
	sealed, err := s.Export(passphrase)
	return sealed, forPage(err)
}

// Import is ui.Node's. The session ends only when nothing but the disk can keep the
// import from being carried out.
func (d *desk) Import(ctx context.Context, sealed []byte, passphrase string) error {
	in, err := app.ReadExport(sealed, passphrase)
	if err != nil {
		return forPage(err)
	}
	s, err := d.present()
	if err == nil {
		err = s.MayImport()
	}
	if err != nil {
		return forPage(err)
	}
	a := arrival{in, make(chan error, 1)}
	select {
	case d.imported <- a:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-a.result:
		return forPage(err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// File is ui.Node's: blocklist, and ROOM.ics.
func (d *desk) File(ctx context.Context, name string) (ui.Download, error) {
	req, kind := app.Request{Verb: "blocked", Args: []string{"export"}}, "text/plain"
	if room, is := strings.CutSuffix(name, ".ics"); is {
		req, kind = app.Request{Verb: "ics", Room: room}, "text/calendar"
	} else if name != "blocklist" {
		return ui.Download{}, &ui.Problem{Code: "no_file", Text: "there is no such file"}
	}
	s, err := d.present()
	if err != nil {
		return ui.Download{}, forPage(err)
	}
	reply, err := s.Do(ctx, req)
	if err != nil {
		return ui.Download{}, forPage(err)
	}
	data, err := json.Marshal(reply.Data)
	if err != nil {
		return ui.Download{}, err
	}
	var file struct{ File, ICS string }
	if err := json.Unmarshal(data, &file); err != nil {
		return ui.Download{}, err
	}
	return ui.Download{Kind: kind, Data: []byte(file.File + file.ICS)}, nil
}

// forPage makes what the page shows of an error for the person.
func forPage(err error) error {
	if err == nil {
		return nil
	}
	p := app.Explain(err)
	return &ui.Problem{Code: p.Code, Text: p.Text, Hint: p.Hint}
}
