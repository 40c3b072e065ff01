// The commands that look before anybody joins: preview and rooms.

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

// A preview is what a link promises. Its fields are those that app.Preview
// returns, in the same order, so that one converts to the other.
type preview struct {
	Title   string    `json:"title"`
	Topic   string    `json:"topic,omitempty"`
	Lang    string    `json:"lang,omitempty"`
	Stage   []string  `json:"stage"`
	People  int       `json:"people"`
	Role    string    `json:"role"`
	Expires time.Time `json:"expires,omitzero"`
	Starts  time.Time `json:"starts,omitzero"`
	Ends    time.Time `json:"ends,omitzero"`
	About   string    `json:"about,omitempty"`
}

// A listing is one public room. Its fields are those of app.Rooms.
type listing struct {
	Title  string   `json:"title"`
	Topic  string   `json:"topic,omitempty"`
	Lang   string   `json:"lang,omitempty"`
	Stage  []string `json:"stage"`
	People int      `json:"people"`
	Link   string   `json:"link"`
	Room   string   `json:"room"`

	Starts time.Time `json:"starts,omitzero"`
	Ends   time.Time `json:"ends,omitzero"`
	About  string    `json:"about,omitempty"`
}

func previewCommand() *command {
	return &command{
		name:    "preview",
		summary: "show a room's title and who is on stage, without joining",
		usage:   "LINK",
		about:   `Nobody in the room learns who looked. A link of - is read from standard input.`,
		example: `stoa preview stoa:j/AQx3…`,
		setup: func(fs *flag.FlagSet) action {
			var f netFlags
			f.add(fs)
			wait := addWait(fs)
			return func(ctx context.Context, c *cli, words []string) error {
				link, err := c.link(words)
				if err != nil {
					return err
				}
				return c.look(ctx, &f, *wait, func(ctx context.Context, cfg app.Config) error {
					p, err := c.app.preview(ctx, cfg, link)
					if err != nil {
						return err
					}
					if f.json {
						return writeJSON(c.stdout, struct {
							Event string `json:"event"`
							preview
						}{"preview", p})
					}
					return printPreview(c.stdout, p)
				})
			}
		},
	}
}

func roomsCommand() *command {
	return &command{
		name:    "rooms",
		summary: "list public rooms that are alive now",
		example: `stoa rooms
stoa rooms --topic go --lang en`,
		setup: func(fs *flag.FlagSet) action {
			var f netFlags
			f.add(fs)
			wait := addWait(fs)
			topic := fs.String("topic", "", "only rooms of this `TOPIC`")
			lang := fs.String("lang", "", "only rooms in this `LANG`")
			return func(ctx context.Context, c *cli, words []string) error {
				if err := tooMany(words, 0); err != nil {
					return err
				}
				return c.look(ctx, &f, *wait, func(ctx context.Context, cfg app.Config) error {
					found, err := c.app.rooms(ctx, cfg, *topic, *lang)
					if err != nil {
						return err
					}
					return printRooms(c.stdout, found, f.json)
				})
			}
		},
	}
}

func addWait(fs *flag.FlagSet) *time.Duration {
	return fs.Duration("wait", 15*time.Second, "look for at most `DURATION` (default 15s)")
}

// look gives fn a Config without devices and a context that ends after wait.
func (c *cli) look(ctx context.Context, f *netFlags, wait time.Duration, fn func(context.Context, app.Config) error) error {
	if wait <= 0 {
		return &usageError{text: "--wait must be longer than nothing"}
	}
	cfg, log, err := f.config(c.started, c.stderr)
	if err != nil {
		return err
	}
	defer log.Close()
	cfg.In, cfg.Out = "silence", "null"
	cfg.Passphrase = c.passphrase(ctx, keyPrompt, false)

	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	err = fn(ctx, cfg)
	if errors.Is(err, context.DeadlineExceeded) {
		return &app.UserError{
			Text: fmt.Sprintf("nobody answered within %s", wait),
			Hint: "nobody of the room may be online now: try again later, or with a longer --wait",
			Err:  err,
		}
	}
	return err
}

func printPreview(w io.Writer, p preview) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", plain.Line(p.Title))
	printCard(&b, p.Stage, p.People, p.Topic, p.Lang)
	printMeeting(&b, p.Starts, p.Ends, p.About)
	if p.Role != "" {
		fmt.Fprintf(&b, "  this link: %s", plain.Line(p.Role))
		if !p.Expires.IsZero() {
			fmt.Fprintf(&b, ", until %s", p.Expires.Local().Format("2006-01-02 15:04"))
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printCard writes what previews and listings have in common.
func printCard(b *strings.Builder, stage []string, people int, topic, lang string) {
	names := make([]string, len(stage))
	for i, s := range stage {
		names[i] = plain.Line(s)
	}
	if len(names) == 0 {
		names = []string{"nobody"}
	}
	fmt.Fprintf(b, "  on stage: %s\n  people: %d\n", strings.Join(names, ", "), people)
	if topic != "" {
		fmt.Fprintf(b, "  topic: %s\n", plain.Line(topic))
	}
	if lang != "" {
		fmt.Fprintf(b, "  language: %s\n", plain.Line(lang))
	}
}

// printMeeting writes when a room meets, if that is known.
func printMeeting(b *strings.Builder, starts, ends time.Time, about string) {
	if starts.IsZero() {
		return
	}
	const minute = "2006-01-02 15:04"
	fmt.Fprintf(b, "  meets: %s to %s %s\n", starts.Local().Format(minute), ends.Local().Format(minute), plain.Line(about))
}

func printRooms(w io.Writer, found []listing, asJSON bool) error {
	if asJSON {
		for _, l := range found {
			err := writeJSON(w, struct {
				Event string `json:"event"`
				listing
			}{"listing", l})
			if err != nil {
				return err
			}
		}
		return nil
	}
	var b strings.Builder
	if len(found) == 0 {
		b.WriteString("no public room answered; `stoa open --public TITLE` opens one\n")
	}
	for _, l := range found {
		fmt.Fprintf(&b, "%s\n", plain.Line(l.Title))
		printCard(&b, l.Stage, l.People, l.Topic, l.Lang)
		printMeeting(&b, l.Starts, l.Ends, l.About)
		fmt.Fprintf(&b, "  %s\n", plain.Line(l.Link))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
