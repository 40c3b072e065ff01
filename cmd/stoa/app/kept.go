// What a person has chosen, as a home keeps it: small files of JSON, which can be
// changed whether a node runs or not.

package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"stoa/identity"
)

// maxKept bounds a file of choices, in bytes.
const maxKept = 256 << 10

// readKept returns what a home keeps under a name: nothing, where it keeps nothing.
func readKept(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	data, err := identity.ReadFile(path, maxKept)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err == nil && len(data) == 0:
		return nil, fmt.Errorf("%s is empty", path)
	}
	return data, err
}

// loadKept reads what a home keeps under a name into the value at to, which stays as
// it is where nothing is kept, and may be half of it with an error.
func loadKept(dir, name string, to any) error {
	data, err := readKept(dir, name)
	if err != nil || data == nil {
		return err
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
	}
	return nil
}

// saveKept keeps v under a name in a home. A crash leaves what was there before, or
// all of v. The error is for the person.
func saveKept(dir, name string, v any) error {
	data, err := json.MarshalIndent(v, "", "\t")
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = identity.WriteFile(filepath.Join(dir, name), append(data, '\n'))
	}
	if err != nil {
		return &UserError{Code: "choice_not_kept", Text: "your choice cannot be kept: " + err.Error(), Hint: "look whether you may write to " + dir, Err: err}
	}
	return nil
}
