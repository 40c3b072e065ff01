// Package hear is the listener at the far end: it compares what a stoa recorded with
// what was said, and so knows who was heard, when, and with which gaps. It judges
// recordings alone, by clips of real speech, and shares nothing with the program
// that it judges.
package hear
