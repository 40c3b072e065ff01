// The connection to the session bus, and services on it that come, go, hang and talk
// nonsense. Nothing here waits for longer than it was told to.

package desktop

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

// patience is how long others may take. Tests have less of it.
type patience struct {
	write time.Duration // for the bus to take a message
	call  time.Duration // for a service to answer
	start time.Duration // for one that may have to be started first
	again time.Duration // between two attempts
	asked time.Duration // for the person to answer a question of their desktop
	ping  time.Duration // for the portal to show that it is there, while a key is held
	hold  time.Duration // between two words that the key is held
	look  time.Duration // after a change, for others that come with it
}

var usualPatience = patience{
	write: 3 * time.Second,
	call:  3 * time.Second,
	start: 15 * time.Second,
	again: 20 * time.Second,
	asked: 5 * time.Minute,
	ping:  time.Second,
	hold:  300 * time.Millisecond, // a third of what the node goes on for without
	look:  200 * time.Millisecond,
}

// maxSignals is how many signals of one service may wait. A service that sends more at
// once than can be read costs the connection: then nothing that was missed counts.
const maxSignals = 256

// errNoBus says that there is no session bus here.
var errNoBus = errors.New("there is no D-Bus session here")

// busAddress finds the socket of the session bus. Unlike the libraries it never starts a
// bus where there is none: a machine without a desktop is to stay as it is.
func busAddress(getenv func(string) string) (path string, err error) {
	runtime := getenv("XDG_RUNTIME_DIR")
	var other bool
	for entry := range strings.SplitSeq(getenv("DBUS_SESSION_BUS_ADDRESS"), ";") {
		kind, options, _ := strings.Cut(entry, ":")
		other = other || entry != ""
		if kind != "unix" {
			continue
		}
		for option := range strings.SplitSeq(options, ",") {
			key, value, _ := strings.Cut(option, "=")
			value, err := dbus.UnescapeBusAddressValue(value)
			switch {
			case err != nil || value == "":
			case key == "path":
				return value, nil
			case key == "abstract":
				return "@" + value, nil
			case key == "runtime" && runtime != "":
				return filepath.Join(runtime, "bus"), nil
			}
		}
	}
	if other || runtime == "" {
		return "", errNoBus
	}
	path = filepath.Join(runtime, "bus")
	if _, err := os.Stat(path); err != nil {
		return "", errNoBus
	}
	return path, nil
}

// A bus is one connection.
type bus struct {
	conn *dbus.Conn
	raw  net.Conn
	wait patience

	mu       sync.Mutex
	services map[string]*service // by well-known name
}

// dial connects to the bus. The caller closes it; ctx bounds only the dialling.
func dial(ctx context.Context, getenv func(string) string, wait patience) (*bus, error) {
	path, err := busAddress(getenv)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, wait.call)
	defer cancel()
	var d net.Dialer
	raw, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	cut := context.AfterFunc(ctx, func() { raw.Close() })
	b := &bus{raw: raw, wait: wait, services: map[string]*service{}}
	b.conn, err = dbus.NewConn(&impatient{Conn: raw, write: wait.write}, dbus.WithSignalHandler(b))
	if err == nil {
		err = b.conn.Auth(nil)
	}
	if err == nil {
		err = b.conn.Hello()
	}
	if !cut() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// close ends the connection, and whatever is written to it right now.
func (b *bus) close() {
	b.raw.Close()
	if b.conn != nil {
		b.conn.Close()
	}
}

// lost is closed when the connection has ended.
func (b *bus) lost() <-chan struct{} { return b.conn.Context().Done() }

// impatient is a connection whose other side must read, and whose messages are read
// whole: the library panics when a connection ends just before a message's body.
type impatient struct {
	net.Conn
	write time.Duration
	begun bool   // messages follow, no lines any more; the library reads from then on
	rest  []byte // of a message that has come
}

// maxMessage is how long a message may be, in bytes.
const maxMessage = 1 << 20

