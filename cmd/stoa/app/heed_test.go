package app

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stoa/room"
)

// heeded asks for what is to be told, in words.
func heeded(h *heed, s *room.Snapshot, now time.Time) (words []string) {
	for _, e := range h.next(s, now) {
		text := e.Kind
		for _, p := range s.People {
			if e.Who == p.ID.String() {
				text += " " + p.Name
			}
		}
		if e.On != nil {
			text += fmt.Sprint(" ", *e.On)
		}
		if text = strings.TrimSpace(text + " " + e.State); e.By != "" {
			text += " by " + find(s, s.Me.Relay).Name
		}
		words = append(words, text)
	}
	return words
}

func TestHeed(t *testing.T) {
	s := allLinked("ann", "ann", "bob", "cid")
	var h heed
	now := noon
	for _, step := range []struct {
		what     string
		after    time.Duration
		ann, bob string // what they say of each other
		want     []string
	}{
		{"all is well", 0, "direct", "direct", nil},
		{"not a word while it may pass", 0, "none 1.9s", "none 1.9s", nil},
		{"deaf", 0, "none 2s", "none 2s", []string{"hears bob none", "heard bob false"}},
		{"only once", time.Minute, "none 62s", "none 62s", nil},
		{"a relay brings one", 0, "relay 3s", "none 62s", []string{"hears bob relay by cid"}},
		{"and the other", time.Second, "relay 4s", "relay 1s", []string{"heard bob true"}},
		{"a link is tried", time.Minute, "punched 0s", "punched 0s", nil},
		{"and holds", toldAgain, "punched 1s", "punched 1s", []string{"hears bob direct"}},
		{"it comes and goes", time.Second, "none 2s", "direct", nil},
		{"and has gone", toldAgain, "none 12s", "direct", []string{"hears bob none"}},
	} {
		now = now.Add(step.after)
		sayingAt(now, s, "ann", "cid", "bob "+step.ann, "cid direct")
		sayingAt(now, s, "bob", "cid", "ann "+step.bob, "cid direct")
		if got := heeded(&h, s, now); !slices.Equal(got, step.want) {
			t.Errorf("%s: told %q, want %q", step.what, got, step.want)
		}
	}
}

// TestHeedOfAFlappingLink: however often it comes and goes, the person can read
// what is told.
func TestHeedOfAFlappingLink(t *testing.T) {
	s := allLinked("ann", "ann", "bob")
	var h heed
	told := 0
	for i := range 600 { // ten minutes
		now := noon.Add(time.Duration(i) * time.Second)
		sayingAt(now, s, "ann", "", []string{"bob none 5s", "bob direct 5s"}[i/3%2])
		told += len(h.next(s, now))
	}
	if most := 600 / int(toldAgain/time.Second); told > most || told < 5 {
		t.Errorf("%d events in ten minutes", told)
	}
}

// TestHeedOfMany: however many people say that they do not hear this one, and
// that they do again, the person can read what is told, and somebody who is told
// of is not forgotten.
func TestHeedOfMany(t *testing.T) {
	names := []string{"ann"}
	for i := range 40 {
		names = append(names, fmt.Sprintf("p%d", i))
	}
	s := allLinked("ann", names...)
	var h heed
	told, first := 0, 0
	for i := range 600 { // ten minutes
		now := noon.Add(time.Duration(i) * time.Second)
		for _, name := range names[1:] {
			sayingAt(now, s, name, "", []string{"ann none 5s", "ann direct 5s"}[i/10%2])
		}
		told += len(h.next(s, now))
		if i == 0 {
			first = told
		}
	}
	if most := deafBurst + 600/int(toldAgain/time.Second); first != deafBurst || told > most || told < most/2 {
		t.Errorf("%d events at once, %d in ten minutes", first, told)
	}
}

// TestHeedCatchesUp: who could not be told of at once is told of later.
func TestHeedCatchesUp(t *testing.T) {
	s := allLinked("ann", "ann", "bob", "cid", "dan", "eve", "fay")
	var h heed
	who := map[string]bool{}
	for i := range 31 {
		now := noon.Add(time.Duration(i) * time.Second)
		for _, p := range s.People[1:] {
			sayingAt(now, s, p.Name, "", "ann none 5s")
		}
		for _, e := range h.next(s, now) {
			who[e.Who] = true
		}
	}
	if len(who) != 5 {
		t.Errorf("told of %d of 5", len(who))
	}
}

// TestHeedInACrowd: the stage is told of the stage, and the audience of nothing.
func TestHeedInACrowd(t *testing.T) {
	deaf := func(me string) *room.Snapshot {
		s := theatre(me, crowded)
		saying(s, "bob", "", "ann none 1h")
		saying(s, "cid", "", "ann none 1h")
		return s
	}
	for me, want := range map[string][]string{"ann": {"heard bob false"}, "bob": {"hears ann none"}, "cid": nil} {
		var h heed
		if got := heeded(&h, deaf(me), noon); !slices.Equal(got, want) {
			t.Errorf("%s is told %q, want %q", me, got, want)
		}
	}
	var h heed
	s := theatre("ann")
	saying(s, "cid", "", "ann none 1h")
	if got := heeded(&h, s, noon); !slices.Equal(got, []string{"heard cid false"}) {
		t.Errorf("in a small room ann is told %q", got)
	}
	s.People = slices.DeleteFunc(s.People, func(p room.Person) bool { return p.Name == "cid" })
	if h.next(s, noon); len(h.theirs) != 0 {
		t.Error("whoever has gone is kept in mind")
	}
}
