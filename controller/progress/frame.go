package progress

import (
	"fmt"
	"strings"
	"time"

	"github.com/dogear-go/dogear/state"
)

// row is one live line: text, a bar, text. Its parts fit into the width that it was made for.
type row struct {
	left    string
	leftInk ink
	bar     int // columns; 0: none
	right   string
	ink     ink

	total, done, failed int64 // for the bar
}

// part is a piece of a line. The less its rank, the longer it stays when the window becomes narrow.
type part struct {
	text string
	rank int
}

const (
	leastBar  = 8  // columns of the shortest bar that is worth drawing
	mostBar   = 30 // and of the longest
	leastName = 8
	mostName  = 24
)

// frame is the live lines for a window, never more than it is high: what does not fit is counted in one of them.
func (b *board) frame(now time.Time, columns, height int, s style) []row {
	if height <= 0 || columns <= 0 || !b.live || b.st.Status != state.StatusOpen {
		return nil
	}
	steps := b.running()
	below := b.below(now, columns, s)
	if len(below) >= height {
		below = below[len(below)-max(1, height-1):]
	}
	room := height - len(below)
	var rows []row
	name := nameWidth(steps, columns)
	for i, step := range steps {
		if i == room-1 && len(steps) > room {
			rows = append(rows, row{left: cut(fmt.Sprintf("and %d more steps", len(steps)-i), columns, s.more()), leftInk: dim})
			break
		}
		if i >= room {
			break
		}
		rows = append(rows, b.step(step, now, name, columns, s))
	}
	return append(rows, below...)
}

// below are the lines under the steps, that of the whole run last.
func (b *board) below(now time.Time, columns int, s style) (rows []row) {
	for _, note := range b.notes(now) {
		with := dim
		if strings.HasPrefix(note, "waiting") || strings.HasPrefix(note, "pausing") || strings.HasSuffix(note, "for a person") {
			with = yellow
		}
		rows = append(rows, row{left: cut(note, columns, s.more()), leftInk: with})
	}
	parts := []part{
		{fmt.Sprintf("%.1f%%", b.st.Progress()), 0},
		{costs(b.st.Usage, b.st.Budget[""]), 2},
		{spell(now.Sub(b.began)), 3},
		{b.rest(now), 1},
	}
	return append(rows, row{left: fit("", parts, columns, s), leftInk: bold})
}

// rest is the time left of the run; empty when it is about to stop.
func (b *board) rest(now time.Time) string {
	if b.st.Pausing {
		return ""
	}
	return leftOf(b.est.Run(now))
}

// step is the line of one step.
func (b *board) step(st *state.StepState, now time.Time, name, columns int, s style) row {
	began, known := b.started[st.Name]
	parts := []part{}
	if st.Items.Known {
		parts = append(parts, part{fmt.Sprintf("%d/%d", st.Items.Done, st.Items.Total), 0})
		if st.Items.Failed > 0 {
			parts = append(parts, part{fmt.Sprintf("%d failed", st.Items.Failed), 2})
		}
	} else if st.Usage.Calls > 0 {
		parts = append(parts, part{plural(st.Usage.Calls, "call"), 2})
	}
	parts = append(parts, part{tokens(st.Usage.Usage), 6}, part{costs(st.Usage, b.st.Budget[st.Name]), 4})
	if known {
		parts = append(parts, part{spell(now.Sub(began)), 5})
	}
	if left := b.est.Step(st.Name, now); left.Known && left.Duration > 0 && !b.st.Pausing {
		text := rough(left.Duration)
		if columns < 40 {
			text = strings.TrimSuffix(text, " left")
		}
		parts = append(parts, part{text, 1})
	}
	r := row{
		left: pad(cut(oneLine(st.Name), name, s.more()), name), leftInk: bold,
		total: int64(st.Items.Total), done: int64(st.Items.Done), failed: int64(st.Items.Failed),
	}
	if st.Items.Failed > 0 {
		r.ink = yellow
	}
	bar := 0
	if st.Items.Known && st.Items.Total > 0 && columns-name >= leastBar+12 {
		bar = leastBar + 1
	}
	r.right = fit("", parts, columns-name-1-bar, s)
	if bar > 0 {
		if free := columns - name - 1 - width(r.right) - 1; free >= leastBar {
			r.bar = min(mostBar, free)
		}
	}
	return r
}

// fit joins the parts that fit, those of the least rank before others, in their order.
func fit(head string, parts []part, columns int, s style) string {
	taken := make([]bool, len(parts))
	used := width(head)
	for rank := range 10 {
		for i, p := range parts {
			if p.rank != rank || p.text == "" {
				continue
			}
			need := width(p.text)
			if used > 0 {
				need += width(s.between())
			}
			if used+need <= columns {
				taken[i] = true
				used += need
			}
		}
	}
	var texts []string
	if head != "" {
		texts = append(texts, head)
	}
	for i, p := range parts {
		if taken[i] {
			texts = append(texts, p.text)
		}
	}
	if len(texts) == 0 && len(parts) > 0 {
		return cut(parts[0].text, columns, s.more())
	}
	return strings.Join(texts, s.between())
}

// nameWidth is how many columns the names of the steps get: as the longest needs, within bounds.
func nameWidth(steps []*state.StepState, columns int) int {
	n := leastName
	for _, st := range steps {
		n = max(n, width(oneLine(st.Name)))
	}
	return max(1, min(n, mostName, columns/3))
}

func pad(text string, columns int) string {
	return text + strings.Repeat(" ", max(0, columns-width(text)))
}
