// What outlives a run of the node: the port, and who may come back to it.

package ui

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"stoa/identity"
)

// kept is the file. Nothing in it is secret: cookies are hashed, keys public.
type kept struct {
	Version  int           `json:"version"` // 1
	Port     int           `json:"port"`
	Browsers []keptBrowser `json:"browsers,omitempty"` // the one used last at the end
}

type keptBrowser struct {
	Cookie string `json:"cookie"` // SHA-256, hexadecimal
	Public []byte `json:"public"` // P-256, uncompressed; base64
	Last   int64  `json:"last"`   // Unix seconds
}

const (
	keptVersion = 1
	maxKept     = 64 << 10 // bytes of the file
)

// loadKept reads the file. None, or none that this version understands, is as
// good as new, and the latter is an error besides.
func loadKept(path string) (port int, browsers []browser, err error) {
	if path == "" {
		return 0, nil, nil
	}
	data, err := identity.ReadFile(path, maxKept)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	return parseKept(data)
}

func parseKept(data []byte) (port int, browsers []browser, err error) {
	var k kept
	if err := json.Unmarshal(data, &k); err != nil {
		return 0, nil, err
	}
	if k.Version != keptVersion || k.Port < 1 || k.Port > 65535 {
		return 0, nil, fmt.Errorf("version %d, port %d", k.Version, k.Port)
	}
	for _, b := range newest(k.Browsers, maxBrowsers) {
		cookie, err := hex.DecodeString(b.Cookie)
		if err != nil || len(cookie) != len(hash{}) {
			return 0, nil, fmt.Errorf("cookie %.80q", b.Cookie)
		}
		browsers = append(browsers, browser{Cookie: hash(cookie), Public: b.Public, Last: b.Last})
	}
	return k.Port, browsers, nil
}

// SignOut has none of the browsers come back that a file names, see [Config.Keep]. It is
// for while no server has the file; one that does has a method for it.
func SignOut(keep string) error {
	port, _, err := loadKept(keep)
	switch {
	case err != nil:
		return os.Remove(keep) // another version may understand it
	case port == 0:
		return nil // there is none
	}
	return saveKept(keep, port, nil)
}

// saveKept writes the file so that a crash leaves the old one or the new one.
func saveKept(path string, port int, browsers []browser) error {
	if path == "" {
		return nil
	}
	k := kept{Version: keptVersion, Port: port}
	for _, b := range browsers {
		k.Browsers = append(k.Browsers, keptBrowser{hex.EncodeToString(b.Cookie[:]), b.Public, b.Last})
	}
	data, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return err
	}
	return identity.WriteFile(path, append(data, '\n'))
}
