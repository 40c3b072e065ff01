// What passes a relay: everything genuine once, and nothing else.

package seal

import (
	"bytes"
	"testing"

	"stoa/identity"
)

func newTestVerifier(streams ...Stream) *Verifier {
	v := NewVerifier(testRoom)
	v.SetSpeakers(streams, []identity.Hash{epoch1.Commit})
	return v
}

// stop offers packet to v and wants the error.
func stop(t *testing.T, v *Verifier, what string, packet []byte, want error) {
	t.Helper()
	if stream, _, err := v.Check(packet); err != want || stream != (Stream{}) {
		t.Errorf("%s: Check = %v, %v, want only %v", what, stream, err, want)
	}
}

func TestGlimpse(t *testing.T) {
	s := newTestSealer(t)
	k, err := newMediaKey(testRoom, epoch1, s.Stream())
	if err != nil {
		t.Fatal(err)
	}
	last := Frame{Index: 9, Since: 1, Level: 12, End: true, Payload: []byte("bye")}
	for name, c := range map[string]struct {
		signed bool
		frames []Frame
		want   Glance
	}{
		"direct":     {false, []Frame{voice(3)}, Glance{KID: k.kid, Index: 3, Frames: 1, Level: 40}},
		"direct end": {false, []Frame{last}, Glance{KID: k.kid, Index: 9, Frames: 1, Level: 12, End: true}},
		"signed one": {true, []Frame{voice(3)}, Glance{KID: k.kid, Index: 3, Frames: 1, Level: 40, Signed: true}},
		"signed two": {true, []Frame{voice(8), last}, Glance{KID: k.kid, Index: 8, Frames: 2, Level: 12, End: true, Signed: true}},
	} {
		packet := mustSeal(t, newTestSealer(t), c.signed, c.frames...)
		if got, ok := Glimpse(packet); !ok || got != c.want {
			t.Errorf("%s: Glimpse = %+v, %v, want %+v", name, got, ok, c.want)
		}
		for n := range fixedSize {
			if got, ok := Glimpse(packet[:n]); ok || got != (Glance{}) {
				t.Errorf("%s cut at %d: Glimpse = %+v, %v", name, n, got, ok)
			}
		}
	}
}

func TestCheckPasses(t *testing.T) {
	s := newTestSealer(t)
	v := newTestVerifier(s.Stream())
	for _, frames := range [][]Frame{{voice(1)}, {voice(2), voice(3)}, {voice(700)}} {
		packet := mustSeal(t, s, true, frames...)
		before := bytes.Clone(packet)
		stream, g, err := v.Check(packet)
		if want, _ := Glimpse(packet); err != nil || stream != s.Stream() || g != want {
			t.Errorf("Check = %v, %+v, %v, want %v, %+v", stream, g, err, s.Stream(), want)
		}
		if !bytes.Equal(packet, before) {
			t.Error("the packet was changed")
		}
		stop(t, v, "again", packet, ErrReplay)
	}
	// Those that come late are not too late, for as long as the window reaches.
	late := newTestSealer(t)
	for index, want := range map[uint32]error{700 - windowSize: ErrReplay, 700 - windowSize + 1: nil} {
		packet := mustSeal(t, late, true, voice(index))
		late = newTestSealer(t)
		if _, _, err := v.Check(packet); err != want {
			t.Errorf("index %d after 700: %v, want %v", index, err, want)
		}
	}
	if got, want := v.Counts(), (Checks{Passed: 4, Replayed: 4}); got != want {
		t.Errorf("counts = %+v, want %+v", got, want)
	}
}

