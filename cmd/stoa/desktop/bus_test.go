// The desktop over a real bus: with services that work, come late, go away, hang and talk
// nonsense, and with buses that do.

package desktop

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

func TestNotifications(t *testing.T) {
	t.Parallel()
	b, n := startBus(t), newNode()
	s := b.notifications(t, "actions", "body-markup")
	n.set(Glance{Rooms: []Room{room()}})
	d := b.run(t, n, Notifications)
	await(t, d, Notifications, isOn)

	n.set(Glance{Rooms: []Room{room(hands("<b>Ann</b> & co"))}})
	first := next(t, s.told, "a notification")
	if first.summary != english.Hand || first.body != "&lt;b&gt;Ann&lt;/b&gt; &amp; co would like to speak in Evening talk." {
		t.Errorf("got %q, %q", first.summary, first.body)
	}
	if !slices.Equal(first.actions, []string{"default", english.Open, "open", english.Open}) || first.hints["urgency"].Value() != byte(1) || first.hints["desktop-entry"].Value() != AppID {
		t.Errorf("actions %q, hints %v", first.actions, first.hints["urgency"])
	}
	n.set(Glance{Rooms: []Room{room(hands("Ann", "Bob"))}})
	if second := next(t, s.told, "another"); second.replaces != first.id || !strings.HasPrefix(second.body, "2 people") {
		t.Errorf("got %+v, want one in the place of %d", second, first.id)
	}

	b.peer(t).emit(notificationsPath, notificationsName+".ActionInvoked", first.id, "default") // from a stranger
	s.emit(notificationsPath, notificationsName+".ActionInvoked", first.id+7, "default")       // of another program
	s.emit(notificationsPath, notificationsName+".ActionInvoked", "nonsense")
	s.emit(notificationsPath, notificationsName+".ActionInvoked", first.id, "open")
	n.expect(t, "open(r)")
	n.set(Glance{Rooms: []Room{room()}})
	if id := next(t, s.closed, "the end of it"); id != first.id {
		t.Errorf("%d is closed, want %d", id, first.id)
	}
	hush(t, n.did)

	n.set(Glance{Rooms: []Room{room(out)}})
	last := next(t, s.told, "being put out")
	if last.hints["urgency"].Value() != byte(2) {
		t.Errorf("hints %v", last.hints["urgency"])
	}
	if err := d.Switch([]string{"notifications", "off"}); err != nil {
		t.Fatal(err)
	}
	if id := next(t, s.closed, "the end of it"); id != last.id {
		t.Errorf("%d is closed, want %d", id, last.id)
	}
	await(t, d, Notifications, isOff)
}

func TestNotificationsWithoutMarkup(t *testing.T) {
	t.Parallel()
	b, n := startBus(t), newNode()
	s := b.notifications(t)
	n.set(Glance{Rooms: []Room{room()}})
	await(t, b.run(t, n, Notifications), Notifications, isOn)
	n.set(Glance{Rooms: []Room{room(hands("<b>" + strings.Repeat("x", 1000)))}})
	got := next(t, s.told, "a notification")
	if !strings.HasPrefix(got.body, "<b>x") || len(got.body) > maxBody+len("…") || len(got.actions) > 0 {
		t.Errorf("got %.20q of %d, actions %q", got.body, len(got.body), got.actions)
	}
}

// What shows notifications begins anew, hangs, or is there only later.
func TestNotificationsThatComeAndGo(t *testing.T) {
	t.Parallel()
	b, n := startBus(t), newNode()
	n.set(Glance{Rooms: []Room{room()}})
	d := b.run(t, n, Notifications)
	await(t, d, Notifications, isNone)

	s := b.notifications(t)
	await(t, d, Notifications, isOn)
	n.set(Glance{Rooms: []Room{room(onStage)}})
	next(t, s.told, "a notification")

	s.conn.Close()
	await(t, d, Notifications, isNone)
	s = b.notifications(t)
	await(t, d, Notifications, isOn)
	n.set(Glance{Rooms: []Room{room(onStage, hands("ann"))}})
	if got := next(t, s.told, "a notification"); got.replaces != 0 {
		t.Errorf("it replaces %d, which another had", got.replaces)
	}

	s.hang()
	n.set(Glance{Rooms: []Room{room(onStage, out)}})
	await(t, d, Notifications, isNone)
	s.wake()
	n.set(Glance{Rooms: []Room{room(onStage, out, asked)}})
	for next(t, s.told, "a notification").summary != english.Asked {
	}
	await(t, d, Notifications, isOn)
}

