// What the person at the page does: the commonest verbs, as a node answers them.

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"stoa/cmd/stoa/app"
	"stoa/cmd/stoa/ui"
	"stoa/identity"
)

// arg is a word of a request, empty where there is none.
func arg(q *app.Request, i int) string {
	if i < len(q.Args) {
		return q.Args[i]
	}
	return ""
}

// do answers POST /do.
func (p *play) do(w http.ResponseWriter, r *http.Request) {
	var q app.Request
	err := json.NewDecoder(r.Body).Decode(&q)
	var data any
	if err == nil {
		data, err = p.perform(&q)
	}
	status, body := http.StatusOK, any(map[string]any{"lines": []string{"done"}, "data": data})
	if err != nil {
		var problem *ui.Problem
		if !errors.As(err, &problem) {
			problem = &ui.Problem{Code: "bad_request", Text: err.Error()}
		}
		status, body = http.StatusUnprocessableEntity, problem
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the page is gone: nobody to tell
}

// perform carries out a request.
func (p *play) perform(q *app.Request) (data any, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.move()
	switch q.Verb {
	case "id":
		if arg(q, 0) == "name" {
			p.view.Me.Name, p.view.Me.New = arg(q, 1), false
			for _, r := range p.view.Rooms {
				r.People[p.me].Name = arg(q, 1)
			}
		}
		return map[string]string{"id": p.me, "name": p.view.Me.Name}, nil
	case "open":
		id := p.newID()
		title := arg(q, 0)
		if q.Open != nil && q.Open.Title != "" {
			title = q.Open.Title
		}
		p.newRoom(id, title, identity.RoleOwner)
		return map[string]string{"room": id}, nil
	case "preview":
		return map[string]any{"title": "Evening talk", "topic": "philosophy", "lang": "en", "stage": []string{"Ben", "Citra"}, "people": len(p.order), "role": "listener", "room": p.id}, nil
	case "find":
		return map[string]any{"rooms": []any{map[string]any{"title": "Go evening", "topic": "go", "lang": "en", "stage": []string{"Dewi"}, "people": 17, "link": "stoa:j/uitest", "room": p.id}}}, nil
	case "devices":
		return map[string]any{"mic": []any{map[string]any{"name": "Built-in microphone", "chosen": true}}, "speaker": []any{map[string]any{"name": "Built-in loudspeaker", "chosen": true}}}, nil
	case "sound":
		return nil, p.sound(arg(q, 0), arg(q, 1))
	case "push":
		p.view.Sound.Pushing = arg(q, 0) == "hold" || arg(q, 0) == "on"
		return nil, nil
	case "seen":
		delete(p.view.Notices, arg(q, 0))
		return nil, nil
	case "contact":
		if arg(q, 0) == "add" {
			p.view.Contacts[arg(q, 1)] = app.Contact{Name: arg(q, 2), SinceMS: time.Now().UnixMilli()}
		} else if arg(q, 0) == "remove" {
			delete(p.view.Contacts, arg(q, 1))
		}
		return nil, nil
	case "block":
		p.view.Blocked[arg(q, 0)] = app.Blocking{Reason: arg(q, 1), SinceMS: time.Now().UnixMilli()}
		return nil, nil
	case "unblock":
		delete(p.view.Blocked, arg(q, 0))
		return nil, nil
	}
	id, r := p.roomOf(q.Room)
	if r == nil {
		return nil, &ui.Problem{Code: "no_room", Text: "this home is not in that room", Hint: "`stoa status` lists the rooms"}
	}
	return p.inRoom(q, id, r)
}

// roomOf finds a room by its ID, or the only one.
func (p *play) roomOf(text string) (string, *app.RoomView) {
	for id, r := range p.view.Rooms {
		if strings.HasPrefix(id, text) {
			return id, r
		}
	}
	return "", nil
}

func (p *play) sound(what, how string) error {
	if what == "talk" {
		p.view.Sound.Talk = how
		return nil
	}
	if _, is := p.view.Sound.Switches[what]; !is {
		return &ui.Problem{Code: "bad_word", Text: "there is no switch " + what}
	}
	p.view.Sound.Switches[what] = how == "on"
	return nil
}

// inRoom carries out what is about one room.
func (p *play) inRoom(q *app.Request, id string, r *app.RoomView) (data any, err error) {
	who := arg(q, 0)
	if q.Verb == "stage" {
		who = arg(q, 1)
	}
	o := r.People[who]
	switch q.Verb {
	case "stage", "kick", "ban":
		if o == nil {
			return nil, &ui.Problem{Code: "not_here", Text: "there is no such member in the room", Hint: "`stoa who` lists who is here"}
		}
	}
	switch q.Verb {
	case "hand":
		whose := cmp.Or(arg(q, 1), p.me)
		r.Hands = slices.DeleteFunc(slices.Clone(r.Hands), func(o string) bool { return o == whose })
		if arg(q, 0) != "down" {
			r.Hands = append(r.Hands, p.me)
		}
		p.places(r)
	case "mute", "unmute":
		mute := q.Verb == "mute"
		if o == nil {
			r.Me.Mic = !mute
			r.People[p.me].Mic = !mute
		} else {
			o.Muted = mute
		}
	case "stage":
		o.Stage = arg(q, 0) == "add"
		o.Speaks, o.Mic = o.Stage, o.Stage
		r.Hands = slices.DeleteFunc(slices.Clone(r.Hands), func(h string) bool { return h == who })
		p.places(r)
	case "kick", "ban":
		r.Removed[who] = app.RemovedView{Name: o.Name, Banned: q.Verb == "ban", By: p.me, Reason: q.Reason}
		p.remove(r, who)
		p.notice("removed", o.Name+" was removed", "")
	case "pardon":
		delete(r.Removed, who)
	case "lock", "unlock":
		r.Locked = q.Verb == "lock"
	case "title":
		r.Title = arg(q, 0)
	case "volume":
		if o != nil {
			var percent int
			percent, err = strconv.Atoi(strings.TrimSuffix(arg(q, 1), "%"))
			o.Volume = &percent
		}
	case "lend":
		r.Relays.Lend.On, r.Relays.Lend.Never = arg(q, 0) == "on", arg(q, 0) == "never"
	case "say":
		p.say(r, p.me, p.view.Me.Name, arg(q, 0), time.Now())
	case "hide":
		if m, is := r.Chat[arg(q, 0)]; is {
			m.Text, m.HiddenBy = "", p.me
			r.Chat[arg(q, 0)] = m
		}
	case "react":
		p.tell("react", map[string]string{"room": id, "who": p.me, "emoji": arg(q, 0)})
	case "invite":
		name := p.newID()[:12]
		i := app.InviteView{Role: "listener", Link: "stoa:j/uitest-" + name, State: "open", By: []string{}, ExpiresMS: time.Now().Add(24 * time.Hour).UnixMilli()}
		if q.Invite != nil {
			i.Role, i.Uses = q.Invite.Role, q.Invite.Uses
		}
		r.Invites[name] = i
		return map[string]string{"link": i.Link, "name": name, "role": i.Role}, nil
	case "revoke":
		if i, is := r.Invites[arg(q, 0)]; is {
			i.State = "revoked"
			r.Invites[arg(q, 0)] = i
		}
	case "leave", "end":
		p.view.Kept[id] = app.KeptView{Title: r.Title, Left: q.Verb == "leave", Ended: q.Verb == "end", LastMS: time.Now().UnixMilli()}
		delete(p.view.Rooms, id)
	case "enter", "join":
		return map[string]string{"room": id}, nil
	default:
		return nil, &ui.Problem{Code: "unknown_verb", Text: "the play knows no " + q.Verb}
	}
	return nil, err
}
