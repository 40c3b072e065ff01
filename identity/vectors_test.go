// The vectors on disk: what each record's reader must say of each file. A vector is "header: value" lines,
// an empty line, and the record: hex, or for links and key files the text itself between quotation marks.
//
//	go test ./identity -run Vectors -update    writes them anew from fixed seeds
//
// Headers: expect (ok, or the name of an error), why; and as the record needs them charter and grant (hex),
// now (unix ms), seed (hex, of the person who redeems), door (unix ms, by the clock of who lets them in; else
// now), id (what it names).

package identity

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata/vectors anew")

// verdicts are the words of the expect header.
var verdicts = map[string]error{
	"ok": nil, "cutoff": ErrCutOff, "damaged": ErrDamaged, "malformed": ErrMalformed, "expired": ErrExpired,
	"notyet": ErrNotYet, "notforyou": ErrNotForYou, "wrongroom": ErrWrongRoom, "forged": ErrForged,
	"widened": ErrWidened, "toodeep": ErrTooDeep, "notowner": ErrNotOwner,
}

// verdict gives the word for err, and fails when err has none or more than one.
func verdict(t testing.TB, err error) string {
	t.Helper()
	var words []string
	for word, is := range verdicts {
		if err == nil && is == nil || is != nil && errors.Is(err, is) {
			words = append(words, word)
		}
	}
	if len(words) != 1 {
		t.Fatalf("error %v has the names %v", err, words)
	}
	return words[0]
}

type vector struct {
	record, name string
	head         map[string]string
	data         []byte
	room         *Charter // of the charter header, once read
}

func (v *vector) path() string {
	return filepath.Join("testdata", "vectors", v.record, v.name+".txt")
}

func (v *vector) isText() bool { return v.record == "invite" || v.record == "key" }

func (v *vector) text() []byte {
	var b bytes.Buffer
	for _, k := range slices.Sorted(maps.Keys(v.head)) {
		fmt.Fprintf(&b, "%s: %s\n", k, v.head[k])
	}
	b.WriteByte('\n')
	if v.isText() {
		fmt.Fprintf(&b, "%q\n", v.data)
		return b.Bytes()
	}
	for line := range slices.Chunk(v.data, 40) {
		fmt.Fprintf(&b, "%x\n", line)
	}
	return b.Bytes()
}

func readVector(t testing.TB, path string) *vector {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, body, ok := strings.Cut(string(text), "\n\n")
	if !ok {
		t.Fatalf("%s: no empty line", path)
	}
	v := &vector{
		record: filepath.Base(filepath.Dir(path)), name: strings.TrimSuffix(filepath.Base(path), ".txt"),
		head: map[string]string{},
	}
	for line := range strings.SplitSeq(head, "\n") {
		k, value, _ := strings.Cut(line, ": ")
		v.head[k] = value
	}
	if v.isText() {
		s, err := strconv.Unquote(strings.TrimSpace(body))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		v.data = []byte(s)
		return v
	}
	v.data = unhex(t, strings.ReplaceAll(body, "\n", ""))
	return v
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readVectors gives the vectors of one record, or of all ("*"). None at all is a failure.
func readVectors(t testing.TB, record string) []*vector {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "vectors", record, "*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors of %q: %v", record, err)
	}
	var all []*vector
	for _, p := range paths {
		all = append(all, readVector(t, p))
	}
	return all
}

// TestVectorsAreCurrent compares the files with what the program writes today: a change of a format shows
// here as a changed file.
func TestVectorsAreCurrent(t *testing.T) {
	if *update {
		if err := os.RemoveAll(filepath.Join("testdata", "vectors")); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]bool{}
	for _, v := range makeVectors(t) {
		if want[v.path()] {
			t.Fatalf("two vectors are called %s", v.path())
		}
		want[v.path()] = true
		if *update {
			writeVector(t, v)
		}
		have, err := os.ReadFile(v.path())
		if err != nil || !bytes.Equal(have, v.text()) {
			t.Errorf("%s is not what the program writes (%v)", v.path(), err)
		}
	}
	for _, v := range readVectors(t, "*") {
		if !want[v.path()] {
			t.Errorf("%s belongs to no vector", v.path())
		}
	}
}

