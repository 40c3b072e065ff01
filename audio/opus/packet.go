// This file reads the length of a packet from its first bytes.

package opus

import "stoa/audio"

// Samples returns how many samples at 48 kHz a packet holds by its table-of-contents byte (RFC 6716
// section 3.1) and frame count (section 3.2), and 0 when it is empty, too short, or above the 120 ms
// that a packet may hold.
//
//	bits 7-3  configuration: mode, bandwidth and frame length
//	bit  2    stereo
//	bits 1-0  0: one frame, 1 and 2: two frames, 3: as many as the low six bits of the next byte say
func Samples(packet []byte) int {
	if len(packet) == 0 {
		return 0
	}
	frames := 1
	switch packet[0] & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(packet) < 2 {
			return 0
		}
		frames = int(packet[1] & 0x3F)
	}
	n := frames * frameSamples(packet[0]>>3)
	if n > MaxPacketSamples {
		return 0
	}
	return n
}

// frameSamples is the length of a frame in one of the 32 configurations, in samples.
func frameSamples(config byte) int {
	const ms = audio.Rate / 1000
	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		return []int{10 * ms, 20 * ms, 40 * ms, 60 * ms}[config&3]
	case config < 16: // hybrid: 10, 20 ms
		return 10 * ms << (config & 1)
	default: // CELT: 2.5, 5, 10, 20 ms
		return 5 * ms / 2 << (config & 3)
	}
}
