// Package echo takes out of what a microphone hears what the loudspeaker plays, in pure Go.
//
//	far ─► history of spectra ─► delay (blocks of 10 ms at which the echo begins)
//	              │                 │
//	              └────► model ◄────┘   what the echo should be; near minus that is the error
//	                       │
//	near ──────────► residual ─► near without echo, Delay later
//
// The model is linear, and adapts whether somebody near speaks or not: a Kalman filter weighs each
// frequency by how much of the error it takes for echo. It also measures how much of its estimate
// is in the microphone, so that a room, a volume or a delay that has changed is seen within a few
// blocks, and by how much the estimate comes late, which is the difference between two clocks.
//
// What a loudspeaker bends and what the model has not learnt yet is left in the error. The residual
// stage knows about how much that is, at each frequency, and turns that frequency down: much while
// nobody near speaks, and only below the voice while somebody does. Noise like that of the room
// takes its place, so that no gap is heard.
//
// Without an echo, with headphones, the microphone passes unchanged but for the delay.
//
// Spectra are of 20 ms every 10 ms, so bins are 50 Hz apart, from 0 to 24 kHz.
package echo
