//go:build !cgo

package app

import "time"

// newTape refuses: the codec is C.
func newTape(string, time.Time, func() error) (tape, error) {
	return nil, &UserError{Code: "not_recorded", Text: "this stoa was built without sound: it cannot record", Hint: "use a stoa that was built with cgo"}
}
