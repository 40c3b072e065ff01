// Package node puts rooms on the network. It is the only package that imports
// libp2p; the rest of the program sees identity.ID, bytes and errors.
//
// A [Node] is a libp2p host on QUIC, TCP and WebSocket. A [Room] is one room on it
// and offers six things:
//
//   - asks: one request to one person, one reply, both signed (Ask, HandleAsk);
//   - gossip: small messages to every member (Publish, Next, Check);
//   - links: voice packets between two people, never late, perhaps lost (Link, Send, OnPacket);
//   - finding: peers that know the room (Announce, Find);
//   - relaying: to carry the room's voice and gossip to many (Serve), who need not be
//     members that anybody else knows;
//   - being carried: by a relay (Attach), with no part in gossip (Quiet).
//
// The peer ID is a transport key, fresh for every run. A person is an identity key.
// The two are bound, for as long as a connection lasts, by a signature that names
// both ends of that connection; every ask and every link begins with one.
//
// # Protocols
//
//	/stoa/ask/1          an ask
//	/stoa/media/1        a link: hellos, then media messages when there is nothing better
//	/stoa/bundle/1       media messages between a relay and its child when there is nothing better
//	/stoa/relay/1        a relay and its child: attach, then control frames
//	/stoa/letter/1       an ask that a relay brings, in somebody else's name
//	/stoa/push/1         one gossip message to a newcomer
//	/stoa/card/1         cards of public rooms, for anybody
//	/stoa/meshsub/1.2    gossipsub 1.2 under a name of our own
//	/stoa/kad/1.0.0      the private DHT
//	/ipfs/kad/1.0.0      the public DHT (Amino)
//	_stoa._udp           mDNS
//
// Names and keys of a room; | joins bytes, rv is the 16-byte rendezvous key:
//
//	door key     HKDF-SHA256(rv, no salt, "stoa/door/1" | room ID), 32 bytes
//	room tag     SHA-256("stoa/tag/1" | door key), first 8 bytes
//	topic        "/stoa/1/" | hex of SHA-256("stoa/topic/1" | door key | channel), first 16 bytes
//	DHT key      SHA-256("stoa/rv/1" | rv | period u64), as a raw CIDv1
//	public key   SHA-256("stoa/public/1" | len u16 | topic | len u16 | language | period u64), as a raw CIDv1
//	period       unix seconds / 21600; a room is announced under this period and the next
//
// seal(purpose, x) is 12 bytes of nonce and AES-256-GCM of x under the door key with
// the purpose as additional data, 28 bytes longer than x. The nonce is random; for
// gossip it is HMAC-SHA256(k, purpose | 0x00 | x), first 12 bytes, where k is HKDF like the
// door key with "stoa/gossip-nonce/1", so that one message has one sealed form.
// Numbers are big-endian. {1: ...} is deterministic CBOR as [stoa/identity] reads it. A
// signature is identity.Key.Sign with the domain named, over the parts named; ends is
// room ID, sender's peer ID, receiver's peer ID.
//
// # Ask
//
// One stream for one ask; the asker closes its side after the request.
//
//	request   length u32 | room tag 8 | seal("stoa/ask/1", {1: from, 2: nonce 16, 3: signature, 4: body})
//	reply     length u32 | seal("stoa/reply/1", {1: from, 2: signature, 3: refused, 4: body})
//
// The request's signature is in domain "stoa/ask/1" over ends, nonce, SHA-256(body); the
// reply's in "stoa/reply/1" over ends, the request's nonce, refused as one byte 0 or 1,
// SHA-256(body). There is no time in either: the connection is authenticated and both its
// ends are signed, so there is nothing to replay a message into. An empty body is a
// greeting and gets an empty reply. A request that does not open, for whatever reason, gets
// a reset stream; a refused one gets refused and no reason. Where there is too much to do,
// the code of the reset says so: 0x1003 for one peer's asks, 0x1002 for everybody's.
//
// # Link
//
// The dialler opens a stream on a direct connection (never through a circuit) and
// says hello, the other answers with its own:
//
//	hello     length u32 | room tag 8 | seal("stoa/hello/1", {1: from, 2: session 8, 3: token 8, 4: signature,
//	          5: behind, 6: turn})
//
// signed in domain "stoa/hello/1" over ends, session, token, behind as one byte, turn u32. behind says that
// strangers cannot reach the sender; turn, how often it has given up connections. The token goes on everything
// sent to who chose it. The stream stays open as long as the link. The bodies of a link's
// media messages:
//
//	4 packet  seq u16 | stamp u16 ms | 1..1200 bytes of voice
//	5 pair    seq u16 | stamp u16 ms | size u16 | size bytes: the packet with seq-1 | packet;
//	          at most 1204 bytes, each packet with 1 at least
//	6 report  highest seq u32 | received u32 | loss u16 /65535 | jitter u16 /10 ms |
//	          stamp u32 us | echo u32 us | held u32 us | flip u8: 0 or 1
//
// seq counts the packets sent on the link. When 1 % of the last 200 or more were lost, each
// packet that does not go by stream takes the one before it along once more where there is
// room: a loss of one in twenty then costs one in four hundred, for the price of 20 ms and
// twice the bytes. Who finds that he fills the way may leave it. A report goes out at once
// and every 500 ms.
// echo is the stamp of the last report received and held the time since then: the round
// trip is now - echo - held. flip asks a speaker to pair his frames the other way, as
// [LinkInfo] says. 3 s without a report end the link and its connection.
//
// Two peers keep one link: the one with the higher sum of both ends' turns, for it was made after
// one of them gave up the other; then the one by QUIC; then the one that the lower peer ID dialled. A
// link is up when Admit lets the person in; packets before that are dropped.
//
// # Media
//
// What links, and relays with their children, send one another is media messages, each of at
// most 1213 bytes, over a direct connection:
//
//	media     kind u8 | token 8, that the receiver chose and told over a stream | body
//
// and the same bytes go by the best of three carriers, of which each end chooses its own:
//
//	RAW       a UDP packet on the sockets of the QUIC connection
//	datagram  one QUIC datagram, when the connection has them both ways
//	stream    length u16 | bytes, on the link's stream or on one of /stoa/bundle/1, which the
//	          end that dialled opens; the first message on it says by its token whose it is
//
// Every kind is from 0x04 to 0x0F, so that QUIC (RFC 9000 section 17), STUN, ZRTP and DTLS (RFC
// 7983) on the same port are told apart by the first byte. A token that is not known is junk.
//
//	7 probe   nonce 8; is answered by the carrier that it came by; nonce 0 is not answered
//	8 answer  nonce 8 | where QUIC sees who asked: port u16, IP address 4 or 16
//
// RAW is tried at once, with probes after 0, 100, 300 and 700 ms, and when none was answered again
// after 10 s, 20 s and so on up to 80 s. It is used from the first answer on. When something was sent
// and nothing came by RAW for 650 ms, probes ask every 100 ms, and after 1 s and a round trip it is
// given up. It goes only to the address that QUIC has validated (RFC 9000 section 9); every 5 s, and
// at the first sign of silence, the end that dialled sends a probe by datagram as well, so that
// QUIC sees when a NAT has moved it. Whoever gets RAW from another address than QUIC knows sends a
// probe with nonce 0 there, at most ten a second, and who gets one checks the connection as
// below. Whoever was not heard for 3 s, by any carrier, gets
// nothing but QUIC's own packets (consent, RFC 7675).
//
// # Moving
//
// A node that gets another address, other routes, or wakes from sleep looks at each of its
// connections. One that works only from an address that is gone is given up; one whose packets would
// now leave from another address is checked: up to six datagrams with a probe of nobody go out
// within 700 ms, from which QUIC at the far end learns the new address, and a connection by which
// nothing comes within three round trips (250 ms to 1.2 s) is given up. So is all after
// 3 s of sleep; less, which may be want of processor time, changes nothing. Another connection
// from a peer has the older ones checked. What came to a program that did not run for 1 s is
// not delivered as voice.
//
// # Gossip
//
// A message is seal("stoa/gossip/1/" | channel, x), without libp2p's author, sequence
// number and signature (StrictNoSign); x is signed inside by its author. The message ID is
// SHA-256(topic | data), first 20 bytes. What does not open is rejected, which costs the
// peer its standing; the room's Check judges the rest. A peer that has not proved to
// hold a room's key within 5 s of connecting is kept out of the mesh.
//
// Gossipsub knows a newcomer's topics only after identify and a hello, and never sends a
// message twice. So for 5 s after a peer has proved itself, and until gossipsub knows
// it, what we publish is also pushed to it on a stream of its own:
//
//	push      length u32 | room tag 8 | channel u8: 0 log, 1 presence, 2 hands, 3 chat | message sealed as above
//
// The receiver checks it like gossip and publishes it under the ID that it has anyway.
//
// # Relay
//
// A child opens a stream on a direct connection to a relay, asks to be served, and waits
// until the relay has decided:
//
//	attach    length u32 | room tag 8 | seal("stoa/attach/1", {1: from, 2: session 8, 3: token 8,
//	          4: media bool, 5: audit kbit/s, 6: proof, 7: signature})
//	attached  length u32 | seal("stoa/attached/1", {1: from, 2: token 8, 3: status, 4: signature})
//
// The first signature is in domain "stoa/attach/1" over ends, session, token, media as one
// byte, audit u16, SHA-256(proof); the second in "stoa/attached/1" over ends, the token of
// the attach, the token of the answer, the status as one byte. Each token goes on the media
// messages to who chose it. The status is 0 served, 1 full, 2 refused, 3 busy. Whoever the
// relay's program does not admit within 5 s gets a reset stream, and nothing before it.
//
// Later resets say by their code, one of libp2p's: 0x1008 you may not be carried any more,
// 0x1005 you attached anew, 0x1006 you were silent or too slow, 0x1007 the relay closes.
//
// From then on both ends send frames, length u32 | kind u8 | body, until the stream ends.
// A reader skips kinds that it does not know.
//
//	1 media   on u8                                  child: send me voice, or let me stand by
//	2 gossip  channel u8 | message sealed as above   relay: what is said; child: publish this
//	3 letter  id u32 | to 32 | letter                relay: for you; child: to be carried
//	4 answer  id u32 | fate u8 | answer              to the letter of that id; fate 0 answered, 1 lost, 2 busy
//	5 holds   first 8 bytes of a commitment          child: I hand out that secret
//	6 drain   ms u32                                 relay: be gone by then
//	7 full    nothing                                relay: no voice for you here
//
// A relay feeds its children what its program lets through: the channel log at once, the
// others within 250 ms, in one write with what else came. What a child publishes is opened,
// checked and published like gossip. While quiet, a child takes each message once, from
// whichever of its relays is first. A child that a relay heard nothing from for 3 s gets
// nothing more, after 15 s it is cut; it leaves a relay that it heard nothing from for 3 s.
//
// Voice is bundles, media messages of at most 1200 bytes; digests are what the relay's program
// signs, of at most 1100. An empty digest is a sign of life.
//
//	9 bundle  seq u16 | stamp u16 ms | counts u8: fresh << 4 | repeats | fresh + repeats times: size u16,
//	          packet | digest, may be empty
//	10 digest digest
//
// seq counts the bundles sent to that child, and it reports on them as on a link. Repeats are packets
// of the bundle with seq-1, for who loses 1 % or more. A packet waits at most 20 ms for those of others:
// until everybody whose packet is due has sent it. Of more than four speakers the loudest
// are carried. Who loses more than 10 % for 5 s gets two, more than 30 % one. A child that stands by
// gets digests alone. Who has not reported for 3 s gets nothing.
//
// An attach that names an audit gets no seat but, for 2 s, filler at that rate as media
// messages of kind 11; then the relay closes its side.
//
// # Letters
//
// A letter is an ask between two who have no connection, through a relay that has one to
// both; to is zero for whoever the relay finds. On a stream /stoa/letter/1, to members that
// are not its children, a relay writes length u32 | room tag 8 | letter, and reads length u32 |
// answer.
//
//	letter    seal("stoa/letter/1", {1: from, 2: to, 3: nonce 16, 4: unix ms, 5: X25519 key 32, 6: signature, 7: body})
//	answer    {1: from, 2: X25519 key 32, 3: signature, 4: AES-256-GCM(K, nonce 0, refused u8 | body)}
//	K         HKDF-SHA256(X25519 of the two keys, no salt, "stoa/letter-answer/1" | room ID | asker's key | answerer's key)
//
// The letter's signature is in domain "stoa/letter/1" over room ID, from, to, nonce, ms u64,
// key, SHA-256(body); the answer's in "stoa/letter-answer/1" over room ID, asker, nonce of the
// letter, answerer's key, SHA-256(of what is encrypted). Both X25519 keys are fresh. A
// relay, as it holds the room's key, can read who asks whom for what; it can change nothing,
// and cannot read the answer. A letter whose time is 30 min off is refused, and one that
// comes twice is answered once.
//
// # Circuits
//
// A server lends circuits (circuit relay v2) to peers that prove themselves in a room of
// its or attach to it, and a few to strangers: whoever opens a room behind a NAT has nobody
// else to ask. A node that strangers cannot reach borrows two as soon as it knows a peer that
// lends, those of its rooms first. Asks and letters go over circuits, media and gossip do not;
// a circuit ends when its two ends have a direct connection.
//
// # Reach
//
// Identify, and the answers to probes, tell a node where others see its QUIC sockets. Such an
// address counts when somebody whom a room admits has said it, a first peer, or strangers in
// two networks (IPv4 /16, IPv6 /32); libp2p waits for four. If observers in two networks see
// two addresses, the NAT maps by destination (RFC 4787 section 4.1), and none of them is
// announced. Presence and links name, in this order: public addresses, those where others see
// us, circuits, local ones by QUIC, then TCP.
//
// Two who lack a link call each other within 0.3 s: QUIC's first packet opens the caller's NAT
// for the other's, so whoever is second gets through at once. A link by TCP or WebSocket tries
// QUIC again when both its ends are 5 s old, and then each time after twice as long. QUIC has
// a head start of 0.5 s before TCP and 0.75 s before WebSocket, none where no UDP got out.
//
// Whoever listens on UDP 443 with QUIC listens on TCP 443 with secure WebSocket as well, and
// need not say so: who knows /udp/443/quic-v1 dials /tcp/443/tls/ws too. The certificate is
// anybody's, for Noise inside says who the peer is.
//
// A router is asked for ports by PCP (RFC 6887) and, until that has given one, by UPnP and
// NAT-PMP; and so is the next one, when the machine moves. All this, and AutoNAT v2, only where
// people are met over the internet: on the public network, and on a private one whose first
// peers are there.
//
// Addresses come from other people. So a node dials no service of its machine or house and,
// of the internet, nothing below port 1024 but 443; only its first peers are exempt.
//
// # Cards
//
// The answerer of a /stoa/card/1 stream writes at once: length u32 | CBOR array of byte strings,
// at most 16 of at most 8 KiB.
//
// # Limits
//
//	connections      1024; 256 from one IPv4 address or IPv6 /56, 512 from a /48; 10 new a second with a burst of 256
//	... of a server  12288; 512, 2048; 50 new a second with a burst of 512
//	asks, hellos     40 a second from one peer; 256 asks handled at once; 5 s to handle one
//	request, reply   64 KiB, 4 MiB
//	gossip           60 KiB a message, 1024 waiting for Next, 128 topics a peer
//	links            256 a room, 3 a person, 64 of people whom Admit refuses, these for 5 s
//	media            500 messages and 128 KiB a second from one end; 3 messages wait to be sent by datagram or
//	                 stream, then the oldest gives way
//	a window         16 packets of 16 speakers
//	children         as many with voice as there are slots, and a quarter more when other relays die; twice as many
//	                 and that quarter in all; 256 from one IPv4 address or IPv6 /56; 2 of one person
//	who waits        5 s to attach and 5 s to be admitted; 1024, of these 96 from one address and
//	                 2 from one peer; who is admitted at once takes no place
//	proof            4 KiB
//	control frames   256 KiB each; from a child 100 and 512 KiB a second with bursts of 400 and 2 MiB, from a relay
//	                 1 MiB a second with a burst of 4 MiB; 256 and 1 MiB wait to be sent, or the far end is cut
//	the feed         512 KiB a second, the log first; 512 KiB of the log and 512 KiB of the rest wait
//	a child          publishes 5 messages a second with a burst of 20
//	letters          64 KiB, answers 256 KiB; 4 at once from one person, 256 at once through a relay, of these 128 to one
//	                 person each; 5 s
//	audits           2 Mbit/s for 2 s; two at once, one a minute from one member
//	circuits lent    256 of 512 KiB and 2 min, 64 from one address; 64 at once to one peer; 2 a second opened from one
//	                 address with a burst of 120. Of these to strangers 64, 4 from one address; 1 in 5 s opened to one
//	                 with a burst of 8, 4 a second to all with a burst of 16
//	borrowed         2, for an hour each
//	sightings        512, 8 from one network; 2 addresses of each family are believed
//	hole punching    4 addresses of one peer, in 4 rounds of 1.5 s
//	people           4096 with 8 addresses of 256 bytes and 2 peers; a peer speaks for at most 3; greeted after 3 s, 6 s and so on up
//	                 to 1 min while they never were there
package node
