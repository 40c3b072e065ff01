// The making of the vectors, from fixed seeds: people, a room, and every way to be wrong that somebody
// thought of.

package identity

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// The people of the vectors.
var (
	owner   = KeyFromSeed([32]byte{1})
	partner = KeyFromSeed([32]byte{2}) // second owner
	mod     = KeyFromSeed([32]byte{3})
	ana     = KeyFromSeed([32]byte{4})
	ben     = KeyFromSeed([32]byte{5})
	thief   = KeyFromSeed([32]byte{6})
	oneTime = KeyFromSeed([32]byte{7}) // of an invite by the owner
	another = KeyFromSeed([32]byte{8}) // of an invite by mod
	third   = KeyFromSeed([32]byte{9}) // of an invite by ana
)

// noon is the time of the vectors; minute and hour are in ms.
const (
	noon   uint64 = 1_800_000_000_000
	minute uint64 = 60_000
	hour   uint64 = 60 * minute
)

// smallKey is the point of order 1, in its canonical encoding.
var smallKey = ID{1}

// loose is p+3 = 2^255-16: the number 3 in an encoding that is not the canonical one.
var loose = func() (id ID) {
	for i := range id {
		id[i] = 0xff
	}
	id[0], id[31] = 0xf0, 0x7f
	return id
}()

// maker collects vectors of one record.
type maker struct {
	t      testing.TB
	record string
	head   []string // headers of every vector of the record
	all    *[]*vector
}

func (m *maker) add(name, expect, why string, data []byte, head ...string) {
	v := &vector{record: m.record, name: name, data: data, head: map[string]string{"expect": expect, "why": why}}
	pairs := slices.Concat(m.head, head)
	for i := 0; i < len(pairs); i += 2 {
		v.head[pairs[i]] = pairs[i+1]
	}
	*m.all = append(*m.all, v)
}

func makeVectors(t testing.TB) []*vector {
	var all []*vector
	makeCharters(&maker{t: t, record: "charter", all: &all})
	makeGrants(&maker{t: t, record: "grant", all: &all})
	makeRedeems(&maker{t: t, record: "redeem", all: &all})
	makeCredentials(&maker{t: t, record: "credential", all: &all})
	makeInvites(&maker{t: t, record: "invite", all: &all})
	makeKeys(&maker{t: t, record: "key", all: &all})
	return all
}

// must unwraps what cannot fail in a table.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// signRaw packs a body, whatever it is, with true signatures over it.
func signRaw(domain string, body []byte, keys ...*Key) []byte {
	var sigs [][]byte
	for _, k := range keys {
		sigs = append(sigs, k.Sign(domain, body))
	}
	return Pack(body, sigs...)
}

// pair is one field of a body, both halves encoded.
type pair struct{ key, value []byte }

// fields takes a body of CBOR apart, in order of its keys.
func fields(body []byte) []pair {
	var raw map[uint64]cbor.RawMessage
	if err := cbor.Unmarshal(body, &raw); err != nil {
		panic(err)
	}
	var pairs []pair
	for k := range uint64(24) {
		if v, ok := raw[k]; ok {
			pairs = append(pairs, pair{[]byte{byte(k)}, v})
		}
	}
	return pairs
}

// join puts fields together behind the given head.
func join(head []byte, pairs []pair, tail ...byte) []byte {
	b := bytes.Clone(head)
	for _, p := range pairs {
		b = append(append(b, p.key...), p.value...)
	}
	return append(b, tail...)
}

// mapHead is the head of a map of n < 24 pairs.
func mapHead(n int) []byte { return []byte{0xa0 | byte(n)} }

