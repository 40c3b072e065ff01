// Making a room.

package room

import (
	"crypto/rand"
	"time"

	"stoa/identity"
)

// Found makes a room that k owns alone: a charter, a title cut to MaxTitle
// printable bytes, and a first epoch with its secret. When it returns nil all
// of it is durable; otherwise there is no room.
func Found(k *identity.Key, policy identity.Policy, title string, keeper Keeper, now time.Time) (Record, error) {
	c := identity.Charter{
		Owners: []identity.ID{k.ID()}, Threshold: 1,
		Policy: policy, Created: millis(now),
	}
	rand.Read(c.Nonce[:]) // never fails: crypto/rand ends the program instead
	charter, err := identity.SignCharter(c, k)
	if err != nil {
		return Record{}, err
	}
	rec := Record{Room: charter.ID(), Charter: charter.Bytes(), Title: cut(title, MaxTitle)}
	rand.Read(rec.Rendezvous[:])
	secret := newSecret()

	log := NewLog(charter)
	var ops [][]byte
	for _, o := range []struct {
		kind Kind
		args any
	}{
		{KindTitle, TitleArgs{Text: rec.Title}},
		{KindEpoch, EpochArgs{Commit: secret.Commit, N: 1}},
	} {
		op, err := log.Compose(k, o.kind, identity.Hash{}, identity.ID{}, o.args, millis(now))
		if err != nil {
			return Record{}, err
		}
		if _, _, err := log.Add(op.Raw()); err != nil {
			return Record{}, err
		}
		ops = append(ops, op.Raw())
	}
	if err := keeper.Create(rec, ops, []Secret{secret}); err != nil {
		return Record{}, err
	}
	return rec, nil
}
