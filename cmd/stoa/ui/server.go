// The server: its doors, its goroutines, and what each path does.
//
//	Run ─┬─ http.Server, one goroutine a connection
//	     ├─ watchState    Node.State, diffs it and wakes the streams
//	     └─ watchLevels   Node.Levels, likewise

package ui

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"stoa/cmd/stoa/pause"
	"stoa/cmd/stoa/serve"
)

// DefaultPort is listened on when nothing else is said and it is free: "stoa" on
// the keys of a telephone.
const DefaultPort = 7862

const (
	stateGap = 100 * time.Millisecond // between two states
	levelGap = 50 * time.Millisecond  // between two levels
	beatGap  = time.Second

	headTime  = 5 * time.Second  // to read a request's headers
	bodyTime  = 10 * time.Second // to read its body
	writeTime = 10 * time.Second // to write an event, or an answer from when it is known
	doTime    = time.Minute      // that a command may take
	idleTime  = time.Minute      // that a connection may do nothing

	fileTime = 10 * time.Minute // to read or write an export: it may be large, and go through ssh

	maxHead    = 64 << 10  // bytes of headers: cookies of every port of this host come along
	maxSmall   = 4 << 10   // bytes of the bodies of /enter, /return, /visible and /export
	maxRequest = 512 << 10 // bytes of a command: a blocklist as JSON
	maxImport  = 256 << 20 // bytes of an export

	maxAtWork = 32 // commands at once
)

// A Node is what the page shows and steers. Its methods may be called at the
// same time. State and Levels answer at once: while they do not, pages are told
// nothing, and from that see that the node hangs.
type Node interface {
	// State returns what is so now, which marshals to a JSON object without
	// nulls, and a channel that is closed when that has changed.
	State() (doc any, changed <-chan struct{})

	// Levels returns how loud each voice is that sounds now, from 0 to 100, by
	// the person's ID, and a channel that is closed when others sound.
	Levels() (levels map[string]int, changed <-chan struct{})

	// Export returns everything that a person has, under a passphrase, and
	// Import replaces it. File returns a file to save. Errors that are a
	// *Problem are for the person.
	Export(ctx context.Context, passphrase string) ([]byte, error)
	Import(ctx context.Context, sealed []byte, passphrase string) error
	File(ctx context.Context, name string) (Download, error)
}

// A Download is a file to save.
type Download struct {
	Kind string // Content-Type
	Data []byte
}

// A Problem is an error in the words of the person who meets it.
type Problem struct {
	Code string `json:"code"` // [a-z_]+, to translate by
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
}

func (p *Problem) Error() string { return p.Text }

// Config says what is served.
type Config struct {
	Node  Node
	Do    http.Handler // answers POST /do, whose body it is given whole
	Files fs.FS        // the page; nil: Built

	// Port is what to listen on. 0 is the one kept in Keep, else DefaultPort,
	// else any.
	Port int

	// Keep is the file in which the port and the browsers that were let in are
	// kept. Without one none comes back to the next run.
	Keep string

	Log *slog.Logger // nil: none
}

// A Server serves the page. Open makes it, Run runs it once.
type Server struct {
	node  Node
	do    http.Handler
	log   *slog.Logger
	files map[string]*file

	listener net.Listener
	port     int
	keep     string
	keeping  sync.Mutex // orders writes of the file keep

	keys    *keyring
	feed    *feed
	woken   chan struct{} // holds a value when the state is to be looked at
	streams streams
	atWork  chan struct{} // one entry a command
}

// Open listens. A Server that is not run must be closed.
func Open(cfg Config) (*Server, error) {
	port, browsers, err := loadKept(cfg.Keep)
	if err != nil && cfg.Log != nil {
		cfg.Log.Warn("reading which browsers may come back", "err", err)
	}
	l, err := listen(cfg.Port, port)
	if err != nil {
		return nil, err
	}
	if l.Addr().(*net.TCPAddr).Port != port {
		browsers = nil // their cookies may go to whoever has that port now
	}
	s, err := newServer(cfg, l, browsers)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s.trySave()
	return s, nil
}

