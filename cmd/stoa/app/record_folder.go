// The folder of a recording: the sound of each speaker, and what proves that they
// consented.
//
//	recordings/2026-12-01 20.00 Evening talk/
//	  recording.json     folder, below
//	  NAME KEY.opus      a speaker
//	  mixed.opus         all of them
//
// recording.json holds the operations by which the recording was begun and each
// speaker consented or withdrew, as they signed them, and the credentials and the
// charter by which they can be verified without asking anybody. Nothing binds the
// sound to the consents: who holds the folder could change it.

package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"stoa/cmd/stoa/plain"
	"stoa/identity"
	"stoa/room"
)

const (
	recordingsDir = "recordings" // in the home
	indexFile     = "recording.json"
	voiceExt      = ".opus"
	mixedFile     = "mixed" + voiceExt

	maxIndex      = 8 << 20 // bytes
	maxFolderName = 80      // bytes of a title in the name of a folder, and of a name in that of a file
	maxFolders    = 100     // of one minute and title
)

// folder is what recording.json holds.
type folder struct {
	Version   int               `json:"version"` // 1
	Room      string            `json:"room"`
	Title     string            `json:"title"`
	Recording string            `json:"recording"` // the operation that began it
	By        string            `json:"by"`
	Name      string            `json:"name"` // of By
	Started   int64             `json:"started_ms"`
	Ended     int64             `json:"ended_ms,omitempty"` // absent: the program was killed
	Why       string            `json:"why,omitempty"`      // why it ended by itself
	Speakers  []recordedSpeaker `json:"speakers"`           // who consented, in that order
	Charter   []byte            `json:"charter"`
	Signed    []signedOp        `json:"signed"`

	path   string
	proven map[identity.Hash]bool // operations in Signed
}

// recordedSpeaker is somebody who consented, at least once.
type recordedSpeaker struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	File string `json:"file"` // which is there when they said anything
}

// signedOp is a room.Evidence.
type signedOp struct {
	Op         []byte `json:"op"`
	Credential []byte `json:"credential,omitempty"`
}

// newFolder makes the folder of a recording of the room that begins now.
func newFolder(home string, s *room.Snapshot, now time.Time) (*folder, error) {
	parent := filepath.Join(home, recordingsDir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, err
	}
	f := &folder{
		Version: 1, Room: s.Room.String(), Title: plain.Line(s.State.Title), By: s.Me.ID.String(), Name: plain.Line(s.Me.Name),
		Started: now.UnixMilli(), Charter: s.Charter.Bytes(), Speakers: []recordedSpeaker{}, proven: map[identity.Hash]bool{},
	}
	name := strings.TrimSpace(now.Format("2006-01-02 15.04 ") + fileName(s.State.Title))
	for n := 1; n <= maxFolders; n++ {
		f.path = filepath.Join(parent, name)
		if n > 1 {
			f.path += fmt.Sprintf(" %d", n)
		}
		err := os.Mkdir(f.path, 0o700)
		if err == nil || !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
	return nil, &fs.PathError{Op: "mkdir", Path: f.path, Err: fs.ErrExist}
}

// fileName is what somebody called themselves or a room, as part of the name of a file
// on any system; it may be empty.
func fileName(text string) string {
	text = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) || !unicode.IsGraphic(r) {
			return -1
		}
		return r
	}, plain.Line(text))
	for len(text) > maxFolderName {
		r := []rune(text)
		text = string(r[:len(r)-1])
	}
	return strings.Trim(text, " .")
}

// remove removes a folder in which nothing was recorded.
func (f *folder) remove() error { return os.RemoveAll(f.path) }

// spare says why the recording cannot go on: the disk is nearly full, or it is long
// enough.
func (f *folder) spare() error {
	if time.Since(time.UnixMilli(f.Started)) > mostRecorded {
		return &UserError{Code: "recording_long", Text: fmt.Sprintf("it has lasted %d hours, as long as a recording may", int(mostRecorded.Hours())), Hint: "begin another one with `stoa record on`"}
	}
	if free, err := freeSpace(f.path); err == nil && free < leastSpace {
		return &UserError{Code: "disk_low", Text: "the disk is nearly full", Hint: "make room on it, then try again"}
	}
	return nil
}

