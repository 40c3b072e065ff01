// The door, the messages behind it, and what crosses a link: tables and fuzz targets.

package node

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"stoa/identity"
)

func hash(b []byte) [32]byte { return sha256.Sum256(b) }

func newTransportKey() (ed25519.PublicKey, ed25519.PrivateKey, error) {
	return ed25519.GenerateKey(rand.Reader)
}

var (
	doorA = newDoor(identity.RoomID{1}, [16]byte{1})
	peerA = peer.ID("peer a")
	peerB = peer.ID("peer b")
	chanA = channel{doorA.room, peerA, peerB}
	keyA  = identity.KeyFromSeed([32]byte{1})
)

func TestDoorOpensOnlyForItsRoomKeyAndPurpose(t *testing.T) {
	sealed := doorA.seal("purpose", []byte("plain"))
	if got, err := doorA.open("purpose", sealed); err != nil || string(got) != "plain" {
		t.Fatalf("%q, %v", got, err)
	}
	others := map[string]*door{
		"room":       newDoor(identity.RoomID{2}, [16]byte{1}),
		"rendezvous": newDoor(identity.RoomID{1}, [16]byte{2}),
	}
	for name, d := range others {
		if _, err := d.open("purpose", sealed); err == nil {
			t.Errorf("opened with another %s", name)
		}
		if d.tag == doorA.tag || d.topic("log") == doorA.topic("log") {
			t.Errorf("names do not depend on the %s", name)
		}
	}
	if _, err := doorA.open("another", sealed); err == nil {
		t.Error("opened for another purpose")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := doorA.open("purpose", bad); err == nil {
			t.Errorf("opened with byte %d changed", i)
		}
		if _, err := doorA.open("purpose", sealed[:i]); err == nil {
			t.Errorf("opened when cut to %d bytes", i)
		}
	}
	if bytes.Equal(sealed, doorA.seal("purpose", []byte("plain"))) {
		t.Error("two seals are the same")
	}
	if !bytes.Equal(doorA.sealSame("p", []byte("x")), doorA.sealSame("p", []byte("x"))) {
		t.Error("two members seal one message differently")
	}
	if bytes.Equal(doorA.sealSame("p", []byte("x"))[:12], doorA.sealSame("q", []byte("x"))[:12]) {
		t.Error("one nonce for two purposes")
	}
}

func TestRendezvousKeysChange(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	p := periodAt(at)
	if periodAt(at.Add(rendezvousPeriod)) != p+1 {
		t.Error("a period is not six hours")
	}
	if doorA.rendezvousKey(p).Equals(doorA.rendezvousKey(p + 1)) {
		t.Error("the DHT key does not change")
	}
	if publicKey("ab", "c", p).Equals(publicKey("a", "bc", p)) {
		t.Error("topic and language run into one another")
	}
}

func TestRequestProvesPersonAndConnection(t *testing.T) {
	nonce := [16]byte{7}
	msg := sealRequest(doorA, keyA, chanA, nonce, []byte("body"))
	tag, sealed, err := cutTag(msg)
	if err != nil || tag != doorA.tag {
		t.Fatal(tag, err)
	}
	req, err := openRequest(doorA, chanA, sealed)
	if err != nil || req.From != keyA.ID() || req.Nonce != nonce || string(req.Body) != "body" {
		t.Fatalf("%+v, %v", req, err)
	}
	if _, err := openRequest(doorA, chanA.back(), sealed); !errors.Is(err, identity.ErrForged) {
		t.Errorf("replayed in the other direction: %v", err)
	}
	if _, err := openRequest(doorA, channel{doorA.room, "peer c", peerB}, sealed); !errors.Is(err, identity.ErrForged) {
		t.Errorf("replayed by a third peer: %v", err)
	}
	rep := sealReply(doorA, keyA, chanA.back(), nonce, false, []byte("answer"))
	if got, err := openReply(doorA, chanA.back(), nonce, rep); err != nil || string(got.Body) != "answer" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := openReply(doorA, chanA.back(), [16]byte{8}, rep); !errors.Is(err, identity.ErrForged) {
		t.Errorf("reply to another request: %v", err)
	}
	_, helloBytes, _ := cutTag(sealHello(doorA, keyA, chanA, hello{Session: [8]byte{3}, Token: token{99}, Behind: true, Turn: 7}))
	if h, err := openHello(doorA, chanA, helloBytes); err != nil || h.Token != (token{99}) || h.Session != [8]byte{3} || !h.Behind || h.Turn != 7 {
		t.Errorf("%+v, %v", h, err)
	}
	if _, err := openHello(doorA, chanA.back(), helloBytes); !errors.Is(err, identity.ErrForged) {
		t.Errorf("hello reflected: %v", err)
	}
	if _, err := openRequest(doorA, chanA, helloBytes); err == nil {
		t.Error("a hello was read as a request")
	}
	if largest := 4 + len(sealHello(doorA, keyA, chanA, hello{Session: [8]byte{3}, Behind: true, Turn: 1<<32 - 1})); largest > maxHello {
		t.Errorf("a hello has %d bytes", largest)
	}
}

