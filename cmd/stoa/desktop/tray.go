// The icon in the tray, by the StatusNotifierItem specification of freedesktop.org, and
// its menu, by com.canonical.dbusmenu.

package desktop

import (
	"context"
	"sync"

	"github.com/godbus/dbus/v5"

	"stoa/cmd/stoa/desktop/icon"
	"stoa/cmd/stoa/pause"
)

const (
	watcherName = "org.kde.StatusNotifierWatcher"
	watcherPath = "/StatusNotifierWatcher"
	itemName    = "org.kde.StatusNotifierItem"
	itemPath    = "/StatusNotifierItem"
	menuName    = "com.canonical.dbusmenu"
	menuPath    = "/MenuBar"

	propertiesName = "org.freedesktop.DBus.Properties"
)

// maxAsked bounds how many entries one call may ask for.
const maxAsked = 256

// tray is the icon. The desktop calls its methods on goroutines of the connection's.
type tray struct {
	d *Desktop

	mu     sync.Mutex // guards the rest
	mic    mic
	menu   menu
	pixels []pixmap
}

// pixmap is a picture in one size, as ARGB in network byte order.
type pixmap struct {
	Width, Height int32
	Data          []byte
}

// tray shows the icon wherever there is a place for it, until ctx ends.
func (d *Desktop) tray(ctx context.Context, b *bus) error {
	t := &tray{d: d, mic: -1}
	glance, changed := d.node.Glance()
	t.set(glance)
	if err := t.export(b.conn); err != nil {
		return err
	}
	watcher, err := b.service(ctx, watcherName, watcherPath)
	if err != nil {
		return err
	}
	t.register(ctx, watcher)
	for {
		select {
		case <-changed:
			pause.For(ctx, d.wait.look)
			glance, changed = d.node.Glance()
			if err := t.show(b.conn, glance); err != nil {
				return err
			}
		case sig := <-watcher.news:
			if sig.Name == ownerChanged {
				t.register(ctx, watcher)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// register asks for a place.
func (t *tray) register(ctx context.Context, watcher *service) {
	if !watcher.present() {
		t.d.tell(Tray, isNone, "this desktop has no place for icons of programs")
		return
	}
	err := watcher.call(ctx, watcherName+".RegisterStatusNotifierItem", watcher.bus.conn.Names()[0]).Err
	if err != nil {
		t.d.log.Info("the tray", "err", err)
		t.d.tell(Tray, isNone, "this desktop's tray does not answer")
		return
	}
	t.d.tell(Tray, isOn, "")
}

// set takes over what is so, and reports what of it looks different.
func (t *tray) set(g Glance) (picture, menu bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	menu = t.menu.set(menuOf(t.d.words, g))
	if m := g.mic(); m != t.mic {
		t.mic, picture = m, true
		t.pixels = pixmapsOf(m)
	}
	return picture, menu
}

// show sets, and tells the desktop.
func (t *tray) show(conn *dbus.Conn, g Glance) error {
	picture, menu := t.set(g)
	if picture {
		for _, signal := range []string{".NewIcon", ".NewToolTip"} {
			if err := conn.Emit(itemPath, itemName+signal); err != nil {
				return err
			}
		}
	}
	if !menu {
		return nil
	}
	t.mu.Lock()
	revision := t.menu.revision
	t.mu.Unlock()
	return conn.Emit(menuPath, menuName+".LayoutUpdated", revision, int32(0))
}

// pixmapsOf draws the sizes that trays have.
func pixmapsOf(m mic) []pixmap {
	p := [...]icon.Picture{micNone: icon.NoRoom, micMuted: icon.Muted, micWaiting: icon.Waiting, micLive: icon.Live}[m]
	var list []pixmap
	for _, size := range []int{16, 22, 24, 32, 48, 64} {
		list = append(list, pixmap{int32(size), int32(size), p.ARGB(size)})
	}
	return list
}

// export lets the desktop call the methods below.
func (t *tray) export(conn *dbus.Conn) error {
	for _, table := range []struct {
		path    dbus.ObjectPath
		name    string
		methods map[string]any
	}{
		{itemPath, itemName, map[string]any{
			"Activate":          func(_, _ int32) *dbus.Error { t.d.open(""); return nil },
			"SecondaryActivate": func(_, _ int32) *dbus.Error { t.d.toggle(); return nil },
			"ContextMenu":       func(_, _ int32) *dbus.Error { return nil }, // the desktop draws it
			"Scroll":            func(int32, string) *dbus.Error { return nil },
		}},
		{itemPath, propertiesName, properties(itemName, t.itemProperties)},
		{menuPath, menuName, map[string]any{
			"GetLayout":          t.getLayout,
			"GetGroupProperties": t.getGroupProperties,
			"GetProperty":        t.getProperty,
			"Event":              t.event,
			"EventGroup":         t.eventGroup,
			"AboutToShow":        func(int32) (bool, *dbus.Error) { return false, nil },
			"AboutToShowGroup":   func([]int32) ([]int32, []int32, *dbus.Error) { return []int32{}, []int32{}, nil },
		}},
		{menuPath, propertiesName, properties(menuName, menuProperties)},
	} {
		if err := conn.ExportMethodTable(table.methods, table.path, table.name); err != nil {
			return err
		}
	}
	return nil
}

// properties is org.freedesktop.DBus.Properties of an interface that only it has.
func properties(of string, all func() map[string]dbus.Variant) map[string]any {
	return map[string]any{
		"Get": func(name, property string) (dbus.Variant, *dbus.Error) {
			v, is := all()[property]
			if name != of || !is {
				return dbus.Variant{}, dbus.NewError("org.freedesktop.DBus.Error.UnknownProperty", nil)
			}
			return v, nil
		},
		"GetAll": func(name string) (map[string]dbus.Variant, *dbus.Error) {
			if name != of {
				return map[string]dbus.Variant{}, nil
			}
			return all(), nil
		},
		"Set": func(string, string, dbus.Variant) *dbus.Error {
			return dbus.NewError("org.freedesktop.DBus.Error.PropertyReadOnly", nil)
		},
	}
}

// tooltip is an icon's name, pictures, a title and a text.
type tooltip struct {
	Icon        string
	Pixels      []pixmap
	Title, Text string
}

func (t *tray) itemProperties() map[string]dbus.Variant {
	t.mu.Lock()
	defer t.mu.Unlock()
	return map[string]dbus.Variant{
		"Category":            dbus.MakeVariant("Communications"),
		"Id":                  dbus.MakeVariant(AppID),
		"Title":               dbus.MakeVariant("stoa"),
		"Status":              dbus.MakeVariant("Active"),
		"WindowId":            dbus.MakeVariant(int32(0)),
		"IconName":            dbus.MakeVariant(""),
		"IconThemePath":       dbus.MakeVariant(""),
		"IconPixmap":          dbus.MakeVariant(t.pixels),
		"OverlayIconName":     dbus.MakeVariant(""),
		"OverlayIconPixmap":   dbus.MakeVariant([]pixmap{}),
		"AttentionIconName":   dbus.MakeVariant(""),
		"AttentionIconPixmap": dbus.MakeVariant([]pixmap{}),
		"AttentionMovieName":  dbus.MakeVariant(""),
		"ToolTip":             dbus.MakeVariant(tooltip{"", []pixmap{}, "stoa", t.d.words.mic(t.mic)}),
		"ItemIsMenu":          dbus.MakeVariant(false),
		"Menu":                dbus.MakeVariant(dbus.ObjectPath(menuPath)),
	}
}

func menuProperties() map[string]dbus.Variant {
	return map[string]dbus.Variant{
		"Version":       dbus.MakeVariant(uint32(3)),
		"TextDirection": dbus.MakeVariant("ltr"),
		"Status":        dbus.MakeVariant("normal"),
		"IconThemePath": dbus.MakeVariant([]string{}),
	}
}

var errNoEntry = dbus.NewError("org.freedesktop.DBus.Error.InvalidArgs", []any{"there is no such entry"})

// getLayout answers with all of what is below parent, however deep and of what it was asked
// for: there is one level, of few properties.
func (t *tray) getLayout(parent, _ int32, _ []string) (uint32, node, *dbus.Error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, is := t.menu.layout(parent)
	if !is {
		return 0, node{}, errNoEntry
	}
	return t.menu.revision, n, nil
}

// numbered is an entry's number with how it looks.
type numbered struct {
	Number int32
	Shape  map[string]dbus.Variant
}

func (t *tray) getGroupProperties(numbers []int32, _ []string) ([]numbered, *dbus.Error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(numbers) == 0 { // all
		for _, e := range t.menu.entries {
			numbers = append(numbers, t.menu.numbers[e.choice])
		}
	}
	list := []numbered{}
	for _, n := range numbers[:min(len(numbers), maxAsked)] {
		if shape, is := t.menu.shape(n); is {
			list = append(list, numbered{n, shape})
		}
	}
	return list, nil
}

func (t *tray) getProperty(number int32, name string) (dbus.Variant, *dbus.Error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	shape, _ := t.menu.shape(number)
	v, is := shape[name]
	if !is {
		return dbus.Variant{}, errNoEntry
	}
	return v, nil
}

// event says that the person did something with an entry.
func (t *tray) event(number int32, what string, _ dbus.Variant, _ uint32) *dbus.Error {
	if what != "clicked" {
		return nil
	}
	t.mu.Lock()
	c, is := t.menu.chosen(number)
	t.mu.Unlock()
	if !is {
		return errNoEntry
	}
	t.d.choose(c)
	return nil
}

// happened is one of several events.
type happened struct {
	Number int32
	What   string
	Data   dbus.Variant
	Time   uint32
}

// eventGroup returns the numbers of entries that are not there.
func (t *tray) eventGroup(events []happened) ([]int32, *dbus.Error) {
	missing := []int32{}
	for _, e := range events[:min(len(events), maxAsked)] {
		if t.event(e.Number, e.What, e.Data, e.Time) != nil {
			missing = append(missing, e.Number)
		}
	}
	return missing, nil
}
