package dashboard

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dogear-go/dogear/state"
)

// pageFuncs are the functions of the templates.
func pageFuncs() template.FuncMap {
	return template.FuncMap{
		"vis":      visible,
		"say":      sentence,
		"brief":    brief,
		"paras":    paragraphs,
		"money":    money,
		"cost":     costText,
		"tokens":   tokenText,
		"count":    countText,
		"dur":      duration,
		"secs":     seconds,
		"ago":      func(t time.Time) string { return ago(time.Since(t)) },
		"since":    func(t time.Time) string { return duration(time.Since(t)) },
		"until":    func(t time.Time) string { return duration(time.Until(t)) },
		"iso":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"clock":    func(t time.Time) string { return t.Local().Format("15:04:05") },
		"stamp":    func(t time.Time) string { return t.Local().Format("2 Jan 2006, 15:04") },
		"word":     statusWord,
		"pct":      percent,
		"then":     thenText,
		"bar":      barOf,
		"money3":   budgetBar,
		"unknowns": unknownSteps,
		"add":      func(a, b int) int { return a + b },
		"series":   func(i int) string { return fmt.Sprintf("s%d", i%6+1) },
		"provider": providerText,
		"fields":   func(n node) bool { return n.Kind == nodeFields },
	}
}

// visible is text from outside as it may stand on a page: control characters and marks that turn the reading direction
// are written out. The templates escape it like any text.
func visible(text string) string { return state.Printable(text) }

// sentence is a text of the engine at the beginning of a line.
func sentence(text string) string {
	text = visible(text)
	if r, n := utf8.DecodeRuneInString(text); n > 0 {
		text = string(unicode.ToUpper(r)) + text[n:]
	}
	return text
}

// brief is the beginning of a text that is too long to be shown whole at once; empty: it is not.
func brief(text string) string {
	const long, most = 320, 160
	if len(text) <= long {
		return ""
	}
	head, _, _ := strings.Cut(strings.ToValidUTF8(text[:most], ""), "\n")
	return visible(head) + "…"
}

// paragraphs cuts prose where lines are empty.
func paragraphs(text string) []string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	var list []string
	var b strings.Builder
	flush := func() {
		if p := strings.Trim(b.String(), "\n"); strings.TrimSpace(p) != "" {
			list = append(list, visible(p))
		}
		b.Reset()
	}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.TrimSpace(line) == "" {
			flush()
			continue
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	flush()
	return list
}

// money writes micro-dollars: to the cent from a dollar on, more exactly below.
func money(micro int64) string {
	sign := ""
	if micro < 0 {
		sign, micro = "−", -micro
	}
	dollars := float64(micro) / 1e6
	switch {
	case micro == 0:
		return "$0.00"
	case micro < 1000:
		return sign + "$" + strconv.FormatFloat(dollars, 'f', 6, 64)
	case micro < 1_000_000:
		return sign + "$" + strconv.FormatFloat(dollars, 'f', 4, 64)
	}
	cents := (micro + 5000) / 10_000
	return fmt.Sprintf("%s$%s.%02d", sign, thousands(cents/100), cents%100)
}

// costText is what some calls cost. Calls of unknown price are never shown as free.
func costText(micro int64, unpriced int) string {
	if micro == 0 && unpriced > 0 {
		return "unknown"
	}
	if unpriced > 0 {
		return "≥ " + money(micro)
	}
	return money(micro)
}

// tokenText is a number of tokens, short.
func tokenText(n int64) string {
	switch {
	case n < 10_000:
		return thousands(n)
	case n < 1_000_000:
		return strconv.FormatFloat(float64(n)/1000, 'f', 1, 64) + " k"
	}
	return strconv.FormatFloat(float64(n)/1e6, 'f', 2, 64) + " M"
}

// countText is thousands for templates, which know no type parameters.
func countText(n any) (string, error) {
	switch n := n.(type) {
	case int:
		return thousands(n), nil
	case int64:
		return thousands(n), nil
	case uint64:
		return thousands(n), nil
	}
	return "", fmt.Errorf("%T is no count", n)
}

// thousands writes a whole number in groups of three.
func thousands[T int | int64 | uint64](n T) string {
	digits := fmt.Sprint(n)
	neg := strings.HasPrefix(digits, "-")
	digits = strings.TrimPrefix(digits, "-")
	var b strings.Builder
	if neg {
		b.WriteString("−")
	}
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// duration writes a time span in its two largest units.
func duration(d time.Duration) string {
	if d < 0 {
		d = 0
	}
	s := int64(d / time.Second)
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %02d s", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%d h %02d min", s/3600, s/60%60)
	}
	return fmt.Sprintf("%d d %d h", s/86400, s/3600%24)
}

// ago says how long something is past, in its largest unit.
func ago(d time.Duration) string {
	s := int64(d / time.Second)
	switch {
	case s < 5:
		return "just now"
	case s < 60:
		return fmt.Sprintf("%d s ago", s)
	case s < 3600:
		return fmt.Sprintf("%d min ago", s/60)
	case s < 86400:
		return fmt.Sprintf("%d h ago", s/3600)
	case s < 2*86400:
		return "1 day ago"
	}
	return fmt.Sprintf("%d days ago", s/86400)
}

// percent is progress with one digit, without it where it says nothing.
func percent(p float64) string {
	if p == math.Trunc(p) {
		return strconv.FormatFloat(p, 'f', 0, 64) + " %"
	}
	return strconv.FormatFloat(p, 'f', 1, 64) + " %"
}

// statusWord is a status for people.
func statusWord(s state.Status) string {
	switch s {
	case state.StatusWaiting:
		return "Waiting for a person"
	case state.StatusTolerated:
		return "Failed, tolerated"
	case "":
		return "Unknown"
	}
	return strings.ToUpper(string(s[:1])) + string(s[1:])
}

// thenText says what was done about a failure.
func thenText(next string) string {
	switch next {
	case "retry":
		return "tried again"
	case "switch":
		return "another provider was asked"
	case "wait":
		return "waited, then tried again"
	case "give up", "give_up":
		return "gave up"
	}
	return next
}

// providerText names a provider; a model that is not of a chain has none.
func providerText(name string) string {
	if name == "" {
		return "model"
	}
	return visible(name)
}

// bar are the parts of a bar, in percent of its width.
type bar struct{ Done, Failed, Running, FailedAt, RunningAt float64 }

func barOf(done, failed, running, total int) bar {
	if total <= 0 {
		return bar{}
	}
	part := func(n int) float64 { return round2(float64(n) / float64(total) * 100) }
	return bar{part(done), part(failed), part(running), part(done), part(done + failed)}
}

// budgetBar is a bar of what was spent and what is reserved.
func budgetBar(b BudgetView) bar {
	if b.Limit <= 0 {
		return bar{}
	}
	part := func(n int64) float64 { return min(100, round2(float64(n)/float64(b.Limit)*100)) }
	spent := part(b.Spent)
	return bar{Done: spent, Running: min(100-spent, part(b.Reserved)), RunningAt: spent}
}

// withParam adds a parameter that says yes to a link.
func withParam(href, name string) string {
	if strings.Contains(href, "?") {
		return href + "&" + name + "=1"
	}
	return href + "?" + name + "=1"
}
