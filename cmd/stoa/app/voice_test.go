// What a speaker sends.

package app

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"stoa/audio"
	"stoa/identity"
	"stoa/room"
	"stoa/room/seal"
)

var (
	session = [8]byte{1}
	oldKey  = epochOf(1, time.Time{})
)

// epochOf makes an epoch that was first seen at a time.
func epochOf(n byte, seen time.Time) room.EpochKey {
	e := seal.NewEpoch([32]byte{n})
	return room.EpochKey{N: uint32(n), Commit: e.Commit, Secret: e.Secret, Known: true, Seen: seen}
}

// stage makes a room as me sees it, in which ann and bob may speak, under an
// epoch that is in use.
func stage(me string) *room.Snapshot {
	s := around(me, being("ann", identity.RoleOwner), being("bob", identity.RoleSpeaker), being("cid", identity.RoleListener))
	for i := range s.People {
		s.People[i].Session = session
	}
	s.Epochs = []room.EpochKey{oldKey}
	return s
}

// sent is one packet on its way, and to whom.
type sent struct {
	packet []byte
	to     []identity.ID
}

// wire is a sender that keeps what is sent.
type wire struct{ sent []sent }

func (w *wire) Send(packet []byte, to []identity.ID) int {
	w.sent = append(w.sent, sent{bytes.Clone(packet), append([]identity.ID(nil), to...)})
	return len(to)
}

func (w *wire) take() []sent {
	s := w.sent
	w.sent = nil
	return s
}

// mouth is ann's voice, in the room of stage.
func mouth() (*voice, *wire) {
	w := &wire{}
	return newVoice(stage("ann").Room, keyOf("ann"), session, w), w
}

// opened opens ann's packets as somebody who knows these epochs.
func opened(t *testing.T, packets []sent, epochs ...room.EpochKey) []seal.Frame {
	t.Helper()
	o := seal.NewOpener(stage("ann").Room)
	var known []seal.Epoch
	for _, e := range epochs {
		known = append(known, seal.Epoch{Commit: e.Commit, Secret: e.Secret})
	}
	if err := errors.Join(o.SetEpochs(known), o.SetStreams([]seal.Stream{{Speaker: idOf("ann"), Session: session}})); err != nil {
		t.Fatal(err)
	}
	var frames []seal.Frame
	for _, p := range packets {
		_, fs, err := o.Open(p.packet, idOf("ann"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fs {
			f.Payload = bytes.Clone(f.Payload)
			frames = append(frames, f)
		}
	}
	return frames
}

func frameAt(index uint32) audio.Packet {
	return audio.Packet{Index: index, Since: 1, Level: 20, Payload: []byte("voice")}
}

func say(t *testing.T, v *voice, from, to uint32) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := v.say(frameAt(i), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestVoiceGoesToWhoeverMayHear(t *testing.T) {
	v, w := mouth()
	say(t, v, 0, 1)
	s := stage("ann")
	relay := being("relay", identity.RoleRelay)
	s.People = append(s.People, relay)
	s.State.Members[relay.ID] = relay.Member
	v.follow(s)
	say(t, v, 1, 2)
	if len(w.take()) != 0 || v.speaking() {
		t.Fatal("something is said before anybody wanted it")
	}
	v.want(true)
	say(t, v, 2, 3)
	got := w.take()
	if len(got) != 1 || fmt.Sprint(got[0].to) != fmt.Sprint([]identity.ID{idOf("bob"), idOf("cid")}) || !v.speaking() {
		t.Fatalf("sent %d packets", len(got))
	}
	v.close()
	say(t, v, 3, 4)
	if len(w.take()) != 0 || v.speaking() {
		t.Error("something is said after the end")
	}
}

// The distance to the frame before is one in this room, whatever was sent to
// another room meanwhile.
func TestVoiceSince(t *testing.T) {
	v, w := mouth()
	v.follow(stage("ann"))
	v.want(true)
	say(t, v, 10, 12)
	v.want(false)
	say(t, v, 12, 100) // two go out: the fade
	v.want(true)
	say(t, v, 100, 101)
	say(t, v, 400, 401) // too far for a byte
	var since []uint8
	for _, f := range opened(t, w.take(), oldKey) {
		since = append(since, f.Since)
	}
	if want := []uint8{0, 1, 1, 1, 87, 0}; !bytes.Equal(since, want) {
		t.Errorf("since %v, want %v", since, want)
	}
}

func TestVoiceAfterMute(t *testing.T) {
	for name, c := range map[string]struct {
		stop func(*voice)
		want string // index and end of what goes out after frame 0
	}{
		"one's own mute fades, and says that it is the end": {func(v *voice) { v.want(false) }, "[1 false 2 true]"},
		"twice is once": {func(v *voice) { v.want(false); v.want(false) }, "[1 false 2 true]"},
		"off the stage nothing more is said": {func(v *voice) {
			s := stage("ann")
			s.Me.Speaks = false
			v.follow(s)
		}, "[]"},
		"nor is the rest later": {func(v *voice) {
			v.want(false)
			s := stage("ann")
			s.Me.Speaks = false
			v.follow(s)
			v.follow(stage("ann"))
		}, "[]"},
		"nor when muted while off the stage": {func(v *voice) {
			s := stage("ann")
			s.Me.Speaks = false
			v.follow(s)
			v.want(false)
			v.follow(stage("ann"))
		}, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			v, w := mouth()
			v.follow(stage("ann"))
			v.want(true)
			say(t, v, 0, 1)
			w.take()
			c.stop(v)
			if obedient {
				say(t, v, 1, 10)
			} else if err := v.say(frameAt(1), time.Now()); err != nil || len(w.take()) == 0 && v.wanted() {
				t.Fatalf("an edited client obeys: %v", err)
			} else {
				return
			}
			var got []any
			for _, f := range opened(t, w.take(), oldKey) {
				got = append(got, f.Index, f.End)
			}
			if fmt.Sprint(got) != c.want {
				t.Errorf("went out: %v, want %s", got, c.want)
			}
		})
	}
}

func TestVoiceWant(t *testing.T) {
	v, _ := mouth()
	for i, c := range []struct{ on, news bool }{{false, false}, {true, true}, {true, false}, {false, true}} {
		if news := v.want(c.on); news != c.news || v.wanted() != c.on {
			t.Errorf("%d: news %v, wanted %v", i, news, v.wanted())
		}
	}
}

// A new epoch comes into use some time after it was agreed on; until its
// secret is here nothing is said.
func TestVoiceFollowsEpochs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, w := mouth()
		v.want(true)
		fresh := epochOf(2, time.Now())
		s := stage("ann")
		s.Epochs = []room.EpochKey{fresh, oldKey}
		v.follow(s)
		say(t, v, 0, 1)
		opened(t, w.take(), oldKey)
		time.Sleep(room.EpochDelay)
		say(t, v, 1, 2)
		opened(t, w.take(), fresh)

		late := epochOf(3, time.Now())
		late.Known = false
		s = stage("ann")
		s.Epochs = []room.EpochKey{late, fresh}
		v.follow(s)
		time.Sleep(room.EpochDelay)
		say(t, v, 2, 3)
		if len(w.take()) != 0 {
			t.Error("said without a secret, or under one that somebody has who was put out")
		}
	})
}

