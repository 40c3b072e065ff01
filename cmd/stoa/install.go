// The commands install and uninstall: what a desktop knows of stoa.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"stoa/cmd/stoa/app"
	"stoa/cmd/stoa/desktop/launcher"
)

func installCommand() *command {
	return &command{
		name:    "install",
		summary: "let your desktop start stoa and open its links",
		about: `Makes a launcher entry with an icon, and has links that begin with stoa: open in
this program, from where it is now. --autostart also starts it when you log in,
without a window; without the flag, an earlier install's goes. What you changed by
hand stays. No other user of this machine notices.

For packagers: --prefix DIR writes the entry, icons and the manual page for
everybody below DIR, which stands for /usr, and does nothing else.`,
		example: `stoa install --autostart
stoa install --home ~/work-stoa
stoa install --prefix debian/stoa/usr`,
		setup: func(fs *flag.FlagSet) action {
			autostart := fs.Bool("autostart", false, "also start stoa when you log in")
			home := fs.String("home", "", "`DIR` of the home that is started (default: the one that stoa alone takes)")
			prefix := fs.String("prefix", "", "write what belongs into a package below `DIR`")
			return func(_ context.Context, c *cli, words []string) error {
				if err := tooMany(words, 0); err != nil {
					return err
				}
				if *prefix != "" {
					return c.app.stage(*prefix)
				}
				opt := launcher.Options{Autostart: *autostart, AutoArgs: []string{"--background"}}
				if *home != "" {
					dir, err := filepath.Abs(*home)
					if err != nil {
						return err
					}
					opt.Args = []string{"--home", dir}
				}
				return c.told(c.app.install(opt))
			}
		},
	}
}

func uninstallCommand() *command {
	return &command{
		name:    "uninstall",
		summary: "take away what stoa install made",
		about: `Removes the launcher entry, the icons, the start with your session and the place
in the list of what opens links; not the program, nor your home. What you changed
by hand since stays, and is named.`,
		example: "stoa uninstall",
		setup: func(fs *flag.FlagSet) action {
			return func(_ context.Context, c *cli, words []string) error {
				if err := tooMany(words, 0); err != nil {
					return err
				}
				return c.told(c.app.uninstall())
			}
		},
	}
}

// told prints what install or uninstall has to tell.
func (c *cli) told(said []string, err error) error {
	for _, line := range said {
		fmt.Fprintln(c.stdout, line)
	}
	return err
}

// An installer changes what a desktop knows. It is apart from the commands so that tests
// of these leave the desktop of whoever runs them alone.
type installer struct {
	install   func(launcher.Options) ([]string, error) // of this program
	uninstall func() ([]string, error)
	stage     func(prefix string) error
}

func realInstaller() installer {
	return installer{
		install: func(opt launcher.Options) ([]string, error) {
			return inFolders(func(at launcher.Folders) (said []string, err error) {
				if opt.Program, err = os.Executable(); err != nil {
					return nil, err
				}
				return launcher.Install(at, opt)
			})
		},
		uninstall: func() ([]string, error) { return inFolders(launcher.Uninstall) },
		stage:     stage,
	}
}

// inFolders does something in the folders where this person's desktop looks.
func inFolders(do func(launcher.Folders) ([]string, error)) ([]string, error) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return nil, &app.UserError{
			Text: "stoa cannot make itself known to the desktop of this system",
			Hint: "start it with `stoa`, and give it a link with `stoa LINK`",
		}
	}
	at, err := launcher.UserFolders()
	var said []string
	if err == nil {
		said, err = do(at)
	}
	var forPerson *launcher.Error
	if errors.As(err, &forPerson) {
		err = &app.UserError{Text: forPerson.Text, Hint: forPerson.Hint, Err: err}
	}
	return said, err
}

// stage writes what a package has beside the program.
func stage(prefix string) error {
	err := launcher.Stage(prefix)
	dir := filepath.Join(prefix, "share", "man", "man1")
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "stoa.1"), manual(), 0o644)
	}
	if err != nil {
		return &app.UserError{Text: "the package cannot be prepared: " + err.Error(), Hint: "look whether you may write to " + prefix, Err: err}
	}
	return nil
}
