package identity

import (
	"testing"
	"time"
)

func TestSmoke(t *testing.T) {
	owner, mod, ana := KeyFromSeed([32]byte{1}), KeyFromSeed([32]byte{2}), KeyFromSeed([32]byte{3})
	c, err := SignCharter(Charter{Owners: []ID{owner.ID()}, Threshold: 1, Created: 5}, owner)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseCharter(c.Bytes()); err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(1e12)
	chain, seed, err := IssueInvite(owner, nil, Terms{Role: RoleModerator, Expires: now.Add(time.Hour)}, c.ID())
	if err != nil {
		t.Fatal(err)
	}
	inv := &Invite{Room: c.ID(), Seed: seed, Chain: chain}
	t.Log(len(inv.String()), inv)
	inv, err = ParseInvite(inv.String())
	if err != nil {
		t.Fatal(err)
	}
	own, err := inv.Redeem(mod, now)
	if err != nil {
		t.Fatal(err)
	}
	if own, err = ParseCredential(own.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := own.Verify(c, now); err != nil {
		t.Fatal(err)
	}
	chain, seed, err = IssueInvite(mod, own, Terms{Role: RoleSpeaker}, c.ID())
	if err != nil {
		t.Fatal(err)
	}
	inv = &Invite{Room: c.ID(), Seed: seed, Chain: chain}
	inv, err = ParseInvite(inv.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(len(inv.String()))
	cred, err := inv.Redeem(ana, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := cred.Verify(c, now); err != nil {
		t.Fatal(err)
	}
	t.Log(len(cred.Bytes()))
}
