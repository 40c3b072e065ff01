// What the tests of the package from outside need of its inside.

package node

import "context"

// PublishAnew publishes as an edited client may: under a nonce of its choice, so
// that a message which everybody has seen is other bytes to gossip.
func (r *Room) PublishAnew(ctx context.Context, channel string, msg []byte) error {
	return r.channels[channel].topic.Publish(ctx, r.door.seal(gossipPurpose(channel), msg))
}
