// Tests of Ogg pages and Opus in them: what we write, what others write, and what is damaged.

package file

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stoa/audio"
	"stoa/audio/opus"
)

// page makes an Ogg page with its checksum.
func page(flags byte, granule uint64, serial, sequence uint32, segments, body []byte) []byte {
	p := le("OggS\x00", flags, granule, serial, sequence, uint32(0), byte(len(segments)), segments, body)
	binary.LittleEndian.PutUint32(p[oggChecksum:], oggCRC(p))
	return p
}

// lacing cuts packets into segments.
func lacing(packets ...[]byte) (segments, body []byte) {
	for _, p := range packets {
		for n := len(p); n >= oggSegment; n -= oggSegment {
			segments = append(segments, oggSegment)
		}
		segments = append(segments, byte(len(p)%oggSegment))
		body = append(body, p...)
	}
	return segments, body
}

// record writes pcm to an Ogg/Opus file as a loudspeaker does, and returns it.
func record(t testing.TB, kind newWriter, pcm []float32) []byte {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "sound"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := kind(f)
	if err != nil {
		t.Fatal(err)
	}
	for len(pcm) > 0 {
		n := min(len(pcm), audio.BlockSize)
		if err := w.write(pcm[:n]); err != nil {
			t.Fatal(err)
		}
		pcm = pcm[n:]
	}
	if err := w.finish(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func float32s(in []float64) []float32 {
	out := make([]float32, len(in))
	for i, s := range in {
		out[i] = float32(s)
	}
	return out
}

// difference is how far got is from a tone of 440 Hz at half of full scale that
// begins with it, in dB below the tone.
func difference(got []float32) float64 {
	want := tone(len(got), outRate, 440, 0.5)
	var signal, noise float64
	for i := len(got) / 5; i < len(got)*4/5; i++ {
		signal += want[i] * want[i]
		noise += math.Pow(float64(got[i])-want[i], 2)
	}
	return 10 * math.Log10(signal/noise)
}

// TestFilesOfOthers reads files that other programs made.
func TestFilesOfOthers(t *testing.T) {
	paths, err := filepath.Glob("testdata/*-*")
	if err != nil || len(paths) != 6 {
		t.Fatalf("%d files of other programs, %v", len(paths), err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readAll(b)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		want := outRate / 2
		if strings.Contains(path, "stereo-24") || strings.Contains(path, "pipe") {
			want = outRate / 10
		}
		if len(got) != want {
			t.Errorf("%s: %d samples, want %d", path, len(got), want)
		}
		// What is left is the noise of coding, and it must be least at the right time.
		d := difference(got)
		if d < 22 || d < difference(got[1:]) || d < difference(append([]float32{0}, got...)) {
			t.Errorf("%s: the tone is %.1f dB above its difference; %.1f one sample early, %.1f late", path,
				d, difference(got[1:]), difference(append([]float32{0}, got...)))
		}
	}
}

// What is recorded must come back with its length, its time and its level.
func TestRecordings(t *testing.T) {
	for name, kind := range map[string]newWriter{"wav": newWAVWriter, "ogg": newOggWriter} {
		for _, n := range []int{1, 480, 959, 960, 9600, 9601, 10 * 960, 96000, 100001} {
			b := record(t, kind, float32s(tone(n, outRate, 440, 0.5)))
			got := mustRead(t, b)
			if len(got) != n {
				t.Errorf("%s: %d samples became %d", name, n, len(got))
			}
			if n > 5000 && difference(got) < 28 {
				t.Errorf("%s: of %d samples the tone is %.1f dB above its difference", name, n, difference(got))
			}
		}
	}
}

func TestWAVRecordingIsExact(t *testing.T) {
	in := []float32{0, 1.0 / 32768, -1.0 / 32768, 0.5, -0.5, -1, 32767.0 / 32768}
	got := mustRead(t, record(t, newWAVWriter, in))
	for i := range in {
		if got[i] != in[i] {
			t.Fatalf("wrote %v, read %v", in, got)
		}
	}
	if got := mustRead(t, record(t, newWAVWriter, []float32{1, 7, -7})); got[0] < 0.9999 || got[1] < 0.9999 || got[2] != -1 {
		t.Errorf("too loud became %v", got)
	}
}

// A process can be killed after any write: what is on disk then must play.
func TestKilledRecordingPlays(t *testing.T) {
	for name, kind := range map[string]newWriter{"wav": newWAVWriter, "ogg": newOggWriter} {
		f, err := os.Create(filepath.Join(t.TempDir(), "sound"))
		if err != nil {
			t.Fatal(err)
		}
		w, err := kind(f)
		if err != nil {
			t.Fatal(err)
		}
		pcm := float32s(tone(3*outRate, outRate, 440, 0.5))
		for n := 0; n < len(pcm); n += audio.BlockSize {
			if err := w.write(pcm[n:][:audio.BlockSize]); err != nil {
				t.Fatal(err)
			}
			if n/audio.BlockSize%7 != 0 {
				continue
			}
			b, err := os.ReadFile(f.Name())
			if err != nil {
				t.Fatal(err)
			}
			written := n + audio.BlockSize
			// A page of Ogg and the packet after it, and the encoder's delay.
			const behind = flushSamples + 2*audio.FrameSize + opus.PreSkip
			if written < behind {
				continue
			}
			got := mustRead(t, b)
			if len(got) < written-behind || len(got) > written {
				t.Fatalf("%s: %d of %d samples can be played", name, len(got), written)
			}
		}
		f.Close()
	}
}

// stream is a made-up Ogg/Opus file: headers and the tone in packets of 20 ms,
// on pages of the given number of segments, so that packets cross pages.
func stream(t testing.TB, perPage int) (pages [][]byte) {
	t.Helper()
	enc, err := opus.NewRecorder()
	if err != nil {
		t.Fatal(err)
	}
	var packets [][]byte
	pcm := float32s(tone(outRate/4, outRate, 440, 0.5))
	buf := make([]byte, audio.MaxPayload)
	for ; len(pcm) >= audio.FrameSize; pcm = pcm[audio.FrameSize:] {
		n, err := enc.Encode(pcm[:audio.FrameSize], buf)
		if err != nil {
			t.Fatal(err)
		}
		// RFC 6716 section 3.2.5: code 3 with padding, to make the packet long.
		p := append([]byte{buf[0] | 3, 0x41, 255, 255, 254 - 2}, buf[1:n]...)
		packets = append(packets, append(p, make([]byte, 254+254+252)...))
	}
	const serial = 77
	s, b := lacing(appendOpusHead(nil, opus.PreSkip, outRate))
	pages = append(pages, page(oggFirst, 0, serial, 0, s, b))
	s, b = lacing(appendOpusTags(nil, strings.Repeat("a picture ", 20000)))
	for len(s) > 0 {
		n := min(len(s), oggSegment)
		size := min(n*oggSegment, len(b))
		flags := byte(oggContinued)
		if len(pages) == 1 {
			flags = 0
		}
		pages = append(pages, page(flags, oggNoGranule, serial, uint32(len(pages)), s[:n], b[:size]))
		s, b = s[n:], b[size:]
	}
	s, b = lacing(packets...)
	continued := byte(0)
	for len(s) > 0 {
		n := min(len(s), perPage)
		size := 0
		for _, l := range s[:n] {
			size += int(l)
		}
		flags := continued
		continued = 0
		if s[n-1] == oggSegment {
			continued = oggContinued
		}
		if n == len(s) {
			flags |= oggLast
		}
		pages = append(pages, page(flags, oggNoGranule, serial, uint32(len(pages)), s[:n], b[:size]))
		s, b = s[n:], b[size:]
	}
	return pages
}

func TestPacketsAcrossPages(t *testing.T) {
	want := outRate/4/audio.FrameSize*audio.FrameSize - opus.PreSkip
	for _, perPage := range []int{1, 2, 3, 4, 5, 17, 255} {
		got := mustRead(t, bytes.Join(stream(t, perPage), nil))
		if len(got) != want {
			t.Errorf("%d segments a page: %d samples, want %d", perPage, len(got), want)
		}
		if d := difference(got); d < 28 {
			t.Errorf("%d segments a page: the tone is %.1f dB above its difference", perPage, d)
		}
	}
}

// Pages of another stream, in front and between, are passed over.
func TestOtherStreamsArePassedOver(t *testing.T) {
	pages := stream(t, 3)
	other := func(flags byte, n int) []byte { return page(flags, 0, 5, uint32(n), []byte{3}, []byte("bla")) }
	mixed := [][]byte{other(oggFirst, 0)}
	for i, p := range pages {
		mixed = append(mixed, p, other(0, i+1))
	}
	mixed = append(mixed, other(oggLast, 99))
	a, b := mustRead(t, bytes.Join(pages, nil)), mustRead(t, bytes.Join(mixed, nil))
	if len(a) != len(b) {
		t.Errorf("%d samples alone, %d beside another stream", len(a), len(b))
	}
}

func TestOutputGain(t *testing.T) {
	b := record(t, newOggWriter, float32s(tone(outRate/4, outRate, 440, 0.5)))
	plain := mustRead(t, b)
	head := bytes.Clone(b[:oggHeader+1+opusHeadSize])
	binary.LittleEndian.PutUint16(head[oggHeader+1+16:], uint16(0xFFFF&(-6*256)))
	clear(head[oggChecksum:oggCount])
	binary.LittleEndian.PutUint32(head[oggChecksum:], oggCRC(head))
	quiet := mustRead(t, append(head, b[len(head):]...))
	for i := range plain {
		if want := float64(plain[i]) * math.Pow(10, -6.0/20); math.Abs(float64(quiet[i])-want) > 1e-6 {
			t.Fatalf("sample %d is %v with -6 dB and %v without", i, quiet[i], plain[i])
		}
	}
}

func TestBadOgg(t *testing.T) {
	pages := stream(t, 3)
	join := func(p ...[]byte) []byte { return bytes.Join(p, nil) }
	body := func(n int) []byte { return join(pages[n:]...) }
	head := func(change func(h []byte) []byte) []byte {
		s, b := lacing(change(appendOpusHead(nil, opus.PreSkip, outRate)))
		return page(oggFirst, 0, 77, 0, s, b)
	}
	set := func(at int, v byte) []byte {
		return head(func(h []byte) []byte { h[at] = v; return h })
	}
	flip := func(at int) []byte {
		b := join(pages...)
		b[at] ^= 1
		return b
	}
	tags := 0
	for tags < len(pages) && !bytes.Contains(pages[tags], []byte("OpusTags")) {
		tags++
	}
	long := bytes.Repeat([]byte{oggSegment}, oggSegment)
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"only the magic", []byte("OggS"), "cut off"},
		{"headers only", join(pages[:5]...), "holds no sound"},
		{"first page missing", body(1), "holds no Opus stream"},
		{"Vorbis", page(oggFirst, 0, 1, 0, []byte{7}, []byte("\x01vorbis")), "cut off"},
		{"Vorbis and more", join(page(oggFirst, 0, 1, 0, []byte{7}, []byte("\x01vorbis")), page(0, 0, 1, 1, []byte{1}, []byte("x"))), "holds no Opus stream"},
		{"a page missing", join(pages[0], body(2)), "a page is missing"},
		{"a later page missing", join(join(pages[:8]...), body(9)), "a page is missing"},
		{"a page twice", join(join(pages[:8]...), body(7)), "a page is missing"},
		{"checksum", flip(100), "checksum"},
		{"checksum in the sound", flip(len(join(pages...)) - 1), "checksum"},
		{"no page", flip(len(pages[0])), "no page"},
		{"cut in the sound", join(pages...)[:len(join(pages...))-1], "cut off"},
		{"cut between pages of a packet", join(pages[:6]...), "cut off"},
		{"header too short", join(head(func(h []byte) []byte { return h[:18] }), body(1)), "too short"},
		{"version 16", join(set(8, 16), body(1)), "unknown version"},
		{"no channels", join(set(9, 0), body(1)), "only mono and stereo"},
		{"surround", join(set(18, 1), body(1)), "only mono and stereo"},
		{"no comments", join(pages[0], page(0, 0, 77, 1, []byte{4}, []byte("none"))), "comment header is missing"},
		{"continues what never began", join(pages[0], page(oggContinued, 0, 77, 1, []byte{4}, []byte("none"))), "no beginning or no end"},
		{"never goes on", join(pages[0], page(0, 0, 77, 1, []byte{255}, make([]byte, 255)), page(0, 0, 77, 2, []byte{1}, []byte("x"))), "no beginning or no end"},
		{"endless packet", join(pages[0], page(0, 0, 77, 1, []byte{8}, []byte("OpusTags")),
			page(0, 0, 77, 2, long, make([]byte, 255*255)), page(oggContinued, 0, 77, 3, []byte{1}, []byte("x"))), "too long"},
		{"not Opus", join(pages[0], page(0, 0, 77, 1, []byte{8}, []byte("OpusTags")), page(oggLast, 0, 77, 2, []byte{2}, []byte{3, 0})), "cannot be decoded"},
		{"empty packet", join(pages[0], page(0, 0, 77, 1, []byte{8}, []byte("OpusTags")), page(oggLast, 0, 77, 2, []byte{0}, nil)), "cannot be decoded"},
		{"all of it trimmed", join(pages[0], page(0, 0, 77, 1, []byte{8}, []byte("OpusTags")), page(oggLast, 0, 77, 2, []byte{1}, []byte{31 << 3})), "holds no sound"},
	} {
		_, err := readAll(c.file)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: the error is %v, want %q in it", c.name, err, c.want)
		}
	}
}

