// What a listener makes of a relay's bundles, and what a relay can say of its forwarding.

package node

import "time"

// bundle takes a bundle off an attachment's path: the packets that have not come before.
func (a *Attachment) bundle(b []byte, at time.Time) {
	u, ok := parseBundle(b)
	if !ok {
		return
	}
	news, missed := a.meter.arrived(u.seq, u.stamp, u.repeats > 0, at)
	if news && a.cfg.OnBundle != nil {
		a.cfg.OnBundle(a.meter.highest(), at)
	}
	for repeat, packet := range u.all() {
		if a.cfg.OnPacket != nil && (repeat && missed || !repeat && news) {
			a.packets.Add(1)
			a.cfg.OnPacket(packet, at)
		}
	}
	if len(u.digest) > 0 && news && a.cfg.OnDigest != nil {
		a.cfg.OnDigest(u.digest, at)
	}
}

// Forwarded counts what was forwarded so far.
func (rl *Relay) Forwarded() ForwardStats { return rl.fan.stats() }

// Flips lists the KIDs of the speakers who should pair their frames the other way, for
// [Room.Advise]: then one bundle holds the packets of all.
func (rl *Relay) Flips() []uint64 { return rl.fan.flips() }
