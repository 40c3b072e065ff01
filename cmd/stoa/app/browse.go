// Looking around from a page: what a link leads to, which public rooms there are, and a
// link as a picture.

package app

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"rsc.io/qr"

	"stoa/cmd/stoa/plain"
	"stoa/identity"
	"stoa/node"
)

const (
	// seekTime bounds one search for public rooms, and seekAgain is how old what one
	// has found may be when it is asked for again.
	seekTime  = 15 * time.Second
	seekAgain = 10 * time.Second
)

// previewData is what preview answers.
type previewData struct {
	Room      string   `json:"room"`
	Title     string   `json:"title"`
	Topic     string   `json:"topic,omitempty"`
	Lang      string   `json:"lang,omitempty"`
	Stage     []string `json:"stage"` // names
	People    int      `json:"people"`
	Role      string   `json:"role"` // that the link gives
	ExpiresMS int64    `json:"expires_ms,omitempty"`
	Uses      int      `json:"uses,omitempty"`
	For       bool     `json:"for,omitempty"`    // for this person alone
	Member    bool     `json:"member,omitempty"` // this node is in the room now
	StartsMS  int64    `json:"starts_ms,omitempty"`
	EndsMS    int64    `json:"ends_ms,omitempty"`
	About     string   `json:"about,omitempty"`
}

// doPreview says what a link leads to. A node is started for it under another name, as
// stoa preview does, so that nobody in the room learns who looked.
func (s *Session) doPreview(ctx context.Context, req Request) (Reply, error) {
	inv, err := parseLink(strings.TrimSpace(argument(req.Args, 0)))
	if err != nil {
		return Reply{}, err
	}
	leaf := inv.Chain.Leaf()
	if !leaf.For.IsZero() && leaf.For != s.home.key.ID() {
		return Reply{}, identity.ErrNotForYou
	}
	h := s.find(inv.Room)
	var g Glimpse
	if h != nil {
		g = h.glimpse()
	} else {
		cfg := s.cfg
		cfg.Listen = nil // its ports are taken
		own := func() (*identity.Key, error) { return s.home.key, nil }
		if g, err = glimpse(ctx, &cfg, inv, own); errors.Is(err, context.DeadlineExceeded) {
			err = node.ErrUnreachable
		}
	}
	if err != nil {
		return Reply{}, err
	}
	d := previewData{
		Room: inv.Room.String(), Title: plain.Line(g.Title), Topic: plain.Line(g.Topic), Lang: plain.Line(g.Lang), Stage: plainLines(g.Stage),
		People: g.People, Role: leaf.Role.String(), ExpiresMS: int64(leaf.Expires), Uses: int(leaf.Uses), For: !leaf.For.IsZero(), Member: h != nil,
		StartsMS: stampOf(g.Starts), EndsMS: stampOf(g.Ends), About: plain.Line(g.About),
	}
	r := said("%s · %s", d.Title, count(d.People, "person", "people"))
	r.Data = d
	return r, nil
}

// glimpse is what a link to a room that this node is in leads to.
func (h *hall) glimpse() Glimpse {
	s := h.room.Snapshot()
	p := s.Charter.Policy
	g := Glimpse{Title: s.State.Title, Topic: p.Topic, Lang: p.Lang, People: len(s.People) + s.Audience}
	for _, p := range s.People {
		if p.Stage && len(g.Stage) < maxGlimpsed {
			g.Stage = append(g.Stage, p.Name)
		}
	}
	if plan := s.State.Schedule; plan.Starts != 0 {
		g.Starts, g.Ends, g.About = time.UnixMilli(int64(plan.Starts)), time.UnixMilli(int64(plan.Ends)), plan.Text
	}
	return g
}

// maxGlimpsed is how many of those on the stage a Glimpse names, as a room.Card does.
const maxGlimpsed = 8

// plainLines are names of others, for a page.
func plainLines(names []string) []string {
	lines := make([]string, len(names))
	for i, name := range names {
		lines[i] = plain.Line(name)
	}
	return lines
}

