// Package demo shows a whole room at work on one machine: an owner, three
// speakers that talk, relays that carry them, and a crowd that listens.
//
//	owner ─ opens a room, makes links       a process
//	speakers ─ talk in turns                a process each
//	relays ─ `stoa relay`                   a process each, so that one can be killed
//	listeners                               in this process, each a whole node with a key of its own
//
// Nothing in it is simulated: the nodes find one another by the links, over real
// sockets on loopback, and hear what is said under the room's key. Listeners open
// every packet and decode none, but for the one who plays it aloud.
package demo

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"stoa/cmd/stoa/app"
)

// Bounds of Options.
const (
	MaxListeners = 400
	MaxRelays    = 8
)

// Options say what to show.
type Options struct {
	Program   string // the stoa that plays owner, speakers and relays
	Dir       string // an empty folder for the homes
	Listeners int    // 1 to MaxListeners
	Relays    int    // 1 to MaxRelays
	Kill      bool   // kill the busiest relay when everybody has listened for a while
	Listen    bool   // play on the loudspeaker what one listener hears

	Show func(lines []string) // the board, once a second
	Tell func(text string)    // something has happened
}

const (
	// joinAtOnce is how many listeners are on their way in at a time: more would
	// only wait for the processor.
	joinAtOnce = 4

	// joinPatience bounds the wait for one listener to get in.
	joinPatience = 30 * time.Second

	// killAfter is how long everybody listens before a relay is killed, and
	// judgeAfter how long they then have before their silences are told.
	killAfter  = 15 * time.Second
	judgeAfter = 5 * time.Second

	loopback = "/ip4/127.0.0.1/udp/0/quic-v1"
)

//go:embed talk/*.opus
var talk embed.FS

var cast = []string{"Ada", "Ben", "Callum"}

// scene is one run of the demo.
type scene struct {
	Options
	owner   *player
	players []*player          // all who were hired, whatever came of them
	relays  map[string]*player // by key
	private string             // address to bootstrap from

	mu    sync.Mutex
	board *board
}

// Run shows the room until ctx ends, then ends everybody and returns nil when
// that was all. Errors are for the person.
func Run(ctx context.Context, opt Options) error {
	s := &scene{Options: opt, relays: map[string]*player{}, board: newBoard(opt.Listeners)}
	// Whoever is on the stage leaves before this returns, and the folder may go.
	ctx, cancel := context.WithCancel(ctx)
	var crowd sync.WaitGroup
	defer crowd.Wait()
	defer s.dismiss()
	defer cancel()

	began := time.Now()
	link, err := s.enter(ctx)
	if err != nil {
		return inPeace(ctx, err)
	}
	s.Tell(fmt.Sprintf("the room is open: 1 owner, %d speakers, %d relays, after %.1f s", len(cast), opt.Relays, time.Since(began).Seconds()))
	filled := make(chan error, 1)
	crowd.Go(func() { filled <- s.fill(ctx, link, &crowd) })
	return inPeace(ctx, s.watch(ctx, began, filled))
}

