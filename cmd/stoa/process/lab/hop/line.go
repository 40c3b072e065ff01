// Line: what one direction of a hop does to packets, as values and as text.

package hop

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bounds of a [Line].
const (
	maxTime  = 10 * time.Second // of everything but the distance between bursts
	maxEvery = time.Hour
	minRate  = 1000
	maxRate  = 10_000_000_000
	minQueue = 1500 // bytes: one packet of the usual size must fit
	maxQueue = 100_000_000
)

// Percent is a share of packets, from 0 to 100.
type Percent float64

// A Line says what one direction does to the packets that pass. The zero Line lets them
// pass at once. The fields are explained where the package's text form is.
type Line struct {
	Rate       int64         // bit/s; 0 is no bound
	QueueTime  time.Duration // what may wait for the rate; with QueueBytes 0 too: 1 s
	QueueBytes int

	Delay   time.Duration
	Jitter  time.Duration
	Scatter time.Duration

	Loss    Percent
	Gilbert Gilbert
	Burst   time.Duration // of every Every
	Every   time.Duration

	Double    Percent
	Reorder   Percent
	ReorderBy time.Duration
}

// Gilbert is a line with good times and bad ones (Gilbert 1960, Elliott 1963). The zero
// value has good times only, without loss.
type Gilbert struct {
	Begin, End Percent // chance of a packet to change the times to bad, and back
	Bad, Good  Percent // lost in each; Bad is 100 in Gilbert's own model
}

// defaultQueue is what may wait for a rate when nothing is said: routers that are sold hold
// about so much (the "bufferbloat" of RFC 8290 section 1).
const defaultQueue = time.Second

// Check returns an error that names the first thing in the line that cannot be.
func (l *Line) Check() error {
	for _, t := range []struct {
		name string
		d    time.Duration
		most time.Duration
	}{
		{"queue", l.QueueTime, maxTime},
		{"delay", l.Delay, maxTime},
		{"jitter", l.Jitter, l.Delay},
		{"scatter", l.Scatter, maxTime},
		{"burst", l.Burst, maxTime},
		{"distance of bursts", l.Every, maxEvery},
		{"reorder", l.ReorderBy, maxTime},
	} {
		if t.d < 0 || t.d > t.most {
			return fmt.Errorf("%s of %v: want 0 to %v", t.name, t.d, t.most)
		}
	}
	for _, p := range []Percent{l.Loss, l.Gilbert.Begin, l.Gilbert.End, l.Gilbert.Bad, l.Gilbert.Good, l.Double, l.Reorder} {
		if !(p >= 0 && p <= 100) { // NaN is neither
			return fmt.Errorf("%v%%: want 0 to 100", float64(p))
		}
	}
	switch {
	case l.Rate != 0 && (l.Rate < minRate || l.Rate > maxRate):
		return fmt.Errorf("rate of %d bit/s: want %d to %d", l.Rate, minRate, maxRate)
	case l.Rate == 0 && (l.QueueTime != 0 || l.QueueBytes != 0):
		return errors.New("a queue needs a rate")
	case l.QueueTime != 0 && l.QueueBytes != 0:
		return errors.New("a queue in time and in bytes")
	case l.QueueBytes != 0 && (l.QueueBytes < minQueue || l.QueueBytes > maxQueue):
		return fmt.Errorf("queue of %d bytes: want %d to %d", l.QueueBytes, minQueue, maxQueue)
	case l.Burst > l.Every || (l.Burst == 0) != (l.Every == 0):
		return fmt.Errorf("bursts of %v every %v", l.Burst, l.Every)
	case (l.Gilbert.Begin == 0) != (l.Gilbert.End == 0), l.Gilbert.Begin == 0 && l.Gilbert != Gilbert{}:
		return errors.New("gilbert: both chances must be above 0%")
	case (l.Reorder == 0) != (l.ReorderBy == 0):
		return errors.New("reorder: a share and a time")
	}
	return nil
}

// Parse reads the text form of a line.
func Parse(text string) (Line, error) {
	var l Line
	seen := map[string]bool{}
	if text == "" {
		return l, nil
	}
	for word := range strings.SplitSeq(text, " ") {
		key, value, found := strings.Cut(word, "=")
		if !found {
			return Line{}, fmt.Errorf("%q is not key=value", word)
		}
		if seen[key] {
			return Line{}, fmt.Errorf("%s is there twice", key)
		}
		seen[key] = true
		if err := l.set(key, value); err != nil {
			return Line{}, fmt.Errorf("%s: %w", word, err)
		}
	}
	return l, l.Check()
}

