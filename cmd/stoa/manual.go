// The manual page, made of the command table.

package main

import (
	"bytes"
	"flag"
	"fmt"
	"strings"
)

// manual returns the page in the language of man(7). It holds no date, so that packages of
// one commit are alike.
func manual() []byte {
	var b bytes.Buffer
	b.WriteString(`.TH STOA 1 "" "stoa" "User Commands"
.SH NAME
stoa \- live audio rooms that belong to nobody
.SH SYNOPSIS
.B stoa
[\fIFLAGS\fR]
.br
.B stoa
\fILINK\fR
.br
.B stoa
\fICOMMAND\fR [\fIFLAGS\fR] [\fIWORDS\fR]
.SH DESCRIPTION
One program to open a room, send somebody a link and talk. There is no account and no
server: a room lives on the machines of the people in it.
`)
	for _, s := range sections() {
		fmt.Fprintf(&b, ".SH %s\n", roff(strings.ToUpper(s.title)))
		for _, cmd := range s.commands {
			fmt.Fprintf(&b, ".SS %s\n%s.\n", roff(strings.TrimSpace("stoa "+cmd.name+" "+cmd.usage)), roff(cmd.summary))
			if cmd.about != "" {
				fmt.Fprintf(&b, ".PP\n%s\n", roff(cmd.about))
			}
			fs := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
			cmd.setup(fs)
			fs.VisitAll(func(f *flag.Flag) {
				value, text := flag.UnquoteUsage(f)
				fmt.Fprintf(&b, ".TP\n\\fB%s\\fR %s\n%s\n", roff("--"+f.Name), roff(value), roff(text))
			})
			fmt.Fprintf(&b, ".PP\nExample:\n.PP\n.RS 4\n.nf\n%s\n.fi\n.RE\n", roff(cmd.example))
		}
	}
	b.WriteString(`.SH ENVIRONMENT
.TP
.B STOA_HOME
Folder of key, rooms and history, where no \fB\-\-home\fR names one.
.SH EXIT STATUS
0 for success, 1 for an error, 2 for a command line that cannot be right.
`)
	return b.Bytes()
}

// roff writes text so that each character of it stands for itself.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...").Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
