// Package voice is what is done with a voice between the microphone and the encoder:
//
//	near ─► high-pass ─► echo ─► noise ─► gain ─► limiter
//	far  ─────────────────┘
//
// The high-pass, the canceller and the gain add no delay, the limiter adds 1.5 ms (LimiterDelay), and a
// suppressor may add the 8.5 ms that are left of 10. A Detector looks at what the canceller has left; a
// Duck and an Unheard decide what follows from what it finds.
//
// Each stage works in place on blocks of 10 ms and can be switched off while it runs. The canceller
// and the suppressor are given to the Chain, so that whichever is best where it was built can do
// the work.
package voice
