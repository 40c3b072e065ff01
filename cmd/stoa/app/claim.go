// The line that says who hears this person and whom they hear, and when it is told.

package app

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"stoa/identity"
	"stoa/room"
)

const (
	// notComing is for how long nothing may come of somebody who has not paused.
	notComing = 2 * time.Second

	// claimAgain is the least time between two events, and claimFar by which share an
	// estimate has to change to be news.
	claimAgain = 2 * time.Second
	claimFar   = 0.1

	// namesMost is how many people the line names; of more it tells the number.
	namesMost = 2
)

// Audible is who hears this person, and whom they hear, of a room, by what has arrived.
type Audible struct {
	Spoken bool `json:"spoken"` // this person has been sent out at all; who hears is what was found while they spoke last
	Heard  int  `json:"heard"`  // people at whom the voice comes, as they report

	// Listeners behind relays report to these alone, who tell how many they reach, all
	// voices together: an estimate.
	Behind   int `json:"behind_relays,omitempty"` // at whom the voice arrives
	Audience int `json:"audience,omitempty"`      // whom relays carry

	Not          []string `json:"not"`            // at whom it does not come
	NoLoud       []string `json:"no_loudspeaker"` // who would not hear it if it did, and say so
	Unknown      int      `json:"unknown"`        // who cannot know yet
	Hears        int      `json:"hears"`          // people with an open microphone whose voice came here last
	Unheard      []Silent `json:"unheard"`        // those whose voice should and does not
	Quiet        int      `json:"quiet"`          // those who have said nothing yet
	Loudspeaker  bool     `json:"loudspeaker"`    // what comes is played here
	Text         string   `json:"text"`
	speaks, near bool     // this person is on the stage; others are in the room
}

// Silent is somebody who should be heard.
type Silent struct {
	Who     string  `json:"who"`
	Way     bool    `json:"way"`     // there is one to them
	Seconds float64 `json:"seconds"` // for which nothing has come
	id      identity.ID
}

// claim says what may be believed now. spoke says that anything was sent.
func claim(s *room.Snapshot, a *hearers, reports map[identity.ID]report, come map[identity.ID]coming, plays, spoke bool, now time.Time) Audible {
	c := Audible{Spoken: spoke, Not: []string{}, NoLoud: []string{}, Unheard: []Silent{}, Loudspeaker: plays, speaks: s.Me.Stage}
	var not, noLoud []identity.ID
	for i := range s.People {
		p := &s.People[i]
		if p.ID == s.Me.ID {
			continue
		}
		if p.Stage && p.Mic && p.Speaks {
			c.hear(s, p.ID, come, now)
		}
		if !p.Caps.Has(identity.CapHear) {
			continue
		}
		c.near = true
		if !s.Me.Stage || s.Crowd && p.Caps == identity.CapHear && p.Place == 0 {
			continue // one of those whom the relays count
		}
		l := a.of[p.ID]
		switch {
		case l == nil || l.verdict == unknown:
			c.Unknown++
		case l.verdict == hears:
			c.Heard++
		case l.verdict == misses:
			not = append(not, p.ID)
		case l.verdict == noLoudspeaker:
			noLoud = append(noLoud, p.ID)
		}
	}
	if s.Crowd {
		c.Audience = s.Audience
		c.near = c.near || c.Audience > 0
		for _, r := range s.Relays {
			if e := reports[r.ID]; r.Alive && spoke && s.Me.Stage && a.reaches(r.ID, e, now) {
				c.Behind += e.receipt.Feeds
			}
		}
		c.Behind = min(c.Behind, c.Audience)
	}
	c.Text = c.line(s, not, noLoud)
	for _, id := range not {
		c.Not = append(c.Not, id.String())
	}
	for _, id := range noLoud {
		c.NoLoud = append(c.NoLoud, id.String())
	}
	return c
}

// hear counts one whose microphone is open.
func (c *Audible) hear(s *room.Snapshot, id identity.ID, come map[identity.ID]coming, now time.Time) {
	in, known := come[id]
	line, said := s.Me.Hearing(id)
	lost := said && line.Way == room.Unheard && now.Sub(line.Since) >= deafTold
	switch {
	case lost:
		c.Unheard = append(c.Unheard, Silent{Who: id.String(), Seconds: rounded(now.Sub(line.Since).Seconds()), id: id})
	case !known:
		c.Quiet++
	case !in.paused && now.Sub(in.last) >= notComing:
		c.Unheard = append(c.Unheard, Silent{Who: id.String(), Way: true, Seconds: rounded(now.Sub(in.last).Seconds()), id: id})
	default:
		c.Hears++
	}
}

