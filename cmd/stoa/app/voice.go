// The two ends of a room's audio: what this node says is sealed and sent, what
// it receives is opened and handed to the player.
//
//	Capture ─► voice: seal ─► node.Room.Send ─► links
//	links ─► ears: open ─► Source ─► Player
//
// Both follow the room's snapshot: whom to send to, under which epoch, and
// whose packets may be opened at all. Nothing here trusts the other side: a
// packet that the state does not allow has no key here to open it with.

package app

import (
	"sync"
	"time"

	"stoa/audio"
	"stoa/identity"
	"stoa/room"
	"stoa/room/seal"
)

// fadeFrames is how many frames a Capture takes at most to fade out when it is
// muted. They are let through, so that nobody hears a click. The last one tells
// the others that silence follows, also when the capture goes on for another
// room.
const fadeFrames = 2

// sender is where sealed packets go. *node.Room is one.
type sender interface {
	Send(packet []byte, to []identity.ID) int
}

// voice seals what this node says in one room. Its methods may be called from
// any goroutine.
type voice struct {
	out sender

	mu     sync.Mutex
	sealer *seal.Sealer
	commit identity.Hash  // of the epoch that sealer has
	room   *room.Snapshot // nil before the first and after close
	on     bool           // this person wants to be heard
	tail   int            // frames that may still go out after on has ended: the fade
	to     []identity.ID  // who may hear it
	last   uint32         // index of the last frame sent
	spoke  bool           // last is valid
	buf    []byte
}

func newVoice(id identity.RoomID, key *identity.Key, session [8]byte, out sender) *voice {
	return &voice{out: out, sealer: seal.NewSealer(id, key, session), buf: make([]byte, 0, seal.MaxPacket)}
}

// want says whether this person wants to be heard, and returns whether that is
// new.
func (v *voice) want(on bool) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.on == on {
		return false
	}
	v.on, v.tail = on, 0
	if !on && v.maySpeak() {
		v.tail = fadeFrames
	}
	return true
}

// wanted reports whether this person wants to be heard.
func (v *voice) wanted() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.on
}

// follow makes the voice obey a snapshot. One goroutine calls it, with each
// snapshot in turn: an older one again would bring back whom it has removed.
func (v *voice) follow(s *room.Snapshot) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.room = s
	if !v.maySpeak() {
		v.tail = 0
	}
	v.to = v.to[:0]
	for _, p := range s.People {
		if p.ID != s.Me.ID && s.State.CanHear(p.ID) {
			v.to = append(v.to, p.ID)
		}
	}
}

// close ends the speaking.
func (v *voice) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.room = nil
	v.to = nil
}

// speaking reports whether this person wants to be heard and may.
func (v *voice) speaking() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.on && v.maySpeak()
}

// allowed reports whether this person may speak, whatever they want.
func (v *voice) allowed() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.maySpeak()
}

func (v *voice) maySpeak() bool {
	return v.room != nil && (v.room.Me.Speaks || !obedient)
}

// say seals one frame and sends it to everybody who may hear it, if this node
// may speak now. Which epoch it is sealed under is decided frame by frame,
// because a new one comes into use some time after it was agreed on.
func (v *voice) say(p audio.Packet, now time.Time) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.maySpeak() || (!v.on && v.tail == 0) {
		return nil
	}
	if !v.on {
		v.tail--
	}
	epoch, known := v.room.Speaking(now)
	if !known {
		return nil // its secret is on the way
	}
	if epoch.Commit != v.commit {
		if err := v.sealer.SetEpoch(seal.Epoch{Commit: epoch.Commit, Secret: epoch.Secret}); err != nil {
			return err
		}
		v.commit = epoch.Commit
	}
	packet, err := v.sealer.Seal(v.buf[:0], seal.Frame{
		Index:   p.Index,
		Since:   v.since(p.Index),
		End:     p.End || (!v.on && v.tail == 0),
		Level:   p.Level,
		Payload: p.Payload,
	})
	if err != nil {
		return err
	}
	v.last, v.spoke = p.Index, true
	if p.End {
		v.tail = 0
	}
	v.out.Send(packet, v.to)
	return nil
}

// since is the distance to the last frame sent in this room, which after a
// mute is not the distance to the last frame captured.
func (v *voice) since(index uint32) uint8 {
	if d := index - v.last; v.spoke && d <= 255 {
		return uint8(d)
	}
	return 0
}

// ears open what others say in one room. Their methods may be called from any
// goroutine.
type ears struct {
	sources func() (*audio.Source, error) // makes one more in the player
	fresh   chan struct{}                 // holds a value when there is a speaker who was not heard before

	mu     sync.Mutex
	opener *seal.Opener
	heard  map[seal.Stream]*hearing
}

// hearing is one speaker as this node hears them.
type hearing struct {
	source *audio.Source
	first  bool // the first sound has been told of
}

func newEars(id identity.RoomID, sources func() (*audio.Source, error)) *ears {
	return &ears{sources: sources, fresh: make(chan struct{}, 1), opener: seal.NewOpener(id), heard: map[seal.Stream]*hearing{}}
}

// follow makes the ears obey a snapshot: from here on only those who may speak
// now can be opened, under the epochs that are known.
func (e *ears) follow(s *room.Snapshot) error {
	var epochs []seal.Epoch
	for _, ep := range s.Epochs {
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
	allowed := make(map[seal.Stream]bool, len(streams))
	for _, st := range streams {
		allowed[st] = true
	}
	for st, h := range e.heard {
		if !allowed[st] {
			h.source.Close()
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
	st, frames, err := e.opener.Open(packet, from)
	if err != nil {
		return
	}
	h := e.heard[st]
	if h == nil {
		source, err := e.sources()
		if err != nil {
			return // no memory for a decoder: the next packet tries again
		}
		h = &hearing{source: source}
		e.heard[st] = h
		select {
		case e.fresh <- struct{}{}:
		default:
		}
	}
	for _, f := range frames {
		h.source.Push(audio.Packet{Index: f.Index, Since: f.Since, End: f.End, Level: f.Level, Payload: f.Payload}, at)
	}
}

// firstSounds returns who was first heard since it was last called, and when.
// waiting says that packets of somebody else are here and not played yet.
func (e *ears) firstSounds() (sounds map[identity.ID]time.Time, waiting bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	sounds = map[identity.ID]time.Time{}
	for st, h := range e.heard {
		if h.first {
			continue
		}
		t := h.source.Stats().First
		h.first = !t.IsZero()
		if h.first {
			sounds[st.Speaker] = t
		}
		waiting = waiting || !h.first
	}
	return sounds, waiting
}

// stats returns what the player counted for each speaker, and what the opener
// refused.
func (e *ears) stats() (map[identity.ID]audio.Stats, seal.Counts) {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make(map[identity.ID]audio.Stats, len(e.heard))
	for st, h := range e.heard {
		out[st.Speaker] = h.source.Stats()
	}
	return out, e.opener.Counts()
}

// close silences everybody.
func (e *ears) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for st, h := range e.heard {
		h.source.Close()
		delete(e.heard, st)
	}
}
