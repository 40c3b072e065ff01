// Package audio is the road of sound through the program, from microphone to loudspeaker, without
// the network in the middle, the codec and the devices: those sit behind Encoder, Decoder, Input
// and Output.
//
//	Input ─► Ring ─► Capture: Treatment ─► Encoder ─► Packet        one for the speaker
//	                    ▲
//	                Reference ◄── a copy of what is pulled ────────────────────────────────┐
//	                                                                                       │
//	Packet ─► Source(Jitter ─► Decoder ─► time scale) ─┐                                   │
//	Packet ─► Source(Jitter ─► Decoder ─► time scale) ─┼─► Player: level, mix, limit ─► Ring ─► Output
//	Packet ─► Source(Jitter ─► Decoder ─► time scale) ─┘
//
// Samples are float32 in [-1, 1] at 48 kHz, mono. A frame is 20 ms.
//
// The loudspeaker drives the receiving side. When it has pulled from its ring the Player is woken,
// mixes the 10 ms that are missing, and asks each Source for them; a Source pops its Jitter when it
// runs short. So nothing on that side keeps a clock of its own, and nothing waits for the network.
//
// The microphone drives the sending side, in blocks of 10 ms. What makes a voice of what it hears is a
// Treatment, which package voice fills; beside each block it is given what the loudspeaker played
// meanwhile, in the microphone's time. So no two goroutines meet in it, and no device waits for it.
//
// Delay is what this package guards. A Capture adds the 20 ms of a frame, and a Treatment 15 ms at
// most. A Jitter adds what the network has lately proven to need, 10 ms at least. The ring to the
// loudspeaker holds one pull. Every queue is bounded, and what is late is dropped and counted.
package audio
