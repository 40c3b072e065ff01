// A batch that is sent packet by packet: where the system has no call for many, and on
// sockets that are not the system's.

package node

// batchPackets is how many packets go out with one system call. Larger ones gain nothing
// that can be measured, and QUIC waits for the socket meanwhile.
const batchPackets = 64

type slowBatch struct {
	items []slowItem
	buf   [maxMedia]byte
}

type slowItem struct {
	to         *target
	head, body []byte
}

func (b *slowBatch) add(t *target, head, body []byte) (full bool) {
	b.items = append(b.items, slowItem{t, head, body})
	return len(b.items) == batchPackets
}

func (b *slowBatch) flush(s *socket) (sent int) {
	for _, it := range b.items {
		n := copy(b.buf[:], it.head)
		n += copy(b.buf[n:], it.body)
		if s.write(b.buf[:n], it.to) == nil {
			sent++
		}
	}
	clear(b.items)
	b.items = b.items[:0]
	return sent
}
