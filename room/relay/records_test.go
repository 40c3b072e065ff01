// The signed records: their bytes on disk, their bounds, and what strangers may send.

package relay

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoa/identity"
)

var update = flag.Bool("update", false, "write testdata/vectors anew")

var testKey = identity.KeyFromSeed([32]byte{42})

func sampleLive() []Live {
	return []Live{
		{KID: 7, Index: 1000, Count: 500, Level: 20, Sum: [8]byte{1}},
		{KID: 1 << 63, Index: math.MaxUint32, Count: 1, Level: Silence, End: true, Sum: [8]byte{255}},
	}
}

func sampleDigest() *Digest {
	return &Digest{Room: identity.RoomID{1}, Relay: testKey.ID(), Seq: 9, Time: uint64(noon.UnixMilli()), Live: sampleLive()}
}

func sampleFloor() *Floor {
	return &Floor{Room: identity.RoomID{1}, Host: testKey.ID(), Seq: 9, Time: uint64(noon.UnixMilli()), Live: sampleLive()}
}

func sampleAttendance() *Attendance {
	return &Attendance{
		Room: identity.RoomID{1}, Relay: testKey.ID(), Session: [8]byte{2}, Seq: 3, Time: uint64(noon.UnixMilli()), Count: 700,
		Joins: []Prefix{{1}, {2}}, Leaves: []Prefix{{0}, {3}},
	}
}

func sampleComplaint() *Complaint {
	return &Complaint{
		Room: identity.RoomID{1}, Relay: someone(3), Who: testKey.ID(), Fault: Censors, KID: 7, Time: uint64(noon.UnixMilli()),
	}
}

// altered returns a copy of a record with a change.
func altered[R any](r *R, change func(*R)) *R {
	c := *r
	change(&c)
	return &c
}

// fullest are records as large as they may be.
func fullest() (d *Digest, a *Attendance) {
	d, a = sampleDigest(), sampleAttendance()
	d.Seq, d.Time, d.Live = math.MaxUint32, maxTime-1, nil
	for i := range MaxLive {
		d.Live = append(d.Live, Live{KID: math.MaxUint64 - MaxLive + uint64(i), Index: math.MaxUint32, Count: math.MaxUint32, Level: Silence, End: true})
	}
	a.Seq, a.Time, a.Count, a.Joins, a.Leaves = math.MaxUint32, maxTime-1, math.MaxUint32, nil, nil
	for i := range MaxMoves {
		a.Joins = append(a.Joins, Prefix{byte(i >> 8), byte(i)})
	}
	return d, a
}

