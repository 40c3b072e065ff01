// Flag: one goroutine tells another that there is something to look at.

package app

// A flag holds a value when something has happened that somebody should look at.
type flag chan struct{}

func newFlag() flag { return make(flag, 1) }

// set never blocks.
func (f flag) set() {
	select {
	case f <- struct{}{}:
	default:
	}
}
