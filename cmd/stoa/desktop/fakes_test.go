// A bus of the test's own, with services on it that stand in for a desktop's, and a node.

package desktop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// soon is how long a test waits for what must happen.
const soon = 20 * time.Second

// testBus is a daemon on which nothing else is, and which starts nothing.
type testBus struct {
	address string
	daemon  *exec.Cmd
}

func startBus(t *testing.T) *testBus {
	t.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		t.Skip("no dbus-daemon here; .ci/need desktop brings it")
	}
	dir, err := os.MkdirTemp("", "stoa") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	config := filepath.Join(dir, "bus.conf")
	err = os.WriteFile(config, []byte(`<busconfig>
<type>session</type><listen>unix:path=`+dir+`/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	b := &testBus{daemon: exec.Command("dbus-daemon", "--config-file="+config, "--nofork", "--print-address=1")}
	stdout, err := b.daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.kill)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	b.address = strings.TrimSpace(line)
	return b
}

func (b *testBus) kill() {
	_ = b.daemon.Process.Kill()
	_ = b.daemon.Wait()
}

// peer is a program on the bus.
type peer struct {
	t    *testing.T
	conn *dbus.Conn

	mu   sync.Mutex
	hung chan struct{} // not nil: it reads nothing until this is closed
}

func (b *testBus) peer(t *testing.T) *peer {
	t.Helper()
	p := &peer{t: t}
	conn, err := dbus.Connect(b.address, dbus.WithIncomingInterceptor(func(*dbus.Message) {
		p.mu.Lock()
		hung := p.hung
		p.mu.Unlock()
		if hung != nil {
			<-hung
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	p.conn = conn
	t.Cleanup(func() { p.wake(); conn.Close() })
	return p
}

// hang makes the peer one that answers nothing, not even a ping.
func (p *peer) hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hung = make(chan struct{})
}

func (p *peer) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hung != nil {
		close(p.hung)
		p.hung = nil
	}
}

// serve takes a name for methods at a path.
func (p *peer) serve(name string, path dbus.ObjectPath, interfaces map[string]map[string]any) {
	p.t.Helper()
	for of, methods := range interfaces {
		if err := p.conn.ExportMethodTable(methods, path, of); err != nil {
			p.t.Fatal(err)
		}
	}
	if reply, err := p.conn.RequestName(name, 0); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		p.t.Fatalf("the name %s: %v, %v", name, reply, err)
	}
}

func (p *peer) emit(path dbus.ObjectPath, name string, args ...any) {
	p.t.Helper()
	if err := p.conn.Emit(path, name, args...); err != nil {
		p.t.Fatal(err)
	}
}

// fakeNode is a node that writes down what is asked of it.
type fakeNode struct {
	mu      sync.Mutex
	glance  Glance
	changed chan struct{}
	visible bool
	refuse  error

	did chan string // verbs with their words; "open ROOM" and "quit" too
}

func newNode() *fakeNode {
	return &fakeNode{changed: make(chan struct{}), did: make(chan string, 1000)}
}

func (n *fakeNode) set(g Glance) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.glance = g
	close(n.changed)
	n.changed = make(chan struct{})
}

func (n *fakeNode) Glance() (Glance, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.glance, n.changed
}

func (n *fakeNode) Do(ctx context.Context, verb, room string, args ...string) error {
	n.did <- strings.Join(append([]string{verb + "(" + room + ")"}, args...), " ")
	n.mu.Lock()
	defer n.mu.Unlock()
	return errors.Join(n.refuse, ctx.Err())
}

func (n *fakeNode) Open(room string) error {
	n.did <- "open(" + room + ")"
	return nil
}

func (n *fakeNode) Visible() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.visible
}

func (n *fakeNode) Quit() { n.did <- "quit()" }

// expect waits for what is asked of the node next, leaving out what is said again and again.
func (n *fakeNode) expect(t *testing.T, want string) {
	t.Helper()
	over := time.After(soon)
	for {
		select {
		case got := <-n.did:
			if got == want {
				return
			}
			if got != "push() hold "+pusher {
				t.Fatalf("the node was asked for %q, want %q", got, want)
			}
		case <-over:
			t.Fatalf("the node was not asked for %q", want)
		}
	}
}

// testPatience is longer than a busy machine takes, and shorter than a test may.
var testPatience = patience{
	write: 2 * time.Second, call: 2 * time.Second, start: 2 * time.Second,
	again: 20 * time.Millisecond, asked: soon, ping: time.Second, hold: 20 * time.Millisecond,
}

// run runs a desktop on the bus with the parts named, until the test ends.
func (b *testBus) run(t *testing.T, n *fakeNode, on ...Part) *Desktop {
	t.Helper()
	return runAt(t, b.address, n, on...)
}

func runAt(t *testing.T, address string, n *fakeNode, on ...Part) *Desktop {
	t.Helper()
	d := New(Config{Home: t.TempDir(), Node: n})
	d.wait, d.words = testPatience, english
	d.getenv = func(name string) string {
		if name == "DBUS_SESSION_BUS_ADDRESS" {
			return address
		}
		return ""
	}
	for _, p := range parts {
		d.wanted[p] = false
	}
	for _, p := range on {
		d.wanted[p] = true
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(soon):
			t.Error("the desktop does not end")
		}
	})
	return d
}

// await waits until a part is in a state, and returns what it says of it.
func await(t *testing.T, d *Desktop, p Part, state string) string {
	t.Helper()
	over := time.Now().Add(soon)
	for time.Now().Before(over) {
		if s := d.States()[p]; s.State == state {
			return s.Text
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s is %+v, want %s", p, d.States()[p], state)
	return ""
}

// next receives what a fake was told.
func next[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(soon):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

// server is a desktop that shows notifications.
type server struct {
	*peer
	told   chan note
	closed chan uint32
}

// note is a notification as it arrived.
type note struct {
	id, replaces  uint32
	summary, body string
	actions       []string
	hints         map[string]dbus.Variant
}

func (b *testBus) notifications(t *testing.T, can ...string) *server {
	s := &server{b.peer(t), make(chan note, 100), make(chan uint32, 100)}
	var last uint32
	s.serve(notificationsName, notificationsPath, map[string]map[string]any{notificationsName: {
		"GetCapabilities": func() ([]string, *dbus.Error) { return can, nil },
		"Notify": func(_ string, replaces uint32, _, summary, body string, actions []string, hints map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
			id := replaces
			if id == 0 {
				last++
				id = last
			}
			s.told <- note{id, replaces, summary, body, actions, hints}
			return id, nil
		},
		"CloseNotification": func(id uint32) *dbus.Error { s.closed <- id; return nil },
	}})
	return s
}

// watcher is a desktop with a tray.
type watcher struct {
	*peer
	items chan string
}

func (b *testBus) watcher(t *testing.T) *watcher {
	w := &watcher{b.peer(t), make(chan string, 100)}
	w.serve(watcherName, watcherPath, map[string]map[string]any{watcherName: {
		"RegisterStatusNotifierItem": func(item string) *dbus.Error { w.items <- item; return nil },
	}})
	return w
}

// portal is a desktop with keys for everybody.
type portal struct {
	*peer
	session dbus.ObjectPath
	bound   chan []key
	app     chan string
	client  string

	code    uint32 // of the response to BindShortcuts
	results map[string]dbus.Variant
}

const requestPath = dbus.ObjectPath("/org/freedesktop/portal/desktop/request/1/x")

func (b *testBus) portal(t *testing.T, change ...func(*portal)) *portal {
	p := &portal{
		peer: b.peer(t), session: "/org/freedesktop/portal/desktop/session/1/x",
		bound: make(chan []key, 10), app: make(chan string, 10),
		results: map[string]dbus.Variant{"shortcuts": dbus.MakeVariant([]key{{toggleKey, map[string]dbus.Variant{"trigger_description": dbus.MakeVariant("Ctrl+Alt+M")}}})},
	}
	for _, c := range change {
		c(p)
	}
	respond := func(code uint32, results map[string]dbus.Variant) {
		if results == nil {
			results = map[string]dbus.Variant{}
		}
		p.emit(requestPath, "org.freedesktop.portal.Request.Response", code, results)
	}
	p.serve(portalName, portalPath, map[string]map[string]any{
		"org.freedesktop.host.portal.Registry": {
			"Register": func(app string, _ map[string]dbus.Variant) *dbus.Error { p.app <- app; return nil },
		},
		shortcutsName: {
			"CreateSession": func(sender dbus.Sender, _ map[string]dbus.Variant) (dbus.ObjectPath, *dbus.Error) {
				p.client = string(sender)
				respond(0, map[string]dbus.Variant{"session_handle": dbus.MakeVariant(string(p.session))})
				return requestPath, nil
			},
			"BindShortcuts": func(_ dbus.ObjectPath, keys []key, _ string, _ map[string]dbus.Variant) (dbus.ObjectPath, *dbus.Error) {
				p.bound <- keys
				respond(p.code, p.results)
				return requestPath, nil
			},
		},
	})
	return p
}

// press says that a key goes down, lift that it goes up.
func (p *portal) press(name string) { p.key("Activated", name) }
func (p *portal) lift(name string)  { p.key("Deactivated", name) }

func (p *portal) key(signal, name string) {
	p.t.Helper()
	p.emit(portalPath, shortcutsName+"."+signal, p.session, name, uint64(1), map[string]dbus.Variant{})
}

// hush fails the test when something came.
func hush[T any](t *testing.T, from <-chan T) {
	t.Helper()
	select {
	case v := <-from:
		t.Errorf("there came %s", fmt.Sprint(v))
	default:
	}
}
