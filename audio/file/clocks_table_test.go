//go:build sound

// The same for half an hour, with every difference that sound cards have, and with a microphone
// that is open all the time, so that there is no pause to catch up in.

package file

import (
	"testing"
	"time"

	"stoa/audio"
	"stoa/audio/opus"
)

func TestTableClocksApart(t *testing.T) {
	speech := conversation(t)
	for _, spoken := range []struct {
		how string
		pcm []float32
		enc func() (*opus.Encoder, error)
	}{
		{"with pauses", speech, opus.NewEncoder},
		{"an open microphone", speech, opus.NewRecorder},
		{"without a breath", withoutBreath(speech), opus.NewRecorder},
	} {
		e := encode(t, spoken.pcm, spoken.enc)
		for _, ppm := range []float64{-500, -200, -50, 50, 200, 500} {
			t.Log(spoken.how)
			checkDrift(t, ppm, drift(t, e, ppm, 30*time.Minute, nil))
		}
	}
}

// withoutBreath leaves out every frame in which nobody speaks, so that all time must be scaled within a
// voice.
func withoutBreath(pcm []float32) (voice []float32) {
	for at := 0; at+audio.FrameSize <= len(pcm); at += audio.FrameSize {
		if frame := pcm[at : at+audio.FrameSize]; audio.Level(frame) < 40 {
			voice = append(voice, frame...)
		}
	}
	return voice
}