// line is what a person reads.
func (c *Audible) line(s *room.Snapshot, not, noLoud []identity.ID) string {
	if !c.near {
		return "nobody else is here"
	}
	var parts []string
	if c.speaks {
		parts = append(parts, c.heardBy(s, not, noLoud))
	}
	return strings.Join(append(parts, c.hearing(s)), " · ")
}

// heardBy is the half that says who hears this person.
func (c *Audible) heardBy(s *room.Snapshot, not, noLoud []identity.ID) string {
	var text string
	switch {
	case !c.Spoken, c.Heard+c.Behind+len(not) == 0 && c.Unknown+c.Audience > 0:
		return "nobody has heard you yet"
	case c.Heard+c.Behind == 0:
		text = "heard by nobody"
	case c.Audience == 0:
		text = fmt.Sprintf("heard by %d", c.Heard)
	case c.Behind == 0:
		text = fmt.Sprintf("heard by %d and none of %d behind relays", c.Heard, c.Audience)
	case c.Heard == 0:
		text = fmt.Sprintf("heard by about %d of %d behind relays", c.Behind, c.Audience)
	default:
		text = fmt.Sprintf("heard by %d and about %d of %d behind relays", c.Heard, c.Behind, c.Audience)
	}
	if len(not) > 0 {
		text += ", not by " + few(s, not)
	}
	if c.Unknown > 0 {
		text += fmt.Sprintf(", %d cannot say yet", c.Unknown)
	}
	switch {
	case len(noLoud) == 1:
		text += "; " + few(s, noLoud) + " has no loudspeaker"
	case len(noLoud) > 1:
		text += "; " + few(s, noLoud) + " have no loudspeaker"
	}
	return text
}

// hearing is the half that says whom this person hears.
func (c *Audible) hearing(s *room.Snapshot) string {
	of := c.Hears + len(c.Unheard)
	var text string
	switch {
	case !c.Loudspeaker:
		return "you have no loudspeaker, so you hear nobody"
	case of+c.Quiet == 0:
		return "no other microphone is open"
	case of == 0:
		return "nobody has said anything yet"
	}
	text = fmt.Sprintf("you hear %d of %d", c.Hears, of)
	for i, u := range c.Unheard[:min(len(c.Unheard), namesMost)] {
		text += []string{"; not ", " and "}[i] + nameIn(s, u.id)
		if u.Way {
			text += fmt.Sprintf(" (no packets for %.0f s)", u.Seconds)
		} else {
			text += " (there is no way to them)"
		}
	}
	if more := len(c.Unheard) - namesMost; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// few names people, or counts them when they are many.
func few(s *room.Snapshot, ids []identity.ID) string {
	if len(ids) > namesMost {
		return fmt.Sprint(len(ids))
	}
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = nameIn(s, id)
	}
	return strings.Join(names, " and ")
}

// same says that o tells a person nothing new: seconds pass, and estimates waver.
func (c *Audible) same(o *Audible) bool {
	near := func(a, b int) bool { return abs(a-b) <= int(claimFar*float64(max(a, b))) }
	return c.Spoken == o.Spoken && c.Heard == o.Heard && c.Unknown == o.Unknown && c.Loudspeaker == o.Loudspeaker &&
		c.Hears == o.Hears && c.Quiet == o.Quiet && c.near == o.near && c.speaks == o.speaks &&
		near(c.Behind, o.Behind) && near(c.Audience, o.Audience) &&
		slices.Equal(c.Not, o.Not) && slices.Equal(c.NoLoud, o.NoLoud) &&
		slices.EqualFunc(c.Unheard, o.Unheard, func(a, b Silent) bool { return a.Who == b.Who && a.Way == b.Way })
}

func abs(n int) int { return max(n, -n) }

// A claimant tells of a claim when it has become another one: not often, and the last
// one always. It is a pure machine, ready when it is zero.
type claimant struct {
	told Audible
	at   time.Time // zero: nothing was
}

// due says whether to tell of a claim now.
func (t *claimant) due(c *Audible, now time.Time) bool {
	if !t.at.IsZero() && (now.Sub(t.at) < claimAgain || t.told.same(c)) {
		return false
	}
	t.told, t.at = *c, now
	return true
}
