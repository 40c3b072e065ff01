// Tests of the whole road, microphone to loudspeaker, in virtual time and by ear.

package audio_test

import (
	"context"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoa/audio"
	"stoa/audio/audiotest"
)

// A road is a number of speakers who are heard by one listener.
type road struct {
	player  *audio.Player
	speaker audiotest.Speaker
	ring    *audio.Ring
	wg      sync.WaitGroup
	ctx     context.Context
	cancel  context.CancelFunc
}

func newRoad(t *testing.T) *road {
	r := &road{player: audio.NewPlayer(), ring: audio.NewRing(audio.RingSize)}
	r.ctx, r.cancel = context.WithCancel(t.Context())
	r.wg.Go(func() { r.player.Run(r.ctx, r.ring) })
	r.wg.Go(func() { r.speaker.Run(r.ctx, r.ring) })
	return r
}

// speak adds a speaker whose packets take delay and, when pass says no, are lost.
func (r *road) speak(mic *audiotest.Mic, delay time.Duration, pass func(audio.Packet) bool) (*audio.Capture, *audio.Source) {
	c := audio.NewCapture(&audiotest.Encoder{}, nil, nil)
	s := r.player.NewSource(&audiotest.Decoder{})
	ring := audio.NewRing(audio.RingSize)
	r.wg.Go(func() { mic.Run(r.ctx, ring) })
	r.wg.Go(func() {
		c.Run(r.ctx, ring, func(p audio.Packet) {
			if !pass(p) {
				return
			}
			p.Payload = append([]byte(nil), p.Payload...)
			time.AfterFunc(delay, func() { s.Push(p, time.Now()) })
		})
	})
	return c, s
}

func (r *road) stop() []float32 {
	r.cancel()
	r.wg.Wait()
	return r.speaker.Heard()
}

func everything(audio.Packet) bool { return true }

// A pulse that goes in at one end comes out at the other, and the time between is what this package
// adds: 20 ms of frame, 10 to 20 ms of buffer and 10 ms of the ring to the loudspeaker, which pulls
// that much at once.
func TestMouthToEar(t *testing.T) {
	for _, delay := range []time.Duration{0, 3 * ms, 7 * ms, 40 * ms} {
		synctest.Test(t, func(t *testing.T) {
			const pulse = audio.Rate // one second in
			r := newRoad(t)
			time.Sleep(4 * ms)
			r.speak(&audiotest.Mic{Signal: func(at int, p []float32) {
				audiotest.Tone(500, 0.05)(at, p)
				if i := pulse - at; i >= 0 && i < len(p) {
					p[i] = 0.9
				}
			}}, delay, everything)
			time.Sleep(2 * time.Second)
			heard := r.stop()
			for i, v := range heard {
				if v > 0.5 {
					// The microphone writes a piece at its beginning where a real one would at its
					// end.
					took := time.Duration(i-pulse)*time.Second/audio.Rate - 4*ms + audio.FrameTime/2
					t.Logf("delay %v: mouth to ear %v", delay, took-delay)
					if took-delay > 51*ms {
						t.Errorf("delay %v: mouth to ear took %v more", delay, took-delay)
					}
					return
				}
			}
			t.Error("the pulse was not heard")
		})
	}
}

func TestPlayerMixesSpeakers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoad(t)
		freqs := []float64{300, 500, 700, 900, 1100, 1300, 1500, 1700, 1900, 2100}
		var sources []*audio.Source
		for i, f := range freqs {
			_, s := r.speak(&audiotest.Mic{Signal: audiotest.Tone(f, 0.05), PPM: float64(i*20 - 100)}, time.Duration(i)*3*ms, everything)
			sources = append(sources, s)
		}
		time.Sleep(3 * time.Second)
		for i, s := range sources {
			if st := s.Stats(); st.Lost+st.Late+st.Waits > 0 || st.Level != 29 || st.First.IsZero() || st.Delay > 25*ms {
				t.Errorf("speaker %d: %+v", i, st)
			}
		}
		sources[0].Close()
		time.Sleep(time.Second)
		heard := r.stop()
		before, after := heard[2*audio.Rate:3*audio.Rate-4800], heard[3*audio.Rate+4800:]
		for i, f := range freqs {
			if a := audiotest.ToneAmplitude(before[:48000-4800], f); math.Abs(20*math.Log10(a/0.05)) > 1 {
				t.Errorf("%v Hz is heard at %.4f", f, a)
			}
			if a := audiotest.ToneAmplitude(after[:24000], f); (a > 0.02) != (i > 0) {
				t.Errorf("%v Hz is heard at %.4f after one was closed", f, a)
			}
		}
	})
}

func TestPlayerKeepsTalkspurts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoad(t)
		n := 0
		spurts := func(at int, p []float32) { // 300 ms of tone, 200 ms of nothing
			audiotest.Tone(400, 0.2)(at, p)
			if at%(audio.Rate/2) >= 14400 {
				clear(p)
			}
		}
		_, s := r.speak(&audiotest.Mic{Signal: spurts}, 15*ms, func(p audio.Packet) bool { n++; return n%25 != 0 })
		time.Sleep(10 * time.Second)
		stats := s.Stats()
		heard := r.stop()
		if stats.Lost > 1 || stats.Stretched > audio.Rate/2 {
			t.Errorf("%+v", stats)
		}
		loud := 0
		for at := audio.Rate; at+audio.BlockSize < 9*audio.Rate; at += audio.BlockSize {
			if audio.Level(heard[at:at+audio.BlockSize]) < 25 {
				loud++
			}
		}
		if loud < 460 || loud > 500 {
			t.Errorf("%d of 800 pieces are loud, want 480", loud)
		}
	})
}

func TestPlayerIsSilentWithoutSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoad(t)
		time.Sleep(time.Second)
		heard := r.stop()
		if len(heard) < 99*audio.BlockSize || audio.Level(heard) != audio.Silence || audiotest.HasTone(heard, 400) {
			t.Errorf("%d samples, level %d", len(heard), audio.Level(heard))
		}
		if u := r.ring.Underruns(); u > audio.BlockSize {
			t.Errorf("%d samples of underrun", u)
		}
	})
}

// A loudspeaker that pulls 40 ms at once gets them.
func TestPlayerLeadsLargePulls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ring := audio.NewRing(audio.RingSize)
		done := make(chan error, 1)
		go func() { done <- audio.NewPlayer().Run(ctx, ring) }()
		piece := make([]float32, 2*audio.FrameSize)
		for range 2 {
			ring.Pull(piece)
			time.Sleep(40 * ms)
		}
		before := ring.Underruns()
		for range 100 {
			ring.Pull(piece)
			time.Sleep(40 * ms)
		}
		if ring.Underruns() != before {
			t.Errorf("%d samples of underrun", ring.Underruns()-before)
		}
		cancel()
		<-done
	})
}

// A loudspeaker that pulls twice in a row, as when the machine was busy, soon gets both.
func TestPlayerLeadsLatePulls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ring := audio.NewRing(audio.RingSize)
		done := make(chan error, 1)
		go func() { done <- audio.NewPlayer().Run(ctx, ring) }()
		synctest.Wait()
		piece := make([]float32, audio.BlockSize)
		var before uint64
		for i := range 100 {
			if i == 30 {
				before = ring.Underruns()
			}
			ring.Pull(piece)
			ring.Pull(piece)
			time.Sleep(20 * ms)
		}
		if ring.Underruns() != before {
			t.Errorf("%d samples of underrun", ring.Underruns()-before)
		}
		if ring.Len() > 2*audio.FrameSize {
			t.Errorf("the ring holds %d samples", ring.Len())
		}
		cancel()
		<-done
	})
}

// What the decoder refuses is concealed and counted.
func TestSourceConcealsRubbish(t *testing.T) {
	player := audio.NewPlayer()
	s := player.NewSource(&audiotest.Decoder{})
	block := make([]float32, audio.BlockSize)
	for i := range uint32(10) {
		at := time.Duration(i) * audio.FrameTime
		s.Push(audio.Packet{Index: i, Since: 1, Payload: []byte{1, 2, 3}}, player.Epoch().Add(at))
		s.Block(at, block)
		s.Block(at+10*ms, block)
	}
	if st := s.Stats(); st.Undecoded < 8 || st.Concealed < 8 || audio.Level(block) != audio.Silence {
		t.Errorf("%+v", st)
	}
}

func BenchmarkPlayerTenSpeakers(b *testing.B) {
	player := audio.NewPlayer()
	var sources []*audio.Source
	for range 10 {
		sources = append(sources, player.NewSource(&audiotest.Decoder{}))
	}
	payload := speech(b)
	sum := make([]float32, audio.BlockSize)
	var now time.Duration
	var index uint32
	b.ReportAllocs()
	for b.Loop() {
		for _, s := range sources {
			s.Push(audio.Packet{Index: index, Since: 1, Payload: payload}, player.Epoch().Add(now))
			s.Block(now, sum)
			s.Block(now+10*ms, sum)
		}
		audio.SoftClip(sum)
		clear(sum)
		index++
		now += audio.FrameTime
	}
}

// Everything can be turned down and up without a click.
func TestPlayerGain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoad(t)
		r.speak(&audiotest.Mic{Signal: audiotest.Tone(230, 0.5)}, ms, everything)
		time.Sleep(500 * ms)
		r.player.SetGain(0.1)
		time.Sleep(500 * ms)
		r.player.SetGain(1)
		time.Sleep(500 * ms)
		heard := r.stop()
		second := audio.Rate
		for _, c := range []struct{ from, to, want int }{{second / 4, second / 2, 9}, {6 * second / 10, second, 29}, {11 * second / 10, 14 * second / 10, 9}} {
			if got := int(audio.Level(heard[c.from:c.to])); got != c.want {
				t.Errorf("from sample %d to %d it is at -%d dB, want -%d", c.from, c.to, got, c.want)
			}
		}
		own := 2 * math.Pi * 230 / audio.Rate * 0.5
		for i := second / 4; i < 14*second/10; i++ {
			if step := math.Abs(float64(heard[i] - heard[i-1])); step > 2*own { // the codec rounds
				t.Fatalf("a step of %.3f at sample %d", step, i)
			}
		}
	})
}
