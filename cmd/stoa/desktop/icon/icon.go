// Package icon draws what stoa looks like on a desktop: its own sign, a portico, and
// the microphone that a tray shows. A picture is a few strokes with round ends on a
// field of 64 by 64, so that SVG, PNG and the pixels of a tray are the same picture.
package icon

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"
)

// field is the width and height that strokes are given in.
const field = 64

// MaxSize bounds the width and height of what is drawn in pixels.
const MaxSize = 1024

type point struct{ x, y float64 }

// A stroke is a line through points, of one colour.
type stroke struct {
	colour color.NRGBA
	width  float64
	points []point
}

// A Picture can be drawn in any size.
type Picture struct {
	ground  color.NRGBA // of a square with round corners behind the strokes; none where it is transparent
	strokes []stroke
}

var (
	terracotta = color.NRGBA{0xb0, 0x4f, 0x2b, 0xff}
	cream      = color.NRGBA{0xff, 0xf5, 0xe8, 0xff}

	// The colours of a tray must do on light and dark panels alike.
	green = color.NRGBA{0x2f, 0x9e, 0x5c, 0xff}
	grey  = color.NRGBA{0x8c, 0x8c, 0x8c, 0xff}
	amber = color.NRGBA{0xd8, 0x92, 0x1d, 0xff}
	red   = color.NRGBA{0xd6, 0x45, 0x2f, 0xff}
)

// The pictures. A microphone's state shows in its shape as well as in its colour.
var (
	Stoa    = Picture{terracotta, portico(cream, 4.5)}
	NoRoom  = Picture{strokes: portico(grey, 6)}
	Live    = Picture{strokes: append(stand(green), stroke{green, 20, []point{{32, 16}, {32, 30}}})}
	Waiting = Picture{strokes: append(stand(amber), stroke{amber, 5, hollow()})} // live while a key is held
	Muted   = Picture{strokes: append(stand(grey), stroke{grey, 20, []point{{32, 16}, {32, 30}}}, stroke{red, 7, []point{{10, 10}, {54, 54}}})}
)

// portico is a roof on three columns.
func portico(c color.NRGBA, width float64) []stroke {
	line := func(points ...point) stroke { return stroke{c, width, points} }
	return []stroke{
		line(point{14, 26}, point{32, 15}, point{50, 26}, point{14, 26}),
		line(point{20, 33}, point{20, 43}),
		line(point{32, 33}, point{32, 43}),
		line(point{44, 33}, point{44, 43}),
		line(point{14, 50}, point{50, 50}),
	}
}

// stand is what holds a microphone.
func stand(c color.NRGBA) []stroke {
	return []stroke{
		{c, 5, arc(point{32, 30}, 18, 0, math.Pi)},
		{c, 5, []point{{32, 48}, {32, 57}}},
		{c, 5, []point{{22, 58}, {42, 58}}},
	}
}

// hollow is the outline of a microphone.
func hollow() []point {
	line := append(arc(point{32, 15}, 8, math.Pi, 2*math.Pi), arc(point{32, 30}, 8, 0, math.Pi)...)
	return append(line, line[0])
}

// arc is a part of a circle, by angles from the right downwards.
func arc(centre point, radius, from, to float64) []point {
	const pieces = 12
	points := make([]point, pieces+1)
	for i := range points {
		a := from + (to-from)*float64(i)/pieces
		points[i] = point{centre.x + radius*math.Cos(a), centre.y + radius*math.Sin(a)}
	}
	return points
}

const (
	margin = 3.0  // of the ground
	corner = 14.0 // radius of its corners
)

// SVG returns the picture as a scalable one.
func (p Picture) SVG() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[1]d" viewBox="0 0 %[1]d %[1]d">`+"\n", field)
	if p.ground.A > 0 {
		fmt.Fprintf(&b, `<rect x="%[1]g" y="%[1]g" width="%[2]g" height="%[2]g" rx="%[3]g" fill="%[4]s"/>`+"\n", margin, field-2*margin, corner, hex(p.ground))
	}
	for _, s := range p.strokes {
		var path strings.Builder
		for i, at := range s.points {
			fmt.Fprintf(&path, "%c%.4g %.4g", "ML"[min(i, 1)], at.x, at.y)
		}
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="%g" stroke-linecap="round" stroke-linejoin="round"/>`+"\n", path.String(), hex(s.colour), s.width)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func hex(c color.NRGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// PNG returns the picture size pixels wide and high.
func (p Picture) PNG(size int) ([]byte, error) {
	var b bytes.Buffer
	err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, p.Image(size))
	return b.Bytes(), err
}

// ARGB returns the picture size pixels wide and high as trays want it: four bytes a
// pixel, alpha first, colours not multiplied by it, row by row from the top.
func (p Picture) ARGB(size int) []byte {
	img := p.Image(size)
	out := make([]byte, len(img.Pix))
	for i := 0; i < len(out); i += 4 {
		out[i], out[i+1], out[i+2], out[i+3] = img.Pix[i+3], img.Pix[i], img.Pix[i+1], img.Pix[i+2]
	}
	return out
}

// Image draws the picture size pixels wide and high, 1 to MaxSize.
func (p Picture) Image(size int) *image.NRGBA {
	size = min(max(size, 1), MaxSize)
	img := image.NewNRGBA(image.Rect(0, 0, size, size))
	scale := float64(size) / field
	for y := range size {
		for x := range size {
			at := point{(float64(x) + 0.5) / scale, (float64(y) + 0.5) / scale}
			c := color.NRGBA{}
			if p.ground.A > 0 {
				c = over(c, p.ground, cover(fromGround(at), scale))
			}
			for _, s := range p.strokes {
				c = over(c, s.colour, cover(s.distance(at)-s.width/2, scale))
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

// cover is how much of a pixel lies within an edge that is far from its middle, with a
// minus when the middle is inside. scale is pixels a unit of the field.
func cover(far, scale float64) float64 { return min(max(0.5-far*scale, 0), 1) }

// fromGround is how far outside the ground a point is.
func fromGround(at point) float64 {
	inner := field/2 - margin - corner
	x, y := math.Abs(at.x-field/2)-inner, math.Abs(at.y-field/2)-inner
	return math.Hypot(max(x, 0), max(y, 0)) + min(max(x, y), 0) - corner
}

// distance is how far a point is from the middle of the line.
func (s stroke) distance(at point) float64 {
	nearest := math.Inf(1)
	for i := 1; i < len(s.points); i++ {
		a, b := s.points[i-1], s.points[i]
		dx, dy := b.x-a.x, b.y-a.y
		along := ((at.x-a.x)*dx + (at.y-a.y)*dy) / (dx*dx + dy*dy)
		along = min(max(along, 0), 1)
		nearest = min(nearest, math.Hypot(at.x-a.x-along*dx, at.y-a.y-along*dy))
	}
	return nearest
}

// over lays a colour, covering a share of the pixel, over what is there.
func over(under, c color.NRGBA, share float64) color.NRGBA {
	below := float64(under.A) / 0xff * (1 - share)
	alpha := share + below
	if alpha == 0 {
		return color.NRGBA{}
	}
	mix := func(u, o uint8) uint8 { return uint8((float64(o)*share+float64(u)*below)/alpha + 0.5) }
	return color.NRGBA{mix(under.R, c.R), mix(under.G, c.G), mix(under.B, c.B), uint8(alpha*0xff + 0.5)}
}
