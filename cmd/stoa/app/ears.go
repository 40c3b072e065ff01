// What others say in one room: opened, counted, and handed to the player.
//
//	links, relays ─► open ─► tally ─► Source ─► Player

package app

import (
	"errors"
	"sync"
	"time"

	"stoa/audio"
	"stoa/identity"
	"stoa/room"
	"stoa/room/seal"
)

// ears open what others say in one room. Their methods may be called from any
// goroutine.
type ears struct {
	sources func() (*audio.Source, error)             // makes one more in the player; nil when nothing is played
	fresh   flag                                      // holds a value when there is a speaker who was not heard before
	witness func([]byte, time.Time)                   // is shown every packet that is opened; may be nil
	record  func(seal.Stream, *seal.Frame, time.Time) // is given every frame, and must not wait or keep it; may be nil
	volume  func(identity.ID) float32                 // how loud somebody is to be played; nil: as sent
	begins  func()                                    // is told when somebody begins to speak; may be nil, and must not block

	mu     sync.Mutex
	opener *seal.Opener
	sealed *seal.Verifier // for what cannot be opened yet, since a secret is on its way
	heard  map[seal.Stream]*hearing
}

// hearing is one speaker as this node hears them.
type hearing struct {
	source *audio.Source // nil when nothing is played
	tally  tally
	level  uint8 // of the newest frame, as RFC 6464 counts it
	told   bool  // of the first sound
}

func newEars(id identity.RoomID, sources func() (*audio.Source, error)) *ears {
	return &ears{sources: sources, fresh: newFlag(), opener: seal.NewOpener(id), sealed: seal.NewVerifier(id), heard: map[seal.Stream]*hearing{}}
}

