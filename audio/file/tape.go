// Recording a conversation: each speaker as they were sent, and all of them mixed.
//
//	Put ─► bounded queue ─► Run: track ─┬─► voice: pages ──────────────► NAME.opus
//	                                    └─► decode ─► mixdown ─► encode ─► mixed.opus

package file

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"stoa/audio"
	"stoa/audio/opus"
)

const (
	tapeQueue = 4096                   // frames that wait for the disk: four seconds of twenty who speak at once
	tapeStep  = 250 * time.Millisecond // between two looks at what has settled
	tapeFlush = time.Second            // between two times that everything goes to the disk, for good

	// MixName is the file of all voices together.
	MixName = "mixed.opus"

	// MaxVoices is how many speakers one tape holds.
	MaxVoices = 64
)

// Who is who speaks; [Tape.Allow] names their file.
type Who = [32]byte

// A Tape records speakers into a folder, each into a file of their own without coding anew, and the mix of them. All files begin at the same
// instant, to the sample, and stay in step. Nobody is recorded who is not allowed. A process that is killed leaves files that play, short of
// three seconds at most. Allow and Put may be called from any goroutine.
type Tape struct {
	// Check, unless it is nil, is asked every second whether the recording may go on; its error ends Run. Set it before Run.
	Check func() error

	dir     string
	begin   time.Time
	in      chan taped
	allowed atomic.Pointer[map[Who]string] // the names of their files
	dropped atomic.Uint64

	// Of Run:
	voices map[Who]*voice
	mixed  *os.File
	mix    *mixdown
	laid   time.Duration // everything is placed as of this instant
}

type taped struct {
	who    Who
	run    [8]byte
	packet audio.Packet
	at     time.Time
}

// NewTape begins a recording in a folder that there is, at an instant from which the files count.
func NewTape(dir string, begin time.Time) (*Tape, error) {
	f, err := createNew(filepath.Join(dir, MixName))
	if err != nil {
		return nil, err
	}
	mix, err := newMixdown(f)
	if err != nil {
		return nil, fileError(f.Name(), errors.Join(err, f.Close()))
	}
	t := &Tape{dir: dir, begin: begin, in: make(chan taped, tapeQueue), voices: map[Who]*voice{}, mixed: f, mix: mix}
	t.allowed.Store(&map[Who]string{})
	return t, nil
}

// createNew makes a file that its user alone may read, and that must not be there.
func createNew(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	return f, fileError(path, err)
}

// Allow says into which file somebody is recorded from now on; an empty name: nobody any more writes what they say, nor what of it waits. What
// was written stays. One goroutine at a time calls it.
func (t *Tape) Allow(who Who, name string) {
	names := maps.Clone(*t.allowed.Load())
	if name == "" {
		delete(names, who)
	} else {
		names[who] = name
	}
	t.allowed.Store(&names)
}

// Put takes a frame that came, or was spoken here, at an instant. run tells apart the runs of a speaker's program, of which each counts frames
// from anywhere. It copies the payload and never waits: what finds the queue full is dropped and counted.
func (t *Tape) Put(who Who, run [8]byte, p audio.Packet, at time.Time) {
	if _, ok := (*t.allowed.Load())[who]; !ok {
		return
	}
	p.Payload = append([]byte(nil), p.Payload...)
	select {
	case t.in <- taped{who, run, p, at}:
	default:
		t.dropped.Add(1)
	}
}

// Dropped counts the frames that found the queue full.
func (t *Tape) Dropped() uint64 { return t.dropped.Load() }

// Missed counts the frames that came and are in no file: those of Dropped, those that were too late, and those left out to keep in step. It is
// for after Run.
func (t *Tape) Missed() (dropped, late, skipped uint64) {
	dropped = t.Dropped()
	for _, v := range t.voices {
		dropped, late, skipped = dropped+v.track.crowded, late+v.track.late, skipped+v.track.skipped
	}
	return dropped, late, skipped
}

// Run records until ctx ends, when it returns nil with the files complete, or until Check or the disk says no. It may be called once. Either way
// the files are closed, and play.
func (t *Tape) Run(ctx context.Context) error {
	step, flush := time.NewTicker(tapeStep), time.NewTicker(tapeFlush)
	defer step.Stop()
	defer flush.Stop()
	for {
		var err error
		select {
		case f := <-t.in:
			err = t.take(f)
		case now := <-step.C:
			err = t.follow(now.Sub(t.begin))
		case <-flush.C:
			if t.Check != nil {
				err = t.Check()
			}
			err = errors.Join(err, t.flush())
		case <-ctx.Done():
			return t.finish(time.Since(t.begin))
		}
		if err != nil {
			return errors.Join(err, t.finish(time.Since(t.begin)))
		}
	}
}

