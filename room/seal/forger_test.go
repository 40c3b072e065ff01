// Mallory is a member: she holds every epoch's secret, so she can derive every
// media key and seal what she likes under it. She has heard all that Alice
// said, and carries Alice's packets as a relay does. Nothing she makes or
// changes may be opened, and nothing she tries may keep Alice from being heard.

package seal

import (
	"bytes"
	"testing"

	"stoa/identity"
)

// forgery is a packet under a key that Mallory holds, with parts that she
// chooses.
type forgery struct {
	room   identity.RoomID
	epoch  Epoch
	stream Stream
	fixed  [2]byte
	ctr    uint64
	plain  []byte
}

// aliceSays is what Alice's next packet would be.
func aliceSays(fixed byte, ctr uint64, words string) forgery {
	return forgery{
		room:   testRoom,
		epoch:  epoch1,
		stream: Stream{Speaker: alice.ID(), Session: session},
		fixed:  [2]byte{version | fixed, 40},
		ctr:    ctr,
		plain:  append([]byte{1}, words...),
	}
}

// seal returns the packet of f without a signature, and the key.
func (f forgery) seal(t testing.TB) ([]byte, *mediaKey) {
	t.Helper()
	k, err := newMediaKey(f.room, f.epoch, f.stream)
	if err != nil {
		t.Fatal(err)
	}
	packet := appendHeader(f.fixed[:], k.kid, f.ctr)
	nonce := k.nonce(f.ctr)
	aad := appendAAD(nil, packet[fixedSize:], &k.bound, f.fixed[:])
	return k.aead.Seal(packet, nonce[:], f.plain, aad), k
}

// sign appends the signature of key over packet, as bound to b.
func sign(key *identity.Key, packet []byte, b *binding) []byte {
	sig := key.Sign(signDomain, b.room(), b.speaker(), b.session(), b.commit(),
		packet[:fixedSize], packet[fixedSize:])
	return append(bytes.Clone(packet), sig...)
}

// TestForgeryIsWellMade shows that a forgery fails for want of Alice's key
// alone: with it, the same bytes open.
func TestForgeryIsWellMade(t *testing.T) {
	o := newTestOpener(t, Stream{Speaker: alice.ID(), Session: session})
	direct, _ := aliceSays(0, 2, "I resign").seal(t)
	if _, frames, err := o.Open(direct, alice.ID()); err != nil || string(frames[0].Payload) != "I resign" {
		t.Errorf("direct = %v, %v", frames, err)
	}
	packet, k := aliceSays(flagSigned, 3, "I resign").seal(t)
	if _, frames, err := o.Open(sign(alice, packet, &k.bound), mallory.ID()); err != nil || string(frames[0].Payload) != "I resign" {
		t.Errorf("signed = %v, %v", frames, err)
	}
}

// refuse opens packet as brought by Mallory and wants the error.
func refuse(t *testing.T, o *Opener, what string, packet []byte, want error) {
	t.Helper()
	if stream, frames, err := o.Open(packet, mallory.ID()); err != want || frames != nil || stream != (Stream{}) {
		t.Errorf("%s: Open = %v, %v, %v, want only %v", what, stream, frames, err, want)
	}
}

