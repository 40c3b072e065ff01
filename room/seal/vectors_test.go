// Vectors on disk, for other programs that read these packets, and so that a
// change of format cannot go unseen. Each file holds "name: value" lines, an
// empty line, and the packet in hex. Run with -update to write them anew.

package seal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stoa/identity"
)

var update = flag.Bool("update", false, "write testdata/packets anew")

// vector is one file of testdata/packets.
type vector struct {
	room    identity.RoomID
	secret  [32]byte
	stream  Stream
	from    identity.ID // whose link brings the packet
	kid     string      // of the stream in the epoch, hex
	baseKey string      // likewise
	expect  string      // "ok" or a name in outcomes
	frames  []string    // "index since level end payload", when ok
	packet  []byte
}

// outcomes are the verdicts that a vector may expect.
var outcomes = map[string]error{
	"ok":          nil,
	"malformed":   ErrMalformed,
	"unknown key": ErrUnknownKey,
	"not speaker": ErrNotSpeaker,
	"forged":      ErrForged,
}

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	files, err := filepath.Glob("testdata/packets/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(makeVectors(t)) {
		t.Fatalf("%d vectors on disk, want %d", len(files), len(makeVectors(t)))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			checkVector(t, parseVector(t, string(text)))
		})
	}
}

func checkVector(t *testing.T, v vector) {
	epoch := NewEpoch(v.secret)
	b := bind(v.room, v.stream, epoch.Commit)
	if got := fmt.Sprintf("%016x", keyID(&b)); got != v.kid {
		t.Errorf("KID = %s, want %s", got, v.kid)
	}
	if base, err := baseKey(v.secret, &b); err != nil || hex.EncodeToString(base) != v.baseKey {
		t.Errorf("base key = %x, %v, want %s", base, err, v.baseKey)
	}
	o := NewOpener(v.room)
	if err := errors.Join(o.SetEpochs([]Epoch{epoch}), o.SetStreams([]Stream{v.stream})); err != nil {
		t.Fatal(err)
	}
	want, known := outcomes[v.expect]
	if !known {
		t.Fatalf("unknown outcome %q", v.expect)
	}
	_, frames, err := o.Open(v.packet, v.from)
	if err != want {
		t.Fatalf("Open: %v, want %v", err, want)
	}
	var got []string
	for _, f := range frames {
		got = append(got, frameLine(f))
	}
	if fmt.Sprint(got) != fmt.Sprint(v.frames) {
		t.Errorf("frames %q, want %q", got, v.frames)
	}
}

func frameLine(f Frame) string {
	return fmt.Sprintf("%d %d %d %t %x", f.Index, f.Since, f.Level, f.End, f.Payload)
}

func parseVector(t *testing.T, text string) (v vector) {
	t.Helper()
	head, body, ok := strings.Cut(text, "\n\n")
	if !ok {
		t.Fatal("no empty line")
	}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, line := range strings.Split(head, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "room":
			copy(v.room[:], unhex(value))
		case "secret":
			copy(v.secret[:], unhex(value))
		case "speaker":
			copy(v.stream.Speaker[:], unhex(value))
		case "session":
			copy(v.stream.Session[:], unhex(value))
		case "from":
			copy(v.from[:], unhex(value))
		case "kid":
			v.kid = value
		case "base key":
			v.baseKey = value
		case "expect":
			v.expect = value
		case "frame":
			v.frames = append(v.frames, value)
		default:
			t.Fatalf("unknown line %q", line)
		}
	}
	v.packet = unhex(strings.ReplaceAll(body, "\n", ""))
	return v
}

