// Tests of Jitter: what is played when packets are lost, late, doubled, swapped or paused between;
// golden decisions for traces; and random sequences of operations.

package audio_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoa/audio"
	"stoa/audio/audiotest"
)

var update = flag.Bool("update", false, "write the golden playout decisions anew")

const ms = time.Millisecond

// A player10 pops a Jitter as a Source does, 10 ms of samples at a time, and writes down what it
// got.
type player10 struct {
	j     audio.Jitter
	ahead int
	log   []string
}

func (p *player10) pull(now time.Duration) {
	for p.ahead < audio.BlockSize {
		step := p.j.Pop(now, p.ahead)
		n := audio.FrameSize - step.Skip
		if step.Op == audio.OpSilence {
			n = audio.BlockSize - p.ahead
		}
		if step.Op == audio.OpWait {
			n = audio.BlockSize
		}
		if step.Stretch < -audio.BlockSize/2 { // as in a voice of 100 Hz
			p.j.Stretched(-audio.BlockSize)
			n -= audio.BlockSize
		}
		if step.Stretch > 0 {
			p.j.Stretched(audio.BlockSize)
			n += audio.BlockSize
		}
		p.ahead += n
		p.log = append(p.log, describe(step))
	}
	p.ahead -= audio.BlockSize
}

func describe(s audio.Step) string {
	text := s.Op.String()
	if len(s.Payload) >= 2 {
		text += fmt.Sprint(" ", binary.BigEndian.Uint16(s.Payload))
	}
	if s.Skip > 0 {
		text += fmt.Sprint(" skip ", s.Skip)
	}
	return text
}

// play pops every 10 ms, from 5 ms on, while the arrivals come in, and returns what was played,
// silence left out.
func play(arrivals []audiotest.Arrival, until time.Duration) (ops []string, stats audio.JitterStats) {
	var p player10
	for now := 5 * ms; now < until; now += 10 * ms {
		for len(arrivals) > 0 && arrivals[0].At <= now {
			p.j.Push(arrivals[0].Packet, arrivals[0].At)
			arrivals = arrivals[1:]
		}
		p.pull(now)
	}
	for _, op := range p.log {
		if op != "silence" {
			ops = append(ops, op)
		}
	}
	return ops, p.j.Stats()
}

func at(t time.Duration, index uint32, since uint8, end bool) audiotest.Arrival {
	payload := []byte{byte(index >> 8), byte(index), 0}
	return audiotest.Arrival{Packet: audio.Packet{Index: index, Since: since, End: end, Payload: payload}, At: t}
}

