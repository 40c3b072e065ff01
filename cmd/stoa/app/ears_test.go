// What a listener hears, and refuses to hear.

package app

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoa/audio"
	"stoa/audio/audiotest"
	"stoa/audio/opus"
	"stoa/room"
	"stoa/room/seal"
)

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
		audio.NewCapture(enc, nil, nil).Run(ctx, ring, func(p audio.Packet) {
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
		stats, counts := l.stats(time.Now())
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
		if stats, counts := l.stats(time.Now()); len(stats) != 0 || counts.UnknownKey < 45 || l.made != 1 {
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
		_, counts := l.stats(time.Now())
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
		if _, counts := l.stats(time.Now()); counts.UnknownKey != 1 || l.made != 1 {
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
	if stats, _ := e.stats(time.Now()); len(stats) != 0 {
		t.Error("somebody is heard")
	}
}

// signedBy makes the signed packet of ann that begins at index.
func signedBy(t *testing.T, s *seal.Sealer, index uint32, frames int) []byte {
	t.Helper()
	fs := []seal.Frame{{Index: index, Since: 1, Level: 20, Payload: []byte("voice")}}
	if frames == 2 {
		fs = append(fs, seal.Frame{Index: index + 1, Since: 1, Level: 20, Payload: []byte("voice")})
	}
	b, err := s.SealSigned(nil, fs...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sealerOf is the Sealer of somebody in the room of stage.
func sealerOf(t *testing.T, name string, e room.EpochKey) *seal.Sealer {
	t.Helper()
	s := seal.NewSealer(stage("ann").Room, keyOf(name), session)
	if err := s.SetEpoch(seal.Epoch{Commit: e.Commit, Secret: e.Secret}); err != nil {
		t.Fatal(err)
	}
	return s
}

// Without a player voices are opened and counted.
func TestEarsCountWithoutAPlayer(t *testing.T) {
	e := newEars(stage("cid").Room, nil)
	if err := e.follow(stage("cid")); err != nil {
		t.Fatal(err)
	}
	v, w := mouth()
	v.follow(stage("ann"))
	v.want(true)
	say(t, v, 0, 10)
	start := time.Now()
	for i, s := range w.take() {
		e.receive(idOf("ann"), s.packet, start.Add(time.Duration(i)*audio.FrameTime))
	}
	select {
	case <-e.fresh:
	default:
		t.Error("nothing fresh")
	}
	now := start.Add(500 * time.Millisecond)
	stats, counts := e.stats(now)
	if s := stats[idOf("ann")]; s.Received != 10 || s.Speech != 10*audio.FrameTime || s.Silence != now.Sub(start.Add(9*audio.FrameTime)) || counts.Opened != 10 {
		t.Errorf("stats %+v, %+v", s, counts)
	}
	if first, waiting := e.firstSounds(); !first[idOf("ann")].Equal(start) || waiting {
		t.Errorf("first sounds %v, waiting %v", first, waiting)
	}
	last := start.Add(9 * audio.FrameTime)
	if who := e.stalled(last.Add(linkStalled - 1)); len(who) != 0 {
		t.Errorf("stalled already: %v", who)
	}
	if who := e.stalled(last.Add(linkStalled)); len(who) != 1 || !who[idOf("ann")] {
		t.Errorf("stalled: %v", who)
	}
	v.want(false)
	say(t, v, 10, 12)
	for _, s := range w.take() {
		e.receive(idOf("ann"), s.packet, last.Add(linkStalled))
	}
	if who := e.stalled(last.Add(time.Hour)); len(who) != 0 {
		t.Errorf("stalled, though ann has said that she pauses: %v", who)
	}
	e.close()
}

// TestEarsJudgeRelays offers what a relay may bring. It is blamed for what only
// it can have done, and for nothing that speakers, or the way, may have.
func TestEarsJudgeRelays(t *testing.T) {
	e := newEars(stage("cid").Room, nil)
	if err := e.follow(stage("cid")); err != nil {
		t.Fatal(err)
	}
	ann := sealerOf(t, "ann", oldKey)
	unsigned, err := ann.Seal(nil, seal.Frame{Index: 1, Payload: []byte("voice")})
	if err != nil {
		t.Fatal(err)
	}
	first, second := signedBy(t, ann, 0, 2), signedBy(t, ann, 2, 2)
	// Ann herself signs what nobody can open: the tag is broken, the
	// signature holds.
	broken := func() []byte {
		b := signedBy(t, ann, 4, 1)
		b = b[:len(b)-64]
		b[len(b)-1] ^= 1
		s, key, annID := stage("ann"), keyOf("ann"), idOf("ann")
		sig := key.Sign("stoa/pkt/1", s.Room[:], annID[:], session[:], oldKey.Commit[:], b[:2], b[2:])
		return append(b, sig...)
	}()
	flip := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[len(b)-at] ^= 1
		return b
	}
	for _, c := range []struct {
		what   string
		packet []byte
		want   delivery
	}{
		{"no packet", []byte("noise"), forgery},
		{"an unsigned one", unsigned, forgery},
		{"altered words", flip(first, 70), forgery},
		{"an altered signature", flip(first, 1), forgery},
		{"somebody else's signature", signedBy(t, sealerOf(t, "cid", oldKey), 0, 2), unwanted},
		{"an epoch not known here", signedBy(t, sealerOf(t, "ann", epochOf(9, time.Time{})), 0, 2), unwanted},
		{"what Ann broke herself", broken, unwanted},
		{"a genuine one", first, brought},
		{"the same by another relay", first, again},
		{"the next", second, brought},
		{"much later", signedBy(t, ann, 500, 1), brought},
		{"one of long ago again", second, again},
	} {
		if _, got := e.carry(c.packet, time.Now()); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
	if stats, _ := e.stats(time.Now()); stats[idOf("ann")].Received != 3 || len(stats) != 1 {
		t.Errorf("stats %+v", stats)
	}
}

// TestEarsBlameNoRelayForALackingSecret: who has just come waits for the secret,
// and can tell all the same whether relays bring what the speaker has signed.
func TestEarsBlameNoRelayForALackingSecret(t *testing.T) {
	s := stage("cid")
	for i := range s.Epochs {
		s.Epochs[i].Known, s.Epochs[i].Secret = false, [32]byte{}
	}
	e := newEars(s.Room, nil)
	if err := e.follow(s); err != nil {
		t.Fatal(err)
	}
	first := signedBy(t, sealerOf(t, "ann", oldKey), 0, 2)
	altered := bytes.Clone(first)
	altered[len(altered)-70] ^= 1
	for i, want := range []delivery{forgery, brought, again} {
		g, got := e.carry([][]byte{altered, first, first}[i], time.Now())
		if got != want || !e.knows(g.KID) {
			t.Errorf("packet %d: %v, want %v; known: %v", i, got, want, e.knows(g.KID))
		}
	}
	if g, _ := seal.Glimpse(signedBy(t, sealerOf(t, "cid", oldKey), 0, 2)); e.knows(g.KID) {
		t.Error("a voice is known that may not speak")
	}
}

func TestTally(t *testing.T) {
	start := time.Unix(1000, 0)
	type frame struct {
		index uint32
		end   bool
		at    time.Duration // since start
	}
	ms := time.Millisecond
	for name, c := range map[string]struct {
		frames  []frame
		now     time.Duration
		counted uint64
		silence time.Duration
	}{
		"nothing":               {nil, time.Hour, 0, 0},
		"on time":               {[]frame{{7, false, 0}, {8, false, 20 * ms}, {9, true, 40 * ms}}, time.Hour, 3, 20 * ms},
		"goes silent":           {[]frame{{7, false, 0}, {8, false, 20 * ms}}, 520 * ms, 2, 500 * ms},
		"a gap":                 {[]frame{{7, false, 0}, {30, false, 460 * ms}}, 460 * ms, 2, 460 * ms},
		"a pause is no gap":     {[]frame{{7, true, 0}, {30, true, 460 * ms}}, time.Hour, 2, 0},
		"each frame once":       {[]frame{{7, false, 0}, {7, false, 20 * ms}, {6, false, 30 * ms}, {6, false, 40 * ms}}, 40 * ms, 2, 30 * ms},
		"a late end is an end":  {[]frame{{7, false, 0}, {9, true, 40 * ms}, {8, false, 60 * ms}}, time.Hour, 3, 40 * ms},
		"far too late":          {[]frame{{100, false, 0}, {36, false, 10 * ms}, {37, true, 20 * ms}}, 20 * ms, 2, 20 * ms},
		"a leap forgets":        {[]frame{{0, false, 0}, {1 << 31, false, 10 * ms}, {1, false, 20 * ms}}, 20 * ms, 2, 10 * ms},
		"the last index of all": {[]frame{{1<<32 - 1, true, 0}}, time.Hour, 1, 0},
	} {
		var tl tally
		for _, f := range c.frames {
			tl.add(f.index, f.end, start.Add(f.at))
		}
		if tl.frames != c.counted {
			t.Errorf("%s: %d frames, want %d", name, tl.frames, c.counted)
		}
		if got := tl.silence(start.Add(c.now)); got != c.silence {
			t.Errorf("%s: silence %v, want %v", name, got, c.silence)
		}
	}
}

// A silence is told once when it is over, and each time while it goes on.
func TestTallySilenceIsSinceLastAsked(t *testing.T) {
	start := time.Unix(1000, 0)
	var tl tally
	tl.add(0, false, start)
	tl.add(1, false, start.Add(300*time.Millisecond))
	for i, c := range []struct{ now, want time.Duration }{{310, 300}, {320, 20}, {700, 400}} {
		if got := tl.silence(start.Add(c.now * time.Millisecond)); got != c.want*time.Millisecond {
			t.Errorf("%d: %v, want %d ms", i, got, c.want)
		}
	}
}
