// What a Sealer and an Opener promise when nobody cheats.

package seal

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"

	"stoa/identity"
)

// Names and keys of the tests. They are fixed, so that every run seals the
// same bytes.
var (
	testRoom  = identity.RoomID{0: 'r', 31: 1}
	otherRoom = identity.RoomID{0: 'r', 31: 2}
	alice     = identity.KeyFromSeed([32]byte{0: 'a'})
	mallory   = identity.KeyFromSeed([32]byte{0: 'm'}) // a member: holds every epoch's secret
	session   = [8]byte{0: 's', 7: 1}
	epoch1    = NewEpoch([32]byte{0: 'e', 31: 1})
	epoch2    = NewEpoch([32]byte{0: 'e', 31: 2})
)

func newTestSealer(t testing.TB) *Sealer {
	t.Helper()
	s := NewSealer(testRoom, alice, session)
	if err := s.SetEpoch(epoch1); err != nil {
		t.Fatal(err)
	}
	return s
}

func newTestOpener(t testing.TB, streams ...Stream) *Opener {
	t.Helper()
	o := NewOpener(testRoom)
	if err := o.SetEpochs([]Epoch{epoch1}); err != nil {
		t.Fatal(err)
	}
	if err := o.SetStreams(streams); err != nil {
		t.Fatal(err)
	}
	return o
}

func mustSeal(t testing.TB, s *Sealer, signed bool, frames ...Frame) []byte {
	t.Helper()
	packet, err := s.seal(nil, frames, signed)
	if err != nil {
		t.Fatal(err)
	}
	return packet
}

// voice is a frame that says its own index.
func voice(index uint32) Frame {
	return Frame{Index: index, Since: 1, Level: 40, Payload: fmt.Appendf(nil, "frame %d", index)}
}

func TestSealThenOpen(t *testing.T) {
	big := bytes.Repeat([]byte{7}, 500)
	last := Frame{Index: 9, Since: 1, Level: 90, End: true, Payload: []byte("bye")}
	for name, c := range map[string]struct {
		signed bool
		frames []Frame
		size   int // of the packet
	}{
		"direct":       {false, []Frame{voice(0)}, 2 + 9 + 1 + 7 + 16},
		"direct end":   {false, []Frame{last}, 2 + 10 + 1 + 3 + 16},
		"empty end":    {false, []Frame{{Index: 3, Level: Silence, End: true, Payload: []byte{}}}, 2 + 9 + 1 + 16},
		"direct late":  {false, []Frame{{Index: math.MaxUint32, Since: 255, Payload: big}}, 2 + 14 + 1 + 500 + 16},
		"signed one":   {true, []Frame{voice(200)}, 2 + 11 + 1 + 9 + 16 + 64},
		"signed two":   {true, []Frame{voice(8), last}, 2 + 10 + 1 + 2 + 7 + 3 + 16 + 64},
		"signed large": {true, []Frame{{Index: 1, Payload: big}, {Index: 2, Since: 1, Payload: big}}, 2 + 9 + 1 + 2 + 1000 + 16 + 64},
		"signed last":  {true, []Frame{voice(math.MaxUint32 - 1), voice(math.MaxUint32)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestSealer(t)
			o := newTestOpener(t, s.Stream())
			packet := mustSeal(t, s, c.signed, c.frames...)
			if c.size != 0 && len(packet) != c.size {
				t.Errorf("packet has %d bytes, want %d", len(packet), c.size)
			}
			stream, got, err := o.Open(packet, alice.ID())
			if err != nil || stream != s.Stream() {
				t.Fatalf("Open = %v, %v", stream, err)
			}
			want := append([]Frame(nil), c.frames...)
			if len(want) == 2 {
				want[0].Level = min(want[0].Level, want[1].Level)
				want[1].Level = want[0].Level
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("opened %v, want %v", got, want)
			}
			if got, want := o.Counts(), (Counts{Opened: 1}); got != want {
				t.Errorf("counts = %+v, want %+v", got, want)
			}
		})
	}
}

// TestSealAppends checks that what dst holds already stays, and is left alone
// when a frame is refused.
func TestSealAppends(t *testing.T) {
	s := newTestSealer(t)
	packet, err := s.Seal([]byte("before"), voice(1))
	if err != nil || !bytes.HasPrefix(packet, []byte("before")) {
		t.Fatalf("Seal = %q, %v", packet, err)
	}
	if _, _, err := newTestOpener(t, s.Stream()).Open(packet[6:], alice.ID()); err != nil {
		t.Error(err)
	}
	if got, err := s.Seal([]byte("before"), voice(1)); err == nil || string(got) != "before" {
		t.Errorf("Seal of an old frame = %q, %v", got, err)
	}
}

