// Gossip: control messages to every member, over gossipsub under our own protocol
// names, sealed by the door.

package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// roomChannels are the gossip channels of a room. Everybody subscribes to all.
var roomChannels = []string{"log", "presence", "hands", "chat"}

// Scores of peers, see research on gossipsub in the wild: Ethereum and Filecoin for
// the shape. P3 is off, since control has no steady rate.
const (
	scoreProved   = 10  // signed as somebody who holds the key of a room
	scoreUnproved = -20 // has not after provePatience: kept out of every mesh
	provePatience = 5 * time.Second

	scoreGossip   = -80
	scorePublish  = -160
	scoreGraylist = -300

	colocated = 64 // peers behind one address before it counts against them

	// seenFor is how long a message is known again. It is longer than a room takes a
	// message for fresh: 2 min by the author's clock, which may be 2 min ahead.
	seenFor = 5 * time.Minute
)

func newGossip(n *Node) (*pubsub.PubSub, error) {
	params := pubsub.DefaultGossipSubParams()
	params.D, params.Dlo, params.Dhi = 8, 6, 12
	params.HeartbeatInterval = 700 * time.Millisecond
	params.HeartbeatInitialDelay = 50 * time.Millisecond
	params.HistoryLength, params.HistoryGossip = 6, 3
	// Two heartbeats instead of ten seconds: who leaves a room and comes back is
	// in the mesh again at once.
	params.UnsubscribeBackoff = 2 * time.Second

	g, err := pubsub.NewGossipSub(n.ctx, n.host,
		pubsub.WithLogger(slog.New(demoted{n.log.Handler()})),
		pubsub.WithRPCLogger(slog.New(slog.DiscardHandler)),
		pubsub.WithGossipSubParams(params),
		pubsub.WithGossipSubProtocols([]protocol.ID{protoMesh}, meshFeature),
		pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign),
		pubsub.WithNoAuthor(),
		pubsub.WithMessageIdFn(messageID),
		pubsub.WithMaxMessageSize(64<<10),
		pubsub.WithFloodPublish(true),
		pubsub.WithPeerOutboundQueueSize(64),
		pubsub.WithValidateThrottle(1024),
		pubsub.WithSeenMessagesTTL(seenFor),
		pubsub.WithSubscriptionFilter(n.filter),
		pubsub.WithPeerScore(&pubsub.PeerScoreParams{
			Topics:                      make(map[string]*pubsub.TopicScoreParams),
			TopicScoreCap:               40,
			AppSpecificScore:            n.score,
			AppSpecificWeight:           1,
			IPColocationFactorWeight:    -10,
			IPColocationFactorThreshold: colocated,
			IPColocationFactorWhitelist: []*net.IPNet{
				{IP: net.IPv4(127, 0, 0, 0), Mask: net.CIDRMask(8, 32)},
				{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
			},
			BehaviourPenaltyWeight:    -10,
			BehaviourPenaltyThreshold: 6,
			BehaviourPenaltyDecay:     pubsub.ScoreParameterDecay(10 * time.Minute),
			DecayInterval:             time.Second,
			DecayToZero:               0.01,
			RetainScore:               time.Hour,
		}, &pubsub.PeerScoreThresholds{
			GossipThreshold:             scoreGossip,
			PublishThreshold:            scorePublish,
			GraylistThreshold:           scoreGraylist,
			AcceptPXThreshold:           1000, // nobody: we find peers by presence
			OpportunisticGraftThreshold: 2,
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("start gossip: %w", err)
	}
	return g, nil
}

// meshFeature: one protocol name, with all that gossipsub 1.2 can do.
func meshFeature(f pubsub.GossipSubFeature, p protocol.ID) bool {
	return p == protoMesh && f != pubsub.GossipSubFeatureExtensions
}

func messageID(m *pb.Message) string {
	h := sha256.New()
	h.Write([]byte(m.GetTopic()))
	h.Write(m.GetData())
	return string(h.Sum(nil)[:20])
}

func topicScore() *pubsub.TopicScoreParams {
	return &pubsub.TopicScoreParams{
		TopicWeight:                    1,
		TimeInMeshWeight:               0.01,
		TimeInMeshQuantum:              time.Second,
		TimeInMeshCap:                  300,
		FirstMessageDeliveriesWeight:   1,
		FirstMessageDeliveriesDecay:    pubsub.ScoreParameterDecay(10 * time.Minute),
		FirstMessageDeliveriesCap:      20,
		InvalidMessageDeliveriesWeight: -100,
		InvalidMessageDeliveriesDecay:  pubsub.ScoreParameterDecay(10 * time.Minute),
	}
}

// score is the application's part of a peer's score.
func (n *Node) score(p peer.ID) float64 {
	for _, r := range n.allRooms() {
		if r.book.has(p) {
			return scoreProved
		}
	}
	conns := n.host.Network().ConnsToPeer(p)
	if len(conns) > 0 && time.Since(conns[0].Stat().Opened) > provePatience {
		return scoreUnproved
	}
	return 0
}

const (
	topicPrefix   = "/stoa/1/"
	topicSize     = len(topicPrefix) + 32
	topicsPerPeer = 128 // 32 rooms
)

// topicFilter bounds what peers may tell us of their subscriptions: names of our
// form, so many a peer. It may not ask for topics that we are in, because a peer
// tells once, perhaps before we enter.
type topicFilter struct {
	mu    sync.Mutex
	count map[peer.ID]map[string]bool
}

func newTopicFilter() *topicFilter {
	return &topicFilter{count: make(map[peer.ID]map[string]bool)}
}

// CanSubscribe is asked about our own subscriptions.
func (f *topicFilter) CanSubscribe(topic string) bool {
	return len(topic) == topicSize && strings.HasPrefix(topic, topicPrefix)
}

// FilterIncomingSubscriptions keeps what a peer may have told.
func (f *topicFilter) FilterIncomingSubscriptions(p peer.ID, subs []*pb.RPC_SubOpts) ([]*pb.RPC_SubOpts, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	topics := f.count[p]
	if topics == nil {
		topics = make(map[string]bool)
		f.count[p] = topics
	}
	var kept []*pb.RPC_SubOpts
	for _, s := range subs {
		topic := s.GetTopicid()
		switch {
		case !f.CanSubscribe(topic):
		case !s.GetSubscribe():
			delete(topics, topic)
			kept = append(kept, s)
		case topics[topic] || len(topics) < topicsPerPeer:
			topics[topic] = true
			kept = append(kept, s)
		default:
			return nil, pubsub.ErrTooManySubscriptions
		}
	}
	return kept, nil
}

func (f *topicFilter) forget(p peer.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.count, p)
}

// gossipChannel is one subscribed channel of a room.
type gossipChannel struct {
	name  string
	index byte // in roomChannels
	topic *pubsub.Topic
	sub   *pubsub.Subscription // nil while the room is quiet
}

// gossip is a message that has passed the room's check.
type gossip struct {
	channel string
	msg     []byte
}

// join subscribes to every channel of the room.
func (r *Room) join() error {
	r.channels = make(map[string]*gossipChannel)
	for i, name := range roomChannels {
		topic := r.door.topic(name)
		if err := r.node.gossip.RegisterTopicValidator(topic, r.validator(name)); err != nil {
			return err
		}
		t, err := r.node.gossip.Join(topic)
		if err != nil {
			return err
		}
		c := &gossipChannel{name: name, index: byte(i), topic: t}
		r.channels[name] = c
		if err := t.SetScoreParams(topicScore()); err != nil {
			return err
		}
		if err := r.subscribe(c); err != nil {
			return err
		}
	}
	return nil
}

// part undoes join, as far as it came.
func (r *Room) part() {
	r.joining.Lock()
	defer r.joining.Unlock()
	for _, c := range r.channels {
		if c.sub != nil {
			c.sub.Cancel()
		}
		// Errors mean that the router has stopped and holds nothing more.
		_ = c.topic.Close()
		_ = r.node.gossip.UnregisterTopicValidator(r.door.topic(c.name))
	}
}

// validator opens and checks each message before it is passed on. What does not
// open was sealed by nobody of this room, and whoever passed it on did not check.
func (r *Room) validator(channel string) pubsub.ValidatorEx {
	purpose := gossipPurpose(channel)
	return func(_ context.Context, from peer.ID, m *pubsub.Message) pubsub.ValidationResult {
		if from == r.node.host.ID() {
			return pubsub.ValidationAccept
		}
		plain, err := r.door.openSame(purpose, m.GetData())
		if err != nil {
			return pubsub.ValidationReject
		}
		if r.known.has(messageName(m.GetData())) {
			return pubsub.ValidationIgnore // a relay fed it to us; others have it by now
		}
		accept, bad := r.check(channel, plain)
		switch {
		case accept:
			m.ValidatorData = plain
			r.known.add(messageName(m.GetData()))
			return pubsub.ValidationAccept
		case bad:
			return pubsub.ValidationReject
		}
		return pubsub.ValidationIgnore
	}
}

func gossipPurpose(channel string) string { return "stoa/gossip/1/" + channel }

func (r *Room) check(channel string, msg []byte) (accept, bad bool) {
	f := r.onCheck.Load()
	if f == nil {
		return false, false
	}
	r.checking.Lock()
	defer r.checking.Unlock()
	return (*f)(channel, msg)
}

// Check sets what is asked about each message of another before it is passed on:
// accept; otherwise bad says whether the peer that sent it could have known
// better, which costs it its standing. One call at a time. Until it is set, and after nil,
// nothing passes.
func (r *Room) Check(f func(channel string, msg []byte) (accept, bad bool)) {
	if f == nil {
		r.onCheck.Store(nil)
		return
	}
	r.onCheck.Store(&f)
}

// readChannel moves messages of one channel to the inbox and to the children that we
// serve, until the subscription ends.
func (r *Room) readChannel(c *gossipChannel, sub *pubsub.Subscription) {
	for {
		m, err := sub.Next(r.ctx)
		if err != nil {
			return
		}
		if plain, ok := m.ValidatorData.([]byte); ok { // else it is our own
			r.receive(gossip{c.name, plain})
			r.spread(c, plain, m.GetData())
		}
	}
}

// receive puts a message into the inbox, where the oldest gives way.
func (r *Room) receive(g gossip) {
	for {
		select {
		case r.inbox <- g:
			return
		default:
		}
		select {
		case <-r.inbox:
		default:
		}
	}
}

// Publish sends a message (at most 60 KiB) to every member on the channel "log",
// "presence", "hands" or "chat". Delivery is best effort, and may be repeated. It does not
// come back to us. While the room is [Room.Quiet] it goes through the relays that serve
// us, and fails with [ErrUnreachable] when none does.
func (r *Room) Publish(ctx context.Context, channel string, msg []byte) error {
	c := r.channels[channel]
	if c == nil {
		return fmt.Errorf("publish: no channel %q", channel)
	}
	if len(msg) > maxMessage {
		return fmt.Errorf("publish: %w", ErrTooLarge)
	}
	sealed := r.door.sealSame(gossipPurpose(channel), msg)
	err := r.publish(ctx, c, msg, sealed)
	now := time.Now()
	r.published.Store(&now)
	if errors.Is(err, pubsub.ErrTopicClosed) || errors.Is(err, pubsub.ErrSubscriptionCancelled) {
		return ErrClosed
	}
	return err
}

func (r *Room) publish(ctx context.Context, c *gossipChannel, msg, sealed []byte) error {
	if r.quiet.Load() {
		return r.publishQuietly(c, sealed)
	}
	r.known.add(messageName(sealed))
	r.pushToNewcomers(c, sealed)
	r.spread(c, msg, sealed)
	return c.topic.Publish(ctx, sealed)
}

// Next waits for the next message of another member that passed the check. When
// the reader is slow the oldest of 1024 messages are dropped. It fails with
// ctx's error, or with [ErrClosed] after Close.
func (r *Room) Next(ctx context.Context) (channel string, msg []byte, err error) {
	select {
	case g := <-r.inbox:
		return g.channel, g.msg, nil
	case <-ctx.Done():
		return "", nil, ctx.Err()
	case <-r.ctx.Done():
		return "", nil, ErrClosed
	}
}
