// The menu of the icon: what is in it, and how com.canonical.dbusmenu has it.

package desktop

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// A choice is what an entry of the menu does.
type choice struct{ verb, room string }

// The verbs of choices. Others are those of the command line.
const (
	chooseOpen = "open"
	chooseMute = "mute"
	chooseQuit = "quit"
)

// entry is a line of the menu; one without a label separates others.
type entry struct {
	choice
	label string
}

// maxMenuRooms bounds for how many rooms there are entries.
const maxMenuRooms = 8

// menuOf is the menu for what is so.
func menuOf(w words, g Glance) []entry {
	list := []entry{{choice{chooseOpen, ""}, w.Open}, {choice{verb: "separator 1"}, ""}}
	live := false
	for _, r := range g.Rooms {
		live = live || r.Speak && r.Live
	}
	if live {
		list = append(list, entry{choice{chooseMute, ""}, w.Mute})
	}
	rooms := slices.DeleteFunc(slices.Clone(g.Rooms), func(r Room) bool { return r.Away || r.Out != "" })
	rooms = rooms[:min(len(rooms), maxMenuRooms)]
	for _, r := range rooms {
		if r.Speak && !r.Live {
			list = append(list, entry{choice{"unmute", r.ID}, fmt.Sprintf(w.Unmute, r.Title)})
		}
	}
	for _, r := range rooms {
		list = append(list, entry{choice{"leave", r.ID}, fmt.Sprintf(w.Leave, r.Title)})
	}
	return append(list, entry{choice{verb: "separator 2"}, ""}, entry{choice{chooseQuit, ""}, w.Quit})
}

// choose does what an entry says.
func (d *Desktop) choose(c choice) {
	switch {
	case c.verb == chooseOpen:
		d.open(c.room)
	case c.verb == chooseQuit:
		d.ask(func(context.Context) { d.node.Quit() })
	case c.verb == chooseMute:
		d.ask(func(ctx context.Context) {
			g, _ := d.node.Glance()
			if mute, rooms := g.toggled(nil); mute {
				d.turn(ctx, true, rooms)
			}
		})
	case c.room != "":
		d.ask(func(ctx context.Context) { d.do(ctx, c.verb, c.room) })
	}
}

// toggle mutes the microphone, or unmutes it where it was live last. Where it is not clear
// in which room, the person sees them all.
func (d *Desktop) toggle() {
	d.ask(func(ctx context.Context) {
		g, _ := d.node.Glance()
		mute, rooms := g.toggled(d.muted)
		if mute {
			d.muted = rooms
		}
		if len(rooms) == 0 {
			d.open("")
		}
		d.turn(ctx, mute, rooms)
	})
}

// turn mutes or unmutes the microphone in rooms.
func (d *Desktop) turn(ctx context.Context, mute bool, rooms []string) {
	verb := "unmute"
	if mute {
		verb = "mute"
	}
	for _, room := range rooms {
		d.do(ctx, verb, room)
	}
}

// A menu is what a desktop has been told of the entries. Numbers are never given twice, so
// that a click on a line that is gone hits no other.
type menu struct {
	revision uint32
	entries  []entry
	numbers  map[choice]int32
	last     int32
}

// set changes the entries, and reports whether that makes another menu.
func (m *menu) set(entries []entry) bool {
	same := len(entries) == len(m.entries)
	numbers := make(map[choice]int32, len(entries))
	for i, e := range entries {
		same = same && m.entries[i] == e
		n, known := m.numbers[e.choice]
		if !known {
			m.last++
			n = m.last
		}
		numbers[e.choice] = n
	}
	if same {
		return false
	}
	m.entries, m.numbers = entries, numbers
	m.revision++
	return true
}

// chosen returns what the entry of that number does.
func (m *menu) chosen(number int32) (choice, bool) {
	for c, n := range m.numbers {
		if n == number {
			return c, true
		}
	}
	return choice{}, false
}

// node is an entry, or the whole menu, as the layout has it.
type node struct {
	Number   int32
	Shape    map[string]dbus.Variant
	Children []dbus.Variant
}

// layout is the part of the menu below a number: 0 is all of it.
func (m *menu) layout(parent int32) (node, bool) {
	if parent != 0 {
		shape, is := m.shape(parent)
		return node{parent, shape, []dbus.Variant{}}, is
	}
	shape, _ := m.shape(0)
	all := node{0, shape, []dbus.Variant{}}
	for _, e := range m.entries {
		one, _ := m.layout(m.numbers[e.choice])
		all.Children = append(all.Children, dbus.MakeVariant(one))
	}
	return all, true
}

// shape is how the entry of a number looks.
func (m *menu) shape(number int32) (map[string]dbus.Variant, bool) {
	if number == 0 {
		return map[string]dbus.Variant{"children-display": dbus.MakeVariant("submenu")}, true
	}
	for _, e := range m.entries {
		switch {
		case m.numbers[e.choice] != number:
		case e.label == "":
			return map[string]dbus.Variant{"type": dbus.MakeVariant("separator")}, true
		default: // one underscore would mark a key
			label := strings.ReplaceAll(e.label, "_", "__")
			return map[string]dbus.Variant{"label": dbus.MakeVariant(label)}, true
		}
	}
	return nil, false
}
