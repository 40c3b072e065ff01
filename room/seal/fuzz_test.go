// What strangers may send.

package seal

import (
	"bytes"
	"testing"
)

// genuinePackets are packets of Alice in every form, for seeds.
func genuinePackets(t testing.TB) [][]byte {
	s := newTestSealer(t)
	return [][]byte{
		mustSeal(t, s, false, voice(1)),
		mustSeal(t, s, false, Frame{Index: 2, Since: 1, Level: Silence, End: true}),
		mustSeal(t, s, true, voice(1)),
		mustSeal(t, s, true, voice(300), voice(301)),
	}
}

// FuzzOpen offers bytes on Alice's own link and as a relay's. Only what Alice
// sealed may be opened, and a refusal must have one of the named reasons and
// leave the opener as it was.
func FuzzOpen(f *testing.F) {
	genuine := genuinePackets(f)
	for _, packet := range genuine {
		f.Add(packet, true)
		f.Add(packet, false)
	}
	f.Fuzz(func(t *testing.T, b []byte, own bool) {
		o := newTestOpener(t, newTestSealer(t).Stream())
		from := mallory.ID()
		if own {
			from = alice.ID()
		}
		_, frames, err := o.Open(b, from)
		switch err {
		case nil:
			if !containsPacket(genuine, b) {
				t.Fatalf("opened %x, which nobody sealed: %v", b, frames)
			}
		case ErrMalformed, ErrUnknownKey, ErrNotSpeaker, ErrForged:
			for _, packet := range genuine {
				if _, _, err := o.Open(packet, alice.ID()); err != nil {
					t.Fatalf("after %x was refused, a genuine packet is: %v", b, err)
				}
			}
		default:
			t.Fatalf("refused for %v", err)
		}
	})
}

func containsPacket(packets [][]byte, b []byte) bool {
	for _, p := range packets {
		if bytes.Equal(p, b) {
			return true
		}
	}
	return false
}

// FuzzHeader: a header that parses encodes to the same bytes.
func FuzzHeader(f *testing.F) {
	for _, v := range loadRFCVectors(f).Header {
		f.Add([]byte(v.Encoded))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		kid, ctr, size, ok := parseHeader(b)
		if ok && !bytes.Equal(appendHeader(nil, kid, ctr), b[:size]) {
			t.Fatalf("%x parses to KID %#x CTR %#x and encodes to %x", b[:size], kid, ctr, appendHeader(nil, kid, ctr))
		}
	})
}

// FuzzPlaintext: what a speaker's broken or hostile client seals either is
// refused or encodes to the same bytes.
func FuzzPlaintext(f *testing.F) {
	f.Add([]byte{1, 'o', 'n', 'e'}, uint8(0), false)
	f.Add([]byte{0}, uint8(0), true)
	f.Add([]byte{1, 0, 3, 'o', 'n', 'e', 't', 'w', 'o'}, uint8(1), true)
	f.Add([]byte{1, 0, 3, 'o', 'n', 'e', 0, 3, 't', 'w', 'o', '3'}, uint8(2), false)
	f.Fuzz(func(t *testing.T, plain []byte, more uint8, end bool) {
		if len(plain) == 0 {
			return // parsePacket lets no empty plaintext through
		}
		p := packet{fixed: []byte{version | more<<framesShift&framesMask, 0}, ctr: counter(7, false)}
		if end {
			p.fixed[0] |= flagEnd
		}
		var frames [MaxFrames]Frame
		n, ok := p.parsePlaintext(plain, &frames)
		if !ok {
			return
		}
		if got := appendPlaintext(nil, frames[:n]); !bytes.Equal(got, plain) {
			t.Fatalf("%x parses to %v and encodes to %x", plain, frames[:n], got)
		}
		if got := flagsOf(frames[:n], false); got != p.fixed[0] {
			t.Fatalf("flags %#x came back as %#x", p.fixed[0], got)
		}
		if err := checkFrames(frames[:n], false); err != nil && len(plain) < 1000 {
			t.Fatalf("parsed frames cannot be sealed: %v", err)
		}
	})
}