func TestFrames(t *testing.T) {
	var b bytes.Buffer
	if err := writeFrame(&b, []byte("abc")); err != nil {
		t.Fatal(err)
	}
	whole := bytes.Clone(b.Bytes())
	if !bytes.Equal(whole, []byte{0, 0, 0, 3, 'a', 'b', 'c'}) {
		t.Errorf("% x", whole)
	}
	for n := range whole {
		if _, err := readFrame(bytes.NewReader(whole[:n]), 10); err == nil {
			t.Errorf("read a frame of %d bytes", n)
		}
	}
	if _, err := readFrame(bytes.NewReader(whole), 2); !errors.Is(err, ErrTooLarge) {
		t.Errorf("limit: %v", err)
	}
	if _, err := readFrame(bytes.NewReader([]byte{255, 255, 255, 255, 1}), maxReply); !errors.Is(err, ErrTooLarge) {
		t.Errorf("4 GiB: %v", err)
	}
}

var testToken = token([]byte("tokenize"))

func TestPacketAndReportLayout(t *testing.T) {
	p := appendPacket(nil, packetHeader{testToken, 0x0506, 0x0708}, []byte("voice"))
	if want := "\x04tokenize\x05\x06\x07\x08voice"; string(p) != want {
		t.Errorf("packet % x", p)
	}
	pair := appendPair(nil, packetHeader{testToken, 0x0506, 0x0708}, []byte("old"), []byte("voice"))
	if want := "\x05tokenize\x05\x06\x07\x08\x00\x03oldvoice"; string(pair) != want {
		t.Errorf("pair % x", pair)
	}
	for n := range len(pair) - len("voic") {
		if _, _, _, ok := parsePacket(pair[:n]); ok {
			t.Errorf("took a pair of %d bytes", n)
		}
	}
	if _, _, _, ok := parsePacket([]byte("\x05tokenize\x05\x06\x07\x08\x00\x00voice")); ok {
		t.Error("took a pair of one packet")
	}
	r := report{testToken, 2, 3, 4, 5, 6, 7, 8, true}
	b := appendReport(nil, r)
	if len(b) != reportSize || b[0] != kindReport {
		t.Errorf("report % x", b)
	}
	if got, ok := parseReport(b); !ok || got != r {
		t.Errorf("%+v", got)
	}
	for n := range b {
		if _, ok := parseReport(b[:n]); ok {
			t.Errorf("took a report of %d bytes", n)
		}
	}
	for _, n := range []int{0, 1, 4, packetHead, packetHead + MaxPacket + 1} {
		if _, _, _, ok := parsePacket(append([]byte{kindPacket}, make([]byte, max(n, 1)-1)...)[:n]); ok {
			t.Errorf("took a packet of %d bytes", n)
		}
	}
}

