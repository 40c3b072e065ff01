// This file holds one speaker on the receiving side: from packets to blocks of samples.

package audio

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	concealHold = FrameSize * 3  // a lost voice is continued for 60 ms
	concealFade = FrameSize * 3  // and fades over 60 ms more
	comfortHold = FrameSize * 42 // an encoder refreshes its comfort noise every 400 ms; one may be lost
	comfortFade = FrameSize * 5
	silenceFade = FrameSize / 4

	seamSize = 240 // 5 ms of crossfade where concealment meets speech
)

// Stats tell how a Source fares. Counters are since NewSource, in frames of 20 ms.
type Stats struct {
	JitterStats

	Concealed  uint64    // frames' worth of concealment, that of pauses left out
	Stretched  uint64    // samples added to keep up with the clocks and the network
	Compressed uint64    // samples left out for the same
	Undecoded  uint64    // frames that the decoder refused; they count as played or recovered, too
	Level      uint8     // what Source.Level returns
	First      time.Time // when the first frame was mixed; zero until then
}

// A Source is one speaker in a Player. Its methods may be called from any goroutine.
type Source struct {
	player *Player
	gain   atomic.Uint32 // wanted gain, bits of a float32
	level  atomic.Uint32
	closed atomic.Bool

	mu      sync.Mutex
	jitter  Jitter
	extra   Stats  // all but JitterStats, Concealed and Level
	unheard uint64 // samples concealed

	// The rest is only used by Player.Run.
	dec      Decoder
	payload  [MaxPayload]byte
	pcm      [4 * FrameSize]float32 // decoded and not yet mixed
	n        int
	frame    [FrameSize]float32
	spare    [FrameSize]float32 // concealment not yet used: its last left samples
	left     int
	comfort  bool    // the last real frame was a pause frame, so concealment is comfort noise
	hold     int     // how long concealment keeps its level since the last real frame, in samples
	fade     int     // and how long it then takes to vanish
	unreal   int     // samples since the last real frame
	current  float32 // gain at the end of the last block
	scaler   scaler
	loudness loudness
	limiter  limiter
	speaks   bool // in the block that comes next

	mixed time.Duration // when block was called last
}

// Push gives the source a packet that arrived at at. It copies the payload and never waits for
// decoding. The same packet may be pushed again, as when a carrier repeats it: that is counted as
// a duplicate and costs nothing.
func (s *Source) Push(p Packet, at time.Time) {
	arrival := at.Sub(s.player.epoch)
	s.mu.Lock()
	s.jitter.Push(p, arrival)
	s.mu.Unlock()
}

// SetGain sets the loudness, 1 being as sent. It changes over 10 ms.
func (s *Source) SetGain(gain float32) { s.gain.Store(math.Float32bits(gain)) }

// Level returns the loudness of what was last mixed, before its gain, as RFC 6464 counts it.
func (s *Source) Level() uint8 { return uint8(s.level.Load()) }

// Stats returns the counters.
func (s *Source) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.extra
	stats.JitterStats = s.jitter.Stats()
	stats.Concealed = (s.unheard + FrameSize/2) / FrameSize
	stats.Level = s.Level()
	return stats
}

// Close lets the source fade out over 10 ms. The player then drops it and its decoder.
func (s *Source) Close() { s.closed.Store(true) }

// ready makes the next BlockSize samples and returns the noise that is in them when nobody speaks,
// as a mean square.
func (s *Source) ready(now time.Duration) (noise float64) {
	if s.mixed > 0 && now-s.mixed > jitterStood { // what is left was made before a sleep
		s.n, s.left, s.unreal = 0, 0, s.hold+s.fade
	}
	s.mixed = now
	for s.n < BlockSize {
		s.step(now)
	}
	power := power(s.pcm[:BlockSize])
	s.level.Store(uint32(levelOf(power)))
	if s.speaks = s.loudness.hear(power); s.speaks || power == 0 {
		return 0
	}
	gain := float64(s.loud())
	return s.loudness.idle * gain * gain
}

// loud is how loud this voice is played, which follows from what was asked for and from how loud the
// voice is by itself.
func (s *Source) loud() float32 {
	gain := math.Float32frombits(s.gain.Load())
	if s.player.levelling.Load() {
		gain *= s.loudness.gain()
	}
	return gain
}

