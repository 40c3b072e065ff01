// One stream by one path: what is a replay, and what its speaker alone can have done.

package relay

import (
	"testing"

	"stoa/identity"
	"stoa/room/seal"
)

// TestWindow: windowFrames is what a relay's Verifier passes on.
func TestWindow(t *testing.T) {
	s := seal.NewSealer(identity.RoomID{1}, testKey, [8]byte{1})
	e := seal.NewEpoch([32]byte{1})
	if err := s.SetEpoch(e); err != nil {
		t.Fatal(err)
	}
	v := seal.NewVerifier(identity.RoomID{1})
	v.SetSpeakers([]seal.Stream{s.Stream()}, []identity.Hash{e.Commit})
	const newest = 1000
	var packets [][]byte
	for _, index := range []uint32{newest - windowFrames, newest - windowFrames + 1, newest} {
		packet, err := s.SealSigned(nil, seal.Frame{Index: index, Since: 1, Payload: []byte("frame")})
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, packet)
	}
	for _, tt := range []struct {
		packet int
		want   error
	}{{2, nil}, {0, seal.ErrReplay}, {1, nil}} {
		if _, _, err := v.Check(packets[tt.packet]); err != tt.want {
			t.Errorf("packet %d: %v, want %v", tt.packet, err, tt.want)
		}
	}
}

// TestKept: a speaker who sends late what nobody has seen, to one relay before the other, puts neither in the wrong, and a replay is still one.
func TestKept(t *testing.T) {
	const newest = 1000
	at := moment(newest * frameTime)
	tests := []struct {
		name  string
		age   uint32
		known bool
		after moment // until the same comes again; zero when it does not
		want  arrived
	}{
		{"kept", windowFrames - 1, false, 0, first},
		{"kept, and by the other path before", windowFrames - 1, true, 0, first},
		{"kept, and its first copy lost", staleFrames - 1, true, 0, first},
		{"older than a relay passes on", staleFrames, true, 0, replay},
		{"forgotten", trackFrames, true, 0, replay},
		{"the repeat of what was kept", windowFrames - 1, true, 2 * frameTime, again},
		{"its replay", windowFrames - 1, true, (repeatFrames + 1) * frameTime, replay},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var track track
			track.note(newest, false, false, at)
			got := track.note(newest-tt.age, false, tt.known, at)
			if tt.after > 0 {
				got = track.note(newest-tt.age, false, true, at+tt.after)
			}
			if got != tt.want {
				t.Errorf("%d", got)
			}
		})
	}
	t.Run("the same path twice", func(t *testing.T) {
		var track track
		for index := uint32(0); index <= newest; index += 2 {
			track.note(index, false, false, moment(index)*frameTime)
		}
		if got := track.note(newest-repeatFrames-2, false, true, at); got != replay {
			t.Errorf("%d", got)
		}
	})
}
