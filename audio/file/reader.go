// What a sound file looks like to the microphone: mono samples at 48 kHz, from
// whichever of the formats the file's first bytes name.

package file

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"stoa/audio"
)

// reader yields mono samples in [-1, 1].
type reader interface {
	// read fills dst from its start and returns how many samples it set. An error
	// ends the sound, io.EOF in the ordinary way; it may come with the last samples.
	read(dst []float32) (int, error)
}

// input is an open sound file that can be played again from its start.
type input struct {
	path string
	f    *os.File
	snd  reader
}

// openInput opens the file and reads its headers. Errors name the file.
func openInput(path string) (*input, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	in := &input{path: path, f: f}
	if err := in.rewind(); err != nil {
		f.Close()
		return nil, err
	}
	return in, nil
}

// openRegular refuses what cannot be read twice, before opening it can block.
func openRegular(path string) (*os.File, error) {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fileError(path, err)
	case st.IsDir():
		return nil, fileError(path, errors.New("it is a directory"))
	case !st.Mode().IsRegular():
		return nil, fileError(path, errors.New("it is not an ordinary file"))
	case st.Size() == 0:
		return nil, fileError(path, errors.New("the file is empty"))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	return f, nil
}

// rewind goes back to the first sample.
func (in *input) rewind() error {
	st, err := in.f.Stat()
	if err != nil {
		return fileError(in.path, err)
	}
	in.snd, err = parse(in.f, st.Size())
	return fileError(in.path, err)
}

// read yields samples at 48 kHz.
func (in *input) read(dst []float32) (int, error) {
	n, err := in.snd.read(dst)
	if err != nil && err != io.EOF {
		err = fileError(in.path, err)
	}
	return n, err
}

func (in *input) close() error { return in.f.Close() }

// parse reads the headers of a sound file of size bytes, from its start.
func parse(f io.ReadSeeker, size int64) (reader, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(f, 32<<10)
	magic, err := r.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch string(magic) {
	case "RIFF":
		w, err := parseWAV(r, size)
		if err != nil {
			return nil, err
		}
		return resampled(w, w.format.rate), nil
	case "OggS":
		return parseOgg(r)
	case "RF64", "RIFX", "riff":
		return nil, errors.New("this kind of WAV file (RF64, RIFX or Wave64) is not supported")
	}
	return nil, errors.New("it is neither a WAV nor an Ogg/Opus file")
}

// fileError puts the file's name before err, once, and drops the system call that
// the os package adds. nil stays nil.
func fileError(path string, err error) error {
	if err == nil {
		return nil
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// Read returns the whole of a sound file, WAV or Ogg/Opus, as mono samples at audio.Rate. The error
// names the file. It takes memory for all of it: 11 MB a minute.
func Read(path string) ([]float32, error) {
	in, err := openInput(path)
	if err != nil {
		return nil, err
	}
	defer in.close()
	var all []float32
	block := make([]float32, audio.FrameSize)
	for {
		n, err := in.read(block)
		all = append(all, block[:n]...)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
