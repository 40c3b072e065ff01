// The decisions: no bus, no clock.

package desktop

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// room makes a room that is changed a little.
func room(change ...func(*Room)) Room {
	r := Room{ID: "r", Title: "Evening talk"}
	for _, c := range change {
		c(&r)
	}
	return r
}

func onStage(r *Room) { r.Stage, r.Speak = true, true }
func live(r *Room)    { onStage(r); r.Live = true }
func out(r *Room)     { r.Out = "you were put out of the room" }
func asked(r *Room)   { r.Asked = "recording" }
func called(id string) func(*Room) {
	return func(r *Room) { r.ID = id }
}
func hands(names ...string) func(*Room) {
	return func(r *Room) {
		for _, n := range names {
			r.Hands = append(r.Hands, Hand{n, n})
		}
	}
}
func starts(in time.Duration) func(*Room) {
	return func(r *Room) { r.Starts = noon.Add(in) }
}

func TestMic(t *testing.T) {
	muted := room(onStage)
	for name, tt := range map[string]struct {
		g    Glance
		want mic
	}{
		"in no room":        {Glance{}, micNone},
		"a listener":        {Glance{Rooms: []Room{room()}}, micNone},
		"muted":             {Glance{Rooms: []Room{muted}}, micMuted},
		"live":              {Glance{Rooms: []Room{room(live)}}, micLive},
		"live somewhere":    {Glance{Rooms: []Room{muted, room(live), room()}}, micLive},
		"live while a key":  {Glance{Push: true, Rooms: []Room{room(live), muted}}, micWaiting},
		"muted and no key":  {Glance{Push: true, Rooms: []Room{muted}}, micMuted},
		"live, may not any": {Glance{Rooms: []Room{room(func(r *Room) { r.Live = true })}}, micNone},
	} {
		if got := tt.g.mic(); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

func TestToggle(t *testing.T) {
	a, b, liveA, liveB := room(onStage, called("a")), room(onStage, called("b")), room(live, called("a")), room(live, called("b"))
	for name, tt := range map[string]struct {
		rooms []Room
		last  []string
		mute  bool
		want  []string
	}{
		"nowhere":               {nil, nil, false, nil},
		"a listener":            {[]Room{room()}, nil, false, nil},
		"the only one":          {[]Room{a, room()}, nil, false, []string{"a"}},
		"one of two":            {[]Room{liveA, b}, nil, true, []string{"a"}},
		"both":                  {[]Room{liveA, liveB}, []string{"a"}, true, []string{"a", "b"}},
		"back where it was":     {[]Room{a, b}, []string{"b"}, false, []string{"b"}},
		"which of two":          {[]Room{a, b}, nil, false, nil},
		"back where one is not": {[]Room{a, b}, []string{"c"}, false, nil},
	} {
		mute, rooms := Glance{Rooms: tt.rooms}.toggled(tt.last)
		if mute != tt.mute || !slices.Equal(rooms, tt.want) {
			t.Errorf("%s: %v %q, want %v %q", name, mute, rooms, tt.mute, tt.want)
		}
	}
}

// Each step is a look at what is so, and what is told of it.
func TestNews(t *testing.T) {
	type step struct {
		at      time.Duration
		rooms   []Room
		visible bool
		show    string // topics, with how many hands
		drop    string
	}
	for name, steps := range map[string][]step{
		"what is so when one comes in": {
			{rooms: []Room{room(onStage, hands("ann"))}},
			{rooms: []Room{room(onStage, hands("ann"))}},
		},
		"called to the stage and back": {
			{rooms: []Room{room()}},
			{rooms: []Room{room(onStage)}, show: "stage"},
			{rooms: []Room{room(onStage)}},
			{rooms: []Room{room()}, drop: "stage"},
			{rooms: []Room{room(onStage)}, show: "stage"},
		},
		"hands": {
			{rooms: []Room{room()}},
			{rooms: []Room{room(hands("ann"))}, show: "hands"},
			{rooms: []Room{room(hands("ann", "bob"))}, show: "hands"},
			{rooms: []Room{room(hands("bob"))}},
			{rooms: []Room{room()}, drop: "hands"},
		},
		"put out": {
			{rooms: []Room{room()}},
			{rooms: []Room{room(out)}, show: "out"},
			{rooms: []Room{room(out)}},
			{rooms: nil, drop: "out"},
		},
		"begins soon": {
			{rooms: []Room{room(starts(time.Hour))}},
			{at: 54 * time.Minute, rooms: []Room{room(starts(time.Hour))}},
			{at: 55 * time.Minute, rooms: []Room{room(starts(time.Hour))}, show: "soon"},
			{at: 56 * time.Minute, rooms: []Room{room(starts(time.Hour))}},
			{at: 56 * time.Minute, rooms: []Room{room(starts(time.Hour + time.Minute))}, show: "soon"},
			{at: 61 * time.Minute, rooms: []Room{room(starts(time.Hour + time.Minute))}, drop: "soon"},
		},
		"asked to be recorded, also when one comes in": {
			{rooms: []Room{room(asked)}, show: "tape"},
			{rooms: []Room{room(asked)}},
			{rooms: []Room{room()}, drop: "tape"},
		},
		"the page is before their eyes": {
			{rooms: []Room{room()}},
			{rooms: []Room{room(hands("ann"))}, show: "hands"},
			{rooms: []Room{room(hands("ann"), onStage)}, visible: true, drop: "hands"},
			{rooms: []Room{room(hands("ann"), onStage)}},
		},
		"too much at once": {
			{rooms: []Room{room()}},
			{rooms: []Room{room(hands("a"))}, show: "hands"},
			{rooms: []Room{room(hands("a", "b"))}, show: "hands"},
			{rooms: []Room{room(hands("a", "b", "c"))}, show: "hands"},
			{rooms: []Room{room(hands("a", "b", "c", "d"))}, show: "hands"},
			{rooms: []Room{room(hands("a", "b", "c", "d", "e"))}},
			{rooms: []Room{room(hands("a", "b", "c", "d", "e", "f"), onStage)}},
			{at: newsEvery, rooms: []Room{room(hands("a", "b", "c", "d", "e", "f"), onStage)}, show: "stage"},
			{at: 2 * newsEvery, rooms: []Room{room(hands("a", "b", "c", "d", "e", "f"), onStage)}, show: "hands"},
			{at: 3 * newsEvery, rooms: []Room{room(hands("a", "b", "c", "d", "e", "f"), onStage)}},
		},
		"what waited is so no more": {
			{rooms: []Room{room()}},
			{rooms: []Room{room(hands("a"))}, show: "hands"},
			{rooms: []Room{room()}, drop: "hands"},
			{rooms: []Room{room(hands("b"))}, show: "hands"},
			{rooms: []Room{room()}, drop: "hands"},
			{rooms: []Room{room(hands("c"))}, show: "hands"},
			{rooms: []Room{room()}, drop: "hands"},
			{rooms: []Room{room(hands("d"))}, show: "hands"},
			{rooms: []Room{room()}, drop: "hands"},
			{rooms: []Room{room(hands("e"))}},
			{rooms: []Room{room()}},
			{at: time.Hour, rooms: []Room{room()}},
		},
	} {
		n := newNews(english)
		for i, s := range steps {
			show, drop := n.look(Glance{Rooms: s.rooms}, noon.Add(s.at), s.visible)
			var shown, dropped []string
			for _, x := range show {
				shown = append(shown, x.kind)
				if x.summary == "" || x.body == "" || strings.Contains(x.summary, "Evening") {
					t.Errorf("%s, step %d: %+v", name, i, x)
				}
			}
			for _, x := range drop {
				dropped = append(dropped, x.kind)
			}
			if got := strings.Join(shown, " "); got != s.show {
				t.Errorf("%s, step %d: shown %q, want %q", name, i, got, s.show)
			}
			if got := strings.Join(dropped, " "); got != s.drop {
				t.Errorf("%s, step %d: taken back %q, want %q", name, i, got, s.drop)
			}
		}
	}
}

func TestNewsIsBounded(t *testing.T) {
	n := newNews(english)
	var many []Room
	for i := range 10 * maxNewsRooms {
		many = append(many, room(called(string(rune('a'+i)))))
	}
	n.look(Glance{Rooms: many}, noon, false)
	for i := range many {
		onStage(&many[i])
		asked(&many[i])
		hands("x")(&many[i])
	}
	n.look(Glance{Rooms: many}, noon, false)
	if len(n.seen) > maxNewsRooms || len(n.wait) > 5*maxNewsRooms || len(n.shown) > newsBurst {
		t.Errorf("%d rooms, %d waiting, %d shown", len(n.seen), len(n.wait), len(n.shown))
	}
}

func TestNextLook(t *testing.T) {
	n := newNews(english)
	g := Glance{Rooms: []Room{room(starts(time.Hour))}}
	for _, tt := range []struct{ now, want time.Duration }{
		{0, 55 * time.Minute}, {55 * time.Minute, time.Hour}, {time.Hour, -1},
	} {
		at := n.next(g, noon.Add(tt.now))
		if tt.want < 0 && !at.IsZero() || tt.want >= 0 && !at.Equal(noon.Add(tt.want)) {
			t.Errorf("at %v: %v, want %v", tt.now, at, tt.want)
		}
	}
	n.since, n.wait = noon, []notice{{}}
	if at := n.next(Glance{}, noon.Add(time.Second)); !at.Equal(noon.Add(newsEvery)) {
		t.Errorf("with something waiting: %v", at)
	}
}

func TestMenu(t *testing.T) {
	var m menu
	g := Glance{Rooms: []Room{room(onStage, called("a")), room(live, called("b")), room(out, called("c")), room(called("d"), func(r *Room) { r.Away = true })}}
	if !m.set(menuOf(english, g)) || m.set(menuOf(english, g)) {
		t.Error("what is another menu, and what is not")
	}
	var labels []string
	for _, e := range m.entries {
		labels = append(labels, e.label)
	}
	want := []string{"Open the page", "", "Mute the microphone", "Unmute in Evening talk", "Leave Evening talk", "Leave Evening talk", "", "Quit stoa"}
	if !slices.Equal(labels, want) {
		t.Errorf("got %q, want %q", labels, want)
	}
	leave := choice{"leave", "b"}
	number := m.numbers[leave]
	if got, is := m.chosen(number); !is || got != leave {
		t.Errorf("entry %d: %+v, %v", number, got, is)
	}
	quit := m.numbers[choice{chooseQuit, ""}]
	m.set(menuOf(english, Glance{}))
	if _, is := m.chosen(number); is {
		t.Error("an entry that is gone can be chosen")
	}
	m.set(menuOf(english, g))
	if m.numbers[leave] == number || m.numbers[choice{chooseQuit, ""}] != quit {
		t.Errorf("numbers %v, before %d and %d", m.numbers, number, quit)
	}
	m.set([]entry{{choice{"leave", "b"}, "Leave my_room"}})
	shape, _ := m.shape(m.numbers[leave])
	if got := shape["label"].Value(); got != "Leave my__room" {
		t.Errorf("label %q", got)
	}
	if _, is := m.layout(12345); is {
		t.Error("there is an entry that there is not")
	}
}

func TestBusAddress(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bus"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ address, runtime, want string }{
		{"unix:path=/run/user/1000/bus", "", "/run/user/1000/bus"},
		{"unix:path=/a,guid=0123", "", "/a"},
		{"unix:guid=0123,path=/a%20b", "", "/a b"},
		{"unix:abstract=/tmp/dbus-x,guid=1", "", "@/tmp/dbus-x"},
		{"tcp:host=127.0.0.1,port=1;unix:path=/a", "", "/a"},
		{"unix:runtime=yes", "/run/user/1", "/run/user/1/bus"},
		{"tcp:host=example.org,port=1", dir, ""},
		{"autolaunch:", "", ""},
		{"unix:path=%zz", "", ""},
		{"unix:", "", ""},
		{"", dir, filepath.Join(dir, "bus")},
		{"", filepath.Join(dir, "none"), ""},
		{"", "", ""},
	} {
		got, err := busAddress(func(name string) string {
			return map[string]string{"DBUS_SESSION_BUS_ADDRESS": tt.address, "XDG_RUNTIME_DIR": tt.runtime}[name]
		})
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q in %q: %q, %v; want %q", tt.address, tt.runtime, got, err, tt.want)
		}
	}
}

