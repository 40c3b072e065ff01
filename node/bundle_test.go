// Bundles: their layout, byte by byte, and what is not one.

package node

import (
	"bytes"
	"testing"
	"time"
)

func TestBundleLayout(t *testing.T) {
	var head [bundleHead]byte
	copy(head[1:], testToken[:])
	putBundleHead(&head, 0x0102, 0x10304*time.Millisecond)
	var p parcel
	p.reset()
	for _, ok := range []bool{
		p.add([]byte("new"), false), p.add([]byte("newer"), false), p.add([]byte("old"), true), p.finish([]byte("digest")),
	} {
		if !ok {
			t.Fatal("no room for a few bytes")
		}
	}
	b := append(head[:], p.bytes()...)
	want := "\x09tokenize\x01\x02\x03\x04\x21\x00\x03new\x00\x05newer\x00\x03olddigest"
	if string(b) != want {
		t.Fatalf("% x, want % x", b, want)
	}
	u, ok := parseBundle(b)
	if !ok || u.seq != 0x0102 || u.stamp != 0x0304 || string(u.digest) != "digest" {
		t.Fatalf("%+v, %v", u, ok)
	}
	var got []string
	for repeat, packet := range u.all() {
		if repeat {
			got = append(got, "again "+string(packet))
		} else {
			got = append(got, string(packet))
		}
	}
	if len(got) != 3 || got[0] != "new" || got[1] != "newer" || got[2] != "again old" {
		t.Errorf("%q", got)
	}
	for n := range len(b) - len("digest") {
		if _, ok := parseBundle(b[:n]); ok {
			t.Errorf("took %d bytes of it", n)
		}
	}
	if _, ok := parseBundle([]byte("\x09tokenize\x01\x02\x03\x04\x10\x00\x00")); ok {
		t.Error("took an empty packet")
	}
	if _, ok := parseBundle(append(b, make([]byte, maxBundle)...)); ok {
		t.Error("took more than 1200 bytes")
	}
}

func TestParcelIsNeverTooLarge(t *testing.T) {
	var p parcel
	p.reset()
	for p.add(make([]byte, 260), false) {
	}
	if n := int(p.buf[0] >> 4); n != 4 {
		t.Errorf("%d packets of 260 bytes in one bundle, want the four loudest", n)
	}
	if p.add(make([]byte, 260), true) || p.finish(make([]byte, maxPayload)) {
		t.Error("took what does not fit")
	}
	if len(p.bytes()) > maxPayload {
		t.Errorf("%d bytes", len(p.bytes()))
	}
	p.reset()
	for range maxFresh {
		if !p.add([]byte{1}, false) || !p.add([]byte{1}, true) {
			t.Fatal("no room for 15 and 15 small packets")
		}
	}
	if p.add([]byte{1}, false) || p.add([]byte{1}, true) {
		t.Error("took a sixteenth packet, which the count does not hold")
	}
}

func FuzzBundle(f *testing.F) {
	f.Add([]byte("\x09tokenize\x01\x02\x03\x04\x21\x00\x03new\x00\x05newer\x00\x03olddigest"))
	f.Add([]byte("\x09tokenize\x01\x02\x03\x04\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		u, ok := parseBundle(b)
		if !ok {
			return
		}
		var p parcel
		p.reset()
		n := 0
		for repeat, packet := range u.all() {
			n++
			if !p.add(packet, repeat) {
				t.Fatal("what came in one bundle does not fit into one")
			}
		}
		if n != u.fresh+u.repeats || !p.finish(u.digest) {
			t.Fatalf("%d packets of %d", n, u.fresh+u.repeats)
		}
		if !bytes.Equal(p.bytes(), b[bundleHead:]) {
			t.Errorf("% x read as % x", b[bundleHead:], p.bytes())
		}
	})
}
