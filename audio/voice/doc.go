// Package voice is what is done with a voice between the microphone and the encoder:
//
//	near ─► high-pass ─► echo ─► noise ─► gain ─► limiter
//	far  ─────────────────┘
//
// Each stage works in place on blocks of 10 ms and can be switched off while it runs. The canceller
// and the suppressor are given to the Chain, so that whichever is best where it was built can do
// the work.
package voice
