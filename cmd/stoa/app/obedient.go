//go:build !edited

// Whether this client keeps to what the room has decided about itself.

package app

// obedient is true in every client that is built for people. The tests build
// one with the tag "edited" that goes on sending whatever it was told, because
// what protects a room must be what the others do.
const obedient = true
