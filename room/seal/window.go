// The replay window: which packets of a stream have been let through.

package seal

// windowSize is how far behind the newest packet another may come and still be
// played: 128 frames, 2.56 s, which is longer than any jitter buffer waits.
const windowSize = 128

// window remembers which of the newest [windowSize] indices were seen, as RFC
// 6479 does, in two words: bit n of the pair is the index newest-n. The zero
// window has seen nothing.
type window struct {
	newest  uint32
	started bool
	seen    [2]uint64
}

// fresh reports whether index is neither seen nor too old to tell.
func (w *window) fresh(index uint32) bool {
	if !w.started || index > w.newest {
		return true
	}
	age := w.newest - index
	return age < windowSize && w.seen[age/64]&(1<<(age%64)) == 0
}

// mark notes that index was seen. The caller has asked fresh, and has
// authenticated the packet since: whoever could mark could silence a speaker.
func (w *window) mark(index uint32) {
	if !w.started || index > w.newest {
		w.advance(index)
	}
	age := w.newest - index
	w.seen[age/64] |= 1 << (age % 64)
}

// advance makes index the newest, shifting what was seen by the difference.
func (w *window) advance(index uint32) {
	by := index - w.newest
	if !w.started || by >= windowSize {
		*w = window{newest: index, started: true}
		return
	}
	w.newest = index
	if by >= 64 {
		w.seen[0], w.seen[1] = 0, w.seen[0]
		by -= 64
	}
	// A Go shift by 64 gives 0, so by == 0 carries nothing over.
	w.seen[1] = w.seen[1]<<by | w.seen[0]>>(64-by)
	w.seen[0] <<= by
}
