// Recording a room at the node of who asked for it.
//
//	room.Snapshot ─► follow ──────► withdraw at once ──────┐
//	             └─► run: evidence ─► recording.json ─► allow ─► tape ◄── ears, voice
//
// Nobody is written of whom the folder does not hold a signed consent already,
// and nobody a moment longer than they consent. Who does not answer is left out.

package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"stoa/audio"
	"stoa/identity"
	"stoa/room"
	"stoa/room/seal"
)

const (
	// mostRecorded is how long one recording lasts at the most.
	mostRecorded = 12 * time.Hour

	// leastSpace is how much of a disk a recording leaves free, in bytes.
	leastSpace = 256 << 20

	// mostVoices is how many speakers are recorded: as many as a tape holds.
	mostVoices = 64

	// endTime bounds telling the others that a recording is over.
	endTime = 5 * time.Second
)

// tape is what sound is written on. *file.Tape is one.
type tape interface {
	Allow(who [32]byte, name string)
	Put(who [32]byte, run [8]byte, p audio.Packet, at time.Time)
	Run(ctx context.Context) error
	Missed() (dropped, late, skipped uint64)
}

// recorder records one room. Its methods may be called from any goroutine.
type recorder struct {
	room    *room.Room
	me      identity.ID
	home    string
	log     *slog.Logger
	emit    func(Event)
	changed func() // tells that a View of the room would be another one

	taken atomic.Bool               // a recording is being begun, is on, or is being completed
	begun chan *recording           // holds one, of whoever has taken the recorder, so nobody waits to send
	hot   atomic.Pointer[recording] // what is recorded on now; nil: nothing is

	mu   sync.Mutex
	last *recording // the newest of this run; nil: none
}

// recording is one recording of this node's.
type recording struct {
	id     identity.Hash
	folder *folder // of run alone, but for its path
	tape   tape
	wake   flag
	over   chan struct{} // closed when it has to end
	once   sync.Once

	// guarded by the recorder's mu:
	allowed map[identity.ID]bool
	last    *room.Recording // as it was on last; nil: it has not been seen yet
	done    bool            // the files are complete
}

func (r *recording) end() { r.once.Do(func() { close(r.over) }) }

// heard takes a frame that somebody sent, or this person. It never waits.
func (r *recorder) heard(st seal.Stream, f *seal.Frame, at time.Time) {
	if now := r.hot.Load(); now != nil {
		now.tape.Put(st.Speaker, st.Session, audio.Packet{Index: f.Index, Since: f.Since, End: f.End, Level: f.Level, Payload: f.Payload}, at)
	}
}

// follow makes the recorder obey a snapshot: who consents no more is not written
// any more when it returns.
func (r *recorder) follow(s *room.Snapshot) {
	now := r.hot.Load()
	if now == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	on := recordedNow(s, now.id)
	if on == nil {
		now.end()
	} else {
		now.last = on
	}
	for id := range now.allowed {
		if !on.Consents(id) {
			now.tape.Allow(id, "")
			delete(now.allowed, id)
		}
	}
	now.wake.set()
}

// recordedNow is the recording of that name, if it is on.
func recordedNow(s *room.Snapshot, id identity.Hash) *room.Recording {
	if on := s.State.Recording(); s.Live && on != nil && on.ID == id {
		return on
	}
	return nil
}

// record begins a recording of this room: it makes the folder, asks everybody, and
// lets this person themself be recorded. The folder is removed again where the room
// does not let them.
func (r *recorder) record(ctx context.Context) (path string, err error) {
	s := r.room.Snapshot()
	if err := s.State.May(r.me, room.KindRecord, identity.ID{}); err != nil {
		return "", err
	}
	if !r.taken.CompareAndSwap(false, true) {
		return "", room.ErrRecording
	}
	defer func() {
		if err != nil {
			r.taken.Store(false)
		}
	}()
	now := time.Now() // the tape counts by the clock that nobody sets
	f, err := newFolder(r.home, s, now)
	if err != nil {
		return "", err
	}
	if err := f.spare(); err != nil {
		return "", errors.Join(err, f.remove())
	}
	t, err := newTape(f.path, now, f.spare)
	if err != nil {
		return "", errors.Join(err, f.remove())
	}
	id, err := r.room.BeginRecording(ctx)
	if err != nil {
		over, end := context.WithCancel(ctx)
		end()
		return "", errors.Join(err, t.Run(over), f.remove()) // which closes what it opened
	}
	f.Recording = id.String()
	r.begun <- &recording{id: id, folder: f, tape: t, wake: newFlag(), over: make(chan struct{}), allowed: map[identity.ID]bool{}}
	if err := r.room.Consent(ctx, id, true); err != nil {
		r.log.Warn("consenting to one's own recording", "err", err) // they are left out, like anybody
	}
	return f.path, nil
}

