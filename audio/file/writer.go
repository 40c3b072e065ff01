// What a sound file looks like to the loudspeaker, and the WAV one.

package file

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"

	"stoa/audio"
)

// flushSamples is how much sound is gathered before it is written: at most this much
// is missing from the file of a process that was killed.
const flushSamples = audio.Rate / 5

// writer puts mono samples at 48 kHz into a file that can be played at any time, as
// far as it was written.
type writer interface {
	write(pcm []float32) error
	// finish writes what is left. Nothing may follow.
	finish() error
}

// newWriter begins a file of the kind that its name ends with.
type newWriter func(f *os.File) (writer, error)

// kindOf is how to write the file called path.
func kindOf(path string) (newWriter, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".wav":
		return newWAVWriter, nil
	case ".ogg", ".opus":
		return newOggWriter, nil
	}
	return nil, errors.New("the name of a recording must end in .wav, .opus or .ogg")
}

// wavWriter writes 16-bit WAV. Its header is always true of what was written before:
//
//	0  4 "RIFF"
//	4  4 size of what follows
//	8  4 "WAVE"
//	12 8 "fmt ", 16
//	20 2 format tag, 1
//	22 2 channels, 1
//	24 4 rate, 48,000
//	28 4 bytes a second
//	32 2 bytes a frame
//	34 2 bits a sample
//	36 4 "data"
//	40 4 size of the samples
type wavWriter struct {
	f     *os.File
	data  int64  // bytes of sound in the file
	buf   []byte // sound that is not there yet
	sizes [4]byte
}

const wavHeader = 44

func newWAVWriter(f *os.File) (writer, error) {
	h := make([]byte, 0, wavHeader)
	h = append(h, "RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"...)
	h = binary.LittleEndian.AppendUint32(h, audio.Rate)
	h = binary.LittleEndian.AppendUint32(h, audio.Rate*2)
	h = append(h, "\x02\x00\x10\x00data\x00\x00\x00\x00"...)
	if _, err := f.WriteAt(h, 0); err != nil {
		return nil, err
	}
	return &wavWriter{f: f, buf: make([]byte, 0, flushSamples*2)}, nil
}

func (w *wavWriter) write(pcm []float32) error {
	for _, s := range pcm {
		w.buf = binary.LittleEndian.AppendUint16(w.buf, uint16(pcm16(s)))
	}
	if len(w.buf) < flushSamples*2 {
		return nil
	}
	return w.flush()
}

func (w *wavWriter) finish() error { return w.flush() }

// flush writes the sound first and then the sizes, so that they never promise more
// than is there. Beyond 4 GiB, 12 hours, they stay at the largest value, which
// programs take for "to the end of the file".
func (w *wavWriter) flush() error {
	if _, err := w.f.WriteAt(w.buf, wavHeader+w.data); err != nil {
		return err
	}
	w.data += int64(len(w.buf))
	w.buf = w.buf[:0]
	if err := w.size(4, wavHeader-8+w.data); err != nil {
		return err
	}
	return w.size(40, w.data)
}

func (w *wavWriter) size(at, n int64) error {
	binary.LittleEndian.PutUint32(w.sizes[:], uint32(min(n, math.MaxUint32)))
	_, err := w.f.WriteAt(w.sizes[:], at)
	return err
}

// pcm16 is the nearest 16-bit sample; reading it back gives the same float.
func pcm16(s float32) int16 {
	return int16(max(math.MinInt16, min(math.MaxInt16, math.Round(float64(s)*(1<<15)))))
}

// create opens the file for writing and leaves what it holds alone; made says that it
// did not exist before.
func create(path string) (f *os.File, made bool, err error) {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return nil, false, fileError(path, errors.New("it is not an ordinary file"))
	}
	// What was said in a room is for those who were in it: 0600.
	f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return f, true, nil
	}
	if !errors.Is(err, os.ErrExist) {
		return nil, false, fileError(path, err)
	}
	f, err = os.OpenFile(path, os.O_WRONLY, 0)
	return f, false, fileError(path, err)
}
