// What the tests of the package from outside need of its inside.

package room

import "stoa/identity"

// Push is the question with which a member brings operations to another.
func Push(cred identity.Credential, heads []identity.Hash, ops [][]byte) []byte {
	return identity.Marshal(question{askSync, identity.Marshal(syncQuestion{Credential: cred.Bytes(), Heads: heads, Ops: ops})})
}
