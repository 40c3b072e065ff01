package room_test

import (
	"testing"
	"time"
)

// TestStandingUp is somebody seated who becomes a member without asking to speak.
func TestStandingUp(t *testing.T) {
	crowded(t, calm, func(p *porch) {
		carl := p.listens("carl", p.rita)
		time.Sleep(time.Second)
		p.must(carl.StandUp(ctx))
		time.Sleep(time.Second)
		if s := carl.Snapshot(); !s.Live || s.Seated || len(s.Hands) != 0 {
			t.Errorf("live %t, seated %t, hands %v", s.Live, s.Seated, s.Hands)
		}
		s := p.anna.Snapshot()
		if _, in := s.State.Members[carl.key.ID()]; !in {
			t.Error("the owner knows no such member")
		}
		p.must(carl.StandUp(ctx)) // again, which changes nothing
		if again := p.anna.Snapshot().Ops; again != s.Ops {
			t.Errorf("standing up twice took %d operations more", again-s.Ops)
		}
	})
}
