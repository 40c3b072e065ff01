// Stoa is a live audio room that belongs to nobody: no company, no account
// server, no media server. A room lives on the machines of the people in it.
//
//	stoa                         opens the page, takes up again the rooms of this home
//	stoa open "Evening talk"     opens a room, stays in it, prints a link
//	stoa join stoa:j/…           joins by a link and stays
//
// Every run of these three is a node. The other commands steer the node that
// runs with the same --home, over a unix socket in it, so that a member needs
// no terminal of its own; "stoa help" lists them, "stoa help COMMAND" shows the
// flags of one, with an example. The page steers it too, see package ui. Where a
// node runs already, stoa, stoa join and stoa with a link have that one show its
// page.
//
// # Output
//
// A person gets short lines on standard output. With --json, standard output
// holds one JSON object a line and nothing else: the events of package
// stoa/cmd/stoa/app for a node, one object for any other command. Errors are two
// lines on standard error,
//
//	stoa: error: this link has expired
//	stoa: hint: ask for a new one
//
// and with --json also an object {"event":"error","text":…,"hint":…} on
// standard output. Names and titles are chosen by strangers: text printed for
// a person holds no control characters, escape sequences or changes of
// direction (see package plain); JSON holds what was received.
//
// # Exit status
//
//	0  done; also after Ctrl-C, SIGTERM and the end of --for
//	1  it failed
//	2  the command line was wrong
//
// # Environment
//
//	STOA_HOME        the folder of everything a person has, unless --home is given
//	STOA_PASSPHRASE  the passphrase of a locked key or an export, where none can be typed
//	NO_COLOR         prints QR codes without colours
package main