// set takes one word of the text. What means nothing, as loss=0%, is refused: a line has one
// text but for the order and the units.
func (l *Line) set(key, value string) (err error) {
	switch key {
	case "rate":
		l.Rate, err = parseRate(value)
	case "queue":
		if bytes, inBytes := strings.CutSuffix(value, "B"); inBytes {
			var n int64
			n, err = parseNumber(bytes)
			l.QueueBytes = int(min(n, maxQueue+1))
		} else {
			l.QueueTime, err = parseTime(value)
		}
	case "delay":
		l.Delay, err = parseTime(value)
	case "jitter":
		l.Jitter, err = parseTime(value)
	case "scatter":
		l.Scatter, err = parseTime(value)
	case "loss":
		l.Loss, err = parsePercent(value)
	case "gilbert":
		l.Gilbert, err = parseGilbert(value)
	case "burst":
		burst, every, _ := strings.Cut(value, "/")
		if l.Burst, err = parseTime(burst); err == nil {
			l.Every, err = parseTime(every)
		}
	case "double":
		l.Double, err = parsePercent(value)
	case "reorder":
		share, by, _ := strings.Cut(value, "/")
		if l.Reorder, err = parsePercent(share); err == nil {
			l.ReorderBy, err = parseTime(by)
		}
	default:
		return errors.New("there is no such key")
	}
	return err
}

func parseGilbert(value string) (Gilbert, error) {
	parts := strings.Split(value, "/")
	if len(parts) != 2 && len(parts) != 4 {
		return Gilbert{}, errors.New("want begin/end or begin/end/bad/good")
	}
	var p [4]Percent
	for i, part := range parts {
		var err error
		if p[i], err = parsePercent(part); err != nil {
			return Gilbert{}, err
		}
	}
	g := Gilbert{p[0], p[1], p[2], p[3]}
	if len(parts) == 2 {
		g.Bad = 100
	} else if g.Bad == 100 && g.Good == 0 {
		return Gilbert{}, errors.New("write it without the last two")
	}
	return g, nil
}

// parsePercent reads digits with a fraction or none, and the sign.
func parsePercent(s string) (Percent, error) {
	digits, found := strings.CutSuffix(s, "%")
	if !found || len(digits) == 0 || len(digits) > 12 || strings.Trim(digits, ".0123456789") != "" {
		return 0, errors.New("want a share such as 5% or 0.5%")
	}
	p, err := strconv.ParseFloat(digits, 64)
	return Percent(p), err
}

func parseTime(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 || s[0] == '+' {
		return 0, errors.New("want a time above 0 such as 50ms or 1.5s")
	}
	return d, nil
}

// units of a rate, the largest first: it is written in the largest that divides it.
var units = []struct {
	name string
	bits int64
}{{"gbit", 1e9}, {"mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}}

func parseRate(s string) (int64, error) {
	for _, u := range units {
		digits, found := strings.CutSuffix(s, u.name)
		if !found {
			continue
		}
		n, err := parseNumber(digits)
		if err == nil && n <= maxRate/u.bits {
			return n * u.bits, nil
		}
		break
	}
	return 0, errors.New("want a rate such as 64kbit, at most 10gbit")
}

func parseNumber(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || n == 0 {
		return 0, errors.New("want a whole number above 0")
	}
	return int64(n), nil
}

// String is the line as Parse reads it.
func (l Line) String() string {
	var words []string
	word := func(wanted bool, format string, args ...any) {
		if wanted {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	for _, u := range units {
		if l.Rate%u.bits == 0 {
			word(l.Rate != 0, "rate=%d%s", l.Rate/u.bits, u.name)
			break
		}
	}
	word(l.QueueTime != 0, "queue=%v", l.QueueTime)
	word(l.QueueBytes != 0, "queue=%dB", l.QueueBytes)
	word(l.Delay != 0, "delay=%v", l.Delay)
	word(l.Jitter != 0, "jitter=%v", l.Jitter)
	word(l.Scatter != 0, "scatter=%v", l.Scatter)
	word(l.Loss != 0, "loss=%v", l.Loss)
	switch g := l.Gilbert; {
	case g == Gilbert{}:
	case g.Bad == 100 && g.Good == 0:
		word(true, "gilbert=%v/%v", g.Begin, g.End)
	default:
		word(true, "gilbert=%v/%v/%v/%v", g.Begin, g.End, g.Bad, g.Good)
	}
	word(l.Burst != 0, "burst=%v/%v", l.Burst, l.Every)
	word(l.Double != 0, "double=%v", l.Double)
	word(l.Reorder != 0, "reorder=%v/%v", l.Reorder, l.ReorderBy)
	return strings.Join(words, " ")
}

func (p Percent) String() string { return strconv.FormatFloat(float64(p), 'f', -1, 64) + "%" }

// queue is how long the last byte that waits may have to wait.
func (l *Line) queue() time.Duration {
	switch {
	case l.QueueBytes != 0:
		return l.takes(l.QueueBytes)
	case l.QueueTime != 0:
		return l.QueueTime
	}
	return defaultQueue
}

// takes is how long so many bytes occupy a line with a rate.
func (l *Line) takes(bytes int) time.Duration {
	return time.Duration((int64(bytes)*8*int64(time.Second) + l.Rate - 1) / l.Rate)
}
