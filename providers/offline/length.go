package offline

import (
	"regexp"
	"strconv"
	"strings"
)

// size is how long a text is to be; the field that is not zero counts.
type size struct{ words, sentences, paragraphs int }

var (
	number     = `(\d{1,3}(?:,\d{3})+|\d+|one|two|three|four|five|six|seven|eight|nine|ten|a)`
	wordsAsked = regexp.MustCompile(`(?i)\b(at least|no fewer than|minimum(?: of)?|more than|at most|no more than|up to|maximum(?: of)?|fewer than|less than|under|about|around|roughly|approximately|some|exactly|in|of|between|write)?\s*` +
		number + `(?:\s*(?:-|–|to|and)\s*` + number + `)?[\s-]+words?\b`)
	unitsAsked = regexp.MustCompile(`(?i)\b` + number + `(?:\s*(?:-|–|to|or)\s*` + number + `)?\s+(?:\w+\s+)?(paragraphs?|sentences?)\b`)
)

// asked finds the length that a prompt asks for, preferring a qualified one ("about 300 words") to a bare one.
func asked(text string) (size, bool) {
	var bare size
	for _, m := range wordsAsked.FindAllStringSubmatch(text, 16) {
		n := wanted(strings.ToLower(m[1]), toNumber(m[2]), toNumber(m[3]))
		if n < 5 { // "in a word" asks for no length
			continue
		}
		if m[1] != "" {
			return size{words: n}, true
		}
		if bare.words == 0 {
			bare.words = n
		}
	}
	if bare.words > 0 {
		return bare, true
	}
	if m := unitsAsked.FindStringSubmatch(text); m != nil {
		n := max(toNumber(m[1]), toNumber(m[2]))
		if strings.HasPrefix(strings.ToLower(m[3]), "p") {
			return size{paragraphs: n}, n > 0
		}
		return size{sentences: n}, n > 0
	}
	return size{}, false
}

// wanted turns "at least 300", "300 to 400", "at most 300" into one number that meets it.
func wanted(how string, n, to int) int {
	if to > n {
		return n + (to-n)/3
	}
	switch how {
	case "at least", "no fewer than", "minimum", "minimum of", "more than":
		return n + n/20 + 1
	case "at most", "no more than", "up to", "maximum", "maximum of", "fewer than", "less than", "under":
		return max(1, n*9/10-1)
	}
	return n
}

func toNumber(s string) int {
	switch s = strings.ToLower(strings.ReplaceAll(s, ",", "")); s {
	case "":
		return 0
	case "a":
		return 1
	}
	for i, w := range []string{"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"} {
		if s == w {
			return i + 1
		}
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return min(n, 200_000)
}
