// Tests of reading WAV: every sample format at its level, odd rates, chunks, and each way to be wrong.

package file

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// le packs numbers and strings, little-endian, as files hold them.
func le(parts ...any) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		if s, ok := p.(string); ok {
			p = []byte(s)
		}
		if err := binary.Write(&b, binary.LittleEndian, p); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

// chunk is a RIFF chunk with its pad byte.
func chunk(id string, body []byte) []byte {
	b := le(id, uint32(len(body)), body)
	if len(body)%2 == 1 {
		b = append(b, 0)
	}
	return b
}

func riff(chunks ...[]byte) []byte {
	body := bytes.Join(chunks, nil)
	return le("RIFF", uint32(4+len(body)), "WAVE", body)
}

// fmtChunk describes PCM or float in the plain shape.
func fmtChunk(tag, channels uint16, rate uint32, bits uint16) []byte {
	frame := channels * bits / 8
	return chunk("fmt ", le(tag, channels, rate, rate*uint32(frame), frame, bits))
}

func extensibleChunk(tag, channels uint16, rate uint32, bits uint16, guid string) []byte {
	frame := channels * bits / 8
	return chunk("fmt ", le(uint16(tagExtensible), channels, rate, rate*uint32(frame), frame, bits,
		uint16(22), bits, uint32(0), tag, guid))
}

// samples codes values of a float in the given format, each in every channel.
func samples(tag, channels, bits uint16, values ...float64) []byte {
	var b bytes.Buffer
	for _, v := range values {
		for range channels {
			switch {
			case tag == tagFloat && bits == 32:
				b.Write(le(float32(v)))
			case tag == tagFloat:
				b.Write(le(v))
			case bits == 8:
				b.WriteByte(byte(math.Round(v*127) + 128))
			default:
				full := math.Pow(2, float64(bits-1)) - 1
				b.Write(le(int64(math.Round(v * full)))[:bits/8])
			}
		}
	}
	return b.Bytes()
}

// tone is n samples of a sine at freq Hz, at its amplitude in (0, 1].
func tone(n, rate int, freq, amplitude float64) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = amplitude * math.Sin(2*math.Pi*freq*float64(i)/float64(rate))
	}
	return s
}

