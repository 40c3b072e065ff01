// What is signed about relays: digests by them, floors by the acting host, attendance by them, complaints by listeners. The package
// documentation has the bytes.

package relay

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"stoa/identity"
)

// The domains of the signatures.
const (
	digestDomain     = "stoa/digest/1"
	floorDomain      = "stoa/floor/1"
	attendanceDomain = "stoa/attendance/1"
	complaintDomain  = "stoa/complaint/1"
)

// Limits, of records as they travel.
const (
	MaxLive       = 16      // streams in a digest or floor
	MaxDigest     = 1100    // bytes of a digest or floor: it has to fit one UDP packet
	MaxAttendance = 4 << 10 // bytes
	MaxMoves      = 400     // joins and leaves in an attendance together
	MaxComplaint  = 320     // bytes

	// Silence is the quietest level of a stream, in -dBov as RFC 6464 counts.
	Silence = 127

	maxTime = 253402300800000 // Unix milliseconds of the year 10000
)

// How often each is sent.
const (
	DigestEvery     = 200 * time.Millisecond
	FloorEvery      = 2 * time.Second
	AttendanceEvery = 5 * time.Second  // when people came or went
	AttendanceCalm  = 20 * time.Second // when nobody did
	ComplaintEvery  = 30 * time.Second // at most, by one member
)

// Live is what a witness says of one stream.
type Live struct {
	_     struct{} `cbor:",toarray"`
	KID   uint64
	Index uint32  // of the newest packet: the media time of its first frame, in steps of 20 ms
	Count uint32  // packets since the witness first met the stream
	Level uint8   // 0 full scale .. Silence: the loudest of lately
	End   bool    // the newest packet ended a stretch of talk
	Sum   [8]byte // of those packets, see Mark
}

// Mark is what one packet adds to [Live.Sum]: the first 8 bytes of its SHA-256, as a number, big endian. A sum does not depend on the order in
// which packets come, so two witnesses that counted the same packets show the same sum; one that did not see a packet cannot know its mark.
func Mark(packet []byte) uint64 {
	h := sha256.Sum256(packet)
	return binary.BigEndian.Uint64(h[:8])
}

// Digest is what a relay says that it received and passed on, signed under "stoa/digest/1" once for all its listeners, every 200 ms.
type Digest struct {
	Room  identity.RoomID `cbor:"1,keyasint"`
	Relay identity.ID     `cbor:"2,keyasint"`
	Seq   uint32          `cbor:"3,keyasint"`
	Time  uint64          `cbor:"4,keyasint"` // Unix milliseconds, by the relay's clock
	Live  []Live          `cbor:"5,keyasint"` // at most MaxLive, ascending by KID
}

// Floor is what the acting host hears, signed under "stoa/floor/1" every 2 s: a witness that is no relay.
type Floor struct {
	Room identity.RoomID `cbor:"1,keyasint"`
	Host identity.ID     `cbor:"2,keyasint"`
	Seq  uint32          `cbor:"3,keyasint"`
	Time uint64          `cbor:"4,keyasint"` // Unix milliseconds
	Live []Live          `cbor:"5,keyasint"` // as in a Digest
}

// Prefix is the first 8 bytes of somebody's ID.
type Prefix [8]byte

// PrefixOf shortens an ID for an [Attendance].
func PrefixOf(id identity.ID) Prefix { return Prefix(id[:8]) }

// Attendance is what a relay says of the people it carries, signed under "stoa/attendance/1".
type Attendance struct {
	Room    identity.RoomID `cbor:"1,keyasint"`
	Relay   identity.ID     `cbor:"2,keyasint"`
	Session [8]byte         `cbor:"3,keyasint"` // differs for each run of the relay
	Seq     uint32          `cbor:"4,keyasint"` // counts within the session
	Time    uint64          `cbor:"5,keyasint"` // Unix milliseconds
	Count   uint32          `cbor:"6,keyasint"` // people it carries now
	Full    bool            `cbor:"7,keyasint"` // Joins begins the list anew
	Joins   []Prefix        `cbor:"8,keyasint"` // since the attendance before, ascending
	Leaves  []Prefix        `cbor:"9,keyasint"` // likewise; none when Full
}