// Cut at any byte, a file plays as far as its whole pages go.
func TestOggTruncated(t *testing.T) {
	b := record(t, newOggWriter, float32s(tone(outRate/2, outRate, 440, 0.5)))
	full := len(mustRead(t, b))
	for n := 0; n < len(b); n += 3 {
		if got, _ := readAll(b[:n]); len(got) > full+audio.FrameSize {
			t.Fatalf("%d of %d bytes give %d samples of %d", n, len(b), len(got), full)
		}
	}
}

// TestPageRoundTrip fills pages with packets of every awkward size.
func TestPageRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var file bytes.Buffer
	w := oggWriter{w: &file, serial: 9}
	w.add([]byte("first"))
	if err := w.flush(oggFirst, 0); err != nil {
		t.Fatal(err)
	}
	want := [][]byte{[]byte("first")}
	for _, n := range []int{0, 1, 254, 255, 256, 509, 510, 511, 1275, 20000} {
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		if !w.add(p) {
			t.Fatalf("no room for %d bytes", n)
		}
		want = append(want, p)
	}
	if w.add(make([]byte, 60000)) {
		t.Fatal("a full page took more")
	}
	if err := w.flush(oggLast, 5); err != nil {
		t.Fatal(err)
	}
	p := oggPackets{pages: oggPages{r: &file}}
	got, err := p.begin(func([]byte) bool { return true })
	for i := 0; ; i++ {
		if err == io.EOF && i == len(want) {
			return
		}
		if err != nil || !bytes.Equal(got, want[i]) {
			t.Fatalf("packet %d: %d bytes of %d, %v", i, len(got), len(want[i]), err)
		}
		got, err = p.read(maxPacket)
	}
}

