// Export and import: a whole home as one encrypted file, so that nobody can
// keep a person from what is theirs.
//
// An import is all or nothing, whatever happens. Its files are first written
// into import.tmp, which becomes import.ready in one rename; from then on the
// import is decided, and whoever opens the home next carries it out.

package app

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"stoa/identity"
	"stoa/room/keep"
)

const (
	bundleVersion = 1
	maxBundle     = 256 << 20 // bytes

	importTmp   = "import.tmp"
	importFinal = "import.ready"
	replacedKey = "identity.key.replaced" // and .2, .3, … when there are more
	maxReplaced = 1000
)

// portableKept are the files that an export takes along. devicesFile is none of
// them: another machine has other devices.
var portableKept = []string{habitsFile, volumesFile, contactsFile, blockedFile}

// bundle is what an export holds, before it is encrypted.
type bundle struct {
	Version uint8    `cbor:"1,keyasint"`
	Seed    [32]byte `cbor:"2,keyasint"` // of the identity key
	Store   []byte   `cbor:"3,keyasint"` // as keep.Store.Backup writes it

	Kept map[string][]byte `cbor:"4,keyasint,omitempty"` // of portableKept, those that there are
}

// export returns everything in the home but the choice of devices, encrypted under a passphrase.
func (h *home) export(passphrase string) ([]byte, error) {
	if passphrase == "" {
		return nil, &UserError{Code: "passphrase_missing", Text: "an export needs a passphrase: who has the file would be you", Hint: "type one, or set STOA_PASSPHRASE"}
	}
	b, err := h.bundle()
	if err != nil {
		return nil, err
	}
	return identity.Lock(passphrase, identity.Marshal(b))
}

// bundle gathers what export encrypts. A file of choices that cannot be read is left
// out: for it nobody shall be without an export.
func (h *home) bundle() (bundle, error) {
	var store bytes.Buffer
	err := h.store.Backup(&store)
	b := bundle{Version: bundleVersion, Seed: h.key.Seed(), Store: store.Bytes(), Kept: map[string][]byte{}}
	for _, name := range portableKept {
		if data, err := readKept(h.dir, name); err == nil && data != nil {
			b.Kept[name] = data
		}
	}
	return b, err
}

// Export returns everything in the home as `stoa id export` writes it, encrypted
// under a passphrase. Errors are for the person.
func (s *Session) Export(passphrase string) ([]byte, error) {
	sealed, err := s.home.export(passphrase)
	return sealed, asUserError(err)
}

// MayImport says why nothing can be imported into the home of this session: it has
// rooms. It returns nil when something can, once the session is over.
func (s *Session) MayImport() error { return asUserError(mayImport(s.home.store)) }

// An Import is what an export holds, decrypted.
type Import struct{ bundle bundle }

// ReadExport decrypts what Export returned, and changes nothing. Errors are for the
// person.
func ReadExport(sealed []byte, passphrase string) (*Import, error) {
	b, err := openBundle(sealed, passphrase)
	if err != nil {
		return nil, asUserError(err)
	}
	return &Import{b}, nil
}

// Into puts an import into a home that has no rooms yet and that no session has open.
// A key that is there already is kept beside the new one. Errors are for the person.
func (i *Import) Into(home string) error {
	return asUserError(importBundle(home, i.bundle))
}

// ID is whose export it is.
func (i *Import) ID() identity.ID { return identity.KeyFromSeed(i.bundle.Seed).ID() }

// importBundle is Import.Into.
func importBundle(dir string, b bundle) error {
	store, err := openStore(dir)
	if err != nil {
		return err
	}
	key := identity.KeyFromSeed(b.Seed)
	if err := errors.Join(prepareImport(dir, store, key, b), store.Close()); err != nil {
		return err
	}
	// The next to open the home would finish it. So does this one, to tell
	// the person now when it cannot be.
	return finishImport(dir)
}

func openBundle(sealed []byte, passphrase string) (b bundle, err error) {
	plain, err := identity.Unlock(passphrase, sealed)
	if errors.Is(err, identity.ErrPassphrase) {
		return b, err
	}
	if err == nil {
		err = identity.UnmarshalLimit(plain, &b, maxBundle)
	}
	if err != nil || b.Version != bundleVersion {
		return b, &UserError{Code: "bad_export", Text: "that file is damaged, or no export that this version of stoa can read", Hint: "use the file that `stoa id export` wrote, and the same or a newer stoa", Err: err}
	}
	return b, nil
}

// prepareImport makes an import ready. The caller holds the lock of store.
func prepareImport(dir string, store *keep.Store, key *identity.Key, b bundle) error {
	if err := mayImport(store); err != nil {
		return err
	}
	tmp := filepath.Join(dir, importTmp)
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return err
	}
	if err := key.Save(filepath.Join(tmp, keyFile), ""); err != nil {
		return err
	}
	if err := keep.Restore(filepath.Join(tmp, storeFile), bytes.NewReader(b.Store)); err != nil {
		return &UserError{Code: "bad_export", Text: "the rooms in the export cannot be restored: " + err.Error(), Hint: "use the file that `stoa id export` wrote, and the same or a newer stoa", Err: err}
	}
	for _, name := range portableKept {
		if data, has := b.Kept[name]; has {
			if err := identity.WriteFile(filepath.Join(tmp, name), data); err != nil {
				return err
			}
		}
	}
	if err := identity.SyncDir(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(dir, importFinal)); err != nil {
		return err
	}
	return identity.SyncDir(dir)
}

// mayImport refuses a home that has rooms.
func mayImport(store *keep.Store) error {
	rooms, err := store.Rooms()
	if err == nil && len(rooms) > 0 {
		err = &UserError{Code: "has_rooms", Text: "this home has rooms already, which an import would replace", Hint: "import into another --home"}
	}
	return err
}

func importReady(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, importFinal))
	return err == nil
}

// finishImport carries out an import that is ready. It may be interrupted and
// done again, also by two processes at once.
func finishImport(dir string) error {
	if !importReady(dir) {
		return nil
	}
	ready := filepath.Join(dir, importFinal)
	fresh, current := filepath.Join(ready, keyFile), filepath.Join(dir, keyFile)
	if _, err := os.Stat(fresh); err == nil {
		if err := keepOldKey(current); err != nil {
			return err
		}
	}
	for _, name := range append([]string{keyFile, storeFile}, portableKept...) {
		err := os.Rename(filepath.Join(ready, name), filepath.Join(dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := identity.SyncDir(dir); err != nil {
		return err
	}
	// It is empty now, or it is another import that has become ready since.
	if err := os.Remove(ready); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// keepOldKey gives the key that an import replaces a second name, if it has
// none yet.
func keepOldKey(current string) error {
	old, err := os.Stat(current)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for n := 1; n <= maxReplaced; n++ {
		name := filepath.Join(filepath.Dir(current), replacedKey)
		if n > 1 {
			name = fmt.Sprintf("%s.%d", name, n)
		}
		err := os.Link(current, name)
		if !errors.Is(err, os.ErrExist) {
			return err
		}
		if kept, err := os.Stat(name); err == nil && os.SameFile(old, kept) {
			return nil
		}
	}
	return fmt.Errorf("there are %d replaced keys already", maxReplaced)
}
