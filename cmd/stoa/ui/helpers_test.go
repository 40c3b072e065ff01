package ui

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"stoa/cmd/stoa/ui/visitor"
)

// A pipe is a listener without a network, so that tests run on their own time.
// What is written to one of its connections waits until it is read.
type pipe struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipe() *pipe { return &pipe{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipe) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: DefaultPort} }

func (p *pipe) dial(ctx context.Context) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A node counts what it is asked.
type node struct {
	mu      sync.Mutex
	doc     map[string]any
	levels  map[string]int
	changed chan struct{}
	hang    chan struct{} // State waits for it, unless it is nil
	during  func()        // is run while it does what was asked, unless it is nil
	did     []string
}

func newNode() *node {
	return &node{doc: map[string]any{"secret": "of the room"}, changed: make(chan struct{})}
}

// set changes the state.
func (n *node) set(name string, value any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.doc[name] = value
	n.move()
}

func (n *node) move() {
	close(n.changed)
	n.changed = make(chan struct{})
}

func (n *node) State() (any, <-chan struct{}) {
	n.mu.Lock()
	hang := n.hang
	n.mu.Unlock()
	if hang != nil {
		<-hang
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	doc, err := json.Marshal(n.doc)
	if err != nil {
		panic(err)
	}
	return json.RawMessage(doc), n.changed
}

func (n *node) Levels() (map[string]int, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.levels, n.changed
}

func (n *node) sound(levels map[string]int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.levels = levels
	n.move()
}

func (n *node) note(what string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.did = append(n.did, what)
}

// do notes what is done.
func (n *node) do(what string) {
	n.note(what)
	if n.during != nil {
		n.during()
	}
}

// done returns what was done since the last time.
func (n *node) done() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	did := strings.Join(n.did, " ")
	n.did = nil
	return did
}

func (n *node) Export(_ context.Context, passphrase string) ([]byte, error) {
	if passphrase == "" {
		return nil, &Problem{Code: "passphrase_missing", Text: "none", Hint: "type one"}
	}
	n.do("export")
	return []byte("sealed"), nil
}

func (n *node) Import(_ context.Context, sealed []byte, passphrase string) error {
	n.note("import:" + string(sealed) + ":" + passphrase)
	return nil
}

func (n *node) File(_ context.Context, name string) (Download, error) {
	if name != "room.ics" {
		return Download{}, io.ErrUnexpectedEOF
	}
	n.do("file:" + name)
	return Download{"text/calendar", []byte("BEGIN:VCALENDAR")}, nil
}

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	n.do("do:" + string(body))
	answer(w, http.StatusOK, map[string]string{"did": string(body)})
}

// A place to test at: a server that runs, and a browser.
type bench struct {
	*testing.T
	node   *node
	pipe   *pipe
	server *Server
	stop   func() error // ends the server and returns what Run did
	http.Client

	host        string
	cookie, key string
	signer      *ecdsa.PrivateKey
}

var page = fstest.MapFS{
	"index.html":            {Data: []byte("<title>stoa</title>" + strings.Repeat(" ", 1000))},
	"assets/app.1234.js":    {Data: []byte("app()" + strings.Repeat(";", 1000))},
	"assets/app.1234.js.br": {Data: []byte("packed")},
	"tiny.svg":              {Data: []byte("<svg/>")},
}