// FuzzOgg mends the checksums of what it is given, for otherwise nothing would get past them.
func FuzzOgg(f *testing.F) {
	f.Add(record(f, newOggWriter, float32s(tone(outRate/20, outRate, 440, 0.5))))
	f.Add(bytes.Join(stream(f, 3)[:12], nil))
	f.Add(page(oggFirst, 0, 1, 0, []byte{7}, []byte("\x01vorbis")))
	f.Fuzz(func(t *testing.T, b []byte) {
		mend(b)
		got, _ := readAll(b)
		// A packet of two bytes may claim 120 ms, and has a segment of its own.
		if len(got) > opus.MaxPacketSamples*len(b)/2 {
			t.Errorf("%d samples of %d bytes", len(got), len(b))
		}
		for _, s := range got {
			if s != s || s > 1 || s < -1 {
				t.Fatalf("sample of %v", s)
			}
		}
	})
}

// mend gives every page in b its right checksum.
func mend(b []byte) {
	for len(b) >= oggHeader && string(b[:4]) == "OggS" {
		size := oggHeader + int(b[oggCount])
		if size > len(b) {
			return
		}
		for _, s := range b[oggHeader:size] {
			size += int(s)
		}
		if size > len(b) {
			return
		}
		clear(b[oggChecksum:oggCount])
		binary.LittleEndian.PutUint32(b[oggChecksum:], oggCRC(b[:size]))
		b = b[size:]
	}
}
