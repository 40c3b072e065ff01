// Tests of Ring: order across the wrap, both counters, both nudges, and two threads at once.

package audio

import (
	"runtime"
	"testing"
)

func TestRingKeepsOrderAcrossTheWrap(t *testing.T) {
	r := NewRing(100)
	if r.Cap() != 128 {
		t.Fatalf("capacity %d, want 128", r.Cap())
	}
	in, out := make([]float32, 48), make([]float32, 48)
	var next, want float32
	for range 50 {
		for i := range in {
			in[i] = next
			next++
		}
		if n := r.Write(in); n != len(in) {
			t.Fatalf("wrote %d of %d", n, len(in))
		}
		if n := r.Read(out); n != len(out) {
			t.Fatalf("read %d of %d", n, len(out))
		}
		for _, v := range out {
			if v != want {
				t.Fatalf("sample %v, want %v", v, want)
			}
			want++
		}
	}
}

func TestRingCounts(t *testing.T) {
	r := NewRing(64)
	if n := r.Write(make([]float32, 100)); n != 64 {
		t.Errorf("a ring of 64 took %d", n)
	}
	if r.Overruns() != 36 {
		t.Errorf("overruns %d, want 36", r.Overruns())
	}
	if n := r.Discard(14); n != 14 || r.Len() != 50 {
		t.Errorf("discarded %d, left %d", n, r.Len())
	}
	p := make([]float32, 60)
	for i := range p {
		p[i] = 7
	}
	r.Pull(p)
	if r.Underruns() != 10 {
		t.Errorf("underruns %d, want 10", r.Underruns())
	}
	for i, v := range p {
		if v != 0 {
			t.Fatalf("sample %d is %v after an underrun", i, v)
		}
	}
}

func TestRingNudges(t *testing.T) {
	r := NewRing(64)
	r.Write(make([]float32, 8))
	r.Write(make([]float32, 8))
	select {
	case <-r.Readable():
	default:
		t.Error("a write did not nudge the reader")
	}
	select {
	case <-r.Readable():
		t.Error("two writes nudged twice")
	default:
	}
	r.Pull(make([]float32, 8))
	select {
	case <-r.Writable():
	default:
		t.Error("a pull did not nudge the writer")
	}
}

func TestRingBetweenTwoGoroutines(t *testing.T) {
	const total = 200_000
	r := NewRing(256)
	go func() {
		p := make([]float32, 37)
		var next float32
		for sent := 0; sent < total; {
			n := min(len(p), total-sent, r.Cap()-r.Len())
			if n == 0 {
				runtime.Gosched()
				continue
			}
			for i := range p[:n] {
				p[i] = next
				next++
			}
			sent += r.Write(p[:n])
		}
	}()
	p := make([]float32, 53)
	var want float32
	for got := 0; got < total; {
		n := r.Read(p)
		if n == 0 {
			<-r.Readable()
		}
		for _, v := range p[:n] {
			if v != want {
				t.Fatalf("sample %v, want %v", v, want)
			}
			want++
		}
		got += n
	}
}

func TestRingDoesNotAllocate(t *testing.T) {
	r := NewRing(RingSize)
	p := make([]float32, BlockSize)
	if n := testing.AllocsPerRun(100, func() { r.Write(p); r.Pull(p) }); n != 0 {
		t.Errorf("%v allocations a block", n)
	}
}

func BenchmarkRing(b *testing.B) {
	r := NewRing(RingSize)
	p := make([]float32, BlockSize)
	b.ReportAllocs()
	for b.Loop() {
		r.Write(p)
		r.Pull(p)
	}
}