func TestForger(t *testing.T) {
	aliceStream := Stream{Speaker: alice.ID(), Session: session}
	malloryStream := Stream{Speaker: mallory.ID(), Session: session}
	newOpener := func(t *testing.T) *Opener {
		o := newTestOpener(t, aliceStream, malloryStream)
		if err := o.SetEpochs([]Epoch{epoch1, epoch2}); err != nil {
			t.Fatal(err)
		}
		return o
	}
	genuine := mustSeal(t, newTestSealer(t), true, voice(7))
	genuineSig := genuine[len(genuine)-sigSize:]

	t.Run("unsigned words of another", func(t *testing.T) {
		packet, _ := aliceSays(0, 100, "I resign").seal(t)
		refuse(t, newOpener(t), "made up", packet, ErrNotSpeaker)
	})
	t.Run("signature stripped", func(t *testing.T) {
		o := newOpener(t)
		cut := bytes.Clone(genuine[:len(genuine)-sigSize])
		refuse(t, o, "cut off", cut, ErrMalformed)
		cut[0] &^= flagSigned
		refuse(t, o, "flag cleared", cut, ErrMalformed) // the counter still says signed
		packet, _ := aliceSays(0, 14, "frame 7").seal(t)
		refuse(t, o, "sealed anew", packet, ErrNotSpeaker)
	})
	t.Run("signed by herself", func(t *testing.T) {
		packet, k := aliceSays(flagSigned, 101, "I resign").seal(t)
		refuse(t, newOpener(t), "as Alice", sign(mallory, packet, &k.bound), ErrForged)
		own := bind(testRoom, malloryStream, epoch1.Commit)
		refuse(t, newOpener(t), "as herself", sign(mallory, packet, &own), ErrForged)
	})
	t.Run("signature of another packet", func(t *testing.T) {
		packet, _ := aliceSays(flagSigned, 101, "I resign").seal(t)
		refuse(t, newOpener(t), "later", append(packet, genuineSig...), ErrForged)
		packet, _ = aliceSays(flagSigned, 15, "I resign").seal(t)
		refuse(t, newOpener(t), "same counter", append(packet, genuineSig...), ErrForged)
		packet, _ = aliceSays(flagSigned|flagEnd, 15, "frame 7").seal(t)
		refuse(t, newOpener(t), "same words with an end", append(packet, genuineSig...), ErrForged)
	})
	t.Run("her own packet under Alice's name", func(t *testing.T) {
		s := NewSealer(testRoom, mallory, session)
		if err := s.SetEpoch(epoch1); err != nil {
			t.Fatal(err)
		}
		packet := mustSeal(t, s, true, voice(7))
		p, _ := parsePacket(packet)
		k, err := newMediaKey(testRoom, epoch1, aliceStream)
		if err != nil {
			t.Fatal(err)
		}
		renamed := appendHeader(bytes.Clone(p.fixed), k.kid, p.ctr)
		renamed = append(renamed, packet[fixedSize+p.headerSize:]...)
		refuse(t, newOpener(t), "other KID", renamed, ErrForged)
	})
	t.Run("Alice's words under Mallory's name", func(t *testing.T) {
		f := aliceSays(flagSigned, 15, "frame 7")
		f.stream = malloryStream
		packet, _ := f.seal(t)
		refuse(t, newOpener(t), "other speaker", append(packet, genuineSig...), ErrForged)
	})
	// Alice said and signed this elsewhere; Mallory seals the same words with
	// the same counter here and adds that signature.
	for name, elsewhere := range map[string]func(*forgery){
		"another session": func(f *forgery) { f.stream.Session[0]++ },
		"another epoch":   func(f *forgery) { f.epoch = epoch2 },
		"another room":    func(f *forgery) { f.room = otherRoom },
	} {
		t.Run("signature of "+name, func(t *testing.T) {
			there := aliceSays(flagSigned, 101, "yes")
			elsewhere(&there)
			said, k := there.seal(t)
			said = sign(alice, said, &k.bound)
			here, _ := aliceSays(flagSigned, 101, "yes").seal(t)
			refuse(t, newOpener(t), "moved here", append(here, said[len(said)-sigSize:]...), ErrForged)
			if name != "another epoch" {
				refuse(t, newOpener(t), "as it is", said, ErrUnknownKey)
			}
		})
	}
	t.Run("replay", func(t *testing.T) {
		o := newOpener(t)
		s := newTestSealer(t)
		signed := mustSeal(t, s, true, voice(7))
		direct := mustSeal(t, s, false, voice(7))
		for _, packet := range [][]byte{signed, direct} {
			if _, _, err := o.Open(packet, alice.ID()); err != nil {
				t.Fatal(err)
			}
		}
		refuse(t, o, "signed", signed, ErrReplay)
		refuse(t, o, "direct", direct, ErrNotSpeaker)
		if _, _, err := o.Open(direct, alice.ID()); err != ErrReplay {
			t.Errorf("direct on Alice's link: %v, want %v", err, ErrReplay)
		}
		if _, _, err := o.Open(mustSeal(t, s, true, voice(7+windowSize)), alice.ID()); err != nil {
			t.Fatal(err)
		}
		old := mustSeal(t, newTestSealer(t), true, voice(6))
		refuse(t, o, "held back too long", old, ErrReplay)
	})
	t.Run("words that are no frames", func(t *testing.T) {
		// Only the speaker can do this to himself.
		for name, plain := range map[string][]byte{
			"empty frame": {1},
			"no length":   {1, 0},
			"length zero": {1, 0, 0, 9},
			"length all":  {1, 0, 2, 9, 9},
			"length over": {1, 1, 0, 9, 9},
		} {
			f := aliceSays(flagSigned, 101, "")
			f.plain = plain
			if len(plain) > 1 {
				f.fixed[0] |= 1 << framesShift
			}
			packet, k := f.seal(t)
			refuse(t, newOpener(t), name, sign(alice, packet, &k.bound), ErrMalformed)
		}
	})
}

// TestEveryBit alters one bit of a packet at a time, cuts it at every length
// and lengthens it, on Alice's own link. Then the packet itself must still
// open: nothing that failed may have moved the replay window.
func TestEveryBit(t *testing.T) {
	for name, c := range map[string]struct {
		signed bool
		frames []Frame
	}{
		"direct":     {false, []Frame{voice(300)}},
		"signed one": {true, []Frame{voice(300)}},
		"signed two": {true, []Frame{voice(300), voice(301)}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestSealer(t)
			o := newTestOpener(t, s.Stream())
			packet := mustSeal(t, s, c.signed, c.frames...)
			try := func(what string, at int, b []byte) {
				if _, frames, err := o.Open(b, alice.ID()); err == nil || frames != nil {
					t.Errorf("%s %d: opened %v, %v", what, at, frames, err)
				}
			}
			for bit := range 8 * len(packet) {
				altered := bytes.Clone(packet)
				altered[bit/8] ^= 1 << (bit % 8)
				try("bit", bit, altered)
			}
			for n := range packet {
				try("cut at", n, packet[:n])
			}
			try("longer by", 1, append(bytes.Clone(packet), 0))
			try("longer by", MaxPacket, append(bytes.Clone(packet), make([]byte, MaxPacket)...))
			if _, _, err := o.Open(packet, alice.ID()); err != nil {
				t.Errorf("the packet itself: %v", err)
			}
			counts := o.Counts()
			refused := counts.Malformed + counts.UnknownKey + counts.Forged
			if want := uint64(9*len(packet) + 2); refused != want || counts.Opened != 1 {
				t.Errorf("counts = %+v, want %d refused and 1 opened", counts, want)
			}
		})
	}
}