// newServer makes a server of a listener on a TCP port.
func newServer(cfg Config, l net.Listener, browsers []browser) (*Server, error) {
	from := cfg.Files
	if from == nil {
		from = Built()
	}
	files, err := readFiles(from)
	if err != nil {
		return nil, fmt.Errorf("reading the page: %w", err)
	}
	return &Server{
		node: cfg.Node, do: cfg.Do, files: files,
		log:      cmp.Or(cfg.Log, slog.New(slog.DiscardHandler)),
		listener: l, port: l.Addr().(*net.TCPAddr).Port, keep: cfg.Keep,
		keys: newKeyring(browsers), feed: newFeed(), woken: make(chan struct{}, 1), atWork: make(chan struct{}, maxAtWork),
	}, nil
}

// listen opens the port that was asked for, else the first that is free of the
// one before, the usual one and any.
func listen(asked, before int) (net.Listener, error) {
	ports := []int{before, DefaultPort, 0}
	switch {
	case asked != 0:
		ports = []int{asked}
	case before == 0:
		ports = ports[1:]
	}
	var l net.Listener
	var err error
	for _, port := range ports {
		if l, err = net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return l, nil
		}
	}
	return nil, err
}

// Close gives the port back. Run does so by itself.
func (s *Server) Close() error { return s.listener.Close() }

// Port returns the port that is listened on.
func (s *Server) Port() int { return s.port }

// Address returns an address that lets one browser in, within tokenTime, and
// shows what fragment names, such as "#/room/7dk…"; empty is where it begins.
func (s *Server) Address(fragment string) string {
	q := "enter=" + s.keys.newToken(time.Now())
	if fragment != "" {
		q += "&go=" + url.QueryEscape(fragment)
	}
	return fmt.Sprintf("http://127.0.0.1:%d/#%s", s.port, q)
}

// Tell tells every page of a moment: "react" or "link", see the package comment.
// data must marshal to JSON. Tell never waits.
func (s *Server) Tell(name string, data any) {
	line, err := json.Marshal(data)
	if err != nil {
		s.log.Error("a moment is no JSON", "name", name, "err", err)
		return
	}
	s.feed.tell(event{name, line})
}

// Wake has the node asked for its state again, though the channel of the last one
// is not closed. It never waits.
func (s *Server) Wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// Pages returns how many pages are open, and how many of them a person sees.
func (s *Server) Pages() (open, visible int) { return s.streams.count() }

// SignOut has no browser in any more, and none come back: their keys, their cookies and
// addresses that were made before are worth nothing from now on, and what they are asking
// for is broken off. After an error this holds until the next run only.
func (s *Server) SignOut() error { return s.signOut(hash{}) }

// signOut is SignOut for all but the browser with a cookie.
func (s *Server) signOut(but hash) error {
	s.keys.signOut(but)
	return s.save()
}

// Run serves until ctx ends. Every page is told the last state first. Everything
// that it started has ended when it returns, commands too.
func (s *Server) Run(ctx context.Context) error {
	crowd := newCrowd()
	srv := &http.Server{
		Handler:           http.HandlerFunc(s.answer),
		ReadHeaderTimeout: headTime,
		ReadTimeout:       bodyTime,
		WriteTimeout:      writeTime + bodyTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHead,
		ConnState:         crowd.note,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ctx, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { s.watchState(ctx) })
	watching.Go(func() { s.watchLevels(ctx) })
	err := serve.Until(ctx, srv, own{s.listener})
	stop()
	watching.Wait()
	return err
}

// watchState publishes the state while anybody reads it: at once when it has
// changed, but for stateGap after the last time, and once a second anyhow, which
// shows that the node still answers.
func (s *Server) watchState(ctx context.Context) {
	defer s.feed.end()
	defer func() { s.publish() }()
	tick := time.NewTicker(beatGap)
	defer tick.Stop()
	beat := false
	for s.feed.wanted(ctx) {
		changed := s.publish()
		if beat {
			s.feed.beat()
		}
		beat = false
		pause.For(ctx, stateGap)
		select {
		case <-changed:
		case <-s.woken:
		case <-tick.C:
			beat = true
		case <-ctx.Done():
		}
	}
}

