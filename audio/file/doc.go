// Package file lets sound files, and nothing at all, stand in for a microphone and a loudspeaker.
//
// A Mic plays WAV (8, 16, 24 and 32 bits, float, 8 to 192 kHz, mono or stereo) and Ogg/Opus files
// (RFC 7845, mono or stereo) in real time. Both are told apart by their content. Stereo becomes mono
// by the mean of its channels; other rates are resampled to 48 kHz without delay and at the same
// level. Files are read as they play, so memory does not depend on their size, nor on what they
// claim; whatever is damaged, cut off or not supported is an error that names the file.
//
// A Speaker records to 16-bit WAV or Ogg/Opus, by the file's name, what somebody would have heard,
// silence included. The file can be played at any moment, also when the process was killed.
//
// A Tape records a conversation: each speaker's Opus packets as they were sent, in a file of their own, and the mix of all, in step.
//
// Silence is a microphone that hears nothing and Null a loudspeaker that nobody hears.
//
// All of them keep an absolute clock: block n of 10 ms is due n times 10 ms after Run began, however
// late the blocks before it were. A microphone hands a block over when it would have been spoken,
// at its end; a loudspeaker pulls it when it begins to be heard. So the delay between a file that is
// played and a file that is recorded is what two people would have measured.
package file
