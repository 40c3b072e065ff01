//go:build sound

// The same for half an hour, with every difference that sound cards have, and with a microphone
// that is open all the time, so that there is no pause to catch up in.

package file

import (
	"testing"
	"time"

	"stoa/audio/opus"
)

func TestTableClocksApart(t *testing.T) {
	for name, enc := range map[string]func() (*opus.Encoder, error){"with pauses": opus.NewEncoder, "without": opus.NewRecorder} {
		e := encode(t, conversation(t), enc)
		for _, ppm := range []float64{-500, -200, -50, 50, 200, 500} {
			t.Log(name)
			checkDrift(t, ppm, drift(t, e, ppm, 30*time.Minute))
		}
	}
}
