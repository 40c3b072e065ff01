// This file holds two laptops in one room that talk to each other: what howls.

package audiotest

import (
	"math"
	"time"

	"stoa/audio"
)

// Laptops are two open laptops in one room and one call. Each plays what the other sends, and each
// microphone hears both loudspeakers. So what one sends comes back to it through the air, and round
// again.
type Laptops struct {
	Room    Room          // both stand in it; its Loss is that from a laptop to itself
	Apart   float64       // dB by which the other laptop is weaker than one's own
	Network time.Duration // from a microphone to the other's loudspeaker, beside the Room's Delay

	// Treat makes in near what is sent of what a microphone heard in a block, while its laptop
	// played far. nil sends what was heard.
	Treat [2]func(near, far []float32)
}

// Run lets a voice speak into both microphones, and returns what the two send, equally long.
func (l Laptops) Run(voice []float32) [2][]float32 {
	var air [2][2]*way // from, to
	for from := range air {
		for to := range air[from] {
			room := l.Room
			if from != to {
				room.Loss += l.Apart
				room.Noise = 0 // each microphone has only one
			}
			air[from][to] = room.begin(l.Room.Seed + uint64(2*from+to))
		}
	}
	var sent [2][]float32
	blocks := len(voice) / audio.BlockSize
	late := max(int(l.Network*audio.Rate/time.Second), audio.BlockSize)
	for i := range sent {
		sent[i] = make([]float32, late+blocks*audio.BlockSize) // silence is under way at first
	}
	var played [2][audio.BlockSize]float32
	var passed [audio.BlockSize]float32
	for block := range blocks {
		at := block * audio.BlockSize
		for i := range played {
			for k, v := range sent[1-i][at : at+audio.BlockSize] {
				played[i][k] = min(max(v, -1), 1)
			}
		}
		for to := range sent {
			near := sent[to][late+at:][:audio.BlockSize]
			copy(near, voice[at:])
			for from := range played {
				passed = played[from]
				air[from][to].pass(passed[:])
				for k, v := range passed {
					near[k] = min(max(near[k]+v, -1), 1)
				}
			}
			if l.Treat[to] != nil {
				l.Treat[to](near, played[to][:])
			}
		}
	}
	for i := range sent {
		sent[i] = sent[i][late:]
	}
	return sent
}

// Howls reports whether sent grows of itself: a second of it is as loud as -10 dB, or its last second
// is louder than -50 dB, though the voice, which ends with two seconds of silence at least, has ended.
func Howls(sent []float32) bool {
	for at := 0; at+audio.Rate <= len(sent); at += audio.Rate / 4 {
		if RMS(sent[at:at+audio.Rate]) > -10 {
			return true
		}
	}
	tail := sent[max(0, len(sent)-audio.Rate):]
	level := RMS(tail)
	return level > -50 || math.IsNaN(level)
}