// serving runs a server until the test ends.
func serving(t *testing.T) *bench {
	b := &bench{T: t, node: newNode(), pipe: newPipe(), host: "127.0.0.1:7862"}
	var err error
	b.server, err = newServer(Config{Node: b.node, Do: b.node, Files: page}, b.pipe, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.server.Run(ctx) }()
	transport := &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return b.pipe.dial(ctx) },
		DisableCompression: true,
	}
	b.Client = http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	b.stop = sync.OnceValue(func() error {
		cancel()
		transport.CloseIdleConnections()
		return <-ended
	})
	t.Cleanup(func() {
		if err := b.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return b
}

// A head changes a request that is right in everything.
type head func(*http.Request)

func with(name, value string) head { return func(r *http.Request) { r.Header.Set(name, value) } }

func without(name string) head { return func(r *http.Request) { r.Header.Del(name) } }

func toHost(host string) head {
	return func(r *http.Request) {
		r.Host = host
		if r.Header.Get("Origin") != "" {
			r.Header.Set("Origin", "http://"+host)
		}
	}
}

// request makes one as the page does.
func (b *bench) request(method, path, body string, heads ...head) *http.Request {
	b.Helper()
	r, err := http.NewRequest(method, "http://"+b.host, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.URL.Opaque = path // as it is, not cleaned
	if body == "" {
		r.Body, r.ContentLength = nil, 0
	}
	if b.cookie != "" {
		r.Header.Set("Cookie", "stoa-7862="+b.cookie)
	}
	r.Header.Set("Stoa-Key", b.key)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if method != http.MethodGet {
		r.Header.Set("Origin", "http://"+b.host)
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range heads {
		h(r)
	}
	return r
}

// send performs a request and returns its status, headers and body.
func (b *bench) send(r *http.Request) (status int, header http.Header, body string) {
	b.Helper()
	resp, err := b.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(data)
}

// post sends a body as the page does and returns the answer to it.
func (b *bench) post(path, body string, heads ...head) (status int, answer map[string]string) {
	b.Helper()
	status, header, text := b.send(b.request(http.MethodPost, path, body, heads...))
	if strings.HasPrefix(text, "{") {
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			b.Fatalf("%s: %v", text, err)
		}
	}
	if set := header.Get("Set-Cookie"); set != "" {
		c, err := http.ParseSetCookie(set)
		if err != nil || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
			b.Errorf("cookie %q, %v", set, err)
		}
		b.cookie = c.Value
	}
	if key := answer["key"]; key != "" {
		b.key = key
	}
	return status, answer
}

// token returns that of a fresh address.
func (b *bench) token() string {
	b.Helper()
	_, token, ok := strings.Cut(b.server.Address(""), "/#enter=")
	if !ok {
		b.Fatal("an address without a token")
	}
	return token
}

// enter lets the browser in, as one that can come back.
func (b *bench) enter() *bench {
	b.Helper()
	var err error
	if b.signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		b.Fatal(err)
	}
	if status, _ := b.post("/enter", `{"token":"`+b.token()+`","public":"`+publicOf(b.T, b.signer)+`"}`); status != http.StatusOK || b.key == "" || b.cookie == "" {
		b.Fatalf("not let in: %d", status)
	}
	return b
}

func publicOf(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	public, err := visitor.Public(key)
	if err != nil {
		t.Fatal(err)
	}
	return public
}

// sign signs a text as a browser does.
func sign(t *testing.T, key *ecdsa.PrivateKey, text string) string {
	t.Helper()
	signature, err := visitor.Sign(key, text)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// An audience reads the events of one page.
type audience struct {
	t     *testing.T
	lines *bufio.Reader
	body  io.Closer
	doc   any // the state, with the patches applied
}

// listen opens a stream of events.
func (b *bench) listen() *audience {
	b.Helper()
	resp, err := b.Do(b.request(http.MethodGet, "/events", ""))
	if err != nil {
		b.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		b.Fatalf("status %d, %v", resp.StatusCode, resp.Header)
	}
	b.Cleanup(func() { resp.Body.Close() })
	return &audience{t: b.T, lines: bufio.NewReader(resp.Body), body: resp.Body}
}

// next returns the next event; "" at the end.
func (a *audience) next() (name, data string) {
	a.t.Helper()
	var lines [3]string
	for i := range lines {
		line, err := a.lines.ReadString('\n')
		if err != nil {
			return "", ""
		}
		lines[i] = strings.TrimSuffix(line, "\n")
	}
	name, is := strings.CutPrefix(lines[0], "event: ")
	data, has := strings.CutPrefix(lines[1], "data: ")
	if !is || !has || lines[2] != "" {
		a.t.Fatalf("no event: %q", lines)
	}
	switch name {
	case "state":
		a.doc = parse(a.t, []byte(data))
	case "patch":
		a.doc = Apply(a.doc, parse(a.t, []byte(data)))
	}
	return name, data
}

// until reads on to an event of that name.
func (a *audience) until(name string) (data string) {
	a.t.Helper()
	for {
		got, data := a.next()
		if got == name {
			return data
		}
		if got == "" {
			a.t.Fatalf("no %s until the end", name)
		}
	}
}

// at is one value of the state.
func (a *audience) at(name string) any {
	doc, _ := a.doc.(map[string]any)
	return doc[name]
}
