//go:build !race

// Tests of what a canceller says of itself. One goroutine does long sums in them, which the race
// detector makes ten times longer.

package echo_test

import (
	"testing"
	"time"

	"stoa/audio/audiotest"
	"stoa/audio/echo"
)

// Where the echo comes from another place every two seconds, as on a machine whose devices stall, much
// of it is left, and a canceller says so: otherwise nothing is turned down.
func TestSaysWhenEchoIsLeft(t *testing.T) {
	const steady, every, end = 12 * second, 2 * second, 24 * second
	far := audiotest.Voice(end, 11)
	talk := audiotest.Voice(steady/2, 12) // somebody near, in the middle of the steady time
	var rooms [3][]float32
	for i := range rooms {
		delay := time.Duration(40+30*i) * time.Millisecond
		rooms[i] = audiotest.Room{Seed: uint64(i + 1), Delay: delay, T60: 200 * time.Millisecond, Noise: -70}.Echo(far)
	}
	c := echo.New()
	near := make([]float32, block)
	left, settled := 0, 0
	for at := 0; at < end; at += block {
		room := 0
		if at >= steady {
			room = at / every % len(rooms)
		}
		copy(near, rooms[room][at:])
		if from := at - steady/3; from >= 0 && from < len(talk) {
			for i, v := range talk[from : from+block] {
				near[i] += v
			}
		}
		c.Cancel(near, far[at:at+block])
		if !c.Health().Left {
			continue
		}
		if at >= steady {
			left++
		} else if at >= steady/4 {
			settled++
		}
	}
	// Each change leaves echo for some 0.7 s.
	if seconds := float64(left*block) / second; seconds < 3 {
		t.Errorf("echo is said to be left for %.1f of 12 s", seconds)
	}
	if settled > 0 {
		t.Errorf("echo is said to be left for %d blocks in which it is not", settled)
	}
}
