// What a relay host counts of each room, as Prometheus reads it.

package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"stoa/node"
	"stoa/room/seal"
)

// roomFigures is everything that is counted of one room at one instant.
type roomFigures struct {
	room     string // short: titles may be anything, and many
	slots    int
	people   int
	children []node.ChildInfo
	stats    node.RelayStats
	sent     node.ForwardStats
	checks   seal.Checks
	links    []node.LinkInfo
}

var (
	descRooms    = desc("rooms", "Rooms that this relay carries.")
	descSlots    = desc("slots", "Listeners that may be sent voices.", "room")
	descPeople   = desc("people", "People with heartbeats in the room: the stage, relays, and in a small room everybody.", "room")
	descChildren = desc("children", "Listeners attached, by what voices travel in; standby ones are sent none.", "room", "carrier", "state")
	descWaiting  = desc("children_waiting", "Listeners whom the relay does not know to belong to the room yet.", "room")
	descCame     = desc("admissions_total", "Listeners who came and went, by what was decided about them.", "room", "result")
	descVerified = desc("packets_in_total", "Signed voice packets that were verified and passed on.", "room")
	descRefused  = desc("packets_refused_total", "Voice packets that were not passed on, by reason.", "room", "reason")
	descSpeakers = desc("links", "Direct links to speakers, moderators and other relays.", "room", "carrier")
	descBundles  = desc("bundles_out_total", "Bundles of voice packets sent, to all listeners together, by carrier.", "room", "carrier")
	descBytes    = desc("bytes_out_total", "Bytes of these, without IP and UDP.", "room")
	descDigests  = desc("digests_out_total", "Digests sent by themselves, to all listeners together.", "room")
	descDropped  = desc("dropped_total", "What was verified and yet not sent, by reason: quiet, late, full and crowded are packets, the others bundles.", "room", "reason")
	descDelay    = desc("added_delay_seconds", "From when a packet was verified until it had been sent to the last listener.", "room")
	descControl  = desc("control_total", "Control messages, by what became of them.", "room", "result")
	descDescs    = []*prometheus.Desc{
		descRooms, descSlots, descPeople, descChildren, descWaiting, descCame, descVerified, descRefused, descSpeakers,
		descBundles, descBytes, descDigests, descDropped, descDelay, descControl,
	}
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("stoa_relay_"+name, help, labels, nil)
}

// carried collects the figures of the rooms that a session carries. It asks
// when it is asked, so counting costs nothing between.
type carried struct{ session *Session }

func (c carried) Describe(to chan<- *prometheus.Desc) {
	for _, d := range descDescs {
		to <- d
	}
}

func (c carried) Collect(to chan<- prometheus.Metric) {
	rooms := 0
	for _, h := range c.session.rooms() {
		if f, serving := h.carry.figures(); serving {
			f.people, f.links = len(h.room.Snapshot().People), h.net.Links()
			f.collect(to)
			rooms++
		}
	}
	to <- prometheus.MustNewConstMetric(descRooms, prometheus.GaugeValue, float64(rooms))
}

// figures tells what the carrier has counted, if it serves.
func (c *carrier) figures() (roomFigures, bool) {
	c.mu.Lock()
	out, what, checks := c.out, c.what, c.verify.Counts()
	c.mu.Unlock()
	if what != lending {
		return roomFigures{}, false
	}
	return roomFigures{room: c.id.Short(), slots: c.lend().slots, children: out.Children(), stats: out.Stats(), sent: out.Forwarded(), checks: checks}, true
}

func (f *roomFigures) collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, n int, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), append([]string{f.room}, labels...)...)
	}
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), append([]string{f.room}, labels...)...)
	}
	gauge(descSlots, f.slots)
	gauge(descPeople, f.people)
	gauge(descWaiting, f.stats.Waiting)
	children := map[[2]string]int{}
	for _, c := range f.children {
		state := "standby"
		if c.Media {
			state = "media"
		}
		children[[2]string{string(c.Carrier), state}]++
	}
	for k, n := range children {
		gauge(descChildren, n, k[0], k[1])
	}
	links := map[string]int{}
	for _, l := range f.links {
		links[string(l.Carrier)]++
	}
	for carrier, n := range links {
		gauge(descSpeakers, n, carrier)
	}
	for result, n := range map[string]uint64{
		"admitted": f.stats.Admitted, "refused": f.stats.Refused, "full": f.stats.Full, "cut": f.stats.Cut, "lost": f.stats.Lost,
	} {
		counter(descCame, n, result)
	}
	counter(descVerified, f.checks.Passed)
	for reason, n := range map[string]uint64{
		"malformed": f.checks.Malformed, "unsigned": f.checks.Unsigned, "may_not_speak": f.checks.UnknownKey,
		"replayed": f.checks.Replayed, "forged": f.checks.Forged,
	} {
		counter(descRefused, n, reason)
	}
	counter(descBundles, f.sent.Raw, string(node.Raw))
	counter(descBundles, f.sent.Bundles-min(f.sent.Raw, f.sent.Bundles), "quic_or_stream")
	counter(descBytes, f.sent.Bytes)
	counter(descDigests, f.sent.Digests)
	for reason, n := range map[string]uint64{
		"full": f.sent.Full, "quiet": f.sent.Quiet, "late": f.sent.Late, "crowded": f.sent.Crowded,
		"silent_listener": f.sent.Stale, "upload_cap": f.sent.Capped, "system": f.sent.Failed,
	} {
		counter(descDropped, n, reason)
	}
	to <- delays(&f.sent, f.room)
	for result, n := range map[string]uint64{
		"fed": f.stats.Fed, "published": f.stats.Published, "unwelcome": f.stats.Unwelcome,
		"letter": f.stats.Letters, "letter_returned": f.stats.Returned,
	} {
		counter(descControl, n, result)
	}
}

// delays is the histogram of what the relay adds to a packet's way.
func delays(s *node.ForwardStats, room string) prometheus.Metric {
	buckets := make(map[float64]uint64, len(node.DelayBounds))
	var n uint64
	for i, bound := range node.DelayBounds {
		n += s.Delays[i]
		buckets[bound.Seconds()] = n
	}
	n += s.Delays[len(node.DelayBounds)]
	return prometheus.MustNewConstHistogram(descDelay, n, s.DelaySum.Seconds(), buckets, room)
}
