// Looking from outside: what a link leads to, and which public rooms there are.

package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"stoa/identity"
	"stoa/node"
	"stoa/room"
)

const (
	// moreCards is how long Rooms waits for another room after the last one.
	moreCards = 3 * time.Second

	// maxListings is how many rooms are listed: strangers can make up any
	// number of them.
	maxListings = 500
)

// Glimpse is what a link leads to, as a member of the room says.
type Glimpse struct {
	Title   string
	Topic   string
	Lang    string
	Stage   []string // names of up to eight people who may speak and are there
	People  int
	Role    string    // what the link makes of whoever joins by it
	Expires time.Time // when the link does; zero: never
	Starts  time.Time // when the room meets, unless that is over; zero: nothing is planned
	Ends    time.Time
	About   string // what is planned, in words
}

// Listing is a public room that is alive now.
type Listing struct {
	Title  string
	Topic  string
	Lang   string
	Stage  []string
	People int
	Link   string
	Room   string
	Starts time.Time // as in Glimpse
	Ends   time.Time
	About  string
}

// Preview asks a member of the room that a link leads to for its card, without
// joining. It shows a key made for the occasion, so nobody learns who looked;
// for a link bound to a person it has to be that person's.
func Preview(ctx context.Context, cfg Config, link string) (Glimpse, error) {
	g, err := look(ctx, cfg, link)
	return g, asUserError(err)
}

func look(ctx context.Context, cfg Config, link string) (Glimpse, error) {
	inv, err := parseLink(link)
	if err != nil {
		return Glimpse{}, err
	}
	return glimpse(ctx, &cfg, inv, func() (*identity.Key, error) {
		key, err := identity.LoadKey(filepath.Join(cfg.Home, keyFile), cfg.Passphrase)
		if errors.Is(err, os.ErrNotExist) {
			return nil, identity.ErrNotForYou
		}
		return key, err
	})
}

// glimpse is look behind the reading of the link. own gets this person's key, for a link
// that is bound to a person.
func glimpse(ctx context.Context, cfg *Config, inv *identity.Invite, own func() (*identity.Key, error)) (Glimpse, error) {
	leaf, key := inv.Chain.Leaf(), identity.NewKey
	if !leaf.For.IsZero() {
		key = own
	}
	shown, err := key()
	if err != nil {
		return Glimpse{}, err
	}
	cred, err := inv.Redeem(shown, time.Now())
	if err != nil {
		return Glimpse{}, err
	}
	n, err := openNode(ctx, cfg)
	if err != nil {
		return Glimpse{}, err
	}
	defer n.Close()
	net, err := n.Enter(node.RoomConfig{ID: inv.Room, Rendezvous: inv.Rendezvous, Key: shown})
	if err != nil {
		return Glimpse{}, err
	}
	defer net.Close()
	card, err := askAnybody(ctx, net, hintAddrs(inv.Hints), func(ctx context.Context, to asker) (*room.Card, error) {
		return room.Peek(ctx, to, inv.Room, cred, time.Now())
	})
	if err != nil {
		return Glimpse{}, err
	}
	g := Glimpse{Title: card.Title, Topic: card.Topic, Lang: card.Lang, Stage: card.Stage, People: int(card.Count), Role: leaf.Role.String()}
	g.Starts, g.Ends = planned(card)
	g.About = card.About
	if leaf.Expires != 0 {
		g.Expires = time.UnixMilli(int64(leaf.Expires))
	}
	return g, nil
}

// Rooms finds public rooms of a topic and a language, either of which may be
// empty for any. It ends when ctx does, or when no more rooms turn up.
func Rooms(ctx context.Context, cfg Config, topic, lang string) ([]Listing, error) {
	n, err := openNode(ctx, &cfg)
	if err != nil {
		return nil, asUserError(err)
	}
	defer n.Close()
	var found []Listing
	seek(ctx, n, topic, lang, func(l Listing) { found = append(found, l) })
	return found, nil
}

// seek tells of each public room that is found once, maxListings at most.
func seek(ctx context.Context, n *node.Node, topic, lang string, tell func(Listing)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var patience *time.Timer // from the first room on
	defer func() {
		if patience != nil {
			patience.Stop()
		}
	}()

	seen := map[identity.RoomID]bool{}
	for raw := range n.Cards(ctx, topic, lang) {
		card, err := room.ParseCard(raw)
		if err != nil || card.Verify(time.Now()) != nil || card.Link == "" || seen[card.Room] {
			continue
		}
		if (topic != "" && card.Topic != topic) || (lang != "" && card.Lang != lang) {
			continue
		}
		seen[card.Room] = true
		starts, ends := planned(card)
		tell(Listing{
			Starts: starts, Ends: ends, About: card.About,
			Title: card.Title, Topic: card.Topic, Lang: card.Lang, Stage: card.Stage,
			People: int(card.Count), Link: card.Link, Room: card.Room.String(),
		})
		if len(seen) == maxListings {
			break
		}
		if patience == nil {
			patience = time.AfterFunc(moreCards, cancel)
		}
		patience.Reset(moreCards)
	}
}

// planned is when the room of a card meets.
func planned(card *room.Card) (starts, ends time.Time) {
	if card.Starts == 0 {
		return starts, ends
	}
	return time.UnixMilli(int64(card.Starts)), time.UnixMilli(int64(card.Ends))
}

// openNode starts a node as a person's program runs one.
func openNode(ctx context.Context, cfg *Config) (*node.Node, error) {
	return startNode(ctx, cfg, node.Config{})
}

// startNode starts a node of the kind that with describes, on the network that
// cfg names. Errors are for the person.
func startNode(ctx context.Context, cfg *Config, with node.Config) (*node.Node, error) {
	net, err := networkOf(cfg)
	if err != nil {
		return nil, err
	}
	with.Listen, with.Network, with.Bootstrap, with.Log = cfg.Listen, net, bootstrapOf(cfg), cfg.Log
	n, err := node.Open(ctx, with)
	if err != nil {
		return nil, &UserError{Code: "network_unusable", Text: "this machine's network cannot be used: " + err.Error(), Hint: "look at --listen and --bootstrap", Err: err}
	}
	return n, nil
}
