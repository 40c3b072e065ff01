//go:build !cgo

// A program without sound has no devices.

package app

import "context"

type devices struct{}

func doDevices(context.Context, string, []string, *devices) (Reply, error) {
	return Reply{}, &UserError{Text: "this stoa was built without sound", Hint: "use one that was built with cgo"}
}
