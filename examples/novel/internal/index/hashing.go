package index

import (
	"context"
	"hash/fnv"
	"math"
	"strings"
	"unicode"
)

// dimensions of the offline embedder: few enough to be small, many enough that the words of a passage seldom collide.
const dimensions = 512

// hashing embeds without a network: each word of a text adds to a dimension that its hash picks. Two texts are near when
// they share words. It knows no synonyms and no meaning; it always gives the same vector for the same text.
type hashing struct{}

// EmbedDocuments returns a vector for each text.
func (h hashing) EmbedDocuments(_ context.Context, texts []string) ([][]float32, error) {
	out := make([][]float32, len(texts))
	for i, t := range texts {
		out[i] = h.embed(t)
	}
	return out, nil
}

// EmbedQuery returns the vector of a question.
func (h hashing) EmbedQuery(_ context.Context, text string) ([]float32, error) {
	return h.embed(text), nil
}

func (hashing) embed(text string) []float32 {
	counts := map[string]int{}
	var order []string // sums of floats depend on their order, so it is fixed
	for _, w := range terms(text) {
		if counts[w] == 0 {
			order = append(order, w)
		}
		counts[w]++
	}
	v := make(Vector, dimensions)
	for _, w := range order {
		f := fnv.New64a()
		_, _ = f.Write([]byte(w)) // a hash does not fail
		sum := f.Sum64()
		weight := float32(1 + math.Log(float64(counts[w])))
		if sum>>63 == 1 { // half of the words subtract, so that collisions cancel out rather than add up
			weight = -weight
		}
		v[sum%dimensions] += weight
	}
	v.normalize()
	return v
}

// terms are the words that count, in lower case and without their commonest endings.
func terms(text string) []string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' && r != '’'
	})
	kept := words[:0]
	for _, w := range words {
		w = strings.Trim(w, "'’")
		w = strings.TrimSuffix(strings.TrimSuffix(w, "'s"), "’s")
		if w != "" && !stopWords[w] {
			kept = append(kept, stem(w))
		}
	}
	return kept
}

// stem strips an English ending where enough of the word is left.
func stem(w string) string {
	for _, end := range []string{"ing", "edly", "ed", "es", "ly", "s"} {
		if base, ok := strings.CutSuffix(w, end); ok && len(base) >= 4 && !strings.HasSuffix(base, "s") {
			return strings.TrimSuffix(base, "e")
		}
	}
	if len(w) >= 5 {
		return strings.TrimSuffix(w, "e")
	}
	return w
}

// stopWords say nothing about what a passage is about. The map is only read.
var stopWords = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`a about after again all also am an and any are as at back be because been before being
		but by can could did do does done down for from get go goes got had has have he her here hers him his how i if in into is
		it its just like me more most my no nor not now of off on once one only or other our out over own said same she should
		so some such than that the their them then there these they this those through to too under until up upon us very was
		we were what when where which while who whom whose why will with would you your`) {
		m[w] = true
	}
	return m
}()
