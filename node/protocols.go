// The names of our protocols, and the domains of what is signed and sealed in them.

package node

const (
	protoAsk    = "/stoa/ask/1"
	protoMedia  = "/stoa/media/1"
	protoBundle = "/stoa/bundle/1"
	protoCard   = "/stoa/card/1"
	protoPush   = "/stoa/push/1"
	protoMesh   = "/stoa/meshsub/1.2"

	protoRelay  = "/stoa/relay/1"
	protoLetter = "/stoa/letter/1"

	domainAsk      = "stoa/ask/1"
	domainReply    = "stoa/reply/1"
	domainHello    = "stoa/hello/1"
	domainAttach   = "stoa/attach/1"
	domainAttached = "stoa/attached/1"
	domainLetter   = "stoa/letter/1"
	domainAnswer   = "stoa/letter-answer/1"
)