func TestNotificationsThatAreNone(t *testing.T) {
	t.Parallel()
	b, n := startBus(t), newNode()
	n.set(Glance{Rooms: []Room{room()}})
	asked := make(chan string, 10)
	b.peer(t).serve(notificationsName, notificationsPath, map[string]map[string]any{notificationsName: {
		"GetCapabilities": func() ([]string, *dbus.Error) { return nil, nil },
		"Notify": func(_ string, _ uint32, _, summary, _ string, _ []string, _ map[string]dbus.Variant, _ int32) (string, *dbus.Error) {
			asked <- summary
			return "nonsense", nil
		},
	}})
	d := b.run(t, n, Notifications)
	await(t, d, Notifications, isOn)
	n.set(Glance{Rooms: []Room{room(onStage)}})
	next(t, asked, "a notification")
	await(t, d, Notifications, isNone)
}

// item calls the icon of a program as a tray does.
type item struct {
	t    *testing.T
	conn *dbus.Conn
	name string
}

func (i item) call(path dbus.ObjectPath, method string, args ...any) *dbus.Call {
	ctx, cancel := context.WithTimeout(i.t.Context(), soon)
	defer cancel()
	return i.conn.Object(i.name, path).CallWithContext(ctx, method, 0, args...)
}

func (i item) property(name string) any {
	i.t.Helper()
	var v dbus.Variant
	if err := i.call(itemPath, propertiesName+".Get", itemName, name).Store(&v); err != nil {
		i.t.Fatal(err)
	}
	return v.Value()
}

// entries are the numbers of the menu's lines by their labels.
func (i item) entries() map[string]int32 {
	i.t.Helper()
	var revision uint32
	var all node
	if err := i.call(menuPath, menuName+".GetLayout", int32(0), int32(-1), []string{}).Store(&revision, &all); err != nil {
		i.t.Fatal(err)
	}
	list := map[string]int32{}
	for _, child := range all.Children {
		var one node
		if err := dbus.Store([]any{child.Value()}, &one); err != nil {
			i.t.Fatal(err)
		}
		if label, is := one.Shape["label"].Value().(string); is {
			list[label] = one.Number
		}
	}
	return list
}

func (i item) click(label string) {
	i.t.Helper()
	number, is := i.entries()[label]
	if !is {
		i.t.Fatalf("no %q in the menu: %v", label, i.entries())
	}
	if err := i.call(menuPath, menuName+".Event", number, "clicked", dbus.MakeVariant(0), uint32(0)).Err; err != nil {
		i.t.Fatal(err)
	}
}

