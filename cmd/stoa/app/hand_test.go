package app

import "testing"

// TestLowerHandOfAnother: a moderator takes a hand down by name; whose it was has a notice, and the rest of the room a queue without it.
func TestLowerHandOfAnother(t *testing.T) {
	ann, ben := runRig(t, "ann"), runRig(t, "ben")
	opened := ann.must(Request{Verb: VerbOpen, Args: []string{"Agora"}}).Data.(arrival)
	id := opened.Room
	ben.must(Request{Verb: VerbJoin, Args: []string{opened.Link}})
	ben.until("ann is there", func(v *View) bool { return len(v.Rooms[id].People) == 2 })
	raised := func(v *View) bool { return len(v.Rooms[id].Hands) == 1 }
	down := func(v *View) bool { return len(v.Rooms[id].Hands) == 0 }

	ben.must(Request{Verb: VerbHand})
	ann.until("the hand, and whose it is", func(v *View) bool {
		p := v.Rooms[id].People[ben.home.key.ID().String()]
		return raised(v) && p != nil && p.Name == "ben"
	})
	if code := ben.code(Request{Verb: VerbHand, Args: []string{"down", "ann"}}); code != "no_right" {
		t.Errorf("a listener lowers hands: %s", code)
	}
	if r := ann.must(Request{Verb: VerbHand, Args: []string{"down", "ben"}}); r.Lines[0] != "the hand of ben is down" {
		t.Errorf("told %q", r.Lines)
	}
	ann.until("no hand", down)
	ben.until("a notice", func(v *View) bool {
		for _, n := range v.Notices {
			if n.Code == "hand_lowered" && n.Room == id {
				return down(v)
			}
		}
		return false
	})

	// Their own they lower by name or by none; a word that is nobody is the room.
	ben.must(Request{Verb: VerbHand})
	ben.until("the hand again", raised)
	for _, args := range [][]string{{"down", "ben"}, {"down"}, {"down", "agora"}} {
		if r := ben.must(Request{Verb: VerbHand, Args: args}); r.Lines[0] != "your hand is down" {
			t.Errorf("%q: told %q", args, r.Lines)
		}
		ben.until("no hand", down)
	}
	if code := ben.code(Request{Verb: VerbHand, Args: []string{"down", "nobody"}}); code != "no_such_person" {
		t.Errorf("the hand of nobody: %s", code)
	}
}
