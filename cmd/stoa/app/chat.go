// Writing in a room from the command line and the page: messages, reactions, and hiding what was written.

package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"stoa/cmd/stoa/plain"
	"stoa/identity"
	"stoa/room"
)

// shortLine is how many hexadecimal digits of a message's name are enough to mean it.
const shortLine = 8

// lineKey names a message for the page and for scripts: keys of a room sort as its messages do.
func lineKey(l *room.Line) string {
	return fmt.Sprintf("%013d.%x", max(0, l.At.UnixMilli()), l.Name[:shortLine/2])
}

// findLine resolves the key of a message, or the digits behind its dot.
func findLine(lines []room.Line, text string) (*room.Line, error) {
	_, digits, keyed := strings.Cut(text, ".")
	if !keyed {
		digits = text
	}
	digits = strings.ToLower(digits)
	i := slices.IndexFunc(lines, func(l room.Line) bool { return fmt.Sprintf("%x", l.Name[:shortLine/2]) == digits })
	if i < 0 {
		return nil, room.ErrNoLine
	}
	return &lines[i], nil
}

// ChatView is a message, as `chat --json` and the page have it. Of one that was hidden, or whose author is blocked here, the text is not there.
type ChatView struct {
	Who      string `json:"who"`
	Name     string `json:"name,omitempty"` // what they called themselves
	AtMS     int64  `json:"at_ms"`
	Text     string `json:"text,omitempty"`
	HiddenBy string `json:"hidden_by,omitempty"`
	Blocked  bool   `json:"blocked,omitempty"`
}

// chatView is how a message is shown to this person. Its text is fit to be read as it comes from package room.
func chatView(l *room.Line, blocked func(identity.ID) bool) ChatView {
	d := ChatView{Who: l.Who.String(), Name: plain.Line(l.Called), AtMS: l.At.UnixMilli(), Text: l.Text}
	if !l.Hidden.IsZero() {
		d.HiddenBy = l.Hidden.String()
	}
	if blocked(l.Who) {
		d.Name, d.Text, d.Blocked = "", "", true
	}
	return d
}

// chatViews are what the page shows of the messages of a room, by key.
func chatViews(lines []room.Line, blocked func(identity.ID) bool) map[string]ChatView {
	view := make(map[string]ChatView, len(lines))
	for i := range lines {
		view[lineKey(&lines[i])] = chatView(&lines[i], blocked)
	}
	return view
}

func doSay(ctx context.Context, h *hall, req Request) (Reply, error) {
	text := strings.Join(req.Args, " ")
	if len(text) > room.MaxText {
		return Reply{}, &UserError{Code: "too_long", Text: fmt.Sprintf("a message has at most %d bytes", room.MaxText), Hint: "write it in two"}
	}
	name, err := h.room.Say(ctx, text)
	if err != nil {
		return Reply{}, err
	}
	reply := said("written")
	if l, err := findLine(h.room.Snapshot().Chat, fmt.Sprintf("%x", name[:shortLine/2])); err == nil {
		reply.Data = map[string]any{"key": lineKey(l)}
	}
	return reply, nil
}

func doReact(ctx context.Context, h *hall, req Request) (Reply, error) {
	emoji := argument(req.Args, 0)
	if len(req.Args) != 1 || !slices.Contains(room.Reactions[:], emoji) {
		return Reply{}, &UserError{Code: "no_such_reaction", Text: "that is no reaction", Hint: "there are " + strings.Join(room.Reactions[:], " ")}
	}
	return said("%s", emoji), h.room.React(ctx, emoji)
}

func doHide(ctx context.Context, h *hall, req Request) (Reply, error) {
	l, err := findLine(h.room.Snapshot().Chat, argument(req.Args, 0))
	if err != nil {
		return Reply{}, err
	}
	return said("the message is hidden"), h.room.Hide(ctx, l.Name)
}

// chatReply is what `chat --json` prints: the last messages, oldest first.
type chatReply struct {
	Room  string     `json:"room"`
	Lines []chatLine `json:"lines"`
}

type chatLine struct {
	Key string `json:"key"`
	ChatView
}

// doChat lists the last messages of a room.
func (h *hall) doChat() Reply {
	s := h.room.Snapshot()
	reply, data := Reply{}, chatReply{Room: s.Room.String(), Lines: []chatLine{}}
	for i := range s.Chat {
		l := &s.Chat[i]
		d := chatView(l, h.known.blocks)
		data.Lines = append(data.Lines, chatLine{lineKey(l), d})
		reply.Lines = append(reply.Lines, fmt.Sprintf("  %x  %s  %s", l.Name[:shortLine/2], l.At.Local().Format("Jan 2 15:04"), d.line(writerOf(s, l.Who, h.known.call(l.Who, d.Name)))))
	}
	if len(s.Chat) == 0 {
		reply.Lines = []string{"nothing was written in this room while you were there"}
	}
	reply.Data = data
	return reply
}

// writerOf is who wrote a message that calls them so: with the key behind it, unless that is what they are called in the room.
func writerOf(s *room.Snapshot, id identity.ID, called string) string {
	if called == callName(s, id) || called == id.Short() {
		return called
	}
	return called + " (" + id.Short() + ")"
}

// line is a message in one line, by somebody who is called so.
func (d *ChatView) line(called string) string {
	switch {
	case d.HiddenBy != "":
		return called + ": (hidden)"
	case d.Blocked:
		return called + ": (you have blocked them)"
	}
	return called + ": " + d.Text
}

// chatChanges tells of messages that came between two snapshots, and of those that were hidden.
func chatChanges(prev, next *room.Snapshot) []Event {
	if len(next.Chat) == 0 || len(prev.Chat) == len(next.Chat) && &prev.Chat[0] == &next.Chat[0] {
		return nil // the same list
	}
	var events []Event
	hidden := map[identity.Hash]bool{}
	last := uint64(0)
	for i := range prev.Chat {
		l := &prev.Chat[i]
		last = max(last, l.Fresh)
		hidden[l.Name] = !l.Hidden.IsZero()
	}
	for i := range next.Chat {
		l := &next.Chat[i]
		e := Event{Kind: EventChat, Key: lineKey(l), Who: l.Who.String(), Name: l.Called, Text: l.Text}
		was, known := hidden[l.Name]
		switch {
		case !l.Hidden.IsZero() && known && !was:
			e.By = l.Hidden.String()
			events = append(events, e)
		case l.Hidden.IsZero() && l.Fresh > last:
			events = append(events, e)
		}
	}
	return events
}
