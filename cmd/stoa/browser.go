// Opening the page in the person's browser.

package main

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
)

var errNoBrowser = errors.New("there is no display")

// openBrowser has the system's browser open an address. It returns when the
// program that does so has started.
func openBrowser(address string) error {
	argv := browserOf(runtime.GOOS, os.Getenv)
	if argv == nil {
		return errNoBrowser
	}
	cmd := exec.Command(argv[0], append(argv[1:], address)...)
	if err := cmd.Start(); err != nil {
		return err
	}
	go cmd.Wait() // what becomes of it is seen by the person; the goroutine ends with it
	return nil
}

// browserOf is the program that opens an address, with its first arguments; nil
// where nobody could see the browser.
func browserOf(system string, getenv func(string) string) []string {
	switch {
	case system == "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler"}
	case system == "darwin" && getenv("SSH_CONNECTION") == "":
		return []string{"open"}
	case system != "darwin" && getenv("DISPLAY")+getenv("WAYLAND_DISPLAY") != "":
		return []string{"xdg-open"}
	}
	return nil
}