func TestJitterDecides(t *testing.T) {
	tests := []struct {
		name     string
		arrivals []audiotest.Arrival
		want     string
		stats    func(audio.JitterStats) bool
	}{
		{"in order", []audiotest.Arrival{at(0, 0, 0, false), at(20*ms, 1, 1, false), at(40*ms, 2, 1, true)},
			"frame 0, frame 1, frame 2",
			func(s audio.JitterStats) bool { return s.Played == 3 && s.Lost == 0 && s.Waits == 0 }},
		{"swapped in the buffer", []audiotest.Arrival{at(0, 0, 0, false), at(0, 2, 1, true), at(1*ms, 1, 1, false)},
			"frame 0, frame 1, frame 2",
			func(s audio.JitterStats) bool { return s.Late == 0 }},
		{"doubled before and after its turn", []audiotest.Arrival{at(0, 0, 0, false), at(1*ms, 0, 0, false), at(20*ms, 1, 1, true), at(50*ms, 1, 1, true)},
			"frame 0, frame 1",
			func(s audio.JitterStats) bool { return s.Duplicates == 2 && s.Late == 0 && s.Lost == 0 }},
		{"late and waited for", []audiotest.Arrival{at(0, 0, 0, false), at(42*ms, 1, 1, true)},
			"frame 0, wait, frame 1",
			func(s audio.JitterStats) bool { return s.Lost == 0 && s.Late == 0 }},
		{"lost, and found so while waiting", []audiotest.Arrival{at(0, 0, 0, false), at(40*ms, 2, 1, true)},
			"frame 0, wait, fec 2 skip 480, frame 2",
			func(s audio.JitterStats) bool { return s.Recovered == 1 && s.Lost == 0 }},
		{"lost, and waited for too long", []audiotest.Arrival{at(0, 0, 0, false), at(54*ms, 2, 1, true)},
			"frame 0, wait, wait, frame 2",
			func(s audio.JitterStats) bool { return s.Lost == 1 && s.Recovered == 0 }},
		{"two lost", []audiotest.Arrival{at(0, 0, 0, false), at(20*ms, 3, 1, true)},
			"frame 0, lost, fec 3, frame 3",
			func(s audio.JitterStats) bool { return s.Lost == 1 && s.Recovered == 1 }},
		{"lost, and then too late", []audiotest.Arrival{at(0, 0, 0, false), at(20*ms, 2, 1, true), at(60*ms, 1, 1, false)},
			"frame 0, fec 2, frame 2",
			func(s audio.JitterStats) bool { return s.Late == 1 }},
		{"a pause that was announced", []audiotest.Arrival{at(0, 0, 0, true), at(200*ms, 10, 10, false), at(220*ms, 11, 1, true)},
			"frame 0, frame 10, frame 11",
			func(s audio.JitterStats) bool { return s.Lost == 0 && s.Waits == 0 }},
		{"a pause whose announcement was lost", []audiotest.Arrival{at(0, 0, 0, false), at(100*ms, 5, 5, true)},
			"frame 0, wait, wait, wait, wait, wait, wait, wait, frame 5",
			func(s audio.JitterStats) bool { return s.Lost == 0 }},
		{"a pause in the buffer", []audiotest.Arrival{at(0, 0, 0, false), at(1*ms, 3, 3, true)},
			"frame 0, frame 3",
			func(s audio.JitterStats) bool { return s.Lost == 0 && s.Waits == 0 }},
		{"a talkspurt whose beginning is lost", []audiotest.Arrival{at(0, 0, 0, true), at(220*ms, 11, 1, true)},
			"frame 0, fec 11, frame 11",
			func(s audio.JitterStats) bool { return s.Recovered == 1 }},
		{"a stranger's index is not believed at once", []audiotest.Arrival{at(0, 0, 0, false), at(20*ms, 9000, 1, false), at(21*ms, 1, 1, true)},
			"frame 0, frame 1",
			func(s audio.JitterStats) bool { return s.Refused == 1 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ops, stats := play(tt.arrivals, 300*ms)
			got := strings.Join(ops, ", ")
			if got != tt.want {
				t.Errorf("played %s\n want %s", got, tt.want)
			}
			if !tt.stats(stats) {
				t.Errorf("counted %+v", stats)
			}
		})
	}
}

func TestJitterGivesUpOnASilentSpeaker(t *testing.T) {
	ops, _ := play([]audiotest.Arrival{at(0, 0, 0, false)}, 2*time.Second)
	if len(ops) != 31 {
		t.Errorf("waited for %d blocks, want 30", len(ops)-1)
	}
}

func TestJitterRefusesPayloads(t *testing.T) {
	var j audio.Jitter
	j.Push(audio.Packet{}, 0)
	j.Push(audio.Packet{Payload: make([]byte, audio.MaxPayload+1)}, 0)
	if s := j.Stats(); s.Refused != 2 || s.Received != 2 {
		t.Errorf("%+v", s)
	}
	if step := j.Pop(time.Second, 0); step.Op != audio.OpSilence {
		t.Errorf("played %v of nothing", step.Op)
	}
}