func TestTray(t *testing.T) {
	t.Parallel()
	b, n := startBus(t), newNode()
	n.set(Glance{Rooms: []Room{room(onStage)}})
	d := b.run(t, n, Tray)
	if text := await(t, d, Tray, isNone); !strings.Contains(text, "icons") {
		t.Errorf("it says %q", text)
	}

	w := b.watcher(t) // a tray that comes later
	i := item{t, w.conn, next(t, w.items, "an icon")}
	await(t, d, Tray, isOn)
	tip := func() string {
		var all tooltip
		if err := dbus.Store([]any{i.property("ToolTip")}, &all); err != nil {
			t.Fatal(err)
		}
		return all.Text
	}
	if got := tip(); got != english.Muted {
		t.Errorf("the tooltip says %q", got)
	}
	var muted []pixmap
	if err := dbus.Store([]any{i.property("IconPixmap")}, &muted); err != nil || len(muted) == 0 || len(muted[0].Data) != int(4*muted[0].Width*muted[0].Height) {
		t.Errorf("%d pictures, %v", len(muted), err)
	}

	i.click("Unmute in Evening talk")
	n.expect(t, "unmute(r)")
	signals := make(chan *dbus.Signal, 100)
	w.conn.Signal(signals)
	if err := w.conn.AddMatchSignal(dbus.WithMatchSender(i.name)); err != nil {
		t.Fatal(err)
	}
	n.set(Glance{Rooms: []Room{room(live)}})
	for _, want := range []string{itemName + ".NewIcon", itemName + ".NewToolTip", menuName + ".LayoutUpdated"} {
		for next(t, signals, want).Name != want {
		}
	}
	if got := tip(); got != english.Live {
		t.Errorf("the tooltip says %q", got)
	}
	i.click("Mute the microphone")
	n.expect(t, "mute(r)")
	i.click("Leave Evening talk")
	n.expect(t, "leave(r)")
	i.click("Open the page")
	n.expect(t, "open()")
	i.click("Quit stoa")
	n.expect(t, "quit()")
	for _, method := range []string{"Activate", "SecondaryActivate"} {
		if err := i.call(itemPath, itemName+"."+method, int32(1), int32(2)).Err; err != nil {
			t.Error(err)
		}
	}
	n.expect(t, "open()")
	n.expect(t, "mute(r)")

	w.conn.Close() // the tray begins anew
	await(t, d, Tray, isNone)
	w = b.watcher(t)
	if got := next(t, w.items, "the icon again"); got != i.name {
		t.Errorf("it is another one: %s, before %s", got, i.name)
	}
	await(t, d, Tray, isOn)

	gone := make(chan *dbus.Signal, 100)
	w.conn.Signal(gone)
	if err := w.conn.AddMatchSignal(dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, i.name)); err != nil {
		t.Fatal(err)
	}
	if err := d.Switch([]string{"tray", "off"}); err != nil {
		t.Fatal(err)
	}
	next(t, gone, "the end of the icon")
}

// What a tray that is out of its mind may ask.
func TestTrayIsAskedNonsense(t *testing.T) {
	t.Parallel()
	b, n := startBus(t), newNode()
	w := b.watcher(t)
	b.run(t, n, Tray)
	i := item{t, w.conn, next(t, w.items, "an icon")}
	for _, ask := range []struct {
		path   dbus.ObjectPath
		method string
		args   []any
		fails  bool
	}{
		{menuPath, menuName + ".GetLayout", []any{int32(99), int32(-1), []string{}}, true},
		{menuPath, menuName + ".GetLayout", []any{"nonsense"}, true},
		{menuPath, menuName + ".GetLayout", []any{int32(1), int32(-1 << 31), []string{"x"}}, false},
		{menuPath, menuName + ".GetProperty", []any{int32(99), "label"}, true},
		{menuPath, menuName + ".GetProperty", []any{int32(0), "children-display"}, false},
		{menuPath, menuName + ".GetGroupProperties", []any{make([]int32, 10_000), []string{}}, false},
		{menuPath, menuName + ".GetGroupProperties", []any{[]int32{}, []string{}}, false},
		{menuPath, menuName + ".Event", []any{int32(99), "clicked", dbus.MakeVariant(0), uint32(0)}, true},
		{menuPath, menuName + ".Event", []any{int32(99), "hovered", dbus.MakeVariant(0), uint32(0)}, false},
		{menuPath, menuName + ".EventGroup", []any{[]happened{{99, "clicked", dbus.MakeVariant(0), 0}}}, false},
		{menuPath, menuName + ".AboutToShow", []any{int32(0)}, false},
		{menuPath, menuName + ".AboutToShowGroup", []any{[]int32{0, 99}}, false},
		{menuPath, propertiesName + ".GetAll", []any{menuName}, false},
		{menuPath, propertiesName + ".GetAll", []any{"x.y"}, false},
		{itemPath, propertiesName + ".Get", []any{itemName, "Nonsense"}, true},
		{itemPath, propertiesName + ".Set", []any{itemName, "Title", dbus.MakeVariant("mine")}, true},
		{itemPath, itemName + ".Scroll", []any{int32(1), "vertical"}, false},
		{itemPath, itemName + ".ContextMenu", []any{int32(1), int32(1)}, false},
		{"/nowhere", itemName + ".Activate", []any{int32(1), int32(1)}, true},
	} {
		if err := i.call(ask.path, ask.method, ask.args...).Err; (err != nil) != ask.fails {
			t.Errorf("%s %.60v: %v", ask.method, ask.args, err)
		}
	}
	hush(t, n.did)
}

