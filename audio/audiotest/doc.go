// Package audiotest stands in for everything round package audio, so that whole programs can be
// tested by listening: a codec in pure Go, a microphone and a loudspeaker that keep real time (also
// the time of a testing/synctest bubble), tones and their detection, and a network path with delay,
// jitter, loss and repetition.
//
// For what is done with a voice it has rooms with an echo (Room), two laptops that hear each other
// (Laptops), noises (Babble, Fan, Keys), and the measures: how well speech is understood (STOI), how
// much echo is left (ERLE) and how much noise (Clean).
//
// Whatever is random has a seed that makes every run the same.
package audiotest