func (c *impatient) Read(p []byte) (int, error) {
	if !c.begun {
		return c.Conn.Read(p)
	}
	if len(c.rest) == 0 {
		var err error
		if c.rest, err = readMessage(c.Conn); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// readMessage reads a message as it stands: 16 bytes, of which the first tells the order of
// all others, the rest of the header, filled up to eight bytes, and the body (D-Bus
// specification, "Message Format").
func readMessage(from io.Reader) ([]byte, error) {
	var fixed [16]byte
	if _, err := io.ReadFull(from, fixed[:]); err != nil {
		return nil, err
	}
	var order binary.ByteOrder = binary.LittleEndian
	if fixed[0] == 'B' {
		order = binary.BigEndian
	}
	fields, body := uint64(order.Uint32(fixed[12:])), uint64(order.Uint32(fixed[4:]))
	size := 16 + (fields+7)/8*8 + body
	if size > maxMessage {
		return nil, fmt.Errorf("a message of %d bytes on the desktop's bus", size)
	}
	message := make([]byte, size)
	copy(message, fixed[:])
	_, err := io.ReadFull(from, message[len(fixed):])
	return message, err
}

func (c *impatient) Write(p []byte) (int, error) {
	if !c.begun && strings.HasPrefix(string(p), "BEGIN") { // the last line of the handshake
		c.begun = true
	}
	if err := c.SetWriteDeadline(time.Now().Add(c.write)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if err != nil { // half a message may be out
		c.Close()
	}
	return n, err
}

// A service is one name on the bus, whoever has it.
type service struct {
	bus  *bus
	name string
	path dbus.ObjectPath

	// news has the signals of whoever has the name, and changes of who that is: those
	// have no path.
	news chan *dbus.Signal

	owner string // guarded by bus.mu; empty: nobody has the name
	known bool   // that is so
}

// service begins to follow a name. Each name is followed once a connection; path is where
// its calls go.
func (b *bus) service(ctx context.Context, name string, path dbus.ObjectPath) (*service, error) {
	s := &service{bus: b, name: name, path: path, news: make(chan *dbus.Signal, maxSignals)}
	b.mu.Lock()
	b.services[name] = s
	b.mu.Unlock()
	var owner string
	err := b.call(ctx, "AddMatch", "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='"+name+"'").Err
	if err == nil {
		err = b.call(ctx, "AddMatch", "type='signal',sender='"+name+"'").Err
	}
	if err == nil {
		owner, err = answer[string](b.call(ctx, "GetNameOwner", name))
		var said dbus.Error
		if errors.As(err, &said) { // nobody has it
			err = nil
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !s.known { // else a signal has overtaken the answer
		s.owner, s.known = owner, true
	}
	return s, err
}

// call calls the bus itself.
func (b *bus) call(ctx context.Context, method string, args ...any) *dbus.Call {
	return b.to(ctx, b.wait.call, b.conn.BusObject(), "org.freedesktop.DBus."+method, args...)
}

func (b *bus) to(ctx context.Context, wait time.Duration, o dbus.BusObject, method string, args ...any) *dbus.Call {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return o.CallWithContext(ctx, method, 0, args...)
}

// call calls the service, which the bus starts where it can and nobody has the name.
func (s *service) call(ctx context.Context, method string, args ...any) *dbus.Call {
	wait := s.bus.wait.call
	if !s.present() {
		wait = s.bus.wait.start
	}
	return s.bus.to(ctx, wait, s.bus.conn.Object(s.name, s.path), method, args...)
}

// ping asks whether somebody still answers under the name.
func (s *service) ping(ctx context.Context) error {
	return s.bus.to(ctx, s.bus.wait.ping, s.bus.conn.Object(s.name, s.path), "org.freedesktop.DBus.Peer.Ping").Err
}

// present reports whether somebody has the name.
func (s *service) present() bool {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	return s.owner != ""
}

// DeliverSignal implements dbus.SignalHandler, on the goroutine that reads: it does not
// block. A signal counts only when it comes from whoever has the name.
func (b *bus) DeliverSignal(_, _ string, sig *dbus.Signal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if sig.Name == "org.freedesktop.DBus.NameOwnerChanged" && sig.Sender == "org.freedesktop.DBus" {
		name, _ := at[string](sig.Body, 0)
		owner, ok := at[string](sig.Body, 2)
		if s := b.services[name]; ok && s != nil {
			s.owner, s.known = owner, true
			s.push(&dbus.Signal{Name: ownerChanged})
		}
		return
	}
	for _, s := range b.services {
		if s.owner != "" && s.owner == sig.Sender {
			s.push(sig)
		}
	}
}

// ownerChanged is the name of the news that somebody else, or nobody, has a service's name.
const ownerChanged = "owner changed"

// push is called with bus.mu held.
func (s *service) push(sig *dbus.Signal) {
	select {
	case s.news <- sig:
	default:
		go s.bus.close() // what was missed might have been that a key is up
	}
}

// at is what stands at a place of a message, where something of that type does. The
// library's own way to read messages panics on some that are not as expected.
func at[T any](body []any, place int) (value T, ok bool) {
	if place < len(body) {
		value, ok = body[place].(T)
	}
	return value, ok
}

// answer is the first value that a call was answered with.
func answer[T any](call *dbus.Call) (value T, err error) {
	if call.Err != nil {
		return value, call.Err
	}
	value, ok := at[T](call.Body, 0)
	if !ok {
		return value, &refusal{text: "this desktop answers what nobody understands", err: errors.New(call.Method)}
	}
	return value, nil
}

// A refusal is why something is not to be had, for the person.
type refusal struct {
	text string
	err  error // may be nil
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.err }
