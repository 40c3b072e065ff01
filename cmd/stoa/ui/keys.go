// Who is let in: tokens, keys, and the browsers that may come back.

package ui

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math/big"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	tokenTime = 10 * time.Minute // that an address with a token can be used
	nonceTime = time.Minute      // that a browser may take to sign

	maxTokens   = 16 // the newest stay
	maxBrowsers = 16 // those used last stay
	maxKeys     = 64 // the newest stay; who loses one comes back for another
)

// signed is what a browser signs to come back, before the nonce.
const signed = "stoa page\n"

// A hash stands for a secret that is not kept.
type hash [sha256.Size]byte

func hashOf(secret string) hash { return sha256.Sum256([]byte(secret)) }

// A browser may come back. Its cookie and its public key are worth nothing to
// who reads them here.
type browser struct {
	Cookie hash
	Public []byte // uncompressed P-256; nil if it can not come back
	Last   int64  // Unix seconds
}

// A visit is one page that was let in.
type visit struct {
	key     hash
	browser hash        // its cookie
	visible atomic.Bool // as the page says

	// life ends, by end, when the key is good no more: what was asked for with it is
	// then broken off.
	life context.Context
	end  context.CancelFunc
}

// A token lets one browser in.
type token struct {
	hash hash
	ends time.Time
}

// A keyring decides who is let in. What is found in it are hashes of long random
// secrets, so how long a search takes says nothing of use.
type keyring struct {
	secret [32]byte // of the nonces, which so need not be kept

	mu       sync.Mutex
	tokens   []token
	browsers []browser // by Last
	visits   []*visit
}

func newKeyring(browsers []browser) *keyring {
	k := &keyring{browsers: newest(browsers, maxBrowsers)}
	rand.Read(k.secret[:]) // never fails
	return k
}

// newest returns the last n of list.
func newest[T any](list []T, n int) []T { return list[max(0, len(list)-n):] }

// newSecret returns 256 random bits as text.
func newSecret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// newToken makes a token for one browser.
func (k *keyring) newToken(now time.Time) string {
	t := newSecret()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tokens = newest(append(k.tokens, token{hashOf(t), now.Add(tokenTime)}), maxTokens)
	return t
}

// enter lets a browser in that has a token, which is spent. public is nil for
// one that can not come back; cookie is one that it had before, or empty.
func (k *keyring) enter(text, cookie string, public []byte, now time.Time) (newCookie, key string, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.tokens, func(t token) bool { return t.hash == hashOf(text) })
	if i < 0 {
		return "", "", false
	}
	alive := now.Before(k.tokens[i].ends)
	k.tokens = slices.Delete(k.tokens, i, i+1)
	if !alive {
		return "", "", false
	}
	b, known := browser{Public: public}, false
	if cookie != "" {
		if b, known = k.take(hashOf(cookie)); public != nil {
			b.Public = public
		}
	}
	if !known {
		cookie = newSecret()
		b.Cookie = hashOf(cookie)
	}
	return cookie, k.visit(b, now), true
}

// take removes a browser, which so becomes the one used last when it is added.
func (k *keyring) take(cookie hash) (browser, bool) {
	i := slices.IndexFunc(k.browsers, func(b browser) bool { return b.Cookie == cookie })
	if i < 0 {
		return browser{}, false
	}
	b := k.browsers[i]
	k.browsers = slices.Delete(k.browsers, i, i+1)
	return b, true
}

// visit adds a browser and returns a key for its page.
func (k *keyring) visit(b browser, now time.Time) (key string) {
	key = newSecret()
	b.Last = now.Unix()
	k.browsers = newest(append(k.browsers, b), maxBrowsers)
	v := &visit{key: hashOf(key), browser: b.Cookie}
	v.life, v.end = context.WithCancel(context.Background())
	if len(k.visits) == maxKeys {
		k.visits[0].end()
		k.visits = slices.Delete(k.visits, 0, 1)
	}
	k.visits = append(k.visits, v)
	return key
}

// signOut has none in any more but the browser with the cookie but, and none get in by
// what it had: a token, a key or a signature. The zero hash is no browser's.
func (k *keyring) signOut(but hash) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tokens = nil
	k.browsers = slices.DeleteFunc(k.browsers, func(b browser) bool { return b.Cookie != but })
	k.visits = slices.DeleteFunc(k.visits, func(v *visit) bool {
		if v.browser == but {
			return false
		}
		v.end()
		return true
	})
}

// nonce returns what the browser of a cookie has to sign. It is empty for an
// unknown one.
func (k *keyring) nonce(cookie string, now time.Time) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	known := slices.ContainsFunc(k.browsers, func(b browser) bool { return b.Cookie == hashOf(cookie) && b.Public != nil })
	if !known {
		return ""
	}
	return k.nonceAt(cookie, now.Unix())
}

// nonceAt is the nonce for a cookie at a second: 8 bytes of time and a MAC.
func (k *keyring) nonceAt(cookie string, second int64) string {
	at := binary.BigEndian.AppendUint64(nil, uint64(second))
	mac := hmac.New(sha256.New, k.secret[:])
	mac.Write(at)
	mac.Write([]byte(cookie))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(at))
}

// back lets the browser of a cookie in again that has signed a nonce.
func (k *keyring) back(cookie, nonce, signature string, now time.Time) (key string, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(raw) < 8 {
		return "", false
	}
	second := int64(binary.BigEndian.Uint64(raw))
	if !hmac.Equal([]byte(nonce), []byte(k.nonceAt(cookie, second))) {
		return "", false
	}
	if age := now.Sub(time.Unix(second, 0)); age < -nonceTime || age > nonceTime {
		return "", false
	}
	sig, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		return "", false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	b, known := k.take(hashOf(cookie))
	if !known {
		return "", false
	}
	if !verify(b.Public, signed+nonce, sig) {
		k.browsers = append(k.browsers, b)
		return "", false
	}
	return k.visit(b, now), true
}

// find returns the visit of a key, if it is of the browser with that cookie.
func (k *keyring) find(cookie, key string) (*visit, bool) {
	if cookie == "" || key == "" {
		return nil, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.visits, func(v *visit) bool { return v.key == hashOf(key) && v.browser == hashOf(cookie) })
	if i < 0 {
		return nil, false
	}
	return k.visits[i], true
}

// kept returns the browsers that may come back, the one used last at the end.
func (k *keyring) kept() []browser {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(k.browsers), func(b browser) bool { return b.Public == nil })
}

// parsePublic reads the public key of a browser.
func parsePublic(text string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	_, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), b)
	return b, err
}

// verify checks a signature as browsers write it: r and s, 32 bytes each.
func verify(public []byte, text string, sig []byte) bool {
	if len(sig) != 64 {
		return false
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), public)
	if err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(text))
	return ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
}
