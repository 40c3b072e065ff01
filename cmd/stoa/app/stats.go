// How the sound of a room fares, in figures.

package app

import (
	"time"

	"stoa/audio"
	"stoa/identity"
	"stoa/node"
)

// codecDelay is what capture and codec add before a packet leaves and after it
// has arrived: one frame that has to be full, and the look-ahead of Opus (RFC
// 6716 section 2.1.4; 6.5 ms in its VoIP mode).
const codecDelay = audio.FrameTime + 6500*time.Microsecond

// stats describes the room's sound.
func (h *hall) stats() *Stats {
	heard, counts := h.ears.stats(time.Now())
	links := map[identity.ID]node.LinkInfo{}
	out := &Stats{
		Room:   h.id.String(),
		People: len(h.room.Snapshot().People),
		Refused: nonZero(map[string]uint64{
			"malformed":   counts.Malformed,
			"unknown_key": counts.UnknownKey,
			"not_speaker": counts.NotSpeaker,
			"forged":      counts.Forged,
			"replayed":    counts.Replayed,
		}),
		Speakers: []SpeakerStats{},
		Lacked:   ms(h.lacked()),
	}
	held := h.seats.tether.state()
	out.Relays = relayStats(&held, h.seats.quiet())
	for _, l := range h.net.Links() {
		links[l.ID] = l
		out.Sent += l.Sent
		out.Dropped += l.Dropped
	}
	out.Links = len(links)
	if m := h.manner.Load(); m != nil && h.voice.speaking() {
		out.Sending = sendingStats(m)
	}
	for _, id := range sortedIDs(heard) {
		l, linked := links[id]
		if !linked && held.Primary != nil {
			l = node.LinkInfo{Way: byRelay, Carrier: held.Primary.Carrier, RTT: held.Primary.RTT}
		}
		out.Speakers = append(out.Speakers, speakerStats(id, heard[id], l))
	}
	return out
}

// sendingStats describes how this node's voice is sent.
func sendingStats(m *manner) *SendingStats {
	return &SendingStats{
		Bitrate: m.bitrate,
		Frames:  m.frames,
		FEC:     m.fec,
		Effort:  m.effort,
		Power:   string(m.power),
		Repeats: m.repeats,
		Limit:   int(m.limit),
		Loss:    m.loss,
		Queue:   ms(m.queue),
	}
}

// relayStats describes by which relays this node hears, nil when by none.
func relayStats(h *held, quiet bool) *RelayStats {
	if h.Primary == nil && h.Shadow == nil {
		return nil
	}
	out := &RelayStats{Quiet: quiet, Left: h.Left}
	if h.Left > 0 {
		out.Why = h.Last.Fault.String()
	}
	if p := h.Primary; p != nil {
		out.Primary, out.Carrier, out.Loss, out.RTT = p.Relay.String(), string(p.Carrier), p.LossIn, ms(p.RTT)
	}
	if s := h.Shadow; s != nil {
		out.Shadow = s.Relay.String()
	}
	return out
}

func speakerStats(id identity.ID, s heardStats, l node.LinkInfo) SpeakerStats {
	return SpeakerStats{
		Who:       id.String(),
		Received:  s.Received,
		Played:    s.Played,
		Repaired:  s.Recovered,
		Lost:      s.Lost,
		Late:      s.Late,
		Dropped:   s.Dropped,
		Concealed: s.Concealed,
		Seconds:   s.Speech.Seconds(),
		Silence:   ms(s.Silence),
		Jitter:    ms(s.Jitter),
		Delay:     ms(codecDelay + l.RTT/2 + s.Stats.Delay),
		Carrier:   string(l.Carrier),
		Way:       string(l.Way),
	}
}

// byRelay stands in stats where a voice comes by no link: by a relay.
const byRelay node.Way = "relay"

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// nonZero drops the entries that are zero, so that what is printed is what
// happened.
func nonZero(m map[string]uint64) map[string]uint64 {
	for k, v := range m {
		if v == 0 {
			delete(m, k)
		}
	}
	return m
}
