//go:build cgo

package app

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stoa/audio"
	"stoa/identity"
)

// TestRecordVerbs has ann record a room with ben, who says yes and no, and looks at
// what both see and at what is in the folder.
func TestRecordVerbs(t *testing.T) {
	ann := runRig(t, "ann/..")
	id := ann.must(Request{Verb: VerbOpen, Open: &OpenRoom{Title: "Agora: part 1/2"}}).Data.(arrival).Room
	link := ann.must(Request{Verb: VerbInvite, Invite: &InviteOptions{Role: "speaker"}}).Lines[0]
	ben := runRig(t, "ben")
	ben.must(Request{Verb: VerbJoin, Args: []string{link}})
	me, other := ann.home.key.ID().String(), ben.home.key.ID().String()
	ann.until("ben is there", func(v *View) bool { return v.Rooms[id].People[other] != nil })

	record, consent := func(word string) Request { return Request{Verb: VerbRecord, Args: []string{word}} }, func(word string) Request {
		return Request{Verb: VerbConsent, Args: []string{word}}
	}
	for _, refused := range []struct {
		by   *rig
		req  Request
		code string
	}{
		{ann, record("off"), "recording_off"}, {ben, consent("yes"), "recording_off"}, {ben, record("on"), "no_right"},
		{ann, record("again"), "usage"}, {ann, consent("perhaps"), "usage"},
	} {
		if code := refused.by.code(refused.req); code != refused.code {
			t.Errorf("%s %v: %s, want %s", refused.req.Verb, refused.req.Args, code, refused.code)
		}
	}
	if left, err := filepath.Glob(filepath.Join(ben.cfg.Home, recordingsDir, "*")); err != nil || len(left) > 0 {
		t.Errorf("what was refused left %q, %v", left, err)
	}

	folder := ann.must(record("on")).Data.(map[string]any)["folder"].(string)
	if name := filepath.Base(folder); !strings.HasSuffix(name, "Agora part 12") {
		t.Errorf("the folder is called %q", name)
	}
	if code := ann.code(record("on")); code != "recording_on" {
		t.Errorf("again: %s", code)
	}
	r := ben.until("the recording", func(v *View) bool {
		r := v.Rooms[id].Recording
		return r != nil && r.Consent[me] == "yes"
	}).Rooms[id].Recording
	if r.By != me || !r.On || r.Here || r.Folder != "" || r.Consent[other] != "asked" || r.AtMS == 0 {
		t.Errorf("ben sees %+v", r)
	}
	if lines := ben.must(Request{Verb: VerbUnmute}).Lines; len(lines) != 2 || !strings.Contains(lines[1], "stoa consent yes") {
		t.Errorf("who unmutes reads %q", lines)
	}
	says := func(word string) func(*View) bool {
		return func(v *View) bool { return v.Rooms[id].Recording.Consent[other] == word }
	}
	for _, other := range []string{me, "none"} {
		if code := ben.code(Request{Verb: VerbConsent, Args: []string{"yes", other}}); code != "recording_off" {
			t.Errorf("yes to recording %s: %s", other, code)
		}
	}
	ben.must(Request{Verb: VerbConsent, Args: []string{"yes", r.ID}})
	if r := ann.until("ben's yes", says("yes")).Rooms[id].Recording; !r.Here || r.Folder != folder {
		t.Errorf("ann sees %+v", r)
	}
	ben.must(consent("no"))
	ann.until("ben's no", says("no"))
	if code := ann.code(record("on")); code != "recording_on" {
		t.Errorf("a second recording: %s", code)
	}
	ann.must(record("off"))
	ann.until("the end", func(v *View) bool {
		r := v.Rooms[id].Recording
		return !r.On && !r.Here && r.Folder == folder &&
			slices.ContainsFunc(noticesOf(v), func(n NoticeView) bool { return n.Code == "recorded" && n.Hint == folder })
	})
	ben.until("the end", func(v *View) bool { return v.Rooms[id].Recording == nil })
	if again := ann.must(record("on")).Data.(map[string]any)["folder"]; again == folder {
		t.Error("the next recording goes into the folder of the last")
	}

	reply, err := recordingIn(folder)
	if err != nil {
		t.Fatal(err)
	}
	voices := reply.Data.(map[string]any)["speakers"].([]recordedVoice)
	i := slices.IndexFunc(voices, func(v recordedVoice) bool { return v.ID == other })
	if len(voices) != 2 || i < 0 || len(voices[i].Answers) != 2 || !voices[i].Answers[0].Yes || voices[i].Answers[1].Yes {
		t.Errorf("the folder says %+v", voices)
	}
	tamper(t, folder, other)
}

