// Which pages read events, and how many may.

package ui

import (
	"errors"
	"slices"
	"sync"
)

const (
	maxStreams = 32 // pages at once

	// maxPerBrowser is how many pages of one browser are told anything. With
	// HTTP/1.1 browsers open six connections to a host, of all pages together:
	// with a stream in each, no page could even be loaded.
	maxPerBrowser = 4
)

var errTooMany = errors.New("too many pages")

// A stream is one page that reads events.
type stream struct {
	visit *visit
	sleep chan struct{} // closed when it must give way to a newer one
}

type streams struct {
	mu   sync.Mutex
	open []*stream // in the order in which they came
}

// add makes room for a page among those of its browser, or says that there are
// too many of others.
func (s *streams) add(v *visit) (*stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	same := func(o *stream) bool { return o.visit.browser == v.browser }
	n := 0
	for _, o := range s.open {
		if same(o) {
			n++
		}
	}
	if n >= maxPerBrowser {
		i := slices.IndexFunc(s.open, same)
		close(s.open[i].sleep)
		s.open = slices.Delete(s.open, i, i+1)
	}
	if len(s.open) >= maxStreams {
		return nil, errTooMany
	}
	o := &stream{visit: v, sleep: make(chan struct{})}
	s.open = append(s.open, o)
	return o, nil
}

func (s *streams) remove(o *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = slices.DeleteFunc(s.open, func(p *stream) bool { return p == o })
}

// count returns how many pages are open, and how many of them a person sees.
func (s *streams) count() (open, visible int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.open {
		if o.visit.visible.Load() {
			visible++
		}
	}
	return len(s.open), visible
}
