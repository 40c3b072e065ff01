//go:build cgo

package app

import (
	"time"

	"stoa/audio/file"
)

// newTape begins a recording in a folder. check is asked every second whether it may
// go on.
func newTape(dir string, begin time.Time, check func() error) (tape, error) {
	t, err := file.NewTape(dir, begin)
	if err != nil {
		return nil, err
	}
	t.Check = check
	return t, nil
}