// TestCheckStops offers what Mallory can make, who holds every secret of the
// room and has heard all that Alice said.
func TestCheckStops(t *testing.T) {
	aliceStream := Stream{Speaker: alice.ID(), Session: session}
	malloryStream := Stream{Speaker: mallory.ID(), Session: session}
	genuine := mustSeal(t, newTestSealer(t), true, voice(7))
	genuineSig := genuine[len(genuine)-sigSize:]
	made := func(ctr uint64) ([]byte, *mediaKey) { return aliceSays(flagSigned, ctr, "I resign").seal(t) }

	packet, k := made(101)
	own := bind(testRoom, malloryStream, epoch1.Commit)
	renamed := func() []byte { // her own packet under Alice's KID
		f := aliceSays(flagSigned, 15, "frame 7")
		f.stream = malloryStream
		b, _ := f.seal(t)
		p, _ := parsePacket(append(b, genuineSig...))
		out := appendHeader(bytes.Clone(p.fixed), k.kid, p.ctr)
		out = append(out, p.sframe[p.headerSize:]...)
		return append(out, genuineSig...)
	}()
	unsigned, _ := aliceSays(0, 100, "I resign").seal(t)
	elsewhere := aliceSays(flagSigned, 101, "yes")
	elsewhere.room = otherRoom
	otherRooms, otherKey := elsewhere.seal(t)
	elsewhere = aliceSays(flagSigned, 101, "yes")
	elsewhere.epoch = epoch2
	otherEpochs, epochKey := elsewhere.seal(t)
	stripped := bytes.Clone(genuine[:len(genuine)-sigSize])
	stripped[0] &^= flagSigned
	tag := bytes.Clone(genuine)
	tag[20] ^= 1

	for name, c := range map[string]struct {
		packet []byte
		want   error
	}{
		"nothing":                    {nil, ErrMalformed},
		"signature stripped":         {stripped, ErrMalformed},
		"unsigned":                   {unsigned, ErrUnsigned},
		"signed by herself":          {sign(mallory, packet, &k.bound), ErrForged},
		"signed as herself":          {sign(mallory, packet, &own), ErrForged},
		"signature of other words":   {append(bytes.Clone(packet), genuineSig...), ErrForged},
		"her packet as Alice's":      {renamed, ErrForged},
		"altered":                    {tag, ErrForged},
		"genuine, of another room":   {sign(alice, otherRooms, &otherKey.bound), ErrUnknownKey},
		"genuine, of another epoch":  {sign(alice, otherEpochs, &epochKey.bound), ErrUnknownKey},
		"genuine, of one who is not": {mustSeal(t, sealerAt(t, mallory, epoch1), true, voice(1)), ErrUnknownKey},
	} {
		v := newTestVerifier(aliceStream)
		stop(t, v, name, c.packet, c.want)
		if _, _, err := v.Check(genuine); err != nil {
			t.Errorf("%s: after it a genuine packet is %v", name, err)
		}
	}
}

