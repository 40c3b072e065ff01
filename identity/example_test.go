// The package in use, from founding a room to standing at its door.

package identity_test

import (
	"errors"
	"fmt"
	"log"
	"time"

	"stoa/identity"
)

var evening = time.Date(2026, 5, 1, 20, 0, 0, 0, time.UTC)

// found founds a room of one owner.
func found(owner *identity.Key) *identity.Charter {
	charter, err := identity.SignCharter(identity.Charter{
		Owners:    []identity.ID{owner.ID()},
		Threshold: 1,
		Created:   uint64(evening.UnixMilli()),
	}, owner)
	if err != nil {
		log.Fatal(err)
	}
	return charter
}

// The owner makes a link, a guest redeems it, and anybody who has the charter lets the guest in.
func Example() {
	owner := identity.KeyFromSeed([32]byte{1})
	charter := found(owner)
	chain, seed, err := identity.IssueInvite(owner, nil, identity.Terms{
		Role:    identity.RoleSpeaker,
		Expires: evening.Add(24 * time.Hour),
	}, charter.ID())
	if err != nil {
		log.Fatal(err)
	}
	link := (&identity.Invite{Room: charter.ID(), Seed: seed, Chain: chain}).String()

	guest := identity.KeyFromSeed([32]byte{2})
	invite, err := identity.ParseInvite(link)
	if err != nil {
		log.Fatal(err)
	}
	credential, err := invite.Redeem(guest, evening)
	if err != nil {
		log.Fatal(err)
	}

	err = credential.Verify(charter, evening)
	fmt.Println(credential.Leaf().Role, credential.Holder() == guest.ID(), err)
	// Output: speaker true <nil>
}

// A link says in plain words why it does not let somebody in.
func ExampleInvite_Redeem() {
	owner, guest, other := identity.KeyFromSeed([32]byte{1}), identity.KeyFromSeed([32]byte{2}), identity.KeyFromSeed([32]byte{3})
	charter := found(owner)
	chain, seed, err := identity.IssueInvite(owner, nil, identity.Terms{
		Role:    identity.RoleListener,
		For:     guest.ID(),
		Expires: evening.Add(time.Hour),
	}, charter.ID())
	if err != nil {
		log.Fatal(err)
	}
	invite := &identity.Invite{Room: charter.ID(), Seed: seed, Chain: chain}

	_, err = invite.Redeem(other, evening)
	fmt.Println(err)
	_, err = invite.Redeem(guest, evening.Add(2*time.Hour))
	fmt.Println(err)
	// Output:
	// this invitation is for another person
	// expired
}

// A link that lost its end is told from one that was altered.
func ExampleParseInvite() {
	owner := identity.KeyFromSeed([32]byte{1})
	charter := found(owner)
	chain, seed, err := identity.IssueInvite(owner, nil, identity.Terms{Role: identity.RoleListener}, charter.ID())
	if err != nil {
		log.Fatal(err)
	}
	link := (&identity.Invite{Room: charter.ID(), Seed: seed, Chain: chain}).String()

	_, err = identity.ParseInvite(link[:100])
	fmt.Println(errors.Is(err, identity.ErrCutOff))
	_, err = identity.ParseInvite(link[:100] + "!" + link[101:])
	fmt.Println(errors.Is(err, identity.ErrDamaged))
	// Output:
	// true
	// true
}

// What somebody holds they pass on only in part.
func ExampleIssueGrant() {
	owner, moderator, guest := identity.KeyFromSeed([32]byte{1}), identity.KeyFromSeed([32]byte{2}), identity.KeyFromSeed([32]byte{3})
	room := found(owner).ID()
	own, err := identity.IssueGrant(owner, nil, moderator.ID(), identity.Terms{Role: identity.RoleModerator}, room)
	if err != nil {
		log.Fatal(err)
	}
	below, err := identity.IssueGrant(moderator, own, guest.ID(), identity.Terms{Role: identity.RoleSpeaker}, room)
	fmt.Println(len(below), below.Leaf().Rank, err)
	_, err = identity.IssueGrant(moderator, own, guest.ID(), identity.Terms{Role: identity.RoleModerator, Caps: identity.CapEnd}, room)
	fmt.Println(err)
	// Output:
	// 2 100 <nil>
	// gives more rights than its issuer had: capabilities
}
