// What changed between two documents, as a JSON merge patch (RFC 7396).

package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// errNoObject says that a document is none, or not one that json.Valid passes.
var errNoObject = errors.New("not a JSON object")

// Diff returns the merge patch that makes b of a, both valid JSON objects; {}
// when they say the same. A merge patch cannot set a member to null, so in a and
// b null is the same as no member. Arrays are replaced as a whole.
//
// It runs up to ten times a second over a document of which hardly anything
// changes, so it parses no more of it than it must: parts that are written alike
// are equal, and are only skipped.
func Diff(a, b []byte) ([]byte, error) {
	patch, err := diff(bytes.TrimSpace(a), bytes.TrimSpace(b))
	if err != nil {
		return nil, err
	}
	return json.Marshal(patch)
}

func diff(a, b []byte) (map[string]json.RawMessage, error) {
	from, err := members(a)
	if err != nil {
		return nil, err
	}
	to, err := members(b)
	if err != nil {
		return nil, err
	}
	patch := map[string]json.RawMessage{}
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

// Apply is MergePatch of RFC 7396, section 2, over what package json makes of
// documents: the other half of Diff, for whoever follows a node in Go. It changes
// target, and returns what became of it.
func Apply(target, patch any) any {
	changes, is := patch.(map[string]any)
	if !is {
		return patch
	}
	object, is := target.(map[string]any)
	if !is {
		object = map[string]any{}
	}
	for name, value := range changes {
		if value == nil {
			delete(object, name)
		} else {
			object[name] = Apply(object[name], value)
		}
	}
	return object
}

// members returns those of an object but the nulls, each as it is written.
func members(doc []byte) (map[string][]byte, error) {
	if len(doc) == 0 || doc[0] != '{' {
		return nil, errNoObject
	}
	m := map[string][]byte{}
	for rest := bytes.TrimLeft(doc[1:], space); ; {
		if len(rest) > 0 && rest[0] == '}' {
			return m, nil
		}
		key := value(rest)
		name, err := nameOf(key)
		if err != nil {
			return nil, err
		}
		rest = bytes.TrimLeft(rest[len(key):], space+":")
		v := value(rest)
		switch {
		case len(v) == 0:
			return nil, errNoObject
		case v[0] == 'n': // null: nothing else begins so
			delete(m, name)
		default:
			m[name] = v
		}
		rest = bytes.TrimLeft(rest[len(v):], space+",")
	}
}

// space is what may stand between the tokens of JSON.
const space = " \t\r\n"

// value returns the value that p, a part of valid JSON, begins with. It is empty
// when there is none.
func value(p []byte) []byte {
	depth := 0
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '"':
			for i++; i < len(p) && p[i] != '"'; i++ {
				if p[i] == '\\' {
					i++
				}
			}
			if i >= len(p) {
				return nil
			}
			if depth == 0 {
				return p[:i+1]
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return p[:i+1]
			}
			if depth < 0 { // what p stands in ends here, and so does a number
				return bytes.TrimRight(p[:i], space)
			}
		case ',':
			if depth == 0 {
				return bytes.TrimRight(p[:i], space)
			}
		}
	}
	return nil
}

// nameOf reads the name of a member.
func nameOf(key []byte) (name string, err error) {
	if len(key) < 2 || key[0] != '"' {
		return "", errNoObject
	}
	if plain := key[1 : len(key)-1]; bytes.IndexByte(plain, '\\') < 0 && utf8.Valid(plain) {
		return string(plain), nil
	}
	err = json.Unmarshal(key, &name)
	return name, err
}
