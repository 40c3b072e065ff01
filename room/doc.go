// Package room holds the rules of a room: who may do what, and what follows when many act at once without a server. It knows no network
// beyond the small interface Network, no audio, and no clock but the one its caller has.
//
// # The log
//
// A room is what its signed operations say. Each member keeps all of them; [Log] is that set, [State] what it amounts to. The state is a
// function of the charter and the set alone: whoever holds the same operations has the same state, in whatever order they came. There is no
// vote, no leader and no clock in it. Three things decide: what each operation had seen, the rank it was done under, and, where these leave
// two equal, denial before permission and then the lower hash.
//
// # An operation's bytes
//
// On the wire: a CBOR array of two byte strings, the body and the author's Ed25519 signature over it under the domain "stoa/op/1" (package
// identity says how domains are signed). At most 4096 bytes. The operation's name is SHA-256 of the body. The body is a map in deterministic
// CBOR (RFC 8949 section 4.2.1), refused in any other encoding:
//
//	1 room    32 bytes   name of the room
//	2 author  32 bytes   who signs
//	3 seq     uint       1 + the highest of this author's in the operation's past
//	4 deps    [*bytes]   names of the heads the author had seen, ascending, at most 16
//	5 time    uint       unix ms, later than every dep's; up to the end of the year 9999
//	6 kind    uint       see below
//	7 grant   32 bytes   the grant acted under; zeros for an owner of the charter, and in admit and close
//	8 target  32 bytes   the person acted upon; zeros where the kind has none
//	9 args    bytes      CBOR of the kind's arguments; empty where the kind has none
//
// The past of an operation is its deps and their pasts. Two operations neither of which is in the past of the other are concurrent.
//
// # The kinds
//
//	 # kind    target  arguments                   needs a grant with            merged with others
//	 1 admit   yes     1 credential, 2 ?seat,      nothing: the credential      see Conferrals
//	                   3 ?when
//	 2 grant   yes     1 grant, 2 replace          stage                         see Conferrals
//	 3 revoke  no      1 grant name, 2 keep        invite, stage, kick or ban    see Removals
//	 4 mute    yes                                 mute                          register of the person
//	 5 unmute  yes                                 mute                          register of the person
//	 6 kick    yes     1 reason, 2 grant to close  kick                          see Removals
//	 7 ban     yes     1 reason, 2 grant to close  ban                           see Removals
//	 8 pardon  yes                                 kick (kicks), ban (both)      see Removals
//	 9 lock    no                                  lock                          holds until an unlock that has seen it
//	10 unlock  no                                  lock                          undoes the locks it has seen
//	11 title   no      1 text, 120 bytes           title                         register of the room
//	12 epoch   no      1 commitment, 2 number      as revoke                     highest number, then rank, then hash
//	13 close   no                                  being an owner                counts owners, to the charter's threshold
//	14 advert  no      1 slots, 2 kbit/s,          relay                        register of the author as a relay
//	                   3 addresses, 4 of 128 bytes
//	15 audit   yes     1 kbit/s                    anything but hear and relay  register of the author on the target
//	16 schedule no     1 start, 2 end (unix ms),   title                        register of the room
//	                   3 text, 500 bytes
//	17 record  no      1 recording that it ends    mute                         see Recordings
//	18 consent no      1 recording, 2 yes          anything                     register of the author on the recording
//	19 lower   yes     1 until (unix ms)           stage                        the latest until; see Lowered hands
//
// The owners of the charter have rank 0 and every capability, act under no grant, and nobody acts on them. A register holds what the valid
// operation says that no other valid one on it has seen; of several, the stronger rank wins, then mute over unmute, then the lower hash. A
// register of a person counts only operations of a rank stronger than the person's present one: an equal's mute does not bind. A lower
// number is a stronger rank. An audit needs no rank above its target's: it says what is the case and decides nothing about a person.
//
// # What joins the log
//
// Some mistakes are plain from an operation and its past, and the same for everybody. Such an operation never joins any log, and neither
// does what follows it: bytes, sequence, time or epoch number (1 + the highest in the past) not as above; an act under a grant that the
// author was not given in its past, that had lapsed by its time, or that lacks the capability; a target who is an owner; a credential or
// grant that package identity does not verify at the operation's time; an advert within five minutes of the author's last one in its past, an
// audit within five minutes of the author's last one of the same target, an audit of oneself; the end of a recording, or consent to one, that
// is not in its past, the end of another's whose rank is as strong, a ninth consent of one author to one recording, an eighth that
// says yes; a lower until less than three seconds after the latest of its author's ones of the same target in its past. For an admit moreover:
//   - the credential is verified not at the operation's time but at when, the author's clock, where that is behind it, by an hour at most; or
//     at the time of the seat (see Seats) that it carries, of the target by the same credential, where the gate is an owner or was given what
//     makes a gate, an hour after the seat's time at the latest, in the operation's past;
//   - the author is an owner or was let in or given a grant in the operation's past. Their standing does not matter, the credential does;
//     but who was never in cannot date back the use of an invite that has lapsed;
//   - an exact invite is admitted by its issuer alone, and a chain below one only if its holder was so admitted in the operation's past.
//
// Everything else joins, and is valid or void by the rules that follow. That may change when operations come that were concurrent.
//
// # Conferrals
//
// An admit or grant confers a grant on its target. The conferral's lineage is the grants from an owner down to that one, each with the person
// who holds it. Somebody is a member while a conferral of theirs is valid and no valid removal has ended it. Their rank is the strongest of
// those, their capabilities are all of them.
//
// An act is valid if, of the author's conferrals of the grant acted under in its past, one is valid and has been ended by no valid removal
// that had not seen the act (strong removal: what a moderator did without the sight of those who removed them is void, so that dating back
// gains nothing); and if, where it has a target, no conferral of the target's that stood in its past is as strong as the rank acted under.
//
// An admit is valid if no removal that had not seen it ends it; if the holder of every counted invite in its lineage is among the first so
// many persons to come by that invite, in canonical order; and if no lock of stronger rank than its own that had not seen it stands, which
// one does unless an unlock, stronger in rank than the admit, came between the two.
//
// # Removals
//
// A kick, a ban, a replacing grant and a revoke end conferrals. Each ends only what has, at the step of the lineage where it strikes, a
// weaker rank than it was done under.
//
// Against the holder of the conferral itself:
//   - what the removal had seen ends;
//   - what is concurrent ends, except a grant given under a stronger rank. Of two concurrent replacing grants of one rank the one of weaker
//     rank stays, then the one of lower hash;
//   - what came after a kick or ban, by somebody who had seen it, ends unless pardoned between the two; but a grant after a kick stands. After
//     a replacing grant only an admit ends, and only if it gives more than that grant left and nobody pardoned between the two: nobody
//     climbs back on stage by the link they came by.
//
// A pardon lets somebody be admitted again; it brings back nothing that had ended. It counts for what is weaker than itself in rank, and for
// bans only if done under a grant with the capability to ban.
//
// A kick, ban or replacing grant of somebody further up in an admit's lineage ends the admit unless the removal had seen it, or had seen the
// branch below that person by which it came, or was pardoned for that person before it, or that person had been given the grant anew.
// Grants need no such rule: their author's standing decides.
//
// A revoke ends every conferral with the grant anywhere in its lineage, now and for good. With keep it ends only those that it had not seen,
// where it had not seen the branch either: the grant admits nobody new. A kick or ban that names a grant to close does this as well. Only
// whoever issued the grant or one above it, or may kick or ban, revokes with effect; and an own grant concurrent with a revoke stands if
// it was given under a stronger rank than the revoke.
//
// # Relays
//
// A relay is a member with the capability relay whose advert offers a slot. One slot is 64 kbit/s of upload, for one listener. It counts for
// as many as the least of these says: its grants, where the one that gives most decides, 64 where that names none, and no bound for an owner;
// its advert, by slots and by kbit/s; and what was audited. Of each auditor who is in, the newest audit counts. The members of one branch of
// invites ([State.Subtree]) speak with one voice, the median of theirs, and the median of the branches is believed, of an even number the lower
// of the two in the middle. A relay that nobody has audited is believed 16 slots. Where the auditors are of fewer than three branches only
// the audits of those count who moderate, and what they say is believed as 16 slots at least.
//
// The beacon of a relay is the hash of the oldest valid epoch, the lowest number, that has in its past the first live conferral that made it a
// relay: the earliest by time, then by hash. It is not known when the relay chooses its key, and later epochs do not change it. Who may make epochs makes one for relays that have no beacon, five
// minutes after the last epoch, or half a minute while no relay has one. Package relay says who carries whom.
//
// # Recordings
//
// A record that ends nothing begins a recording, which is named by its hash. It is on while its author holds the grant under which they began
// it, until they or a stronger rank end it or a rank as strong begins another in sight of it, and is not on again after that. Of several the one
// of the strongest rank is on, then that of the lower hash.
//
// A consent says whether its author lets themself be recorded in one recording: the last one counts, and no where two had not seen each other.
// It is never void, whatever became of its author's grant, since it is about nobody else: else a withdrawal could be lost because somebody moved
// its author to another place at the same time. Silence is no. The log shows who said what; nothing can keep from recording who hears.
//
// # Lowered hands
//
// A lower takes down what its target has raised until a time, which is not later than its own. Of a person the valid one counts with the latest
// until, of those done under a rank stronger than the person's present one. Hands themselves are no operations: they come and go,
// and their owner has the last word on them (see Messages), but for this. Nobody has a hand in their queue that its owner dated until then; who
// raises it again dates it later, and so waits behind all others. Where a lower turns out to be void the hand stays down until its owner
// raises it again.
//
// # Seats
//
// When 24 people are here and a relay is alive the room is a crowd, until for 30 s fewer than 16 have been here or no relay alive. Then those
// who may only hear leave gossip for the relays: the audience. Who comes to a gate of a crowd by an invite that lets them hear and no more,
// without count, while a relay is alive, gets a seat instead of an admit: "this person came by this invite at this time", signed by the gate.
// A gate is a member with any capability beyond hearing and speaking. Nothing joins the log.
//
// A seat holds while its gate is one, and while an admission on the same credential would stand that was made at the seat's time and that
// everything done later had seen: so a closed invite, a lock, or the removal of somebody further up ends no earlier seats, but a kick or ban of
// the person does, and a revoke. This is the one place where the times in operations decide between them, two clocks' and at the word of a gate: a
// gate that lies about the time seats people whom a closed invite or a lock keeps out, until it is put out itself and with it all whom it has seated.
//
// Who wants to speak is admitted on the seat first. If their invite admits nobody any more and the gate of their seat moderates, a member who
// may call people to the stage gives them a grant to listen instead: it would outlast a gate that lied. By the seat of any other gate they
// go on listening.
//
// # Order of judgement
//
// Nothing above asks about an operation of a weaker rank than the one in question, nor of an equal one other than for a conferral's own
// validity. So operations are judged by rank from the strongest down, at each rank first conferrals and then acts, and there is one answer.
// Canonical order: every operation after its past, otherwise by hash.
//
// # Clocks
//
// Clocks may be a quarter of an hour wrong, so half an hour apart, and nobody trusts another's. Authority never comes from one. For the rest:
//
//   - What an author has said is not said again by repeating it: heartbeats, hands, attendances, floors and complaints count only if they are
//     later than all that came from that author, by (time, seq), as is remembered of everybody until no clock takes it for new any more. Who
//     comes later is told of those who have gone. An operation older than two minutes is passed on only by who did not have it.
//   - How long somebody was silent or a hand is up is measured from when it came here; who hands on a heartbeat says how long it has had it.
//   - Whether an invite still opens the room is judged once, by the clock of who lets in, give or take two minutes: the admission or the seat
//     says what that clock said, and everybody judges it at that. The time of an operation would not do, since it is later than all before
//     it, of which somebody's may be dated half an hour ahead. The clock of who comes decides nothing.
//   - For that, and for the order of hands, a member puts its clock right by the room's: the median of the clocks of those who moderate, as
//     their heartbeats show them. Moderators decide who gets in anyway; a crowd of guests moves nothing while one of them has been seen.
//   - A hand may not be raised earlier than 30 seconds before it comes, by the earliest clock of those who moderate.
//   - Whose clock differs from most people's is told. See [Snapshot].ClockFast.
//
// So a gate whose clock is slow lets in by a link that is over only where nobody who moderates was ever seen by it, or most of them are wrong.
//
// # Limits
//
// What one member does for another and for the room, at once and from then on:
//
//	questions answered     60, then 30 a second for each who asks
//	answers                4 MiB, then 256 KiB a second for each who asks
//	people let in          60, then 10 a second at each gate; who knocks in vain does not count
//	people seated          500, then 100 a second at each gate
//	operations brought     256, then 32 a second from each who brings them unasked
//	messages passed on     8, then 1 in 2 seconds of each author; 40, then 5 a second of all who may do no more than hear
//	reactions passed on    9, then 2 a second of each author; 40, then 10 a second of all who may do no more than hear
//
// What others have said joins the log of one member no faster than this. What has to wait is not lost: it comes again with the next sync.
//
//	by who moderates       2000, then 10 a second for each author
//	admits by others       300, then 4 a second for each author, 1000, then 5 a second of all of them together
//	of the same person     8, then 1 a minute beside that, where the grant had admitted them already
//	adverts and audits     16, then 1 a minute for each author, 256, then 1 in 5 seconds of all of them together
//	consents               8, then 1 a minute for each author; of those who may not speak 256, then 1 in 5 seconds together
//	most likely void       256, then 1 a second together: an admit that would be void now or is by somebody not in, an act without the right
//
// Somebody moderates who is in with any capability but hear, speak and relay. What they have seen joins at their expense if it cannot at
// its own, so that a flood does not hold up those who act on it.
//
// A log holds 10,000 operations and 3 MiB. Three quarters of that are for everybody, and for letting in people who do not moderate. The rest
// is for the acts of those who do, for letting in more of them, and for what they have seen, and for those on the stage to withdraw a consent;
// the last sixteenth is for the owners' alone.
// These bounds decide what a member takes in, never what it means: the state is a function of what is in the log.
//
// # What is not promised
//
// A log never shrinks. An invite without a count lets in as many keys as its holder cares to make, and with them fills the share of
// everybody in about ten minutes, if nobody closes it; then nobody new gets in who does not moderate, and the room has to be opened anew.
// Whoever moderates can fill all but the owners' sixteenth. A count that is not exact can be exceeded while members cannot reach each other;
// those who came last are out when they meet again.
package room
