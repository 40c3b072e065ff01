// The envelope of messages that are not operations: a CBOR array of the body,
// kept as the bytes that were signed, and the author's Ed25519 signature.

package room

import (
	"unicode"
	"unicode/utf8"

	"stoa/identity"
)

// pack signs a body under a domain.
func pack(k *identity.Key, domain string, body any) []byte {
	return identity.SignRecord(k, domain, body)
}

// unpack decodes a message of at most max bytes into body and checks that it
// was signed by who author then says.
func unpack(raw []byte, max int, domain string, body any, author func() identity.ID) error {
	return identity.ParseRecord(raw, max, domain, body, author)
}

// plain tells whether s is text of at most max bytes that may be shown to a
// person as it is: UTF-8 without control or formatting characters, which
// could move the cursor of a terminal or turn the direction of a line.
func plain(s string, max int) bool {
	if len(s) > max || !utf8.ValidString(s) {
		return false
	}
	for _, c := range s {
		if !unicode.IsPrint(c) {
			return false
		}
	}
	return true
}

// cut makes s plain: it drops what plain refuses and cuts the rest at a
// character so that it is at most max bytes long.
func cut(s string, max int) string {
	out := make([]byte, 0, max)
	for _, c := range s {
		if !unicode.IsPrint(c) || c == utf8.RuneError {
			continue
		}
		if len(out)+utf8.RuneLen(c) > max {
			break
		}
		out = utf8.AppendRune(out, c)
	}
	return string(out)
}
