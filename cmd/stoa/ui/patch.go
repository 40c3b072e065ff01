// What changed between two documents, as a JSON merge patch (RFC 7396).

package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Diff returns the merge patch that makes b of a, both JSON objects; {} when
// they say the same. A merge patch cannot set a member to null, so in a and b
// null is the same as no member. Arrays are replaced as a whole.
func Diff(a, b []byte) ([]byte, error) {
	patch, err := diff(a, b)
	if err != nil {
		return nil, err
	}
	return json.Marshal(patch)
}

// members are those of an object, each as it is written. Parts that are written
// alike are equal, so most of two documents is compared and never parsed.
type members map[string]json.RawMessage

func diff(a, b []byte) (members, error) {
	from, err := membersOf(a)
	if err != nil {
		return nil, err
	}
	to, err := membersOf(b)
	if err != nil {
		return nil, err
	}
	patch := members{}
	for name := range from {
		if _, stays := to[name]; !stays {
			patch[name] = json.RawMessage("null")
		}
	}
	for name, now := range to {
		was, had := from[name]
		switch {
		case had && bytes.Equal(was, now):
		case had && was[0] == '{' && now[0] == '{':
			inner, err := diff(was, now)
			if err != nil {
				return nil, err
			}
			if len(inner) == 0 {
				continue
			}
			if patch[name], err = json.Marshal(inner); err != nil {
				return nil, err
			}
		default:
			patch[name] = now
		}
	}
	return patch, nil
}

// membersOf parses the outermost level of an object.
func membersOf(doc []byte) (members, error) {
	var m members
	if err := json.Unmarshal(doc, &m); err != nil {
		return nil, err
	}
	if m == nil {
		return nil, fmt.Errorf("not an object: %.20s", doc)
	}
	for name, v := range m {
		if v[0] == 'n' { // null, of which nothing else begins so
			delete(m, name)
		}
	}
	return m, nil
}
