// Secrets on disk: the key file, files written whole or not at all, and the passphrase lock.

package identity

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
)

const (
	keyPrefix  = "stoa:k/"
	keyCheck   = 4        // bytes of SHA-256 behind the seed, since a seed with a typing error is also a seed
	maxKeyFile = 16 << 10 // bytes
)

// Work factors of scrypt (RFC 7914), as log2 N with r = 8 and p = 1: what is written costs 128 MiB and
// about half a second; what is read may cost twice that, which is what the age program writes.
const (
	workFactor    = 17
	maxWorkFactor = 18
)

// Save writes the key to path, readable by its user alone, replacing what is there at once or not at all.
// With a passphrase the file is an armoured age file.
func (k *Key) Save(path, passphrase string) error {
	data := k.fileText()
	if passphrase != "" {
		sealed, err := Lock(passphrase, data)
		if err != nil {
			return err
		}
		if data, err = armoured(sealed); err != nil {
			return err
		}
	}
	return WriteFile(path, data)
}

func (k *Key) fileText() []byte {
	seed := k.Seed()
	sum := sha256.Sum256(seed[:])
	return fmt.Appendf(nil, "# The key of a person in stoa. Whoever has this file is that person.\n# id: %s\n%s%s\n",
		k.ID(), keyPrefix, text32.EncodeToString(append(seed[:], sum[:keyCheck]...)))
}

// LoadKey reads what [Key.Save] wrote. passphrase is asked only when the file has one; nil stands for a
// caller who has none. A file that others may read or write is refused. The error wraps
// [ErrPassphrase], [ErrDamaged], [ErrMalformed], or that of the file system, as [os.ErrNotExist].
func LoadKey(path string, passphrase func() (string, error)) (*Key, error) {
	data, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(data, []byte(armor.Header)) {
		if data, err = unlockFile(data, passphrase); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	k, err := ParseKey(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// ParseKey reads the text of a key file: lines that are empty or begin with #, and one key. The error
// wraps [ErrMalformed] or [ErrDamaged].
func ParseKey(text []byte) (*Key, error) {
	var found string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if found != "" {
			return nil, fmt.Errorf("%w: more than one key in the file", ErrMalformed)
		}
		found = line
	}
	rest, ok := strings.CutPrefix(found, keyPrefix)
	if !ok {
		return nil, fmt.Errorf("%w: no key in the file", ErrMalformed)
	}
	return decodeKey(rest)
}

func decodeKey(text string) (*Key, error) {
	raw, err := text32.DecodeString(text)
	if err != nil || len(raw) != 32+keyCheck || text32.EncodeToString(raw) != text {
		return nil, fmt.Errorf("%w: the key is not whole", ErrDamaged)
	}
	seed := [32]byte(raw[:32])
	if sum := sha256.Sum256(seed[:]); !bytes.Equal(sum[:keyCheck], raw[32:]) {
		return nil, fmt.Errorf("%w: the key does not match its check", ErrDamaged)
	}
	return KeyFromSeed(seed), nil
}

// readPrivate judges the file it has open, not the name, which could be another file's by then.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: others on this machine may use this file (mode %04o); make it yours alone: chmod 600 %s",
			path, info.Mode().Perm(), path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err == nil && len(data) > maxKeyFile {
		return nil, fmt.Errorf("%s: %w: too long for a key file", path, ErrMalformed)
	}
	return data, err
}

func unlockFile(data []byte, passphrase func() (string, error)) ([]byte, error) {
	if passphrase == nil {
		return nil, ErrPassphrase
	}
	words, err := passphrase()
	if err != nil {
		return nil, err
	}
	sealed, err := io.ReadAll(armor.NewReader(bytes.NewReader(data)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return Unlock(words, sealed)
}

func armoured(sealed []byte) ([]byte, error) {
	var buf bytes.Buffer
	w := armor.NewWriter(&buf)
	if _, err := w.Write(sealed); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// Lock encrypts plain under a passphrase, which must not be empty, as an age file (C2SP age-encryption.org/v1
// with one scrypt stanza). It takes about half a second and 128 MiB, on purpose.
func Lock(passphrase string, plain []byte) ([]byte, error) {
	return lock(passphrase, plain, workFactor)
}

func lock(passphrase string, plain []byte, work int) ([]byte, error) {
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPassphrase, err)
	}
	to.SetWorkFactor(work)
	var buf bytes.Buffer
	w, err := age.Encrypt(&buf, to)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// Unlock decrypts what [Lock] or "age -p" encrypted. A file that asks for more than 256 MiB of work is
// refused. Nothing is returned unless all of it is intact. The error wraps [ErrPassphrase] or [ErrDamaged].
func Unlock(passphrase string, sealed []byte) ([]byte, error) {
	with, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPassphrase, err)
	}
	with.SetMaxWorkFactor(maxWorkFactor)
	r, err := age.Decrypt(bytes.NewReader(sealed), with)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		return nil, ErrPassphrase
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return plain, nil
}

// WriteFile puts data at path so that, whatever happens, path afterwards holds all of data or what it held
// before, and once WriteFile has returned nil it holds data even after a loss of power. The file is
// readable and writable by its user alone.
func WriteFile(path string, data []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*.tmp") // made with mode 0600
	if err != nil {
		return err
	}
	if err := fill(f, data); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return SyncDir(dir)
}

// ReadFile reads a regular file of at most limit bytes. A pipe, which might never end, is an error.
func ReadFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", path)
	}
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return data, err
}

func fill(f *os.File, data []byte) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// SyncDir makes what was made, renamed and removed in a directory durable. Windows has no such call on directories.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
