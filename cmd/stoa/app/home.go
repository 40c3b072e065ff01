// A home: the folder with everything that a person has.
//
//	identity.key    who they are, see package identity
//	stoa.db         their rooms, see package room/keep; locked while a node runs
//	stoa.sock       how a running node is steered, see control.go
//	import.ready    an import that a crash interrupted; finished at the next start

package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"stoa/identity"
	"stoa/room/keep"
)

const (
	keyFile   = "identity.key"
	storeFile = "stoa.db"
)

// home is an open home. It is locked against other processes until close.
type home struct {
	dir   string
	key   *identity.Key
	store *keep.Store
}

// openHome opens a home, which it makes when there is none, and finishes what
// a crash has interrupted. It fails with keep.ErrInUse while another process
// has the home open.
func openHome(dir string, passphrase func() (string, error)) (*home, error) {
	store, err := openStore(dir)
	if err != nil {
		return nil, err
	}
	key, err := loadKey(dir, passphrase)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &home{dir: dir, key: key, store: store}, nil
}

func (h *home) close() error { return h.store.Close() }

// openStore opens and locks the store of a home.
func openStore(dir string) (*keep.Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, &UserError{Text: "the home cannot be made: " + err.Error(), Hint: "name another --home", Err: err}
	}
	for {
		if err := finishImport(dir); err != nil {
			return nil, err
		}
		store, err := keep.Open(filepath.Join(dir, storeFile))
		if err != nil {
			return nil, err
		}
		// An import may have become ready between the two lines above; only
		// whoever holds the lock makes one so, so now it cannot.
		if !importReady(dir) {
			return store, nil
		}
		if err := store.Close(); err != nil {
			return nil, err
		}
	}
}

// loadKey reads the key of a home, or makes one when there is none. The caller
// holds the lock of the store, so no two processes make one.
func loadKey(dir string, passphrase func() (string, error)) (*identity.Key, error) {
	path := filepath.Join(dir, keyFile)
	key, err := identity.LoadKey(path, passphrase)
	if !errors.Is(err, os.ErrNotExist) {
		if err != nil {
			return nil, fmt.Errorf("the key in %s: %w", path, err)
		}
		return key, nil
	}
	if key, err = identity.NewKey(); err != nil {
		return nil, err
	}
	return key, key.Save(path, "")
}
