// Changes of addresses and routes where the system does not tell of them.

//go:build !linux

package node

import (
	"context"
	"time"
)

// Watch polls.
func (s system) Watch(ctx context.Context, changed func()) { poll(ctx, s, changed) }

// Suspended compares the time of day with a clock that stands still in sleep. To set the
// clock forward looks the same, and costs a moment of sound.
func (s system) Suspended() time.Duration {
	now := time.Now()
	return now.Round(0).Sub(s.born.Round(0)) - now.Sub(s.born)
}
