// Writing Opus in Ogg (RFC 7845).

package file

import (
	"math/rand/v2"
	"os"

	"stoa/audio"
	"stoa/audio/opus"
)

// oggOpusWriter encodes mono sound into Ogg pages of flushSamples.
type oggOpusWriter struct {
	ogg oggWriter
	enc *opus.Encoder

	frame   []float32 // sound that does not fill a packet yet
	heard   uint64    // samples written by the caller
	coded   uint64    // samples in all packets, which is the granule position (RFC 7845 section 4)
	onPage  int       // samples in the packets of the current page
	payload [audio.MaxPayload]byte
}

func newOggWriter(f *os.File) (writer, error) { return newOggOpus(f) }

func newOggOpus(f *os.File) (*oggOpusWriter, error) {
	enc, err := opus.NewRecorder()
	if err != nil {
		return nil, err
	}
	w := &oggOpusWriter{
		ogg:   oggWriter{w: f, serial: rand.Uint32()},
		enc:   enc,
		frame: make([]float32, 0, audio.FrameSize),
	}
	return w, beginOpus(&w.ogg, opus.PreSkip)
}

// beginOpus writes the headers, each alone on its page, at position zero (RFC 7845 section 3).
func beginOpus(w *oggWriter, preSkip uint16) error {
	w.add(appendOpusHead(nil, preSkip, audio.Rate))
	if err := w.flush(oggFirst, 0); err != nil {
		return err
	}
	w.add(appendOpusTags(nil, "stoa"))
	return w.flush(0, 0)
}

func (w *oggOpusWriter) write(pcm []float32) error {
	w.heard += uint64(len(pcm))
	for len(pcm) > 0 {
		n := min(len(pcm), audio.FrameSize-len(w.frame))
		w.frame = append(w.frame, pcm[:n]...)
		pcm = pcm[n:]
		if len(w.frame) < audio.FrameSize {
			return nil
		}
		// A full page is kept back until the next packet: the last page of all must
		// hold one, for finish to mark it.
		if w.onPage >= flushSamples {
			if err := w.flush(0, w.coded); err != nil {
				return err
			}
		}
		if err := w.encode(); err != nil {
			return err
		}
	}
	return nil
}

func (w *oggOpusWriter) encode() error {
	n, err := w.enc.Encode(w.frame, w.payload[:])
	if err != nil {
		return err
	}
	// A page of flushSamples always has room for one more packet.
	w.ogg.add(w.payload[:n])
	w.frame = w.frame[:0]
	w.coded += audio.FrameSize
	w.onPage += audio.FrameSize
	return nil
}

func (w *oggOpusWriter) flush(flags byte, granule uint64) error {
	w.onPage = 0
	return w.ogg.flush(flags, granule)
}

// finish pushes the last samples through the encoder's delay. The position of the
// last page says where they end.
func (w *oggOpusWriter) finish() error {
	end := w.heard + opus.PreSkip
	for w.coded < end {
		w.frame = append(w.frame, make([]float32, audio.FrameSize-len(w.frame))...)
		if err := w.encode(); err != nil {
			return err
		}
	}
	return w.flush(oggLast, end)
}