// run does what recordings need of a disk, until ctx ends. Then the last one is
// complete.
func (r *recorder) run(ctx context.Context) {
	for {
		select {
		case now := <-r.begun:
			r.keep(ctx, now)
		case <-ctx.Done():
			select {
			case now := <-r.begun: // it has files, which are to be complete
				r.keep(ctx, now)
			default:
			}
			return
		}
	}
}

// orphaned ends a recording of this person that no program writes any more: the one
// that did was killed.
func (r *recorder) orphaned(ctx context.Context) {
	on := r.room.Snapshot().State.Recording()
	if on == nil || on.By != r.me {
		return
	}
	if err := r.room.EndRecording(ctx, on.ID); err != nil {
		r.log.Warn("ending the recording of an earlier run", "err", err)
	}
}

// keep writes one recording until it is over.
func (r *recorder) keep(ctx context.Context, now *recording) {
	r.mu.Lock()
	r.last = now
	r.mu.Unlock()
	r.hot.Store(now)
	now.wake.set()
	taping, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- now.tape.Run(taping) }()

	var failed error
	for over := now.over; ; {
		select {
		case <-now.wake:
			if failed = r.admit(ctx, now); failed != nil {
				stop()
			}
			continue
		case <-over:
			over = nil
			stop()
			continue
		case err := <-done:
			failed = errors.Join(failed, err)
		}
		break
	}
	r.hot.Store(nil)
	r.finish(ctx, now, failed)
}

// admit lets those be recorded who consent, once the folder proves it.
func (r *recorder) admit(ctx context.Context, now *recording) error {
	s := r.room.Snapshot()
	on := recordedNow(s, now.id)
	if on == nil {
		now.end()
		return nil
	}
	if err := r.prove(ctx, now, s, on); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if on = recordedNow(r.room.Snapshot(), now.id); on == nil { // writing takes its time
		return nil
	}
	for id, c := range on.Answers {
		if name, proven := now.folder.file(id, c); proven && !now.allowed[id] {
			now.allowed[id] = true
			now.tape.Allow(id, name)
		}
	}
	return nil
}

// prove puts into the folder what proves who consents. The end of the room is no
// error.
func (r *recorder) prove(ctx context.Context, now *recording, s *room.Snapshot, on *room.Recording) error {
	err := now.folder.prove(s, on, func(names []identity.Hash) ([]room.Evidence, error) { return r.room.Evidence(ctx, names...) })
	if ctx.Err() != nil || errors.Is(err, room.ErrStopped) {
		return nil
	}
	return err
}

// finish completes the folder of a recording, and tells.
func (r *recorder) finish(ctx context.Context, now *recording, failed error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	if err := r.room.EndRecording(ctx, now.id); err != nil && !errors.Is(err, room.ErrNoRecording) {
		r.log.Info("telling that the recording is over", "err", err) // the room is over, too
	}
	r.mu.Lock()
	last := now.last
	r.mu.Unlock()
	if last != nil { // somebody may have withdrawn at the very end
		failed = errors.Join(failed, r.prove(ctx, now, r.room.Snapshot(), last))
	}
	var why Problem
	if failed != nil {
		why = Explain(failed)
	}
	if err := now.folder.close(time.Now(), why.Text); err != nil && failed == nil {
		why = Explain(err)
	}
	dropped, late, skipped := now.tape.Missed()
	r.log.Info("recorded", "folder", now.folder.path, "dropped", dropped, "late", late, "skipped", skipped)
	r.mu.Lock()
	now.done = true
	r.mu.Unlock()
	r.taken.Store(false)
	e := Event{Kind: EventRecorded, Room: now.folder.Room, Recording: now.folder.Recording, Folder: now.folder.path, Code: "recorded",
		Text: fmt.Sprintf("the recording of %q is complete", now.folder.Title), Hint: now.folder.path}
	if why != (Problem{}) {
		e.Code, e.Why, e.Text = "recording_stopped", why.Text, "the recording has stopped: "+why.Text
		switch why.Code {
		case "disk_low", "recording_long": // of spare: a page has words for why it has stopped
			e.Code = why.Code
		}
	}
	r.emit(e)
	r.changed()
}

// leave ends the recording of this node, because the node leaves the room. run
// completes it.
func (r *recorder) leave(ctx context.Context) {
	now := r.hot.Load()
	if now == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	if err := r.room.EndRecording(ctx, now.id); err != nil {
		r.log.Info("telling that the recording is over", "err", err)
	}
	now.end()
}

// here is the folder of the recording that is on, if this node makes it, and whether
// it is still written; while none is on, that of the newest one made here.
func (r *recorder) here(s *room.Snapshot) (path string, writes bool) {
	on := s.State.Recording()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil || on != nil && r.last.id != on.ID {
		return "", false
	}
	return r.last.folder.path, !r.last.done
}