// recordVectors makes good and bad ones of each record.
func recordVectors() map[string][]byte {
	other := identity.KeyFromSeed([32]byte{43})
	raw := func(domain string, r record) []byte { return identity.SignRecord(testKey, domain, r) }
	d, f, a, c := sampleDigest(), sampleFloor(), sampleAttendance(), sampleComplaint()
	fullDigest, fullAttendance := fullest()
	digest := func(change func(*Digest)) []byte { return raw(digestDomain, altered(d, change)) }
	attendance := func(change func(*Attendance)) []byte { return raw(attendanceDomain, altered(a, change)) }
	complaint := func(change func(*Complaint)) []byte { return raw(complaintDomain, altered(c, change)) }
	return map[string][]byte{
		"digest-ok":         d.Sign(testKey),
		"digest-nobody":     digest(func(d *Digest) { d.Live = nil }),
		"digest-full":       fullDigest.Sign(testKey),
		"digest-domain":     raw(floorDomain, d),
		"digest-signer":     d.Sign(other),
		"digest-17":         digest(func(d *Digest) { d.Live = append(fullDigest.Live, Live{KID: math.MaxUint64, Count: 1}) }),
		"digest-order":      digest(func(d *Digest) { d.Live = []Live{d.Live[1], d.Live[0]} }),
		"digest-twice":      digest(func(d *Digest) { d.Live = []Live{d.Live[0], d.Live[0]} }),
		"digest-level":      digest(func(d *Digest) { d.Live = []Live{{KID: 1, Count: 1, Level: Silence + 1}} }),
		"digest-no-count":   digest(func(d *Digest) { d.Live = []Live{{KID: 1}} }),
		"digest-time":       digest(func(d *Digest) { d.Time = maxTime }),
		"floor-ok":          f.Sign(testKey),
		"floor-domain":      raw(digestDomain, f),
		"floor-signer":      f.Sign(other),
		"attendance-ok":     a.Sign(testKey),
		"attendance-most":   fullAttendance.Sign(testKey),
		"attendance-signer": a.Sign(other),
		"attendance-domain": raw(digestDomain, a),
		"attendance-moves":  attendance(func(a *Attendance) { a.Joins, a.Count = append(fullAttendance.Joins, Prefix{255}), 1000 }),
		"attendance-order":  attendance(func(a *Attendance) { a.Joins = []Prefix{{2}, {1}} }),
		"attendance-twice":  attendance(func(a *Attendance) { a.Leaves = []Prefix{{2}, {2}} }),
		"attendance-count":  attendance(func(a *Attendance) { a.Count = 1 }),
		"attendance-full":   attendance(func(a *Attendance) { a.Full, a.Leaves = true, nil }),
		"attendance-both":   attendance(func(a *Attendance) { a.Full = true }),
		"complaint-ok":      c.Sign(testKey),
		"complaint-domain":  raw(digestDomain, c),
		"complaint-signer":  c.Sign(other),
		"complaint-dead":    complaint(func(c *Complaint) { c.Fault = Dead }),
		"complaint-none":    complaint(func(c *Complaint) { c.Fault = 0 }),
		"complaint-unknown": complaint(func(c *Complaint) { c.Fault = 200 }),
		"complaint-longer":  append(c.Sign(testKey), 0),
	}
}

var parsers = map[string]func([]byte) error{
	"digest":     func(b []byte) error { _, err := ParseDigest(b); return err },
	"floor":      func(b []byte) error { _, err := ParseFloor(b); return err },
	"attendance": func(b []byte) error { _, err := ParseAttendance(b); return err },
	"complaint":  func(b []byte) error { _, err := ParseComplaint(b); return err },
}

func verdict(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, identity.ErrMalformed):
		return "malformed"
	case errors.Is(err, identity.ErrForged):
		return "forged"
	}
	return err.Error()
}

func TestVectors(t *testing.T) {
	made := recordVectors()
	dir := filepath.Join("testdata", "vectors")
	for name, raw := range made {
		kind, _, _ := strings.Cut(name, "-")
		file := filepath.Join(dir, name+".txt")
		if *update {
			text := fmt.Sprintf("expect: %s\n\n%x\n", verdict(parsers[kind](raw)), raw)
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		head, body, _ := strings.Cut(string(text), "\n\n")
		kept, err := hex.DecodeString(strings.TrimSpace(body))
		if err != nil || !bytes.Equal(kept, raw) {
			t.Errorf("%s: the encoding has changed: %v", name, err)
		}
		if want, got := strings.TrimPrefix(head, "expect: "), verdict(parsers[kind](kept)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) != len(made) {
		t.Errorf("%d vectors on disk for %d: %v", len(files), len(made), err)
	}
}

// TestAltered: a record with any bit flipped, cut anywhere or with a byte more is refused.
func TestAltered(t *testing.T) {
	for name, raw := range recordVectors() {
		kind, which, _ := strings.Cut(name, "-")
		if which != "ok" {
			continue
		}
		refused := func(what string, raw []byte) {
			if got := verdict(parsers[kind](raw)); got != "malformed" && got != "forged" {
				t.Errorf("%s, %s: %s", kind, what, got)
			}
		}
		for n := range raw {
			refused("cut", raw[:n])
		}
		for n := range len(raw) * 8 {
			m := bytes.Clone(raw)
			m[n/8] ^= 1 << (n % 8)
			refused("flipped", m)
		}
		refused("of 64 KiB", make([]byte, 64<<10))
	}
}

func TestSignRefuses(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("signed what nobody would take")
		}
	}()
	altered(sampleComplaint(), func(c *Complaint) { c.Fault = Silent }).Sign(testKey)
}