func TestTrayThatHangs(t *testing.T) {
	t.Parallel()
	b, n := startBus(t), newNode()
	b.watcher(t).hang()
	await(t, b.run(t, n, Tray), Tray, isNone)
}

func TestShortcut(t *testing.T) {
	t.Parallel()
	b, n := startBus(t), newNode()
	n.set(Glance{Rooms: []Room{room(live)}})
	p := b.portal(t)
	d := b.run(t, n, Shortcut)
	if text := await(t, d, Shortcut, isOn); text != english.Toggle+": Ctrl+Alt+M" {
		t.Errorf("it says %q", text)
	}
	if app := next(t, p.app, "who it is"); app != AppID {
		t.Errorf("it is %q", app)
	}
	var names []string
	for _, k := range next(t, p.bound, "the keys") {
		names = append(names, k.Name)
		if text, is := k.Of["description"].Value().(string); !is || text == "" {
			t.Errorf("nobody knows what %s does: %v", k.Name, k.Of)
		}
	}
	if !slices.Equal(names, []string{toggleKey, talkKey}) {
		t.Errorf("keys %q", names)
	}

	p.press(toggleKey)
	n.expect(t, "mute(r)")
	n.set(Glance{Rooms: []Room{room(onStage)}})
	p.press(toggleKey)
	n.expect(t, "unmute(r)")

	stranger := &portal{peer: b.peer(t), session: p.session}
	stranger.press(talkKey)
	other := &portal{peer: p.peer, session: "/another/session"}
	other.press(talkKey)
	p.emit(portalPath, shortcutsName+".Activated", "nonsense")
	p.emit(portalPath, shortcutsName+".Activated")
	p.press("nobody's key")
	p.press(toggleKey)
	n.expect(t, "unmute(r)") // and nothing before it

	for range 3 {
		if got := hold(t, n, p); got < 3 {
			t.Errorf("told %d times that the key is held", got)
		}
		p.press(talkKey) // as a keyboard that repeats
		p.lift(talkKey)
		n.expect(t, "push() end desktop")
	}
	p.lift(talkKey)
	hush(t, n.did)
}

// hold presses the key to talk and returns once the node has been told several times.
func hold(t *testing.T, n *fakeNode, p *portal) (times int) {
	t.Helper()
	p.press(talkKey)
	for range 5 {
		if got := next(t, n.did, "that the key is held"); got != "push() hold desktop" {
			t.Fatalf("the node was asked for %q", got)
		}
		times++
	}
	return times
}

// Whoever told that the key is held is lost: the microphone closes.
func TestLostWhileHeld(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(b *testBus, p *portal, d *Desktop){
		"the portal ends":  func(_ *testBus, p *portal, _ *Desktop) { p.conn.Close() },
		"the portal hangs": func(_ *testBus, p *portal, _ *Desktop) { p.hang() },
		"the bus ends":     func(b *testBus, _ *portal, _ *Desktop) { b.kill() },
		"the session is closed": func(_ *testBus, p *portal, _ *Desktop) {
			p.emit(p.session, "org.freedesktop.portal.Session.Closed", map[string]dbus.Variant{})
		},
		"it is switched off": func(_ *testBus, _ *portal, d *Desktop) { _ = d.Switch([]string{"shortcut", "off"}) },
		"the name is lost": func(_ *testBus, p *portal, _ *Desktop) {
			if _, err := p.conn.ReleaseName(portalName); err != nil {
				p.t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, n := startBus(t), newNode()
			p := b.portal(t)
			d := b.run(t, n, Shortcut)
			await(t, d, Shortcut, isOn)
			hold(t, n, p)
			lose(b, p, d)
			n.expect(t, "push() end desktop")
		})
	}
}

