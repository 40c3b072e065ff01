// Tests of Source by ear: the level is kept, and no network makes it click.

package audio_test

import (
	"math"
	"testing"
	"time"

	"stoa/audio"
	"stoa/audio/audiotest"
)

func TestSourceKeepsTheLevel(t *testing.T) {
	dec := newToneDecoderAt(0.7) // just below -3 dBFS
	var heard []float32
	simulate(audiotest.Path{Delay: 5 * ms}.Deliver(audiotest.Packets(100)), 1900*ms, dec, func(now time.Duration, _ *audio.Source, block []float32) {
		if now > 200*ms {
			heard = append(heard, block...)
		}
	})
	if db := 20 * math.Log10(audiotest.ToneAmplitude(heard[:480*100], dec.freq)/dec.amp); math.Abs(db) > 0.1 {
		t.Errorf("the level changed by %.2f dB", db)
	}
}

// A tone is heard through every network without a click: lost, late, repaired, stretched or cut.
func TestSourceDoesNotClick(t *testing.T) {
	for _, p := range []audiotest.Path{
		{Seed: 1, Loss: 0.1},
		{Seed: 2, Loss: 0.2, Burst: 4, Jitter: 5 * ms},
		{Seed: 3, Jitter: 25 * ms},
		{Seed: 4, Jitter: 2 * ms, PPM: 300},
		{Seed: 5, Jitter: 2 * ms, PPM: -300},
	} {
		dec := newToneDecoder()
		var heard []float32
		stats := simulate(p.Deliver(audiotest.Packets(3000)), spoken(3010), dec, func(_ time.Duration, _ *audio.Source, block []float32) {
			heard = append(heard, block...)
		})
		// Where a frame is late its tone comes late too, and 5 ms of crossfade join two phases: the
		// step that a click has would be a hundred times more.
		if r, most := roughness(heard), 0.004; r > most {
			t.Errorf("%+v: roughness %.4f, at most %.4f wanted: %+v", p, r, most, stats)
		}
	}
}

func TestSourceFadesWhenTheSpeakerVanishes(t *testing.T) {
	dec := newToneDecoder()
	last := 50 * audio.FrameTime
	quiet := true
	simulate(audiotest.Path{}.Deliver(audiotest.Packets(50)), 2*time.Second, dec, func(now time.Duration, _ *audio.Source, block []float32) {
		loud := audio.Level(block) < 40
		if now > last+40*ms && now < last+60*ms && !loud {
			t.Errorf("nothing is heard %v after the last frame came", now-last)
		}
		if now > last+180*ms && audio.Level(block) != audio.Silence {
			quiet = false
		}
	})
	if !quiet {
		t.Error("concealment does not end")
	}
}

func TestSourcePausesWithoutAnEcho(t *testing.T) {
	packets := audiotest.Packets(50)
	packets[49].End = true
	dec := newToneDecoder()
	simulate(audiotest.Path{}.Deliver(packets), 2*time.Second, dec, func(now time.Duration, _ *audio.Source, block []float32) {
		if now > 50*audio.FrameTime+50*ms && audio.Level(block) != audio.Silence {
			t.Fatalf("heard %v after the end", now-50*audio.FrameTime)
		}
	})
	if dec.concealed > 1 {
		t.Errorf("%d frames concealed in a pause", dec.concealed)
	}
}

// Comfort noise goes on through a pause that the codec announced, and ends when it is not renewed.
func TestSourcePlaysComfortNoise(t *testing.T) {
	packets := audiotest.Packets(50)
	packets[49].End = true
	packets[49].Payload = []byte{0, 49}
	end := 50 * audio.FrameTime
	simulate(audiotest.Path{}.Deliver(packets), 2*time.Second, newToneDecoder(), func(now time.Duration, _ *audio.Source, block []float32) {
		silent := audio.Level(block) == audio.Silence
		if now > end && now < end+850*ms && silent {
			t.Fatalf("no comfort noise after %v", now-end)
		}
		if now > end+1050*ms && !silent {
			t.Fatalf("comfort noise after %v", now-end)
		}
	})
}

func TestSourceGainAndClose(t *testing.T) {
	player := audio.NewPlayer()
	s := player.NewSource(newToneDecoder())
	for _, a := range (audiotest.Path{}).Deliver(audiotest.Packets(100)) {
		if a.At < time.Second {
			s.Push(a.Packet, player.Epoch().Add(a.At))
		}
		block := make([]float32, audio.BlockSize)
		s.Block(a.At+12*ms, block)
		clear(block)
		switch {
		case a.Index == 20:
			s.SetGain(0.5)
		case a.Index == 30:
			s.SetGain(0)
		}
		kept := s.Block(a.At+22*ms, block)
		level := audio.Level(block)
		if a.Index > 22 && a.Index < 30 && level != 21 {
			t.Errorf("at half gain a tone of -15 dB has %d", level)
		}
		if a.Index > 31 && level != audio.Silence {
			t.Errorf("at no gain the level is %d", level)
		}
		if a.Index > 32 && s.Level() > 20 {
			t.Errorf("the meter shows %d though only the gain is low", s.Level())
		}
		if a.Index == 40 {
			s.Close()
		}
		if kept != (a.Index <= 40) {
			t.Errorf("frame %d: kept %v", a.Index, kept)
		}
		if !kept {
			break
		}
	}
}

func BenchmarkSource(b *testing.B) {
	player := audio.NewPlayer()
	s := player.NewSource(&audiotest.Decoder{})
	payload := speech(b)
	block := make([]float32, audio.BlockSize)
	var now time.Duration
	var index uint32
	b.ReportAllocs()
	for b.Loop() {
		s.Push(audio.Packet{Index: index, Since: 1, Payload: payload}, player.Epoch().Add(now))
		s.Block(now, block)
		s.Block(now+10*ms, block)
		clear(block)
		index++
		now += audio.FrameTime
	}
}

// speech returns a payload that is not silence.
func speech(b *testing.B) []byte {
	pcm, buf := make([]float32, audio.FrameSize), make([]byte, audio.MaxPayload)
	audiotest.Tone(200, 0.05)(0, pcm)
	n, err := new(audiotest.Encoder).Encode(pcm, buf)
	if err != nil {
		b.Fatal(err)
	}
	return buf[:n]
}
