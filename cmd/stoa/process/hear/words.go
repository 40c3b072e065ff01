// Words: a recogniser of speech as judge of what has become of it.
//
//	recording ─► 16 kHz ─► recogniser ─► words ─► errors against what was said

package hear

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// recogniser is PocketSphinx of Carnegie Mellon University. It is no match for the
	// recognisers of today, which is why it is a good judge: it stumbles over what people
	// only notice.
	recogniser = "pocketsphinx_continuous"

	// recogniserModel is where Debian and others put its model of English.
	recogniserModel = "/usr/share/pocketsphinx/model/en-us"

	// pronunciations is the dictionary in that folder: a word a line, what is spoken behind
	// it, further ways to say it as "word(2)".
	pronunciations = "cmudict-en-us.dict"

	recogniserRate = 16000
)

// A Recogniser writes down what is said.
type Recogniser struct {
	args []string
	dir  string
}

// NewRecogniser makes one that expects the words of texts. Its model of language is a bigram
// that is mixed with words in any order, all alike: share, from 0 to 1, is what the texts
// weigh. With 0 it has to make out each word by its sound alone, with much more than 0.1 it
// knows the texts by heart and hears what was not there. sounds are the pronunciations of
// words that its dictionary lacks. Its files are in dir.
func NewRecogniser(dir string, texts [][]string, share float64, sounds map[string]string) (*Recogniser, error) {
	dict, err := os.ReadFile(filepath.Join(recogniserModel, pronunciations))
	if err != nil {
		return nil, fmt.Errorf("no model of English: %w", err)
	}
	wanted := map[string]bool{}
	for _, w := range slices.Concat(texts...) {
		wanted[w] = true
	}
	var lines strings.Builder
	known := map[string]bool{}
	for line := range strings.Lines(string(dict)) {
		word, _, _ := strings.Cut(line, " ")
		if word, _, _ = strings.Cut(word, "("); wanted[word] {
			known[word] = true
			lines.WriteString(line)
		}
	}
	for word := range wanted {
		if sound := sounds[word]; !known[word] && sound == "" {
			return nil, fmt.Errorf("nobody knows how %q is spoken", word)
		} else if !known[word] {
			fmt.Fprintf(&lines, "%s %s\n", word, sound)
		}
	}
	own, lm := filepath.Join(dir, "words.dict"), filepath.Join(dir, "words.lm")
	if err := cmp.Or(os.WriteFile(own, []byte(lines.String()), 0o600), os.WriteFile(lm, []byte(bigrams(texts, share)), 0o600)); err != nil {
		return nil, err
	}
	return &Recogniser{args: []string{"-dict", own, "-lm", lm}, dir: dir}, nil
}

// NewPlainRecogniser makes one that expects anything in English.
func NewPlainRecogniser(dir string) *Recogniser { return &Recogniser{dir: dir} }

// Words writes down what is said in samples at Rate.
func (r *Recogniser) Words(ctx context.Context, samples []float64) ([]string, error) {
	f, err := os.CreateTemp(r.dir, "*.wav")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(wav(thirdOf(samples), recogniserRate))
	if err = cmp.Or(err, f.Close()); err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, recogniser, append([]string{"-logfn", os.DevNull, "-infile", f.Name()}, r.args...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", recogniser, err)
	}
	return strings.Fields(string(out)), nil
}

// WordErrors is how many words have to be changed, left out or put in to make what was heard
// of what was said (Levenshtein). By the number of words said it is the word error rate.
func WordErrors(said, heard []string) int {
	row := make([]int, len(heard)+1)
	for j := range row {
		row[j] = j
	}
	for i, s := range said {
		diagonal := row[0]
		row[0] = i + 1
		for j, h := range heard {
			change := diagonal
			if s != h {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(heard)]
}

// bigrams is a model of language in ARPA's form.
func bigrams(texts [][]string, share float64) string {
	const begin, end = "<s>", "</s>"
	follows, starts := map[[2]string]int{}, map[string]int{}
	words := map[string]bool{begin: true, end: true}
	for _, text := range texts {
		last := begin
		for _, w := range append(slices.Clone(text), end) {
			words[w] = true
			follows[[2]string{last, w}]++
			starts[last]++
			last = w
		}
	}
	one := 1 / float64(len(words)-1) // of any word but the beginning
	var singles, pairs []string
	for w := range words {
		p := math.Log10(one)
		if w == begin {
			p = -99
		}
		singles = append(singles, fmt.Sprintf("%.4f %s %.4f\n", p, w, math.Log10(1-share)))
	}
	for pair, n := range follows {
		p := share*float64(n)/float64(starts[pair[0]]) + (1-share)*one
		pairs = append(pairs, fmt.Sprintf("%.4f %s %s\n", math.Log10(p), pair[0], pair[1]))
	}
	slices.Sort(singles)
	slices.Sort(pairs)
	return fmt.Sprintf("\\data\\\nngram 1=%d\nngram 2=%d\n\n\\1-grams:\n%s\n\\2-grams:\n%s\n\\end\\\n",
		len(singles), len(pairs), strings.Join(singles, ""), strings.Join(pairs, ""))
}

// thirdOf is x at a third of its rate, without what that rate cannot hold: a sinc with a
// Hann window, flat to 7 kHz.
func thirdOf(x []float64) []float64 {
	const half = 72
	var taps [2*half + 1]float64
	sum := 0.0
	for i := range taps {
		t := float64(i - half)
		taps[i] = math.Cos(math.Pi*t/(2*(half+1))) * math.Cos(math.Pi*t/(2*(half+1)))
		if t != 0 {
			taps[i] *= math.Sin(math.Pi*t*0.31) / (math.Pi * t * 0.31)
		}
		sum += taps[i]
	}
	out := make([]float64, len(x)/3)
	for i := range out {
		for k, tap := range taps {
			if at := 3*i + k - half; at >= 0 && at < len(x) {
				out[i] += x[at] * tap / sum
			}
		}
	}
	return out
}
