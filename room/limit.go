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
func (b *bucket) take(now time.Time) bool { return b.takeMany(1, now) }

// takeMany uses up n events at once, or none if there are not that many.
func (b *bucket) takeMany(n int, now time.Time) bool {
	if !b.holds(n, now) {
		return false
	}
	if b.full.Before(now) {
		b.full = now
	}
	b.full = b.full.Add(time.Duration(n) * b.every)
	return true
}

// holds tells whether n events are left.
func (b *bucket) holds(n int, now time.Time) bool {
	spent := max(0, b.full.Sub(now))
	return spent+time.Duration(n)*b.every <= time.Duration(b.burst)*b.every
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
	b := s.bucket(who, now)
	return b != nil && b.take(now)
}

// takeMany uses up n of a person's events at once, or none.
func (s *buckets) takeMany(who identity.ID, n int, now time.Time) bool {
	b := s.bucket(who, now)
	return b != nil && b.takeMany(n, now)
}

// bucket is that of a person; nil when there are too many people.
func (s *buckets) bucket(who identity.ID, now time.Time) *bucket {
	b := s.of[who]
	if b == nil {
		if len(s.of) >= maxBuckets {
			s.forget(now)
		}
		if len(s.of) >= maxBuckets {
			return nil
		}
		if s.of == nil {
			s.of = make(map[identity.ID]*bucket)
		}
		b = &bucket{burst: s.burst, every: s.every}
		s.of[who] = b
	}
	return b
}

// forget drops the buckets that are full, which are as good as none.
func (s *buckets) forget(now time.Time) {
	for who, b := range s.of {
		if !b.full.After(now) {
			delete(s.of, who)
		}
	}
}