// add adds the block that is ready to sum, and reports whether the source is still wanted. noise and
// all are what ready has returned, for this source and for all together.
func (s *Source) add(sum []float32, noise, all float64) bool {
	gain, share := s.loud(), float32(1)
	block := s.pcm[:BlockSize]
	if !s.speaks {
		share = noiseShare(noise, all)
	}
	gain *= s.loudness.let(share)
	closed := s.closed.Load()
	if closed {
		gain = 0
	}
	ramp(block, s.current, gain)
	s.current = gain
	// Whoever is too loud is turned down alone, and not with everybody else.
	s.limiter.limit(block, 1)
	clip(block)
	mix(sum, block)
	s.n = copy(s.pcm[:], s.pcm[BlockSize:s.n])
	return !closed
}

// step asks the jitter buffer what comes next and makes it.
func (s *Source) step(now time.Duration) {
	s.mu.Lock()
	step := s.jitter.Pop(now, s.n)
	payload := s.payload[:copy(s.payload[:], step.Payload)]
	s.count(step, now)
	s.mu.Unlock()

	switch step.Op {
	case OpSilence:
		if !s.comfort && s.unreal < s.hold { // the voice was heard to its end: no echo of it
			s.hold, s.fade = s.unreal, silenceFade
		}
		s.conceal(BlockSize - s.n)
	case OpWait:
		s.conceal(BlockSize)
	case OpLost:
		s.conceal(FrameSize - step.Skip)
	case OpFEC:
		s.real(s.dec.DecodeFEC(payload, s.frame[:]), step.Skip)
	case OpFrame:
		s.real(s.dec.Decode(payload, s.frame[:]), 0)
		s.comfort = len(payload) <= MaxPause
		s.stretch(step.Stretch)
	}
}

// count keeps the statistics that the jitter buffer cannot know. It is called with mu held.
func (s *Source) count(step Step, now time.Duration) {
	switch step.Op {
	case OpWait:
		s.unheard += BlockSize
	case OpLost:
		s.unheard += uint64(FrameSize - step.Skip)
	case OpFrame, OpFEC:
		if s.extra.First.IsZero() {
			s.extra.First = s.player.epoch.Add(now)
		}
	}
}

// real appends the frame that was decoded, but for its first skip samples. Where concealment was
// heard before it the two are joined without a seam. What could not be decoded is concealed.
func (s *Source) real(err error, skip int) {
	if err != nil || !clip(s.frame[:]) {
		s.mu.Lock()
		s.extra.Undecoded++
		s.unheard += uint64(FrameSize - skip)
		s.mu.Unlock()
		s.conceal(FrameSize - skip)
		return
	}
	frame := s.frame[skip:]
	strength := s.strength(s.unreal)
	if s.left > 0 {
		seam := s.spare[FrameSize-s.left:][:min(s.left, seamSize)]
		ramp(seam, strength, strength)
		crossfade(seam, frame)
		s.left = 0
	} else {
		ramp(frame[:seamSize], strength, 1)
	}
	s.n += copy(s.pcm[s.n:], frame)
	s.comfort, s.unreal = false, 0
	s.hold, s.fade = concealHold, concealFade
}

// conceal appends n samples of what the decoder makes up, which fades when it goes on for long. The
// decoder makes whole frames; what is left of one serves the next call, or is joined to the next
// real frame.
func (s *Source) conceal(n int) {
	if s.comfort {
		s.hold, s.fade = comfortHold, comfortFade
	}
	for n > 0 {
		from := s.strength(s.unreal)
		if s.left == 0 && from > 0 && s.dec.Conceal(s.spare[:]) == nil && clip(s.spare[:]) {
			s.left = FrameSize
		}
		if from == 0 || s.left == 0 {
			s.left = 0
			clear(s.pcm[s.n : s.n+n])
			s.n += n
			s.unreal += n
			return
		}
		k := min(n, s.left)
		piece := s.pcm[s.n : s.n+k]
		copy(piece, s.spare[FrameSize-s.left:])
		s.unreal += k
		ramp(piece, from, s.strength(s.unreal))
		s.n, s.left, n = s.n+k, s.left-k, n-k
	}
}

// strength returns the gain of concealment so many samples after the last real frame.
func (s *Source) strength(unreal int) float32 {
	switch {
	case unreal >= s.hold+s.fade:
		return 0
	case unreal <= s.hold:
		return 1
	}
	return 1 - float32(unreal-s.hold)/float32(s.fade)
}

// stretch makes what was decoded up to want samples longer, or shorter when want is negative, if it
// can be done without being heard.
func (s *Source) stretch(want int) {
	was := s.n
	s.n = s.scaler.scale(s.pcm[:], s.n, s.frame[:], want)
	if s.n == was {
		return
	}
	s.mu.Lock()
	s.jitter.Stretched(s.n - was)
	s.extra.Stretched += uint64(max(s.n-was, 0))
	s.extra.Compressed += uint64(max(was-s.n, 0))
	s.mu.Unlock()
}
