// Package relay decides who carries whose voice, and who has to stop. It is all pure machines: no network, no audio, no goroutine, no lock and
// no clock. Times are parameters, and none of the machines may be used by two goroutines at once.
//
// A relay is a member that fans audio out. It holds no keys of the room, so it carries bytes that mean nothing to it; it verifies the speaker's
// signature of each packet and passes the packet on as it came. So it cannot listen, and it cannot forge: what it can do is not carry, carry
// late, carry some and not others, and lie about it. This package is about that.
//
// # Who carries whom
//
// [Elect] orders the relays for a listener by weighted rendezvous hashing (Thaler and Ravishankar 1998; with weights Schindelhauer and Schomaker
// 2005, and draft-ietf-bess-weighted-hrw). For each relay
//
//	u = first 8 bytes of SHA-256("stoa/hrw/1" beacon listener relay), big endian, / 2^64
//	score = slots / -log2(u)
//
// with beacon, listener and relay of 32 bytes each, and slots the weight that the log has for the relay: never what it claims. The highest score
// is first. So everybody computes the same order from the same log, a relay is first for the share of listeners that is its share of the slots,
// one that goes moves nobody but its own listeners, and one that comes would take its share of each other's. The logarithm is computed in
// integers, 57 bits behind the point and rounded toward a greater distance, since a difference in the last bit of two machines' math.Log could
// put them into different rooms, in effect.
//
// The beacon is a hash that the log fixed after the relay had joined. So nobody can try keys until one is the relay of a chosen listener. A
// relay without a beacon comes after all others.
//
// [Choose] takes two of the order that lie in different networks ([NetworkOf]) where there are such, and takes others only when it has to: a
// listener that is served well does not move because the order has changed. Speakers feed up to [MaxTrunk] relays themselves; when there are
// more, [Trunk] says which, by the same hash without the listener ("stoa/trunk/1" beacon relay), and the others attach to two of those as
// listeners do. So no voice crosses more than two relays.
//
// # Who watches
//
// The primary sends a listener the media. The shadow sends a digest every 200 ms of what it received and would have passed on, and the media when
// asked. A [Watch] compares:
//
//	fault      evidence                                                       found after      then
//	dead       nothing for 120 ms where something is due                      120 ms           TakeOver
//	           and nothing for 1 s while the shadow brings a voice            1 s              Swap
//	drops      loss beyond 10 points, and twice, that of the shadow           5 s at 30 %      Swap
//	delays     more than 150 ms behind the shadow                             3 s              Swap
//	censors    a voice that the shadow brings is absent                       0.5 s            Swap
//	forges     a signature is wrong                                           1 packet         Swap, Replace
//	replays    what had come comes again, twice within 1 s                    0.1 s            Swap, Replace
//	collude    the acting host hears what neither relay has                   3 s and a floor  both
//	silent     three digests are missing                                      0.65 s           Replace
//	lies       the shadow does not bring what its digests say                 2 to 4 s         Replace
//
// What a digest says costs its author nothing. So it only makes suspect: the answer is TakeOver, which asks the shadow for the media beside the
// primary, costs a few kilobytes, and is taken back (GiveBack) once the primary has been without fault for 2 s. What the shadow then brings is
// signed by the speakers, and that is proof. If it brings less than it says, it is the shadow that has lied. A shadow that lies can make a
// listener ask for what it then has to deliver; it cannot take the listener away from an honest primary.
//
// Nobody is blamed for a bad path. Loss is judged by a cumulative sum that counts a burst as little more than one packet, silence by what the path
// has been like: where nothing was lost for a minute 0.65 s of silence are a lot, and where bursts are common it takes 2.5 s. None of the honest
// relays behind 5 % of loss, at random or in bursts of 100 and 200 ms, was left in the simulation of TestHonestRelaysAreNotBlamed; -honest-time
// makes it longer. When each of the two lacks a voice that the other brings, both are kept and both send.
//
// A floor speaks only against relays that were there when it began to, and not at all when it has a voice leap: more than 10 s ahead of what was
// heard of it and of the time since. What comes late by a relay is a replay only from an age on that no relay passes on, for a speaker can keep a
// packet as long as that. What the same relay has sent before is one at once, but for one repeat.
//
// When more than four speak, a relay sends the four loudest, and fewer to a listener that reports loss. A voice that is not clearly louder than
// those is not missed.
//
// What a Watch finds bars the relay for that listener for a time ([Reputation]), and some faults are told to others ([Complaint]). Complaints
// lower a relay's weight by the median over invite subtrees, of which at least three count, whether they complain or not: as many people as one
// invitation can bring move nothing.
//
// # What is signed
//
// Records are CBOR as package identity has it: an array of the body and one signature by its author. The bodies, by key:
//
//	digest      "stoa/digest/1", at most 1100 bytes
//	            1 room bstr 32   2 relay bstr 32   3 seq u32   4 time ms   5 [live, ...] at most 16, ascending by KID
//	floor       "stoa/floor/1", at most 1100 bytes
//	            1 room bstr 32   2 host bstr 32    3 seq u32   4 time ms   5 as in a digest
//	live        [kid u64, index u32, count u32, level 0..127, end bool, sum bstr 8]
//	attendance  "stoa/attendance/1", at most 4096 bytes
//	            1 room bstr 32   2 relay bstr 32   3 session bstr 8   4 seq u32   5 time ms   6 count u32   7 full bool
//	            8 [joins bstr 8, ...]   9 [leaves bstr 8, ...], each ascending, at most 400 together
//	complaint   "stoa/complaint/1", at most 320 bytes
//	            1 room bstr 32   2 relay bstr 32   3 who bstr 32   4 fault 2..6   5 kid u64   6 time ms
//
// index is the media time of the newest packet's first frame in steps of 20 ms, count the packets of the stream since the author first met it,
// and sum the sum of their marks modulo 2^64, where the mark of a packet is the first 8 bytes of its SHA-256. Two signed digests with the same
// kid, index and count and another sum prove that their authors were given, or claim, different words; a sum does not depend on the order in which
// packets came.
//
// An attendance tells who came and went since the one before, by the first 8 bytes of their IDs; with full, once a minute, the list begins anew.
// It is sent every 5 s, or every 20 s when nobody moved, and holds for 45 s.
//
// # Limits
//
// A Watch follows 32 streams and remembers 5 s of each. A [Meter] counts 16 streams. [Attendees] lists 8,192 people, an [Audience] 512 relays and
// 65,536 people, a Reputation 256 bars and the complaints of 64 subtrees about each of 256 relays. What is full takes in
// no more, or forgets first what nobody has proved.
//
// Two relays that lie together are found only by the floor of the acting host, which travels by gossip and, to a listener, through those same
// relays: one that holds it back as well is not found by this listener, though by others. An honest relay that one speaker cannot reach looks like
// one that swallows that voice, and is left like it.
package relay