// Complaint is what a listener says of a relay it has left, signed under "stoa/complaint/1".
type Complaint struct {
	Room  identity.RoomID `cbor:"1,keyasint"`
	Relay identity.ID     `cbor:"2,keyasint"`
	Who   identity.ID     `cbor:"3,keyasint"`
	Fault Fault           `cbor:"4,keyasint"` // one for which Complains holds
	KID   uint64          `cbor:"5,keyasint"` // the stream that suffered; 0 when it was all of them
	Time  uint64          `cbor:"6,keyasint"` // Unix milliseconds
}

// Sign returns the digest as it travels. It panics when it breaks the rules that [ParseDigest] checks, which a [Meter] never does.
func (d *Digest) Sign(k *identity.Key) []byte { return sign(k, digestDomain, MaxDigest, d) }

// Sign returns the floor as it travels, like [Digest.Sign].
func (f *Floor) Sign(k *identity.Key) []byte { return sign(k, floorDomain, MaxDigest, f) }

// Sign returns the attendance as it travels. It panics when it breaks the rules that [ParseAttendance] checks, which [Attendees] never do.
func (a *Attendance) Sign(k *identity.Key) []byte { return sign(k, attendanceDomain, MaxAttendance, a) }

// Sign returns the complaint as it travels. It panics when its fault is none to complain of.
func (c *Complaint) Sign(k *identity.Key) []byte { return sign(k, complaintDomain, MaxComplaint, c) }

// ParseDigest decodes a digest and checks its signature and limits, but not whether its author is a relay of the room. The error is
// [identity.ErrMalformed] or [identity.ErrForged].
func ParseDigest(raw []byte) (*Digest, error) {
	d := new(Digest)
	return parsed(d, parse(raw, MaxDigest, digestDomain, d, &d.Relay))
}

// ParseFloor decodes a floor like [ParseDigest]; whether its author may act as the host is for the log to say.
func ParseFloor(raw []byte) (*Floor, error) {
	f := new(Floor)
	return parsed(f, parse(raw, MaxDigest, floorDomain, f, &f.Host))
}

// ParseAttendance decodes an attendance like [ParseDigest].
func ParseAttendance(raw []byte) (*Attendance, error) {
	a := new(Attendance)
	return parsed(a, parse(raw, MaxAttendance, attendanceDomain, a, &a.Relay))
}

// ParseComplaint decodes a complaint like [ParseDigest]; whether its author is in the room is for the log to say.
func ParseComplaint(raw []byte) (*Complaint, error) {
	c := new(Complaint)
	return parsed(c, parse(raw, MaxComplaint, complaintDomain, c, &c.Who))
}

// record is what all of them can be asked.
type record interface{ valid() bool }

func (d *Digest) valid() bool { return d.Time < maxTime && validLive(d.Live) }
func (f *Floor) valid() bool  { return f.Time < maxTime && validLive(f.Live) }

func (a *Attendance) valid() bool {
	return a.Time < maxTime && len(a.Joins)+len(a.Leaves) <= MaxMoves && int64(a.Count) >= int64(len(a.Joins)) &&
		ascending(a.Joins) && ascending(a.Leaves) && !(a.Full && len(a.Leaves) > 0)
}

func (c *Complaint) valid() bool { return c.Time < maxTime && c.Fault.Complains() }

func validLive(live []Live) bool {
	if len(live) > MaxLive {
		return false
	}
	for i := range live {
		if live[i].Level > Silence || live[i].Count == 0 || i > 0 && live[i-1].KID >= live[i].KID {
			return false
		}
	}
	return true
}

func ascending(list []Prefix) bool {
	for i := 1; i < len(list); i++ {
		if binary.BigEndian.Uint64(list[i-1][:]) >= binary.BigEndian.Uint64(list[i][:]) {
			return false
		}
	}
	return true
}

func sign(k *identity.Key, domain string, limit int, r record) []byte {
	if !r.valid() {
		panic("relay: signing a record that nobody would take: " + domain)
	}
	raw := identity.SignRecord(k, domain, r)
	if len(raw) > limit {
		panic("relay: signing a record that is too long: " + domain)
	}
	return raw
}

func parse(raw []byte, limit int, domain string, r record, author *identity.ID) error {
	if err := identity.ParseRecord(raw, limit, domain, r, func() identity.ID { return *author }); err != nil {
		return err
	}
	if !r.valid() {
		return identity.ErrMalformed
	}
	return nil
}

// parsed hands out a record only when nothing is wrong with it.
func parsed[R any](r *R, err error) (*R, error) {
	if err != nil {
		return nil, err
	}
	return r, nil
}
