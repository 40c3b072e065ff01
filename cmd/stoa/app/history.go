// The signed history of a room, verified again from its bytes and written for
// people to read.

package app

import (
	"fmt"
	"strings"
	"time"

	"stoa/identity"
	"stoa/room"
)

// entryData is one operation as `log --json` prints it.
type entryData struct {
	Op     string `json:"op"`
	Time   string `json:"time"`  // as its author claims
	AtMS   uint64 `json:"at_ms"` // the same, in Unix ms
	Author string `json:"author"`
	Kind   string `json:"kind"`
	Target string `json:"target,omitempty"`
	By     string `json:"by,omitempty"`   // the author's name, where it is known now
	Whom   string `json:"whom,omitempty"` // the target's
	Text   string `json:"text,omitempty"`
	Valid  bool   `json:"valid"`
	Void   string `json:"void,omitempty"` // why it is: a word of room.VoidCode
	Why    string `json:"why,omitempty"`  // the same in English
	opFacts
}

// opFacts is what Text says, for who puts it into words of their own.
type opFacts struct {
	Role     string `json:"role,omitempty"`      // admit, grant
	Link     string `json:"link,omitempty"`      // revoke, kick, ban: the name of the link that ends with it
	Reason   string `json:"reason,omitempty"`    // kick, ban
	Title    string `json:"title,omitempty"`     // title
	Slots    int    `json:"slots,omitempty"`     // advert
	Kbps     int    `json:"kbps,omitempty"`      // audit
	StartsMS uint64 `json:"starts_ms,omitempty"` // schedule; 0: called off
	Yes      bool   `json:"yes,omitempty"`       // record: it begins; consent: given
}

// loadLog reads a room's log from the store and verifies every signature in it
// again. An operation that does not hold, or that follows one which does not,
// is left out, as a running room does: bad counts these.
func loadLog(rec room.Record, store room.Keeper) (log *room.Log, bad int, err error) {
	charter, err := identity.ParseCharter(rec.Charter)
	if err != nil {
		return nil, 0, &UserError{Code: "room_damaged", Text: "what is kept here of the room is damaged", Hint: "join the room by a link again", Err: err}
	}
	raws, err := store.Ops(rec.Room)
	if err != nil {
		return nil, 0, err
	}
	log = room.NewLog(charter)
	for _, raw := range raws {
		_, _, _ = log.Add(raw)
	}
	return log, len(raws) - log.Len(), nil
}

// history answers log. names are those of the people who are here now: the log
// itself knows keys, and a name may be anybody's, so the key stands beside it.
func history(rec room.Record, store room.Keeper, names map[identity.ID]string) (Reply, error) {
	log, bad, err := loadLog(rec, store)
	if err != nil {
		return Reply{}, err
	}
	entries := []entryData{}
	r := Reply{}
	for e := range log.Ops() {
		d := entryData{
			Op:     e.Op.Hash().String(),
			Time:   time.UnixMilli(int64(e.Op.Time)).UTC().Format(time.RFC3339),
			AtMS:   e.Op.Time,
			Author: e.Op.Author.String(),
			Kind:   e.Op.Kind.String(),
			Text:   opText(e.Op),
			Valid:  e.Valid,
			Void:   e.Why.Code.String(),
			Why:    e.Why.String(),

			opFacts: factsOf(e.Op),
		}
		d.By, d.Whom = names[e.Op.Author], names[e.Op.Target]
		line := fmt.Sprintf("%s  %s  %s", d.Time, keyAndName(e.Op.Author, d.By), d.Kind)
		if !e.Op.Target.IsZero() {
			d.Target = e.Op.Target.String()
			line += " " + keyAndName(e.Op.Target, d.Whom)
		}
		if d.Text != "" {
			line += " " + d.Text
		}
		if !d.Valid {
			line += "  (void: " + d.Why + ")"
		}
		entries = append(entries, d)
		r.Lines = append(r.Lines, line)
	}
	state := log.State()
	r.Lines = append(r.Lines, fmt.Sprintf("%s, every signature verified; state %s", count(len(entries), "operation", "operations"), state.Root.Short()))
	if bad > 0 {
		r.Lines = append(r.Lines, fmt.Sprintf("%s kept here cannot be verified: damaged, or following on a damaged one", count(bad, "record", "records")))
	}
	r.Data = map[string]any{"room": rec.Room.String(), "title": state.Title, "root": state.Root.String(), "entries": entries, "damaged": bad}
	return r, nil
}

