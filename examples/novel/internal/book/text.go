package book

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/dogear-go/dogear/examples/novel/internal/yw7"
)

// prompt is a prompt in the making: what to do first, then what to know for it.
type prompt struct{ b strings.Builder }

// say adds a paragraph.
func (p *prompt) say(format string, args ...any) {
	if p.b.Len() > 0 {
		p.b.WriteString("\n\n")
	}
	fmt.Fprintf(&p.b, format, args...)
}

// about adds what is known about something, if there is anything.
func (p *prompt) about(what, text string) {
	if text = strings.TrimSpace(text); text != "" {
		p.say("%s: %s", what, text)
	}
}

// list adds a headed list, if it has lines.
func (p *prompt) list(head string, lines []string) {
	if len(lines) > 0 {
		p.say("%s:\n- %s", head, strings.Join(lines, "\n- "))
	}
}

func (p *prompt) String() string { return p.b.String() }

// oneLine makes a name or a title of what a model wrote: one line, trimmed, of a length that a title has.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(yw7.Clean(s)), " ")
	if r := []rune(s); len(r) > 120 {
		s = strings.TrimSpace(string(r[:120]))
	}
	return s
}

var chapterNumber = regexp.MustCompile(`(?i)^chapter\s+(?:\d+|[a-z]+)\s*[:.–—-]\s*`)

// bareTitle is a chapter's title without the "Chapter 3:" that models like to put before it.
func bareTitle(s string) string {
	s = oneLine(s)
	if bare := chapterNumber.ReplaceAllString(s, ""); bare != "" {
		return bare
	}
	return s
}

func words(s string) int { return len(strings.Fields(s)) }

// ending is the end of a text, of about n words, beginning with a whole paragraph where there is one of that length.
func ending(text string, n int) string {
	text = strings.TrimSpace(text)
	paragraphs := strings.Split(text, "\n\n")
	kept := 0
	for i := len(paragraphs) - 1; i >= 0; i-- {
		w := words(paragraphs[i])
		if kept > 0 && kept+w > n {
			return strings.TrimSpace(strings.Join(paragraphs[i+1:], "\n\n"))
		}
		if w > n {
			f := strings.Fields(paragraphs[i])
			return "… " + strings.Join(f[len(f)-n:], " ")
		}
		kept += w
	}
	return text
}
