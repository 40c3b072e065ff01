// memory: which messages were here before, by name. Pure but for its lock.

package node

import "sync"

// remembered is how many names a memory is sure of; it holds up to twice as many.
const remembered = 4096

// A memory knows the names that were added last. Gossip remembers what it has seen itself;
// what comes by push, by a relay's feed or by letter goes round that, and who repeats
// another's message would spend what its author is allowed to say. The zero value is
// empty. Safe for concurrent use.
type memory struct {
	mu         sync.Mutex
	young, old map[[12]byte]bool
}

// messageName is the nonce of a message that openSame has opened: a hash of it.
func messageName(sealed []byte) [12]byte { return [12]byte(sealed[:12]) }

// add reports whether the name is new.
func (m *memory) add(name [12]byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.young[name] || m.old[name] {
		return false
	}
	if m.young == nil || len(m.young) >= remembered {
		m.young, m.old = make(map[[12]byte]bool), m.young
	}
	m.young[name] = true
	return true
}

func (m *memory) has(name [12]byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.young[name] || m.old[name]
}

func (m *memory) remove(name [12]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.young, name)
	delete(m.old, name)
}