func TestSealRefuses(t *testing.T) {
	payload := func(n int) []byte { return make([]byte, n) }
	for name, c := range map[string]struct {
		signed bool
		frames []Frame
	}{
		"no frame":        {true, nil},
		"three signed":    {true, []Frame{voice(1), voice(2), voice(3)}},
		"five frames":     {false, []Frame{voice(1), voice(2), voice(3), voice(4), voice(5)}},
		"a later gap":     {false, []Frame{voice(1), voice(2), voice(4)}},
		"end in between":  {false, []Frame{voice(1), {Index: 2, End: true, Payload: payload(1)}, voice(3)}},
		"empty of three":  {false, []Frame{voice(1), {Index: 2}, voice(3)}},
		"a gap":           {true, []Frame{voice(1), voice(3)}},
		"wrong order":     {true, []Frame{voice(2), voice(1)}},
		"index wraps":     {true, []Frame{voice(math.MaxUint32), voice(0)}},
		"end comes first": {true, []Frame{{Index: 1, End: true, Payload: payload(1)}, voice(2)}},
		"empty frame":     {false, []Frame{{Index: 1}}},
		"empty of two":    {true, []Frame{voice(1), {Index: 2, End: true}}},
		"level":           {false, []Frame{{Index: 1, Level: 128, Payload: payload(1)}}},
		"too large":       {false, []Frame{{Index: 1, Payload: payload(1165)}}},
		"two too large":   {true, []Frame{{Index: 1, Payload: payload(600)}, {Index: 2, Payload: payload(600)}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestSealer(t)
			if packet, err := s.seal(nil, c.frames, c.signed); !errors.Is(err, ErrMalformed) || packet != nil {
				t.Errorf("seal = %x, %v, want %v", packet, err, ErrMalformed)
			}
		})
	}
}

func TestSealNeedsTheEpoch(t *testing.T) {
	s := NewSealer(testRoom, alice, session)
	if _, err := s.Seal(nil, voice(1)); err != ErrNoEpoch {
		t.Errorf("Seal without an epoch: %v, want %v", err, ErrNoEpoch)
	}
	wrong := Epoch{Commit: epoch1.Commit, Secret: epoch2.Secret}
	if err := s.SetEpoch(wrong); err != ErrSecret {
		t.Errorf("SetEpoch with another secret: %v, want %v", err, ErrSecret)
	}
	o := newTestOpener(t, s.Stream())
	if err := o.SetEpochs([]Epoch{epoch2, wrong}); err != ErrSecret {
		t.Errorf("SetEpochs with another secret: %v, want %v", err, ErrSecret)
	}
	if _, _, err := o.Open(mustSeal(t, newTestSealer(t), false, voice(1)), alice.ID()); err != nil {
		t.Errorf("the epochs before the refused ones are gone: %v", err)
	}
}

