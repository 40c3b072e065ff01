// What is drawn: that it can be read, and told apart in the size of a tray.

package icon

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/color"
	"image/png"
	"io"
	"testing"
)

var pictures = map[string]Picture{"stoa": Stoa, "no room": NoRoom, "live": Live, "waiting": Waiting, "muted": Muted}

func TestPNG(t *testing.T) {
	for name, p := range pictures {
		for _, size := range []int{1, 16, 48} {
			data, err := p.PNG(size)
			if err != nil {
				t.Fatal(err)
			}
			img, err := png.Decode(bytes.NewReader(data))
			if err != nil || img.Bounds().Dx() != size || img.Bounds().Dy() != size {
				t.Errorf("%s of %d: %v, %v", name, size, img.Bounds(), err)
			}
		}
	}
	for asked, want := range map[int]int{-1: 1, 0: 1, MaxSize + 1: MaxSize} {
		if got := (Picture{}).Image(asked).Bounds().Dx(); got != want {
			t.Errorf("asked for %d: %d, want %d", asked, got, want)
		}
	}
}

func TestWhereColoursAre(t *testing.T) {
	for _, tt := range []struct {
		name string
		x, y int // of 64
		want color.NRGBA
	}{
		{"stoa", 0, 0, color.NRGBA{}},
		{"stoa", 8, 32, terracotta},
		{"stoa", 32, 38, cream},
		{"stoa", 26, 38, terracotta},
		{"live", 32, 24, green},
		{"live", 2, 2, color.NRGBA{}},
		{"muted", 12, 12, red},
		{"muted", 32, 57, grey},
	} {
		if got := pictures[tt.name].Image(field).NRGBAAt(tt.x, tt.y); got != tt.want {
			t.Errorf("%s at %d,%d: %v, want %v", tt.name, tt.x, tt.y, got, tt.want)
		}
	}
}

// A tray has 16 to 24 pixels, and who sees no colours must know as well whether they
// are heard.
func TestStatesDifferWithoutColour(t *testing.T) {
	for name, p := range pictures {
		for other, q := range pictures {
			if name < other && shapesDiffer(p.ARGB(22), q.ARGB(22)) < 20 {
				t.Errorf("%s and %s have nearly the same shape", name, other)
			}
		}
	}
}

// shapesDiffer counts pixels that are drawn in one of two pictures and not in the other.
func shapesDiffer(a, b []byte) (n int) {
	for i := 0; i < len(a); i += 4 {
		if a[i] > 0xaa != (b[i] > 0xaa) {
			n++
		}
	}
	return n
}

func TestARGB(t *testing.T) {
	got := Stoa.ARGB(field)
	if len(got) != 4*field*field {
		t.Fatalf("%d bytes", len(got))
	}
	at := 4 * (32*field + 8)
	want := []byte{0xff, terracotta.R, terracotta.G, terracotta.B}
	if !bytes.Equal(got[at:at+4], want) {
		t.Errorf("%x, want %x", got[at:at+4], want)
	}
}

func TestSVG(t *testing.T) {
	for name, p := range pictures {
		d, elements := xml.NewDecoder(bytes.NewReader(p.SVG())), 0
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, is := token.(xml.StartElement); is {
				elements++
			}
		}
		want := 1 + len(p.strokes)
		if p.ground.A > 0 {
			want++
		}
		if elements != want {
			t.Errorf("%s: %d elements, want %d", name, elements, want)
		}
	}
}
