// The commands about links: invite, links and revoke.

package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"stoa/cmd/stoa/app"
)

// linkPrefix begins every invite link.
const linkPrefix = "stoa:j/"

func inviteCommand() *command {
	return &command{
		name:    app.VerbInvite,
		summary: "print a link to a room",
		usage:   "[ROOM]",
		about:   "A link can give no more than you have yourself.",
		example: `stoa invite
stoa invite --role speaker --expires 2h --uses 1 "Evening talk"
stoa invite --role moderator --for Bob
stoa invite --role relay --slots 500`,
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, app.VerbInvite)
			v.addRoom(fs)
			var opt app.InviteOptions
			fs.StringVar(&opt.Role, "role", "listener", "`ROLE` it gives: listener (the default), speaker, moderator or relay")
			fs.StringVar(&opt.Expires, "expires", "24h", "`DURATION` it can be used for (default 24h), or never")
			fs.IntVar(&opt.Uses, "uses", 0, "how many people may come by it, `N` (default: any number)")
			fs.StringVar(&opt.For, "for", "", "the only `PERSON` who may use it; a whole key for somebody who is not in the room")
			fs.IntVar(&opt.Slots, "slots", 0, "with --role relay: how many listeners a relay may carry, `N` (default 64)")
			hints := fs.Bool("hints", true, "put addresses into the link, so that it works faster; =false keeps them out")
			qr := fs.Bool("qr", false, "print a QR code even when the output is no terminal")
			return func(ctx context.Context, c *cli, words []string) error {
				opt.NoHints = !*hints
				if err := checkInvite(opt); err != nil {
					return err
				}
				if err := v.room(words); err != nil {
					return err
				}
				v.req.Invite = &opt
				return v.invite(ctx, c, *qr)
			}
		},
	}
}

// checkInvite refuses terms that no room could allow.
func checkInvite(opt app.InviteOptions) error {
	if !slices.Contains([]string{"listener", "speaker", "moderator", "relay"}, opt.Role) {
		return &usageError{text: "unknown role " + opt.Role, hint: "a role is listener, speaker, moderator or relay"}
	}
	if opt.Uses < 0 {
		return &usageError{text: "--uses cannot be below 0", hint: "leave it out for any number of people"}
	}
	if opt.Slots != 0 && opt.Role != "relay" {
		return &usageError{text: "--slots is for links of the role relay", hint: "add --role relay"}
	}
	if opt.Slots < 0 || opt.Slots > maxSlots {
		return &usageError{text: fmt.Sprintf("--slots is a number from 1 to %d", maxSlots)}
	}
	if opt.Expires == "never" {
		return nil
	}
	if d, err := time.ParseDuration(opt.Expires); err != nil || d <= 0 {
		return &usageError{text: "--expires is not a duration: " + opt.Expires, hint: "write it like 30m or 24h, or never"}
	}
	return nil
}

// invite prints the link, and shows it as a QR code where somebody can hold a
// telephone to it.
func (v *verb) invite(ctx context.Context, c *cli, qr bool) error {
	reply, err := v.ask(ctx, c)
	if err != nil {
		return err
	}
	if err := v.print(c, reply); err != nil || v.json {
		return err
	}
	for _, l := range reply.Lines {
		if strings.HasPrefix(l, linkPrefix) {
			return c.newScreen(qr).qr(l)
		}
	}
	return nil
}

func linksCommand() *command {
	return roomVerb(app.VerbLinks, "the links made from this home", "It also works when no node runs.", "stoa links")
}

func revokeCommand() *command {
	return &command{
		name:    app.VerbRevoke,
		summary: "make a link useless, and remove those who came by it",
		usage:   "INVITE [ROOM]",
		about:   "INVITE is the link itself, or the first letters of its name in stoa links.",
		example: "stoa revoke stoa:j/AQx3…\nstoa revoke 7dk2m",
		setup: func(fs *flag.FlagSet) action {
			v := newVerb(fs, app.VerbRevoke)
			v.addRoom(fs)
			return func(ctx context.Context, c *cli, words []string) error {
				if len(words) == 0 || words[0] == "" {
					return needs("INVITE")
				}
				return v.doTo(ctx, c, words, 1)
			}
		},
	}
}