func noticesOf(v *View) (list []NoticeView) {
	for _, n := range v.Notices {
		list = append(list, n)
	}
	return list
}

// tamper changes a folder in every way that should be found out. ben has answered twice
// in it.
func tamper(t *testing.T, dir, ben string) {
	t.Helper()
	index := filepath.Join(dir, indexFile)
	whole, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	other := keyOf("eve")
	for what, change := range map[string]func(f *folder){
		"another room":                  func(f *folder) { f.Room = strings.Repeat("a", len(f.Room)) },
		"another recording":             func(f *folder) { f.Recording = strings.Repeat("a", len(f.Recording)) },
		"another's recording":           func(f *folder) { f.By = ben },
		"no charter":                    func(f *folder) { f.Charter = nil },
		"nobody's recording":            func(f *folder) { f.Signed = f.Signed[1:] },
		"who never consented":           func(f *folder) { f.Speakers[0].ID = other.ID().String() },
		"a withdrawal made a yes":       func(f *folder) { o := f.Signed[len(f.Signed)-1].Op; o[len(o)/2] ^= 1 },
		"without the yes":               func(f *folder) { f.Signed = f.Signed[:1] },
		"a credential of somebody else": func(f *folder) { f.Signed[len(f.Signed)-1].Credential = nil },
		"a file elsewhere":              func(f *folder) { f.Speakers[0].File = "../x.opus" },
		"a file of another kind":        func(f *folder) { f.Speakers[0].File = "x.wav" },
	} {
		var f folder
		if err := json.Unmarshal(whole, &f); err != nil {
			t.Fatal(err)
		}
		f.path = dir
		change(&f)
		if err := f.save(); err != nil {
			t.Fatal(err)
		}
		if _, err := recordingIn(dir); err == nil || Explain(err).Code != "recording_unproven" {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, text := range map[string]string{"nothing": "", "no JSON": "x", "another version": `{"version":2}`, "more": `{"version":1,"x":1}`} {
		if err := os.WriteFile(index, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := recordingIn(dir); err == nil || Explain(err).Code != "no_recording" {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// fakeTape is a tape that stops when it is told to, and looks at what the folder proves
// when somebody is allowed.
type fakeTape struct {
	t       *testing.T
	dir     string
	stops   chan error
	allowed chan string // files, as they are allowed; empty for a withdrawal
}

var _ tape = (*fakeTape)(nil)

func (f *fakeTape) Allow(who [32]byte, name string) {
	if reply, err := recordingIn(f.dir); name != "" && (err != nil || !strings.Contains(strings.Join(reply.Lines, "\n"), identity.ID(who).String())) {
		f.t.Errorf("%q may be written, and the folder does not prove it: %v", name, err)
	}
	f.allowed <- name
}

func (f *fakeTape) Put([32]byte, [8]byte, audio.Packet, time.Time) {}
func (f *fakeTape) Missed() (dropped, late, skipped uint64)        { return 0, 0, 0 }

func (f *fakeTape) Run(ctx context.Context) error {
	select {
	case err := <-f.stops:
		return err
	case <-ctx.Done():
		return nil
	}
}

// begin begins a recording of a room of the rig, on a tape that the test plays.
func (r *rig) begin(by *recorder) (*folder, *fakeTape) {
	r.t.Helper()
	f, err := newFolder(by.home, by.room.Snapshot(), time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	id, err := by.room.BeginRecording(r.ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	f.Recording = id.String()
	tape := &fakeTape{r.t, f.path, make(chan error), make(chan string, 8)}
	by.begun <- &recording{id: id, folder: f, tape: tape, wake: newFlag(), over: make(chan struct{}), allowed: map[identity.ID]bool{}}
	return f, tape
}

// TestRecordingStops: nobody is written before the folder proves their consent, and a
// disk that is full ends the recording for everybody.
func TestRecordingStops(t *testing.T) {
	ann := runRig(t, "ann")
	ann.must(Request{Verb: VerbOpen, Open: &OpenRoom{Title: "Agora"}})
	h := ann.rooms()[0]
	f, tape := ann.begin(h.recorder)
	for _, word := range []string{"yes", "no", "yes"} {
		ann.must(Request{Verb: VerbConsent, Args: []string{word}})
		if name := <-tape.allowed; (name == "") != (word == "no") {
			t.Errorf("after %s the file is %q", word, name)
		}
	}
	tape.stops <- &UserError{Code: "disk_low", Text: "the disk is nearly full", Hint: "make room"}
	ann.until("that it has stopped", func(v *View) bool {
		return slices.ContainsFunc(noticesOf(v), func(n NoticeView) bool {
			return n.Code == "disk_low" && n.Text == "the recording has stopped: the disk is nearly full"
		})
	})
	if h.room.Snapshot().State.Recording() != nil {
		t.Error("the room is still told that it is recorded")
	}
	if got, err := readFolder(f.path); err != nil || got.Why != "the disk is nearly full" || got.Ended == 0 {
		t.Errorf("the folder says %+v, %v", got, err)
	}
	f.Started -= (mostRecorded + time.Minute).Milliseconds()
	if err := f.spare(); Explain(err).Code != "recording_long" {
		t.Errorf("after %v: %v", mostRecorded, err)
	}
}

// TestRecordingBegunAtTheEnd: what was begun just before the node ended is complete
// all the same, and over for everybody.
func TestRecordingBegunAtTheEnd(t *testing.T) {
	ann := runRig(t, "ann")
	ann.must(Request{Verb: VerbOpen, Open: &OpenRoom{Title: "Agora"}})
	h := ann.rooms()[0]
	r := &recorder{room: h.room, me: h.me, home: ann.cfg.Home, log: h.recorder.log, emit: func(Event) {}, changed: func() {}, begun: make(chan *recording, 1)}
	ended, end := context.WithCancel(ann.ctx)
	end()
	for range 5 { // of two things that are ready, Go takes either
		f, _ := ann.begin(r)
		r.run(ended)
		if got, err := readFolder(f.path); err != nil || got.Ended == 0 {
			t.Errorf("the folder says %+v, %v", got, err)
		}
		if h.room.Snapshot().State.Recording() != nil {
			t.Error("the room is still told that it is recorded")
		}
	}
}

func TestFileNames(t *testing.T) {
	for text, want := range map[string]string{
		"Ann":                      "Ann",
		"../../etc/passwd":         "etcpasswd",
		`C:\con*?"<>|`:             "Ccon",
		" . ":                      "",
		"a\x1b[2Jb\x00\n":          "ab",
		"Στοά ποικίλη":             "Στοά ποικίλη",
		strings.Repeat("ποι", 100): strings.Repeat("ποι", 100)[:80],
	} {
		if got := fileName(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	f := &folder{}
	for range 3 { // of whom all have the same beginning of a key
		f.Speakers = append(f.Speakers, recordedSpeaker{File: f.fileFor(identity.ID{1}, "MIXED")})
	}
	if a, b := f.Speakers[0].File, f.Speakers[2].File; a == b || a == mixedFile || filepath.Ext(b) != voiceExt {
		t.Errorf("two files are called %q and %q", a, b)
	}
}
