// The forger: voice packets made from the package documentation of room/seal
// and RFC 9605, by somebody who holds the epoch's secret and wants to speak in
// another's name. It shares no code with what it attacks.

package process

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"testing"

	"stoa/audio"
	"stoa/audio/audiotest"
	"stoa/audio/opus"
	"stoa/identity"
	"stoa/room"
	"stoa/room/seal"
)

// mouth seals packets of one stream: of the rogue itself, or of a victim.
type mouth struct {
	t     testing.TB
	bound []byte // room, speaker, session, commit
	kid   uint64
	aead  cipher.AEAD
	salt  []byte
}

func newMouth(t testing.TB, id identity.RoomID, speaker identity.ID, session [8]byte, epoch room.EpochKey) *mouth {
	t.Helper()
	m := &mouth{t: t}
	for _, part := range [][]byte{id[:], speaker[:], session[:], epoch.Commit[:]} {
		m.bound = append(m.bound, part...)
	}
	sum := sha256.Sum256(append([]byte("stoa/kid/1"), m.bound...))
	m.kid = binary.BigEndian.Uint64(sum[:])
	base, err := hkdf.Key(sha256.New, epoch.Secret[:], nil, "stoa/sframe/1"+string(m.bound), 32)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := hkdf.Extract(sha256.New, base, nil)
	if err != nil {
		t.Fatal(err)
	}
	expand := func(label string, size int) []byte {
		info := binary.BigEndian.AppendUint64([]byte(label), m.kid)
		b, err := hkdf.Expand(sha256.New, secret, string(binary.BigEndian.AppendUint16(info, 4)), size)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	block, err := aes.NewCipher(expand("SFrame 1.0 Secret key ", 16))
	if err != nil {
		t.Fatal(err)
	}
	if m.aead, err = cipher.NewGCM(block); err != nil {
		t.Fatal(err)
	}
	m.salt = expand("SFrame 1.0 Secret salt ", 12)
	return m
}

// sframeNumber is a number of an SFrame header (RFC 9605 section 4.3): half of the first byte, and the bytes that follow, as few as can be. One key
// identifier in 256 has seven.
func sframeNumber(n uint64) (bytes []byte, half byte) {
	if n < 8 {
		return nil, byte(n)
	}
	size := (bits.Len64(n) + 7) / 8
	return binary.BigEndian.AppendUint64(nil, n)[8-size:], byte(8 | (size - 1))
}

// packet seals one frame. With a key it is signed, by whoever's key that is.
func (m *mouth) packet(index uint32, payload []byte, signer *identity.Key) []byte {
	flags, ctr := byte(0x10), uint64(index)<<1
	if signer != nil {
		flags, ctr = flags|1, ctr|1
	}
	fixed := []byte{flags, 10}
	kid, x := sframeNumber(m.kid)
	count, y := sframeNumber(ctr)
	header := append(append([]byte{x<<4 | y}, kid...), count...)
	nonce := append([]byte(nil), m.salt...)
	for i, b := range binary.BigEndian.AppendUint64(nil, ctr) {
		nonce[4+i] ^= b
	}
	aad := append(append(append([]byte(nil), header...), m.bound...), fixed...)
	sframe := m.aead.Seal(header, nonce, append([]byte{1}, payload...), aad)
	b := append(fixed, sframe...)
	if signer == nil {
		return b
	}
	return append(b, signer.Sign("stoa/pkt/1", m.bound[:32], m.bound[32:64], m.bound[64:72], m.bound[72:], fixed, sframe)...)
}

// frames are a tone as Opus frames of 20 ms.
func frames(t testing.TB, freq float64, n int) [][]byte {
	t.Helper()
	enc, err := opus.NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	tone := audiotest.Tone(freq, 0.5)
	var list [][]byte
	pcm, buf := make([]float32, audio.FrameSize), make([]byte, audio.MaxPayload)
	for i := range n {
		tone(i*audio.FrameSize, pcm)
		size, err := enc.Encode(pcm, buf)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, append([]byte(nil), buf[:size]...))
	}
	return list
}

// writeTone writes a second of a tone as a WAV file.
func writeTone(t testing.TB, path string, freq float64) {
	t.Helper()
	pcm := make([]float32, rate)
	audiotest.Tone(freq, 0.5)(0, pcm)
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt ")
	b = binary.LittleEndian.AppendUint32(b, 16)
	for _, v := range []uint16{1, 1} {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, 2*rate)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, 2*rate)
	for _, v := range pcm {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(v*32767)))
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	if err := identity.WriteFile(path, b); err != nil {
		t.Fatal(err)
	}
}

// secondsOf says for how long a recording holds a tone of a tenth at least of
// the amplitude that the tests speak with, in steps of 20 ms. Quieter than that
// is what another tone leaves where it begins, ends, or has a gap.
func secondsOf(t testing.TB, path string, freq float64) float64 {
	t.Helper()
	heard, _ := readWAV(t, path)
	n := 0
	step := make([]float32, window)
	for i := 0; i+window <= len(heard); i += window {
		for k := range step {
			step[k] = float32(heard[i+k])
		}
		if audiotest.ToneAmplitude(step, freq) > 0.05 {
			n++
		}
	}
	return float64(n) / 50
}

// TestForgerKnowsTheFormat: what the forger seals for a stream is opened, also under one of the key identifiers that are short.
func TestForgerKnowsTheFormat(t *testing.T) {
	epoch := seal.NewEpoch([32]byte{2})
	id, speaker := identity.RoomID{3}, identity.ID{4}
	for n, short := uint64(0), false; !short; n++ {
		if n == 5000 {
			t.Fatal("no key identifier is short")
		}
		stream := seal.Stream{Speaker: speaker}
		binary.BigEndian.PutUint64(stream.Session[:], n)
		m := newMouth(t, id, speaker, stream.Session, room.EpochKey{Commit: epoch.Commit, Secret: epoch.Secret})
		short = m.kid < 1<<56
		opener := seal.NewOpener(id)
		if err := opener.SetEpochs([]seal.Epoch{epoch}); err != nil {
			t.Fatal(err)
		}
		if err := opener.SetStreams([]seal.Stream{stream}); err != nil {
			t.Fatal(err)
		}
		for _, index := range []uint32{3, 1_000_000} {
			if _, f, err := opener.Open(m.packet(index, []byte{0xf8, 1, 2}, nil), speaker); err != nil || f[0].Index != index {
				t.Fatalf("key identifier %x, frame %d: %v", m.kid, index, err)
			}
		}
	}
}
