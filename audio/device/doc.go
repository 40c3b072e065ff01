// Package device is the sound card: a microphone and a loudspeaker behind audio.Input and
// audio.Output, through miniaudio (PulseAudio, PipeWire's PulseAudio, ALSA, CoreAudio, WASAPI and
// others).
//
// Each is opened at 48 kHz mono with periods of 10 ms; miniaudio converts from what the card has.
//
//	sound thread:  period of samples ─► gate ─► Ring.Write or Ring.Pull      nothing else
//	Run:           which device is meant, does it call, is there a better one ─► gate of one or another
//	others:        list, open, close: each on a goroutine that may hang
//
// The system's default is opened as such, so that a sound system that moves streams to another device
// does so without a gap. A device that somebody chose is opened by its ID; while it is not there the
// default takes its place, and when it comes back it is used again. The list of devices is looked at
// once a second, which costs half a millisecond: miniaudio has no other way to hear of a change.
//
// A device is lost when 0.5 s pass without a period. That is the only sign of it: a sound server may
// stop calling when a headset is unplugged, without an error, and may then never return from the
// call that closes the device. So nothing here waits for the sound system; what hangs is left behind
// with a shut gate, behind which it cannot touch the ring. Meanwhile Run stands in with silence, so
// that time goes on for the rest.
package device