func TestJitterCountsPastTheWrap(t *testing.T) {
	var arrivals []audiotest.Arrival
	start := uint32(1<<32 - 10)
	for i := range uint32(30) {
		arrivals = append(arrivals, at(time.Duration(i)*audio.FrameTime, start+i, 1, i == 29))
	}
	ops, stats := play(arrivals, time.Second)
	if len(ops) != 30 || stats.Played != 30 {
		t.Errorf("played %d of 30: %v", stats.Played, ops)
	}
}

func TestJitterFollowsARestartedIndex(t *testing.T) {
	for _, restart := range []uint32{0, 1 << 20} {
		var arrivals []audiotest.Arrival
		for i := range uint32(500) {
			arrivals = append(arrivals, at(time.Duration(i)*audio.FrameTime, 70_000+i, 1, false))
		}
		for i := range uint32(100) {
			arrivals = append(arrivals, at(time.Duration(500+i)*audio.FrameTime, restart+i, 1, i == 99))
		}
		_, stats := play(arrivals, 13*time.Second)
		if stats.Played < 596 {
			t.Errorf("after a jump to %d %d of 600 were played: %+v", restart, stats.Played, stats)
		}
	}
}

// After the network has held packets back for a while everything is played, with the delay that the
// burst has shown to be needed, and the rest of the delay goes away again.
func TestJitterPlaysABurstAndShrinksAgain(t *testing.T) {
	packets := audiotest.Packets(1500)
	arrivals := audiotest.Path{}.Deliver(packets)
	for i := range arrivals {
		if at := arrivals[i].At; at > 5*time.Second && at < 5*time.Second+120*ms {
			arrivals[i].At = 5*time.Second + 120*ms
		}
	}
	var peak, end time.Duration
	dec := newToneDecoder()
	stats := simulate(arrivals, spoken(1490), dec, func(_ time.Duration, s *audio.Source, _ []float32) {
		end = s.Stats().Delay
		peak = max(peak, end)
	})
	if stats.Lost+stats.Dropped+stats.Late != 0 {
		t.Errorf("a burst cost frames: %+v", stats)
	}
	if peak < 100*ms || peak > 160*ms {
		t.Errorf("delay grew to %v for a burst of 120 ms", peak)
	}
	if end > 100*ms || end-stats.Target > 25*ms {
		t.Errorf("%v of delay remained, target %v", end, stats.Target)
	}
}

// A run of lost packets is concealed once and adds no delay.
func TestJitterSkipsARunOfLosses(t *testing.T) {
	arrivals := audiotest.Path{}.Deliver(audiotest.Packets(300))
	for _, run := range []int{1, 2, 3, 8, 14} {
		lossy := append(append([]audiotest.Arrival(nil), arrivals[:200]...), arrivals[200+run:]...)
		stats := simulate(lossy, spoken(300), newToneDecoder(), nil)
		if stats.Lost+stats.Recovered != uint64(run) || stats.Dropped > 0 || stats.Delay > 20*ms {
			t.Errorf("%d lost in a row: %+v", run, stats)
		}
	}
}

// When the loudspeaker has not pulled for a second, what is played then is at most 60 ms older than
// need be, soon after.
func TestJitterShedsWhatAStalledLoudspeakerLeft(t *testing.T) {
	var p player10
	arrivals := audiotest.Path{}.Deliver(audiotest.Packets(500))
	for now := 5 * ms; now < 9*time.Second; now += 10 * ms {
		for len(arrivals) > 0 && arrivals[0].At <= now {
			p.j.Push(arrivals[0].Packet, arrivals[0].At)
			arrivals = arrivals[1:]
		}
		if now > 3*time.Second && now < 4*time.Second {
			continue
		}
		p.pull(now)
		if s := p.j.Stats(); now > 4100*ms && s.Delay > s.Target+60*ms+audio.FrameTime {
			t.Fatalf("%v of delay at %v, target %v", s.Delay, now, s.Target)
		}
	}
	if s := p.j.Stats(); s.Dropped == 0 || s.Delay > 30*ms {
		t.Errorf("%+v", s)
	}
}