// prove adds what is missing of the recording, the consents of those who may speak and
// consent, and all later words of those who did. It returns when that is durable.
func (f *folder) prove(s *room.Snapshot, on *room.Recording, evidence func([]identity.Hash) ([]room.Evidence, error)) error {
	var want []identity.Hash
	need := func(op identity.Hash) {
		if !f.proven[op] {
			want = append(want, op)
		}
	}
	need(on.ID)
	for _, id := range sortedIDs(on.Answers) {
		c := on.Answers[id]
		known := f.speaker(id) >= 0
		if !known && c.Yes && s.State.CanSpeak(id) && len(f.Speakers) < mostVoices {
			known = true
			name := plain.Line(f.nameIn(s, id))
			f.Speakers = append(f.Speakers, recordedSpeaker{ID: id.String(), Name: name, File: f.fileFor(id, name)})
		}
		if known {
			need(c.Op)
		}
	}
	if len(want) == 0 {
		return nil
	}
	list, err := evidence(want)
	if err == nil && len(list) < len(want) {
		err = room.ErrNoRecording
	}
	if err != nil {
		return err
	}
	for _, e := range list {
		f.Signed = append(f.Signed, signedOp(e))
	}
	if err := f.save(); err != nil {
		return err
	}
	for _, op := range want {
		f.proven[op] = true
	}
	return nil
}

func (f *folder) nameIn(s *room.Snapshot, id identity.ID) string {
	p, _ := s.Person(id)
	return p.Name
}

// fileFor names the file of a speaker, as no other is named.
func (f *folder) fileFor(id identity.ID, name string) string {
	name = strings.TrimSpace(fileName(name) + " " + id.Short())
	for n := 1; ; n++ {
		file := name + voiceExt
		if n > 1 {
			file = fmt.Sprintf("%s %d%s", name, n, voiceExt)
		}
		if !slices.ContainsFunc(f.Speakers, func(s recordedSpeaker) bool { return strings.EqualFold(s.File, file) }) {
			return file
		}
	}
}

// speaker is the place of somebody in Speakers, -1 for none.
func (f *folder) speaker(id identity.ID) int {
	return slices.IndexFunc(f.Speakers, func(s recordedSpeaker) bool { return s.ID == id.String() })
}

// file is the file of somebody who consents by an operation that the folder holds.
func (f *folder) file(id identity.ID, c room.Consent) (name string, proven bool) {
	i := f.speaker(id)
	if i < 0 || !c.Yes || !f.proven[c.Op] {
		return "", false
	}
	return f.Speakers[i].File, true
}

// close notes the end, and why, where nobody asked for it.
func (f *folder) close(now time.Time, why string) error {
	f.Ended, f.Why = now.UnixMilli(), why
	return f.save()
}

func (f *folder) save() error {
	data, err := json.MarshalIndent(f, "", "\t")
	if err != nil {
		return err
	}
	return identity.WriteFile(filepath.Join(f.path, indexFile), append(data, '\n'))
}

// answer is what a speaker said, and when by their own clock.
type answer struct {
	Yes  bool  `json:"yes"`
	AtMS int64 `json:"at_ms"`

	seq uint64
}

// recordedVoice is a speaker as `recording --json` prints them.
type recordedVoice struct {
	recordedSpeaker
	Answers []answer `json:"answers"`
}

// recordingIn verifies the folder of a recording and says who consented, and when. It
// is an error when an operation does not hold, and when a file is of nobody who
// consented.
func recordingIn(path string) (Reply, error) {
	f, err := readFolder(path)
	if err != nil {
		return Reply{}, err
	}
	voices, err := f.verify()
	if err == nil {
		err = f.ownsFiles()
	}
	if err != nil {
		return Reply{}, &UserError{Code: "recording_unproven", Text: "the recording does not prove itself: " + err.Error(), Hint: "somebody has changed the folder; nobody should rely on it", Err: err}
	}
	return f.reply(voices), nil
}

func readFolder(path string) (*folder, error) {
	name := filepath.Join(path, indexFile)
	data, err := identity.ReadFile(name, maxIndex)
	f := &folder{path: path}
	if err == nil {
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		err = dec.Decode(f)
	}
	if err == nil && f.Version != 1 {
		err = fmt.Errorf("version %d", f.Version)
	}
	if err != nil {
		return nil, &UserError{Code: "no_recording", Text: "that is no folder of a recording: " + err.Error(), Hint: "name a folder below recordings in your home", Err: err}
	}
	return f, nil
}

