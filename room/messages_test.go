// What strangers may send: never a panic, one encoding for each message, and
// nothing taken that its author has not signed.

package room

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"stoa/identity"
	"stoa/room/relay"
)

var testKey = identity.KeyFromSeed([32]byte{42})

// samples of every message.
func samplePresence() *Presence {
	return &Presence{
		Room: identity.RoomID{1}, Who: testKey.ID(), Session: [8]byte{2}, Name: "anna", Mic: true,
		Addrs: []string{"/ip4/192.0.2.1/udp/4001/quic-v1"}, Heads: []identity.Hash{{3}},
		Hand: signHand(testKey, sampleHand()), Time: at(0), Seq: 7, Synced: true,
		Hears: []Heard{{Who: relay.Prefix{1}, Way: Unheard}, {Who: relay.Prefix{2}, Way: ByRelay, Loss: 12, RTT: 300, Got: 70_000}}, Relay: relay.Prefix{9}, Helps: true,
		Deaf: true, Feeds: 900,
	}
}

func sampleHand() *Hand {
	return &Hand{Room: identity.RoomID{1}, Who: testKey.ID(), Up: true, Time: at(0), Seq: 1}
}

func sampleSeat() *Seat {
	return &Seat{Room: identity.RoomID{1}, Who: identity.ID{2}, Grant: identity.Hash{3}, Time: at(0), By: testKey.ID()}
}

func sampleRemark() *Remark {
	return &Remark{
		Room: identity.RoomID{1}, Who: testKey.ID(), Kind: RemarkHide, Time: at(0), Seq: 1, Epoch: identity.Hash{2}, Body: make([]byte, sealing+32),
	}
}

