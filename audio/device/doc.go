// Package device is the sound card: a microphone and a loudspeaker behind audio.Input and
// audio.Output, through miniaudio (PulseAudio, PipeWire's PulseAudio, ALSA, CoreAudio, WASAPI and
// others).
//
// Both open the system's default device at 48 kHz mono with periods of 10 ms; miniaudio converts.
//
//	sound thread:  period of samples ─► gate ─► Ring.Write or Ring.Pull      nothing else
//	Run:           watch the periods ─► lost ─► shut the gate ─► leave the device to a goroutine
//	                     ▲                                        of its own, which may hang
//	                     └── open the gate ◄── a new device ◄── try again, 0.25 to 5 s apart
//
// A device is lost when 0.5 s pass without a period. That is the only sign of it: a sound server may
// stop calling when a headset is unplugged, without an error, and may then never return from the
// call that closes the device. So nothing here waits for the sound system; what hangs is left behind
// with a shut gate, behind which it cannot touch the ring. Meanwhile Run stands in with silence, so
// that time goes on for the rest.
package device
