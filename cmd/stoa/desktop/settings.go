// What of the desktop's parts a person wants, as the home keeps it.

package desktop

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"stoa/identity"
)

const (
	settingsFile = "desktop.json"
	maxSettings  = 64 << 10 // bytes
)

// A Part is one of what the desktop shows or takes: a row of settings.
type Part string

// The parts.
const (
	Notifications Part = "notifications"
	Tray          Part = "tray"
	Shortcut      Part = "shortcut"
)

var parts = []Part{Notifications, Tray, Shortcut}

// settings say which parts are on. The shortcut is not, at first: where it works, the
// system asks the person for keys at once.
type settings map[Part]bool

func newSettings() settings { return settings{Notifications: true, Tray: true, Shortcut: false} }

// loadSettings reads what a home keeps; what it does not say is as it is at first. With an
// error everything is.
func loadSettings(home string) (settings, error) {
	kept := map[Part]bool{}
	data, err := identity.ReadFile(filepath.Join(home, settingsFile), maxSettings)
	if err == nil {
		err = json.Unmarshal(data, &kept)
	}
	all := newSettings()
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return all, fmt.Errorf("%s: %w", settingsFile, err)
	}
	for p := range all {
		if on, said := kept[p]; said {
			all[p] = on
		}
	}
	return all, nil
}

func (s settings) save(home string) error {
	data, err := json.MarshalIndent(s, "", "\t")
	if err == nil {
		err = identity.WriteFile(filepath.Join(home, settingsFile), append(data, '\n'))
	}
	return err
}