func TestSettings(t *testing.T) {
	home := t.TempDir()
	path := filepath.Join(home, settingsFile)
	if got, err := loadSettings(home); err != nil || !reflect.DeepEqual(got, newSettings()) {
		t.Errorf("of a new home: %v, %v", got, err)
	}
	want := settings{Notifications: false, Tray: true, Shortcut: true}
	if err := want.save(home); err != nil {
		t.Fatal(err)
	}
	if got, err := loadSettings(home); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	for text, bad := range map[string]bool{
		"": true, "[]": true, "{": true, `{"tray":"off"}`: true,
		"{}": false, `{"unheard of":true,"shortcut":false}`: false,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := loadSettings(home); (err != nil) != bad || !reflect.DeepEqual(got, newSettings()) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestSwitch(t *testing.T) {
	home := t.TempDir()
	d := New(Config{Home: home})
	for _, words := range [][]string{nil, {"tray"}, {"tray", "up"}, {"sound", "on"}, {"tray", "off", "now"}} {
		if err := d.Switch(words); err == nil {
			t.Errorf("%q did something", words)
		}
	}
	if err := d.Switch([]string{"notifications", "off"}); err != nil {
		t.Fatal(err)
	}
	if on, _ := d.wants(Notifications); on || New(Config{Home: home}).wanted[Notifications] {
		t.Error("it is still wanted")
	}
	if s := d.States()[Notifications]; s != (State{State: isOff}) {
		t.Errorf("state %+v", s)
	}
}

var english, _ = wordsIn("en")

// Every sentence is there in every language, with places for the same things, and no
// language has others.
func TestWords(t *testing.T) {
	files, err := languages.ReadDir("words")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d languages, %v", len(files), err)
	}
	here := reflect.ValueOf(english)
	for _, f := range files {
		data, err := languages.ReadFile("words/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		var w words
		strict := json.NewDecoder(bytes.NewReader(data))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&w); err != nil {
			t.Errorf("%s: %v", f.Name(), err)
		}
		there := reflect.ValueOf(w)
		for i := range here.NumField() {
			a, b := here.Field(i).String(), there.Field(i).String()
			if b == "" || strings.Count(a, "%s") != strings.Count(b, "%s") || strings.Count(a, "%d") != strings.Count(b, "%d") {
				t.Errorf("%s, %s: %q for %q", f.Name(), here.Type().Field(i).Name, b, a)
			}
		}
	}
}

func TestWordsOf(t *testing.T) {
	spanish, _ := wordsIn("es")
	indonesian, _ := wordsIn("id")
	for _, tt := range []struct {
		all, messages, lang string
		want                words
	}{
		{"", "", "", english},
		{"", "", "id_ID.UTF-8", indonesian},
		{"", "es", "id_ID.UTF-8", spanish},
		{"C.UTF-8", "es", "", english},
		{"", "", "xx_XX", english},
		{"", "", "../words/es", english},
	} {
		got := wordsOf(func(name string) string {
			return map[string]string{"LC_ALL": tt.all, "LC_MESSAGES": tt.messages, "LANG": tt.lang}[name]
		})
		if got != tt.want || got.Open == "" {
			t.Errorf("%+v: %q", tt, got.Open)
		}
	}
}
