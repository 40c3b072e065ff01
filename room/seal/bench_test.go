// What a packet costs, and that it costs no garbage.

package seal

import (
	"bytes"
	"testing"
)

// speech is the payload of a 20 ms frame at 32 kbit/s.
var speech = bytes.Repeat([]byte{0x5a}, 80)

// TestNoGarbage holds the promise of the package documentation.
func TestNoGarbage(t *testing.T) {
	s := newTestSealer(t)
	o := newTestOpener(t, s.Stream())
	packet := make([]byte, 0, MaxPacket)
	var signed [][]byte
	for index := range uint32(201) { // AllocsPerRun calls once more
		signed = append(signed, mustSeal(t, s, true, Frame{Index: 2 * index, Payload: speech}, Frame{Index: 2*index + 1, Payload: speech}))
	}
	id := alice.ID()
	index := uint32(0)
	allocs := testing.AllocsPerRun(200, func() {
		index++
		packet, _ = s.Seal(packet[:0], Frame{Index: index, Since: 1, Payload: speech})
		if _, frames, err := o.Open(packet, id); err != nil || len(frames) != 1 {
			t.Fatal(frames, err)
		}
		if _, _, err := o.Open(packet, id); err != ErrReplay {
			t.Fatal(err)
		}
		if _, frames, err := o.Open(signed[index-1], id); err != nil || len(frames) != 2 {
			t.Fatal(frames, err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations to seal, open and refuse a packet and to open a signed one, want none", allocs)
	}
}

func BenchmarkSeal(b *testing.B) {
	s := newTestSealer(b)
	dst := make([]byte, 0, MaxPacket)
	b.ReportAllocs()
	for index := uint32(0); b.Loop(); index++ {
		if _, err := s.Seal(dst, Frame{Index: index, Since: 1, Payload: speech}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSealSigned(b *testing.B) {
	s := newTestSealer(b)
	dst := make([]byte, 0, MaxPacket)
	b.ReportAllocs()
	for index := uint32(0); b.Loop(); index += 2 {
		_, err := s.SealSigned(dst,
			Frame{Index: index, Since: 1, Payload: speech}, Frame{Index: index + 1, Since: 1, Payload: speech})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen gives the cost of one packet that is heard. The window is
// emptied each time, so that one packet can be opened again and again.
func BenchmarkOpen(b *testing.B) {
	s := newTestSealer(b)
	for name, packet := range map[string][]byte{
		"direct": mustSeal(b, s, false, Frame{Index: 1, Payload: speech}),
		"signed": mustSeal(b, s, true, Frame{Index: 1, Payload: speech}, Frame{Index: 2, Payload: speech}),
	} {
		b.Run(name, func(b *testing.B) {
			o := newTestOpener(b, s.Stream())
			opened := o.memory.of(s.Stream())
			b.ReportAllocs()
			for b.Loop() {
				*opened = windows{}
				if _, _, err := o.Open(packet, alice.ID()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRefuse gives the cost of packets that are not heard: what a flood
// of them costs the listener.
func BenchmarkRefuse(b *testing.B) {
	s := newTestSealer(b)
	genuine := mustSeal(b, s, true, Frame{Index: 1, Payload: speech})
	badTag := bytes.Clone(genuine)
	badTag[20]++
	badSignature := bytes.Clone(genuine)
	badSignature[len(genuine)-1]++
	for name, c := range map[string]struct {
		packet []byte
		err    error
	}{
		"replay":    {genuine, ErrReplay},
		"tag":       {badTag, ErrForged},
		"signature": {badSignature, ErrForged},
	} {
		b.Run(name, func(b *testing.B) {
			o := newTestOpener(b, s.Stream())
			if c.err == ErrReplay {
				if _, _, err := o.Open(genuine, alice.ID()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := o.Open(c.packet, alice.ID()); err != c.err {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSetEpochs gives the cost of a new epoch with ten speakers.
func BenchmarkSetEpochs(b *testing.B) {
	var streams []Stream
	for i := range byte(10) {
		streams = append(streams, Stream{Session: [8]byte{i}})
	}
	o := newTestOpener(b, streams...)
	b.ReportAllocs()
	for b.Loop() {
		if err := o.SetEpochs(nil); err != nil {
			b.Fatal(err)
		}
		if err := o.SetEpochs([]Epoch{epoch1}); err != nil {
			b.Fatal(err)
		}
	}
}