func TestArrivalsCountLossAndJitter(t *testing.T) {
	tests := []struct {
		name   string
		seqs   []uint16
		loss   float64
		jitter time.Duration // at 20 ms spacing, stamped so
	}{
		{"all", []uint16{5, 6, 7, 8}, 0, 0},
		{"half", []uint16{1, 3, 5, 7, 8, 10, 12, 14}, 6. / 14, 0},
		{"reordered", []uint16{1, 3, 2, 4}, 0, 0},
		{"duplicates hide a loss", []uint16{1, 1, 3}, 0, 0},
		{"wraps", []uint16{65534, 65535, 0, 1}, 0, 0},
		{"one", []uint16{9}, 0, 0},
	}
	for _, tt := range tests {
		var a arrivals
		for _, s := range tt.seqs {
			at := time.Duration(s) * 20 * time.Millisecond
			a.packet(packetHeader{seq: s, stamp: uint16(at.Milliseconds()) - 3}, at)
		}
		if got := a.interval(); got != tt.loss {
			t.Errorf("%s: loss %v, want %v", tt.name, got, tt.loss)
		}
		if a.jitter != tt.jitter {
			t.Errorf("%s: jitter %v", tt.name, a.jitter)
		}
		if got := a.interval(); got != 0 {
			t.Errorf("%s: loss %v in an empty interval", tt.name, got)
		}
	}
	var a arrivals
	for i := range 1000 {
		at := time.Duration(i) * 20 * time.Millisecond
		a.packet(packetHeader{seq: uint16(i), stamp: uint16(at.Milliseconds())}, at+time.Duration(i%2)*16*time.Millisecond)
	}
	if a.jitter < 15*time.Millisecond || a.jitter > 16*time.Millisecond {
		t.Errorf("jitter %v of arrivals that alternate by 16 ms", a.jitter)
	}
}

func TestRoundTrip(t *testing.T) {
	const ms = 1000
	if rtt, ok := roundTrip(report{echo: 1 * ms, held: 5 * ms}, 16*ms); !ok || rtt != 10*time.Millisecond {
		t.Errorf("%v %v", rtt, ok)
	}
	if rtt, ok := roundTrip(report{echo: 1<<32 - 5*ms, held: 0}, 5*ms); !ok || rtt != 10*time.Millisecond {
		t.Errorf("across the wrap: %v %v", rtt, ok)
	}
	if _, ok := roundTrip(report{}, 5); ok {
		t.Error("a round trip without an echo")
	}
	if _, ok := roundTrip(report{echo: 10 * ms, held: 50 * ms}, 20*ms); ok {
		t.Error("a negative round trip")
	}
}

func TestBucket(t *testing.T) {
	b := bucket{rate: 10}
	now := time.Unix(1, 0)
	took := 0
	for range 30 {
		if b.take(1, now) {
			took++
		}
	}
	if took != 10 {
		t.Errorf("took %d at once from 10 a second", took)
	}
	if !b.take(5, now.Add(500*time.Millisecond)) || b.take(1, now.Add(500*time.Millisecond)) {
		t.Error("half a second is not five tokens")
	}
}

func TestBook(t *testing.T) {
	b := newBook()
	id := identity.ID{1}
	at := []peer.AddrInfo{{ID: peerA}, {ID: peerB}}
	_, first := b.meet(id, at)
	if _, again := b.meet(id, at); !first || again {
		t.Error("the first address is no news, or the second time is")
	}
	liar := identity.ID{2}
	if kept, _ := b.meet(liar, []peer.AddrInfo{{ID: "c"}, {ID: "d"}, {ID: "e"}}); len(kept) != personPeers {
		t.Errorf("of three peers are kept %v", kept)
	}
	b.prove(id, "f")
	if kept, _ := b.meet(liar, []peer.AddrInfo{{ID: "f"}}); len(kept) != 0 {
		t.Error("somebody else's peer is kept")
	}
	b.gone("f")
	b.meet(liar, nil)
	if got := b.strangers(func(peer.ID) bool { return true }); len(got) != 1 || got[0] != id {
		t.Errorf("strangers %v", got)
	}
	if !b.prove(id, peerB) || b.prove(id, peerB) {
		t.Error("the first proof of a peer is told wrongly")
	}
	if got := b.candidates(id); len(got) != 2 || got[0].ID != peerB || got[1].ID != peerA {
		t.Errorf("candidates %v, want the proved one first", got)
	}
	b.meet(id, at[:1])
	if got := b.candidates(id); len(got) != 2 || got[0].ID != peerA {
		t.Errorf("candidates %v, want where the person says to be first", got)
	}
	b.gone(peerB)
	if b.has(peerB) || b.candidates(id)[0].ID != peerA {
		t.Error("a peer that is gone still counts as proved")
	}
	for i := range bookPersons + 10 {
		b.meet(identity.ID{2, byte(i), byte(i >> 8)}, at)
	}
	if len(b.persons) > bookPersons {
		t.Errorf("%d persons", len(b.persons))
	}
}

