// Package roomtest is a world for rooms to be tested in: a network that
// delays, loses, repeats, reorders and splits, and a disk that fails and
// crashes. Both use the time package directly, so that a testing/synctest
// bubble gives them virtual time.
//
// Validators are honoured as gossip does: a message reaches a member's Next
// only when that member's Check accepts it. Unlike gossip, messages go from
// their author to everybody in one hop, so that a member who refuses one does
// not keep it from others.
package roomtest
