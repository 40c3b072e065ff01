// How often somebody may do something: token buckets, without a clock.

package room

import (
	"time"

	"stoa/identity"
)

// bucket lets burst events through at once and one more every so often.
type bucket struct {
	burst int
	every time.Duration
	full  time.Time // when it will be full again if nobody takes from it
}

// take uses up one event, if there is one.
func (b *bucket) take(now time.Time) bool {
	if b.full.Before(now) {
		b.full = now
	}
	if b.full.Add(b.every).Sub(now) > time.Duration(b.burst)*b.every {
		return false
	}
	b.full = b.full.Add(b.every)
	return true
}

// buckets is a bucket for each person.
type buckets struct {
	burst int
	every time.Duration
	of    map[identity.ID]*bucket
}

// maxBuckets bounds the people who are counted at a time. Beyond it, full
// buckets are forgotten; when there is none, everybody new has to wait.
const maxBuckets = 4096

// take uses up one of a person's events.
func (s *buckets) take(who identity.ID, now time.Time) bool {
	b := s.of[who]
	if b == nil {
		if len(s.of) >= maxBuckets {
			s.forget(now)
		}
		if len(s.of) >= maxBuckets {
			return false
		}
		if s.of == nil {
			s.of = make(map[identity.ID]*bucket)
		}
		b = &bucket{burst: s.burst, every: s.every}
		s.of[who] = b
	}
	return b.take(now)
}

// forget drops the buckets that are full, which are as good as none.
func (s *buckets) forget(now time.Time) {
	for who, b := range s.of {
		if !b.full.After(now) {
			delete(s.of, who)
		}
	}
}