// publish asks for the state and publishes it.
func (s *Server) publish() (changed <-chan struct{}) {
	doc, changed := s.node.State()
	data, err := json.Marshal(doc)
	if err == nil {
		err = s.feed.publish(data)
	}
	if err != nil {
		s.log.Error("the state is no document", "err", err)
	}
	return changed
}

// watchLevels tells who sounds, every levelGap while anybody does.
func (s *Server) watchLevels(ctx context.Context) {
	for s.feed.wanted(ctx) {
		levels, changed := s.node.Levels()
		if err := s.feed.sound(levels); err != nil {
			s.log.Error("levels are no JSON", "err", err)
		}
		if len(levels) == 0 {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		pause.For(ctx, levelGap)
	}
}

// answer answers a request, or refuses it at one of the doors.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	harden(w.Header())
	if !admit(r) {
		refuse(w, http.StatusForbidden)
		return
	}
	path := r.URL.Path
	if f, ok := s.files[path]; ok && r.Method == http.MethodGet {
		f.serve(w, r)
		return
	}
	switch r.Method + " " + path {
	case "POST /enter":
		s.enter(w, r)
		return
	case "POST /return":
		s.back(w, r)
		return
	}
	v, ok := s.keys.find(cookieOf(r), r.Header.Get("Stoa-Key"))
	if !ok {
		refuse(w, http.StatusUnauthorized)
		return
	}
	ctx, end := context.WithCancel(v.life) // who was signed out is so for what is under way, at once
	defer end()
	defer context.AfterFunc(r.Context(), end)()
	r = r.WithContext(ctx)
	asked := r.Method + " " + path
	if asked == "GET /events" {
		s.events(w, r, v)
		return
	}
	w = &lasting{ResponseWriter: w, in: ctx}
	switch asked {
	case "POST /do":
		s.command(w, r)
	case "POST /visible":
		s.see(w, r, v)
	case "POST /signout":
		s.signOutOthers(w, r, v)
	case "POST /export":
		s.export(w, r)
	case "POST /import":
		s.restore(w, r)
	default:
		if name, is := strings.CutPrefix(path, "/file/"); is && r.Method == http.MethodGet {
			s.download(w, r, name)
			return
		}
		refuse(w, http.StatusNotFound)
	}
}

// lasting is an answer to somebody who may be signed out while it is made: an address that
// lets them in again, or a copy of the key. Then they are refused.
type lasting struct {
	http.ResponseWriter
	in    context.Context // ends when they are in no more
	begun bool
}

func (l *lasting) WriteHeader(status int) {
	l.begun = true
	if l.in.Err() != nil {
		status = http.StatusUnauthorized
	}
	l.ResponseWriter.WriteHeader(status)
}

func (l *lasting) Write(p []byte) (int, error) {
	if !l.begun {
		l.WriteHeader(http.StatusOK)
	}
	if err := l.in.Err(); err != nil {
		return 0, err
	}
	return l.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (l *lasting) Unwrap() http.ResponseWriter { return l.ResponseWriter }

// refuse answers with a status and nothing else, and reads no more.
func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Connection", "close")
	w.WriteHeader(status)
}

// cookieName is the cookie's: browsers have one jar for all ports of a host.
func cookieName(r *http.Request) string { return "stoa-" + portOf(r.Host) }

// cookieOf returns the cookie that a request brings, or nothing.
func cookieOf(r *http.Request) string {
	if c, err := r.Cookie(cookieName(r)); err == nil {
		return c.Value
	}
	return ""
}

// setCookie gives a browser its cookie, or has it keep it longer. Browsers keep
// none longer than 400 days.
func setCookie(w http.ResponseWriter, r *http.Request, value string) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r), Value: value, Path: "/", MaxAge: 400 * 24 * 60 * 60,
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

