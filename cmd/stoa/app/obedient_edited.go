//go:build edited

// An edited client for the tests: see obedient.go.

package app

const obedient = false
