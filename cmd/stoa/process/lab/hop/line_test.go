// Tests of the text form.

package hop

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		text string
		want Line
		form string // as String writes it, if not the text
	}{
		{"", Line{}, ""},
		{"delay=50ms jitter=10ms loss=5% burst=100ms/5s rate=64kbit queue=200ms",
			Line{Delay: 50 * ms, Jitter: 10 * ms, Loss: 5, Burst: 100 * ms, Every: 5 * time.Second, Rate: 64000, QueueTime: 200 * ms},
			"rate=64kbit queue=200ms delay=50ms jitter=10ms loss=5% burst=100ms/5s"},
		{"rate=1500bit queue=20000B", Line{Rate: 1500, QueueBytes: 20000}, ""},
		{"rate=2000kbit", Line{Rate: 2_000_000}, "rate=2mbit"},
		{"rate=10gbit", Line{Rate: 10_000_000_000}, ""},
		{"delay=0.05s", Line{Delay: 50 * ms}, "delay=50ms"},
		{"scatter=30ms loss=0.07%", Line{Scatter: 30 * ms, Loss: 0.07}, ""},
		{"gilbert=1%/25%", Line{Gilbert: Gilbert{1, 25, 100, 0}}, ""},
		{"gilbert=1%/25%/80%/0.1%", Line{Gilbert: Gilbert{1, 25, 80, 0.1}}, ""},
		{"double=1% reorder=2%/20ms", Line{Double: 1, Reorder: 2, ReorderBy: 20 * ms}, ""},
		{"loss=100%", Line{Loss: 100}, ""},
	}
	for _, tt := range tests {
		got, err := Parse(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("%q: %+v, %v; want %+v", tt.text, got, err, tt.want)
		}
		form := tt.form
		if form == "" {
			form = tt.text
		}
		if s := got.String(); s != form {
			t.Errorf("%q is written %q, want %q", tt.text, s, form)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		" ", "loss", "loss=", "loss=5", "loss=0x5%", "loss=101%", "loss=-1%", "loss=+5%", "loss=1e1%", "loss=1.2.3%", "loss=NaN%", "loss=.%", "loss=0.0000000000001%",
		"loss=5%  delay=1ms", " loss=5%", "loss=5% ", "loss=5%\tdelay=1ms", "loss=5% loss=5%", "lost=5%", "Loss=5%",
		"delay=50", "delay=-1ms", "delay=0s", "delay=0", "delay=11s", "delay=+5ms", "delay=1ms jitter=2ms", "jitter=1ms", "delay=NaNs",
		"rate=0bit", "rate=64", "rate=64 kbit", "rate=1bit", "rate=11gbit", "rate=99999999999999999999gbit", "rate=9223372036854775807gbit", "rate=-1kbit", "rate=1.5mbit",
		"queue=200ms", "rate=64kbit queue=20B", "rate=64kbit queue=200000000B", "rate=64kbit queue=-1B", "rate=64kbit queue=9223372036854775807B", "rate=64kbit queue=B",
		"burst=100ms", "burst=100ms/50ms", "burst=100ms/", "burst=/5s", "burst=100ms/5s/5s", "burst=1s/2h",
		"gilbert=1%", "gilbert=1%/0%", "gilbert=0%/0%", "gilbert=1%/2%/3%", "gilbert=1%/2%/3%/4%/5%", "gilbert=1%/25%/100%/0%",
		"reorder=1%", "reorder=1%/0ms", "reorder=0%/1ms", "double=1%/1ms",
	} {
		if l, err := Parse(text); err == nil {
			t.Errorf("%q became %+v", text, l)
		}
	}
}

// What is parsed is written as what is parsed again to the same line.
func FuzzParse(f *testing.F) {
	f.Add("delay=50ms jitter=10ms loss=5% burst=100ms/5s rate=64kbit queue=200ms")
	f.Add("gilbert=1%/25%/80%/0.1% double=1% reorder=2%/20ms scatter=1.5ms")
	f.Add("rate=1gbit queue=20000B")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(l.String())
		if err != nil || again != l {
			t.Fatalf("%q is %+v, but %q is %+v, %v", text, l, l.String(), again, err)
		}
	})
}