// TestNonceOnce seals the same frames in both forms, again and backwards and
// in epochs that come and go: no key and counter may come twice.
func TestNonceOnce(t *testing.T) {
	s := newTestSealer(t)
	type nonce struct{ kid, ctr uint64 }
	used := make(map[nonce]bool)
	sealed := 0
	try := func(signed bool, frames ...Frame) {
		packet, err := s.seal(nil, frames, signed)
		if err == ErrRewound {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		sealed++
		p, ok := parsePacket(packet)
		if !ok {
			t.Fatalf("sealed a malformed packet %x", packet)
		}
		n := nonce{p.kid, p.ctr}
		if used[n] {
			t.Fatalf("KID %#x and CTR %d used twice", p.kid, p.ctr)
		}
		used[n] = true
	}
	for _, e := range []Epoch{epoch1, epoch2, epoch1} {
		if err := s.SetEpoch(e); err != nil {
			t.Fatal(err)
		}
		for i := uint32(10); i < 20; i++ {
			try(false, voice(i))
			try(true, voice(i), voice(i+1))
			try(false, voice(i))
			try(true, voice(i+1))
			try(true, voice(5))
		}
	}
	if sealed != 10+1+9 {
		t.Errorf("sealed %d packets, want 20", sealed)
	}
}

func TestOpenInBothForms(t *testing.T) {
	s := newTestSealer(t)
	o := newTestOpener(t, s.Stream())
	direct := mustSeal(t, s, false, voice(10))
	signed := mustSeal(t, s, true, voice(10), voice(11))
	for _, packet := range [][]byte{direct, signed} {
		if _, frames, err := o.Open(packet, alice.ID()); err != nil || frames[0].Index != 10 {
			t.Errorf("Open = %v, %v", frames, err)
		}
	}
	// The signed form may come from anybody at all.
	signed = mustSeal(t, s, true, voice(12))
	if _, _, err := o.Open(signed, identity.ID{}); err != nil {
		t.Error(err)
	}
}

func TestEpochsAndStreams(t *testing.T) {
	s := newTestSealer(t)
	o := newTestOpener(t, s.Stream())
	index := uint32(0)
	open := func() error {
		index++
		_, _, err := o.Open(mustSeal(t, s, false, voice(index)), alice.ID())
		return err
	}
	step := func(what string, want error) {
		t.Helper()
		if err := open(); err != want {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	set := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	step("first", nil)
	set(s.SetEpoch(epoch2))
	step("an epoch that the listener lacks", ErrUnknownKey)
	set(o.SetEpochs([]Epoch{epoch2, epoch1}))
	step("both epochs", nil)
	set(s.SetEpoch(epoch1))
	step("the old epoch while it is kept", nil)
	set(o.SetEpochs([]Epoch{epoch2}))
	step("the old epoch after it is gone", ErrUnknownKey)
	set(s.SetEpoch(epoch2))
	step("the new epoch", nil)
	set(o.SetStreams(nil))
	step("a speaker who may not speak", ErrUnknownKey)
	set(o.SetStreams([]Stream{{Speaker: alice.ID(), Session: [8]byte{1}}}))
	step("another run of the speaker", ErrUnknownKey)
	set(o.SetStreams([]Stream{s.Stream(), s.Stream()}))
	step("the speaker again, named twice", nil)
}

// TestNothingTwice takes keys away and gives them back: what was heard must
// not be heard again.
func TestNothingTwice(t *testing.T) {
	s := newTestSealer(t)
	o := newTestOpener(t, s.Stream())
	packets := [][]byte{
		mustSeal(t, s, false, voice(1)),
		mustSeal(t, s, true, voice(1), voice(2)),
	}
	for _, p := range packets {
		if _, _, err := o.Open(p, alice.ID()); err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func() error{
		"nothing":     func() error { return nil },
		"same epochs": func() error { return o.SetEpochs([]Epoch{epoch1}) },
		"same stream": func() error { return o.SetStreams([]Stream{s.Stream()}) },
		"epoch back":  func() error { return errors.Join(o.SetEpochs(nil), o.SetEpochs([]Epoch{epoch1})) },
		"stream back": func() error { return errors.Join(o.SetStreams(nil), o.SetStreams([]Stream{s.Stream()})) },
		"both at once": func() error {
			return errors.Join(o.SetStreams(nil), o.SetEpochs(nil), o.SetEpochs([]Epoch{epoch1}), o.SetStreams([]Stream{s.Stream()}))
		},
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		for _, p := range packets {
			if _, frames, err := o.Open(p, alice.ID()); err != ErrReplay {
				t.Errorf("%s: Open of an old packet = %v, %v, want %v", name, frames, err, ErrReplay)
			}
		}
	}
}

// TestMemoryIsBounded lets many more streams come and go than are remembered.
func TestMemoryIsBounded(t *testing.T) {
	s := newTestSealer(t)
	o := newTestOpener(t, s.Stream())
	packet := mustSeal(t, s, false, voice(1))
	if _, _, err := o.Open(packet, alice.ID()); err != nil {
		t.Fatal(err)
	}
	const batch = 512
	for n := range byte(2 + maxRemembered/batch) {
		streams := []Stream{s.Stream()}
		for i := range batch {
			streams = append(streams, Stream{Session: [8]byte{n, byte(i >> 8), byte(i)}})
		}
		if err := o.SetStreams(streams); err != nil {
			t.Fatal(err)
		}
	}
	if len(o.memory.entries) != maxRemembered || len(o.memory.order) != maxRemembered {
		t.Errorf("%d streams remembered, %d in order, want %d", len(o.memory.entries), len(o.memory.order), maxRemembered)
	}
	if _, _, err := o.Open(packet, alice.ID()); err != ErrReplay {
		t.Errorf("a stream that stayed was forgotten: %v", err)
	}
}
