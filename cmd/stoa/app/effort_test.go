package app

import (
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"stoa/audio"
)

func TestPower(t *testing.T) {
	supply := func(files fstest.MapFS, name string, facts ...string) fstest.MapFS {
		for i := 0; i < len(facts); i += 2 {
			files[name+"/"+facts[i]] = &fstest.MapFile{Data: []byte(facts[i+1] + "\n")}
		}
		return files
	}
	empty := func() fstest.MapFS { return fstest.MapFS{} }
	laptop := func(online, status string) fstest.MapFS {
		return supply(supply(empty(), "AC", "type", "Mains", "online", online), "BAT0", "type", "Battery", "status", status)
	}
	mouse := supply(empty(), "hidpp_battery_0", "type", "Battery", "scope", "Device", "status", "Discharging")
	for _, c := range []struct {
		what  string
		files fstest.MapFS
		want  power
	}{
		{"a machine that tells nothing", empty(), powerUnknown},
		{"a laptop with its charger", laptop("1", "Charging"), powerMains},
		{"a laptop that its charger does not keep up with", laptop("1", "Discharging"), powerMains},
		{"a laptop without", laptop("0", "Discharging"), powerBattery},
		{"a battery alone", supply(empty(), "BAT1", "type", "Battery", "scope", "System", "status", "Discharging"), powerBattery},
		{"a full one", supply(empty(), "BAT1", "type", "Battery", "status", "Full"), powerMains},
		{"two, of which one is used", supply(laptop("0", "Not charging"), "BAT1", "type", "Battery", "status", "Discharging"), powerBattery},
		{"a desktop with a mouse", mouse, powerUnknown},
		{"nonsense", supply(empty(), "x", "type", "Flywheel"), powerUnknown},
	} {
		if got := powerOf(c.files); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

// TestEffort plays machines on which a frame takes so long at each complexity.
func TestEffort(t *testing.T) {
	const minute = int(2 * time.Minute / time.Second)
	takes := func(share float64) func(int, int) time.Duration { // of a frame, at the most
		return func(level, _ int) time.Duration {
			return time.Duration(share * float64(level) / effortMost * float64(audio.FrameTime))
		}
	}
	for _, c := range []struct {
		what  string
		on    func(at int) power
		load  func(level, at int) time.Duration
		turns string
	}{
		{"a machine of today", nil, takes(0.01), "10 at 0, "},
		{"on battery, for a while", func(at int) power {
			if at >= 60 && at < 90 {
				return powerBattery
			}
			return powerMains
		}, takes(0.01), "10 at 0, 8 at 60, 10 at 90, "},
		{"nobody speaks", nil, func(int, int) time.Duration { return 0 }, "10 at 0, "},
		{"a slow one", nil, takes(0.4), "8 at 0, 6 at 2, "},
		{"one that cannot", nil, takes(5), "8 at 0, 6 at 2, 4 at 4, 2 at 6, 1 at 8, "},
		{"busy for a few seconds", nil, func(_, at int) time.Duration {
			if at >= 60 && at < 63 {
				return audio.FrameTime
			}
			return audio.FrameTime / 50
		}, "10 at 0, 8 at 60, 6 at 62, 7 at 92, 8 at 122, 9 at 153, 10 at 183, "},
	} {
		e, turns, was := newEffort(), "", -1
		level := effortMost
		for at := range 4 * minute {
			on := powerMains
			if c.on != nil {
				on = c.on(at)
			}
			if level = e.next(on, c.load(level, at), time.Duration(at)*time.Second); level != was {
				turns += fmt.Sprintf("%d at %d, ", level, at)
				was = level
			}
		}
		if turns != c.turns {
			t.Errorf("%s: %s want %s", c.what, turns, c.turns)
		}
	}
}

// TestEffortRestsAfterFailing: a machine that bears one step less than the most is not led to
// stutter twice a minute.
func TestEffortRestsAfterFailing(t *testing.T) {
	e, level, cuts := newEffort(), effortMost, 0
	for at := range 3600 {
		load := loadLittle / 2
		if level > 9 {
			load = 2 * loadMost
		}
		before := level
		if level = e.next(powerMains, load, time.Duration(at)*time.Second); level < before {
			cuts++
		}
	}
	if cuts > 12 || cuts < 3 {
		t.Errorf("%d times too much in an hour", cuts)
	}
}
