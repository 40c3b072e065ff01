package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoa/cmd/stoa/pause"
	"stoa/identity"
	"stoa/node"
	"stoa/room"
)

// village is a crowd whose people answer as told, by address. Some addresses
// are known beforehand, others are found after a while.
type village struct {
	people map[string]resident
	found  []string
	every  time.Duration // between two finds
	ends   bool          // the search ends when all are found, else with its context

	mu     sync.Mutex
	asked  map[string][]time.Duration // when, since the start
	start  time.Time
	now    int
	atOnce int
}

type resident struct {
	after time.Duration
	err   error
	then  error // instead of err from the second question on
	again bool  // then counts
}

var _ crowd = (*village)(nil)

func (v *village) Find(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, a := range v.found {
			if pause.For(ctx, v.every) != nil || !yield(a) {
				return
			}
		}
		if !v.ends {
			<-ctx.Done()
		}
	}
}

func (v *village) AskPeer(ctx context.Context, addr string, _ []byte) (identity.ID, []byte, error) {
	v.mu.Lock()
	r := v.people[addr]
	if r.again && len(v.asked[addr]) > 0 {
		r.err = r.then
	}
	v.asked[addr] = append(v.asked[addr], time.Since(v.start))
	v.now++
	v.atOnce = max(v.atOnce, v.now)
	v.mu.Unlock()
	defer func() {
		v.mu.Lock()
		v.now--
		v.mu.Unlock()
	}()
	if pause.For(ctx, r.after) != nil {
		return identity.ID{}, nil, ctx.Err()
	}
	return idOf(addr), []byte(addr), r.err
}

func TestAskAnybody(t *testing.T) {
	const never = time.Hour
	ok := func(after time.Duration) resident { return resident{after: after} }
	no := func(after time.Duration, err error) resident { return resident{after: after, err: err} }
	for name, c := range map[string]struct {
		v     *village
		addrs []string
		want  string // who answered
		err   error
		took  time.Duration
	}{
		"the first answers":               {v: &village{people: map[string]resident{"a": ok(time.Millisecond), "b": ok(0)}}, addrs: []string{"a", "b"}, want: "a", took: time.Millisecond},
		"the slow is not waited for":      {v: &village{people: map[string]resident{"a": ok(never), "b": ok(0)}}, addrs: []string{"a", "b"}, want: "b", took: headStart},
		"a failure costs no time":         {v: &village{people: map[string]resident{"a": no(time.Millisecond, node.ErrUnreachable), "b": ok(0)}}, addrs: []string{"a", "b"}, want: "b", took: time.Millisecond},
		"found, without a hint":           {v: &village{people: map[string]resident{"a": ok(0)}, found: []string{"a"}, every: 3 * time.Second}, want: "a", took: 3 * time.Second},
		"one refuses, another lets in":    {v: &village{people: map[string]resident{"a": no(0, room.ErrNotMember), "b": ok(time.Second)}}, addrs: []string{"a", "b"}, want: "b", took: time.Second},
		"one refuses, the other is slow":  {v: &village{people: map[string]resident{"a": no(0, room.ErrBanned), "b": ok(never)}}, addrs: []string{"a", "b"}, err: room.ErrBanned, took: secondOpinion},
		"the first refusal counts":        {v: &village{people: map[string]resident{"a": no(0, room.ErrBanned), "b": no(0, room.ErrLocked)}}, addrs: []string{"a", "b"}, err: room.ErrBanned, took: secondOpinion},
		"all there are refuse":            {v: &village{people: map[string]resident{"a": no(0, room.ErrLocked)}, ends: true}, addrs: []string{"a"}, err: room.ErrLocked},
		"nobody":                          {v: &village{}, err: node.ErrUnreachable, took: searchTime},
		"nobody, and no more to be found": {v: &village{ends: true}, err: node.ErrUnreachable},
		"nobody answers":                  {v: &village{people: map[string]resident{"a": ok(never)}}, addrs: []string{"a"}, err: node.ErrUnreachable, took: searchTime},
		"another room":                    {v: &village{people: map[string]resident{"a": no(0, node.ErrRefused)}, ends: true}, addrs: []string{"a"}, err: errElsewhere},
		"busy at first":                   {v: &village{people: map[string]resident{"a": {err: room.ErrBusy, again: true}}}, addrs: []string{"a"}, want: "a", took: busyPause},
		"its node is busy at first":       {v: &village{people: map[string]resident{"a": {err: node.ErrBusy, again: true}}}, addrs: []string{"a"}, want: "a", took: busyPause},
		"busy for ever":                   {v: &village{people: map[string]resident{"a": no(0, room.ErrBusy)}}, addrs: []string{"a"}, err: room.ErrBusy, took: searchTime},
		"busy, then refused":              {v: &village{people: map[string]resident{"a": {err: room.ErrBusy, again: true, then: room.ErrLocked}}}, addrs: []string{"a"}, err: room.ErrLocked, took: busyPause + secondOpinion},
		"a liar is passed over":           {v: &village{people: map[string]resident{"a": no(0, errors.New("garbage")), "b": ok(0)}}, addrs: []string{"a", "b"}, want: "b"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := c.v
				v.asked, v.start = map[string][]time.Duration{}, time.Now()
				got, err := askAnybody(t.Context(), v, c.addrs, simply)
				if got != c.want || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
					t.Errorf("got %q, %v; want %q, %v", got, err, c.want, c.err)
				}
				if took := time.Since(v.start); took != c.took {
					t.Errorf("took %v, want %v", took, c.took)
				}
				if v.now != 0 {
					t.Errorf("%d are still being asked", v.now)
				}
			})
		})
	}
}

// simply is the simplest of questions.
func simply(ctx context.Context, to asker) (string, error) {
	b, err := to(ctx, nil)
	return string(b), err
}

// A crowd of strangers who never answer is asked a few at a time, each once,
// though the search finds them again and again.
func TestAskAnybodyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &village{people: map[string]resident{}, every: time.Millisecond, asked: map[string][]time.Duration{}, start: time.Now()}
		for range 3 {
			for i := range 200 {
				a := fmt.Sprint(i)
				v.people[a] = resident{after: 5 * time.Second, err: node.ErrUnreachable}
				v.found = append(v.found, a)
			}
		}
		if _, err := askAnybody(t.Context(), v, nil, simply); !errors.Is(err, node.ErrUnreachable) {
			t.Error(err)
		}
		if v.atOnce != maxAsked {
			t.Errorf("%d were asked at once, want %d", v.atOnce, maxAsked)
		}
		for a, times := range v.asked {
			if len(times) != 1 {
				t.Errorf("%s was asked %d times", a, len(times))
			}
		}
	})
}

func TestAskAnybodyEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &village{people: map[string]resident{"a": {after: time.Hour}, "b": {err: room.ErrLocked}}, asked: map[string][]time.Duration{}, start: time.Now()}
		for want, ctx := range map[error]func() (context.Context, context.CancelFunc){
			context.DeadlineExceeded: func() (context.Context, context.CancelFunc) { return context.WithTimeout(t.Context(), time.Second) },
			context.Canceled: func() (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				return ctx, cancel
			},
		} {
			ctx, cancel := ctx()
			start := time.Now()
			if _, err := askAnybody(ctx, v, []string{"a", "b"}, simply); err != want {
				t.Errorf("got %v, want %v", err, want)
			}
			if took := time.Since(start); took != time.Second {
				t.Errorf("took %v", took)
			}
			cancel()
		}
	})
}