// doRecord begins or ends a recording.
func doRecord(ctx context.Context, h *hall, req Request) (Reply, error) {
	switch argument(req.Args, 0) {
	case "on":
		path, err := h.recorder.record(ctx)
		if err != nil {
			return Reply{}, err
		}
		r := said("recording into %s", path)
		r.Lines = append(r.Lines, "everybody is asked; who does not say yes is left out. You are in it: `stoa consent no` takes you out")
		r.Data = map[string]any{"folder": path}
		return r, nil
	case "off":
		return said("the recording ends"), h.room.EndRecording(ctx, identity.Hash{})
	}
	return Reply{}, &UserError{Code: "usage", Text: "record takes on or off", Hint: "`stoa record on`"}
}

// doConsent says whether this person lets themself be recorded, in the recording that is named behind the yes, where one is: that which they were
// asked about.
func doConsent(ctx context.Context, h *hall, req Request) (Reply, error) {
	word := argument(req.Args, 0)
	if word != "yes" && word != "no" {
		return Reply{}, &UserError{Code: "usage", Text: "consent takes yes or no", Hint: "`stoa consent yes`"}
	}
	var id identity.Hash
	if len(req.Args) > 1 {
		var err error
		if id, err = identity.ParseHash(req.Args[1]); err != nil {
			return Reply{}, room.ErrNoRecording
		}
	}
	s := h.room.Snapshot()
	err := h.room.Consent(ctx, id, word == "yes")
	switch {
	case errors.Is(err, room.ErrNotAllowed):
		return Reply{}, &UserError{Code: "consent_spent", Text: "you have changed your mind about this recording too often", Hint: "who records can end it and begin another", Err: err}
	case err != nil:
		return Reply{}, err
	case word == "no":
		return said("you are not recorded"), nil
	}
	by := "this room"
	if on := s.State.Recording(); on != nil {
		by = callName(s, on.By)
	}
	return said("you let yourself be recorded by %s; `stoa consent no` ends that at once", by), nil
}

// unasked says to who is about to speak that the room is recorded, unless they have
// answered that.
func unasked(s *room.Snapshot) string {
	on := s.State.Recording()
	if on == nil {
		return ""
	}
	if _, answered := on.Answers[s.Me.ID]; answered {
		return ""
	}
	return fmt.Sprintf("%s records this room; you are left out unless you say `stoa consent yes`", callName(s, on.By))
}

// recordingChanges tells of a recording that began or ended, and of who answered
// since.
func recordingChanges(prev, next *room.State) []Event {
	var events []Event
	was, is := prev.Recording(), next.Recording()
	yes, no := true, false
	if was != nil && (is == nil || is.ID != was.ID) {
		events = append(events, Event{Kind: EventRecording, Recording: was.ID.String(), On: &no, By: was.By.String()})
	}
	if is == nil {
		return events
	}
	var before map[identity.ID]room.Consent
	if was != nil && is.ID == was.ID {
		before = was.Answers
	} else {
		events = append(events, Event{Kind: EventRecording, Recording: is.ID.String(), On: &yes, By: is.By.String()})
	}
	for _, id := range sortedIDs(is.Answers) {
		c := is.Answers[id]
		if old, answered := before[id]; !answered || old.Yes != c.Yes {
			events = append(events, Event{Kind: EventConsent, Recording: is.ID.String(), Who: id.String(), On: &c.Yes})
		}
	}
	return events
}

// RecordingView is the recording that is on, or the one that this node has just
// made.
type RecordingView struct {
	ID      string            `json:"id"`
	By      string            `json:"by"`
	AtMS    int64             `json:"at_ms"`
	On      bool              `json:"on,omitempty"`     // whose it is is here
	Here    bool              `json:"here,omitempty"`   // this node writes it
	Folder  string            `json:"folder,omitempty"` // of this node's
	Consent map[string]string `json:"consent"`          // asked, yes or no: of who is on the stage, and of who answered
}

// recordingView is nil when there is nothing to show. folder and writes are as of
// recorder.here.
func recordingView(s *room.Snapshot, folder string, writes bool) *RecordingView {
	on := s.State.Recording()
	if on == nil {
		if folder == "" {
			return nil
		}
		return &RecordingView{By: s.Me.ID.String(), Folder: folder, Consent: map[string]string{}}
	}
	_, here := s.Person(on.By)
	v := &RecordingView{ID: on.ID.String(), By: on.By.String(), AtMS: int64(on.Since), On: here, Here: writes, Folder: folder, Consent: map[string]string{}}
	for i := range s.People {
		if p := &s.People[i]; p.Stage {
			v.Consent[p.ID.String()] = "asked"
		}
	}
	for id, c := range on.Answers {
		v.Consent[id.String()] = "no"
		if c.Yes {
			v.Consent[id.String()] = "yes"
		}
	}
	return v
}