// take gives a frame to the track of its speaker.
func (t *Tape) take(f taped) error {
	name, ok := (*t.allowed.Load())[f.who]
	if !ok {
		return nil
	}
	v := t.voices[f.who]
	if v == nil {
		if len(t.voices) == MaxVoices {
			t.dropped.Add(1)
			return nil
		}
		var err error
		if v, err = newVoice(t.dir, name); err != nil {
			return err
		}
		t.voices[f.who] = v
	}
	if v.run != f.run {
		v.run = f.run
		v.track.restart()
	}
	if len(f.packet.Payload) > 0 {
		v.track.put(f.packet, f.at.Sub(t.begin))
	}
	return nil
}

// follow places what has settled, by the second: after a standstill the mix would not hold more at once.
func (t *Tape) follow(now time.Duration) error {
	for t.laid < now {
		t.laid = min(t.laid+time.Second, now)
		if err := t.lay(func(v *voice, emit func(piece)) { v.track.lay(t.laid, emit) }); err != nil {
			return err
		}
		if err := t.mix.write(sampleAt(t.laid - settle - patience - 2*audio.FrameTime)); err != nil {
			return fileError(t.mixed.Name(), err)
		}
	}
	return nil
}

// lay has every voice place what it can.
func (t *Tape) lay(place func(v *voice, emit func(piece))) error {
	allowed := *t.allowed.Load()
	var failed error
	for who, v := range t.voices {
		if _, ok := allowed[who]; !ok {
			v.track.restart()
		}
		place(v, func(p piece) {
			if err := v.add(p, t.mix); err != nil && failed == nil {
				failed = err
			}
		})
	}
	return failed
}

// flush makes durable what is placed.
func (t *Tape) flush() error {
	err := t.mixed.Sync()
	for _, v := range t.voices {
		err = errors.Join(err, v.flush(0), v.sync())
	}
	return err
}

// finish completes the files, which all end at the same sample.
func (t *Tape) finish(end time.Duration) error {
	for { // what is in the queue was said before the end
		select {
		case f := <-t.in:
			if err := t.take(f); err != nil {
				return errors.Join(err, t.close())
			}
			continue
		default:
		}
		break
	}
	err := t.follow(end)
	err = errors.Join(err, t.lay(func(v *voice, emit func(piece)) { v.track.finish(end, emit) }))
	if err == nil {
		err = t.mix.finish(sampleAt(end))
	}
	for _, v := range t.voices {
		if err == nil {
			err = v.finish(sampleAt(end))
		}
	}
	return errors.Join(err, t.close())
}

// close closes the files, for good.
func (t *Tape) close() error {
	err := errors.Join(t.mixed.Sync(), t.mixed.Close())
	for _, v := range t.voices {
		err = errors.Join(err, v.sync(), v.close())
	}
	return err
}

// voice is the file of one speaker. It is made when they are first placed.
type voice struct {
	path  string
	run   [8]byte
	track track

	f       *os.File
	ogg     oggWriter
	coded   uint64 // samples in all packets, which is the granule position (RFC 7845 section 4)
	toc     byte   // of the newest frame
	preSkip uint64 // samples

	dec   *opus.Decoder
	pcm   [audio.FrameSize]float32
	faded int // frames made up since the last one that came
}

func newVoice(dir, name string) (*voice, error) {
	dec, err := opus.NewDecoder()
	return &voice{path: filepath.Join(dir, name), dec: dec}, err
}

// begin makes the file. That it begins at the same instant as all others is said by how much of its start is skipped.
func (v *voice) begin() (err error) {
	if v.f, err = createNew(v.path); err != nil {
		return err
	}
	v.ogg = oggWriter{w: v.f, serial: rand.Uint32()}
	v.preSkip = uint64(opus.PreSkip + v.track.phase)
	return beginOpus(&v.ogg, uint16(v.preSkip))
}

// add writes a piece into the file and adds it to the mix. What cannot be decoded counts as lost.
func (v *voice) add(p piece, mix *mixdown) error {
	if v.f == nil {
		if err := v.begin(); err != nil {
			return err
		}
	}
	if p.payload != nil && v.dec.Decode(p.payload, v.pcm[:]) == nil {
		v.faded = 0
		v.toc = p.payload[0]
		mix.add(p.at-opus.PreSkip, v.pcm[:])
		return v.put(p.payload, 1)
	}
	for i := range p.frames {
		if err := v.fade(p.at+int64(i)*audio.FrameSize-opus.PreSkip, mix); err != nil {
			return err
		}
	}
	for left := p.frames; left > 0; {
		n := min(left, pauseMost)
		if err := v.put(pausePacket(v.toc, n), n); err != nil {
			return err
		}
		left -= n
	}
	return nil
}

