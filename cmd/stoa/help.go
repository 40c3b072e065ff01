// What help prints.

package main

import (
	"flag"
	"fmt"
	"strings"
)

// help prints the list of commands, or the help of the one that words name.
func (c *cli) help(words []string) error {
	if len(words) == 0 || words[0] == "help" || strings.HasPrefix(words[0], "-") {
		c.printCommands()
		return nil
	}
	cmd := find(words[0])
	if alone := desktopCommand(); words[0] == alone.label() {
		cmd = alone
	}
	if cmd == nil {
		return unknownCommand(words[0])
	}
	c.printCommand(cmd)
	return nil
}

func (c *cli) printCommands() {
	w := c.stdout
	fmt.Fprint(w, "stoa: a live audio room that belongs to nobody\n\nUsage: stoa COMMAND [FLAGS] [WORDS]\n")
	for _, s := range sections() {
		fmt.Fprintf(w, "\n%s:\n", s.title)
		for _, cmd := range s.commands {
			fmt.Fprintf(w, "  %-9s  %s\n", cmd.label(), cmd.summary)
		}
	}
	fmt.Fprint(w, `
PERSON is a name that is unique in the room, or the first letters of a key.
ROOM is a title, or the first letters of a room's ID; one's only room needs none.

Example:
  stoa open "Evening talk"        # prints a link; send it to somebody
  stoa help open                  # the flags of one command
`)
}

func (c *cli) printCommand(cmd *command) {
	w := c.stdout
	usage := strings.Join(strings.Fields("stoa "+cmd.name+" [FLAGS] "+cmd.usage), " ")
	fmt.Fprintf(w, "%s: %s\n\nUsage: %s\n", strings.TrimSpace("stoa "+cmd.name), cmd.summary, usage)
	if cmd.about != "" {
		fmt.Fprintf(w, "\n%s\n", cmd.about)
	}
	fs := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	cmd.setup(fs)
	first := true
	fs.VisitAll(func(f *flag.Flag) {
		if first {
			fmt.Fprint(w, "\nFlags:\n")
			first = false
		}
		value, text := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  %-20s  %s\n", strings.TrimSpace("--"+f.Name+" "+value), text)
	})
	fmt.Fprintf(w, "\nExample:\n  %s\n", strings.ReplaceAll(cmd.example, "\n", "\n  "))
}

// label is the name in the list of commands and behind "stoa help".
func (cmd *command) label() string {
	if cmd.name == "" {
		return "stoa"
	}
	return cmd.name
}
