// Tests of holding a key.

package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"stoa/cmd/stoa/app"
)

// push runs `stoa push` for a while, and returns what the node was asked when.
func push(t *testing.T, length time.Duration, answer func(n int) error) (status int, asked [][]string, at []time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		do := func(ctx context.Context, _ string, req app.Request, _ func() (string, error)) (app.Reply, error) {
			if err := ctx.Err(); err != nil {
				return app.Reply{}, err
			}
			asked, at = append(asked, slices.Clone(req.Args)), append(at, time.Since(begin))
			return app.Reply{Lines: []string{"you are heard"}}, answer(len(asked))
		}
		ctx, cancel := context.WithTimeout(t.Context(), length)
		defer cancel()
		var out bytes.Buffer
		c := &cli{stdout: &out, stderr: &out, started: begin, app: backend{do: do}}
		status = c.run(ctx, []string{"push", "--home", "/h"})
	})
	return status, asked, at
}

func TestPushHoldsAndLetsGo(t *testing.T) {
	status, asked, at := push(t, time.Second, func(int) error { return nil })
	if status != 0 || len(asked) != 5 {
		t.Fatalf("status %d, asked %q", status, asked)
	}
	who := asked[0][1]
	for i, a := range asked {
		want, when := []string{"hold", who}, time.Duration(i)*pushAgain
		if i == 4 {
			want, when = []string{"end", who}, time.Second
		}
		if !slices.Equal(a, want) || at[i] != when {
			t.Errorf("asked %q after %v, want %q after %v", a, at[i], want, when)
		}
	}
	if _, other, _ := push(t, time.Second, func(int) error { return nil }); other[0][1] == who {
		t.Error("two keys have the same name")
	}
}

func TestPushEndsWithTheNode(t *testing.T) {
	for _, n := range []int{1, 3} {
		status, asked, _ := push(t, time.Minute, func(i int) error {
			if i == n {
				return errors.New("gone")
			}
			return nil
		})
		if status != 1 || len(asked) != n {
			t.Errorf("status %d, asked %q", status, asked)
		}
	}
}

func TestHearYourself(t *testing.T) {
	f := &fake{reply: app.Reply{Lines: []string{"you are heard well"}, Data: map[string]int{"n": 1}}}
	got := f.run(t.Context(), "sound", "test", "--home", "/h", "--in", "x.wav", "--out", "null")
	if (got != result{0, "speak\nyou are heard well\n", ""}) || f.cfg.Home != "/h" || f.cfg.In != "x.wav" || f.cfg.Out != "null" {
		t.Errorf("got %+v with %+v", got, f.cfg)
	}
	if got := f.run(t.Context(), "sound", "test", "--json"); got.out != "{\"n\":1}\n" {
		t.Errorf("--json printed %q", got.out)
	}
}
