// How loud each person is played here: what somebody has asked for, kept by
// person in the home, in every room and over every start.

package app

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stoa/identity"
)

const (
	// volumesFile is where they are kept in a home: an object of JSON from key to
	// percent.
	volumesFile = "volumes.json"

	asSent     = 100 // percent, for everybody of whom nothing is kept
	maxVolume  = 200 // percent
	maxVolumes = 1000
)

// volumes are how loud people are played, in percent. None of them is asSent.
type volumes struct{ keptOf[int] }

// readVolumes reads what is kept in a home. With an error it returns volumes that
// know nobody.
func readVolumes(dir string) (*volumes, error) {
	v := &volumes{keptOf[int]{dir: dir, file: volumesFile, most: maxVolumes, full: &UserError{
		Code: "too_many_volumes", Text: fmt.Sprintf("the volumes of %d people are kept already", maxVolumes), Hint: "set somebody else's to 100",
	}}}
	return v, v.read(func(_ identity.ID, percent int) bool {
		return percent >= 0 && percent <= maxVolume && percent != asSent
	})
}

// of returns how loud somebody is played, in percent.
func (v *volumes) of(id identity.ID) int {
	if percent, kept := v.get(id); kept {
		return percent
	}
	return asSent
}

// gain returns the same as the factor for a source.
func (v *volumes) gain(id identity.ID) float32 { return float32(v.of(id)) / 100 }

// set says how loud somebody is played, and keeps it.
func (v *volumes) set(id identity.ID, percent int) error {
	return v.change(func(all map[identity.ID]int) {
		if all[id] = percent; percent == asSent {
			delete(all, id)
		}
	})
}

// A Volume is how loud somebody is played, as `stoa volume --json` has it.
type Volume struct {
	ID      string `json:"id"`
	Name    string `json:"name,omitempty"`
	Percent int    `json:"percent"`
}

// doVolume sets or tells how loud somebody is played here. Without a person it
// lists who of the room is not played as sent.
func (s *Session) doVolume(h *hall, req Request) (Reply, error) {
	if len(req.Args) == 0 {
		return s.listVolumes(h), nil
	}
	id, name, err := h.person(req.Args)
	switch {
	case err != nil:
		return Reply{}, err
	case id == h.me:
		return Reply{}, &UserError{Code: "volume_of_self", Text: "you do not hear yourself here", Hint: "name somebody else: `stoa volume PERSON 50`"}
	}
	if len(req.Args) > 1 {
		percent, err := parsePercent(req.Args[1])
		if err != nil {
			return Reply{}, err
		}
		if err := s.volumes.set(id, percent); err != nil {
			return Reply{}, err
		}
		for _, h := range s.rooms() {
			h.ears.revolume(id)
		}
	}
	v := Volume{ID: id.String(), Name: name, Percent: s.volumes.of(id)}
	return Reply{Lines: []string{v.line()}, Data: v}, nil
}

func (s *Session) listVolumes(h *hall) Reply {
	snap := h.room.Snapshot()
	list := []Volume{}
	for _, p := range snap.People {
		if percent := s.volumes.of(p.ID); percent != asSent {
			list = append(list, Volume{ID: p.ID.String(), Name: callName(snap, p.ID), Percent: percent})
		}
	}
	slices.SortFunc(list, func(a, b Volume) int { return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID)) })
	reply := Reply{Data: map[string]any{"volumes": list}}
	for _, v := range list {
		reply.Lines = append(reply.Lines, v.line())
	}
	if len(list) == 0 {
		reply.Lines = []string{"everybody is played as loud as they are sent"}
	}
	return reply
}

func (v *Volume) line() string {
	if v.Percent == 0 {
		return v.Name + " is not played"
	}
	return fmt.Sprintf("%s is played at %d %%", v.Name, v.Percent)
}

func parsePercent(text string) (int, error) {
	percent, err := strconv.Atoi(strings.TrimSuffix(text, "%"))
	if err != nil || percent < 0 || percent > maxVolume {
		return 0, &UserError{Code: "bad_volume", Text: fmt.Sprintf("%q is no volume", text), Hint: "from 0, silence, to 200 percent; 100 is as sent"}
	}
	return percent, nil
}
