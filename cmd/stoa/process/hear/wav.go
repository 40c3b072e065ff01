// Reading and writing of WAV files.

package hear

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
)

// Rate is that of everything compared here, in samples a second.
const Rate = 48000

// Window is the step of an energy envelope, in samples: 20 ms.
const Window = Rate / 50

// ReadWAV returns the samples of a 16-bit WAV file with one channel, from -1 to 1,
// and the file's own rate.
func ReadWAV(path string) (samples []float64, rate int, err error) {
	channels, rate, err := ReadChannels(path)
	if err != nil {
		return nil, 0, err
	}
	if len(channels) != 1 {
		return nil, 0, fmt.Errorf("%s: %d channels; only one is read", path, len(channels))
	}
	return channels[0], rate, nil
}

// ReadChannels returns the samples of each channel of a 16-bit WAV file, and its rate.
func ReadChannels(path string) (channels [][]float64, rate int, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, err
	}
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return nil, 0, fmt.Errorf("%s is no WAV file", path)
	}
	for p := 12; p+8 <= len(b); {
		id, size := string(b[p:p+4]), int(binary.LittleEndian.Uint32(b[p+4:]))
		data := b[p+8 : min(p+8+size, len(b))]
		switch id {
		case "fmt ":
			if len(data) < 16 {
				return nil, 0, fmt.Errorf("%s: its format is cut off", path)
			}
			n, bits := binary.LittleEndian.Uint16(data[2:]), binary.LittleEndian.Uint16(data[14:])
			if bits != 16 || n == 0 {
				return nil, 0, fmt.Errorf("%s: %d bits, %d channels; only 16 bits are read", path, bits, n)
			}
			channels = make([][]float64, n)
			rate = int(binary.LittleEndian.Uint32(data[4:]))
		case "data":
			if rate == 0 {
				return nil, 0, fmt.Errorf("%s has no format", path)
			}
			for i := 0; i+1 < len(data); i += 2 {
				c := i / 2 % len(channels)
				channels[c] = append(channels[c], float64(int16(binary.LittleEndian.Uint16(data[i:])))/32768)
			}
		}
		p += 8 + size + size&1
	}
	return channels, rate, nil
}

// WriteWAV writes samples at Rate, from -1 to 1, as a 16-bit WAV file with one channel.
func WriteWAV(path string, samples []float64) error {
	return os.WriteFile(path, wav(samples, Rate), 0o600)
}

// wav is a 16-bit WAV file with one channel.
func wav(samples []float64, rate uint32) []byte {
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, 2*rate)
	b = append(b, "\x02\x00\x10\x00data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(2*len(samples)))
	for _, v := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(math.Round(32767*max(-1, min(v, 1))))))
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// ReadClip returns what was said, at Rate. Straight lines between the samples of
// the file are good enough for an energy envelope.
func ReadClip(path string) ([]float64, error) {
	in, r, err := ReadWAV(path)
	if err != nil || len(in) == 0 {
		return nil, err
	}
	out := make([]float64, len(in)*Rate/r)
	for i := range out {
		at := float64(i) * float64(r) / Rate
		k := int(at)
		next := min(k+1, len(in)-1)
		out[i] = in[k] + (in[next]-in[k])*(at-float64(k))
	}
	return out, nil
}