// A service that says more than can be read costs the connection: what was missed might
// have been that a key is up.
func TestTooManySignals(t *testing.T) {
	t.Parallel()
	daemon := startBus(t)
	b, err := dial(t.Context(), func(name string) string {
		return map[string]string{"DBUS_SESSION_BUS_ADDRESS": daemon.address}[name]
	}, testPatience)
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	p := daemon.portal(t)
	s, err := b.service(t.Context(), portalName, portalPath)
	if err != nil {
		t.Fatal(err)
	}
	for range maxSignals {
		p.lift(talkKey)
	}
	if err := s.ping(t.Context()); err != nil { // its answer comes behind them
		t.Fatal(err)
	}
	if !b.conn.Connected() || len(s.news) != maxSignals {
		t.Fatalf("%d signals wait, connected %v", len(s.news), b.conn.Connected())
	}
	p.lift(talkKey)
	next(t, b.lost(), "the end of the connection")
}

// The program ends while a key is held.
func TestEndWhileHeld(t *testing.T) {
	t.Parallel()
	b, n := startBus(t), newNode()
	p := b.portal(t)
	t.Run("the program", func(t *testing.T) {
		await(t, b.run(t, n, Shortcut), Shortcut, isOn)
		hold(t, n, p)
	})
	n.expect(t, "push() end desktop")
}

// A node that does not want a key to be held, as when the microphone is muted, is not told
// of it again and again.
func TestHoldRefused(t *testing.T) {
	t.Parallel()
	b, n := startBus(t), newNode()
	n.refuse = net.ErrClosed
	p := b.portal(t)
	await(t, b.run(t, n, Shortcut), Shortcut, isOn)
	p.press(talkKey)
	if got := next(t, n.did, "that the key is held"); got != "push() hold desktop" {
		t.Errorf("the node was asked for %q", got)
	}
	if got := next(t, n.did, "that it is not"); got != "push() end desktop" {
		t.Errorf("the node was asked for %q", got)
	}
}

func TestNoShortcut(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		portal func(t *testing.T, b *testBus)
		text   string
	}{
		"no portal": {func(*testing.T, *testBus) {}, "stoa push"},
		"a portal without them": {func(t *testing.T, b *testBus) {
			b.peer(t).serve(portalName, portalPath, map[string]map[string]any{"org.freedesktop.portal.FileChooser": {}})
		}, "stoa push"},
		"a portal that does not know the program": {func(t *testing.T, b *testBus) {
			b.peer(t).serve(portalName, portalPath, map[string]map[string]any{shortcutsName: {
				"CreateSession": func(map[string]dbus.Variant) (dbus.ObjectPath, *dbus.Error) {
					return "", dbus.NewError("org.freedesktop.portal.Error.NotAllowed", []any{"An app id is required"})
				},
			}})
		}, "stoa install"},
		"a portal that hangs":       {func(t *testing.T, b *testBus) { b.portal(t).hang() }, "does not answer"},
		"the person says no":        {func(t *testing.T, b *testBus) { b.portal(t, func(p *portal) { p.code = 1 }) }, "chose no keys"},
		"the desktop says no":       {func(t *testing.T, b *testBus) { b.portal(t, func(p *portal) { p.code = 2 }) }, "gives no keys"},
		"a session that is no path": {func(t *testing.T, b *testBus) { b.portal(t, func(p *portal) { p.session = "nonsense" }) }, "nobody understands"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, n := startBus(t), newNode()
			tt.portal(t, b)
			d := b.run(t, n, Shortcut)
			over := time.Now().Add(soon)
			for !strings.Contains(d.States()[Shortcut].Text, tt.text) {
				if time.Now().After(over) {
					t.Fatalf("it is %+v, want %q in it", d.States()[Shortcut], tt.text)
				}
				time.Sleep(5 * time.Millisecond)
			}
			hush(t, n.did)
		})
	}
}