// follow makes the ears obey a snapshot: from here on only those who may speak
// now can be opened, under the epochs that are known.
func (e *ears) follow(s *room.Snapshot) error {
	var epochs []seal.Epoch
	var commits []identity.Hash
	for _, ep := range s.Epochs {
		commits = append(commits, ep.Commit)
		if ep.Known {
			epochs = append(epochs, seal.Epoch{Commit: ep.Commit, Secret: ep.Secret})
		}
	}
	var streams []seal.Stream
	for _, p := range s.People {
		if p.Speaks && p.ID != s.Me.ID {
			streams = append(streams, seal.Stream{Speaker: p.ID, Session: p.Session})
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.opener.SetEpochs(epochs); err != nil {
		return err
	}
	if err := e.opener.SetStreams(streams); err != nil {
		return err
	}
	e.sealed.SetSpeakers(streams, commits)
	allowed := make(map[seal.Stream]bool, len(streams))
	for _, st := range streams {
		allowed[st] = true
	}
	for st, h := range e.heard {
		if !allowed[st] {
			h.close()
			delete(e.heard, st)
		}
	}
	return nil
}

// receive opens a packet that came over the link of from and hands its frames
// to the player. What cannot be opened is counted by the opener and dropped.
func (e *ears) receive(from identity.ID, packet []byte, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if st, frames, err := e.opener.Open(packet, from); err == nil {
		e.take(st, frames, packet, at)
	}
}

// A delivery is what came of a packet that a relay has brought.
type delivery int

const (
	brought  delivery = iota // genuine, and here for the first time
	again                    // genuine, and here before, by whatever way
	unwanted                 // of a key that is not known here, which may be nobody's fault
	forgery                  // not made by its speaker, so the relay made it or let it pass
)

// carry opens a packet that a relay has brought, as receive does, and says
// what came of it. Only what is signed may come this way.
func (e *ears) carry(packet []byte, at time.Time) (seal.Glance, delivery) {
	g, ok := seal.Glimpse(packet)
	if !ok || !g.Signed {
		return g, forgery
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	st, frames, err := e.opener.Open(packet, identity.ID{})
	switch {
	case err == nil:
		e.take(st, frames, packet, at)
		return g, brought
	case errors.Is(err, seal.ErrUnknownKey):
		return g, e.unopened(packet)
	case errors.Is(err, seal.ErrReplay):
		return g, again
	case e.opener.Vouched(packet):
		return g, unwanted // a speaker who signs what nobody can open harms himself alone
	}
	return g, forgery
}

// unopened is what came of a packet whose secret is not here: the relay is not
// to blame for that, and need not be believed either. The caller holds mu.
func (e *ears) unopened(packet []byte) delivery {
	switch _, _, err := e.sealed.Check(packet); {
	case err == nil:
		return brought
	case errors.Is(err, seal.ErrReplay):
		return again
	case errors.Is(err, seal.ErrForged):
		return forgery
	}
	return unwanted
}

// knows reports whether a voice is one that a relay could bring: one that this
// node has not heard of yet cannot be missed.
func (e *ears) knows(kid uint64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sealed.Knows(kid)
}

// take hands the frames of a packet that was opened to the player. The caller
// holds mu.
func (e *ears) take(st seal.Stream, frames []seal.Frame, packet []byte, at time.Time) {
	if e.witness != nil {
		e.witness(packet, at)
	}
	h := e.heard[st]
	if h == nil {
		h = &hearing{}
		if e.sources != nil {
			source, err := e.sources()
			if err != nil {
				return // no memory for a decoder: the next packet tries again
			}
			h.source = source
			e.loudness(st.Speaker, source)
		}
		e.heard[st] = h
		e.fresh.set()
	}
	h.tally.packets++
	silent := !h.sounds(at)
	for _, f := range frames {
		h.level = f.Level
		h.tally.add(f.Index, f.End, at)
		if e.record != nil {
			e.record(st, &f, at)
		}
		if h.source != nil {
			h.source.Push(audio.Packet{Index: f.Index, Since: f.Since, End: f.End, Level: f.Level, Payload: f.Payload}, at)
		}
	}
	if silent && e.begins != nil && h.sounds(at) {
		e.begins()
	}
}

// loudness tells a source how loud its speaker is played. The caller holds mu.
func (e *ears) loudness(who identity.ID, source *audio.Source) {
	if e.volume != nil {
		source.SetGain(e.volume(who))
	}
}

// revolume plays somebody as loud as volume says now.
func (e *ears) revolume(who identity.ID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for st, h := range e.heard {
		if st.Speaker == who && h.source != nil {
			e.loudness(who, h.source)
		}
	}
}

// firstSounds returns who was first heard since it was last called, and when.
// waiting says that packets of somebody else are here and not played yet.
func (e *ears) firstSounds() (sounds map[identity.ID]time.Time, waiting bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	sounds = map[identity.ID]time.Time{}
	for st, h := range e.heard {
		if h.told {
			continue
		}
		t := h.first()
		h.told = !t.IsZero()
		if h.told {
			sounds[st.Speaker] = t
		}
		waiting = waiting || !h.told
	}
	return sounds, waiting
}

// stalled are those of whom nothing has come for a while, by whatever way,
// although they had not paused.
func (e *ears) stalled(now time.Time) map[identity.ID]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	who := map[identity.ID]bool{}
	for st, h := range e.heard {
		if t := &h.tally; t.frames > 0 && !t.paused && now.Sub(t.last) >= linkStalled {
			who[st.Speaker] = true
		}
	}
	return who
}

// A coming is how a voice comes in.
type coming struct {
	newest uint32    // index of the newest frame that came and could be opened
	last   time.Time // when something new came
	paused bool      // and it said that a pause follows
}

// comings tells how the voices come in of which anything has come.
func (e *ears) comings() map[identity.ID]coming {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make(map[identity.ID]coming, len(e.heard))
	for st, h := range e.heard {
		if t := &h.tally; t.frames > 0 {
			all[st.Speaker] = coming{t.newest, t.last, t.paused}
		}
	}
	return all
}

// got is, of each voice of which anything has come, how far it has: the index of the
// newest frame and one.
func (e *ears) got() map[identity.ID]uint32 {
	got := map[identity.ID]uint32{}
	for id, c := range e.comings() {
		got[id] = c.newest + 1
	}
	return got
}

// heardStats is how one speaker is heard.
type heardStats struct {
	audio.Stats // zero but for Received when nothing is played
	Speech      time.Duration
	Silence     time.Duration // the longest since stats was called before
}

// stats returns how each speaker was heard until now, and what the opener
// refused.
func (e *ears) stats(now time.Time) (map[identity.ID]heardStats, seal.Counts) {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make(map[identity.ID]heardStats, len(e.heard))
	for st, h := range e.heard {
		out[st.Speaker] = h.stats(now)
	}
	return out, e.opener.Counts()
}

// close silences everybody.
func (e *ears) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for st, h := range e.heard {
		h.close()
		delete(e.heard, st)
	}
}

// first is when the first sound was played, or, where nothing is, came.
func (h *hearing) first() time.Time {
	if h.source != nil {
		return h.source.Stats().First
	}
	return h.tally.first
}

func (h *hearing) stats(now time.Time) heardStats {
	s := heardStats{Speech: time.Duration(h.tally.frames) * audio.FrameTime, Silence: h.tally.silence(now)}
	if h.source != nil {
		s.Stats = h.source.Stats()
	} else {
		s.Received = h.tally.packets
	}
	return s
}

func (h *hearing) close() {
	if h.source != nil {
		h.source.Close()
	}
}

// tally counts what comes of one speaker, before any of it is played.
type tally struct {
	packets uint64
	frames  uint64    // each once, by however many ways it came
	first   time.Time // when the first one came

	newest uint32
	recent uint64    // bit n: newest-n was here
	last   time.Time // when one came that was not here before
	paused bool      // the newest one ended a stretch of talk
	gap    time.Duration
}

// add counts a frame. What is more than 64 frames behind the newest one is left
// out: nobody would hear it.
func (t *tally) add(index uint32, end bool, at time.Time) {
	begun := t.frames > 0
	switch age := t.newest - index; {
	case !begun || index > t.newest:
		t.recent = t.recent<<min(index-t.newest, 64) | 1
		t.newest = index
	case age >= 64 || t.recent&(1<<age) != 0:
		return
	default:
		t.recent |= 1 << age
	}
	switch {
	case !begun:
		t.first = at
	case !t.paused:
		t.gap = max(t.gap, at.Sub(t.last))
	}
	t.frames++
	t.last = at
	if index == t.newest {
		t.paused = end
	}
}

// silence is the longest time since it was last asked in which nothing came
// although the speaker had not said that they pause; one that goes on counts as
// long as it is.
func (t *tally) silence(now time.Time) time.Duration {
	longest := t.gap
	t.gap = 0
	if t.frames > 0 && !t.paused {
		longest = max(longest, now.Sub(t.last))
	}
	return longest
}
