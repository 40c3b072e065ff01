package pause

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestFor(t *testing.T) {
	for name, tt := range map[string]struct {
		wait, end, want time.Duration
		err             error
	}{
		"to its end":          {time.Second, time.Hour, time.Second, nil},
		"the context ends":    {time.Hour, time.Second, time.Second, context.DeadlineExceeded},
		"no time at all":      {0, time.Hour, 0, nil},
		"a time that is past": {-time.Second, time.Hour, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.end)
				defer cancel()
				began := time.Now()
				if err := For(ctx, tt.wait); !errors.Is(err, tt.err) || time.Since(began) != tt.want {
					t.Errorf("%v after %v, want %v after %v", err, time.Since(began), tt.err, tt.want)
				}
			})
		})
	}
}
