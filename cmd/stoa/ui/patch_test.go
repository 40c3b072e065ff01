package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
)

// parse returns what a document or a patch says.
func parse(t *testing.T, doc []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	return v
}

func TestDiff(t *testing.T) {
	tests := []struct{ a, b, patch string }{
		{`{}`, `{}`, `{}`},
		{`{}`, `{"a":1}`, `{"a":1}`},
		{`{"a":1}`, `{}`, `{"a":null}`},
		{`{"a":1,"b":2}`, `{"a":1,"b":3}`, `{"b":3}`},
		{`{"a":{"b":{"c":1,"d":2}}}`, `{"a":{"b":{"c":1,"d":3}}}`, `{"a":{"b":{"d":3}}}`},
		{`{"a":{"b":1}}`, `{"a":{}}`, `{"a":{"b":null}}`},
		{`{"a":{"b":1}}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"a":[1]}`, `{"a":{"b":1}}`, `{"a":{"b":1}}`},
		{`{"a":5}`, `{"a":{}}`, `{"a":{}}`},
		{`{}`, `{"a":{}}`, `{"a":{}}`},
		{`{"a":[{"b":1}]}`, `{"a":[{"b":2}]}`, `{"a":[{"b":2}]}`},
		{`{"a":null}`, `{}`, `{}`},
		{`{"a":1}`, `{"a":null}`, `{"a":null}`},
		{`{"a": {"b" :1}}`, `{"a":{"b":1}}`, `{}`},
		{`{"\u00e9":"<&>"}`, `{"é":"x"}`, `{"é":"x"}`},
	}
	for _, tt := range tests {
		t.Run(tt.a+tt.b, func(t *testing.T) {
			patch, err := Diff([]byte(tt.a), []byte(tt.b))
			if err != nil || string(patch) != tt.patch {
				t.Errorf("patch %s, %v, want %s", patch, err, tt.patch)
			}
		})
	}
	for _, bad := range []string{``, `null`, `[]`, `1`, `{`, `{"a"`, `{"a":`, `{"a":"`, `{"a":"\`, `{"a":1`, `{a:1}`} {
		if _, err := Diff([]byte(`{}`), []byte(bad)); err == nil {
			t.Errorf("%q passes for an object", bad)
		}
		if _, err := Diff([]byte(bad), []byte(`{}`)); err == nil {
			t.Errorf("%q passes for an object", bad)
		}
	}
}

// A patch makes the second document of the first one.
func FuzzDiff(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1,null],"c":null}}`), []byte(`{"a":{"b":[1],"d":{"e":null}}}`))
	f.Add([]byte(`{"a":1.0,"a":2}`), []byte(`{"a":1}`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		patch, err := Diff(a, b)
		if !json.Valid(a) || !json.Valid(b) {
			return // it has not panicked
		}
		if object := bytes.HasPrefix(bytes.TrimSpace(a), []byte("{")) && bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")); object != (err == nil) {
			t.Fatalf("Diff: %v", err)
		}
		if err != nil {
			return
		}
		// Nulls of objects are the same as nothing, which apply makes of them.
		from, want := Apply(nil, parse(t, a)), Apply(nil, parse(t, b))
		if got := Apply(from, parse(t, patch)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s and %s make %v, not %v", a, patch, got, want)
		}
	})
}

// BenchmarkPatch is one step of a room of 500: one hand goes up.
func BenchmarkPatch(b *testing.B) {
	type person struct {
		Name  string `json:"name"`
		Role  string `json:"role"`
		Rank  int    `json:"rank"`
		Place int    `json:"place,omitempty"`
	}
	people := map[string]*person{}
	for i := range 500 {
		people[fmt.Sprintf("%052d", i)] = &person{Name: fmt.Sprintf("Person %d", i), Role: "listener", Rank: 3}
	}
	state := map[string]any{"phase": "running", "rooms": map[string]any{"room": map[string]any{"title": "Evening talk", "people": people}}}
	var docs [2][]byte
	for i := range docs {
		people[fmt.Sprintf("%052d", 250)].Place = i
		doc, err := json.Marshal(state)
		if err != nil {
			b.Fatal(err)
		}
		docs[i] = doc
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(docs[0])))
	i := 0
	for b.Loop() {
		if _, err := json.Marshal(state); err != nil { // each step marshals the state, too
			b.Fatal(err)
		}
		if _, err := Diff(docs[i%2], docs[(i+1)%2]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
