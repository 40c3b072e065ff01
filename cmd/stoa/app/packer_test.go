package app

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"stoa/audio"
	"stoa/room/seal"
)

// TestPacker writes packets as the indices of their frames, with ! for the end
// of talk.
func TestPacker(t *testing.T) {
	type step struct {
		index uint32
		end   bool
		after time.Duration // since the step before, beside the time that passes in the indices
		flip  bool          // before it
	}
	run := func(from, to uint32) (steps []step) {
		for i := from; i <= to; i++ {
			steps = append(steps, step{index: i})
		}
		return steps
	}
	ends := func(s []step) []step { s[len(s)-1].end = true; return s }
	flips := func(s []step, at int) []step { s[at].flip = true; return s }
	for name, c := range map[string]struct {
		steps []step
		want  string
		size  int // 2 when 0
	}{
		"two by two":                   {run(0, 5), "0+1 2+3 4+5", 0},
		"begins in the middle of one":  {run(3, 7), "3 4+5 6+7", 0},
		"ends with one":                {ends(run(0, 4)), "0+1 2+3 4!", 0},
		"ends with two":                {ends(run(0, 3)), "0+1 2+3!", 0},
		"a single one":                 {ends(run(1, 1)), "1!", 0},
		"waits":                        {run(0, 2), "0+1", 0},
		"a pause that nobody told of":  {[]step{{index: 0}, {index: 2}, {index: 3}}, "0 2+3", 0},
		"a pause of longer":            {[]step{{index: 0}, {index: 9}, {index: 10}, {index: 11}}, "9 10+11", 0},
		"a stall":                      {[]step{{index: 0}, {index: 1, after: time.Second}, {index: 2}, {index: 3}}, "1 2+3", 0},
		"the other way":                {flips(run(0, 6), 4), "0+1 2+3 4 5+6", 0},
		"the other way within a pair":  {flips(run(0, 6), 3), "0+1 2+3 4 5+6", 0},
		"the other way and back":       {flips(flips(run(0, 9), 2), 6), "0+1 2 3+4 5+6 7 8+9", 0},
		"the last index of all":        {run(1<<32-3, 1<<32-2), fmt.Sprintf("%d", uint32(1<<32-3)), 0},
		"a frame that comes once more": {[]step{{index: 4}, {index: 4}}, "4", 0},
		"three by three":               {ends(run(0, 6)), "0+1+2 3+4+5 6!", 3},
		"four, cut short":              {ends(run(2, 8)), "2+3 4+5+6+7 8!", 4},
		"one by one":                   {run(1, 3), "1 2 3", 1},
	} {
		p := packer{size: c.size}
		if c.size == 0 {
			p.size = 2
		}
		var got []string
		now := time.Unix(1000, 0)
		for i, s := range c.steps {
			if i > 0 {
				now = now.Add(s.after + time.Duration(s.index-c.steps[i-1].index)*audio.FrameTime)
			}
			if s.flip {
				p.flip()
			}
			payload := []byte{byte(s.index), 1}
			err := p.add(seal.Frame{Index: s.index, End: s.end, Payload: payload}, now, func(frames ...seal.Frame) error {
				var words []string
				for _, f := range frames {
					if f.Payload[0] != byte(f.Index) {
						t.Errorf("%s: frame %d has the payload of another", name, f.Index)
					}
					w := fmt.Sprint(f.Index)
					if f.End {
						w += "!"
					}
					words = append(words, w)
				}
				got = append(got, strings.Join(words, "+"))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			payload[0] ^= 0xff // the caller uses it again
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

func TestPackerEmptyEnd(t *testing.T) {
	p := packer{size: 2}
	var sizes []int
	emit := func(frames ...seal.Frame) error { sizes = append(sizes, len(frames)); return nil }
	now := time.Unix(1000, 0)
	for _, f := range []seal.Frame{{Index: 0, Payload: []byte{1}}, {Index: 1, End: true}} {
		if err := p.add(f, now, emit); err != nil {
			t.Fatal(err)
		}
	}
	if fmt.Sprint(sizes) != "[1 1]" {
		t.Errorf("an end without words goes out as %v, want alone", sizes)
	}
}

func TestPackerForgets(t *testing.T) {
	p := packer{size: 2}
	emit := func(frames ...seal.Frame) error { return errors.New("something went out") }
	now := time.Unix(1000, 0)
	if err := p.add(seal.Frame{Index: 0, Payload: []byte{1}}, now, emit); err != nil {
		t.Fatal(err)
	}
	p.forget()
	if err := p.add(seal.Frame{Index: 2, Payload: []byte{1}}, now, emit); err != nil {
		t.Error(err)
	}
}

// Frames that would make too large a packet together go out alone, and nothing is lost.
func TestPackerKeepsPacketsSmall(t *testing.T) {
	p := packer{size: 4}
	var sizes []int
	emit := func(frames ...seal.Frame) error {
		sum := 0
		for _, f := range frames {
			sum += len(f.Payload)
		}
		sizes = append(sizes, sum)
		return nil
	}
	now := time.Unix(1000, 0)
	for i, size := range []int{400, 400, 400, 100, 1200, 900, 200, 1} {
		if err := p.add(seal.Frame{Index: uint32(i), Payload: make([]byte, size), End: i == 7}, now, emit); err != nil {
			t.Fatal(err)
		}
	}
	if fmt.Sprint(sizes) != "[800 500 1200 900 201]" {
		t.Errorf("packets of %v bytes", sizes)
	}
}