func inPeace(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// enter brings owner, relays and speakers into the room and returns the link for
// listeners.
func (s *scene) enter(ctx context.Context) (link string, err error) {
	s.owner, err = s.hire(ctx, "owner", "open", "The stoa", "--in", "silence", "--bootstrap", "none")
	if err != nil {
		return "", err
	}
	if _, err := s.owner.until(ctx, app.EventJoined); err != nil {
		return "", err
	}
	ready, err := s.owner.until(ctx, app.EventReady)
	if err != nil {
		return "", err
	}
	if len(ready.Addrs) == 0 {
		return "", errors.New("the owner's node has no address")
	}
	s.private = ready.Addrs[0]
	for i := range s.Options.Relays {
		if err := s.addRelay(ctx, fmt.Sprint("relay ", i+1)); err != nil {
			return "", err
		}
	}
	for _, name := range cast {
		if err := s.addSpeaker(ctx, name); err != nil {
			return "", err
		}
	}
	return s.invite(ctx, app.InviteOptions{}) // now, so that it names the relays
}

func (s *scene) hire(ctx context.Context, name string, args ...string) (*player, error) {
	home := filepath.Join(s.Dir, strings.ReplaceAll(name, " ", "-"))
	args = append(args, "--listen", loopback)
	if args[0] != "relay" {
		args = append(args, "--out", "none", "--name", name)
	}
	p, err := hire(ctx, s.Program, name, home, func(app.Event) {}, args...)
	if err != nil {
		return nil, err
	}
	s.players = append(s.players, p)
	return p, nil
}

// invite has the owner make a link.
func (s *scene) invite(ctx context.Context, terms app.InviteOptions) (string, error) {
	req := app.Request{Verb: app.VerbInvite, Invite: &terms}
	reply, err := app.Do(ctx, s.owner.home, req, nil)
	if err != nil {
		return "", err
	}
	for _, l := range reply.Lines {
		if strings.HasPrefix(l, "stoa:j/") {
			return l, nil
		}
	}
	return "", errors.New("the owner made no link")
}

func (s *scene) addRelay(ctx context.Context, name string) error {
	link, err := s.invite(ctx, app.InviteOptions{Role: "relay", Uses: 1, Slots: 2 * MaxListeners})
	if err != nil {
		return err
	}
	p, err := s.hire(ctx, name, "relay", "--bootstrap", s.private, link)
	if err != nil {
		return err
	}
	joined, err := p.until(ctx, app.EventJoined)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.relays[joined.Who] = p
	s.board.relays = append(s.board.relays, joined.Who)
	s.board.names[joined.Who] = name
	return nil
}

func (s *scene) addSpeaker(ctx context.Context, name string) error {
	file := filepath.Join(s.Dir, strings.ToLower(name)+".opus")
	clip, err := talk.ReadFile("talk/" + strings.ToLower(name) + ".opus")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, clip, 0o600); err != nil {
		return err
	}
	link, err := s.invite(ctx, app.InviteOptions{Role: "speaker", Uses: 1})
	if err != nil {
		return err
	}
	p, err := s.hire(ctx, name, "join", link, "--in", file, "--loop", "--bootstrap", s.private)
	if err != nil {
		return err
	}
	joined, err := p.until(ctx, app.EventJoined)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.board.cast = append(s.board.cast, joined.Who)
	s.board.names[joined.Who] = name
	return nil
}

// dismiss waits for every program that was hired. Their context has ended.
func (s *scene) dismiss() {
	for _, p := range s.players {
		<-p.over
	}
}

// watch shows the board every second and, when asked, kills a relay.
func (s *scene) watch(ctx context.Context, began time.Time, filled <-chan error) error {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	var kill, judge <-chan time.Time
	var carried []int
	var killed string
	for {
		select {
		case <-second.C:
			s.Show(s.lines(time.Since(began)))
		case err := <-filled:
			if err != nil {
				return err
			}
			filled = nil
			s.Tell(fmt.Sprintf("all %d listeners are in, after %.1f s", s.Listeners, time.Since(began).Seconds()))
			if s.Kill {
				kill = time.After(killAfter)
			}
		case <-kill:
			killed, carried = s.kill()
			if killed == "" {
				s.Tell("no relay is left that could be killed")
				continue
			}
			s.Tell(fmt.Sprintf("%s is killed, which carried %d listeners", killed, len(carried)))
			judge = time.After(judgeAfter)
		case <-judge:
			s.mu.Lock()
			longest, middle := s.board.gap(carried)
			s.mu.Unlock()
			s.Tell(fmt.Sprintf("those whom %s carried missed %d ms of speech at most, half of them less than %d ms",
				killed, longest.Milliseconds(), middle.Milliseconds()))
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *scene) lines(since time.Duration) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.board.lines(since)
}

// kill ends the busiest relay as a power cut would, and returns its name and
// whom it carried. The name is empty when no relay is left.
func (s *scene) kill() (name string, carried []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.board.busiest()
	p, left := s.relays[id]
	if !left {
		return "", nil
	}
	carried = s.board.carriedBy(id)
	s.board.dead[id] = true
	for i := range s.board.ears {
		s.board.ears[i].silence = 0
	}
	p.kill()
	return s.board.names[id], slices.Clone(carried)
}
