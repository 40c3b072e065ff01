// What a door pays for a joiner.

package identity

import "testing"

// BenchmarkVerifyThreeGrants is the issue's figure: three grants, each to a person, so three signatures.
func BenchmarkVerifyThreeGrants(b *testing.B) {
	first, err := IssueGrant(owner, nil, mod.ID(), Terms{Role: RoleModerator}, charter.ID())
	if err != nil {
		b.Fatal(err)
	}
	second, err := IssueGrant(mod, first, ana.ID(), Terms{Role: RoleModerator}, charter.ID())
	if err != nil {
		b.Fatal(err)
	}
	chain, err := IssueGrant(ana, second, ben.ID(), Terms{Role: RoleSpeaker}, charter.ID())
	if err != nil {
		b.Fatal(err)
	}
	verifyLoop(b, chain)
}

// BenchmarkVerifyThreeInvites is the dearest chain there is: three grants, each redeemed, nine signatures.
func BenchmarkVerifyThreeInvites(b *testing.B) {
	var chain Credential
	issuer := owner
	for i, person := range []*Key{mod, ana, ben} {
		role := []Role{RoleModerator, RoleModerator, RoleSpeaker}[i]
		below, seed, err := IssueInvite(issuer, chain, Terms{Role: role}, charter.ID())
		if err != nil {
			b.Fatal(err)
		}
		invite := &Invite{Room: charter.ID(), Seed: seed, Chain: below}
		if chain, err = invite.Redeem(person, today); err != nil {
			b.Fatal(err)
		}
		issuer = person
	}
	verifyLoop(b, chain)
}

// verifyLoop reads and verifies, as a door does.
func verifyLoop(b *testing.B, chain Credential) {
	raw := chain.Bytes()
	b.ReportAllocs()
	b.ReportMetric(float64(len(raw)), "bytes")
	for b.Loop() {
		c, err := ParseCredential(raw)
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Verify(charter, today); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify is one signature, the measure of the others.
func BenchmarkVerify(b *testing.B) {
	body := make([]byte, 240)
	sig := ana.Sign(DomainGrant, body)
	for b.Loop() {
		if !Verify(ana.ID(), DomainGrant, sig, body) {
			b.Fatal("refused")
		}
	}
}

func BenchmarkParseInvite(b *testing.B) {
	text := inviteOf(Credential{{Grant: signGrant(owner, open())}}, oneTime).String()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseInvite(text); err != nil {
			b.Fatal(err)
		}
	}
}
