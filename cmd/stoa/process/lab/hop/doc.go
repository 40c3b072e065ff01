// Package hop is a bad line for the laboratory: it delays, loses, doubles, reorders and
// throttles IP packets, each direction in its own way and all of it from one seed.
//
//	Line    what a direction does, and its text form
//	Lane    one direction: a pure machine, packets and times in, packets and times out
//	Pump    two lanes between two TUN devices in two network namespaces (Linux, root)
//
// The kernels of many machines have no netem; and this one loses the same packets in every
// run, whatever else the line does and whoever sends them.
//
// # A packet's way
//
//	push ─► queue, at a rate ─► bursts ─► Gilbert-Elliott ─► loss ─► delay and jitter ─► pop
//	         full: dropped       lost      lost               lost    maybe twice, or held back
//
// The queue drops what comes when it is full, as home routers do. What is lost later has
// used the rate all the same.
//
// # Text
//
// A line is written as words with one space between them, each key once at most and in any
// order; the empty text is a line that does nothing. [Line.String] writes them in this order:
//
//	rate=64kbit        bit/s, kbit, mbit or gbit (powers of 1000) of whole IP packets
//	queue=200ms        what may wait for the rate: a time, or bytes as 20000B; 1s when not said
//	delay=50ms         one way
//	jitter=10ms        the delay of each packet is uniform between 10 ms less and 10 ms more;
//	                   none overtakes another; at most the delay
//	scatter=10ms       likewise up to 10 ms more, but packets do overtake one another
//	loss=5%            of the packets, each by itself
//	gilbert=1%/25%     chance of a packet to begin a bad time, and to end one; in it all are lost
//	gilbert=1%/25%/80%/0.1%  ... but for 80 % in it, and 0.1 % outside (Elliott)
//	burst=100ms/5s     everything for the last 100 ms of every 5 s
//	double=1%          of the packets come twice
//	reorder=1%/20ms    of the packets are held back for 20 ms, and others overtake them
package hop
