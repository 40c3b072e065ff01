// The listener at the far end, as the tests use it: what goes wrong fails them.

package process

import (
	"context"
	"testing"
	"time"

	"stoa/cmd/stoa/process/hear"
)

// rate and window are those of everything compared here, in samples.
const (
	rate   = hear.Rate
	window = hear.Window
)

// The shares of the votes by which a clip counts as heard, and as not heard.
const (
	heardShare   = hear.HeardShare
	unheardShare = hear.UnheardShare
)

// ten are the names of ten people, and of what each of them says.
var ten = []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}

func readWAV(t testing.TB, path string) (samples []float64, fileRate int) {
	t.Helper()
	samples, fileRate, err := hear.ReadWAV(path)
	if err != nil {
		t.Fatal(err)
	}
	return samples, fileRate
}

func said(t testing.TB, path string) []float64 {
	t.Helper()
	x, err := hear.ReadClip(path)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func soughtClip(t testing.TB, path string) *hear.Sought {
	t.Helper()
	c, err := hear.Seek(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A tape is a recording that is being made.
type tape struct {
	t    testing.TB
	path string
}

// flushed is how far behind the sound what is on the disk may be.
const flushed = hear.Flushed

// now is how long the recording is. What is heard later is recorded later.
func (r tape) now() time.Duration {
	r.t.Helper()
	at, err := hear.Tape(r.path).Now()
	if err != nil {
		r.t.Fatal(err)
	}
	return at
}

// reach waits until the recording is so long, and returns how long it is then.
func (r tape) reach(at time.Duration) time.Duration {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), at-r.now()+patience)
	defer cancel()
	now, err := hear.Tape(r.path).Reach(ctx, at)
	if err != nil {
		r.t.Fatal(err)
	}
	return now
}

// hears waits until a clip is recognised in what is recorded from now on.
func (r tape) hears(who, letter string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	share, err := hear.Tape(r.path).Hears(ctx, soughtClip(r.t, clip(letter)))
	if err != nil {
		r.t.Fatalf("%s, clip %s: %v", who, letter, err)
	}
	r.t.Logf("%s hears clip %s: found in %.2f", who, letter, share)
}

// neverHeard fails the test when a clip is in a part of the recording.
func (r tape) neverHeard(what, letter string, from, to time.Duration) {
	r.t.Helper()
	share := hear.Listen(r.between(from, to)).Share(soughtClip(r.t, clip(letter)))
	r.t.Logf("%s: clip %s is found in %.2f", what, letter, share)
	if share > unheardShare {
		r.t.Errorf("%s: clip %s is heard (%.2f)", what, letter, share)
	}
}

// silent fails the test when there is anything to hear in a part of the
// recording.
func (r tape) silent(what string, from, to time.Duration) {
	r.t.Helper()
	part := r.between(from, to)
	if l := hear.Loudest(part); l > hear.Inaudible {
		r.t.Errorf("%s: something of level %.5f is heard, the last of it %v from the beginning", what, l, hear.LastSound(part))
	}
}

// between returns a part of the recording. No end means all the rest.
func (r tape) between(from, to time.Duration) []float64 {
	r.t.Helper()
	x, err := hear.Tape(r.path).Between(from, to)
	if err != nil {
		r.t.Fatal(err)
	}
	return x
}