// verify checks every signature, and that each speaker consented.
func (f *folder) verify() ([]recordedVoice, error) {
	charter, err := identity.ParseCharter(f.Charter)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the charter: %w", err)
	case charter.ID().String() != f.Room:
		return nil, errors.New("the charter is of another room")
	}
	answers := map[string][]answer{}
	began := false
	for i, signed := range f.Signed {
		o, err := (*room.Evidence)(&signed).Verify(charter)
		if err != nil {
			return nil, fmt.Errorf("operation %d: %w", i+1, err)
		}
		author := o.Author.String()
		switch {
		case o.Kind == room.KindRecord && o.Hash().String() == f.Recording && o.Record().Ends.IsZero() && author == f.By:
			began = true
		case o.Kind == room.KindConsent && o.Consent().Recording.String() == f.Recording:
			answers[author] = append(answers[author], answer{o.Consent().Yes, int64(o.Time), o.Seq})
		default:
			return nil, fmt.Errorf("operation %d is of something else", i+1)
		}
	}
	if !began {
		return nil, errors.New("nothing shows who began it")
	}
	voices := make([]recordedVoice, 0, len(f.Speakers))
	for _, s := range f.Speakers {
		said := answers[s.ID]
		slices.SortStableFunc(said, func(a, b answer) int { return int(int64(a.seq) - int64(b.seq)) })
		if !slices.ContainsFunc(said, func(a answer) bool { return a.Yes }) {
			return nil, fmt.Errorf("%s never consented", s.ID)
		}
		if s.File != filepath.Base(s.File) || filepath.Ext(s.File) != voiceExt {
			return nil, fmt.Errorf("%q is no file of a recording", s.File)
		}
		voices = append(voices, recordedVoice{s, said})
	}
	return voices, nil
}

// ownsFiles checks that every voice in the folder is of somebody who consented.
func (f *folder) ownsFiles() error {
	list, err := os.ReadDir(f.path)
	if err != nil {
		return err
	}
	for _, e := range list {
		name := e.Name()
		ours := name == indexFile || name == mixedFile || slices.ContainsFunc(f.Speakers, func(s recordedSpeaker) bool { return s.File == name })
		if !ours && strings.EqualFold(filepath.Ext(name), voiceExt) {
			return fmt.Errorf("%q is of nobody who consented", name)
		}
	}
	return nil
}

// reply words what verify found.
func (f *folder) reply(voices []recordedVoice) Reply {
	at := func(ms int64, form string) string { return time.UnixMilli(ms).Local().Format(form) }
	const day = "2006-01-02 15:04:05"
	r := said("%q, recorded by %s (%s) from %s", plain.Line(f.Title), orElse(plain.Line(f.Name), "somebody"), plain.Line(f.By), at(f.Started, day))
	switch {
	case f.Ended == 0:
		r.Lines = append(r.Lines, "it has no end: it goes on, or the program that recorded was killed")
	case f.Why != "":
		r.Lines = append(r.Lines, fmt.Sprintf("it ended by itself %s: %s", at(f.Ended, day), plain.Line(f.Why)))
	default:
		r.Lines = append(r.Lines, "it ended "+at(f.Ended, day))
	}
	for _, v := range voices {
		r.Lines = append(r.Lines, fmt.Sprintf("  %s  %s", plain.Line(v.ID), plain.Line(v.Name)))
		for _, a := range v.Answers {
			word := "withdrew"
			if a.Yes {
				word = "consented"
			}
			r.Lines = append(r.Lines, fmt.Sprintf("    %s  %s", at(a.AtMS, day), word))
		}
	}
	r.Lines = append(r.Lines, count(len(voices), "person", "people")+" consented, every signature verified; the times are by their own clocks, and nothing binds the sound to the signatures")
	r.Data = map[string]any{
		"room": f.Room, "title": f.Title, "recording": f.Recording, "by": f.By, "started_ms": f.Started, "ended_ms": f.Ended, "why": f.Why, "speakers": voices,
	}
	return r
}