// fadeFrames is for how long the mix goes on by what a decoder makes up: then it is silent, without a click.
const fadeFrames = 3

// fade lets a voice fade out in the mix where nothing came.
func (v *voice) fade(at int64, mix *mixdown) error {
	if v.toc == 0 || v.faded == fadeFrames {
		return nil
	}
	if err := v.dec.Conceal(v.pcm[:]); err != nil {
		return err
	}
	for i := range v.pcm {
		v.pcm[i] *= (fadeFrames - float32(v.faded) - float32(i+1)/audio.FrameSize) / fadeFrames
	}
	v.faded++
	mix.add(at, v.pcm[:])
	return nil
}

// put writes a packet of so many frames of 20 ms. A full page is written first: the last page of all must hold a packet, for finish to mark it.
func (v *voice) put(packet []byte, frames int) error {
	if !v.ogg.add(packet) {
		if err := v.flush(0); err != nil {
			return err
		}
		v.ogg.add(packet)
	}
	v.coded += uint64(frames) * audio.FrameSize
	return nil
}

// flush writes the current page, if anything is on it.
func (v *voice) flush(flags byte) error {
	if v.f == nil || len(v.ogg.segments) == 0 {
		return nil
	}
	return fileError(v.path, v.ogg.flush(flags, v.coded))
}

// finish marks the end, which is in the last packet (RFC 7845 section 4.4).
func (v *voice) finish(end int64) error {
	if v.f == nil {
		return nil
	}
	if len(v.ogg.segments) == 0 {
		if err := v.put(pausePacket(v.toc, 1), 1); err != nil {
			return err
		}
	}
	v.coded = min(v.coded, uint64(end)+v.preSkip)
	return v.flush(oggLast)
}

func (v *voice) sync() error {
	if v.f == nil {
		return nil
	}
	return fileError(v.path, v.f.Sync())
}

func (v *voice) close() error {
	if v.f == nil {
		return nil
	}
	return fileError(v.path, v.f.Close())
}

// pauseMost is how many frames one packet of nothing may stand for: no packet is longer than 120 ms.
const pauseMost = 6

// tocSilence is mono, the whole band, one frame of 20 ms: for the silence before anything was said.
const tocSilence = 31 << 3

// pausePacket stands for n frames of 20 ms that were not sent or did not come: a decoder conceals them (RFC 7845 section 4.1). It holds that
// many frames of no bytes (RFC 6716 section 3.2.5), coded as the frame before, whose first byte toc is, 0 for none.
func pausePacket(toc byte, n int) []byte {
	if toc == 0 {
		toc = tocSilence
	}
	toc &^= 3
	n *= audio.FrameSize / opus.Samples([]byte{toc})
	if n == 1 {
		return []byte{toc}
	}
	return []byte{toc | 3, byte(n)}
}

// mixdown is the sum of all voices, and its file.
type mixdown struct {
	out  *oggOpusWriter
	fit  audio.Fit
	sum  [mixAhead]float32 // a ring
	from int64             // the sample that is written next
}

// mixAhead is how far voices may be placed ahead of what is written of the mix, in samples.
const mixAhead = 8 * audio.Rate

func newMixdown(f *os.File) (*mixdown, error) {
	out, err := newOggOpus(f)
	return &mixdown{out: out}, err
}

// add adds what sounds from a sample of the recording on.
func (m *mixdown) add(at int64, pcm []float32) {
	for i, s := range pcm {
		if n := at + int64(i); n >= m.from && n < m.from+mixAhead {
			m.sum[n%mixAhead] += s
		}
	}
}

// write writes the mix up to a sample, in whole blocks.
func (m *mixdown) write(until int64) error {
	for m.from+audio.BlockSize <= until {
		if err := m.block(audio.BlockSize); err != nil {
			return err
		}
	}
	return nil
}

// finish writes the rest, to the sample.
func (m *mixdown) finish(end int64) error {
	err := m.write(end)
	if err == nil && end > m.from {
		err = m.block(int(end - m.from))
	}
	return errors.Join(err, m.out.finish())
}

func (m *mixdown) block(n int) error {
	var block [audio.BlockSize]float32
	for i := range block {
		s := &m.sum[(m.from+int64(i))%mixAhead]
		block[i], *s = *s, 0
	}
	m.from += int64(n)
	m.fit.Block(block[:])
	return m.out.write(block[:n])
}
