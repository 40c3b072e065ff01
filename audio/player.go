// This file holds the receiving side as a whole: sources in, one stream to the loudspeaker out.
//
//	1. the loudspeaker pulls from its ring, which wakes the player
//	2. the player mixes blocks until the ring holds what the next pull will take
//	3. each source gives its block: jitter buffer, decoder, time scale
//	4. what nobody speaks into is turned down, so that open microphones do not add up
//	5. the sum of all is limited, clipped softly and written to the ring

package audio

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	leadStep   = BlockSize              // the lead grows by 10 ms for each pull that came up short
	leadMost   = 4 * BlockSize          // up to 40 ms
	leadSettle = 200 * time.Millisecond // in which a device may pull as unevenly as it likes
	leadReset  = 10 * time.Second       // without a short pull, and it shrinks by a step
)

// A Player mixes any number of sources for one loudspeaker. It takes the time from the moments at
// which the loudspeaker pulls, so nothing is played while nothing pulls.
type Player struct {
	epoch     time.Time     // what a source's times count from
	gain      atomic.Uint32 // bits of a float32
	levelling atomic.Bool

	mu      sync.Mutex
	sources []*Source

	playing []*Source // of Run: what it mixes, so that mixing holds no lock
	noises  []float64 // of those in playing, in their order
	fit     Fit
	block   [BlockSize]float32
	before  float32 // the gain at the end of the last block
	lead    lead
}

// NewPlayer returns a player without sources.
func NewPlayer() *Player {
	p := &Player{epoch: time.Now(), before: 1}
	p.SetGain(1)
	return p
}

// SetGain says how loud everything is played, from 0 to 1, by the end of the next block. It may be
// called from any goroutine.
func (p *Player) SetGain(gain float32) { p.gain.Store(math.Float32bits(gain)) }

// SetLevelling says whether loud and quiet speakers are brought to one level. It may be called from any
// goroutine.
func (p *Player) SetLevelling(on bool) { p.levelling.Store(on) }

// NewSource adds a speaker whose packets dec decodes. From then on dec belongs to the player, which
// uses it only inside Run. The source costs next to nothing while its speaker is silent. The
// caller bounds the number of sources and closes each.
func (p *Player) NewSource(dec Decoder) *Source {
	s := &Source{player: p, dec: dec}
	s.SetGain(1)
	s.level.Store(uint32(Silence))
	p.mu.Lock()
	p.sources = append(p.sources, s)
	p.mu.Unlock()
	return s
}

// Run keeps out filled until ctx is done, and returns ctx's error. One Run at a time.
func (p *Player) Run(ctx context.Context, out *Ring) error {
	for {
		now := time.Since(p.epoch)
		want := p.lead.want(now, out)
		for out.Len() < want {
			p.mix(now)
			out.Write(p.block[:])
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-out.Writable():
		}
	}
}

// mix makes the next block.
func (p *Player) mix(now time.Duration) {
	p.mu.Lock()
	p.playing = append(p.playing[:0], p.sources...)
	p.mu.Unlock()

	p.noises = p.noises[:0]
	all := 0.0
	for _, s := range p.playing {
		noise := s.ready(now)
		p.noises = append(p.noises, noise)
		all += noise
	}
	clear(p.block[:])
	for i, s := range p.playing {
		if !s.add(p.block[:], p.noises[i], all) {
			p.drop(s)
		}
	}
	clear(p.playing)
	p.fit.Block(p.block[:])
	gain := math.Float32frombits(p.gain.Load())
	ramp(p.block[:], p.before, gain)
	p.before = gain
}

// drop forgets a source that has faded out.
func (p *Player) drop(s *Source) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.sources, s); i >= 0 {
		p.sources = slices.Delete(p.sources, i, i+1)
	}
}

// A lead decides how much the ring to the loudspeaker should hold after each pull: as much as the
// largest pull takes, and more on a machine that wakes us late.
type lead struct {
	began     time.Duration // when the first pull was looked at; 0 before
	extra     int
	underruns uint64
	changed   time.Duration
}

func (l *lead) want(now time.Duration, out *Ring) int {
	missed := out.Underruns()
	switch {
	case l.began == 0:
		l.began = now
	case now-l.began < leadSettle: // devices that start say nothing about devices that run
	case missed > l.underruns:
		l.extra = min(l.extra+leadStep, leadMost-BlockSize)
		l.changed = now
	case l.extra > 0 && now-l.changed > leadReset:
		l.extra -= leadStep
		l.changed = now
	}
	l.underruns = missed
	return min(max(out.LargestPull(), BlockSize)+l.extra, out.Cap()-BlockSize)
}
