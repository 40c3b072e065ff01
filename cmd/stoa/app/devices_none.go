//go:build !cgo

// A program without sound has no devices.

package app

import "context"

type devices struct{}

func (*devices) ends() (mic, speaker endSight) { return mic, speaker }

func doDevices(context.Context, string, []string, *devices) (Reply, error) {
	return Reply{}, &UserError{Code: "no_sound", Text: "this stoa was built without sound", Hint: "use one that was built with cgo"}
}
