// What is remembered of streams that come and go.

package seal

import "slices"

// maxRemembered is how many streams are remembered, those that may speak now
// included, so that setting one again does not let its packets through twice.
// Of those taken away the oldest are forgotten first.
const maxRemembered = 4096

// memory holds an M for each stream.
type memory[M any] struct {
	entries map[Stream]*M
	order   []Stream // of entries, by when they were first asked for
}

func newMemory[M any]() memory[M] { return memory[M]{entries: make(map[Stream]*M)} }

// of returns what is remembered of s, which is new when s is.
func (m *memory[M]) of(s Stream) *M {
	e := m.entries[s]
	if e == nil {
		e = new(M)
		m.entries[s] = e
		m.order = append(m.order, s)
	}
	return e
}

// forget drops the oldest streams that are not among speaking, until no more
// than [maxRemembered] are left or none can be dropped.
func (m *memory[M]) forget(speaking []Stream) {
	excess := len(m.order) - maxRemembered
	if excess <= 0 {
		return
	}
	may := make(map[Stream]bool, len(speaking))
	for _, s := range speaking {
		may[s] = true
	}
	m.order = slices.DeleteFunc(m.order, func(s Stream) bool {
		if excess <= 0 || may[s] {
			return false
		}
		excess--
		delete(m.entries, s)
		return true
	})
}
