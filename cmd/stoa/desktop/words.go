// What the desktop reads. Each language is one file in the folder words, as each of the
// page is one of its own.

package desktop

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
)

// words are the sentences of one language. %s and %d stand for what is named beside them.
type words struct {
	Open, Mute, Unmute, Leave, Quit string // of the menu; unmute and leave name a room

	None, Muted, Waiting, Live string // the microphone

	Staged, StagedText string // the room
	Hand, HandText     string // somebody, and the room
	Hands, HandsText   string // how many, and the room
	Out, OutText       string // the room, and why
	Soon, SoonText     string // the room
	Asked, AskedText   string // the room

	Toggle, Talk string // what the keys do
}

//go:embed words/*.json
var languages embed.FS

// wordsIn returns the words of a language by its code of ISO 639-1, where there are any.
func wordsIn(language string) (w words, known bool) {
	data, err := languages.ReadFile("words/" + language + ".json")
	return w, err == nil && json.Unmarshal(data, &w) == nil
}

// wordsOf are those of the language that the environment names, see setlocale(3); English
// where it names none that is known here.
func wordsOf(getenv func(string) string) words {
	for _, variable := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		locale := getenv(variable)
		if locale == "" {
			continue
		}
		language, _, _ := strings.Cut(strings.ReplaceAll(locale, ".", "_"), "_")
		if w, known := wordsIn(language); known {
			return w
		}
		break
	}
	w, _ := wordsIn("en")
	return w
}

// mic says how the microphone is.
func (w words) mic(m mic) string {
	return [...]string{micNone: w.None, micMuted: w.Muted, micWaiting: w.Waiting, micLive: w.Live}[m]
}

// handsUp says whose hands are up in a room.
func (w words) handsUp(hands []Hand, title string) (summary, body string) {
	if len(hands) == 1 {
		return w.Hand, fmt.Sprintf(w.HandText, hands[0].Name, title)
	}
	return w.Hands, fmt.Sprintf(w.HandsText, len(hands), title)
}
