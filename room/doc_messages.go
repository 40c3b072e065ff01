// # Messages
//
// Beside operations, members publish heartbeats ([Presence], domain "stoa/presence/1", at most 2,560 bytes), hands ([Hand], "stoa/hand/1", at
// most 256 bytes) and remarks ([Remark], "stoa/remark/1", at most 1,408 bytes), give seats ([Seat], "stoa/seat/1", at most 256 bytes), and sign
// cards for strangers ([Card], "stoa/card/1", at most 8 KiB).
// On the wire each is, like an operation, a CBOR array of two byte strings: a body, a map in deterministic CBOR whose keys are the numbers
// beside the fields, and its author's signature. A message that breaks its form, limits or signature, or is another room's, is rejected, for nobody honest passes it on; one whose author is
// no member here, whose time no clock can show (see Clocks), who has said it or something later before, or who sends too much, is ignored, for
// others may know better.
//
//	presence  1 room, 2 who, 3 session, 4 name, 5 mic, 6 addresses, 7 heads, 8 hand, 9 time, 10 seq, 11 bye, 12 synced,
//	          13 hears [(who, way, loss, rtt, got)], 14 relay, 15 helps, 16 ?shift: time less what its author's own clock says,
//	          17 ?deaf, 18 ?feeds, 19 ?wrote, 20 ?aside
//	hand      1 room, 2 who, 3 up, 4 time, 5 seq
//	remark    1 room, 2 who, 3 kind, 4 time, 5 seq, 6 epoch, 7 body
//	seat      1 room, 2 who, 3 grant, 4 time, 5 by
//	card      1 room, 2 title, 3 topic, 4 lang, 5 stage, 6 count, 7 link, 8 time, 9 by, 10 charter, 11 credential
//
// A heartbeat comes every two seconds, or 100 ms for each person here up to five seconds, give or take a fifth; and within 250 ms of a
// change. Somebody silent for three of them is gone. Who sees heads that it lacks asks for them after 300 ms, which heals what gossip lost
// and what a partition kept apart.
//
// Attendances of relays, floors of the acting host and complaints (package relay) travel on the channel of heartbeats. They are taken from
// members with the capability relay, from those who may mute, kick or call to the stage, and from every member. All such floors are passed on,
// but one counts only from the acting host, as each machine sees it: the strongest of those people who are here. The audience sends no
// heartbeats. Its relays pass on to it operations, hands, floors, attendances, and the heartbeats of people who may do more than hear or
// whose hand is up; they publish what it sends.
//
// Of one person's hands the one with the highest (time, seq) counts, unless a later heartbeat of its owner shows another or none: the
// owner has the last word. A hand is down after ten minutes, when its owner may speak, is put out, says goodbye, or has been away for a
// minute; and when an operation lowers it. A hand that a heartbeat shows, and that an earlier one of the same session should have shown, is made
// up to jump the queue.
//
// # Writing
//
// Who hears may write, unless muted: messages, reactions, and that a message is not to be read any more. What a remark says is sealed in
// its body under a key for it alone, which follows from the secret of the epoch that it names (see Remark.cipher), so that those who pass it
// on, and who was put out before that epoch, see who wrote when, of which kind and how long, and no more.
//
//	# kind    sealed, at most 1,073 bytes
//	1 say     length of the author's name u8, name of 48 bytes at most, text of 1,024 bytes at most
//	2 react   place in Reactions u8
//	3 hide    name of a remark, 32 bytes: SHA-256 of what its author signed
//
// Of one author's remarks each counts once; the last 16 of a kind may come in any order. Of those read, what cannot be read by people is left
// out. A message is hidden for whoever has it by its author, or by who may mute its author and did so or may do so while the message is there;
// what is hidden once stays so, and its text is kept no longer. Remarks under a secret that is not here wait for it, at most 64 for 30 s.
// Whoever writes waits up to 6 s while somebody who was put out may still hold the secret.
//
// Gossip loses some. Each heartbeat shows what its author knows of the last 64 remarks under the current secret, reactions left out: the first 8
// bytes of their names, one xor the other. Who knows others asks, after 0.3 to 1.3 s, naming its own by those 8 bytes, and is told the rest; in the audience
// it asks a relay. So hides reach everybody, and who comes or was away is shown what was written last. What is handed on is checked like what
// comes at first hand, 64 at once and then 1 in 2 seconds of each author; only that it may be older, as far back as the secret goes.
//
// Members keep the last messages that they read, the last 200 in memory.
//
// # Who hears whom
//
// A heartbeat says for each person on the stage how its author hears them (for who only carries: how their voice arrives): a line with the
// first 8 bytes of their ID, the way (0 not at all, 1 direct, 2 punched, 3 TCP, 4 WebSocket, 5 by a relay), the share lost in 255ths and the
// round trip in ms; and who brings it the voices of those it has no link to. There are up to 32 lines, of distinct people, ascending, and
// fewer where the heartbeat would not hold them; those stay who are not heard, then those heard by relays. That sound or a link has
// gone or come back is said at once, 250 ms after the heartbeat before at the soonest; figures, and newcomers who are heard, wait for the next
// one. Somebody is named 0.5 s after they came to the stage, so that links that only have to be made cost nothing.
//
// Covered is everybody who sends heartbeats. In a crowd these are the stage and the relays, and they list only who is not heard directly, so
// that the audience is brought nothing more while all is well. The audience itself says nothing here: whom a relay carries its attendance says, and what it misses
// the digests of its other relay show it.
//
// A report is its author's word and proves nothing. It makes others help: speakers feed relays, somebody carries for a while (see Helpers).
// Nobody is blamed, cut off or preferred for one, so a false one costs others a little upload, bounded by what each is ready to give.
//
// # Helpers
//
// Two on the stage who cannot connect are carried by the relays of the room. Where none is, or none brings the one to the other, somebody
// else on the stage helps, whose heartbeat says that they would and who is linked with both. That needs no capability but to be on the stage:
// a helper hears every voice already and sends its own to everybody; what it passes on is sealed and signed, so that it can
// withhold it and nothing else. One that is gone, or says that it lacks the voice, is followed by somebody else after 3 s; one that claims to
// have it and keeps it back is believed, for a pause sounds the same: unlike an audience, whom a second relay tells what it misses, two who
// are helped have nobody to find it out. It says nothing in the log, offers no slots, seats nobody, and nobody who was not
// found deaf is carried. The capability relay, which is for all that, stays with owners, moderators and relays: whoever has it is a gate,
// and may be given an audience.
//
// # Questions
//
// A question is the map 1 kind, 2 body; an answer is the map 1 code, 2 body, where the code is empty or one of the words in errors.go.
//
//	1 join     1 credential                      1 charter, 2 operations, 3 secrets, 4 presences, 5 hands, 6 ?seat,
//	                                             7 ?ages: milliseconds since each presence came
//	2 sync     1 credential, 2 heads,            1 heads, 2 operations, 3 presences, 4 hands
//	           3 records, 4 ?seat                5 ?ages
//	3 secret   1 commitment, 2 ?proof            1 secret
//	4 preview  1 credential                      1 card
//	5 admit    1 credential, 2 heads, 3 ?seat    as sync
//	6 roster   1 page, 2 proof                   1 guests (1 who, 2 name, 3 grant), 2 more
//	7 seat     1 credential                      1 seat
//	8 chat     1 epoch, 2 shorts, 3 ?proof       1 remarks
//
// A proof is the map 1 credential, 2 seat, of at most 4 KiB. Any member answers, also somebody in the audience; only gates seat, and only a
// relay knows whom it carries. Secrets go to members who may hear, to who proves to have a seat, and to nobody else; who was put out may still
// ask for the log up to the operation that did it. The seventh question is for a seat in place of one whose gate is none any more. In the
// audience a person does not know whom to ask for a secret: it asks somebody whom a relay finds, first those who said that they have it.
//
// # What is confirmed
//
// An operation of this member, an admission at its gate included, is durable together with all it follows and the secret it announces before
// it is applied, published or reported. A crash at any instant loses nothing that was reported.
package room
