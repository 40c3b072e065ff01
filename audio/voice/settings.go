// This file holds the switches of a Chain.

package voice

// Settings say which stages of a Chain work. The limiter always does.
type Settings struct {
	HighPass bool // takes out rumble below the voice
	Echo     bool // takes out what the loudspeaker plays
	Noise    bool // takes out what is not a voice
	Gain     bool // brings a voice to the usual loudness

	// Music is for what is no voice. HighPass, Noise and Gain, which would take it for noise or
	// level it, then stay off; Echo does not, for it asks nothing of what is near.
	Music bool
}

// Everything is what a microphone is treated with unless somebody says otherwise.
var Everything = Settings{HighPass: true, Echo: true, Noise: true, Gain: true}

// Effective returns the settings with what Music switches off switched off.
func (s Settings) Effective() Settings {
	if s.Music {
		s.HighPass, s.Noise, s.Gain = false, false, false
	}
	return s
}
