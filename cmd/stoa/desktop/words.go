// What the desktop reads, in the languages of the page.

package desktop

import (
	"fmt"
	"strings"
)

// words are the sentences of one language.
type words struct {
	open, mute, unmute, leave, quit string // of the menu; unmute and leave name a room

	none, muted, waiting, live string // the microphone

	staged, stagedText string // the text names the room
	hand, handText     string // somebody, and the room
	hands, handsText   string // how many, and the room
	out, outText       string // the room, and why
	soon, soonText     string // the room
	asked, askedText   string // the room

	toggle, talk string // what the keys do
}

var english = words{
	open: "Open the page", mute: "Mute the microphone", unmute: "Unmute in %s", leave: "Leave %s", quit: "Quit stoa",
	none: "You are on no stage", muted: "Your microphone is muted", waiting: "You are heard while you hold the key", live: "Your microphone is live",
	staged: "You are on the stage", stagedText: "Others want to hear you in %s.",
	hand: "A hand is up", handText: "%s would like to speak in %s.",
	hands: "Hands are up", handsText: "%d people would like to speak in %s.",
	out: "You are out of a room", outText: "%s: %s",
	soon: "A room begins soon", soonText: "%s begins in a few minutes.",
	asked: "You are asked to be recorded", askedText: "Somebody wants to record %s. Nothing of you is kept unless you say yes.",
	toggle: "Mute or unmute the microphone", talk: "Talk while the key is held",
}

var spanish = words{
	open: "Abrir la página", mute: "Silenciar el micrófono", unmute: "Activar el micrófono en %s", leave: "Salir de %s", quit: "Cerrar stoa",
	none: "No estás en ningún escenario", muted: "Tu micrófono está silenciado", waiting: "Te oyen mientras mantienes la tecla", live: "Tu micrófono está activo",
	staged: "Estás en el escenario", stagedText: "Otras personas quieren oírte en %s.",
	hand: "Hay una mano levantada", handText: "%s quiere hablar en %s.",
	hands: "Hay manos levantadas", handsText: "%d personas quieren hablar en %s.",
	out: "Ya no estás en una sala", outText: "%s: %s",
	soon: "Una sala empieza pronto", soonText: "%s empieza en unos minutos.",
	asked: "Te piden permiso para grabarte", askedText: "Alguien quiere grabar %s. No se guarda nada tuyo si no dices que sí.",
	toggle: "Silenciar o activar el micrófono", talk: "Hablar mientras se mantiene la tecla",
}

var indonesian = words{
	open: "Buka halaman", mute: "Bisukan mikrofon", unmute: "Nyalakan mikrofon di %s", leave: "Keluar dari %s", quit: "Tutup stoa",
	none: "Anda tidak di panggung mana pun", muted: "Mikrofon Anda dibisukan", waiting: "Anda terdengar selama tombol ditahan", live: "Mikrofon Anda menyala",
	staged: "Anda di panggung", stagedText: "Orang lain ingin mendengar Anda di %s.",
	hand: "Ada tangan terangkat", handText: "%s ingin berbicara di %s.",
	hands: "Ada tangan terangkat", handsText: "%d orang ingin berbicara di %s.",
	out: "Anda di luar sebuah ruang", outText: "%s: %s",
	soon: "Sebuah ruang segera dimulai", soonText: "%s dimulai dalam beberapa menit.",
	asked: "Anda diminta untuk direkam", askedText: "Seseorang ingin merekam %s. Tidak ada yang disimpan dari Anda kecuali Anda setuju.",
	toggle: "Bisukan atau nyalakan mikrofon", talk: "Bicara selama tombol ditahan",
}

// wordsOf are those of the language that the environment names, see setlocale(3); English
// where it names none that is known here.
func wordsOf(getenv func(string) string) words {
	for _, variable := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		locale := getenv(variable)
		if locale == "" {
			continue
		}
		switch language, _, _ := strings.Cut(strings.ReplaceAll(locale, ".", "_"), "_"); language {
		case "id":
			return indonesian
		case "es":
			return spanish
		}
		return english
	}
	return english
}

// mic says how the microphone is.
func (w words) mic(m mic) string {
	return [...]string{micNone: w.none, micMuted: w.muted, micWaiting: w.waiting, micLive: w.live}[m]
}

// handsUp says whose hands are up in a room.
func (w words) handsUp(hands []Hand, title string) (summary, body string) {
	if len(hands) == 1 {
		return w.hand, fmt.Sprintf(w.handText, hands[0].Name, title)
	}
	return w.hands, fmt.Sprintf(w.handsText, len(hands), title)
}
