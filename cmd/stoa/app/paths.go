// Who hears whom by what way: what `stoa who --paths` shows.

package app

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"stoa/identity"
	"stoa/room"
)

// pathData is what `who --paths --json` prints of how this person hears another
// and is heard.
type pathData struct {
	Way     string  `json:"way"`             // direct, punched, tcp, websocket, relay or none
	Relay   string  `json:"relay,omitempty"` // with relay: who brings the voice
	Addr    string  `json:"addr,omitempty"`  // with a link: the far end's
	RTT     float64 `json:"rtt_ms"`          // to them, or to the relay
	LossIn  float64 `json:"loss_in"`         // share of what they sent that did not arrive here, lately
	LossOut float64 `json:"loss_out"`        // share of what was sent to them that did not arrive there
	Back    string  `json:"back,omitempty"`  // the way by which they hear this person, as they say
}

// pairData is what `who --paths --json` prints of two who have no link.
type pairData struct {
	A      string `json:"a"`
	B      string `json:"b"`
	AHears string `json:"a_hears"`           // by what way A hears B: relay, none, or a way that needs no other
	ABy    string `json:"a_by,omitempty"`    // with relay: who brings it
	BHears string `json:"b_hears,omitempty"` // left out where B says nothing, or A is not on the stage
	BBy    string `json:"b_by,omitempty"`
	Text   string `json:"text"`
}

// direction is how one of a pair hears the other, as the former says.
type direction struct {
	way room.Way
	by  identity.ID // with ByRelay: who brings it
}

// lacks says that there is no link for it.
func (d direction) lacks() bool { return !d.way.Linked() }

// directionOf is how one person hears another; false when that is not said, or
// nobody need hear it.
func directionOf(a, b *room.Person) (d direction, said bool) {
	h, said := a.Hearing(b.ID)
	if !said || !b.Stage || !a.Caps.Has(identity.CapHear) {
		return d, false
	}
	d.way = h.Way
	if d.way == room.ByRelay {
		d.by = a.Relay
	}
	return d, true
}

// pairsOf lists the pairs of whom one has no link to the other, as they say,
// in the order of the room.
func pairsOf(s *room.Snapshot) []pairData {
	pairs := []pairData{}
	for i := range s.People {
		for j := i + 1; j < len(s.People); j++ {
			a, b := &s.People[i], &s.People[j]
			if s.Crowd && !(a.Stage && b.Stage) {
				continue // whoever only listens in a crowd hears by relays
			}
			there, saidThere := directionOf(a, b)
			back, saidBack := directionOf(b, a)
			if saidThere && there.lacks() || saidBack && back.lacks() {
				if !saidThere { // name the one who hears first
					a, b, there, back, saidBack = b, a, back, there, false
				}
				pairs = append(pairs, pairOf(s, a, b, there, back, saidBack))
			}
		}
	}
	return pairs
}

// pairOf describes a pair. both says that b hears a too, or should.
func pairOf(s *room.Snapshot, a, b *room.Person, there, back direction, both bool) pairData {
	p := pairData{A: a.ID.String(), B: b.ID.String(), AHears: there.way.String(), Text: pairText(s, a, b, there, back, both)}
	if there.way == room.ByRelay {
		p.ABy = there.by.String()
	}
	if both {
		p.BHears = back.way.String()
		if back.way == room.ByRelay {
			p.BBy = back.by.String()
		}
	}
	return p
}

// pairText says in one sentence how two hear each other who have no link.
func pairText(s *room.Snapshot, a, b *room.Person, there, back direction, both bool) string {
	an, bn := nameIn(s, a.ID), nameIn(s, b.ID)
	switch {
	case both && there.way == room.Unheard && back.way == room.Unheard:
		return fmt.Sprintf("%s and %s do not hear each other", an, bn)
	case both && there.way == room.ByRelay && there == back:
		return fmt.Sprintf("%s and %s cannot connect directly; each hears the other through %s", an, bn, bearerName(s, there.by))
	case both && there.way == room.ByRelay && back.way == room.ByRelay:
		return fmt.Sprintf("%s and %s cannot connect directly; %s, and %s", an, bn, oneWay(s, an, bn, there), oneWay(s, bn, an, back))
	case both && back.lacks():
		return oneWay(s, an, bn, there) + "; " + oneWay(s, bn, an, back)
	}
	return oneWay(s, an, bn, there)
}

