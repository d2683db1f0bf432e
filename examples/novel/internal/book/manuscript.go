package book

import (
	"fmt"
	"strings"
)

// manuscript is the book as Markdown. A scene without a text is named as missing.
func (r results) manuscript() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", inline(r.title()))
	if len(r.chapters) == 0 {
		b.WriteString("\n*No chapters yet.*\n")
	}
	for _, c := range r.chapters {
		fmt.Fprintf(&b, "\n## Chapter %d: %s\n", c.Number, inline(c.Title))
		for i, s := range c.Scenes {
			fmt.Fprintf(&b, "\n### %s\n\n", inline(s.Title))
			if text := r.text(sceneKey(c.Number, i+1)); text != "" {
				b.WriteString(body(text) + "\n")
			} else {
				fmt.Fprintf(&b, "*Missing: scene %d of chapter %d is not written yet.*\n", i+1, c.Number)
			}
		}
	}
	return []byte(b.String())
}

func (r results) title() string {
	if r.plan != nil && r.plan.Title != "" {
		return r.plan.Title
	}
	return "Untitled"
}

// inline is a title in one line.
func inline(s string) string {
	if s = oneLine(s); s == "" {
		return "Untitled"
	}
	return s
}

// body keeps what a model wrote from being read as a heading of the book.
func body(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(strings.TrimSpace(l), "#") {
			lines[i] = `\` + strings.TrimSpace(l)
		}
	}
	return strings.Join(lines, "\n")
}