// Frames that come two by two, as from a relay, need 20 ms more, and a buffer learns that from the
// first pair.
func TestJitterLearnsPairs(t *testing.T) {
	arrivals := audiotest.Path{}.Deliver(audiotest.Packets(1000))
	for i := 0; i < len(arrivals); i += 2 {
		arrivals[i].At = arrivals[i+1].At
	}
	dec := newToneDecoder()
	stats := simulate(arrivals, spoken(1000), dec, nil)
	if stats.Waits > 33 || stats.Lost != 0 || stats.Delay > 45*ms {
		t.Errorf("%+v", stats)
	}
}

// The golden files hold what is played for each trace. A change of policy shows as a difference in
// them, to be read before it is accepted with -update.
func TestTraces(t *testing.T) {
	names, err := filepath.Glob("testdata/traces/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatal("no traces:", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			arrivals, err := audiotest.ReadTrace(f)
			if err != nil {
				t.Fatal(err)
			}
			ops, s := play(arrivals, arrivals[len(arrivals)-1].At+time.Second)
			got := strings.Join(ops, "\n") + fmt.Sprintf("\n# played %d recovered %d lost %d late %d duplicates %d dropped %d waits %d, delay %v, target %v\n",
				s.Played, s.Recovered, s.Lost, s.Late, s.Duplicates, s.Dropped, s.Waits, s.Delay, s.Target)
			golden := strings.TrimSuffix(name, ".txt") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("playout differs from %s:\n%s", golden, firstDifference(got, string(want)))
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d: got %q, want %q", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
}

// FuzzJitter runs any sequence of pushes and pops. Whatever comes, frames are played once and in
// order, and the counters add up.
func FuzzJitter(f *testing.F) {
	f.Add([]byte{0, 1, 1, 1, 0, 2, 2, 0, 1, 1, 2, 1, 0, 1, 3, 1, 9, 9, 9})
	f.Add([]byte{0, 0, 0, 200, 1, 255, 4, 7, 0, 128, 1, 64, 3, 3, 5, 6, 7, 250, 251})
	f.Fuzz(func(t *testing.T, ops []byte) {
		var j audio.Jitter
		var now time.Duration
		var sent uint32
		ahead, last, played := 0, -1, 0
		for len(ops) >= 2 {
			op, arg := ops[0], ops[1]
			ops = ops[2:]
			now += time.Duration(arg%16) * ms
			switch op % 4 {
			case 0, 1: // the frame that is due, or one up to 40 before or 7 after it
				sent = uint32(now / audio.FrameTime)
				index := sent + uint32(op>>4)
				if op%4 == 1 {
					index = sent - min(sent, uint32(arg>>2))
				}
				since := []uint8{0, 1, 1, 2, 5, 255}[int(arg)%6]
				a := at(0, index, since, arg&0x80 != 0)
				j.Push(a.Packet, now)
			case 2:
				step := j.Pop(now, ahead)
				if (step.Op == audio.OpFrame || step.Op == audio.OpFEC) != (len(step.Payload) > 0) {
					t.Fatalf("%v with %d bytes", step.Op, len(step.Payload))
				}
				if step.Op == audio.OpFrame {
					index := int(binary.BigEndian.Uint16(step.Payload))
					if index <= last {
						t.Fatalf("frame %d after frame %d", index, last)
					}
					last = index
					played++
				}
				if step.Skip != 0 && step.Skip != audio.BlockSize {
					t.Fatalf("skip %d", step.Skip)
				}
				ahead = int(arg) * 2 % audio.BlockSize
			case 3:
				j.Stretched(int(arg) - 128)
			}
			s := j.Stats()
			if s.Target > audio.MaxDelay || int(s.Played) != played ||
				s.Refused+s.Duplicates+s.Late+s.Dropped+s.Played > s.Received {
				t.Fatalf("%+v", s)
			}
		}
		for range 40 + 2*300/20 + 64 { // whatever was left, it ends in silence
			now += 10 * ms
			j.Pop(now, 0)
		}
		now += time.Second
		for i := 0; j.Pop(now, 0).Op != audio.OpSilence; i++ {
			if i > 100 {
				t.Fatal("the speaker is gone and does not fall silent")
			}
		}
	})
}

// FuzzJitterAnything pushes packets that no honest speaker sends.
func FuzzJitterAnything(f *testing.F) {
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		var j audio.Jitter
		for len(data) >= 14 {
			arrival := time.Duration(int64(binary.BigEndian.Uint64(data[4:]))) / 4
			p := audio.Packet{Index: binary.BigEndian.Uint32(data), Since: data[12], End: data[13]&1 != 0, Payload: data[12:14]}
			j.Push(p, arrival)
			for range data[13] % 8 {
				arrival += 10 * ms
				j.Pop(arrival, int(data[12]))
			}
			data = data[14:]
		}
		if s := j.Stats(); s.Refused+s.Duplicates+s.Late+s.Dropped+s.Played > s.Received {
			t.Fatalf("%+v", s)
		}
	})
}

