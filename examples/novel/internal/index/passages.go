package index

import "strings"

// A passage has about this many words: enough to answer with, few enough to be about one thing.
const (
	enough  = 120 // a passage ends after the paragraph that brings it here
	tooMuch = 240 // a paragraph longer than this is cut
)

// Split cuts a text into passages of whole paragraphs. Together they hold all of its words, in order.
func Split(text string) []string {
	var out, open []string
	words := 0
	flush := func() {
		if len(open) > 0 {
			out = append(out, strings.Join(open, "\n\n"))
		}
		open, words = nil, 0
	}
	for _, p := range paragraphs(text) {
		open = append(open, p)
		if words += len(strings.Fields(p)); words >= enough {
			flush()
		}
	}
	flush()
	return out
}

// paragraphs are the non-empty ones, those that are too long in pieces.
func paragraphs(text string) []string {
	var out []string
	for p := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		p = strings.TrimSpace(p)
		fields := strings.Fields(p)
		if len(fields) > tooMuch {
			for len(fields) > tooMuch {
				out = append(out, strings.Join(fields[:enough], " "))
				fields = fields[enough:]
			}
			p = strings.Join(fields, " ")
		}
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}
