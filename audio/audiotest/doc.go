// Package audiotest stands in for everything round package audio, so that whole programs can be
// tested by listening: a codec in pure Go, a microphone and a loudspeaker that keep real time (also
// the time of a testing/synctest bubble), tones and their detection, and a network path with delay,
// jitter, loss and repetition whose seed makes every run the same.
package audiotest
