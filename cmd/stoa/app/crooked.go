//go:build !edited

// Whether this relay passes on what it was given, as it was given, when it was.

package app

// bend leaves what a relay sends as it is, in every program that is built for
// people. The tests build one with the tag "edited" that does not.
func bend(out fanout) fanout { return out }
