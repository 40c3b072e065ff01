// Tests of the stand-ins, which other tests rest on.

package audiotest

import (
	"math"
	"strings"
	"testing"
	"time"

	"stoa/audio"
)

func TestCodecKeepsATone(t *testing.T) {
	var enc Encoder
	var dec Decoder
	in, out := make([]float32, audio.FrameSize), make([]float32, audio.FrameSize)
	buf := make([]byte, audio.MaxPayload)
	for i := range 3 {
		Tone(500, 0.3)(i*audio.FrameSize, in)
		n, err := enc.Encode(in, buf)
		if err != nil || n <= audio.MaxPause {
			t.Fatal(n, err)
		}
		if err := dec.Decode(buf[:n], out); err != nil {
			t.Fatal(err)
		}
		if a := ToneAmplitude(out, 500); math.Abs(a-0.3) > 0.003 {
			t.Errorf("a tone of 0.3 came back as %v", a)
		}
	}
	// The last payload also has the frame before, coarsely.
	if err := dec.DecodeFEC(buf[:payloadSize], out); err != nil || !HasTone(out, 500) {
		t.Error("the frame before was not repaired")
	}
	if n, _ := enc.Encode(make([]float32, audio.FrameSize), buf); n > audio.MaxPause {
		t.Errorf("silence takes %d bytes", n)
	}
	if err := dec.Decode(buf[:7], out); err == nil {
		t.Error("decoded 7 bytes")
	}
}

func TestToneIsToldFromOthers(t *testing.T) {
	p := make([]float32, audio.Rate/2)
	Tone(440, 0.1)(1000, p)
	if !HasTone(p, 440) || HasTone(p, 450) || HasTone(p, 880) {
		t.Error("440 Hz is not recognised")
	}
	if HasTone(make([]float32, 4800), 440) || HasTone(nil, 440) {
		t.Error("silence is a tone")
	}
}

func TestPathLosesWhatItSays(t *testing.T) {
	const n = 50_000
	for _, p := range []Path{{Loss: 0.05}, {Loss: 0.05, Burst: 4}, {Loss: 0.1, Repeat: true}} {
		arrived := map[uint32]int{}
		last := time.Duration(0)
		for _, a := range p.Deliver(Packets(n)) {
			arrived[a.Index]++
			if a.At < last {
				t.Fatal("arrivals are not in order")
			}
			last = a.At
		}
		want := p.Loss
		if p.Repeat {
			want *= p.Loss
		}
		if got := 1 - float64(len(arrived))/n; math.Abs(got-want) > want/5 {
			t.Errorf("%+v lost %.4f", p, got)
		}
	}
}

func TestTrace(t *testing.T) {
	got, err := ReadTrace(strings.NewReader("# a comment\n\n1500 7 1\n21500 8 1 end\n"))
	if err != nil || len(got) != 2 || got[0].At != 1500*time.Microsecond || got[1].Index != 8 || !got[1].End || got[0].End {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := ReadTrace(strings.NewReader("1 2\n")); err == nil {
		t.Error("a line of two numbers is a trace")
	}
}
