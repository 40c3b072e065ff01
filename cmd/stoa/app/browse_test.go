package app

import (
	"strings"
	"testing"
	"time"

	"stoa/identity"
)

func TestLookAround(t *testing.T) {
	ann := runRig(t, "ann")
	ben := runRig(t, "ben", ann.node.Addrs()[0])
	opened := ann.must(Request{Verb: VerbOpen, Open: &OpenRoom{Title: "Ago\u202era", Listed: true, Topic: "go", Lang: "en"}}).Data.(arrival)
	look := func() previewData {
		return ben.must(Request{Verb: VerbPreview, Args: []string{" " + opened.Link}}).Data.(previewData)
	}
	p := look()
	if p.Room != opened.Room || p.Title != "Agora" || p.Topic != "go" || p.Lang != "en" || p.Role != "listener" || p.People != 1 || p.Member || p.ExpiresMS == 0 {
		t.Errorf("before joining: %+v", p)
	}
	if len(p.Stage) != 1 || p.Stage[0] != "ann" {
		t.Errorf("on the stage: %q", p.Stage)
	}
	if v, _ := ann.View(); len(v.Rooms[opened.Room].People) != 1 {
		t.Error("who looked is in the room")
	}
	ben.must(Request{Verb: VerbJoin, Args: []string{opened.Link}})
	ben.until("ann is there", func(v *View) bool { return len(v.Rooms[opened.Room].People) == 2 })
	if p = look(); !p.Member || p.People != 2 || p.Title != "Agora" || len(p.Stage) != 1 {
		t.Errorf("after joining: %+v", p)
	}
	bound := ann.must(Request{Verb: VerbInvite, Room: opened.Room, Invite: &InviteOptions{For: ann.home.key.ID().String()}}).Data.(linkData).Link
	if code := ben.code(Request{Verb: VerbPreview, Args: []string{bound}}); code != "link_not_for_you" {
		t.Errorf("a link for somebody else: %s", code)
	}
	if code := ben.code(Request{Verb: VerbPreview, Args: []string{"https://example.com"}}); code != "not_a_link" {
		t.Errorf("what is no link: %s", code)
	}

	late := time.After(20 * time.Second)
	for {
		d := ben.must(Request{Verb: VerbFind, Args: []string{"go"}}).Data.(map[string]any)
		if found := d["rooms"].([]foundRoom); len(found) == 1 {
			if f := found[0]; f.Room != opened.Room || f.Title != "Agora" || f.Link == "" || f.Topic != "go" || len(f.Stage) != 1 {
				t.Errorf("found %+v", f)
			}
			break
		}
		if more := d["more"].(bool); !more {
			t.Fatal("the search is over, and the room was not found")
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-late:
			t.Fatal("the room was not found")
		}
	}
}

// A search goes on for who asks again, and gives way to another one.
func TestFinder(t *testing.T) {
	var f finder
	first, begin := f.search("go", "en", noon)
	if !begin {
		t.Fatal("the first search is not begun")
	}
	if again, begin := f.search("go", "en", noon.Add(time.Hour)); again != first || begin {
		t.Error("a search that goes on is begun again")
	}
	other, begin := f.search("go", "", noon)
	if other == first || !begin {
		t.Error("another question is not searched for")
	}
	select {
	case <-first.stopped:
	default:
		t.Error("the search that nobody asks for goes on")
	}
	if _, more := other.state(); !more {
		t.Error("a search is over before it has ended")
	}
	other.found, other.ended = []foundRoom{{Title: "x"}}, noon
	if found, more := other.state(); len(found) != 1 || more {
		t.Errorf("what was found: %v, more %v", found, more)
	}
	if same, begin := f.search("go", "", noon.Add(seekAgain-1)); same != other || begin {
		t.Error("what was found just now is searched for again")
	}
	if same, begin := f.search("go", "", noon.Add(seekAgain)); same == other || !begin {
		t.Error("what was found long ago is not searched for again")
	}
}

func TestQR(t *testing.T) {
	link, _ := makeLink(t, "ann", identity.RoomID{1}, identity.Terms{Role: identity.RoleListener})
	r, err := doQR(Request{Args: []string{link}})
	if err != nil {
		t.Fatal(err)
	}
	d := r.Data.(qrData)
	corner := []string{"1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111"} // ISO/IEC 18004, finder pattern
	for i, want := range corner {
		top, bottom := d.Rows[i], d.Rows[d.Size-7+i]
		if top[:7] != want || top[d.Size-7:] != want || bottom[:7] != want {
			t.Fatalf("no finder patterns in\n%s", strings.Join(d.Rows, "\n"))
		}
	}
	for _, row := range d.Rows {
		if len(row) != d.Size || strings.Trim(row, "01") != "" {
			t.Errorf("row %q of %d modules", row, d.Size)
		}
	}
	if _, err := doQR(Request{Args: []string{"hello"}}); Explain(err).Code != "not_a_link" {
		t.Errorf("of what is no link: %v", err)
	}
}
