// Reading WAV: RIFF chunks, the fmt chunk in its three shapes, and samples.
// (Microsoft/IBM "Multimedia Programming Interface and Data Specifications 1.0"
// 1991; "Multiple channel audio data and WAVE files" 2001 for the extensible shape.)

package file

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Limits on what is accepted, so that a file can claim no more than it is.
const (
	minRate       = 8000
	maxRate       = 192000
	maxChunks     = 1000
	streamedBytes = 0x7FFF0000 // a data size from here up is what a program writes that does not know it yet
)

// Format tags of the fmt chunk.
const (
	tagPCM        = 0x0001
	tagFloat      = 0x0003
	tagExtensible = 0xFFFE
)

// subformatTail ends the GUID of every extensible subformat; its first two bytes are the tag.
const subformatTail = "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xAA\x00\x38\x9B\x71"

// wavFormat is what the fmt chunk says.
type wavFormat struct {
	float    bool
	bits     int // of a sample's container: 8, 16, 24, 32, or 64 for float
	channels int // 1 or 2
	rate     int // Hz
}

// frameBytes is the size of one sample of all channels.
func (f wavFormat) frameBytes() int { return f.bits / 8 * f.channels }

// wavReader yields the file's samples, mixed to mono, at the file's own rate.
type wavReader struct {
	r      *bufio.Reader
	format wavFormat
	left   int64 // bytes of the data chunk that were not read yet
	buf    []byte
}

// parseWAV reads up to the first sample of a file of size bytes.
func parseWAV(r *bufio.Reader, size int64) (*wavReader, error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, cutOff(err)
	}
	if string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return nil, errors.New("it is not a WAV file")
	}
	w := &wavReader{r: r}
	at := int64(len(head))
	for range maxChunks {
		var chunk [8]byte
		if _, err := io.ReadFull(r, chunk[:]); err == io.EOF {
			return nil, errors.New("the WAV file holds no sound")
		} else if err != nil {
			return nil, cutOff(err)
		}
		at += int64(len(chunk))
		length := int64(binary.LittleEndian.Uint32(chunk[4:]))
		if string(chunk[:4]) == "data" {
			return w, w.begin(length, size-at)
		}
		if length > size-at {
			return nil, cutOff(io.ErrUnexpectedEOF)
		}
		if err := w.header(string(chunk[:4]), length); err != nil {
			return nil, err
		}
		at += length + length&1 // chunks begin on even bytes
	}
	return nil, errors.New("the WAV file has too many chunks")
}

// header reads the chunk if it is the fmt chunk, and skips any other.
func (w *wavReader) header(id string, length int64) error {
	skip := length + length&1
	if id == "fmt " {
		if w.format.rate != 0 {
			return errors.New("the WAV file describes its format twice")
		}
		b := make([]byte, min(length, 40))
		if _, err := io.ReadFull(w.r, b); err != nil {
			return cutOff(err)
		}
		skip -= int64(len(b))
		format, err := parseFormat(b)
		if err != nil {
			return err
		}
		w.format = format
	}
	// The last chunk of a file may lack its pad byte; the next read then says so.
	if _, err := io.CopyN(io.Discard, w.r, skip); err != nil && err != io.EOF {
		return cutOff(err)
	}
	return nil
}

// begin takes the data chunk's length, of which the file has room for at most room bytes.
func (w *wavReader) begin(length, room int64) error {
	if w.format.rate == 0 {
		return errors.New("the WAV file does not describe its format before its sound")
	}
	if length >= streamedBytes {
		length = min(length, room) // unknown when written: to the end of the file
	}
	if length > room {
		frames := int64(w.format.rate * w.format.frameBytes())
		return fmt.Errorf("the file is cut off: %.1f s of sound are promised and %.1f s are there",
			float64(length)/float64(frames), float64(room)/float64(frames))
	}
	w.left = length - length%int64(w.format.frameBytes())
	if w.left == 0 {
		return errors.New("the WAV file holds no sound")
	}
	w.buf = make([]byte, 1024*w.format.frameBytes())
	return nil
}