func (s *Server) enter(w http.ResponseWriter, r *http.Request) {
	var ask struct{ Token, Public string }
	if !decode(w, r, &ask) {
		return
	}
	var public []byte
	if ask.Public != "" {
		var err error
		if public, err = parsePublic(ask.Public); err != nil {
			problem(w, http.StatusBadRequest, &Problem{Code: "bad_request", Text: "that is no public key"})
			return
		}
	}
	cookie, key, ok := s.keys.enter(ask.Token, cookieOf(r), public, time.Now())
	if !ok {
		problem(w, http.StatusUnauthorized, &Problem{Code: "spent_token", Text: "this address has been used, or is too old", Hint: "`stoa page` makes another one"})
		return
	}
	s.trySave()
	setCookie(w, r, cookie)
	answer(w, http.StatusOK, map[string]string{"key": key})
}

func (s *Server) back(w http.ResponseWriter, r *http.Request) {
	var ask struct{ Nonce, Signature string }
	if !decode(w, r, &ask) {
		return
	}
	cookie, now := cookieOf(r), time.Now()
	if ask.Nonce == "" {
		if nonce := s.keys.nonce(cookie, now); nonce != "" {
			answer(w, http.StatusOK, map[string]string{"nonce": nonce})
			return
		}
	} else if key, ok := s.keys.back(cookie, ask.Nonce, ask.Signature, now); ok {
		s.trySave()
		setCookie(w, r, cookie)
		answer(w, http.StatusOK, map[string]string{"key": key})
		return
	}
	problem(w, http.StatusUnauthorized, &Problem{Code: "no_key", Text: "this browser has not been let in", Hint: "`stoa page` makes an address that does"})
}

// save keeps the port and the browsers.
func (s *Server) save() error {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	return saveKept(s.keep, s.port, s.keys.kept())
}

// trySave is save where a failure costs a person another address, nothing more.
func (s *Server) trySave() {
	if err := s.save(); err != nil {
		s.log.Warn("keeping which browsers may come back", "err", err)
	}
}

// events streams the feed to a page.
func (s *Server) events(w http.ResponseWriter, r *http.Request, v *visit) {
	st, err := s.streams.add(v)
	if err != nil {
		problem(w, http.StatusServiceUnavailable, &Problem{Code: "too_many_pages", Text: "too many pages are open", Hint: "close some of them"})
		return
	}
	defer s.streams.remove(st)
	at := s.feed.join()
	defer s.feed.leave()

	w.Header().Set("Content-Type", "text/event-stream")
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{}) // what comes is the end alone; if it cannot be set, the page reconnects
	var out []byte
	for r.Context().Err() == nil {
		news, moved, over := s.feed.since(&at)
		out = out[:0]
		for _, e := range news {
			out = e.append(out)
		}
		if !send(w, c, out) || over {
			return
		}
		select {
		case <-moved:
		case <-st.sleep:
			send(w, c, event{"asleep", []byte("{}")}.append(nil))
			return
		case <-r.Context().Done():
		}
	}
	if v.life.Err() != nil {
		send(w, c, event{"out", []byte("{}")}.append(nil))
	}
}

// send writes to a stream. It is false when that took too long, or nobody reads
// any more.
func send(w io.Writer, c *http.ResponseController, p []byte) bool {
	if err := c.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return false
	}
	if _, err := w.Write(p); err != nil {
		return false
	}
	return c.Flush() == nil
}

// command passes a command on, when its body is there.
func (s *Server) command(w http.ResponseWriter, r *http.Request) {
	body, ok := read(w, r, "application/json", maxRequest)
	if !ok {
		return
	}
	select {
	case s.atWork <- struct{}{}:
		defer func() { <-s.atWork }()
	default:
		problem(w, http.StatusServiceUnavailable, &Problem{Code: "busy", Text: "too much was asked at once", Hint: "try again in a moment"})
		return
	}
	patient(w, doTime)
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.do.ServeHTTP(w, r)
}