// addEncodings adds the ways to write the same record differently, each truly signed.
func (m *maker) addEncodings(domain string, body []byte, keys ...*Key) {
	pairs := fields(body)
	n := len(pairs)
	last := pairs[n-1] // a nonce: a byte string
	nonce := last.value[1:]
	signed := func(name, why string, body []byte) {
		m.add("encoding-"+name, "malformed", why, signRaw(domain, body, keys...))
	}
	with := func(value ...byte) []byte {
		return join(mapHead(n), append(slices.Clone(pairs[:n-1]), pair{last.key, value}))
	}
	swapped := slices.Clone(pairs)
	swapped[0], swapped[1] = swapped[1], swapped[0]
	signed("unknown-field", "a field that no reader knows", join(mapHead(n+1), append(slices.Clone(pairs), pair{[]byte{23}, []byte{0}})))
	signed("field-twice", "the last field twice", join(mapHead(n+1), append(slices.Clone(pairs), last)))
	signed("field-order", "the first two fields exchanged", join(mapHead(n), swapped))
	signed("field-missing", "without the nonce", join(mapHead(n-1), pairs[:n-1]))
	signed("long-key", "a key in two bytes where one does", join(mapHead(n), append(slices.Clone(pairs[:n-1]), pair{[]byte{0x18, last.key[0]}, last.value})))
	signed("long-head", "the map's head in two bytes where one does", join([]byte{0xb8, byte(n)}, pairs))
	signed("indefinite", "a map of indefinite length", join([]byte{0xbf}, pairs, 0xff))
	signed("indefinite-bytes", "a byte string of indefinite length", with(append(append([]byte{0x5f}, last.value...), 0xff)...))
	signed("tagged", "a tag before the body", append([]byte{0xc1}, body...))
	signed("null", "null for the nonce", with(0xf6))
	signed("undefined", "undefined for the nonce", with(0xf7))
	signed("text", "text for bytes", with(append([]byte{0x60 | byte(len(nonce))}, nonce...)...))
	signed("numbers", "an array of numbers for bytes", with(append([]byte{0x80 | byte(len(nonce))}, make([]byte, len(nonce))...)...))
	signed("short", "a nonce with a byte missing", with(append([]byte{0x40 | byte(len(nonce)-1)}, nonce[1:]...)...))
	signed("long", "a nonce with a byte more", with(append(append([]byte{0x40 | byte(len(nonce)+1)}, nonce...), 0)...))
	signed("nested", "arrays in arrays, a hundred deep", with(append(bytes.Repeat([]byte{0x81}, 100), 0)...))
	signed("trailing", "a byte behind the body, and signed", append(bytes.Clone(body), 0))
	signed("array", "an array for a map", []byte{0x80})
	signed("empty", "a body of no bytes", nil)
	whole := signRaw(domain, body, keys...)
	m.add("frame-empty", "malformed", "no bytes at all", nil)
	m.add("frame-no-body", "malformed", "an array of nothing", []byte{0x80})
	m.add("frame-trailing", "malformed", "a byte behind the record", append(bytes.Clone(whole), 0))
	m.add("frame-cut", "malformed", "the last byte is missing", whole[:len(whole)-1])
	m.add("frame-unsigned", "malformed", "a body and no signature", Pack(body))
	m.add("frame-signed-twice", "malformed", "a signature too many", signRaw(domain, body, append(keys, keys[0])...))
	m.add("frame-short-signature", "malformed", "a signature of 63 bytes", Pack(body, make([]byte, 63)))
	m.add("frame-64k", "malformed", "larger than any record", Pack(make([]byte, 64<<10), make([]byte, SigSize)))
	m.add("wrong-domain", "forged", "signed for another purpose", signRaw("stoa/other/1", body, keys...))
}

