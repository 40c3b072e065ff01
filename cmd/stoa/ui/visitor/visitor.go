// Package visitor is a browser's side of the local API that package ui documents,
// for tests that visit a node's page without a browser.
package visitor

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
)

// A Visitor has a cookie, a key and what it signs with to come back. It is not
// safe for concurrent use, but for one Follow beside the other calls.
type Visitor struct {
	origin string
	client http.Client
	key    string
	signer *ecdsa.PrivateKey
}

// Enter visits an address that has a token, as one that can come back.
func Enter(ctx context.Context, address string) (*Visitor, error) {
	origin, fragment, _ := strings.Cut(address, "/#")
	words, err := url.ParseQuery(fragment)
	if err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	public, err := Public(signer)
	if err != nil {
		return nil, err
	}
	v := &Visitor{origin: origin, client: http.Client{Jar: jar}, signer: signer}
	return v, v.let(ctx, "/enter", map[string]string{"token": words.Get("enter"), "public": public})
}

// Return comes back, to the next run of the node too.
func (v *Visitor) Return(ctx context.Context) error {
	var got struct{ Nonce string }
	if status, err := v.Post(ctx, "/return", struct{}{}, &got); err != nil || status != http.StatusOK {
		return fmt.Errorf("asking for a nonce: status %d, %w", status, err)
	}
	signature, err := Sign(v.signer, "stoa page\n"+got.Nonce)
	if err != nil {
		return err
	}
	return v.let(ctx, "/return", map[string]string{"nonce": got.Nonce, "signature": signature})
}

// let has the visitor let in.
func (v *Visitor) let(ctx context.Context, path string, ask any) error {
	var got struct{ Key string }
	status, err := v.Post(ctx, path, ask, &got)
	if err == nil && (status != http.StatusOK || got.Key == "") {
		err = fmt.Errorf("%s: status %d", path, status)
	}
	v.key = got.Key
	return err
}

// Post posts ask and fills answer, which may be nil, from what comes back.
func (v *Visitor) Post(ctx context.Context, path string, ask, answer any) (status int, err error) {
	body, err := json.Marshal(ask)
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, v.origin+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Origin", v.origin)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Stoa-Key", v.key)
	resp, err := v.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if answer != nil && resp.Header.Get("Content-Type") == "application/json" {
		err = json.NewDecoder(resp.Body).Decode(answer)
	}
	return resp.StatusCode, err
}

// Follow tells of every event until tell returns false, the stream or ctx ends.
func (v *Visitor) Follow(ctx context.Context, tell func(name string, data []byte) bool) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.origin+"/events", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Stoa-Key", v.key)
	resp, err := v.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("events: status %d", resp.StatusCode)
	}
	name := ""
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 64<<20) // a state is one line
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case field == "event":
			name = value
		case field == "data" && !tell(name, []byte(value)):
			return nil
		}
	}
	return lines.Err()
}

// Public returns the public half of a key as /enter takes it.
func Public(key *ecdsa.PrivateKey) (string, error) {
	public, err := key.PublicKey.Bytes()
	return base64.RawURLEncoding.EncodeToString(public), err
}

// Sign signs text as a browser does: r and s, 32 bytes each, over its SHA-256.
func Sign(key *ecdsa.PrivateKey, text string) (string, error) {
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return "", err
	}
	var sig [64]byte
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return base64.RawURLEncoding.EncodeToString(sig[:]), nil
}
