// Tests of Capture: what is sent, when, and with which place in time.

package audio_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"stoa/audio"
	"stoa/audio/audiotest"
)

// capture runs a Capture on a microphone that plays signal, calls script, and returns what was
// sent.
func capture(t *testing.T, signal audiotest.Signal, script func(c *audio.Capture)) (sent []audio.Packet) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ring := audio.NewRing(audio.RingSize)
		c := audio.NewCapture(&audiotest.Encoder{}, nil, nil)
		done := make(chan error, 2)
		go func() { done <- (&audiotest.Mic{Signal: signal}).Run(ctx, ring) }()
		go func() {
			done <- c.Run(ctx, ring, func(p audio.Packet) {
				p.Payload = append([]byte(nil), p.Payload...)
				sent = append(sent, p)
			})
		}()
		script(c)
		cancel()
		for range 2 {
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v", err)
			}
		}
	})
	return sent
}

func TestCaptureCountsMediaTime(t *testing.T) {
	sent := capture(t, audiotest.Tone(300, 0.1), func(*audio.Capture) { time.Sleep(time.Second) })
	if len(sent) < 49 || len(sent) > 50 {
		t.Fatalf("%d packets in a second", len(sent))
	}
	for i, p := range sent {
		since := uint8(1)
		if i == 0 {
			since = 0
		}
		if p.Index != uint32(i) || p.Since != since || p.End || p.Level != 23 && i > 0 {
			t.Fatalf("packet %d: %+v", i, p)
		}
	}
}

func TestCaptureMutes(t *testing.T) {
	var dec audiotest.Decoder
	pcm := make([]float32, audio.FrameSize)
	sent := capture(t, audiotest.Tone(300, 0.1), func(c *audio.Capture) {
		time.Sleep(205 * ms)
		c.SetMuted(true)
		time.Sleep(time.Second)
		if !c.Muted() || c.Level() != 23 {
			t.Errorf("the meter shows %d while muted", c.Level())
		}
		c.SetMuted(false)
		time.Sleep(200 * ms)
	})
	gap := 0
	for i, p := range sent {
		if err := dec.Decode(p.Payload, pcm); err != nil {
			t.Fatal(err)
		}
		if p.End {
			gap = i
			if audio.Level(pcm[480:]) != audio.Silence || audio.Level(pcm[:240]) > 30 {
				t.Error("the last frame does not fade out in 10 ms")
			}
		}
	}
	if gap == 0 || gap+1 == len(sent) {
		t.Fatal("no packet ended the talkspurt")
	}
	after := sent[gap+1]
	if d := after.Index - sent[gap].Index; d != uint32(after.Since) || d < 49 || d > 51 {
		t.Errorf("a second of mute is %d frames, since %d", d, after.Since)
	}
	if err := dec.Decode(after.Payload, pcm); err != nil || pcm[0] > 0.001 || audio.Level(pcm[480:]) != 23 {
		t.Error("the first frame does not fade in")
	}
}

func TestCaptureStartsMuted(t *testing.T) {
	sent := capture(t, audiotest.Tone(300, 0.1), func(c *audio.Capture) {
		c.SetMuted(true)
		time.Sleep(500 * ms)
	})
	if len(sent) != 0 {
		t.Errorf("%d packets were sent while muted", len(sent))
	}
}

func TestCaptureSendsOnePacketAtTheStartOfAPause(t *testing.T) {
	spurts := func(at int, p []float32) {
		audiotest.Tone(300, 0.1)(at, p)
		if at/audio.Rate%2 == 1 {
			clear(p)
		}
	}
	sent := capture(t, spurts, func(*audio.Capture) { time.Sleep(3500 * ms) })
	ends := 0
	for i, p := range sent {
		if !p.End {
			continue
		}
		ends++
		if len(p.Payload) > audio.MaxPause {
			t.Errorf("packet %d ends a talkspurt with %d bytes", i, len(p.Payload))
		}
		if i+1 < len(sent) && (sent[i+1].Since != uint8(sent[i+1].Index-p.Index) || sent[i+1].Since < 48) {
			t.Errorf("after the pause: %d frames, since %d", sent[i+1].Index-p.Index, sent[i+1].Since)
		}
	}
	if ends != 2 {
		t.Errorf("%d pauses announced, want 2", ends)
	}
}

// A pause of more than 255 frames has no distance, and is a new start.
func TestCaptureLongPause(t *testing.T) {
	sent := capture(t, audiotest.Tone(300, 0.1), func(c *audio.Capture) {
		time.Sleep(100 * ms)
		c.SetMuted(true)
		time.Sleep(6 * time.Second)
		c.SetMuted(false)
		time.Sleep(100 * ms)
	})
	for i, p := range sent[1:] {
		if sent[i].End && (p.Since != 0 || p.Index-sent[i].Index < 299) {
			t.Errorf("since %d after %d frames", p.Since, p.Index-sent[i].Index)
		}
	}
}

// When the microphone stalls, or this program does, the index goes on with time and old sound is
// not sent.
func TestCaptureSkipsAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ring := audio.NewRing(audio.RingSize)
		var indices []uint32
		done := make(chan error, 1)
		c := audio.NewCapture(&audiotest.Encoder{}, nil, nil)
		go func() {
			done <- c.Run(ctx, ring, func(p audio.Packet) { indices = append(indices, p.Index) })
		}()
		sound := make([]float32, 8*audio.FrameSize)
		audiotest.Tone(300, 0.1)(0, sound)
		write := func(frames int) {
			ring.Write(sound[:frames*audio.FrameSize])
			synctest.Wait()
		}
		time.Sleep(20 * ms)
		write(1)
		time.Sleep(520 * ms) // the microphone stalls for half a second
		write(1)
		time.Sleep(160 * ms) // we stall: all was recorded
		write(8)
		cancel()
		<-done
		want := []uint32{0, 26, 32, 33, 34}
		if len(indices) != len(want) {
			t.Fatalf("sent %v, want %v", indices, want)
		}
		for i, v := range indices {
			if v != want[i] {
				t.Errorf("sent %v, want %v", indices, want)
				break
			}
		}
	})
}

type badEncoder struct{ audiotest.Encoder }

var errBad = errors.New("bad")

func (*badEncoder) Encode([]float32, []byte) (int, error) { return 0, errBad }

func TestCaptureReportsTheEncoder(t *testing.T) {
	ring := audio.NewRing(audio.RingSize)
	frame := make([]float32, audio.FrameSize)
	ring.Write(frame)
	err := audio.NewCapture(&badEncoder{}, nil, nil).Run(t.Context(), ring, func(audio.Packet) {})
	if !errors.Is(err, errBad) {
		t.Errorf("got %v", err)
	}
}

func TestCaptureTellsTheEncoder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		enc := &audiotest.Encoder{}
		c := audio.NewCapture(enc, nil, nil)
		c.SetLoss(130)
		c.SetBitrate(1)
		c.SetComplexity(11)
		c.SetMusic(true)
		ring := audio.NewRing(audio.RingSize)
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx, ring, func(audio.Packet) {}) }()
		ring.Write(make([]float32, audio.FrameSize))
		synctest.Wait()
		cancel()
		<-done
		if enc.Loss != 100 || enc.Bitrate != 6000 {
			t.Errorf("the encoder was told %d %% and %d bit/s", enc.Loss, enc.Bitrate)
		}
		if enc.Complexity != 10 || !enc.Music {
			t.Errorf("the encoder was told complexity %d, music %v", enc.Complexity, enc.Music)
		}
	})
}
