// Who is sent media, and who is not any more.

package node_test

import (
	"testing"
	"testing/synctest"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/node/nodetest"
)

// A listener that vanishes without a word, its power cut, gets voice for 3 s more and then
// nothing, although its QUIC connection lives on for 30 s.
func TestVanishedListenerGetsNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, h := nodetest.Hosts(t, oneWay, 2)
		relay, child := h[0], h[1]
		rl, err := relay.Room.Serve(node.ServeConfig{Slots: 1, Admit: func(identity.ID, []byte) node.Admission { return node.Yes }})
		if err != nil {
			t.Fatal(err)
		}
		defer rl.Close()
		child.Room.Meet(relay.ID, relay.Addrs())
		a, err := child.Room.Attach(t.Context(), node.AttachConfig{Relay: relay.ID, Media: true})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		const at = "1.0.0.2:8000"
		speak := func(last time.Duration) (sent int) {
			before := w.RAW(at)
			for i := range uint32(last / (40 * time.Millisecond)) {
				rl.Forward(make([]byte, 200), node.Voice{KID: 1, Index: 2 * i, Frames: 2})
				time.Sleep(40 * time.Millisecond)
			}
			return w.RAW(at) - before
		}
		speak(2 * time.Second)
		if sent, carrier := speak(2*time.Second), a.Info().Carrier; sent < 50 || carrier != node.Raw {
			t.Fatalf("%d packets in 2 s by %s", sent, carrier)
		}
		w.Block(nodetest.Around(at))
		if sent := speak(3500 * time.Millisecond); sent > 90 {
			t.Errorf("%d packets in the first 3.5 s", sent)
		}
		if sent := speak(10 * time.Second); sent != 0 {
			t.Errorf("%d packets to an address that has been silent for 3.5 s", sent)
		}
		if rl.Forwarded().Stale == 0 {
			t.Error("not counted")
		}
	})
}