func writeVector(t *testing.T, v *vector) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(v.path()), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(v.path(), v.text(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestVectors(t *testing.T) {
	for _, v := range readVectors(t, "*") {
		t.Run(v.record+"/"+v.name, func(t *testing.T) {
			again, err := v.judge(t, v.data)
			if got := verdict(t, err); got != v.head["expect"] {
				t.Fatalf("%s (%v), expected %s: %s", got, err, v.head["expect"], v.head["why"])
			}
			if err == nil && again != nil && !bytes.Equal(again, v.data) {
				t.Fatalf("written again it is\n%x, was\n%x", again, v.data)
			}
		})
	}
}

// judge reads data as the record of v, in the circumstances that its headers say, and writes it again.
func (v *vector) judge(t testing.TB, data []byte) (again []byte, err error) {
	t.Helper()
	switch v.record {
	case "charter":
		return v.judgeCharter(t, data)
	case "grant":
		g, err := ParseGrant(data)
		if err != nil {
			return nil, err
		}
		return g.Bytes(), g.Verify()
	case "redeem":
		r, err := ParseRedeem(data)
		if err != nil {
			return nil, err
		}
		g, err := ParseGrant(unhex(t, v.head["grant"]))
		if err != nil {
			t.Fatal(err)
		}
		return r.Bytes(), r.Verify(g)
	case "credential":
		c, err := ParseCredential(data)
		if err != nil {
			return nil, err
		}
		return c.Bytes(), c.Verify(v.charter(t), v.now(t))
	case "invite":
		return nil, v.judgeInvite(t, data)
	case "key":
		k, err := ParseKey(data)
		if err == nil && k.ID().String() != v.head["id"] {
			t.Fatalf("key of %s, expected %s", k.ID(), v.head["id"])
		}
		return nil, err
	}
	t.Fatalf("no reader of %q", v.record)
	return nil, nil
}

func (v *vector) judgeCharter(t testing.TB, data []byte) ([]byte, error) {
	t.Helper()
	c, err := ParseCharter(data)
	if err != nil {
		return nil, err
	}
	if c.ID().String() != v.head["id"] {
		t.Fatalf("charter of %s, expected %s", c.ID(), v.head["id"])
	}
	return c.Bytes(), nil
}

func (v *vector) judgeInvite(t testing.TB, data []byte) error {
	t.Helper()
	i, err := ParseInvite(string(data))
	if err != nil {
		return err
	}
	bare := strings.Replace(strings.TrimSpace(string(data)), "stoa://", "stoa:", 1)
	if again := i.String(); again != bare {
		t.Fatalf("written again it is\n%s, was\n%s", again, bare)
	}
	c, err := i.Redeem(KeyFromSeed([32]byte(unhex(t, v.head["seed"]))), v.now(t))
	if err != nil {
		return err
	}
	door := v.now(t)
	if at, ok := v.head["door"]; ok {
		door = moment(t, at)
	}
	return c.Verify(v.charter(t), door)
}

func (v *vector) charter(t testing.TB) *Charter {
	t.Helper()
	if v.room == nil {
		c, err := ParseCharter(unhex(t, v.head["charter"]))
		if err != nil {
			t.Fatal(err)
		}
		v.room = c
	}
	return v.room
}

func (v *vector) now(t testing.TB) time.Time {
	t.Helper()
	return moment(t, v.head["now"])
}

func moment(t testing.TB, text string) time.Time {
	t.Helper()
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.UnixMilli(ms)
}

// TestEveryMutation takes each good binary vector and breaks it in every small way there is: nothing of it
// may be accepted, and nothing may panic or return an error without a name.
func TestEveryMutation(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 7 // reaches every byte and each of its bits somewhere
	}
	done := map[string]bool{} // some vectors differ in their circumstances only
	for _, v := range readVectors(t, "*") {
		if v.head["expect"] != "ok" || v.isText() || done[string(v.data)] {
			continue
		}
		done[string(v.data)] = true
		t.Run(v.record+"/"+v.name, func(t *testing.T) {
			t.Parallel()
			refuse := func(what string, data []byte) {
				t.Helper()
				if _, err := v.judge(t, data); verdict(t, err) == "ok" {
					t.Errorf("accepted: %s", what)
				}
			}
			for n := 0; n < len(v.data); n += step {
				refuse(fmt.Sprintf("cut at %d", n), v.data[:n])
			}
			for n := 0; n < len(v.data)*8; n += step {
				flipped := bytes.Clone(v.data)
				flipped[n/8] ^= 1 << (n % 8)
				refuse(fmt.Sprintf("bit %d flipped", n), flipped)
			}
			refuse("a byte more", append(bytes.Clone(v.data), 0))
			refuse("itself twice", append(bytes.Clone(v.data), v.data...))
			refuse("64 KiB", append(bytes.Clone(v.data), make([]byte, 64<<10)...))
		})
	}
}

// TestEveryLinkMutation: a link without its end says so, and one with any bit flipped says that, whichever
// bit it is.
func TestEveryLinkMutation(t *testing.T) {
	for _, v := range readVectors(t, "invite") {
		if v.head["expect"] != "ok" {
			continue
		}
		text := strings.TrimSpace(string(v.data))
		for n := 1; n < len(text); n++ {
			if _, err := ParseInvite(text[:n]); verdict(t, err) != "cutoff" {
				t.Errorf("%s cut at %d: %v", v.name, n, err)
			}
		}
		for n := range len(text) * 8 {
			b := []byte(text)
			b[n/8] ^= 1 << (n % 8)
			flipped := string(b)
			if strings.TrimSpace(flipped) != flipped {
				continue // the last character became white space: that is a link cut off
			}
			if _, err := ParseInvite(flipped); verdict(t, err) != "damaged" {
				t.Errorf("%s with bit %d flipped: %v", v.name, n, err)
			}
		}
	}
}
