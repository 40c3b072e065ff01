// Attacks from inside: by people who have a genuine link, a genuine key and the
// secret of the room, and a program that keeps to no rule.

package process

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"stoa/identity"
	"stoa/room"
	"stoa/room/seal"
)

// The tones of these tests, in Hz. They are multiples of 50, so a window of 20
// ms tells each from the others without any leak.
const (
	annsTone    = 450
	forgedTone  = 2000
	allowedTone = 1250
)

// TestForgedVoiceIsNotPlayed: a listener who holds the media key speaks in the
// name of a speaker, in every way there is. Nobody plays any of it.
func TestForgedVoiceIsNotPlayed(t *testing.T) {
	w := newWorld(t)
	tone := filepath.Join(w.dir, "tone.wav")
	writeTone(t, tone, annsTone)
	ann := w.run(honest, "ann", "open", "Stoa", "--in", tone, "--loop", "--out", "null")
	link := ann.wait("a link", kind("link")).Link
	bob := w.joins(link, "bob")
	mallory := w.rogue(nil, link)
	mallory.join(ann, "mallory")
	annID, bobID := ann.person(), bob.person()
	mallory.link(annID)
	mallory.link(bobID)

	// Ann talks for a while, is heard by both, and falls silent.
	sound := bob.wait("ann's voice", kind("sound"))
	eventually(t, "mallory hearing ann", func() bool { return len(mallory.received(annID)) > 50 })
	ann.verb("mute")
	talked := time.Since(sound.at).Seconds()

	real := mallory.received(annID)
	p := mallory.sees(annID)
	epoch := mallory.room.Snapshot().Epochs[0]
	asAnn := newMouth(t, mallory.inv.Room, annID, p.Session, epoch)
	asSelf := newMouth(t, mallory.inv.Room, mallory.id, mallory.session, epoch)

	// The forger's packets are right in all but the speaker's own hand.
	opener := seal.NewOpener(mallory.inv.Room)
	if err := opener.SetEpochs([]seal.Epoch{{Commit: epoch.Commit, Secret: epoch.Secret}}); err != nil {
		t.Fatal(err)
	}
	if err := opener.SetStreams([]seal.Stream{{Speaker: annID, Session: p.Session}}); err != nil {
		t.Fatal(err)
	}
	forged := frames(t, forgedTone, 100)
	if _, _, err := opener.Open(asAnn.packet(1_000_000, forged[0], nil), annID); err != nil {
		t.Fatalf("the forger does not know the format: %v", err)
	}

	// speak says a hundred frames, in as many forms each as packets makes.
	speak := func(packets func(i int) [][]byte) {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := range forged {
			<-tick.C
			for _, b := range packets(i) {
				mallory.net.Send(b, []identity.ID{bobID, annID})
				time.Sleep(2 * time.Millisecond) // her own queue holds three
			}
		}
	}
	first := uint32(50_000) // far beyond all that Ann has said
	enough := func() bool { return refusals(bob, "not_speaker", "forged", "unknown_key", "malformed") >= 50 }
	for range 10 {
		speak(func(i int) [][]byte {
			index, f := first+uint32(i), forged[i]
			tampered := asAnn.packet(index, f, mallory.key)
			tampered[len(tampered)-70] ^= 1 // in what the tag covers
			said := real[i%len(real)].bytes
			flip := slices.Clone(said)
			flip[len(flip)/2] ^= 1
			return [][]byte{
				asAnn.packet(index, f, nil),         // as if on Ann's own link
				asAnn.packet(index, f, mallory.key), // signed, by the wrong person
				tampered, said, flip,
			}
		})
		speak(func(i int) [][]byte {
			index, f := first+1000+uint32(i), forged[i]
			marked := append(slices.Clone(real[i%len(real)].bytes), make([]byte, 64)...)
			marked[0] |= 1 // as if it were signed
			return [][]byte{
				asSelf.packet(index, f, nil), // in her own name, without the right
				asSelf.packet(index, f, mallory.key),
				marked,
				append([]byte{0x1f}, f...), // no packet at all
			}
		})
		first += 2000
		if enough() {
			break
		}
	}
	eventually(t, "bob refusing each kind of forgery", enough)

	// So that silence proves something: once she may speak, the same way of
	// sending is heard, and still not in Ann's name.
	ann.verb("stage", "add", "mallory")
	mallory.until("the stage", func(s *room.Snapshot) bool { return s.Me.Speaks })
	mark := bob.mark()
	allowed := frames(t, allowedTone, 100)
	speak(func(i int) [][]byte {
		return [][]byte{
			asSelf.packet(first+uint32(i), allowed[i], nil),
			asAnn.packet(first+uint32(i), forged[i], mallory.key),
		}
	})
	bob.waitSince(mark-1, "mallory's voice", func(e event) bool { return e.Event == "sound" && e.Who == mallory.id.String() })
	bob.quit()

	file := w.record("bob")
	if s := secondsOf(t, file, forgedTone); s != 0 {
		t.Errorf("bob heard %.2f s of what was forged", s)
	}
	if s := secondsOf(t, file, annsTone); s < 0.5 || s > talked+0.8 {
		t.Errorf("bob heard ann for %.2f s, who talked for %.2f: what she had said was played again", s, talked)
	}
	if s := secondsOf(t, file, allowedTone); s < 1 {
		t.Errorf("bob heard only %.2f s of what mallory was allowed to say", s)
	}
}

