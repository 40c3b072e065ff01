// Sound cards, as far as software can be one: a voice goes in at a microphone and comes out at
// somebody else's loudspeaker.

package process

import (
	"path/filepath"
	"testing"

	"stoa/cmd/stoa/process/hear"
)

// aside is what is recorded beyond what is said: the way from mouth to ear is never so long.
const aside = hear.Rate

// speak lets a microphone hear a voice, and returns what it and a loudspeaker had to do with it, side
// by side to the sample.
func (s *pipewire) speak(voice []float64, mic, speaker string) (spoken, heard []float64) {
	s.t.Helper()
	said := filepath.Join(s.dir, "said.wav")
	if err := hear.WriteWAV(said, append(voice[:len(voice):len(voice)], make([]float64, aside)...)); err != nil {
		s.t.Fatal(err)
	}
	both := filepath.Join(s.dir, "both.wav")
	tape := s.record(both, mic+":capture_MONO", speaker+":monitor_MONO")
	s.say("person", said, mic).wait()
	tape.end()
	channels, _, err := hear.ReadChannels(both)
	if err != nil {
		s.t.Fatal(err)
	}
	return channels[0], channels[1]
}

// The system's default microphone and loudspeaker, and a whole clip.
func TestSpeechThroughDevices(t *testing.T) {
	t.Parallel()
	s := newPipewire(t)
	s.mic("mic")
	s.speaker("speaker")
	w := newWorld(t)
	w.env = s.env()
	ann := w.run(honest, "ann", "open", "Stoa", "--in", "mic", "--out", "null")
	link := ann.wait("a link", kind("link")).Link
	bob := w.run(honest, "bob", "join", link, "--out", "speaker")
	bob.wait("sound", kind("sound"))
	clip := said(t, clip("a"))
	spoken, heard := s.speak(clip, "mic", "speaker")
	if v := hear.Compare(clip, spoken); v.Correlation < 0.98 {
		t.Fatalf("the microphone did not hear what was said: %v", v)
	}
	v := hear.Compare(clip, heard)
	t.Log(v)
	if v.Correlation <= 0.95 || v.Gap > 40 {
		t.Errorf("the loudspeaker did not play what was said: %v", v)
	}
}