// oneWay says how one person hears another.
func oneWay(s *room.Snapshot, who, whom string, d direction) string {
	switch d.way {
	case room.Unheard:
		return fmt.Sprintf("%s does not hear %s", who, whom)
	case room.ByRelay:
		return fmt.Sprintf("%s hears %s through %s", who, whom, bearerName(s, d.by))
	}
	return fmt.Sprintf("%s hears %s directly", who, whom)
}

// bearerName names who carries voices: a relay of the room, or a member.
func bearerName(s *room.Snapshot, id identity.ID) string {
	switch _, is := relayIn(s, id); {
	case id.IsZero():
		return "a relay that has gone"
	case is:
		return "relay " + nameIn(s, id)
	}
	return nameIn(s, id)
}

// nameIn is a person's name, with the beginning of the key behind it where two
// here have the same.
func nameIn(s *room.Snapshot, id identity.ID) string {
	name := callName(s, id)
	for _, p := range s.People {
		if p.ID != id && strings.EqualFold(p.Name, name) {
			return fmt.Sprintf("%s (%s)", name, id.Short())
		}
	}
	return name
}

// pathTo describes how this node hears somebody and is heard; nil when it does
// neither.
func pathTo(s *room.Snapshot, p *room.Person, at linkage) *pathData {
	if p.ID == s.Me.ID || !p.Stage && !s.Me.Stage {
		return nil
	}
	var d pathData
	line, hears := s.Me.Hearing(p.ID)
	back, heard := p.Hearing(s.Me.ID)
	l, linked := at.alive[p.ID]
	switch {
	case linked:
		d.Way, d.Addr, d.RTT, d.LossIn, d.LossOut = wayOver(l.Way).String(), l.Addr, ms(l.RTT), l.LossIn, l.LossOut
	case hears:
		d.Way, d.RTT, d.LossIn = line.Way.String(), ms(line.RTT), line.Loss
		if line.Way == room.ByRelay {
			d.Relay = s.Me.Relay.String()
		}
	default:
		d.Way = room.Unheard.String()
	}
	if heard {
		d.Back = back.Way.String()
		if !linked {
			d.LossOut = back.Loss
		}
	}
	d.LossIn, d.LossOut = rounded(d.LossIn), rounded(d.LossOut)
	return &d
}

// rounded is a share to a thousandth.
func rounded(share float64) float64 { return math.Round(share*1000) / 1000 }

// text is what a person reads of it.
func (d *pathData) text(s *room.Snapshot, p *room.Person) string {
	var notes []string
	add := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	switch {
	case d.Way == room.Unheard.String() && p.Stage:
		add("not heard")
	case d.Way == room.Unheard.String():
		add("no link")
	case d.Way == room.ByRelay.String():
		add("by %s", bearerName(s, s.Me.Relay))
	default:
		add("%s", d.Way)
	}
	if d.RTT > 0 {
		add("%.0f ms", d.RTT)
	}
	if d.LossIn > 0 || d.LossOut > 0 {
		add("loss %.1f %% in, %.1f %% out", 100*d.LossIn, 100*d.LossOut)
	}
	if d.Back == room.Unheard.String() {
		add("does not hear you")
	}
	return strings.Join(notes, ", ")
}

// addPaths has a reply to who say by what way this node hears and is heard, and
// which pairs of the room have no link.
func addPaths(r *Reply, s *room.Snapshot, at linkage) {
	data := r.Data.(whoReply)
	for i := range data.People {
		p := &s.People[i]
		if d := pathTo(s, p, at); d != nil {
			data.People[i].Path = d
			r.Lines[1+i] += " · " + d.text(s, p)
		}
	}
	data.Pairs = pairsOf(s)
	for _, p := range data.Pairs {
		r.Lines = append(r.Lines, p.Text)
	}
	if len(data.Pairs) == 0 {
		r.Lines = append(r.Lines, "nobody here says that they lack a link to anybody on the stage")
	}
	r.Data = data
}

// doPaths tells who is here, and by what way they hear.
func (h *hall) doPaths(ctx context.Context) (Reply, error) {
	s, err := h.room.Look(ctx)
	if err != nil {
		return Reply{}, err
	}
	r := who(s, time.Now(), h.known)
	addPaths(&r, s, linkageOf(h.net.Links(), nil))
	return r, nil
}