func writeVectors(t *testing.T) {
	t.Helper()
	for name, v := range makeVectors(t) {
		var out bytes.Buffer
		fmt.Fprintf(&out, "expect: %s\nroom: %x\nsecret: %x\nspeaker: %x\nsession: %x\nkid: %s\nbase key: %s\nfrom: %x\n",
			v.expect, v.room[:], v.secret, v.stream.Speaker[:], v.stream.Session, v.kid, v.baseKey, v.from[:])
		for _, f := range v.frames {
			fmt.Fprintf(&out, "frame: %s\n", f)
		}
		out.WriteByte('\n')
		text := hex.EncodeToString(v.packet)
		for len(text) > 64 {
			fmt.Fprintln(&out, text[:64])
			text = text[64:]
		}
		fmt.Fprintln(&out, text)
		if err := os.WriteFile(filepath.Join("testdata/packets", name+".txt"), out.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// makeVectors builds every vector, by name.
func makeVectors(t *testing.T) map[string]vector {
	t.Helper()
	s := newTestSealer(t)
	base, err := baseKey(epoch1.Secret, &s.media.bound)
	if err != nil {
		t.Fatal(err)
	}
	vectors := make(map[string]vector)
	add := func(name, expect string, from *identity.Key, packet []byte, frames ...Frame) {
		v := vector{
			room: testRoom, secret: epoch1.Secret, stream: s.Stream(), from: from.ID(),
			kid: fmt.Sprintf("%016x", s.media.kid), baseKey: hex.EncodeToString(base),
			expect: expect, packet: packet,
		}
		for _, f := range frames {
			v.frames = append(v.frames, frameLine(f))
		}
		vectors[name] = v
	}
	end := Frame{Index: 301, Since: 1, Level: 40, End: true, Payload: []byte("bye")}
	direct := mustSeal(t, s, false, voice(299))
	one := mustSeal(t, s, true, voice(299))
	two := mustSeal(t, s, true, voice(300), end)
	silentEnd := Frame{Index: 302, Since: 1, Level: Silence, End: true}
	add("direct", "ok", alice, direct, voice(299))
	add("direct-end", "ok", alice, mustSeal(t, s, false, silentEnd), silentEnd)
	add("direct-four", "ok", alice, mustSeal(t, s, false, voice(303), voice(304), voice(305), voice(306)), voice(303), voice(304), voice(305), voice(306))
	add("signed-one", "ok", mallory, one, voice(299))
	add("signed-two", "ok", mallory, two, voice(300), end)
	add("direct-by-another", "not speaker", mallory, direct)

	change := func(packet []byte, at int, to byte) []byte {
		packet = bytes.Clone(packet)
		packet[at] = to
		return packet
	}
	last := len(two) - 1
	add("version-2", "malformed", alice, change(two, 0, two[0]^0x30))
	add("signed-four", "malformed", alice, change(two, 0, two[0]|framesMask))
	add("frames-altered", "forged", alice, change(direct, 0, direct[0]|1<<framesShift))
	add("level-128", "malformed", alice, change(two, 1, 128))
	add("counter-of-the-other-form", "malformed", alice, change(two[:len(two)-sigSize], 0, two[0]&^(flagSigned|framesMask)))
	add("empty", "malformed", alice, nil)
	add("no-signature", "malformed", alice, two[:fixedSize+20])
	add("too-long", "malformed", alice, append(bytes.Clone(direct), make([]byte, MaxPacket)...))
	add("other-kid", "unknown key", alice, change(two, 3, two[3]+1))
	add("level-altered", "forged", alice, change(two, 1, 41))
	add("tag-altered", "forged", alice, change(two, last-sigSize, two[last-sigSize]^1))
	add("signature-altered", "forged", alice, change(two, last, two[last]^1))
	packet, k := aliceSays(flagSigned, 101, "I resign").seal(t)
	add("signed-by-another-member", "forged", alice, sign(mallory, packet, &k.bound))
	there := aliceSays(flagSigned, 101, "yes")
	there.room = otherRoom
	said, k := there.seal(t)
	said = sign(alice, said, &k.bound)
	here, _ := aliceSays(flagSigned, 101, "yes").seal(t)
	add("signature-of-another-room", "forged", alice, append(here, said[len(said)-sigSize:]...))
	return vectors
}
