// The transport key of a relay host: kept, so that the addresses it hands out
// hold for longer than one run.

package app

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"stoa/identity"
)

// transportKeyFile lies in the home beside identity.key: one Ed25519 key,
// PKCS #8 (RFC 8410) in PEM. It names a machine and not a person, so an export
// leaves it out: two hosts with one peer ID would take each other's place.
const transportKeyFile = "transport.key"

const (
	transportKeyType = "PRIVATE KEY" // RFC 7468 section 10
	maxTransportKey  = 4 << 10       // bytes of the file
)

// loadTransportKey reads the transport key of a home and makes one when there
// is none. The caller holds the lock of the home, so no two processes make
// one. Errors are for the person.
func loadTransportKey(dir string) (ed25519.PrivateKey, error) {
	path := filepath.Join(dir, transportKeyFile)
	key, err := readTransportKey(path)
	if err == nil {
		return key, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, &UserError{
			Code: "key_unreadable",
			Text: "the relay's transport key cannot be read: " + err.Error(),
			Hint: "put a whole copy of it at " + path + ", readable by you alone; or move it away, and the relay gets another address",
			Err:  err,
		}
	}
	if _, key, err = ed25519.GenerateKey(rand.Reader); err == nil {
		err = writeTransportKey(path, key)
	}
	if err != nil {
		return nil, &UserError{Code: "key_not_written", Text: "the relay's transport key cannot be written: " + err.Error(), Hint: "look whether you may write to " + dir, Err: err}
	}
	return key, nil
}

// readTransportKey judges the file it has open, not the name, which could be
// another file's by then.
func readTransportKey(path string) (ed25519.PrivateKey, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("others on this machine may use %s (mode %04o)", path, info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxTransportKey+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxTransportKey:
		return nil, fmt.Errorf("%s is too long for a key", path)
	}
	return parseTransportKey(text)
}

func parseTransportKey(text []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != transportKeyType {
		return nil, fmt.Errorf("there is no %q in it", transportKeyType)
	}
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	key, ok := any.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("it is not an Ed25519 key")
	}
	return key, nil
}

func writeTransportKey(path string, key ed25519.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return identity.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: transportKeyType, Bytes: der}))
}
