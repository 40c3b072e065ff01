// Package voice is what is done with a voice between the microphone and the encoder:
//
//	near ─► high-pass ─► echo ─► noise ─► gain ─► limiter
//	far  ─────────────────┘
//
// The high-pass and the gain add no delay and the limiter 1.5 ms (LimiterDelay). What package echo and
// package noise have for the other two adds 5 and 8.5 ms: 15 ms in all. A Detector looks at what the
// canceller has left; a Duck and an Unheard decide what follows from what it finds.
//
// Each stage works in place on blocks of 10 ms and can be switched off while it runs. The canceller
// and the suppressor are given to the Chain, so that whichever is best where it was built can do
// the work.
//
// The canceller and the suppressor in use, audio/echo and audio/noise, were measured beside those of
// WebRTC: Debian's libwebrtc-audio-processing 0.3 (AEC2, delay agnostic; noise suppression "high"),
// and AEC3 as WebAssembly (@ennuicastr/webrtcaec3.js 0.3.0). Least to most, over the rooms and noises
// of make sound TABLE=Echo and TABLE=Noise; near as loud as the echo, noise 10 dB below the voice:
//
//	                audio/echo   WebRTC 0.3   AEC3        untreated
//	ERLE, dB        19 to 48     7 to 42      25 to 41    0
//	STOI of both    0.76 to 0.98 0.50 to 0.72 0.52 to 0.78 0.58 to 0.83
//	near weaker by  0 to 1 dB    4 to 9 dB    1 to 3 dB   0
//
//	                audio/noise  WebRTC 0.3   untreated
//	SNR, babble     +10 to +12   +11 to +13
//	SNR, fan        +13 to +17   +13 to +15
//	SNR, keys       +7 to +14    +1 to +3
//	STOI, babble    0.85 to 0.93 0.81 to 0.89 0.84 to 0.93
//	STOI, fan       0.83 to 0.93 0.80 to 0.89 0.83 to 0.92
//	STOI, keys      0.91 to 0.93 0.84 to 0.90 0.84 to 0.90
//
// WebRTC's cancellers all but close the microphone while both speak; whoever interrupts is not
// understood. So they are not used, though they find a moved room sooner, and the first costs half.
package voice