// refusals is how many packets a process has refused, of that of the reasons
// for which it has refused the fewest.
func refusals(p *process, reasons ...string) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	fewest := uint64(0)
	for _, e := range p.events {
		if e.Stats != nil {
			fewest = e.Stats.Refused[reasons[0]]
			for _, r := range reasons {
				fewest = min(fewest, e.Stats.Refused[r])
			}
		}
	}
	return fewest
}

// TestListenerHasNoPower: a listener signs whatever would give her power over
// the room. Nothing changes anywhere.
func TestListenerHasNoPower(t *testing.T) {
	w := newWorld(t)
	ann := w.run(honest, "ann", "open", "Stoa", "--out", "null")
	link := ann.wait("a link", kind("link")).Link
	bob := w.joins(link, "bob", "--out", "null")
	cid := w.joins(link, "cid", "--out", "null")
	members := []*process{ann, bob, cid}
	mallory := w.rogue(nil, link)
	mallory.join(bob, "mallory")
	annID, bobID := ann.person(), bob.person()
	mallory.link(annID)
	mallory.sees(bobID)
	cid.verb("hand")
	state := func(p *process) string {
		log := strings.Split(strings.TrimSpace(p.verb("log")), "\n")
		return log[len(log)-1] // how many operations, and the state's root
	}
	for _, p := range members {
		eventually(t, p.name+" seeing everybody and the hand", func() bool {
			who := p.verb("who")
			return strings.Count(who, "listener") == 3 && strings.Contains(who, "place 1") && state(p) == state(ann)
		})
	}
	before := state(ann)

	snap := mallory.room.Snapshot()
	own := mallory.cred.Leaf()
	var ops [][]byte
	sign := func(o room.Op, author *identity.Key) {
		o.Room, o.Seq, o.Time, o.Deps = snap.Room, o.Seq+2, uint64(time.Now().UnixMilli()), nil
		for _, raw := range mallory.welcome.Ops {
			op, err := room.ParseOp(raw)
			if err != nil {
				t.Fatal(err)
			}
			o.Deps = []identity.Hash{op.Hash()} // the last: of this short log the head
		}
		body := identity.Marshal(&o)
		ops = append(ops, identity.Pack(body, author.Sign("stoa/op/1", body)))
	}
	grant := func(g identity.Grant) identity.Grant {
		g.Room, g.Rank, g.Caps = snap.Room, g.Role.Rank(), g.Role.Caps()
		signed, err := identity.SignGrant(mallory.key, g)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	secret := room.EpochArgs{Commit: identity.HashOf(make([]byte, 32)), N: 2}
	for _, under := range []identity.Hash{{}, own.Hash(), mallory.inv.Chain[0].Grant.Hash(), {1}} {
		for _, o := range []room.Op{
			{Kind: room.KindMute, Target: annID},
			{Kind: room.KindMute, Target: bobID},
			{Kind: room.KindUnmute, Target: mallory.id},
			{Kind: room.KindKick, Target: bobID, Args: identity.Marshal(room.RemoveArgs{Reason: "mine"})},
			{Kind: room.KindBan, Target: bobID, Args: identity.Marshal(room.RemoveArgs{Closes: own.Hash()})},
			{Kind: room.KindPardon, Target: mallory.id},
			{Kind: room.KindRevoke, Args: identity.Marshal(room.RevokeArgs{Grant: own.Hash()})},
			{Kind: room.KindTitle, Args: identity.Marshal(room.TitleArgs{Text: "mine"})},
			{Kind: room.KindEpoch, Args: identity.Marshal(secret)},
			{Kind: room.KindLock},
			{Kind: room.KindClose},
			{Kind: room.KindGrant, Target: bobID, Args: identity.Marshal(room.GrantArgs{
				Grant: grant(identity.Grant{Subject: bobID, Role: identity.RoleSpeaker, Parent: under}).Bytes(), Replace: true})},
		} {
			o.Author, o.Grant = mallory.id, under
			sign(o, mallory.key)
			o.Author = annID // an owner may, but did not sign
			sign(o, mallory.key)
		}
	}
	said := [][]byte{
		signed(mallory.key, "stoa/presence/1", &room.Presence{Room: snap.Room, Who: bobID, Name: "mallory's", Time: now() + 1000, Seq: 1e6, Bye: true}),
		signed(mallory.key, "stoa/presence/1", &room.Presence{Room: snap.Room, Who: annID, Name: "mallory's", Time: now() + 1000, Seq: 1e6}),
	}
	hands := [][]byte{
		signed(mallory.key, "stoa/hand/1", &room.Hand{Room: snap.Room, Who: bobID, Up: true, Time: now() - 5000, Seq: 1}),
		signed(mallory.key, "stoa/hand/1", &room.Hand{Room: snap.Room, Who: cid.person(), Time: now() + 1000, Seq: 9}),
	}

	// Asked of each member by itself, where no mesh stands before it.
	for _, p := range members {
		for batch := range slices.Chunk(ops, 24) {
			var a syncAnswer
			if code := mallory.ask(p, askSync, syncQuestion{Credential: mallory.cred.Bytes(), Ops: batch}, &a); code != "" {
				t.Fatalf("%s answers %q", p.name, code)
			}
		}
	}
	// An invite of her own, under her grant and under none.
	for _, parent := range []identity.Hash{own.Hash(), {}} {
		for _, role := range []identity.Role{identity.RoleListener, identity.RoleModerator} {
			once, guest := newKey(t), newKey(t)
			g := grant(identity.Grant{Subject: once.ID(), Invite: true, Role: role, Parent: parent})
			r, err := identity.SignRedeem(once, guest, identity.Redeem{Room: snap.Room, Grant: g.Hash(), Time: now()})
			if err != nil {
				t.Fatal(err)
			}
			chain := identity.Credential{{Grant: g, Redeem: r}}
			if !parent.IsZero() {
				chain = append(slices.Clone(mallory.cred), chain...)
			}
			visitor := w.rogue(guest, link)
			for _, p := range members {
				if code := visitor.knock(p, chain); code == "" || code == "busy" {
					t.Errorf("%s answers %q to a guest of a listener as %v", p.name, code, role)
				}
			}
		}
	}
	// And by gossip: first what is merely void, then what is forged, after
	// which nobody wants to hear from her again.
	publish := func(channel string, messages [][]byte) {
		for _, m := range messages {
			if err := mallory.net.Publish(context.Background(), channel, m); err != nil {
				t.Fatal(err)
			}
		}
	}
	publish(room.ChannelLog, ops)
	publish(room.ChannelPresence, said)
	publish(room.ChannelHands, hands)

	// A true operation that comes after shows that the rest has been seen.
	ann.verb("title", "Still Ann's")
	for _, p := range members {
		p.wait("the title", func(e event) bool { return e.Event == "room" && e.Title == "Still Ann's" })
		eventually(t, p.name+" keeping the title", func() bool { return state(p) == state(ann) })
		who := p.verb("who")
		for _, want := range []string{"ann", "bob", "cid", "owner", "hand up, place 1"} {
			if !strings.Contains(who, want) {
				t.Errorf("%s does not see %s:\n%s", p.name, want, who)
			}
		}
		for _, bad := range []string{"mallory's", "place 2", "muted by", "moderator", "speaker", "locked"} {
			if regexp.MustCompile(`\b` + bad).MatchString(who) { // a loudspeaker is no speaker
				t.Errorf("%s sees %s:\n%s", p.name, bad, who)
			}
		}
	}
	var n, m int
	fmt.Sscan(before, &n)
	fmt.Sscan(state(ann), &m)
	if n == 0 || m != n+1 {
		t.Errorf("before: %s\nafter: %s\nwant one operation more: the title", before, state(ann))
	}
}

func now() uint64 { return uint64(time.Now().UnixMilli()) }

func signed(k *identity.Key, domain string, body any) []byte {
	b := identity.Marshal(body)
	return identity.Pack(b, k.Sign(domain, b))
}

// TestKickedHearsNothing: whoever was put out has every packet and every old
// secret, and understands nothing that is said more than 3 s later.
func TestKickedHearsNothing(t *testing.T) {
	const grace = 3 * time.Second
	w := newWorld(t)
	tone := filepath.Join(w.dir, "tone.wav")
	writeTone(t, tone, annsTone)
	ann := w.run(honest, "ann", "open", "Stoa", "--in", tone, "--loop", "--out", "null")
	hers := ann.wait("a link", kind("link")).Link
	bob := w.joins(hers, "bob", "--out", "null")
	spy := w.rogue(nil, hers) // stays, and hands on all packets
	spy.join(ann, "spy")
	mallory := w.rogue(nil, ann.link())
	mallory.join(bob, "mallory")
	annID := ann.person()
	spy.link(annID)
	mallory.link(annID)
	mallory.link(bob.person())
	eventually(t, "ann being heard", func() bool { return len(spy.received(annID)) > 50 && len(mallory.received(annID)) > 50 })
	old := mallory.room.Snapshot().Epochs
	session := spy.sees(annID).Session

	ann.verb("kick", "mallory")
	kicked := time.Now()
	for _, p := range []*process{ann, bob} {
		p.wait("the kick", func(e event) bool { return e.Event == "removed" && e.Who == mallory.id.String() })
	}
	fresh := spy.until("the new secret", func(s *room.Snapshot) bool {
		return s.Epochs[0].Known && s.Epochs[0].Commit != old[0].Commit
	}).Epochs[0]

	// She asks everybody, in every way.
	for _, p := range []*process{ann, bob} {
		if code := mallory.ask(p, askSecret, secretQuestion{fresh.Commit}, nil); code != "kicked" {
			t.Errorf("%s answers %q when asked for the secret", p.name, code)
		}
		if code := mallory.knock(p, mallory.cred); code != "kicked" {
			t.Errorf("%s answers %q when asked to let her in", p.name, code)
		}
		var a syncAnswer
		if code := mallory.ask(p, askSync, syncQuestion{Credential: mallory.cred.Bytes()}, &a); code != "" {
			t.Errorf("%s answers %q", p.name, code)
		}
		for _, raw := range a.Ops {
			if op, err := room.ParseOp(raw); err != nil || op.Kind == room.KindEpoch && op.Epoch().Commit == fresh.Commit {
				t.Errorf("%s tells her of the new epoch, or worse: %v", p.name, err)
			}
		}
		if len(a.Presences)+len(a.Hands) > 0 {
			t.Errorf("%s tells her who is there", p.name)
		}
	}
	eventually(t, "ann talking on", func() bool {
		all := spy.received(annID)
		return all[len(all)-1].at.After(kicked.Add(grace + 2*time.Second))
	})

	keys := old
	for _, e := range mallory.room.Snapshot().Epochs {
		if e.Commit == fresh.Commit && e.Known {
			t.Error("she has the new secret")
		}
		keys = append(keys, e)
	}
	opens := func(keys []room.EpochKey) func(packet) bool {
		o := seal.NewOpener(mallory.inv.Room)
		var epochs []seal.Epoch
		for _, e := range keys {
			if e.Known {
				epochs = append(epochs, seal.Epoch{Commit: e.Commit, Secret: e.Secret})
			}
		}
		if err := o.SetEpochs(epochs); err != nil {
			t.Fatal(err)
		}
		if err := o.SetStreams([]seal.Stream{{Speaker: annID, Session: session}}); err != nil {
			t.Fatal(err)
		}
		return func(p packet) bool { _, _, err := o.Open(p.bytes, annID); return err == nil }
	}
	hers1, spys := opens(keys), opens([]room.EpochKey{fresh})
	var before, after, understood int
	var last time.Duration
	for _, p := range spy.received(annID) {
		since := p.at.Sub(kicked)
		switch hears := hers1(p); {
		case since < 0 && hears:
			before++
		case hears:
			last = max(last, since)
		}
		if since > grace && spys(p) {
			understood++
		}
		if since > grace {
			after++
		}
	}
	t.Logf("before: %d packets opened; the last that she opened came %v after the kick; after %v: %d packets, %d opened by a member", before, last, grace, after, understood)
	if before == 0 || after == 0 || understood != after {
		t.Error("the test proves nothing: a member cannot open what was said")
	}
	if last > grace {
		t.Errorf("she understood what was said %v after the kick", last)
	}
	for _, who := range []identity.ID{annID, bob.person()} {
		for _, p := range mallory.received(who) {
			if p.at.Sub(kicked) > grace {
				t.Fatalf("she was still sent voice %v after the kick", p.at.Sub(kicked))
			}
		}
	}
}
