// This file tests the bytes of operations: vectors on disk, every way to damage them, and what strangers may send.

package room

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stoa/identity"
)

var updateOps = flag.Bool("update-ops", false, "write testdata/vectors/op and testdata/vectors/log anew")

// opVerdicts are the words of vectors for what ParseOp says.
var opVerdicts = map[string]error{"ok": nil, "malformed": identity.ErrMalformed, "forged": identity.ErrForged}

// opVectors makes a record of each kind, and of each way to be wrong that a record shows by itself.
func opVectors(tb testing.TB) map[string][]byte {
	c := newCast(tb, 1)
	k := c.keys[owner]
	base := func(kind Kind, args any) Op {
		o := Op{Room: c.charter.ID(), Author: k.ID(), Seq: 1, Deps: []identity.Hash{{1}, {2}}, Time: dawn, Kind: kind}
		if kind.onPerson() {
			o.Target = c.id(pia)
		}
		if args != nil {
			o.Args = identity.Marshal(args)
		}
		return o
	}
	signed := func(o Op) []byte {
		body := identity.Marshal(&o)
		return identity.Pack(body, k.Sign(opDomain, body))
	}
	cred := c.redeem(tb, c.invite(tb, owner, nil, "l", identity.Grant{Role: listener}), owner, "l", pia)
	grant := c.give(tb, owner, nil, c.id(pia), "g", identity.Grant{Role: speaker}).Leaf()
	v := map[string][]byte{
		"ok-admit":  signed(base(KindAdmit, AdmitArgs{Credential: cred.Bytes()})),
		"ok-seated": signed(base(KindAdmit, AdmitArgs{Credential: cred.Bytes(), Seat: signSeat(k, &Seat{c.charter.ID(), c.id(pia), cred.Leaf().Hash(), dawn, k.ID()})})),
		"ok-grant":  signed(base(KindGrant, GrantArgs{grant.Bytes(), true})),
		"ok-revoke": signed(base(KindRevoke, RevokeArgs{grant.Hash(), true})),
		"ok-kick":   signed(base(KindKick, RemoveArgs{"noise", grant.Hash()})),
		"ok-ban":    signed(base(KindBan, RemoveArgs{})),
		"ok-title":  signed(base(KindTitle, TitleArgs{"Στοά"})),
		"ok-epoch":  signed(base(KindEpoch, EpochArgs{identity.Hash{7}, 1})),
		"ok-advert": signed(base(KindAdvert, AdvertArgs{64, 4096, []string{"/ip4/192.0.2.1/udp/7862/quic-v1"}})),
		"ok-audit":  signed(base(KindAudit, AuditArgs{4000})),

		"ok-schedule":   signed(base(KindSchedule, ScheduleArgs{dawn, dawn + 3600_000, "Στοά"})),
		"ok-unschedule": signed(base(KindSchedule, ScheduleArgs{})),
		"ok-record":     signed(base(KindRecord, RecordArgs{})),
		"ok-unrecord":   signed(base(KindRecord, RecordArgs{identity.Hash{3}})),
		"ok-consent":    signed(base(KindConsent, ConsentArgs{identity.Hash{3}, true})),
		"ok-lower":      signed(base(KindLower, LowerArgs{dawn})),
	}
	for _, kind := range []Kind{KindMute, KindUnmute, KindPardon, KindLock, KindUnlock, KindClose} {
		v["ok-"+kind.String()] = signed(base(kind, nil))
	}
	bad := func(name string, o Op, change func(*Op)) {
		change(&o)
		v["malformed-"+name] = signed(o)
	}
	title := base(KindTitle, TitleArgs{"x"})
	bad("unknown-kind", title, func(o *Op) { o.Kind = lastKind + 1 })
	bad("sequence-0", title, func(o *Op) { o.Seq = 0 })
	bad("deps-descending", title, func(o *Op) { o.Deps = []identity.Hash{{2}, {1}} })
	bad("deps-twice", title, func(o *Op) { o.Deps = []identity.Hash{{1}, {1}} })
	bad("deps-17", title, func(o *Op) {
		o.Deps = nil
		for i := range byte(17) {
			o.Deps = append(o.Deps, identity.Hash{i})
		}
	})
	bad("year-10000", title, func(o *Op) { o.Time = maxTime + 1 })
	bad("target-too-many", title, func(o *Op) { o.Target = c.id(pia) })
	bad("target-missing", base(KindMute, nil), func(o *Op) { o.Target = identity.ID{} })
	bad("args-too-many", base(KindLock, nil), func(o *Op) { o.Args = []byte{0xa0} })
	bad("args-missing", title, func(o *Op) { o.Args = nil })
	bad("args-of-another-kind", title, func(o *Op) { o.Kind = KindEpoch })
	bad("title-121", title, func(o *Op) { o.Args = identity.Marshal(TitleArgs{strings.Repeat("x", MaxTitle+1)}) })
	bad("title-escape", title, func(o *Op) { o.Args = identity.Marshal(TitleArgs{"\x1b[2J"}) })
	bad("title-override", title, func(o *Op) { o.Args = identity.Marshal(TitleArgs{"a\u202eb"}) })
	bad("reason-141", title, func(o *Op) {
		*o = base(KindKick, RemoveArgs{Reason: strings.Repeat("x", MaxReason+1)})
	})
	bad("epoch-0", title, func(o *Op) { *o = base(KindEpoch, EpochArgs{identity.Hash{7}, 0}) })
	bad("epoch-uncommitted", title, func(o *Op) { *o = base(KindEpoch, EpochArgs{identity.Hash{}, 1}) })
	bad("revoke-nothing", title, func(o *Op) { *o = base(KindRevoke, RevokeArgs{}) })
	bad("admit-long-seat", title, func(o *Op) {
		*o = base(KindAdmit, AdmitArgs{Credential: cred.Bytes(), Seat: make([]byte, MaxSeat+1)})
		o.Target = c.id(pia)
	})
	offer := func(addrs ...string) func(*Op) {
		return func(o *Op) { *o = base(KindAdvert, AdvertArgs{1, 0, addrs}) }
	}
	bad("advert-five-addresses", title, offer("a", "b", "c", "d", "e"))
	bad("advert-empty-address", title, offer(""))
	bad("advert-long-address", title, offer(strings.Repeat("x", MaxPlace+1)))
	bad("advert-escape", title, offer("\x1b[2J"))
	bad("advert-target", title, func(o *Op) { *o = base(KindAdvert, AdvertArgs{}); o.Target = c.id(pia) })
	bad("audit-of-nobody", title, func(o *Op) { *o = base(KindAudit, AuditArgs{}); o.Target = identity.ID{} })
	plan := func(a ScheduleArgs) func(*Op) { return func(o *Op) { *o = base(KindSchedule, a) } }
	bad("schedule-endless", title, plan(ScheduleArgs{Starts: dawn}))
	bad("schedule-backwards", title, plan(ScheduleArgs{dawn, dawn, ""}))
	bad("schedule-unbegun", title, plan(ScheduleArgs{0, dawn, ""}))
	bad("schedule-only-text", title, plan(ScheduleArgs{Text: "soon"}))
	bad("schedule-year-10000", title, plan(ScheduleArgs{dawn, maxTime + 1, ""}))
	bad("schedule-501", title, plan(ScheduleArgs{dawn, dawn + 1, strings.Repeat("x", MaxAbout+1)}))
	bad("schedule-escape", title, plan(ScheduleArgs{dawn, dawn + 1, "\x1b[2J"}))
	bad("record-target", title, func(o *Op) { *o = base(KindRecord, RecordArgs{}); o.Target = c.id(pia) })
	bad("consent-to-nothing", title, func(o *Op) { *o = base(KindConsent, ConsentArgs{Yes: true}) })
	bad("lower-of-no-time", title, func(o *Op) { *o = base(KindLower, LowerArgs{}) })
	bad("lower-to-come", title, func(o *Op) { *o = base(KindLower, LowerArgs{dawn + 1}) })
	bad("grant-to-another", title, func(o *Op) { *o = base(KindGrant, GrantArgs{grant.Bytes(), false}); o.Target = c.id(pete) })
	bad("grant-under-another", title, func(o *Op) { *o = base(KindGrant, GrantArgs{grant.Bytes(), false}); o.Grant = identity.Hash{1} })
	bad("admit-another", title, func(o *Op) { *o = base(KindAdmit, AdmitArgs{Credential: cred.Bytes()}); o.Target = c.id(pete) })
	bad("admit-unredeemed", title, func(o *Op) {
		unredeemed := slices.Clone(cred)
		unredeemed[0].Redeem = nil
		*o = base(KindAdmit, AdmitArgs{Credential: unredeemed.Bytes()})
	})
	bad("admit-under-a-grant", title, func(o *Op) { *o = base(KindAdmit, AdmitArgs{Credential: cred.Bytes()}); o.Grant = identity.Hash{1} })
	body := identity.Marshal(&title)
	v["forged-other-domain"] = identity.Pack(body, k.Sign("stoa/grant/1", body))
	v["forged-other-key"] = identity.Pack(body, c.keys[pia].Sign(opDomain, body))
	small := title
	small.Author = identity.ID{1} // the neutral element: any signature of a certain form would hold
	smallBody := identity.Marshal(&small)
	v["forged-small-order"] = identity.Pack(smallBody, append(append([]byte{1}, make([]byte, 31)...), make([]byte, 32)...))
	v["malformed-trailing"] = append(slices.Clone(v["ok-title"]), 0)
	v["malformed-two-signatures"] = identity.Pack(body, k.Sign(opDomain, body), k.Sign(opDomain, body))
	v["malformed-unsigned"] = identity.Pack(body)
	v["malformed-large"] = signed(func() Op { o := title; o.Args = make([]byte, MaxOp); return o }())
	return v
}