func TestReceivingDoesNotAllocate(t *testing.T) {
	player := audio.NewPlayer()
	s := player.NewSource(&audiotest.Decoder{})
	enc := &audiotest.Encoder{}
	var pcm [audio.FrameSize]float32
	var block [audio.BlockSize]float32
	buf := make([]byte, audio.MaxPayload)
	var index uint32
	frame := func() {
		audiotest.Tone(300, 0.2)(int(index)*audio.FrameSize, pcm[:])
		n, _ := enc.Encode(pcm[:], buf)
		now := time.Duration(index) * audio.FrameTime
		if index%20 != 7 { // some are lost
			s.Push(audio.Packet{Index: index, Since: 1, Payload: buf[:n]}, player.Epoch().Add(now))
		}
		index++
		s.Block(now, block[:])
		s.Block(now+10*ms, block[:])
	}
	for range 100 {
		frame()
	}
	if n := testing.AllocsPerRun(200, frame); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func BenchmarkJitter(b *testing.B) {
	var j audio.Jitter
	payload := make([]byte, 90)
	var now time.Duration
	var index uint32
	b.ReportAllocs()
	for b.Loop() {
		j.Push(audio.Packet{Index: index, Since: 1, Payload: payload}, now)
		j.Pop(now+12*ms, 0)
		index++
		now += audio.FrameTime
	}
}

// What waited while nobody asked for a second is not played: the program was stopped.
func TestJitterForgetsWhatWaitedThroughASleep(t *testing.T) {
	var p player10
	now := time.Duration(0)
	for i := range uint32(20) {
		now = time.Duration(i) * 20 * ms
		p.j.Push(audio.Packet{Index: i, Since: 1, Payload: []byte{0, byte(i)}}, now)
		p.pull(now)
		p.pull(now + 10*ms)
	}
	p.j.Push(audio.Packet{Index: 20, Since: 1, Payload: []byte{0, 20}}, now+20*ms)
	p.log = nil
	now += 60 * time.Second
	p.pull(now)
	p.pull(now + 10*ms)
	for _, step := range p.log {
		if step != "silence" {
			t.Fatalf("after a sleep: %v", p.log)
		}
	}
	first := uint32(20 + 60*50)
	for i := range uint32(5) {
		at := now + time.Duration(i+1)*20*ms
		p.j.Push(audio.Packet{Index: first + i, Since: 1, Payload: []byte{1, byte(i)}}, at)
		p.pull(at)
		p.pull(at + 10*ms)
	}
	if log := strings.Join(p.log, ","); !strings.Contains(log, "frame 256,frame 257,frame 258") {
		t.Errorf("then %v", p.log)
	}
}