// scheduleText is a plan in the history, in the time of everywhere.
func scheduleText(a room.ScheduleArgs) string {
	if a.Starts == 0 {
		return "nothing any more"
	}
	at := func(ms uint64) string { return time.UnixMilli(int64(ms)).UTC().Format(time.RFC3339) }
	return strings.TrimSpace(fmt.Sprintf("%s to %s %s", at(a.Starts), at(a.Ends), a.Text))
}

// keyAndName is somebody in the history.
func keyAndName(id identity.ID, name string) string {
	if name == "" {
		return id.Short()
	}
	return id.Short() + " (" + name + ")"
}

// namesIn are the names of the people who are here.
func namesIn(s *room.Snapshot) map[identity.ID]string {
	names := make(map[identity.ID]string, len(s.People))
	for _, p := range s.People {
		names[p.ID] = p.Name
	}
	for _, r := range s.Relays {
		names[r.ID] = r.Name
	}
	return names
}

// factsOf is what opText puts into words.
func factsOf(o *room.Op) (f opFacts) {
	switch o.Kind {
	case room.KindAdmit, room.KindGrant:
		g, _, _ := o.Conferred()
		f.Role = g.Role.String()
	case room.KindRevoke:
		f.Link = o.Revoke().Grant.Short()
	case room.KindKick, room.KindBan:
		r := o.Remove()
		f.Reason = r.Reason
		if !r.Closes.IsZero() {
			f.Link = r.Closes.Short()
		}
	case room.KindTitle:
		f.Title = o.Title()
	case room.KindAdvert:
		f.Slots = int(o.Advert().Slots)
	case room.KindAudit:
		f.Kbps = int(o.Audit().Kbps)
	case room.KindSchedule:
		f.StartsMS = o.Schedule().Starts
	case room.KindRecord:
		f.Yes = o.Record().Ends.IsZero()
	case room.KindConsent:
		f.Yes = o.Consent().Yes
	}
	return f
}

// opText says of an operation what its kind and target do not.
func opText(o *room.Op) string {
	switch o.Kind {
	case room.KindAdmit, room.KindGrant:
		g, replace, _ := o.Conferred()
		if replace {
			return "as " + g.Role.String() + " and nothing else"
		}
		return "as " + g.Role.String()
	case room.KindRevoke:
		if o.Revoke().Keep {
			return "closes link " + o.Revoke().Grant.Short()
		}
		return "link " + o.Revoke().Grant.Short()
	case room.KindKick, room.KindBan:
		r := o.Remove()
		if r.Closes.IsZero() {
			return r.Reason
		}
		return strings.TrimSpace(r.Reason + " (closes link " + r.Closes.Short() + ")")
	case room.KindAdvert:
		return count(int(o.Advert().Slots), "listener", "listeners")
	case room.KindAudit:
		return fmt.Sprintf("sends %d kbit/s", o.Audit().Kbps)
	case room.KindTitle:
		return fmt.Sprintf("%q", o.Title())
	case room.KindSchedule:
		return scheduleText(o.Schedule())
	case room.KindRecord:
		if of := o.Record().Ends; !of.IsZero() {
			return "ends " + of.Short()
		}
		return "begins " + o.Hash().Short()
	case room.KindConsent:
		if !o.Consent().Yes {
			return "no to recording " + o.Consent().Recording.Short()
		}
		return "yes to recording " + o.Consent().Recording.Short()
	case room.KindLower:
		return "raised hand"
	case room.KindEpoch:
		return fmt.Sprintf("%d", o.Epoch().N)
	}
	return ""
}
