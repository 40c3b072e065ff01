// What one run found, and how it is reckoned.

package main

import (
	"slices"
	"time"
)

// result is one run.
type result struct {
	Peer      string  `json:"peer"`
	Speakers  int     `json:"speakers"`
	Listeners int     `json:"listeners"`
	Joined    int     `json:"joined"`
	Seconds   float64 `json:"seconds"`
	Sent      uint64  `json:"sent"`              // packets of the server to listeners that arrived
	Voices    uint64  `json:"voices"`            // frames of speech in them
	PerSpeech float64 `json:"us_speech_second"`  // µs of the server's CPU for a second of one speaker to one listener
	PerSent   float64 `json:"us_sent"`           // µs of the server's CPU for a packet sent
	Server    float64 `json:"server_cpu_pct"`    // of one core
	Load      float64 `json:"load_cpu_pct"`      // likewise, of the listeners and speakers
	RSS       float64 `json:"rss_listener_kb"`   // more than before anybody listened
	Delay50   float64 `json:"delay_p50_ms"`      // from the speaker's send to the listener's receive
	Delay99   float64 `json:"delay_p99_ms"`      //
	Join50    float64 `json:"join_p50_ms"`       // from dialling to the first voice, while the room fills
	Join99    float64 `json:"join_p99_ms"`       //
	Probe50   float64 `json:"join_full_ms"`      // likewise into the full room, the gate included
	Loss      float64 `json:"loss_pct"`          // of frames
	Carrier   string  `json:"carrier,omitempty"` // how most were served
	Err       string  `json:"error,omitempty"`
}

// account is what has been used and counted until a moment.
type account struct {
	at     time.Time
	server usage
	load   usage
}

func (r *result) charge(from, to account, delays []time.Duration, sent, frames, expected uint64) {
	r.Seconds = to.at.Sub(from.at).Seconds()
	busy := to.server.busy - from.server.busy
	r.Sent, r.Voices = sent, frames
	r.Server = 100 * busy.Seconds() / r.Seconds
	r.Load = 100 * (to.load.busy - from.load.busy).Seconds() / r.Seconds
	if frames > 0 {
		r.PerSpeech = us(busy) / (float64(frames) * frameTime.Seconds())
	}
	if sent > 0 {
		r.PerSent = us(busy) / float64(sent)
	}
	if expected > 0 {
		r.Loss = 100 * (1 - float64(frames)/float64(expected))
	}
	slices.Sort(delays)
	r.Delay50, r.Delay99 = ms(quantile(delays, 0.5)), ms(quantile(delays, 0.99))
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// quantile of what is sorted; zero of nothing.
func quantile[T any](sorted []T, q float64) (v T) {
	if len(sorted) == 0 {
		return v
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
