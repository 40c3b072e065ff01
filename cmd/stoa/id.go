// The command id: who one is, and moving everything one has.

package main

import (
	"context"
	"flag"
	"path/filepath"
	"strings"

	"stoa/cmd/stoa/app"
)

func idCommand() *command {
	return &command{
		name:    app.VerbID,
		summary: "your key and name; take everything to another machine",
		usage:   "[show | name NAME | lock | unlock | export FILE | import FILE]",
		about: `An export holds key, name, rooms, history, and how you want your sound and how
loud you hear others, in one file that only its passphrase opens. It can be imported
into a home that has no rooms yet; a key that is there already is kept beside the new
one. Which devices you chose stays with this machine.`,
		example: `stoa id
stoa id name "Ann Lee"
stoa id export ~/stoa-backup.age
stoa id import --home ~/new-home ~/stoa-backup.age`,
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, app.VerbID)
			return func(ctx context.Context, c *cli, words []string) error {
				args, err := idArgs(words)
				if err != nil {
					return err
				}
				v.req.Args = args
				v.file = args[0]
				return v.do(ctx, c)
			}
		},
	}
}

// idArgs checks the words of id. The file's path becomes absolute, since the
// node that answers may run in another folder.
func idArgs(words []string) ([]string, error) {
	if len(words) == 0 {
		return []string{"show"}, nil
	}
	what, rest := words[0], words[1:]
	switch what {
	case "show", "lock", "unlock":
		return words, tooMany(rest, 0)
	case "name":
		name := strings.TrimSpace(strings.Join(rest, " "))
		if name == "" {
			return nil, needs("NAME")
		}
		return []string{what, name}, nil
	case "export", "import":
		if err := tooMany(rest, 1); err != nil {
			return nil, err
		}
		if len(rest) == 0 || rest[0] == "" {
			return nil, needs("FILE")
		}
		path, err := filepath.Abs(rest[0])
		return []string{what, path}, err
	}
	return nil, &usageError{text: "unknown word " + what, hint: "`stoa id` takes show, name, lock, unlock, export or import"}
}
