// The names of our protocols, and the domains of what is signed and sealed in them.

package node

const (
	protoAsk   = "/stoa/ask/1"
	protoMedia = "/stoa/media/1"
	protoCard  = "/stoa/card/1"
	protoPush  = "/stoa/push/1"
	protoMesh  = "/stoa/meshsub/1.2"

	domainAsk   = "stoa/ask/1"
	domainReply = "stoa/reply/1"
	domainHello = "stoa/hello/1"
)
