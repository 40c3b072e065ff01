// This file holds one signed operation of the log: its kinds, its arguments, its bytes. What an operation means is in evaluate.go.

package room

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"stoa/identity"
)

// Kind says what an operation does. The numbers are on the wire and never change meaning.
type Kind uint8

// The kinds. The package documentation holds the table of who may use each and how concurrent ones merge.
const (
	KindAdmit  Kind = 1  // let a person in, on the evidence of their credential
	KindGrant  Kind = 2  // give a person a further grant, or replace those they have
	KindRevoke Kind = 3  // end a grant and what came of it, or close it for newcomers
	KindMute   Kind = 4  // silence a person
	KindUnmute Kind = 5  // undo a mute
	KindKick   Kind = 6  // put a person out; a later grant or pardon lets them back
	KindBan    Kind = 7  // put a person out for good; only a pardon lets them back
	KindPardon Kind = 8  // undo kicks and bans of a person
	KindLock   Kind = 9  // admit nobody of a rank below the author's
	KindUnlock Kind = 10 // undo locks
	KindTitle  Kind = 11 // name the room
	KindEpoch  Kind = 12 // commit to a new epoch secret
	KindClose  Kind = 13 // one owner's vote to end the room
	KindAdvert Kind = 14 // what a relay offers, and where it is
	KindAudit  Kind = 15 // what a member measured of a relay

	KindSchedule Kind = 16 // say when the room meets
	KindRecord   Kind = 17 // begin or end a recording
	KindConsent  Kind = 18 // let oneself be recorded, or not
	KindLower    Kind = 19 // take down a person's raised hand
)

var kindNames = [...]string{
	KindAdmit: "admit", KindGrant: "grant", KindRevoke: "revoke", KindMute: "mute", KindUnmute: "unmute", KindKick: "kick", KindBan: "ban",
	KindPardon: "pardon", KindLock: "lock", KindUnlock: "unlock", KindTitle: "title", KindEpoch: "epoch", KindClose: "close",
	KindAdvert: "advert", KindAudit: "audit", KindSchedule: "schedule", KindRecord: "record", KindConsent: "consent",
	KindLower: "lower",
}