// readAll reads a file from memory to its end.
func readAll(b []byte) ([]float32, error) {
	r, err := parse(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	var all []float32
	buf := make([]float32, 333)
	for {
		n, err := r.read(buf)
		all = append(all, buf[:n]...)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

// mustRead is readAll of a good file.
func mustRead(t *testing.T, b []byte) []float32 {
	t.Helper()
	all, err := readAll(b)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWAVFormats(t *testing.T) {
	const amplitude = 0.7
	for _, c := range []struct {
		name      string
		tag, bits uint16
		tolerance float64 // of one sample
	}{
		{"8 bits", tagPCM, 8, 1.0 / 100},
		{"16 bits", tagPCM, 16, 1.0 / 20000},
		{"24 bits", tagPCM, 24, 1e-6},
		{"32 bits", tagPCM, 32, 1e-6},
		{"float", tagFloat, 32, 1e-6},
		{"double", tagFloat, 64, 1e-6},
	} {
		for _, channels := range []uint16{1, 2} {
			want := tone(4800, outRate, 1000, amplitude)
			data := chunk("data", samples(c.tag, channels, c.bits, want...))
			for shape, format := range map[string][]byte{
				"plain":      fmtChunk(c.tag, channels, outRate, c.bits),
				"extensible": extensibleChunk(c.tag, channels, outRate, c.bits, subformatTail),
			} {
				got := mustRead(t, riff(format, data))
				if len(got) != len(want) {
					t.Fatalf("%s %s, %d channels: %d samples, want %d", c.name, shape, channels, len(got), len(want))
				}
				for i := range want {
					if d := math.Abs(float64(got[i]) - want[i]); d > c.tolerance {
						t.Fatalf("%s %s, %d channels: sample %d is %v, want %v", c.name, shape, channels, i, got[i], want[i])
					}
				}
			}
		}
	}
}

func TestWAVStereoIsMean(t *testing.T) {
	got := mustRead(t, riff(fmtChunk(tagPCM, 2, outRate, 16), chunk("data", le([]int16{16384, 0, 0, -16384, 8192, 8192}))))
	want := []float32{0.25, -0.25, 0.25}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func TestWAVFloatIsBounded(t *testing.T) {
	got := mustRead(t, riff(fmtChunk(tagFloat, 1, outRate, 32),
		chunk("data", le([]float32{2, -3, float32(math.NaN()), float32(math.Inf(1)), 0.5}))))
	want := []float32{1, -1, 0, 1, 0.5}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

// TestWAVChunks puts chunks that are none of our business everywhere they may be.
func TestWAVChunks(t *testing.T) {
	format, data := fmtChunk(tagPCM, 1, outRate, 16), chunk("data", le([]int16{100, 200, 300}))
	list := chunk("LIST", []byte("INFOISFT\x05\x00\x00\x00abcd\x00"))
	odd := chunk("note", []byte("odd"))
	long := chunk("fmt ", append(format[8:], make([]byte, 100)...))
	streamed := append(le("data", uint32(math.MaxUint32)), le([]int16{100, 200, 300})...)
	for name, b := range map[string][]byte{
		"bare":                  riff(format, data),
		"LIST before fmt":       riff(list, format, data),
		"LIST before data":      riff(format, list, data),
		"LIST after data":       riff(format, data, list),
		"odd chunks":            riff(odd, format, odd, data, odd),
		"fmt longer than any":   riff(long, data),
		"unknown length":        riff(format, streamed),
		"unknown length, arec":  riff(format, append(le("data", uint32(0x7FFFFFFF)), le([]int16{100, 200, 300})...)),
		"half a frame too many": riff(format, append(le("data", uint32(7)), 100, 0, 200, 0, 44, 1, 9)),
		"RIFF size of zero":     append(le("RIFF", uint32(0)), riff(format, data)[8:]...),
	} {
		got := mustRead(t, b)
		if len(got) != 3 || got[2] != 300.0/32768 {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestBadFiles(t *testing.T) {
	format, data := fmtChunk(tagPCM, 1, outRate, 16), chunk("data", make([]byte, 96000))
	good := riff(format, data)
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "the file is empty"},
		{"one byte", []byte("R"), "neither a WAV nor an Ogg/Opus file"},
		{"text", []byte("hello, this is no sound"), "neither a WAV nor an Ogg/Opus file"},
		{"mp3", []byte("ID3\x03\x00\x00\x00"), "neither a WAV nor an Ogg/Opus file"},
		{"RF64", []byte("RF64\xff\xff\xff\xffWAVE"), "is not supported"},
		{"AVI", append(le("RIFF", uint32(4), "AVI "), good[12:]...), "not a WAV file"},
		{"cut in the header", good[:10], "cut off"},
		{"cut in fmt", good[:30], "cut off"},
		{"cut between chunks", good[:36], "holds no sound"},
		{"cut in a chunk's name", good[:40], "cut off"},
		{"cut in the sound", good[:44+48000], "cut off: 1.0 s of sound are promised and 0.5 s are there"},
		{"no sound", riff(format), "holds no sound"},
		{"no samples", riff(format, chunk("data", nil)), "holds no sound"},
		{"unknown length, nothing there", riff(format, le("data", uint32(math.MaxUint32))), "holds no sound"},
		{"less than a frame", riff(format, chunk("data", []byte{1})), "holds no sound"},
		{"sound before format", riff(data, format), "does not describe its format"},
		{"two formats", riff(format, format, data), "describes its format twice"},
		{"format too short", riff(chunk("fmt ", make([]byte, 14)), data), "too short"},
		{"format claims 4 GB", append(le("RIFF", uint32(0), "WAVE", "fmt ", uint32(math.MaxUint32)), format[8:]...), "cut off"},
		{"LIST claims 4 GB", riff(le("LIST", uint32(math.MaxUint32-1)), format, data), "cut off"},
		{"sound claims 1 GB", riff(format, le("data", uint32(1<<30)), data[8:]), "cut off: 11184.8 s"},
		{"thousand chunks", riff(bytes.Repeat(chunk("none", nil), 1001), format, data), "too many chunks"},
		{"no channel", riff(fmtChunk(tagPCM, 0, outRate, 16), data), "0 channels"},
		{"6 channels", riff(fmtChunk(tagPCM, 6, outRate, 16), data), "6 channels"},
		{"rate of 0", riff(fmtChunk(tagPCM, 1, 0, 16), data), "rate of 0 Hz"},
		{"rate of 7999", riff(fmtChunk(tagPCM, 1, 7999, 16), data), "rate of 7999 Hz"},
		{"rate of 4 GHz", riff(fmtChunk(tagPCM, 1, math.MaxUint32, 16), data), "rate of 4294967295 Hz"},
		{"12 bits", riff(fmtChunk(tagPCM, 1, outRate, 12), data), "12 bits"},
		{"16-bit float", riff(fmtChunk(tagFloat, 1, outRate, 16), data), "16 bits"},
		{"A-law", riff(fmtChunk(6, 1, 8000, 8), data), "compressed (WAV format 6)"},
		{"extensible of another kind", riff(extensibleChunk(tagPCM, 1, outRate, 16, strings.Repeat("x", 14)), data), "extensible"},
		{"extensible cut short", riff(chunk("fmt ", extensibleChunk(tagPCM, 1, outRate, 16, subformatTail)[8:40]), data), "extensible"},
		{"contradiction", riff(chunk("fmt ", le(uint16(1), uint16(1), uint32(outRate), uint32(96000), uint16(4), uint16(16))), data), "contradicts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "talk.wav")
			if err := os.WriteFile(path, c.file, 0o600); err != nil {
				t.Fatal(err)
			}
			m, err := OpenMic(path, false)
			if err == nil {
				m.Close()
				t.Fatal("it was opened")
			}
			if !strings.HasPrefix(err.Error(), path+": ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %q, want %q in it", err, c.want)
			}
		})
	}
}

func TestUnreadablePaths(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenMic(filepath.Join(dir, "none.wav"), false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := OpenMic(dir, false); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("a directory: %v", err)
	}
	if _, err := OpenMic(os.DevNull, false); err == nil || !strings.Contains(err.Error(), "ordinary") {
		t.Errorf("a device: %v", err)
	}
}

// Every truncation of a good file is an error or less sound, and never more than there is.
func TestWAVTruncated(t *testing.T) {
	good := riff(chunk("LIST", []byte("odd")), fmtChunk(tagPCM, 2, 44100, 24), chunk("data", make([]byte, 600)))
	for n := range len(good) {
		if got, err := readAll(good[:n]); err == nil {
			t.Fatalf("%d of %d bytes: %d samples", n, len(good), len(got))
		}
	}
}

func FuzzWAV(f *testing.F) {
	data := chunk("data", samples(tagPCM, 1, 16, tone(200, outRate, 440, 0.5)...))
	f.Add(riff(fmtChunk(tagPCM, 1, outRate, 16), data))
	f.Add(riff(fmtChunk(tagPCM, 2, 192000, 24), chunk("LIST", []byte("x")), data))
	f.Add(riff(extensibleChunk(tagFloat, 1, 8000, 32, subformatTail), data))
	f.Add(riff(fmtChunk(tagPCM, 1, outRate, 8), append(le("data", uint32(math.MaxUint32)), 1, 2, 3)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 4 || string(b[:4]) != "RIFF" {
			return
		}
		got, err := readAll(b)
		if err == nil && len(got) == 0 {
			t.Error("a file without sound was opened")
		}
		// No more than six samples at 48 kHz come of a byte: 8 kHz, 8 bits, mono.
		if len(got) > 6*len(b)+6 {
			t.Errorf("%d samples of %d bytes", len(got), len(b))
		}
		for _, s := range got {
			if s != s || s > 2 || s < -2 {
				t.Fatalf("sample of %v", s)
			}
		}
	})
}