func charterOf(change ...func(*Charter)) Charter {
	c := Charter{
		Owners: []ID{owner.ID(), partner.ID()}, Threshold: 1, Created: noon, Nonce: [16]byte{1, 2, 3},
		Policy: Policy{Listed: true, Topic: "λόγος", Lang: "el", Reclaim: 7 * 24 * 3600},
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

var charter = must(SignCharter(charterOf(), owner, partner))

// elsewhere is another room of the same owners.
var elsewhere = must(SignCharter(charterOf(func(c *Charter) { c.Nonce[0] = 9 }), owner, partner))

func makeCharters(m *maker) {
	ok := func(name, why string, c Charter, keys ...*Key) {
		signed := must(SignCharter(c, keys...))
		m.add(name, "ok", why, signed.Bytes(), "id", signed.ID().String())
	}
	ok("ok", "two owners, listed", charterOf(), owner, partner)
	ok("ok-least", "one owner, nothing else", Charter{Owners: []ID{owner.ID()}, Threshold: 1, Created: 1}, owner)
	ok("ok-most", "everything at its bound", charterOf(func(c *Charter) {
		c.Owners = []ID{owner.ID(), partner.ID(), mod.ID(), ana.ID(), ben.ID()}
		c.Successors = []ID{thief.ID(), oneTime.ID(), another.ID(), third.ID(), KeyFromSeed([32]byte{10}).ID()}
		c.Threshold, c.Created = 5, maxTime
		c.Policy = Policy{Listed: true, Topic: strings.Repeat("t", MaxTopic), Lang: strings.Repeat("l", MaxTopic), Reclaim: 1<<32 - 1}
	}), owner, partner, mod, ana, ben)

	ok("ok-volunteers", "relays of strangers are welcome", charterOf(func(c *Charter) { c.Policy.Volunteers = true }), owner, partner)

	bad := func(name, why string, change func(*Charter), keys ...*Key) {
		m.add(name, "malformed", why, signRaw(DomainCharter, Marshal(charterBody(charterOf(change))), keys...))
	}
	bad("no-owner", "a room of nobody", func(c *Charter) { c.Owners = nil })
	bad("six-owners", "one too many", func(c *Charter) {
		c.Owners = []ID{owner.ID(), partner.ID(), mod.ID(), ana.ID(), ben.ID(), thief.ID()}
	}, owner, partner, mod, ana, ben, thief)
	bad("six-successors", "one too many", func(c *Charter) {
		c.Successors = []ID{mod.ID(), ana.ID(), ben.ID(), thief.ID(), oneTime.ID(), another.ID()}
	}, owner, partner)
	bad("owner-twice", "one owner counted twice", func(c *Charter) { c.Owners[1] = owner.ID() }, owner, owner)
	bad("owner-succeeds", "an owner among the successors", func(c *Charter) { c.Successors = []ID{partner.ID()} }, owner, partner)
	bad("threshold-none", "nobody is needed", func(c *Charter) { c.Threshold = 0 }, owner, partner)
	bad("threshold-high", "more than there are", func(c *Charter) { c.Threshold = 3 }, owner, partner)
	bad("small-order-owner", "a key under which everything is signed", func(c *Charter) { c.Owners[0] = smallKey }, owner, partner)
	bad("not-canonical-owner", "a key with a second name", func(c *Charter) { c.Owners[0] = loose }, owner, partner)
	bad("small-order-successor", "a key under which everything is signed", func(c *Charter) { c.Successors = []ID{smallKey} }, owner, partner)
	bad("topic-long", "33 bytes", func(c *Charter) { c.Policy.Topic = strings.Repeat("t", MaxTopic+1) }, owner, partner)
	bad("topic-control", "it would draw on a terminal", func(c *Charter) { c.Policy.Topic = "\x1b[2J" }, owner, partner)
	bad("lang-long", "33 bytes", func(c *Charter) { c.Policy.Lang = strings.Repeat("t", MaxTopic+1) }, owner, partner)
	bad("created-never", "no time", func(c *Charter) { c.Created = 0 }, owner, partner)
	bad("created-late", "after the year 9999", func(c *Charter) { c.Created = maxTime + 1 }, owner, partner)
	bad("one-signature", "two owners and one signature", func(*Charter) {}, owner)
	m.add("signatures-exchanged", "forged", "each in the other's place", signRaw(DomainCharter, charter.body, partner, owner))
	m.add("signed-by-another", "forged", "the second owner did not sign", signRaw(DomainCharter, charter.body, owner, thief))
	m.addEncodings(DomainCharter, charter.body, owner, partner)
}

func personal(change ...func(*Grant)) Grant {
	g := Grant{
		Room: charter.ID(), Issuer: owner.ID(), Subject: ana.ID(), Role: RoleSpeaker, Caps: RoleSpeaker.Caps(),
		Rank: RoleSpeaker.Rank(), Nonce: [8]byte{1, 2, 3},
	}
	for _, f := range change {
		f(&g)
	}
	return g
}

func open(change ...func(*Grant)) Grant {
	return personal(append([]func(*Grant){func(g *Grant) {
		g.Invite, g.Subject = true, oneTime.ID()
		g.NotBefore, g.Expires = noon-hour, noon+hour
	}}, change...)...)
}

func makeGrants(m *maker) {
	m.add("ok-person", "ok", "to a person, for ever", signGrant(owner, personal()).Bytes())
	m.add("ok-invite", "ok", "to whoever has the link, for two hours", signGrant(owner, open()).Bytes())
	m.add("ok-most", "ok", "everything at its bound", signGrant(owner, open(func(g *Grant) {
		g.For, g.Role, g.Caps, g.Rank, g.Depth = ben.ID(), RoleModerator, AllCaps, 1<<16-1, maxDepth
		g.NotBefore, g.Expires, g.Uses, g.Exact, g.Parent = 1, maxTime, 1<<32-1, true, HashOf(nil)
	})).Bytes())

	m.add("ok-relay", "ok", "to a relay, with slots", signGrant(owner, personal(func(g *Grant) {
		g.Role, g.Caps, g.Rank, g.Slots = RoleRelay, CapRelay, RoleRelay.Rank(), MaxSlots
	})).Bytes())

	bad := func(name, expect, why string, change func(*Grant)) {
		m.add(name, expect, why, signRaw(DomainGrant, Marshal(grantBody(personal(change))), owner))
	}
	bad("no-room", "malformed", "for no room", func(g *Grant) { g.Room = RoomID{} })
	bad("to-itself", "malformed", "issued to its issuer", func(g *Grant) { g.Subject = g.Issuer })
	bad("role-none", "malformed", "no role", func(g *Grant) { g.Role = 0 })
	bad("role-unknown", "malformed", "a sixth role", func(g *Grant) { g.Role = 6 })
	bad("role-owner", "widened", "owners are not made", func(g *Grant) { g.Role = RoleOwner })
	bad("rank-zero", "widened", "the owners' rank", func(g *Grant) { g.Rank = 0 })
	bad("caps-none", "malformed", "a grant of nothing", func(g *Grant) { g.Caps = 0 })
	bad("caps-unknown", "malformed", "a capability that has no name", func(g *Grant) { g.Caps |= capEnd })
	bad("depth-three", "toodeep", "a chain of four", func(g *Grant) { g.Depth = MaxChain })
	bad("expires-first", "malformed", "ends before it begins", func(g *Grant) { g.NotBefore, g.Expires = noon, noon-1 })
	bad("expires-late", "malformed", "after the year 9999", func(g *Grant) { g.Expires = maxTime + 1 })
	bad("person-counted", "malformed", "uses of what is not redeemed", func(g *Grant) { g.Uses = 1 })
	bad("person-exact", "malformed", "a count of what is not redeemed", func(g *Grant) { g.Exact = true })
	bad("person-bound", "malformed", "bound, of what is not redeemed", func(g *Grant) { g.For = ben.ID() })
	bad("slots-of-none", "malformed", "slots of what carries nobody", func(g *Grant) { g.Slots = 1 })
	bad("slots-many", "malformed", "65536 slots", func(g *Grant) { g.Caps, g.Slots = CapRelay, MaxSlots+1 })
	bad("small-order-subject", "malformed", "everybody could sign for it", func(g *Grant) { g.Subject = smallKey })
	bad("not-canonical-subject", "malformed", "a key with a second name", func(g *Grant) { g.Subject = loose })
	bad("small-order-for", "malformed", "everybody could redeem it", func(g *Grant) {
		g.Invite, g.For = true, smallKey
	})
	m.add("small-order-issuer", "malformed", "a signature without a key, that a plain Ed25519 verifier accepts", universal(m.t))
	m.add("signed-by-another", "forged", "not by its issuer", signRaw(DomainGrant, Marshal(grantBody(personal())), thief))
	m.addEncodings(DomainGrant, Marshal(grantBody(personal())), owner)
}

// universal makes a grant issued by the key of order 1, with the signature R = that point, S = 0. Of a point
// A of order 1 every multiple is itself, so S*B = R + k*A holds whatever was signed.
func universal(t testing.TB) []byte {
	g := personal(func(g *Grant) { g.Issuer = smallKey })
	body := Marshal(grantBody(g))
	sig := make([]byte, SigSize)
	sig[0] = 1
	if !ed25519.Verify(smallKey[:], signedBytes(DomainGrant, [][]byte{body}), sig) {
		t.Fatal("the attack that this vector stands for does not work")
	}
	return Pack(body, sig)
}

func redeemOf(g Grant, change ...func(*Redeem)) Redeem {
	r := Redeem{Room: g.Room, Grant: g.Hash(), Person: ana.ID(), Time: noon, Nonce: [8]byte{4, 5, 6}}
	for _, f := range change {
		f(&r)
	}
	return r
}

func makeRedeems(m *maker) {
	g := signGrant(owner, open())
	bound := signGrant(owner, open(func(g *Grant) { g.For = ana.ID() }))
	m.head = []string{"grant", hex.EncodeToString(g.Bytes())}
	forBound := []string{"grant", hex.EncodeToString(bound.Bytes())}
	signed := func(name, expect, why string, r Redeem, head ...string) {
		m.add(name, expect, why, signRaw(DomainRedeem, Marshal(redeemBody(r)), oneTime, ana), head...)
	}
	at := func(ms uint64) Redeem { return redeemOf(g, func(r *Redeem) { r.Time = ms }) }
	signed("ok", "ok", "within its time", redeemOf(g))
	signed("ok-first", "ok", "in the first millisecond", at(g.NotBefore))
	signed("ok-last", "ok", "in the last millisecond", at(g.Expires))
	signed("ok-bound", "ok", "by the person it is for", redeemOf(bound), forBound...)
	signed("early", "notyet", "a millisecond early", at(g.NotBefore-1))
	signed("late", "expired", "a millisecond late", at(g.Expires+1))
	signed("time-none", "malformed", "at no time", at(0))
	signed("time-late", "malformed", "after the year 9999", at(maxTime+1))
	signed("other-grant", "malformed", "of another invite", redeemOf(bound))
	signed("other-room", "wrongroom", "names another room", redeemOf(g, func(r *Redeem) { r.Room = elsewhere.ID() }))
	signed("no-room", "malformed", "names no room", redeemOf(g, func(r *Redeem) { r.Room = RoomID{} }))
	signed("no-grant", "malformed", "names no grant", redeemOf(g, func(r *Redeem) { r.Grant = Hash{} }))
	signed("not-for-you", "notforyou", "by another than it is for",
		redeemOf(bound, func(r *Redeem) { r.Person = thief.ID() }), forBound...)
	signed("by-itself", "malformed", "the invite's own key as the person", redeemOf(g, func(r *Redeem) { r.Person = oneTime.ID() }))
	signed("small-order-person", "malformed", "everybody could be this person", redeemOf(g, func(r *Redeem) { r.Person = smallKey }))
	signed("not-canonical-person", "malformed", "a key with a second name", redeemOf(g, func(r *Redeem) { r.Person = loose }))

	body := Marshal(redeemBody(redeemOf(g)))
	stolen := Marshal(redeemBody(redeemOf(g, func(r *Redeem) { r.Person = thief.ID() })))
	theirs := oneTime.Sign(DomainRedeem, body)
	m.add("replayed-by-thief", "forged", "another person with the invite's signature copied off the wire",
		Pack(stolen, theirs, thief.Sign(DomainRedeem, stolen)))
	m.add("person-copied", "forged", "one who has the link names another person", Pack(body, theirs, thief.Sign(DomainRedeem, body)))
	m.add("signatures-exchanged", "forged", "each in the other's place", signRaw(DomainRedeem, body, ana, oneTime))
	m.add("frame-one-signature", "malformed", "the person's is missing", signRaw(DomainRedeem, body, oneTime))
	m.addEncodings(DomainRedeem, body, oneTime, ana)
}

// The chain of the vectors: the owner invites mod, mod gives ana a moderator's grant, ana invites ben.
func rootGrant(change ...func(*Grant)) Grant {
	return signGrant(owner, open(append([]func(*Grant){func(g *Grant) {
		g.Role, g.Caps, g.Rank, g.Depth = RoleModerator, RoleModerator.Caps(), 10, 2
	}}, change...)...))
}

func rootLink(change ...func(*Grant)) Link {
	g := rootGrant(change...)
	return Link{Grant: g, Redeem: signRedeem(oneTime, mod, redeemOf(g, func(r *Redeem) { r.Person = mod.ID() }))}
}

func middleLink(parent Link, change ...func(*Grant)) Link {
	return Link{Grant: signGrant(mod, personal(append([]func(*Grant){func(g *Grant) {
		g.Issuer, g.Parent = mod.ID(), parent.Grant.Hash()
		g.Role, g.Caps, g.Rank, g.Depth = RoleModerator, RoleModerator.Caps(), 11, 1
		g.NotBefore, g.Expires = noon-hour, noon+hour
	}}, change...)...))}
}

func leafGrant(parent Link, change ...func(*Grant)) Grant {
	return signGrant(ana, open(append([]func(*Grant){func(g *Grant) {
		g.Issuer, g.Subject, g.Parent = ana.ID(), third.ID(), parent.Grant.Hash()
	}}, change...)...))
}

func leafLink(parent Link, change ...func(*Grant)) Link {
	g := leafGrant(parent, change...)
	return Link{Grant: g, Redeem: signRedeem(third, ben, redeemOf(g, func(r *Redeem) { r.Person = ben.ID() }))}
}

// threeGrants is the longest chain there may be.
func threeGrants() Credential {
	root := rootLink()
	middle := middleLink(root)
	return Credential{root, middle, leafLink(middle)}
}

func makeCredentials(m *maker) {
	m.head = []string{"charter", hex.EncodeToString(charter.Bytes())}
	at := func(name, expect, why string, c Credential, now uint64) {
		m.add(name, expect, why, c.Bytes(), "now", strconv.FormatUint(now, 10))
	}
	add := func(name, expect, why string, c Credential) { at(name, expect, why, c, noon) }
	slack := uint64(ClockSlack.Milliseconds())

	root := rootLink()
	middle := middleLink(root)
	plain := Credential{{Grant: signGrant(owner, personal())}}
	timed := Credential{{Grant: signGrant(owner, personal(func(g *Grant) { g.NotBefore, g.Expires = noon-hour, noon+hour }))}}
	add("ok-person", "ok", "one grant to a person", plain)
	add("ok-redeemed", "ok", "one invite, redeemed", Credential{root})
	add("ok-two", "ok", "an invite and a grant below it", Credential{root, middle})
	add("ok-three", "ok", "the longest chain", threeGrants())
	at("ok-person-first", "ok", "two minutes early: a clock may be wrong by so much", timed, noon-hour-slack)
	at("ok-person-last", "ok", "two minutes late", timed, noon+hour+slack)
	at("person-early", "notyet", "and a millisecond", timed, noon-hour-slack-1)
	at("person-late", "expired", "and a millisecond", timed, noon+hour+slack+1)
	at("ok-redeemed-last", "ok", "two minutes late", Credential{root}, noon+hour+slack)
	at("redeemed-late", "expired", "redeemed in time, shown too late: the time in a redemption is only a claim", Credential{root}, noon+hour+slack+1)
	at("ok-redeemed-ahead", "ok", "the person's clock is fast, which decides nothing", Credential{root}, noon-30*minute)
	at("ok-parent-over", "ok", "the invite above was redeemed in its time: membership goes on after it", Credential{
		root, middleLink(root, func(g *Grant) { g.NotBefore, g.Expires = 0, 0 })}, noon+24*hour)

	redeemedAt := func(ms uint64) Link {
		return Link{Grant: root.Grant, Redeem: signRedeem(oneTime, mod, redeemOf(root.Grant, func(r *Redeem) { r.Person, r.Time = mod.ID(), ms }))}
	}
	add("redemption-early", "notyet", "before its invite", Credential{redeemedAt(noon - hour - 1)})
	add("redemption-late", "expired", "after its invite", Credential{redeemedAt(noon + hour + 1), middle})

	add("wrong-room", "wrongroom", "good, and of another room", Credential{{Grant: signGrant(owner, personal(func(g *Grant) { g.Room = elsewhere.ID() }))}})
	add("room-changes", "wrongroom", "the second grant is of another room", Credential{root, middleLink(root, func(g *Grant) { g.Room = elsewhere.ID() })})
	add("not-owner", "notowner", "begins with somebody else", Credential{{Grant: signGrant(thief, personal(func(g *Grant) { g.Issuer = thief.ID() }))}})
	add("no-beginning", "malformed", "without its first grant", Credential{middle})
	add("other-parent", "malformed", "below a grant that is not its parent", Credential{rootLink(func(g *Grant) { g.Nonce[0]++ }), middle})
	add("not-holder", "forged", "issued below mod's grant by a thief", Credential{root, {Grant: signGrant(thief, personal(func(g *Grant) {
		g.Issuer, g.Parent, g.Rank = thief.ID(), root.Grant.Hash(), 11
	}))}})
	add("four-grants", "toodeep", "one too many", append(threeGrants(), Link{Grant: signGrant(ben, personal(func(g *Grant) { g.Issuer = ben.ID() }))}))
	add("cycle", "malformed", "the first grant once more at the end", Credential{root, middle, root})
	add("none", "malformed", "a chain of nothing", Credential{})
	add("not-redeemed", "malformed", "an invite that nobody took up", Credential{{Grant: root.Grant}})
	add("not-redeemed-above", "malformed", "a grant below one", Credential{{Grant: root.Grant}, middle})
	add("redeemed-person", "malformed", "a grant to a person, redeemed", Credential{{Grant: plain[0].Grant, Redeem: root.Redeem}})

	wider := func(name, expect, why string, change func(*Grant)) {
		add("wider-"+name, expect, why, Credential{root, middleLink(root, change)})
	}
	wider("caps", "widened", "to end the room, which mod may not", func(g *Grant) { g.Caps |= CapEnd })
	wider("rank", "widened", "the same rank", func(g *Grant) { g.Rank = 10 })
	wider("depth", "widened", "the same depth", func(g *Grant) { g.Depth = 2 })
	add("wider-expiry", "widened", "ends after the grant above it", Credential{root, middle, leafLink(middle, func(g *Grant) { g.Expires++ })})
	add("wider-for-ever", "widened", "does not end, and the grant above it does", Credential{root, middle, leafLink(middle, func(g *Grant) { g.Expires = 0 })})
	add("wider-begin", "widened", "begins before the grant above it", Credential{root, middle, leafLink(middle, func(g *Grant) { g.NotBefore-- })})
	wider("slots", "widened", "65 slots below the 64 of a grant that names none", func(g *Grant) { g.Slots = DefaultSlots + 1 })
	narrow := rootLink(func(g *Grant) { g.Slots = 8 })
	add("wider-slots-default", "widened", "the 64 of a grant that names none below 8", Credential{narrow, middleLink(narrow)})
	add("ok-slots", "ok", "8 below 8", Credential{narrow, middleLink(narrow, func(g *Grant) { g.Slots = 8 })})
	flat := rootLink(func(g *Grant) { g.Depth = 0 })
	add("not-passed-on", "toodeep", "below a grant that is not to be passed on", Credential{flat, middleLink(flat, func(g *Grant) { g.Depth = 0 })})
	guest := rootLink(func(g *Grant) { g.Caps &^= CapInvite | CapStage })
	add("may-not-issue", "widened", "its issuer may neither invite nor call to the stage", Credential{guest, middleLink(guest, func(g *Grant) { g.Caps = CapHear })})
	host := middleLink(root, func(g *Grant) { g.Caps &^= CapInvite })
	add("may-not-invite", "widened", "its issuer may call to the stage and not invite", Credential{root, host, leafLink(host)})

	makeForgedCredentials(m, root, middle)
}

// makeForgedCredentials breaks one signature of a chain at a time.
func makeForgedCredentials(m *maker, root, middle Link) {
	add := func(name, why string, c Credential) {
		m.add(name, "forged", why, c.Bytes(), "now", strconv.FormatUint(noon, 10))
	}
	forged := func(l Link) Link {
		l.Grant.sig = thief.Sign(DomainGrant, l.Grant.body)
		return l
	}
	last := leafLink(middle)
	taken := last
	taken.Redeem = signRedeem(thief, ben, *last.Redeem)
	named := last
	named.Redeem = signRedeem(third, thief, *last.Redeem)
	add("forged-first", "the owner did not sign", Credential{forged(root), middle, last})
	add("forged-middle", "mod did not sign", Credential{root, forged(middle), last})
	add("forged-last", "ana did not sign", Credential{root, middle, forged(last)})
	add("forged-invite", "the invite's key did not sign", Credential{root, middle, taken})
	add("forged-person", "ben did not sign", Credential{root, middle, named})
}

func inviteOf(chain Credential, seed *Key) *Invite {
	return &Invite{
		Room: charter.ID(), Rendezvous: [16]byte{7, 7, 7}, Seed: seed.Seed(), Chain: chain,
		Hints: [][]byte{{4, 127, 0, 0, 1, 0x91, 2, 0x1f, 0x90, 0xcd, 3}},
	}
}

// linkText writes a link as it is, whatever it is.
func linkText(version byte, payload []byte) string {
	return invitePrefix + base64.RawURLEncoding.EncodeToString(frame(version, payload))
}

func makeInvites(m *maker) {
	m.head = []string{"charter", hex.EncodeToString(charter.Bytes()), "seed", seedText(ana)}
	now := func(ms uint64) []string { return []string{"now", strconv.FormatUint(ms, 10)} }
	add := func(name, expect, why, text string, head ...string) {
		m.add(name, expect, why, []byte(text), append(now(noon), head...)...)
	}
	ok := inviteOf(Credential{{Grant: signGrant(owner, open())}}, oneTime)
	text := ok.String()
	bound := inviteOf(Credential{{Grant: signGrant(owner, open(func(g *Grant) { g.For = ana.ID() }))}}, oneTime).String()
	skew, slack := uint64(ClockSkew.Milliseconds()), uint64(ClockSlack.Milliseconds())
	add("ok", "ok", "for whoever has it", text)
	add("ok-bound", "ok", "for ana, and ana it is", bound)
	add("ok-three", "ok", "the longest chain", inviteOf(append(threeGrants()[:2:2], Link{Grant: threeGrants()[2].Grant}), third).String())
	add("ok-spaces", "ok", "with what copying leaves round it", " \t"+text+"\r\n")
	add("ok-slashes", "ok", "as some programs write it", strings.Replace(text, "stoa:", "stoa://", 1))
	door := func(joiner, door uint64) []string { return append(now(joiner), "door", strconv.FormatUint(door, 10)) }
	add("ok-first", "ok", "half an hour early: the clock at the door decides", text, door(noon-hour-skew, noon)...)
	add("ok-last", "ok", "half an hour late", text, door(noon+hour+skew, noon)...)
	add("early", "notyet", "and a millisecond", text, door(noon-hour-skew-1, noon)...)
	add("late", "expired", "and a millisecond", text, door(noon+hour+skew+1, noon)...)
	add("ok-door-last", "ok", "two minutes late at the door", text, door(noon, noon+hour+slack)...)
	add("door-late", "expired", "and a millisecond, whatever the joiner's clock says", text, door(noon, noon+hour+slack+1)...)
	add("door-early", "notyet", "more than two minutes early at the door", text, door(noon, noon-hour-slack-1)...)
	add("not-for-you", "notforyou", "for ana, and it is ben", bound, "seed", seedText(ben))
	add("wrong-room", "wrongroom", "of another room than the charter's", func() string {
		i := inviteOf(Credential{{Grant: signGrant(owner, open(func(g *Grant) { g.Room = elsewhere.ID() }))}}, oneTime)
		i.Room = elsewhere.ID()
		return i.String()
	}())
	add("not-owner", "notowner", "made by somebody for a room that is not theirs",
		inviteOf(Credential{{Grant: signGrant(thief, open(func(g *Grant) { g.Issuer = thief.ID() }))}}, oneTime).String())
	stolen := signGrant(owner, open())
	stolen.sig = thief.Sign(DomainGrant, stolen.body)
	add("forged", "forged", "the owner did not sign", inviteOf(Credential{{Grant: stolen}}, oneTime).String())

	add("cut", "cutoff", "half of it", text[:len(text)/2])
	add("cut-one", "cutoff", "the last character is missing", text[:len(text)-1])
	add("cut-head", "cutoff", "only its beginning", text[:9])
	add("cut-prefix", "cutoff", "not even that", "stoa:")
	add("flipped", "damaged", "one character of the grant is another", flipAt(text, len(text)/2))
	add("flipped-version", "damaged", "one character of the version", flipAt(text, len(invitePrefix)))
	add("flipped-length", "damaged", "one character of the length", flipAt(text, len(invitePrefix)+3))
	add("flipped-prefix", "damaged", "one character of the prefix", "stoa:k/"+text[len(invitePrefix):])
	add("longer", "damaged", "a character more", text+"A")
	add("padded", "damaged", "with the padding of another base64", text+"=")
	add("space-inside", "damaged", "broken over two lines", text[:40]+"\n"+text[40:])
	add("64k", "damaged", "longer than any link", text+strings.Repeat("A", 64<<10))
	add("nothing", "malformed", "empty", "")
	add("address", "malformed", "some other address", "https://example.org/j/"+text[len(invitePrefix):])
	add("upper-case", "malformed", "the prefix in capitals", "STOA:J/"+text[len(invitePrefix):])
	add("newer", "malformed", "of a version to come", linkText(2, ok.payload()))
	makeBrokenPayloads(func(name, expect, why string, body []byte) {
		add("payload-"+name, expect, why, linkText(inviteVersion, body))
	}, ok)
}

// makeBrokenPayloads makes links whose frame is whole, around what is not an invite.
func makeBrokenPayloads(add func(name, expect, why string, body []byte), ok *Invite) {
	changed := func(change func(*Invite)) []byte {
		i := *ok
		change(&i)
		return i.payload()
	}
	add("empty", "malformed", "nothing", nil)
	add("not-cbor", "malformed", "words", []byte("come in"))
	add("trailing", "malformed", "a byte behind it", append(ok.payload(), 0))
	add("no-chain", "malformed", "no grant", changed(func(i *Invite) { i.Chain = nil }))
	add("other-seed", "malformed", "the seed of another invite", changed(func(i *Invite) { i.Seed = another.Seed() }))
	add("redeemed", "malformed", "somebody's credential", changed(func(i *Invite) { i.Chain = Credential{rootLink()} }))
	add("person", "malformed", "ends in a grant to a person", changed(func(i *Invite) { i.Chain = Credential{{Grant: signGrant(owner, personal())}} }))
	add("five-hints", "malformed", "one too many", changed(func(i *Invite) { i.Hints = slices.Repeat(ok.Hints, MaxHints+1) }))
	add("long-hint", "malformed", "129 bytes", changed(func(i *Invite) { i.Hints = [][]byte{make([]byte, MaxHintSize+1)} }))
	add("empty-hint", "malformed", "no bytes", changed(func(i *Invite) { i.Hints = [][]byte{{}} }))
	add("rooms-differ", "wrongroom", "a chain through two rooms", changed(func(i *Invite) {
		root := rootLink(func(g *Grant) { g.Room = elsewhere.ID() })
		i.Chain = Credential{root, {Grant: signGrant(mod, open(func(g *Grant) { g.Parent, g.Issuer = root.Grant.Hash(), mod.ID() }))}}
	}))
	add("wider", "widened", "a speaker's link that may moderate", changed(func(i *Invite) {
		root := rootLink(func(g *Grant) { g.Caps = CapHear | CapInvite })
		i.Chain = Credential{root, {Grant: signGrant(mod, open(func(g *Grant) {
			g.Issuer, g.Parent, g.Caps = mod.ID(), root.Grant.Hash(), CapHear|CapKick
		}))}}
	}))
}

func seedText(k *Key) string {
	seed := k.Seed()
	return hex.EncodeToString(seed[:])
}

// flipAt exchanges one character for its neighbour in the alphabet.
func flipAt(s string, i int) string {
	n := strings.IndexByte(base64Alphabet, s[i])
	return s[:i] + base64Alphabet[n^1:n^1+1] + s[i+1:]
}

func makeKeys(m *maker) {
	text := string(ana.fileText())
	line := text[strings.LastIndex(text, keyPrefix):]
	m.head = []string{"id", ana.ID().String()}
	add := func(name, expect, why, text string) { m.add(name, expect, why, []byte(text)) }
	add("ok", "ok", "as it is written", text)
	add("ok-bare", "ok", "without a word", strings.TrimSpace(line))
	add("ok-spaces", "ok", "edited on another system", "\r\n# mine\r\n\r\n  "+strings.TrimSpace(line)+" \r\n")
	add("empty", "malformed", "nothing", "")
	add("words", "malformed", "only remarks", "# no key here\n")
	add("two", "malformed", "which of them?", line+line)
	add("link", "malformed", "a link, not a key", "stoa:j/AAAA\n")
	add("cut", "damaged", "the last character is missing", strings.TrimSpace(line)[:len(line)-2])
	add("upper-case", "damaged", "in capitals", keyPrefix+strings.ToUpper(line[len(keyPrefix):]))
	add("typing-error", "damaged", "one character is another", keyPrefix+"aaaa"+line[len(keyPrefix)+4:])
	add("spare-bits", "damaged", "bits behind the end that are not zero", spareBits(strings.TrimSpace(line)))
}

// spareBits sets the two bits of the last character that carry nothing.
func spareBits(line string) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
	last := len(line) - 1
	n := strings.IndexByte(alphabet, line[last])
	return line[:last] + alphabet[n|3:n|3+1]
}
