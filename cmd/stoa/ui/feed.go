// What every open page is told: the newest of everything, and nothing else.

package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
)

// momentsKept is how many moments a page may be behind before it misses some.
const momentsKept = 64

// An event is one of a stream's; data is one line of JSON.
type event struct {
	name string
	data []byte
}

// append writes e as a stream has it.
func (e event) append(to []byte) []byte {
	to = append(append(to, "event: "...), e.name...)
	to = append(append(to, "\ndata: "...), e.data...)
	return append(to, "\n\n"...)
}

// A feed holds what pages are told. Who writes to it never waits, and it never
// grows: a reader has a place in it and finds what is newer than that.
type feed struct {
	mu      sync.Mutex
	moved   chan struct{} // closed, and another one, when anything below changes
	readers int
	over    bool // nothing more comes

	// doc is the state, nil while it is not known: with nobody reading it
	// grows old. patch leads to it from version-1, and is nil where nothing does.
	doc, patch []byte
	version    uint64

	levels  []byte
	sounded uint64 // counts levels

	beats uint64 // counts seconds in which the node answered

	moments [momentsKept]event // the newest, each at its number modulo momentsKept
	told    uint64             // counts moments
}

func newFeed() *feed { return &feed{moved: make(chan struct{}), levels: []byte("{}")} }

// A place is how far a reader has come.
type place struct{ version, sounded, beats, told uint64 }

// move wakes all readers. The caller holds mu.
func (f *feed) move() {
	close(f.moved)
	f.moved = make(chan struct{})
}

// join begins to read. The reader leaves at its end.
func (f *feed) join() place {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readers++
	f.move()
	return place{sounded: f.sounded, beats: f.beats, told: f.told}
}

func (f *feed) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.readers--; f.readers == 0 {
		f.doc, f.patch = nil, nil
	}
}

// wanted waits until somebody reads. It is false when ctx has ended.
func (f *feed) wanted(ctx context.Context) bool {
	for {
		f.mu.Lock()
		readers, moved := f.readers, f.moved
		f.mu.Unlock()
		if ctx.Err() != nil {
			return false
		}
		if readers > 0 {
			return true
		}
		select {
		case <-moved:
		case <-ctx.Done():
		}
	}
}

// since returns what is new at a place, which it moves on, and a channel that is
// closed when there is more. over says that this was all.
func (f *feed) since(at *place) (news []event, moved <-chan struct{}, over bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.doc == nil || at.version == f.version:
	case f.patch != nil && at.version+1 == f.version:
		news = append(news, event{"patch", f.patch})
	default:
		news = append(news, event{"state", f.doc})
	}
	if f.doc != nil {
		at.version = f.version
	}
	if at.sounded != f.sounded {
		news = append(news, event{"levels", f.levels})
		at.sounded = f.sounded
	}
	if f.told > momentsKept {
		at.told = max(at.told, f.told-momentsKept)
	}
	for ; at.told < f.told; at.told++ {
		news = append(news, f.moments[at.told%momentsKept])
	}
	if at.beats != f.beats {
		news = append(news, event{"tick", []byte("{}")})
		at.beats = f.beats
	}
	return news, f.moved, f.over
}

// publish makes doc the state. Only one goroutine publishes.
func (f *feed) publish(doc []byte) error {
	f.mu.Lock()
	old := f.doc
	f.mu.Unlock()
	if bytes.Equal(old, doc) {
		return nil
	}
	var patch []byte
	if old != nil {
		var err error
		if patch, err = Diff(old, doc); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.readers == 0 {
		return nil
	}
	if f.doc == nil { // all readers went meanwhile, and another one came
		patch = nil
	}
	f.doc, f.patch = doc, patch
	f.version++
	f.move()
	return nil
}

// sound tells who sounds; that nobody does only once.
func (f *feed) sound(levels map[string]int) error {
	data := []byte("{}")
	if len(levels) > 0 {
		var err error
		if data, err = json.Marshal(levels); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(levels) == 0 && len(f.levels) == len(data) {
		return nil
	}
	f.levels = data
	f.sounded++
	f.move()
	return nil
}

// beat tells that the node has answered.
func (f *feed) beat() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.beats++
	f.move()
}

// tell adds a moment.
func (f *feed) tell(e event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moments[f.told%momentsKept] = e
	f.told++
	f.move()
}

// end tells that nothing more comes.
func (f *feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	f.move()
}
