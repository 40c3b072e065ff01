// Package identity says who somebody is and what they may do in a room, from bytes alone: it has no
// network, no goroutines and no clock of its own, and asks nobody.
//
// # What there is
//
// A person is an Ed25519 key ([Key], [ID]). A room is the hash of the [Charter] its owners signed
// ([RoomID]). An owner gives rights by a [Grant], to a person or to the one-time key of an invite; who
// holds a grant may pass on a part of it, three grants deep at most. Whoever redeems an invite adds a
// [Redeem]. Grants and redemptions from an owner down to a person are a [Credential], and whoever has the
// charter can verify it. A link in a mail or a chat is an [Invite].
//
// What a room decided later (that a grant is revoked, used up, its holder banned) is in the room's log,
// package room. A credential is right or wrong for ever; whether it still counts is the log's to say.
//
// # Encoding
//
// Everything signed is CBOR in the core deterministic encoding of RFC 8949 section 4.2.1: maps keyed by
// small integers, zero values of optional fields left out, no tags, no indefinite lengths. A reader
// encodes again what it read and refuses it unless the bytes are the same ([Unmarshal]), so a value has
// one encoding and a record one hash. A record on the wire is
//
//	[ body bstr, signature bstr 64, ... ]        at most 8192 bytes
//
// and the body's bytes are kept as they came. A signature is over
//
//	domain | 0x00 | length of body, u32 big endian | body
//
// with the domains stoa/charter/1, stoa/grant/1 and stoa/redeem/1 here. Ed25519 keys of small order and
// those not in canonical form are refused. The fields of the bodies, by key; ? is left out when zero:
//
//	charter   1 owners [1..5 bstr 32]   2 threshold   3 ?successors [..5 bstr 32]
//	          4 {1 ?listed  2 ?topic tstr 32  3 ?language tstr 32  4 ?reclaim s  5 ?volunteers}
//	          5 created ms   6 nonce bstr 16            signed by every owner, in their order
//	grant     1 room bstr 32   2 issuer bstr 32   3 subject bstr 32   4 ?invite   5 ?for bstr 32
//	          6 role   7 capabilities   8 rank   9 ?not before ms   10 ?expires ms   11 ?uses
//	          12 ?exact   13 ?depth   14 ?parent bstr 32   15 nonce bstr 8   16 ?slots     signed by the issuer
//	redeem    1 room bstr 32   2 grant bstr 32   3 person bstr 32   4 time ms   5 nonce bstr 8
//	                                    signed by the invite's key, then by the person
//
// Times are unix milliseconds up to the year 9999. A credential is
//
//	[ [ grant, redeem / null ], ... ]            one to three steps, at most 8192 bytes
//
// # The rules of a chain
//
// The first grant is issued by an owner and has no parent. Each further one names its parent by hash, is
// issued by the person who holds it, and only narrows it: no capability more, a rank strictly lower (the
// number greater), a depth strictly smaller; below a grant to a person, no earlier begin and no later end.
// Slots are of a grant with the capability relay only, at most 65535, and no more than its parent's; where a grant
// names none they are 64.
// Who issues needs CapInvite; for a grant to a person CapStage does as well.
//
// The expiry of a grant to a person ends the grant. Expiry and uses of an invite bound its redemption, and
// whoever is in stays in. So an invite's time is compared with the time in its redemption, exactly, which
// its maker chooses to fit; and, since that is only a claim, the leaf's also with the time at which somebody
// is let in, give or take two minutes: the clock of who opens the door decides, that of who comes never. No
// time claimed in a redemption is compared with a clock here: whether the holder of a step above the leaf
// was ever let in is for the room's log to say.
//
// # Text forms
//
// IDs, rooms and hashes are 52 characters of lower-case base32 (RFC 4648, no padding, spare bits zero).
// A link is, in base64url (RFC 4648 section 5, no padding, spare bits zero):
//
//	"stoa:j/" | version u8 = 1 | length u16 | check 4 | payload        numbers big endian
//	check   = SHA-256(version | payload), first 4 bytes
//	payload = {1 rendezvous bstr 16, 2 seed bstr 32, 3 chain, 4 ?hints [..4 bstr 128]}, at most 4095 bytes
//
// Version and length fill the first four characters. So of any one damaged character a reader can say that
// it was damaged, and not that the end is missing: see [ErrCutOff] and [ErrDamaged].
//
// A key file is text: lines that are empty or begin with #, and
//
//	"stoa:k/" | base32 (seed 32 | check 4)        check = SHA-256(seed), first 4 bytes
//
// or, under a passphrase, an armoured age file of that text. Its mode is 0600, and a looser one is refused.
//
// # What a stolen link can do
//
// Whoever has a link can redeem it: as often as it may be used, until it expires or is revoked, for
// the rights it names and no others. A link bound to a person ([Terms].For) is of no use to anybody else.
// The seed in a link is never shown to the room: what crosses the network is its signature under one
// person's key, and a copy of that lets in the same person again. The check in a link finds accidents; an
// attacker who alters a link meets the signatures.
package identity
