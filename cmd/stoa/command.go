// The command table, and how a command line becomes a call.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"stoa/cmd/stoa/app"
	"stoa/cmd/stoa/plain"
)

// A cli is one run of the program: where it reads and writes, and what it acts on.
type cli struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	started        time.Time
	app            backend
}

// A command is one row of the table.
type command struct {
	name    string // empty for stoa alone
	summary string // one line, for the list of commands
	usage   string // the words after the name
	about   string // what a person must know beyond the summary; may be empty
	example string

	// setup adds the command's flags to fs and returns what to do once they
	// are parsed.
	setup func(fs *flag.FlagSet) action
}

// An action does the work of a command. words are what is left of the command
// line when its flags are taken out.
type action func(ctx context.Context, c *cli, words []string) error

// A section is a heading of the list of commands.
type section struct {
	title    string
	commands []*command
}

// sections returns the whole command table, in the order help prints it.
func sections() []section {
	return []section{
		{"rooms", []*command{openCommand(), joinCommand(), desktopCommand(), pageCommand(), enterCommand(), previewCommand(), roomsCommand()}},
		{"in a room", []*command{
			whoCommand(), handCommand(), muteCommand(), unmuteCommand(), volumeCommand(), pushCommand(), soundCommand(),
			sayCommand(), reactCommand(), hideCommand(), chatCommand(), consentCommand(), leaveCommand(), statusCommand(),
		}},
		{"for those who may", []*command{
			inviteCommand(), linksCommand(), revokeCommand(), stageCommand(), kickCommand(), banCommand(), pardonCommand(),
			lockCommand(), unlockCommand(), titleCommand(), scheduleCommand(), recordCommand(), endCommand(),
		}},
		{"people", []*command{contactCommand(), blockCommand(), unblockCommand(), blockedCommand()}},
		{"for rooms that grow", []*command{relayCommand(), lendCommand(), demoCommand()}},
		{"this home", []*command{idCommand(), logCommand(), icsCommand(), recordingCommand(), pinCommand(), unpinCommand(), forgetCommand(), devicesCommand(), doctorCommand(), installCommand(), uninstallCommand(), showDesktopCommand(), versionCommand()}},
	}
}

// find returns the command of that name, or nil. The one without a name is
// not found: nobody types it.
func find(name string) *command {
	for _, s := range sections() {
		for _, cmd := range s.commands {
			if cmd.name == name && name != "" {
				return cmd
			}
		}
	}
	return nil
}

// run does what args say and returns the exit status.
func (c *cli) run(ctx context.Context, args []string) int {
	cmd, rest, err := c.choose(args)
	if err == nil && cmd != nil {
		err = c.call(ctx, cmd, rest)
	}
	return c.report(err, cmd, wantsJSON(args))
}

// choose picks the command that args name. It returns nil when the answer was
// help, which it has printed.
func (c *cli) choose(args []string) (*command, []string, error) {
	if len(args) == 0 {
		return desktopCommand(), nil, nil
	}
	name, rest := args[0], args[1:]
	switch {
	case name == "-h" || name == "-help" || name == "--help":
		c.printCommands()
		return nil, nil, nil
	case name == "-version" || name == "--version":
		return versionCommand(), rest, nil
	case strings.HasPrefix(name, "-"), strings.HasPrefix(name, linkScheme):
		return desktopCommand(), args, nil
	case name == "help":
		return nil, nil, c.help(rest)
	}
	cmd := find(name)
	if cmd == nil {
		return nil, nil, unknownCommand(name)
	}
	return cmd, rest, nil
}

func unknownCommand(name string) error {
	return &usageError{text: fmt.Sprintf("unknown command %q", name), hint: "`stoa help` lists the commands"}
}

// call parses the flags of cmd and runs it.
func (c *cli) call(ctx context.Context, cmd *command, args []string) error {
	fs := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	act := cmd.setup(fs)
	words, err := parseFlags(fs, args)
	if errors.Is(err, flag.ErrHelp) {
		c.printCommand(cmd)
		return nil
	}
	if err != nil {
		return err
	}
	return act(ctx, c, words)
}

// parseFlags parses args with flags before, between and after the words, as
// people type them; everything behind "--" is a word.
func parseFlags(fs *flag.FlagSet, args []string) (words []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			return nil, flagError(err)
		}
		rest := fs.Args()
		if taken := len(args) - len(rest); taken > 0 && args[taken-1] == "--" {
			return append(words, rest...), nil
		}
		if len(rest) == 0 {
			return words, nil
		}
		words, args = append(words, rest[0]), rest[1:]
	}
}

// flagError says what package flag found in our words, with two dashes as in
// the rest of the help.
func flagError(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		return &usageError{text: "unknown flag --" + name}
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: -"); ok {
		return &usageError{text: "flag --" + name + " needs a value"}
	}
	return &usageError{text: strings.Replace(text, "for flag -", "for flag --", 1)}
}

// A usageError is a command line that cannot be right whatever the state of
// the world. Its exit status is 2.
type usageError struct {
	text string
	hint string // empty: the help of the command
}

func (e *usageError) Error() string { return e.text }

// needs is the error of a missing word.
func needs(what string) error { return &usageError{text: what + " is missing"} }

// tooMany refuses words beyond the first n. The likely cause is a title or a
// name of several words without quotes.
func tooMany(words []string, n int) error {
	if len(words) <= n {
		return nil
	}
	return &usageError{text: fmt.Sprintf("unexpected word %q", words[n])}
}

// report prints err, if any, and returns the exit status. cmd may be nil.
func (c *cli) report(err error, cmd *command, asJSON bool) int {
	if err == nil {
		return 0
	}
	text, hint, status := err.Error(), "", 1
	var usage *usageError
	var user *app.UserError
	switch {
	case errors.As(err, &usage):
		hint, status = usage.hint, 2
		if hint == "" {
			hint = helpHint(cmd)
		}
	case errors.As(err, &user):
		text, hint = user.Text, user.Hint
	case cmd != nil && runsNode(cmd):
		hint = "run it again with `--log -` to see what happened"
	default:
		hint = helpHint(cmd)
	}
	if asJSON {
		writeJSON(c.stdout, app.Event{Kind: app.EventError, Text: text, Hint: hint})
	}
	printError(c.stderr, text, hint)
	return status
}

func helpHint(cmd *command) string {
	if cmd == nil {
		return "see `stoa help`"
	}
	return "see `stoa help " + cmd.label() + "`"
}

// runsNode reports whether cmd has the flags of a node.
func runsNode(cmd *command) bool {
	fs := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	cmd.setup(fs)
	return fs.Lookup("log") != nil
}

// printError writes the two lines every error has.
func printError(w io.Writer, text, hint string) {
	fmt.Fprintf(w, "stoa: error: %s\n", plain.Line(text))
	if hint != "" {
		fmt.Fprintf(w, "stoa: hint: %s\n", plain.Line(hint))
	}
}

// printWarning writes what a person should know before they go on.
func printWarning(w io.Writer, text, hint string) {
	fmt.Fprintf(w, "stoa: warning: %s\nstoa: hint: %s\n", plain.Line(text), plain.Line(hint))
}

// wantsJSON finds --json without parsing, so that a script also gets the
// errors of a command line that does not parse.
func wantsJSON(args []string) bool {
	for _, a := range args {
		switch a {
		case "--":
			return false
		case "-json", "--json", "-json=true", "--json=true":
			return true
		}
	}
	return false
}