func sampleCharter(tb testing.TB) *identity.Charter {
	tb.Helper()
	c, err := identity.SignCharter(identity.Charter{
		Owners: []identity.ID{testKey.ID()}, Threshold: 1, Created: at(0), Policy: identity.Policy{Listed: true, Topic: "go", Lang: "en"},
	}, testKey)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func sampleCard(tb testing.TB) *Card {
	c := sampleCharter(tb)
	return &Card{
		Room: c.ID(), Title: "the painted porch", Topic: "go", Lang: "en", Stage: []string{"anna"}, Count: 3,
		Time: at(0), By: testKey.ID(), Charter: c,
	}
}

// mutants calls f with raw cut at every length, with a byte more, and with each
// bit flipped.
func mutants(raw []byte, f func(what string, raw []byte)) {
	for n := range raw {
		f("cut", raw[:n])
	}
	f("longer", append(bytes.Clone(raw), 0))
	for n := range len(raw) * 8 {
		m := bytes.Clone(raw)
		m[n/8] ^= 1 << (n % 8)
		f("flipped", m)
	}
}

func TestAlteredMessagesAreRefused(t *testing.T) {
	tests := []struct {
		name  string
		raw   []byte
		parse func([]byte) error
	}{
		{"presence", signPresence(testKey, samplePresence()), func(b []byte) error { _, err := ParsePresence(b); return err }},
		{"hand", signHand(testKey, sampleHand()), func(b []byte) error { _, err := ParseHand(b); return err }},
		{"seat", signSeat(testKey, sampleSeat()), func(b []byte) error { _, err := ParseSeat(b); return err }},
		{"remark", pack(testKey, remarkDomain, sampleRemark()), func(b []byte) error { _, err := ParseRemark(b); return err }},
		{"card", pack(testKey, cardDomain, sampleCard(t)), func(b []byte) error { _, err := ParseCard(b); return err }},
	}
	for _, tt := range tests {
		if err := tt.parse(tt.raw); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		mutants(tt.raw, func(what string, raw []byte) {
			err := tt.parse(raw)
			if !errors.Is(err, identity.ErrMalformed) && !errors.Is(err, identity.ErrForged) {
				t.Fatalf("%s, %s: %v", tt.name, what, err)
			}
		})
		if err := tt.parse(make([]byte, 64<<10)); !errors.Is(err, identity.ErrMalformed) {
			t.Errorf("%s of 64 KiB: %v", tt.name, err)
		}
	}
}

func TestMessagesOutOfBounds(t *testing.T) {
	presence := func(change func(*Presence)) error {
		p := samplePresence()
		change(p)
		_, err := ParsePresence(signPresence(testKey, p))
		return err
	}
	long := string(bytes.Repeat([]byte("x"), 200))
	for name, err := range map[string]error{
		"long name":      presence(func(p *Presence) { p.Name = long[:MaxName+1] }),
		"terminal codes": presence(func(p *Presence) { p.Name = "a\x1b[2J" }),
		"not UTF-8":      presence(func(p *Presence) { p.Name = "\xff" }),
		"many addresses": presence(func(p *Presence) { p.Addrs = make([]string, maxAddrs+1) }),
		"long address":   presence(func(p *Presence) { p.Addrs = []string{long} }),
		"many heads":     presence(func(p *Presence) { p.Heads = make([]identity.Hash, maxHeads+1) }),

		"hears by no known way":     presence(func(p *Presence) { p.Hears[0].Way = waysEnd }),
		"hears somebody twice":      presence(func(p *Presence) { p.Hears[1].Who = p.Hears[0].Who }),
		"hears them out of order":   presence(func(p *Presence) { p.Hears[0].Who[0] = 3 }),
		"feeds more than it may":    presence(func(p *Presence) { p.Feeds = maxFeeds + 1 }),
		"hears more than there are": presence(func(p *Presence) { p.Hears = stageOf(maxHears + 1) }),
	} {
		if !errors.Is(err, identity.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := identity.KeyFromSeed([32]byte{43})
	if _, err := ParsePresence(signPresence(other, samplePresence())); !errors.Is(err, identity.ErrForged) {
		t.Errorf("signed by another: %v", err)
	}
	if _, err := ParseHand(pack(testKey, presenceDomain, sampleHand())); !errors.Is(err, identity.ErrForged) {
		t.Errorf("signed for another purpose: %v", err)
	}
}

func TestCardVerify(t *testing.T) {
	invite := func(c *identity.Charter) string {
		chain, seed, err := identity.IssueInvite(testKey, nil, identity.Terms{Role: identity.RoleListener}, c.ID())
		if err != nil {
			t.Fatal(err)
		}
		return (&identity.Invite{Room: c.ID(), Seed: seed, Chain: chain}).String()
	}
	welcome := func(c *Card) { // makes it of a room that welcomes volunteers
		charter := *c.Charter
		charter.Policy.Volunteers = true
		signed, err := identity.SignCharter(charter, testKey)
		if err != nil {
			t.Fatal(err)
		}
		c.Charter, c.Room = signed, signed.ID()
	}
	tests := []struct {
		name   string
		change func(*Card)
		want   error
	}{
		{"good", func(*Card) {}, nil},
		{"with a link", func(c *Card) { c.Link = invite(c.Charter) }, nil},
		{"of another room", func(c *Card) { c.Room[0]++ }, identity.ErrWrongRoom},
		{"with another topic", func(c *Card) { c.Topic = "news" }, identity.ErrForged},
		{"old, or by a slow clock", func(c *Card) { c.Time = at(-maxSkew) }, nil},
		{"old", func(c *Card) { c.Time = at(-maxSkew - time.Minute) }, ErrStale},
		{"from the future", func(c *Card) { c.Time = at(maxSkew + time.Minute) }, ErrStale},
		{"by a stranger", func(c *Card) { c.By = identity.KeyFromSeed([32]byte{9}).ID() }, identity.ErrForged},
		{"with a link for relays where nobody wants volunteers", func(c *Card) { c.Relay = invite(c.Charter) }, identity.ErrWrongRoom},
		{"with a link for relays", func(c *Card) { welcome(c); c.Relay = invite(c.Charter) }, nil},
		{"with another room's link for relays", func(c *Card) { c.Relay = invite(c.Charter); welcome(c) }, identity.ErrWrongRoom},
		{"with a broken link", func(c *Card) { c.Link = "stoa:j/x" }, identity.ErrCutOff},
	}
	for _, tt := range tests {
		c := sampleCard(t)
		tt.change(c)
		if err := c.Verify(noon); !errors.Is(err, tt.want) {
			t.Errorf("a card %s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

// fuzzSigned feeds a parser with what the fuzzer makes, as it is and as a body
// that is properly signed; what parses must encode to the same bytes.
func fuzzSigned[M any](f *testing.F, domain string, sample *M, parse func([]byte) (*M, error)) {
	f.Add(identity.Marshal(sample))
	f.Add(pack(testKey, domain, sample))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, raw := range [][]byte{b, identity.Pack(b, testKey.Sign(domain, b))} {
			m, err := parse(raw)
			if err != nil {
				continue
			}
			if again := pack(testKey, domain, m); !bytes.Equal(again, raw) {
				t.Errorf("%x encodes as %x", raw, again)
			}
		}
	})
}

func FuzzPresence(f *testing.F) { fuzzSigned(f, presenceDomain, samplePresence(), ParsePresence) }

func FuzzHand(f *testing.F) { fuzzSigned(f, handDomain, sampleHand(), ParseHand) }

func FuzzSeat(f *testing.F) { fuzzSigned(f, seatDomain, sampleSeat(), ParseSeat) }

func FuzzRemark(f *testing.F) { fuzzSigned(f, remarkDomain, sampleRemark(), ParseRemark) }

func FuzzCard(f *testing.F) {
	fuzzSigned(f, cardDomain, sampleCard(f), func(raw []byte) (*Card, error) {
		c, err := ParseCard(raw)
		if err == nil {
			_ = c.Verify(noon)
		}
		return c, err
	})
}

// deskNet and deskKeeper are a network and a disk of which a single room on a
// desk needs nothing.
type deskNet struct{ Network }

func (deskNet) Meet(identity.ID, []string) {}

type deskKeeper struct{ Keeper }

func (deskKeeper) Create(Record, [][]byte, []Secret) error             { return nil }
func (deskKeeper) SaveOps(identity.RoomID, [][]byte, ...Secret) error  { return nil }
func (deskKeeper) Ops(identity.RoomID) ([][]byte, error)               { return nil, nil }
func (deskKeeper) Secrets(identity.RoomID) ([]Secret, error)           { return nil, nil }
func (deskKeeper) Invites(identity.RoomID) ([]Invited, error)          { return nil, nil }
func (deskKeeper) Lines(identity.RoomID) ([]Line, error)               { return nil, nil }
func (deskKeeper) DropSecrets(identity.RoomID, ...identity.Hash) error { return nil }
func (deskKeeper) SaveInvite(identity.RoomID, Invited) error           { return nil }

// desk returns a room of testKey whose loop does nothing but answer.
func desk(tb testing.TB) *Room {
	tb.Helper()
	c := sampleCharter(tb)
	r, err := New(Config{
		Record: Record{Room: c.ID(), Charter: c.Bytes()},
		Key:    testKey, Keeper: deskKeeper{}, Network: deskNet{},
	})
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		for {
			select {
			case f := <-r.requests:
				f(time.Now())
			case <-done:
				return
			}
		}
	}()
	tb.Cleanup(func() { close(done) })
	return r
}

// FuzzQuestion asks a room whatever the fuzzer comes up with, as its owner and
// as a stranger. A stranger learns nothing without a credential.
func FuzzQuestion(f *testing.F) {
	r := desk(f)
	chain, seed, err := identity.IssueInvite(testKey, nil, identity.Terms{Role: identity.RoleListener}, r.id)
	if err != nil {
		f.Fatal(err)
	}
	joiner := identity.KeyFromSeed([32]byte{44})
	inv := &identity.Invite{Room: r.id, Seed: seed, Chain: chain}
	cred, err := inv.Redeem(joiner, time.Now())
	if err != nil {
		f.Fatal(err)
	}
	for kind, body := range map[askKind]any{
		askJoin:    joinQuestion{},
		askPreview: joinQuestion{Credential: cred.Bytes()},
		askSync:    syncQuestion{Heads: []identity.Hash{{1}}, Ops: [][]byte{{1}}},
		askSecret:  secretQuestion{Commit: identity.Hash{1}},
		askAdmit:   admitQuestion{Credential: cred.Bytes(), Heads: []identity.Hash{{1}}, Seat: []byte{1}},
		askRoster:  rosterQuestion{Proof: identity.Marshal(Proof{Credential: cred.Bytes()})},
		askSeat:    seatQuestion{cred.Bytes()},
		askChat:    chatQuestion{Epoch: identity.Hash{1}, Have: []uint64{1}, Proof: identity.Marshal(Proof{Credential: cred.Bytes()})},
	} {
		f.Add(identity.Marshal(question{kind, identity.Marshal(body)}))
	}
	f.Fuzz(func(t *testing.T, req []byte) {
		r.guard = newGuard()
		for _, from := range []identity.ID{testKey.ID(), joiner.ID(), {7}} {
			raw, err := r.answer(context.Background(), from, req)
			if err != nil {
				t.Fatal(err)
			}
			var a answer
			if err := identity.UnmarshalLimit(raw, &a, maxAnswer); err != nil {
				t.Fatalf("the answer is no answer: %v", err)
			}
			if a.Code == "" && from == (identity.ID{7}) {
				t.Errorf("a stranger without a credential gets %x", a.Body)
			}
		}
	})
}

// FuzzAnswer reads answers, as a joiner and as a member.
func FuzzAnswer(f *testing.F) {
	r := desk(f)
	c := sampleCharter(f)
	log := NewLog(c)
	op, err := log.Compose(testKey, KindTitle, identity.Hash{}, identity.ID{}, TitleArgs{"title"}, at(0))
	if err != nil {
		f.Fatal(err)
	}
	s := newSecret()
	f.Add(identity.Marshal(joinAnswer{Charter: c.Bytes(), Ops: [][]byte{op.Raw()}, Secrets: []Secret{s},
		Presences: [][]byte{signPresence(testKey, samplePresence())}, Hands: [][]byte{signHand(testKey, sampleHand())}}))
	f.Add(identity.Marshal(joinAnswer{Charter: c.Bytes(), Seat: signSeat(testKey, sampleSeat())}))
	f.Add(identity.Marshal(syncAnswer{Heads: []identity.Hash{op.Hash()}, Ops: [][]byte{op.Raw()}}))
	f.Add(identity.Marshal(previewAnswer{pack(testKey, cardDomain, sampleCard(f))}))
	f.Fuzz(func(t *testing.T, body []byte) {
		raw := identity.Marshal(answer{Body: body})
		to := func(context.Context, []byte) ([]byte, error) { return raw, nil }
		w, err := Knock(context.Background(), to, c.ID(), testKey.ID(), nil)
		if err == nil && (w.Charter.ID() != c.ID() || len(w.Secrets) > 0) {
			t.Error("taken in by a false welcome")
		}
		_, _ = Peek(context.Background(), to, c.ID(), nil, noon)
		var a syncAnswer
		if parseAnswer(raw, &a) != nil {
			return
		}
		_ = r.do(context.Background(), func(now time.Time) error {
			r.merge(a.Ops, now)
			r.takePresences(a.Presences, a.Ages, now)
			for _, h := range a.Hands {
				r.takeHand(h, now, false)
			}
			return nil
		})
	})
}

// Operations of long ago are everybody's to have, but nobody's to publish: each would
// count against its author, who then could not moderate.
func TestOldOperationsAreNotPassedOn(t *testing.T) {
	r := desk(t)
	for _, tt := range []struct {
		age    time.Duration
		known  bool
		accept bool
	}{
		{0, false, true}, {-maxSkew + time.Second, false, true}, {maxSkew - time.Second, false, true},
		{maxSkew + time.Second, false, false}, {24 * time.Hour, false, false}, {-maxSkew - time.Second, false, false},
		{opFresh - time.Second, true, true}, {opFresh + time.Second, true, false}, {-opFresh - time.Second, true, false},
	} {
		op, err := NewLog(r.charter).Compose(r.cfg.Key, KindTitle, identity.Hash{}, identity.ID{}, TitleArgs{Text: "Talk"}, millis(time.Now().Add(-tt.age)))
		if err != nil {
			t.Fatal(err)
		}
		if tt.known {
			r.guard.knows(op.Hash())
		}
		if accept, bad := r.check(ChannelLog, op.Raw()); accept != tt.accept || bad {
			t.Errorf("an operation %v old, known %t: accept %v, bad %v", tt.age, tt.known, accept, bad)
		}
	}
}

func BenchmarkCheckPresence(b *testing.B) {
	r := desk(b)
	p := samplePresence()
	p.Room, p.Time = r.id, millis(time.Now())
	raw := signPresence(testKey, p)
	for b.Loop() {
		if accept, _ := r.check(ChannelPresence, raw); !accept {
			b.Fatal("refused")
		}
	}
}