// sealerAt is the Sealer of a key in an epoch of the test's room.
func sealerAt(t testing.TB, key *identity.Key, e Epoch) *Sealer {
	t.Helper()
	s := NewSealer(testRoom, key, session)
	if err := s.SetEpoch(e); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestCheckFollowsTheRoom mutes a speaker and lets her speak again, and changes
// epochs back and forth. Nothing passes meanwhile, and nothing passes twice.
func TestCheckFollowsTheRoom(t *testing.T) {
	s := newTestSealer(t)
	both := []identity.Hash{epoch2.Commit, epoch1.Commit}
	speaks := []Stream{s.Stream()}
	v := newTestVerifier(speaks...)
	old := mustSeal(t, s, true, voice(1))
	if _, _, err := v.Check(old); err != nil {
		t.Fatal(err)
	}
	next := mustSeal(t, s, true, voice(2))

	v.SetSpeakers(nil, both)
	stop(t, v, "muted", next, ErrUnknownKey)
	v.SetSpeakers([]Stream{{Speaker: alice.ID(), Session: [8]byte{9}}}, both)
	stop(t, v, "another run of her program", next, ErrUnknownKey)
	v.SetSpeakers(speaks, nil)
	stop(t, v, "no epoch", next, ErrUnknownKey)
	v.SetSpeakers(speaks, both)
	stop(t, v, "what passed before the mute", old, ErrReplay)
	if _, _, err := v.Check(next); err != nil {
		t.Errorf("after the mute: %v", err)
	}

	// The same words under another epoch's key are another packet, but of the
	// same time: they passed.
	again := mustSeal(t, sealerAt(t, alice, epoch2), true, voice(2))
	stop(t, v, "the same time in another epoch", again, ErrReplay)
	v.SetSpeakers(speaks, []identity.Hash{epoch2.Commit})
	stop(t, v, "the epoch before, after its time", mustSeal(t, s, true, voice(3)), ErrUnknownKey)
}

// TestCheckersMemoryIsBounded lets many more streams come and go than are
// remembered.
func TestCheckersMemoryIsBounded(t *testing.T) {
	s := newTestSealer(t)
	v := newTestVerifier(s.Stream())
	packet := mustSeal(t, s, true, voice(1))
	if _, _, err := v.Check(packet); err != nil {
		t.Fatal(err)
	}
	const batch = 512
	for n := range byte(2 + maxRemembered/batch) {
		streams := []Stream{s.Stream()}
		for i := range batch {
			streams = append(streams, Stream{Session: [8]byte{n, byte(i >> 8), byte(i)}})
		}
		v.SetSpeakers(streams, []identity.Hash{epoch1.Commit})
	}
	if len(v.memory.entries) != maxRemembered {
		t.Errorf("%d streams remembered, want %d", len(v.memory.entries), maxRemembered)
	}
	stop(t, v, "a stream that stayed", packet, ErrReplay)
}

// TestCheckEveryBit alters one bit at a time: a relay passes on what its speaker
// made, to the bit.
func TestCheckEveryBit(t *testing.T) {
	s := newTestSealer(t)
	v := newTestVerifier(s.Stream())
	packet := mustSeal(t, s, true, voice(300), voice(301))
	for bit := range 8 * len(packet) {
		altered := bytes.Clone(packet)
		altered[bit/8] ^= 1 << (bit % 8)
		if _, _, err := v.Check(altered); err == nil {
			t.Errorf("bit %d: passed", bit)
		}
	}
	if _, _, err := v.Check(packet); err != nil {
		t.Errorf("the packet itself: %v", err)
	}
}

// TestCheckNoGarbage holds the promise of [Verifier.Check] and [Glimpse].
func TestCheckNoGarbage(t *testing.T) {
	s := newTestSealer(t)
	v := newTestVerifier(s.Stream())
	var packets [][]byte
	for i := range uint32(101) { // AllocsPerRun calls once more
		packets = append(packets, mustSeal(t, s, true, Frame{Index: 2 * i, Payload: speech}, Frame{Index: 2*i + 1, Payload: speech}))
	}
	i := 0
	allocs := testing.AllocsPerRun(len(packets)-1, func() {
		packet := packets[i]
		i++
		if _, ok := Glimpse(packet); !ok {
			t.Fatal("no packet")
		}
		if _, _, err := v.Check(packet); err != nil {
			t.Fatal(err)
		}
		if _, _, err := v.Check(packet); err != ErrReplay {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations to pass and to refuse a packet, want none", allocs)
	}
}

// FuzzCheck offers bytes to a relay. Only what Alice sealed and signed may
// pass, what it tells is what Glimpse tells, and a refusal leaves the Verifier
// as it was.
func FuzzCheck(f *testing.F) {
	genuine := genuinePackets(f)
	for _, packet := range genuine {
		f.Add(packet)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v := newTestVerifier(newTestSealer(t).Stream())
		_, g, err := v.Check(b)
		if want, ok := Glimpse(b); g != want || ok != (err != ErrMalformed) {
			t.Fatalf("Check tells %+v, %v and Glimpse %+v, %v", g, err, want, ok)
		}
		switch err {
		case nil:
			if !containsPacket(genuine, b) {
				t.Fatalf("passed %x, which nobody sealed", b)
			}
			return
		case ErrMalformed, ErrUnsigned, ErrUnknownKey, ErrForged:
		default:
			t.Fatalf("refused for %v", err)
		}
		for _, packet := range genuine {
			if g, _ := Glimpse(packet); g.Signed {
				if _, _, err := v.Check(packet); err != nil {
					t.Fatalf("after %x was refused, a genuine packet is: %v", b, err)
				}
			}
		}
	})
}

// BenchmarkCheck gives the cost of one packet that a relay passes on, or does
// not.
func BenchmarkCheck(b *testing.B) {
	s := newTestSealer(b)
	genuine := mustSeal(b, s, true, Frame{Index: 1, Payload: speech}, Frame{Index: 2, Payload: speech})
	forged := bytes.Clone(genuine)
	forged[len(forged)-1]++
	for name, c := range map[string]struct {
		packet []byte
		err    error
		forget bool // empty the window, so that one packet can pass again and again
	}{
		"pass":   {genuine, nil, true},
		"replay": {genuine, ErrReplay, false},
		"forged": {forged, ErrForged, true},
	} {
		b.Run(name, func(b *testing.B) {
			v := newTestVerifier(s.Stream())
			if _, _, err := v.Check(genuine); err != nil {
				b.Fatal(err)
			}
			passed := v.memory.of(s.Stream())
			b.ReportAllocs()
			for b.Loop() {
				if c.forget {
					*passed = window{}
				}
				if _, _, err := v.Check(c.packet); err != c.err {
					b.Fatal(err)
				}
			}
		})
	}
}
