// Package opus is the Opus codec (RFC 6716) behind audio.Encoder and audio.Decoder, through libopus.
//
// A voice is 48 kHz mono in 20 ms packets at 32 kbit/s, variable, with in-band forward error
// correction and discontinuous transmission. One coded frame is one packet is one audio frame; a
// payload of another length is refused before the decoder's state is touched.
//
// An encoded sample comes out of the decoder 312 samples (6.5 ms) after it went in; see PreSkip.
//
// The package needs cgo and libopus 1.3 or later, and is built with the tag nolibopusfile, which
// leaves out a second C library that it has no use for.
package opus