// TestOpVectors compares the records with those on disk, which another program could test itself by, and wants the verdict in the name.
func TestOpVectors(t *testing.T) {
	made := opVectors(t)
	dir := filepath.Join("testdata", "vectors", "op")
	if *updateOps {
		for name, raw := range made {
			expect, _, _ := strings.Cut(name, "-")
			writeVector(t, filepath.Join(dir, name+".txt"), "expect: "+expect+"\n\n"+hex.EncodeToString(raw)+"\n")
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) != len(made) {
		t.Fatalf("%d vectors on disk for %d: %v", len(files), len(made), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			expect, raw := readVector(t, file)
			if !bytes.Equal(raw, made[name]) {
				t.Error("the encoding has changed")
			}
			o, err := ParseOp(raw)
			if want, known := opVerdicts[expect]; !known || !errors.Is(err, want) || want == nil && err != nil {
				t.Fatalf("%v, want %s", err, expect)
			}
			if err == nil && !bytes.Equal(o.Raw(), raw) {
				t.Error("not kept as it came")
			}
		})
	}
}

// TestOpDamaged damages the record of each kind in every place.
func TestOpDamaged(t *testing.T) {
	for name, raw := range opVectors(t) {
		if !strings.HasPrefix(name, "ok-") {
			continue
		}
		for i := range raw {
			if _, err := ParseOp(raw[:i]); !errors.Is(err, identity.ErrMalformed) {
				t.Fatalf("%s cut after %d bytes: %v", name, i, err)
			}
		}
		step := max(1, len(raw)*8/400) // a signature check costs as much as a hundred other mistakes
		for bit := 0; bit < len(raw)*8; bit += step {
			damaged := bytes.Clone(raw)
			damaged[bit/8] ^= 1 << (bit % 8)
			if _, err := ParseOp(damaged); err == nil {
				t.Fatalf("%s with bit %d flipped passes", name, bit)
			}
		}
	}
}

