// Poke: one goroutine tells another that there is something to look at.

package node

// poke wakes whoever waits for a channel of one slot, now or when it next looks. It never
// blocks.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