// patient lets the rest of an exchange take up to d.
func patient(w http.ResponseWriter, d time.Duration) {
	c, end := http.NewResponseController(w), time.Now().Add(d)
	_ = errors.Join(c.SetReadDeadline(end), c.SetWriteDeadline(end)) // else the shorter time holds
}

func (s *Server) see(w http.ResponseWriter, r *http.Request, v *visit) {
	var ask struct{ Visible bool }
	if decode(w, r, &ask) {
		v.visible.Store(ask.Visible)
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *Server) signOutOthers(w http.ResponseWriter, r *http.Request, v *visit) {
	if !decode(w, r, &struct{}{}) {
		return
	}
	if err := s.signOut(v.browser); err != nil {
		s.log.Error("signing browsers out", "err", err)
		s.fail(w, &Problem{Code: "choice_not_kept", Text: "they are signed out until stoa starts again: that cannot be kept", Hint: "make room on the disk, and try again"})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) export(w http.ResponseWriter, r *http.Request) {
	var ask struct{ Passphrase string }
	if !decode(w, r, &ask) {
		return
	}
	patient(w, fileTime)
	data, err := s.node.Export(r.Context(), ask.Passphrase)
	if err != nil {
		s.fail(w, err)
		return
	}
	serveDownload(w, Download{"application/octet-stream", data})
}

func (s *Server) restore(w http.ResponseWriter, r *http.Request) {
	patient(w, fileTime)
	sealed, ok := read(w, r, "application/octet-stream", maxImport)
	if !ok {
		return
	}
	passphrase, err := url.PathUnescape(r.Header.Get("Stoa-Passphrase"))
	if err == nil {
		err = s.node.Import(r.Context(), sealed, passphrase)
	}
	if err != nil {
		s.fail(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) download(w http.ResponseWriter, r *http.Request, name string) {
	patient(w, fileTime)
	d, err := s.node.File(r.Context(), name)
	if err != nil {
		s.fail(w, err)
		return
	}
	serveDownload(w, d)
}

// serveDownload sends a file to be saved, never to be shown.
func serveDownload(w http.ResponseWriter, d Download) {
	w.Header().Set("Content-Type", d.Kind)
	w.Header().Set("Content-Disposition", "attachment")
	_, _ = w.Write(d.Data) // the browser is gone: nobody to tell
}

// fail answers with what could not be done.
func (s *Server) fail(w http.ResponseWriter, err error) {
	var p *Problem
	if !errors.As(err, &p) {
		s.log.Error("answering the page", "err", err)
		p = &Problem{Code: "failed", Text: "that failed", Hint: "the log says why: start stoa with `--log FILE`"}
	}
	problem(w, http.StatusUnprocessableEntity, p)
}

// read returns the body of a request, which must be of that kind and size. If it
// is false, it has answered.
func read(w http.ResponseWriter, r *http.Request, kind string, size int64) ([]byte, bool) {
	w.Header().Set("Connection", "close") // taken back below: of what is refused nothing more is read
	if got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || got != kind {
		problem(w, http.StatusUnsupportedMediaType, &Problem{Code: "bad_request", Text: "the body must be " + kind})
		return nil, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, size))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		problem(w, http.StatusRequestEntityTooLarge, &Problem{Code: "too_large", Text: "that is too large"})
		return nil, false
	case err != nil:
		problem(w, http.StatusBadRequest, &Problem{Code: "bad_request", Text: "the request was cut off"})
		return nil, false
	case r.Context().Err() != nil: // signed out meanwhile
		refuse(w, http.StatusUnauthorized)
		return nil, false
	}
	w.Header().Del("Connection")
	return body, true
}

// decode reads a small request. If it is false, it has answered.
func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	body, ok := read(w, r, "application/json", maxSmall)
	if !ok {
		return false
	}
	if err := json.Unmarshal(body, into); err != nil {
		problem(w, http.StatusBadRequest, &Problem{Code: "bad_request", Text: "the request is no JSON that stoa understands"})
		return false
	}
	return true
}

func problem(w http.ResponseWriter, status int, p *Problem) { answer(w, status, p) }

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the browser is gone: nobody to tell
}
