// This file decides how loud the loudspeaker may be while somebody speaks whose microphone hears it.

package voice

import "stoa/audio"

const (
	// duckGain is what is left of what is played: -15 dB. It is then no longer heard beside a voice,
	// and a person still notices that somebody else wants to speak.
	duckGain = 0.1778

	duckAfter = 3   // blocks of voice in a row before it goes down: a cough is none
	duckHold  = 40  // blocks without a voice before it comes back: the gap between two words
	duckDown  = 5   // blocks that the way down takes
	duckUp    = 30  // and the way up
	duckEcho  = 300 // blocks for which echo, once left, is taken to be: the canceller sees it only in pauses

	// duckHint is for how many blocks echo was left, less those in which it was not, before it is
	// worth saying that headphones would help: half a minute.
	duckHint = 3000
)

// A Duck turns the loudspeaker down while somebody near speaks and echo is left that cannot be taken
// out, so that others do not hear themselves. It is a pure machine: one call a block.
type Duck struct {
	gain  float32 // what is missing to 1; so that the zero value is at full loudness
	echo  int     // blocks for which echo is still taken to be left
	voice int     // blocks of voice in a row
	hold  int     // blocks for which it stays down
	bad   int     // see duckHint
	told  bool
}

// Next returns how loud the loudspeaker may be by the end of the block in which heard was found, from
// duckGain to 1. sent says whether others hear the microphone. headphones is true once, when echo has
// been left for so long that headphones are the better answer.
func (d *Duck) Next(heard audio.Heard, sent bool) (gain float32, headphones bool) {
	d.echo = max(d.echo-1, 0)
	d.bad = max(d.bad-1, 0)
	if heard.Echo {
		d.echo = duckEcho
		d.bad = min(d.bad+2, duckHint)
	}
	if d.voice++; !heard.Voice {
		d.voice = 0
	}
	d.hold = max(d.hold-1, 0)
	if d.echo > 0 && sent && d.voice >= duckAfter {
		d.hold = duckHold
	}
	if d.hold > 0 && sent {
		d.gain = min(d.gain+(1-duckGain)/duckDown, 1-duckGain)
	} else {
		d.gain = max(d.gain-(1-duckGain)/duckUp, 0)
	}
	if d.bad == duckHint && sent && !d.told {
		d.told, headphones = true, true
	}
	return 1 - d.gain, headphones
}