// stampOf is a time in Unix milliseconds, 0 for none.
func stampOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// foundRoom is a public room as find answers.
type foundRoom struct {
	Room     string   `json:"room"`
	Title    string   `json:"title"`
	Topic    string   `json:"topic,omitempty"`
	Lang     string   `json:"lang,omitempty"`
	Stage    []string `json:"stage"`
	People   int      `json:"people"`
	Link     string   `json:"link"`
	StartsMS int64    `json:"starts_ms,omitempty"`
	EndsMS   int64    `json:"ends_ms,omitempty"`
	About    string   `json:"about,omitempty"`
}

func foundOf(l Listing) foundRoom {
	return foundRoom{
		Room: l.Room, Title: plain.Line(l.Title), Topic: plain.Line(l.Topic), Lang: plain.Line(l.Lang), Stage: plainLines(l.Stage), People: l.People, Link: l.Link,
		StartsMS: stampOf(l.Starts), EndsMS: stampOf(l.Ends), About: plain.Line(l.About),
	}
}

// A finder has the newest search for public rooms. Its methods may be called from any
// goroutine. The zero value is ready.
type finder struct {
	mu     sync.Mutex
	newest *search // nil: there was none
}

// A search is for the public rooms of a topic and a language.
type search struct {
	topic, lang string
	stopped     <-chan struct{} // when it is to end
	stop        func()

	mu    sync.Mutex
	found []foundRoom
	ended time.Time // zero: it goes on
}

// search returns the search for rooms of a topic and a language, and whether it has to
// be begun. It ends one that is for others.
func (f *finder) search(topic, lang string, now time.Time) (s *search, begin bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s = f.newest; s != nil {
		if s.topic == topic && s.lang == lang && s.fresh(now) {
			return s, false
		}
		s.stop()
	}
	stopped := make(chan struct{})
	f.newest = &search{topic: topic, lang: lang, stopped: stopped, stop: sync.OnceFunc(func() { close(stopped) })}
	return f.newest, true
}

// fresh says that a search goes on, or has ended lately.
func (s *search) fresh(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended.IsZero() || now.Sub(s.ended) < seekAgain
}

// state returns what was found until now, and whether more may be.
func (s *search) state() (found []foundRoom, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]foundRoom{}, s.found...), s.ended.IsZero()
}

// run searches until ctx ends, the search is stopped, or no more rooms turn up.
func (s *search) run(ctx context.Context, n *node.Node) {
	ctx, cancel := context.WithTimeout(ctx, seekTime)
	defer cancel()
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	watching.Go(func() {
		select {
		case <-s.stopped:
			cancel()
		case <-ctx.Done():
		}
	})
	seek(ctx, n, s.topic, s.lang, func(l Listing) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.found = append(s.found, foundOf(l))
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = time.Now()
}

// doFind answers with the public rooms that were found until now. While more may be, the
// caller asks again.
func (s *Session) doFind(req Request) (Reply, error) {
	search, begin := s.finder.search(argument(req.Args, 0), argument(req.Args, 1), time.Now())
	if begin {
		if err := s.begin(func(ctx context.Context) { search.run(ctx, s.node) }); err != nil {
			return Reply{}, err
		}
	}
	found, more := search.state()
	r := said("%s found", count(len(found), "room", "rooms"))
	r.Data = map[string]any{"rooms": found, "more": more}
	return r, nil
}

// qrData is a link as a QR code.
type qrData struct {
	Size int      `json:"size"` // modules a side, without the margin of four
	Rows []string `json:"rows"` // from the top, a letter a module: 1 is dark
}

// doQR makes a QR code of a link.
func doQR(req Request) (Reply, error) {
	link := strings.TrimSpace(argument(req.Args, 0))
	if _, err := parseLink(link); err != nil {
		return Reply{}, err
	}
	code, err := qr.Encode(link, qr.L)
	if err != nil {
		return Reply{}, &UserError{Code: "too_large", Text: "the link is too long for a QR code", Hint: "copy it instead", Err: err}
	}
	d := qrData{Size: code.Size, Rows: make([]string, code.Size)}
	for y := range d.Rows {
		row := make([]byte, code.Size)
		for x := range row {
			row[x] = '0'
			if code.Black(x, y) {
				row[x] = '1'
			}
		}
		d.Rows[y] = string(row)
	}
	return Reply{Lines: d.Rows, Data: d}, nil
}