// Keys that the portal describes in a way that nobody understands are keys all the same.
func TestKeysOfNoDescription(t *testing.T) {
	for _, bound := range []dbus.Variant{
		{}, dbus.MakeVariant("nonsense"), dbus.MakeVariant([]string{"x"}),
		dbus.MakeVariant([][]any{{}, {talkKey}, {7, 7}}),
		dbus.MakeVariant([][]any{{talkKey, map[string]dbus.Variant{"trigger_description": dbus.MakeVariant(7)}}}),
		dbus.MakeVariant([][]any{{talkKey, map[string]dbus.Variant{"trigger_description": dbus.MakeVariant("\x1b[31m")}}}),
	} {
		s := &shortcut{d: New(Config{Home: t.TempDir()})}
		if got := s.keys(bound); got != "" {
			t.Errorf("%v: %q", bound, got)
		}
	}
}

// One service that hangs costs the others nothing.
func TestOneHangs(t *testing.T) {
	t.Parallel()
	b, n := startBus(t), newNode()
	n.set(Glance{Rooms: []Room{room()}})
	s := b.notifications(t)
	w := b.watcher(t)
	b.portal(t).hang()
	d := b.run(t, n, parts...)
	await(t, d, Notifications, isOn)
	next(t, w.items, "an icon")
	n.set(Glance{Rooms: []Room{room(hands("ann"))}})
	next(t, s.told, "a notification")
}

// A bus that is not there, or takes connections and does nothing with them.
func TestNoBus(t *testing.T) {
	t.Parallel()
	n := newNode()
	d := runAt(t, "", n, parts...)
	for _, p := range parts {
		if text := await(t, d, p, isNone); text == "" {
			t.Errorf("%s says nothing", p)
		}
	}
}

func TestBusThatHangs(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "stoa")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "bus"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := runAt(t, "unix:path="+l.Addr().String(), newNode(), parts...)
	taken := make(chan net.Conn, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			taken <- c
		}
	}()
	c := next(t, taken, "a connection")
	defer c.Close()
	for _, p := range parts {
		await(t, d, p, isNone)
	}
}

// A bus that reads no more does not hold up who writes.
func TestBusThatReadsNoMore(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	c := &impatient{Conn: here, write: 10 * time.Millisecond}
	if _, err := c.Write(make([]byte, 100)); err == nil {
		t.Error("written to nobody")
	}
	if _, err := here.Write([]byte{1}); err == nil {
		t.Error("the connection is still there, with half a message in it")
	}
}

// The bus goes and another comes in its place.
func TestBusComesBack(t *testing.T) {
	t.Parallel()
	b, n := startBus(t), newNode()
	w := b.watcher(t)
	path := strings.Split(strings.TrimPrefix(b.address, "unix:path="), ",")[0]
	link := filepath.Join(t.TempDir(), "bus")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	d := runAt(t, "unix:path="+link, n, Tray)
	next(t, w.items, "an icon")
	b.kill()
	await(t, d, Tray, isNone)
	again := startBus(t)
	w = again.watcher(t)
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(strings.Split(strings.TrimPrefix(again.address, "unix:path="), ",")[0], link); err != nil {
		t.Fatal(err)
	}
	next(t, w.items, "an icon")
	await(t, d, Tray, isOn)
}

// A bus that ends anywhere within a message ends the connection, and not the program.
func TestBusThatEndsWithinAMessage(t *testing.T) {
	t.Parallel()
	var whole bytes.Buffer
	m := dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldInterface: dbus.MakeVariant("a.b"), dbus.FieldMember: dbus.MakeVariant("C"),
		dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath("/")), dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf("")),
	}, Body: []any{"said"}}
	if err := m.EncodeTo(&whole, binary.BigEndian); err != nil {
		t.Fatal(err)
	}
	for n := range whole.Len() + 1 {
		here, there := net.Pipe()
		go func() {
			there.Write(whole.Bytes()[:n])
			there.Close()
		}()
		got, err := dbus.DecodeMessage(&impatient{Conn: here, begun: true})
		if complete := n == whole.Len(); complete != (err == nil) || complete && got.Body[0] != "said" {
			t.Errorf("%d of %d bytes: %v, %v", n, whole.Len(), got, err)
		}
	}
	long := []byte{'l', 4, 0, 1, 0xff, 0xff, 0xff, 0x7f, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}
	if _, err := readMessage(bytes.NewReader(long)); err == nil {
		t.Error("a message of gigabytes is read")
	}
}