// String returns the kind's name in lower case, or "kind(n)" for a number that is not a kind.
func (k Kind) String() string {
	if k.known() {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// lastKind is the highest of them.
const lastKind = KindLower

func (k Kind) known() bool { return k >= KindAdmit && k <= lastKind }

// Limits of one operation, in bytes unless said otherwise.
const (
	MaxOp     = 4096 // the whole signed record
	MaxDeps   = 16   // entries
	MaxTitle  = 120
	MaxReason = 140
	MaxPlaces = 4   // addresses in an advert
	MaxPlace  = 128 // of one of them
	MaxAbout  = 500 // the text of a schedule
)

// maxTime is the last ms of the year 9999, as in package identity.
const maxTime = 253402300799999

const opDomain = "stoa/op/1"

// Op is one operation as its author signed it. An Op from ParseOp or Compose has a true signature; it is immutable from then on.
type Op struct {
	Room   identity.RoomID `cbor:"1,keyasint"`
	Author identity.ID     `cbor:"2,keyasint"`
	Seq    uint64          `cbor:"3,keyasint"` // 1 + the author's highest in the operation's past, so a gap or a fork shows
	Deps   []identity.Hash `cbor:"4,keyasint"` // heads of the log as the author saw it; ascending, unique, at most MaxDeps
	Time   uint64          `cbor:"5,keyasint"` // hybrid clock, unix ms: later than every dep's. For display and expiry, never for authority
	Kind   Kind            `cbor:"6,keyasint"`
	Grant  identity.Hash   `cbor:"7,keyasint"` // the grant acted under; zero for a charter owner, and for every admit
	Target identity.ID     `cbor:"8,keyasint"` // the person acted upon; zero for kinds that act on the room
	Args   []byte          `cbor:"9,keyasint"` // the kind's arguments, CBOR; empty for kinds that have none

	raw  []byte // the signed record as received
	hash identity.Hash
	args opArgs
}

// AdmitArgs are the arguments of KindAdmit.
type AdmitArgs struct {
	Credential []byte `cbor:"1,keyasint"`           // identity.Credential.Bytes, every step redeemed
	Seat       []byte `cbor:"2,keyasint,omitempty"` // of who was seated when they came, so that the invite was redeemed long ago
	// When it was by the author's clock, unix ms, where that is behind the operation's time: what the credential is judged at. The time of
	// an operation is as fast as the fastest clock among those who wrote before. Zero: at the operation's time, or the seat's.
	When uint64 `cbor:"3,keyasint,omitempty"`
}

// GrantArgs are the arguments of KindGrant.
type GrantArgs struct {
	Grant   []byte `cbor:"1,keyasint"` // identity.Grant.Bytes: issued by the author to Target, under the grant acted under
	Replace bool   `cbor:"2,keyasint"` // first end every other grant that Target holds
}

// RevokeArgs are the arguments of KindRevoke.
type RevokeArgs struct {
	Grant identity.Hash `cbor:"1,keyasint"`
	Keep  bool          `cbor:"2,keyasint"` // true: whoever is in stays in, the grant admits nobody else
}

// RemoveArgs are the arguments of KindKick and KindBan.
type RemoveArgs struct {
	Reason string        `cbor:"1,keyasint"` // at most MaxReason bytes, shown to everyone
	Closes identity.Hash `cbor:"2,keyasint"` // zero, or the invite the person came by: closed for newcomers too
}

// TitleArgs are the arguments of KindTitle.
type TitleArgs struct {
	Text string `cbor:"1,keyasint"` // at most MaxTitle bytes
}

// EpochArgs are the arguments of KindEpoch.
type EpochArgs struct {
	Commit identity.Hash `cbor:"1,keyasint"` // SHA-256 of the 32-byte secret
	N      uint32        `cbor:"2,keyasint"` // 1 + the highest number in the operation's past
}

// AdvertArgs are the arguments of KindAdvert. An advert of no slots takes back the one before: the relay carries nobody any more.
type AdvertArgs struct {
	Slots uint16   `cbor:"1,keyasint"` // listeners that it offers to carry
	Kbps  uint32   `cbor:"2,keyasint"` // upload that it offers for them, kbit/s; 0 says nothing
	Addrs []string `cbor:"3,keyasint"` // where it is reached: at most MaxPlaces, of 1 to MaxPlace bytes
}

// AuditArgs are the arguments of KindAudit.
type AuditArgs struct {
	Kbps uint32 `cbor:"1,keyasint"` // upload measured, kbit/s
}

// ScheduleArgs are the arguments of KindSchedule. Without a start nothing is scheduled any more, and the rest is empty.
type ScheduleArgs struct {
	Starts uint64 `cbor:"1,keyasint"` // unix ms
	Ends   uint64 `cbor:"2,keyasint"` // unix ms, later than Starts
	Text   string `cbor:"3,keyasint"` // at most MaxAbout bytes
}

// RecordArgs are the arguments of KindRecord.
type RecordArgs struct {
	Ends identity.Hash `cbor:"1,keyasint"` // the recording that this ends; zero: this begins one
}

// ConsentArgs are the arguments of KindConsent.
type ConsentArgs struct {
	Recording identity.Hash `cbor:"1,keyasint"` // the operation that began it
	Yes       bool          `cbor:"2,keyasint"`
}

// LowerArgs are the arguments of KindLower.
type LowerArgs struct {
	Until uint64 `cbor:"1,keyasint"` // unix ms, not later than the operation: hands that the target raised by then are down
}

// opArgs are the arguments of an operation, parsed once. Only the fields of its kind are set.
type opArgs struct {
	credential identity.Credential
	seat       []byte // as signed
	when       uint64 // unix ms at which the credential of an admit without a seat is judged
	grant      identity.Grant
	replace    bool
	revoke     RevokeArgs
	remove     RemoveArgs
	title      string
	epoch      EpochArgs
	advert     AdvertArgs
	audit      AuditArgs
	schedule   ScheduleArgs
	record     RecordArgs
	consent    ConsentArgs
	lower      LowerArgs
}

// Hash names the operation: SHA-256 of its body as signed.
func (o *Op) Hash() identity.Hash { return o.hash }

// Raw is the signed record as it goes over the wire. The caller must not change it.
func (o *Op) Raw() []byte { return o.raw }

// Title is the text of a KindTitle operation.
func (o *Op) Title() string { return o.args.title }

// Epoch is the commitment of a KindEpoch operation.
func (o *Op) Epoch() EpochArgs { return o.args.epoch }

// Revoke is what a KindRevoke operation ends.
func (o *Op) Revoke() RevokeArgs { return o.args.revoke }

// Remove is the reason of a KindKick or KindBan operation, and the invite that it closes.
func (o *Op) Remove() RemoveArgs { return o.args.remove }

// Advert is what a KindAdvert operation offers.
func (o *Op) Advert() AdvertArgs { return o.args.advert }

// Audit is what a KindAudit operation measured.
func (o *Op) Audit() AuditArgs { return o.args.audit }

// Schedule is the time that a KindSchedule operation sets.
func (o *Op) Schedule() ScheduleArgs { return o.args.schedule }

// Record is the recording that a KindRecord operation ends, zero where it begins one.
func (o *Op) Record() RecordArgs { return o.args.record }

// Consent is the answer in a KindConsent operation.
func (o *Op) Consent() ConsentArgs { return o.args.consent }

// Conferred is the grant that a KindGrant or KindAdmit operation gives its Target; false for other kinds.
func (o *Op) Conferred() (g identity.Grant, replace, ok bool) {
	switch o.Kind {
	case KindGrant:
		return o.args.grant, o.args.replace, true
	case KindAdmit:
		return o.args.credential.Leaf(), false, true
	}
	return identity.Grant{}, false, false
}

// Credential is the evidence that a KindAdmit operation carries; nil for other kinds.
func (o *Op) Credential() identity.Credential { return o.args.credential }

// ParseOp reads one signed record and checks everything that the record alone can show: size, encoding, arguments, signature.
// It does not look at grants or at other operations; Log.Add does. Errors: identity.ErrMalformed, identity.ErrForged.
func ParseOp(raw []byte) (*Op, error) {
	if len(raw) > MaxOp {
		return nil, fmt.Errorf("operation of %d bytes: %w", len(raw), identity.ErrMalformed)
	}
	body, sigs, err := identity.Unpack(raw, 1)
	if err != nil {
		return nil, fmt.Errorf("operation: %w", err)
	}
	o, err := parseBody(body)
	if err != nil {
		return nil, err
	}
	if !identity.Verify(o.Author, opDomain, sigs[0], body) {
		return nil, fmt.Errorf("operation of %s: %w", o.Author.Short(), identity.ErrForged)
	}
	o.raw = bytes.Clone(raw)
	return o, nil
}

func parseBody(body []byte) (*Op, error) {
	var o Op
	if err := identity.Unmarshal(body, &o); err != nil {
		return nil, fmt.Errorf("operation body: %w", err)
	}
	o.hash = identity.HashOf(body)
	if err := o.checkShape(); err != nil {
		return nil, fmt.Errorf("%w: %w", identity.ErrMalformed, err)
	}
	if err := o.parseArgs(); err != nil {
		return nil, fmt.Errorf("%s operation: %w: %w", o.Kind, identity.ErrMalformed, err)
	}
	return &o, nil
}

// checkShape checks what every kind shares.
func (o *Op) checkShape() error {
	switch {
	case !o.Kind.known():
		return fmt.Errorf("unknown %s", o.Kind)
	case o.Seq == 0:
		return errors.New("sequence starts at 1")
	case o.Time > maxTime:
		return errors.New("time out of range")
	case len(o.Deps) > MaxDeps:
		return fmt.Errorf("%d deps", len(o.Deps))
	case o.Kind.onPerson() == o.Target.IsZero():
		return fmt.Errorf("%s and its target do not fit", o.Kind)
	case (o.Kind == KindAdmit || o.Kind == KindClose) && !o.Grant.IsZero():
		return fmt.Errorf("%s acts under no grant", o.Kind)
	}
	for i := 1; i < len(o.Deps); i++ {
		if bytes.Compare(o.Deps[i-1][:], o.Deps[i][:]) >= 0 {
			return errors.New("deps are not ascending")
		}
	}
	return nil
}

// onPerson reports whether operations of this kind name a person.
func (k Kind) onPerson() bool {
	switch k {
	case KindAdmit, KindGrant, KindMute, KindUnmute, KindKick, KindBan, KindPardon, KindAudit, KindLower:
		return true
	}
	return false
}

// overPerson reports whether operations of this kind need a rank above the person's. An audit only tells what was measured.
func (k Kind) overPerson() bool { return k.onPerson() && k != KindAudit }

// reports tells whether operations of this kind only tell what is the case. They come more often than what people decide.
func (k Kind) reports() bool { return k == KindAdvert || k == KindAudit }

// begins tells whether o begins a recording.
func (o *Op) begins() bool { return o.Kind == KindRecord && o.args.record.Ends.IsZero() }

func (o *Op) parseArgs() error {
	switch o.Kind {
	case KindAdmit:
		return o.parseAdmit()
	case KindGrant:
		return o.parseGrant()
	case KindRevoke:
		if err := identity.Unmarshal(o.Args, &o.args.revoke); err != nil {
			return err
		}
		if o.args.revoke.Grant.IsZero() {
			return errors.New("names no grant")
		}
	case KindKick, KindBan:
		if err := identity.Unmarshal(o.Args, &o.args.remove); err != nil {
			return err
		}
		return checkText(o.args.remove.Reason, MaxReason)
	case KindTitle:
		var a TitleArgs
		if err := identity.Unmarshal(o.Args, &a); err != nil {
			return err
		}
		o.args.title = a.Text
		return checkText(a.Text, MaxTitle)
	case KindEpoch:
		if err := identity.Unmarshal(o.Args, &o.args.epoch); err != nil {
			return err
		}
		if o.args.epoch.Commit.IsZero() || o.args.epoch.N == 0 {
			return errors.New("epoch without commitment or number")
		}
	case KindAdvert:
		if err := identity.Unmarshal(o.Args, &o.args.advert); err != nil {
			return err
		}
		return o.args.advert.check()
	case KindAudit:
		return identity.Unmarshal(o.Args, &o.args.audit)
	case KindSchedule:
		if err := identity.Unmarshal(o.Args, &o.args.schedule); err != nil {
			return err
		}
		return o.args.schedule.check()
	case KindRecord:
		return identity.Unmarshal(o.Args, &o.args.record)
	case KindConsent:
		if err := identity.Unmarshal(o.Args, &o.args.consent); err != nil {
			return err
		}
		if o.args.consent.Recording.IsZero() {
			return errors.New("consent to no recording")
		}
	case KindLower:
		if err := identity.Unmarshal(o.Args, &o.args.lower); err != nil {
			return err
		}
		if until := o.args.lower.Until; until == 0 || until > o.Time {
			return errors.New("lowers the hands of no time, or of one that is to come")
		}
	default:
		if len(o.Args) != 0 {
			return errors.New("takes no arguments")
		}
	}
	return nil
}

func (a *AdvertArgs) check() error {
	if len(a.Addrs) > MaxPlaces {
		return fmt.Errorf("%d addresses", len(a.Addrs))
	}
	for _, addr := range a.Addrs {
		if addr == "" || !plain(addr, MaxPlace) {
			return errors.New("an address of no or too many bytes, or not printable")
		}
	}
	return nil
}

func (a *ScheduleArgs) check() error {
	switch {
	case *a == ScheduleArgs{}:
		return nil
	case a.Starts == 0 || a.Ends <= a.Starts || a.Ends > maxTime:
		return errors.New("it does not end after it starts")
	}
	return checkText(a.Text, MaxAbout)
}

func (o *Op) parseAdmit() error {
	var a AdmitArgs
	if err := identity.Unmarshal(o.Args, &a); err != nil {
		return err
	}
	cred, err := identity.ParseCredential(a.Credential)
	if err != nil {
		return err
	}
	if cred.Holder() != o.Target {
		return errors.New("the credential is not the target's")
	}
	if len(a.Seat) > MaxSeat {
		return errors.New("a seat of too many bytes")
	}
	o.args.credential, o.args.seat, o.args.when = cred, a.Seat, o.Time
	switch {
	case a.When == 0:
		return nil
	case len(a.Seat) > 0:
		return errors.New("a time beside a seat")
	case a.When >= o.Time || o.Time-a.When > mostBehind:
		return errors.New("its author's clock is ahead of its time, or too far behind it")
	}
	o.args.when = a.When
	return nil
}

func (o *Op) parseGrant() error {
	var a GrantArgs
	if err := identity.Unmarshal(o.Args, &a); err != nil {
		return err
	}
	g, err := identity.ParseGrant(a.Grant)
	if err != nil {
		return err
	}
	if g.Invite || g.Subject != o.Target || g.Issuer != o.Author || g.Parent != o.Grant {
		return errors.New("the grant is not the author's to the target under the grant acted under")
	}
	o.args.grant, o.args.replace = g, a.Replace
	return nil
}

// checkText allows printable text of one line: a title or reason is shown in terminals and pages.
func checkText(s string, limit int) error {
	if len(s) > limit || !utf8.ValidString(s) {
		return fmt.Errorf("text of %d bytes, or not UTF-8", len(s))
	}
	for _, r := range s {
		if r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == '\u2028' || r == '\u2029' || (r >= '\u202a' && r <= '\u202e') || (r >= '\u2066' && r <= '\u2069') {
			return errors.New("text with control characters")
		}
	}
	return nil
}

// sign encodes the body, signs it and fills what ParseOp would have filled. Args must be encoded already.
func (o *Op) sign(k *identity.Key) (*Op, error) {
	body := identity.Marshal(o)
	signed, err := parseBody(body)
	if err != nil {
		return nil, err
	}
	signed.raw = identity.Pack(body, k.Sign(opDomain, body))
	if len(signed.raw) > MaxOp {
		return nil, fmt.Errorf("operation of %d bytes: %w", len(signed.raw), identity.ErrMalformed)
	}
	return signed, nil
}