// parseFormat reads the first 40 bytes, or as many as there are, of the fmt chunk:
//
//	0  2  format tag
//	2  2  channels
//	4  4  frames a second
//	8  4  bytes a second (not used)
//	12 2  bytes a frame
//	14 2  bits a sample (in extensible: of its container)
//	16 2  size of what follows: 22 when extensible
//	18 2  extensible: bits of the container that are used, from the top
//	20 4  extensible: which loudspeakers (not used)
//	24 16 extensible: GUID of the subformat; its first two bytes are the tag
func parseFormat(b []byte) (wavFormat, error) {
	if len(b) < 16 {
		return wavFormat{}, errors.New("the WAV file's format description is too short")
	}
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(b[at:])) }
	tag := u16(0)
	if tag == tagExtensible {
		if len(b) < 40 || string(b[26:40]) != subformatTail {
			return wavFormat{}, errors.New("the WAV file's extensible format is not supported")
		}
		tag = u16(24)
	}
	rate := binary.LittleEndian.Uint32(b[4:])
	if rate < minRate || rate > maxRate {
		return wavFormat{}, fmt.Errorf("its rate of %d Hz is not supported (%d to %d are)", rate, minRate, maxRate)
	}
	f := wavFormat{float: tag == tagFloat, bits: u16(14), channels: u16(2), rate: int(rate)}
	if f.channels != 1 && f.channels != 2 {
		return wavFormat{}, fmt.Errorf("it has %d channels (1 and 2 are supported)", f.channels)
	}
	switch {
	case tag != tagPCM && tag != tagFloat:
		return wavFormat{}, fmt.Errorf("its sound is compressed (WAV format %d), which is not supported", tag)
	case tag == tagPCM && f.bits != 8 && f.bits != 16 && f.bits != 24 && f.bits != 32,
		tag == tagFloat && f.bits != 32 && f.bits != 64:
		return wavFormat{}, fmt.Errorf("samples of %d bits are not supported", f.bits)
	case u16(12) != f.frameBytes():
		return wavFormat{}, errors.New("the WAV file's format description contradicts itself")
	}
	return f, nil
}

func (w *wavReader) read(dst []float32) (int, error) {
	if w.left == 0 {
		return 0, io.EOF
	}
	frame := w.format.frameBytes()
	want := min(int64(len(dst)*frame), int64(len(w.buf)), w.left)
	b := w.buf[:want]
	if _, err := io.ReadFull(w.r, b); err != nil {
		return 0, cutOff(err)
	}
	w.left -= want
	n := len(b) / frame
	for i := range n {
		dst[i] = w.mono(b[i*frame:])
	}
	return n, nil
}

// mono is the mean of the frame's channels: a person in the middle of a stereo
// picture keeps the level that each channel has.
func (w *wavReader) mono(frame []byte) float32 {
	if w.format.channels == 1 {
		return w.sample(frame)
	}
	return (w.sample(frame) + w.sample(frame[w.format.bits/8:])) / 2
}

// sample is one sample, within [-1, 1] whatever a float file holds.
func (w *wavReader) sample(b []byte) float32 {
	switch {
	case w.format.bits == 8:
		return float32(int(b[0])-128) / (1 << 7)
	case w.format.bits == 16:
		return float32(int16(binary.LittleEndian.Uint16(b))) / (1 << 15)
	case w.format.bits == 24:
		return float32(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)>>8) / (1 << 23)
	case !w.format.float:
		return float32(float64(int32(binary.LittleEndian.Uint32(b))) / (1 << 31))
	case w.format.bits == 32:
		return bounded(float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
	default:
		return bounded(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
}

// bounded clips to [-1, 1]; what is not a number is silence.
func bounded(x float64) float32 {
	if x != x {
		return 0
	}
	return float32(max(-1, min(1, x)))
}

// cutOff says in words that a file ended too early.
func cutOff(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("the file is cut off")
	}
	return err
}
