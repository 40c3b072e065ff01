// Package pause waits, and no longer than whoever waits is wanted.
package pause

import (
	"context"
	"time"
)

// For waits for d. It returns earlier, with its error, when ctx ends.
func For(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