// fuzzRecord feeds a parser with what the fuzzer makes, as it is and as a body that is properly signed; what parses encodes to the same bytes.
func fuzzRecord[R any](f *testing.F, domain string, sample *R, parse func([]byte) (*R, error)) {
	f.Add(identity.Marshal(sample))
	f.Add(identity.SignRecord(testKey, domain, sample))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, raw := range [][]byte{b, identity.Pack(b, testKey.Sign(domain, b))} {
			r, err := parse(raw)
			if err != nil {
				continue
			}
			if again := identity.SignRecord(testKey, domain, r); !bytes.Equal(again, raw) {
				t.Errorf("%x encodes as %x", raw, again)
			}
		}
	})
}

func FuzzDigest(f *testing.F) { fuzzRecord(f, digestDomain, sampleDigest(), ParseDigest) }
func FuzzFloor(f *testing.F)  { fuzzRecord(f, floorDomain, sampleFloor(), ParseFloor) }
func FuzzAttendance(f *testing.F) {
	fuzzRecord(f, attendanceDomain, sampleAttendance(), ParseAttendance)
}
func FuzzComplaint(f *testing.F) { fuzzRecord(f, complaintDomain, sampleComplaint(), ParseComplaint) }

func TestMeter(t *testing.T) {
	var m Meter
	at := func(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }
	one, two, three := []byte("one"), []byte("two"), []byte("three")
	m.Count(one, 9, 10, 30, false, at(0))
	m.Count(three, 9, 14, 20, true, at(40))
	m.Count(two, 9, 12, 25, false, at(50)) // overtaken: the newest stays
	m.Count(one, 3, 4, 200, false, at(60))
	d := m.Digest(identity.RoomID{1}, testKey.ID(), at(100))
	if d.Seq != 1 || d.Time != uint64(at(100).UnixMilli()) || len(d.Live) != 2 {
		t.Fatalf("%+v", d)
	}
	if l := d.Live[0]; l.KID != 3 || l.Count != 1 || l.Level != Silence || l.End {
		t.Errorf("%+v", l)
	}
	if l := d.Live[1]; l.KID != 9 || l.Index != 14 || l.Count != 3 || l.Level != 20 || !l.End {
		t.Errorf("%+v", l)
	}
	if _, err := ParseDigest(d.Sign(testKey)); err != nil {
		t.Error(err)
	}
	// The same packets in another order have the same sum, others have not.
	var o, p Meter
	for i, b := range [][]byte{two, one, three} {
		o.Count(b, 9, uint32(10+2*i), 20, false, at(i))
		p.Count(one, 9, uint32(10+2*i), 20, false, at(i))
	}
	if o.Live(at(100))[0].Sum != d.Live[1].Sum || p.Live(at(100))[0].Sum == d.Live[1].Sum {
		t.Error("the sum does not tell the packets")
	}
	// The level is that of lately, or the last one when nothing has come.
	m.Count(one, 9, 16, 40, false, at(200))
	if l := m.Live(at(210)); l[1].Level != 40 {
		t.Errorf("level %d", l[1].Level)
	}
	if l := m.Live(at(400)); l[1].Level != 40 {
		t.Errorf("level %d", l[1].Level)
	}
	// Silent streams are forgotten after 2 s.
	if l := m.Live(at(60 + 1999)); len(l) != 2 {
		t.Errorf("%d live", len(l))
	}
	if l := m.Live(at(60 + 2000)); len(l) != 1 || l[0].KID != 9 {
		t.Errorf("%+v", l)
	}
}

func TestMeterIsBounded(t *testing.T) {
	var m Meter
	for kid := range uint64(100) {
		m.Count(nil, kid, 1, 0, false, noon)
	}
	if l := m.Live(noon); len(l) != MaxLive {
		t.Errorf("%d live", len(l))
	}
	m.Count(nil, 1000, 1, 0, false, noon.Add(2*time.Second))
	if l := m.Live(noon.Add(2 * time.Second)); len(l) != 1 || l[0].KID != 1000 {
		t.Errorf("%+v", l)
	}
	packet := make([]byte, 250)
	if n := testing.AllocsPerRun(100, func() { m.Count(packet, 1000, 2, 0, false, noon.Add(2*time.Second)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