// viaRelay opens what ann sent through relays, as somebody to whom a relay
// brings it.
func viaRelay(t *testing.T, packets []sent) (forms []string) {
	t.Helper()
	o := seal.NewOpener(stage("ann").Room)
	if err := errors.Join(o.SetEpochs([]seal.Epoch{{Commit: oldKey.Commit, Secret: oldKey.Secret}}), o.SetStreams([]seal.Stream{{Speaker: idOf("ann"), Session: session}})); err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		_, frames, err := o.Open(p.packet, identity.ID{})
		if err != nil {
			t.Fatal(err)
		}
		form := ""
		for _, f := range frames {
			form += fmt.Sprintf(" %d", f.Index)
			if f.End {
				form += "!"
			}
		}
		forms = append(forms, form[1:])
	}
	return forms
}

// What goes to relays is signed and two frames at a time; those who hear
// directly get each frame at once.
func TestVoiceFeedsRelays(t *testing.T) { synctest.Test(t, feedsRelays) }

func feedsRelays(t *testing.T) {
	v, w := mouth()
	s := stage("ann")
	s.Crowd = true
	s.Relays = []room.RelayView{carries("r1", 10, 0), carries("r2", 10, 0)}
	var seen int
	v.witness = func([]byte, time.Time) { seen++ }
	v.follow(s)
	v.want(true)
	split := func() (direct, signed []sent) {
		for _, p := range w.take() {
			if slices.Contains(p.to, idOf("r1")) {
				if len(p.to) != 2 {
					t.Errorf("to %d relays", len(p.to))
				}
				signed = append(signed, p)
			} else {
				direct = append(direct, p)
			}
		}
		return direct, signed
	}
	say(t, v, 10, 15)
	direct, signed := split()
	if len(direct) != 5 || fmt.Sprint(viaRelay(t, signed)) != "[10 11 12 13]" || seen != 2 {
		t.Errorf("%d direct, relayed %q, witnessed %d", len(direct), viaRelay(t, signed), seen)
	}
	for _, p := range direct {
		if g, ok := seal.Glimpse(p.packet); !ok || g.Signed || len(p.to) != 2 {
			t.Errorf("directly: %+v to %d", g, len(p.to))
		}
	}
	v.flip()
	say(t, v, 15, 20)
	if _, signed = split(); fmt.Sprint(viaRelay(t, signed)) != "[14 15 16 17 18]" {
		t.Errorf("after a flip: %q", viaRelay(t, signed))
	}
	v.want(false)
	say(t, v, 20, 30)
	if _, signed = split(); fmt.Sprint(viaRelay(t, signed)) != "[19 20 21!]" {
		t.Errorf("at the end: %q", viaRelay(t, signed))
	}

	// When no relay carries anybody any more, nothing goes to any, also not
	// what waited for its second.
	v.want(true)
	say(t, v, 101, 102)
	v.follow(stage("ann"))
	say(t, v, 102, 104)
	v.follow(s)
	say(t, v, 105, 107)
	if _, signed = split(); fmt.Sprint(viaRelay(t, signed)) != "[105 106]" {
		t.Errorf("after a while without relays: %q", viaRelay(t, signed))
	}
}
