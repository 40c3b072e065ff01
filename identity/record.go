// A record of one author: a body and one signature, as nearly everything that members tell each other is.

package identity

// SignRecord gives body, signed by k for one purpose, as it travels: the frame of [Pack] round the deterministic CBOR of body and one
// signature. It panics where [Marshal] does.
func SignRecord(k *Key, domain string, body any) []byte {
	b := Marshal(body)
	return Pack(b, k.Sign(domain, b))
}

// ParseRecord reads into body, which must point to a zero value, what [SignRecord] made, of at most limit bytes, and checks that it was
// signed by the one whom author then names. The error wraps [ErrMalformed] or [ErrForged]. What body says is checked by nobody yet.
func ParseRecord(raw []byte, limit int, domain string, body any, author func() ID) error {
	if len(raw) > limit {
		return ErrMalformed
	}
	b, sigs, err := Unpack(raw, 1)
	if err != nil {
		return err
	}
	if err := Unmarshal(b, body); err != nil {
		return err
	}
	if !Verify(author(), domain, sigs[0], b) {
		return ErrForged
	}
	return nil
}
