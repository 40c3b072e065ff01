// What this node says in one room: sealed, and sent.
//
//	Capture ─┬─► packer ─► seal ───────────► links to whoever hears
//	         └─► packer ─► seal and sign ──► links to relays
//
// voice and ears follow the room's snapshot: whom to send to, under which epoch,
// and whose packets may be opened at all. Nothing here trusts the other side: a
// packet that the state does not allow has no key there to open it with.

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
	out     sender
	witness func(packet []byte, at time.Time)         // is shown what goes to relays; may be nil
	record  func(seal.Stream, *seal.Frame, time.Time) // is given every frame, and must not wait or keep it; may be nil
	stream  seal.Stream                               // of this person and run

	mu     sync.Mutex
	sealer *seal.Sealer
	commit identity.Hash  // of the epoch that sealer has
	room   *room.Snapshot // nil before the first and after close
	on     bool           // this person wants to be heard
	tail   int            // frames that may still go out after on has ended: the fade
	to     []identity.ID  // who may hear it
	packs  packer         // what they get: at first a packet a frame
	relays []identity.ID  // who carries it on
	pairs  packer         // what they get
	last   uint32         // index of the last frame sent
	spoke  bool           // last is valid
	said   uint64         // frames sent
	buf    []byte
}

func newVoice(id identity.RoomID, key *identity.Key, session [8]byte, out sender) *voice {
	return &voice{
		out: out, sealer: seal.NewSealer(id, key, session), buf: make([]byte, 0, seal.MaxPacket),
		packs: packer{size: 1}, pairs: packer{size: 2}, stream: seal.Stream{Speaker: key.ID(), Session: session},
	}
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
	v.feed(time.Now())
}

// review looks again who carries this voice on, which time alone may change.
func (v *voice) review(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.room != nil {
		v.feed(now)
	}
}

// feed sets who carries this voice on. The caller holds mu.
func (v *voice) feed(now time.Time) {
	if v.relays = fedBy(v.room, now); len(v.relays) == 0 {
		v.pairs.forget()
	}
}

// pack says how many frames a packet to listeners holds, from the next one on.
func (v *voice) pack(frames int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.packs.size = min(max(frames, 1), seal.MaxFrames)
}

// flip pairs the frames for relays the other way.
func (v *voice) flip() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pairs.flip()
}

// close ends the speaking.
func (v *voice) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.room = nil
	v.to, v.relays = nil, nil
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

// say seals one frame, when its packet is full, and sends it to everybody who
// may hear it and to the relays, if this node may speak now. Which epoch it is
// sealed under is decided packet by packet, because a new one comes into use
// some time after it was agreed on.
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
	frame := seal.Frame{
		Index:   p.Index,
		Since:   v.since(p.Index),
		End:     p.End || (!v.on && v.tail == 0),
		Level:   p.Level,
		Payload: p.Payload,
	}
	if v.record != nil {
		v.record(v.stream, &frame, now)
	}
	v.last, v.spoke = p.Index, true
	v.said++
	if p.End {
		v.tail = 0
	}
	err := v.packs.add(frame, now, func(frames ...seal.Frame) error {
		packet, err := v.sealer.Seal(v.buf[:0], frames...)
		if err != nil {
			return err
		}
		v.out.Send(packet, v.to)
		return nil
	})
	if err != nil || len(v.relays) == 0 {
		return err
	}
	return v.pairs.add(frame, now, func(frames ...seal.Frame) error {
		packet, err := v.sealer.SealSigned(v.buf[:0], frames...)
		if err != nil {
			return err
		}
		v.out.Send(packet, v.relays)
		if v.witness != nil {
			v.witness(packet, now)
		}
		return nil
	})
}

// relayed says whether relays, or somebody who helps, carry this voice on.
func (v *voice) relayed() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.relays) > 0
}

// sent says how much has been sent until now.
func (v *voice) sent(now time.Time) spokenMark {
	v.mu.Lock()
	defer v.mu.Unlock()
	m := spokenMark{at: now, frames: v.said}
	if v.spoke {
		m.index = v.last + 1
	}
	return m
}

// since is the distance to the last frame sent in this room, which after a
// mute is not the distance to the last frame captured.
func (v *voice) since(index uint32) uint8 {
	if d := index - v.last; v.spoke && d <= 255 {
		return uint8(d)
	}
	return 0
}
