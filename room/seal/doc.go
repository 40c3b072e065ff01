// Package seal turns voice frames into packets that only the people in a room
// can open and that only their speaker can have made, and back.
//
// Two locks hold a packet, because each does what the other cannot. SFrame
// (RFC 9605) under the room's epoch secret keeps strangers out: a relay that
// is no member carries bytes that mean nothing to it. But every member holds
// the same media keys, so the tag of SFrame proves only that some member made
// the packet. Who made it is proven either by the link on which it came, when
// the speaker sent it to us himself, or by an Ed25519 signature of the speaker
// over the whole packet, when others carried it. A packet with neither is
// never played.
//
// # Packet
//
// All numbers are big-endian. A packet is at most [MaxPacket] bytes.
//
//	byte 0    version 1 in the high four bits; 0x0c frames - 1: 0 to 3, in
//	          signed packets 0 or 1; 0x02 end of talk; 0x01 signed
//	byte 1    level of the loudest frame as in RFC 6464: 0 is full scale,
//	          127 is silence, in steps of -1 dBov; the top bit is zero
//	SFrame    header, 1..17 bytes: KID and CTR (RFC 9605 section 4.3)
//	          ciphertext of the plaintext below
//	          tag, 16 bytes
//	signature 64 bytes, in signed packets only
//
// Bytes 0 and 1 are readable by everyone who carries the packet, so that a
// relay may choose the loudest without any key; both locks cover them.
//
//	plaintext  since, 1 byte: 20 ms steps from the last frame sent before
//	           this packet to its first; 1 is contiguous, 0 is unknown or the
//	           start of talk
//	           each frame but the last: its length, 2 bytes; the Opus frame
//	           the last: the Opus frame, to the end
//
// A frame has at least one byte, but for the one frame of an unaccompanied end
// of talk, which may have none. Several frames follow one another without a
// gap. Of a signed packet the second frame pays for the signature. A packet sent
// straight to a listener need not wait for more frames than one, and does
// where the way is too thin for the headers of one packet a frame.
//
// # Keys
//
// An [Epoch] is a random secret that the room's log commits to by its hash. A
// [Stream] is one run of one speaker's program. For each pair there is a key,
// and each key has a name that strangers cannot link to either:
//
//	base_key = HKDF-SHA256(secret, no salt, info, 32 bytes),
//	           info = "stoa/sframe/1" room commit speaker session
//	KID      = first 8 bytes of
//	           SHA-256("stoa/kid/1" room commit speaker session)
//
// Room, commit and speaker are 32 bytes and session is 8, so no separators are
// needed. From base_key and KID on it is RFC 9605 section 4.4.2 with the
// cipher suite AES_128_GCM_SHA256_128 (0x0004). Because session is random for
// every run, a program that was killed and forgot its counter never uses a
// nonce twice.
//
//	CTR      = 2 × index + signed
//
// where index counts 20 ms of the speaker's media time and names the packet's
// first frame, and signed is 1 for signed packets. A speaker sends the same
// frame directly to some and signed through relays to others. These are two
// different plaintexts, so they must not share a nonce; the low bit keeps them
// apart under one key.
//
//	metadata = room speaker session commit byte0 byte1
//
// is authenticated by SFrame without being sent. The signature is that of
// [identity.Key.Sign] with the domain "stoa/pkt/1" over the parts room,
// speaker, session, commit, byte 0 and 1, and the SFrame bytes. It names the
// commit, so it also binds the key: AES-GCM alone would let a speaker make one
// ciphertext that two listeners open to different words.
//
// # Opening
//
// An [Opener] does the cheap and telling checks first: form, known key, the
// rule of who may bring it, tag, replay, signature. Keys are found by KID and
// nothing is tried under a second key. The replay window moves only when
// everything has held. It belongs to the stream, not to the key, so that
// changing epochs back and forth opens no second chance.
//
// # Passing on
//
// A [Verifier] stands in a relay, which has no secret. KID and signature are
// over room, speaker, session and commit alone, which whoever is let in by the
// room's door knows, so a relay can tell whose packet it holds and that nobody
// else made it, and passes on the bytes as they came. It cannot test the tag:
// only the speaker can make a packet that passes here and is refused by the
// listener, and harms nobody but himself.
//
// A [Sealer], an [Opener] and a [Verifier] are plain machines: no goroutine, no
// lock, no clock. None is safe for concurrent use. Once set up, none allocates
// for a genuine packet, but a Sealer for one that it signs.
package seal
