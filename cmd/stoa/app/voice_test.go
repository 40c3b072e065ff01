package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoa/audio"
	"stoa/audio/audiotest"
	"stoa/audio/opus"
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

// listener is who hears: real ears, a real player and a loudspeaker.
type listener struct {
	*ears
	speaker audiotest.Speaker
	made    int
	sources []*audio.Source
}

// listening runs a listener in a bubble.
func listening(t *testing.T, during func(t *testing.T, l *listener)) {
	synctest.Test(t, func(t *testing.T) {
		player, ring := audio.NewPlayer(), audio.NewRing(audio.RingSize)
		l := &listener{}
		l.ears = newEars(stage("cid").Room, func() (*audio.Source, error) {
			l.made++
			dec, err := opus.NewDecoder()
			if err != nil {
				return nil, err
			}
			s := player.NewSource(dec)
			l.sources = append(l.sources, s)
			return s, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { player.Run(ctx, ring) })
		wg.Go(func() { l.speaker.Run(ctx, ring) })
		during(t, l)
		l.close()
		cancel()
		wg.Wait()
	})
}

// speak has ann say a tone for a while: microphone, capture, codec, seal, and
// the listener's ears.
func (l *listener) speak(t *testing.T, v *voice, w *wire, freq float64, d time.Duration) {
	t.Helper()
	enc, err := opus.NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	ring := audio.NewRing(audio.RingSize)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var first uint32
	if v.spoke {
		first = v.last + 50
	}
	mic := &audiotest.Mic{Signal: audiotest.Tone(freq, 0.3)}
	wg.Go(func() { mic.Run(ctx, ring) })
	wg.Go(func() {
		audio.NewCapture(enc).Run(ctx, ring, func(p audio.Packet) {
			p.Index += first
			if err := v.say(p, time.Now()); err != nil {
				t.Error(err)
			}
			for _, s := range w.take() {
				l.receive(idOf("ann"), s.packet, time.Now())
			}
		})
	})
	time.Sleep(d)
	cancel()
	wg.Wait()
	time.Sleep(time.Second) // what was on its way is played
}

func TestEarsHearWhoMaySpeak(t *testing.T) {
	listening(t, func(t *testing.T, l *listener) {
		if err := l.follow(stage("cid")); err != nil {
			t.Fatal(err)
		}
		v, w := mouth()
		v.follow(stage("ann"))
		v.want(true)
		l.speak(t, v, w, 440, time.Second)
		heard := l.speaker.Heard()
		if from, to := audio.Rate/2, audio.Rate; !audiotest.HasTone(heard[from:to], 440) {
			t.Error("the tone is not heard")
		}
		first, _ := l.firstSounds()
		if len(first) != 1 || first[idOf("ann")].IsZero() {
			t.Errorf("first sounds: %v", first)
		}
		if again, _ := l.firstSounds(); len(again) != 0 {
			t.Errorf("told twice: %v", again)
		}
		stats, counts := l.stats()
		if stats[idOf("ann")].Received < 45 || counts.Opened < 45 {
			t.Errorf("stats %+v, %+v", stats, counts)
		}

		// Muted: her source is closed, and what she sends all the same is
		// not opened.
		s := stage("cid")
		s.People[0].Speaks = false
		if err := l.follow(s); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		before := len(l.speaker.Heard())
		l.speak(t, v, w, 440, time.Second)
		if heard := l.speaker.Heard()[before:]; audiotest.ToneAmplitude(heard, 440) > 1e-6 {
			t.Error("who is muted is heard")
		}
		if stats, counts := l.stats(); len(stats) != 0 || counts.UnknownKey < 45 || l.made != 1 {
			t.Errorf("%d sources open, %d made, %+v", len(stats), l.made, counts)
		}

		// And heard again when they may.
		if err := l.follow(stage("cid")); err != nil {
			t.Fatal(err)
		}
		l.speak(t, v, w, 880, time.Second)
		if heard := l.speaker.Heard(); !audiotest.HasTone(heard[len(heard)-3*audio.Rate/2:len(heard)-audio.Rate], 880) || l.made != 2 {
			t.Errorf("not heard after an unmute; %d sources made", l.made)
		}
	})
}

// Nothing makes a source but a packet that its speaker sent.
func TestEarsRefuse(t *testing.T) {
	listening(t, func(t *testing.T, l *listener) {
		if err := l.follow(stage("cid")); err != nil {
			t.Fatal(err)
		}
		v, w := mouth()
		v.follow(stage("ann"))
		v.want(true)
		say(t, v, 0, 2)
		packets := w.take()
		genuine := packets[0].packet

		flipped := bytes.Clone(genuine)
		flipped[len(flipped)-1] ^= 1
		l.receive(idOf("ann"), flipped, time.Now())
		l.receive(idOf("bob"), genuine, time.Now()) // as if it were his
		l.receive(idOf("ann"), nil, time.Now())
		l.receive(idOf("ann"), bytes.Repeat([]byte{0xff}, seal.MaxPacket+1), time.Now())
		if l.made != 0 {
			t.Fatalf("%d sources for nothing genuine", l.made)
		}
		l.receive(idOf("ann"), genuine, time.Now())
		l.receive(idOf("ann"), genuine, time.Now())
		_, counts := l.stats()
		if l.made != 1 || counts.Forged != 1 || counts.NotSpeaker != 1 || counts.Malformed != 2 || counts.Replayed != 1 || counts.Opened != 1 {
			t.Errorf("%d sources, %+v", l.made, counts)
		}

		// A listener may not, even with the key that all have.
		cid := newVoice(stage("cid").Room, keyOf("cid"), session, w)
		s := stage("cid")
		s.Me.Speaks = true // what a client edited says to itself
		cid.follow(s)
		cid.want(true)
		say(t, cid, 0, 1)
		if err := l.follow(stage("bob")); err != nil {
			t.Fatal(err)
		}
		l.receive(idOf("cid"), w.take()[0].packet, time.Now())
		if _, counts := l.stats(); counts.UnknownKey != 1 || l.made != 1 {
			t.Errorf("a listener is heard: %+v", counts)
		}
	})
}

func TestEarsRefuseASecretThatTheRoomDidNotAgreeOn(t *testing.T) {
	listening(t, func(t *testing.T, l *listener) {
		s := stage("cid")
		s.Epochs[0].Secret[0] ^= 1
		if err := l.follow(s); !errors.Is(err, seal.ErrSecret) {
			t.Errorf("got %v", err)
		}
		s.Epochs[0].Known = false
		if err := l.follow(s); err != nil {
			t.Errorf("a secret not here yet: %v", err)
		}
	})
}

// Without memory for a decoder nobody is heard, and nothing breaks.
func TestEarsWithoutADecoder(t *testing.T) {
	e := newEars(stage("cid").Room, func() (*audio.Source, error) { return nil, errors.New("no memory") })
	if err := e.follow(stage("cid")); err != nil {
		t.Fatal(err)
	}
	v, w := mouth()
	v.follow(stage("ann"))
	v.want(true)
	say(t, v, 0, 1)
	e.receive(idOf("ann"), w.take()[0].packet, time.Now())
	if stats, _ := e.stats(); len(stats) != 0 {
		t.Error("somebody is heard")
	}
}