func writeVector(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readVector(t *testing.T, file string) (expect string, raw []byte) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, body, ok := strings.Cut(string(text), "\n\n")
	expect, named := strings.CutPrefix(head, "expect: ")
	raw, err = hex.DecodeString(strings.TrimSpace(body))
	if !ok || !named || err != nil {
		t.Fatalf("%s is not a vector: %v", file, err)
	}
	return expect, raw
}

// TestLogVector pins what a log amounts to: a charter, a history with every kind, the verdict of each operation and the root at the end.
func TestLogVector(t *testing.T) {
	c, records := logVector(t)
	file := filepath.Join("testdata", "vectors", "log", "every-kind.txt")
	l := NewLog(c.charter)
	var text strings.Builder
	fmt.Fprintf(&text, "charter: %x\n", c.charter.Bytes())
	for _, raw := range records {
		if _, missing, err := l.Add(raw); err != nil || len(missing) > 0 {
			t.Fatal(err, missing)
		}
	}
	for e := range l.Ops() {
		verdict := "valid"
		if !e.Valid {
			verdict = "void"
		}
		fmt.Fprintf(&text, "%s %s: %x\n", verdict, e.Op.Kind, e.Op.Raw())
	}
	fmt.Fprintf(&text, "root: %s\n", l.State().Root)
	if *updateOps {
		writeVector(t, file, text.String())
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if text.String() != string(want) {
		t.Errorf("this log has changed its meaning or its bytes:\n%s", text.String())
	}
}

// logVector is a history in which every kind occurs, and one void operation.
func logVector(t *testing.T) (c *cast, records [][]byte) {
	p := newPlay(t)
	m, k, l := p.start()
	p.admit("pia", pia, p.by(l, pia))
	p.admit("pete", pete, p.by(l, pete))
	p.grant("add", mona, m, pia, speaker, false)
	p.do("epoch", owner, nil, KindEpoch, room, EpochArgs{identity.Hash{1}, 1})
	p.do("mute", mona, m, KindMute, pia, nil)
	p.do("unmute", mark, k, KindUnmute, pia, nil)
	p.do("lock", mona, m, KindLock, room, nil)
	p.do("unlock", mona, m, KindUnlock, room, nil)
	p.do("lower", mona, m, KindLower, pete, LowerArgs{dawn})
	p.do("kick", mona, m, KindKick, pete, RemoveArgs{Reason: "noise"})
	p.do("pardon", mona, m, KindPardon, pete, nil)
	p.do("ban", owner, nil, KindBan, mark, RemoveArgs{}, "unmute")
	p.do("revoke", mark, k, KindRevoke, room, RevokeArgs{l.hash(), false}, "unmute")
	carrier := p.grant("relay", owner, nil, paul, identity.RoleRelay, false)
	p.do("advert", paul, carrier, KindAdvert, room, AdvertArgs{32, 0, []string{"/ip4/192.0.2.1/udp/7862/quic-v1"}})
	p.do("audit", mona, m, KindAudit, paul, AuditArgs{1300})
	p.do("schedule", owner, nil, KindSchedule, room, ScheduleArgs{dawn, dawn + 3600_000, "Στοά"})
	p.do("record", mona, m, KindRecord, room, RecordArgs{})
	p.do("consent", paul, carrier, KindConsent, room, ConsentArgs{p.ops["record"].hash, true})
	p.do("close", owner2, nil, KindClose, room, nil)
	return p.c, p.signed()
}

// signed signs the play's operations for real, which changes no name: a signature is outside of the body.
func (p *play) signed() (records [][]byte) {
	for _, n := range p.l.nodes {
		who := slices.IndexFunc(p.c.keys, func(k *identity.Key) bool { return k.ID() == n.op.Author })
		body := n.op.raw // an unsigned operation keeps its body there
		records = append(records, identity.Pack(body, p.c.keys[who].Sign(opDomain, body)))
	}
	return records
}