func FuzzMessages(f *testing.F) {
	f.Add([]byte{})
	f.Add(sealRequest(doorA, keyA, chanA, [16]byte{1}, []byte("x")))
	f.Add(sealHello(doorA, keyA, chanA, hello{Session: [8]byte{1}, Token: token{2}}))
	f.Add(sealReply(doorA, keyA, chanA, [16]byte{1}, true, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, sealed, err := cutTag(b); err == nil {
			openRequest(doorA, chanA, sealed)
			openHello(doorA, chanA, sealed)
		}
		openReply(doorA, chanA, [16]byte{1}, b)
		// What an insider can put behind the seal.
		var req request
		var rep reply
		var h hello
		for _, v := range []any{&req, &rep, &h} {
			if identity.UnmarshalLimit(b, v, maxReply) == nil && !bytes.Equal(identity.Marshal(v), b) {
				t.Errorf("%T has two encodings", v)
			}
		}
		for _, c := range parseCards(b) {
			if len(c) > maxCard {
				t.Error("card too large")
			}
		}
	})
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 7})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readFrame(bytes.NewReader(b), 64)
		if err != nil {
			return
		}
		var again bytes.Buffer
		writeFrame(&again, got)
		if !bytes.HasPrefix(b, again.Bytes()) {
			t.Errorf("% x read as % x", b, got)
		}
	})
}

func FuzzDatagram(f *testing.F) {
	f.Add(appendPacket(nil, packetHeader{token{1}, 2, 3}, []byte("voice")))
	f.Add(appendPair(nil, packetHeader{token{1}, 2, 3}, []byte("old"), []byte("voice")))
	f.Add(appendReport(nil, report{token{1}, 2, 3, 4, 5, 6, 7, 8, false}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, before, packet, ok := parsePacket(b); ok {
			again := appendPacket(nil, h, packet)
			if before != nil {
				again = appendPair(nil, h, before, packet)
			}
			if len(packet) == 0 || !bytes.Equal(again, b) {
				t.Errorf("packet % x", b)
			}
		}
		if r, ok := parseReport(b); ok {
			if !bytes.Equal(appendReport(nil, r), b) {
				t.Errorf("report % x", b)
			}
			if rtt, ok := roundTrip(r, 12345); ok && rtt < 0 {
				t.Errorf("round trip %v", rtt)
			}
		}
	})
}

// FuzzArrivals feeds any sequence of packets and asks for the loss now and then.
func FuzzArrivals(f *testing.F) {
	f.Add([]byte{0, 1, 0, 2, 255, 255, 0, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		var a arrivals
		for i := 0; i+1 < len(b); i += 2 {
			a.packet(packetHeader{seq: uint16(b[i])<<8 | uint16(b[i+1]), stamp: uint16(i)}, time.Duration(i)*time.Millisecond)
			if i%7 == 0 {
				if loss := a.interval(); loss < 0 || loss > 1 {
					t.Fatalf("loss %v", loss)
				}
			}
		}
		if a.jitter < 0 {
			t.Fatalf("jitter %v", a.jitter)
		}
	})
}

func FuzzHintAddr(f *testing.F) {
	f.Add([]byte{4, 127, 0, 0, 1, 6, 0, 80})
	f.Fuzz(func(t *testing.T, b []byte) {
		if text, err := HintAddr(b); err == nil && len(text) == 0 {
			t.Error("an address without text")
		}
	})
}

// TestPeriodsAbout: whoever of the two has the faster clock, by up to half an hour, who seeks looks where who announces does.
func TestPeriodsAbout(t *testing.T) {
	end := time.Unix(0, 0).Add(1000 * rendezvousPeriod)
	for at := end.Add(-2 * time.Hour); at.Before(end.Add(2 * time.Hour)); at = at.Add(time.Minute) {
		for skew := -identity.ClockSkew; skew <= identity.ClockSkew; skew += time.Minute {
			theirs := periodAt(at.Add(skew))
			found := false
			for _, p := range periodsAbout(at) {
				found = found || p == theirs || p == theirs+1
			}
			if !found {
				t.Fatalf("at %v from the end of a period, theirs %v ahead", at.Sub(end), skew)
			}
		}
	}
	if n := len(periodsAbout(end.Add(time.Hour))); n != 1 {
		t.Errorf("%d lookups in the middle of a period", n)
	}
}
