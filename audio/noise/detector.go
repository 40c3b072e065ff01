// This file holds the ear that the suppressor and the detector share: from a block to what is in it.

package noise

// An ear looks at one microphone block by block.
type ear struct {
	transform *transform
	clicks    clicks
	tracker   tracker
	talker    *talker
	power     [bands]float32 // of the last spectrum, without clicks
	dull      [bands]float32 // the gains that took the clicks out
}

func newEar() ear {
	return ear{transform: newTransform(), clicks: newClicks(), talker: newTalker()}
}

// listen takes in a block and says whether somebody speaks.
func (e *ear) listen(pcm []float32) bool {
	e.clicks.listen(pcm)
	e.transform.analyse(pcm)
	powers(&e.power, &e.transform.spectrum)
	e.clicks.dampen(&e.power, &e.dull)
	voice := e.talker.hear(&e.power, &e.tracker.noise, e.clicks.age < ringing)
	e.tracker.follow(&e.power, voice)
	return voice
}

// A Detector tells the voice of whoever speaks into the microphone from the noise round about. It
// belongs to one goroutine at a time.
type Detector struct{ ear ear }

// NewDetector returns a detector that has heard nothing yet. It takes the first 80 ms for noise.
func NewDetector() *Detector { return &Detector{newEar()} }

// Detect says whether somebody speaks in a block of 480 samples at 48 kHz, or did in the 150 ms
// before. It leaves the block as it is.
func (d *Detector) Detect(pcm []float32) bool { return d.ear.listen(pcm) }
