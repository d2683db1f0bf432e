package progress

import (
	"fmt"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow/estimate"
)

// oneLine makes text from outside fit for one line of a terminal.
func oneLine(text string) string { return state.Printable(strings.Join(strings.Fields(text), " ")) }

// money prints micro-dollars to the hundredth of a cent, from a dollar on to the cent.
func money(micro int64) string {
	if micro >= 1_000_000 {
		return fmt.Sprintf("$%d.%02d", micro/1_000_000, micro%1_000_000/10_000)
	}
	return fmt.Sprintf("$0.%04d", micro/100)
}

// costs is what calls cost, and of what budget; empty when there is nothing to say.
func costs(t state.Totals, budget int64) string {
	text := ""
	switch {
	case budget > 0:
		text = money(t.Cost) + " of " + money(budget)
	case t.Cost > 0:
		text = money(t.Cost)
	}
	if t.Unpriced == 0 {
		return text
	}
	if text == "" {
		return fmt.Sprintf("%d unpriced", t.Unpriced)
	}
	return fmt.Sprintf("%s + %d unpriced", text, t.Unpriced)
}

// tokens are those of input and output together; empty for none.
func tokens(u state.Usage) string {
	n := u.Input + u.Output
	switch {
	case n == 0:
		return ""
	case n < 1000:
		return fmt.Sprintf("%d tok", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1fk tok", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1fM tok", float64(n)/1e6)
}

// spell prints a duration with its two largest units.
func spell(d time.Duration) string {
	d = max(0, d)
	switch s := int64(d / time.Second); {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 48*3600:
		return fmt.Sprintf("%dh%02dm", s/3600, s%3600/60)
	default:
		return fmt.Sprintf("%dd%02dh", s/86400, s%86400/3600)
	}
}

// took is spell, with tenths where a second is much.
func took(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1fs", max(0, d).Seconds())
	}
	return spell(d)
}

// rough prints an estimate, which is not known to the second.
func rough(d time.Duration) string {
	switch {
	case d < time.Second:
		return "<1s left"
	case d < 10*time.Second:
	case d < 2*time.Minute:
		d = d.Round(5 * time.Second)
	case d < time.Hour:
		d = d.Round(time.Minute)
		return fmt.Sprintf("~%dm left", d/time.Minute)
	}
	return "~" + spell(d) + " left"
}

// leftOf is an estimate in words; empty when nothing is left, or known.
func leftOf(l estimate.Left) string {
	text := ""
	if l.Known && l.Duration > 0 {
		text = rough(l.Duration)
	}
	if len(l.Unknown) == 0 {
		return text
	}
	names := make([]string, len(l.Unknown))
	for i, name := range l.Unknown {
		names[i] = oneLine(name)
	}
	const most = 3
	if len(names) > most {
		names = append(names[:most-1], fmt.Sprintf("%d more", len(names)-most+1))
	}
	if text == "" {
		return "time left not known: " + strings.Join(names, ", ")
	}
	return text + ", not counting " + strings.Join(names, ", ")
}

// width is how many columns a text takes at most. Terminals differ in what they make of joined emoji, so every character
// counts by itself: a line may end a little early, but it never wraps.
func width(text string) int {
	n := 0
	for _, r := range text {
		n += runewidth.RuneWidth(r)
	}
	return n
}

// cut makes text fit into columns.
func cut(text string, columns int, more string) string {
	if width(text) <= columns {
		return text
	}
	columns -= width(more)
	if columns <= 0 {
		return ""
	}
	n := 0
	for i, r := range text {
		if n += runewidth.RuneWidth(r); n > columns {
			return text[:i] + more
		}
	}
	return text
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
