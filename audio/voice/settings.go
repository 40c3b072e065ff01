// This file holds the switches of a Chain.

package voice

// Settings say which stages of a Chain work. The limiter always does.
type Settings struct {
	HighPass bool `json:"highpass"` // takes out rumble below the voice
	Echo     bool `json:"echo"`     // takes out what the loudspeaker plays
	Noise    bool `json:"noise"`    // takes out what is not a voice
	Gain     bool `json:"gain"`     // brings a voice to the usual loudness

	// Music is for what is no voice. HighPass, Noise and Gain, which would take it for noise or
	// level it, then stay off; Echo does not, for it asks nothing of what is near.
	Music bool `json:"music"`
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

// Switch returns the switch of that name, as its JSON has it, or nil.
func (s *Settings) Switch(name string) *bool {
	switch name {
	case "highpass":
		return &s.HighPass
	case "echo":
		return &s.Echo
	case "noise":
		return &s.Noise
	case "gain":
		return &s.Gain
	case "music":
		return &s.Music
	}
	return nil
}
