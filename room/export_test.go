// What the tests of the package from outside need of its inside.

package room

import "stoa/identity"

// Push is the question with which a member brings operations to another.
func Push(cred identity.Credential, heads []identity.Hash, ops [][]byte) []byte {
	return identity.Marshal(question{askSync, identity.Marshal(syncQuestion{Credential: cred.Bytes(), Heads: heads, Ops: ops})})
}

// AskSecret is the question for the secret of an epoch.
func AskSecret(commit identity.Hash, proof []byte) []byte {
	return identity.Marshal(question{askSecret, identity.Marshal(secretQuestion{commit, proof})})
}

// Answered tells whether an answer is none of an error.
func Answered(raw []byte, err error) bool {
	var a answer
	return err == nil && identity.UnmarshalLimit(raw, &a, maxAnswer) == nil && a.Code == ""
}
