// A home: the folder with everything that a person has.
//
//	identity.key    who they are, see package identity
//	transport.key   of a relay host: what its address follows from, see carry_key.go
//	stoa.db         their rooms, see package room/keep; locked while a node runs
//	devices.json    the microphone and the loudspeaker that they have chosen, see devices_cgo.go
//	sound.json      how they want their sound, see habits.go
//	volumes.json    how loud people are played, see volume.go
//	contacts.json   whom they know, and by what name, see known.go
//	blocked.json    whom they do not want to hear or read, see blocked.go
//	page.json       the page's port, and which browsers may come back to it, see package ui
//	desktop.json    what they want of their desktop, see package desktop
//	stoa.sock       how a running node is steered, see control.go
//	import.ready    an import that a crash interrupted; finished at the next start

package app

import (
	"errors"
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
	rooms, err := store.Rooms()
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	key, err := loadKey(dir, passphrase, len(rooms) == 0)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &home{dir: dir, key: key, store: store}, nil
}

func (h *home) close() error { return h.store.Close() }

// Alone runs act while no node runs with a home, and none can begin to. It needs no key.
// Errors are for the person.
func Alone(dir string, act func() error) error {
	store, err := openStore(dir)
	if err != nil {
		return asUserError(err)
	}
	return asUserError(errors.Join(act(), store.Close()))
}

// openStore opens and locks the store of a home.
func openStore(dir string) (*keep.Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, &UserError{Code: "home_unusable", Text: "the home cannot be made: " + err.Error(), Hint: "name another --home", Err: err}
	}
	path := filepath.Join(dir, storeFile)
	for {
		if err := finishImport(dir); err != nil {
			return nil, &UserError{Code: "import_unfinished", Text: "the import cannot be finished: " + err.Error(), Hint: "look whether you may write to " + dir, Err: err}
		}
		before, _ := os.Stat(path) // nil when there is none yet
		store, err := keep.Open(path)
		if err != nil {
			return nil, storeError(path, err)
		}
		// An import may have become ready since, or even put its file in the
		// place of the one that is open here. Only whoever holds the lock of
		// the file in that place makes one ready, so now none can.
		after, err := os.Stat(path)
		if err == nil && before != nil && os.SameFile(before, after) && !importReady(dir) {
			return store, nil
		}
		if err := store.Close(); err != nil {
			return nil, err
		}
	}
}

// storeError says what is the matter with the file of rooms.
func storeError(path string, err error) error {
	if errors.Is(err, identity.ErrDamaged) {
		return &UserError{Code: "rooms_damaged", Text: "the file with your rooms is damaged: " + path, Hint: "move it away and join your rooms again, or import your last export into another --home", Err: err}
	}
	return err
}

// loadKey reads the key of a home. In a fresh one, without rooms that belong to
// a key, it makes one when there is none. The caller holds the lock of the
// store, so no two processes make one.
func loadKey(dir string, passphrase func() (string, error), fresh bool) (*identity.Key, error) {
	path := filepath.Join(dir, keyFile)
	key, err := identity.LoadKey(path, passphrase)
	var user *UserError
	switch {
	case err == nil, errors.Is(err, identity.ErrPassphrase):
		return key, err
	case errors.As(err, &user): // no passphrase was to be had, which says nothing against the file
		return nil, user
	case !errors.Is(err, os.ErrNotExist):
		return nil, &UserError{Code: "key_unreadable", Text: "your key cannot be read: " + err.Error(), Hint: "put a whole copy of it at " + path + ", readable by you alone", Err: err}
	case !fresh:
		return nil, &UserError{Code: "key_missing", Text: "your key is missing: there is no " + path, Hint: "put it back, or import your export into another --home", Err: err}
	}
	if key, err = identity.NewKey(); err != nil {
		return nil, err
	}
	return key, key.Save(path, "")
}
