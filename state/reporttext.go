package state

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func (r *report) emoji(text string) string {
	if r.style.Emoji {
		return text
	}
	return ""
}

// mark is what stands before a step of that status.
func (r *report) mark(status Status) string {
	marks := map[Status][2]string{
		StatusCompleted: {"✅ ", "[done] "},
		StatusRunning:   {"⏳ ", ""},
		StatusPending:   {"⏭️  ", ""},
		StatusFailed:    {"❌ ", "[failed] "},
		StatusPartial:   {"⚠️  ", ""},
		StatusTolerated: {"⚠️  ", ""},
		StatusWaiting:   {"⏸️  ", ""},
	}
	if r.style.Emoji {
		return marks[status][0]
	}
	return marks[status][1]
}

func (r *report) colored(status Status, text string) string {
	if !r.style.Color {
		return text
	}
	code := map[Status]string{
		StatusCompleted: "32", StatusRunning: "36", StatusFailed: "31",
		StatusPartial: "33", StatusInterrupted: "33", StatusPaused: "33", StatusWaiting: "33",
	}[status]
	if code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// where names a scope for people: step, and item in quotes, since an item's key may hold anything.
func where(s Scope) string {
	text := ""
	if s.Step != "" {
		text += " " + oneLine(s.Step)
	}
	if s.Item != "" {
		text += " " + quoted(s.Item)
	}
	if s.Do != "" {
		text += " do " + quoted(s.Do)
	}
	return text
}

func quoted(s string) string { return `"` + limit(s, 80) + `"` }

func orNone(s string) string {
	if s == "" {
		return "None"
	}
	return oneLine(s)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

var dollars = regexp.MustCompile(`^(\d{1,9})(?:\.(\d{1,6})0*)?$`)

// ParseDollars reads an amount of dollars as people type it, as in 5 or 1.50, as micro-dollars, exactly; false: it is no such
// amount, has more than nine digits before the point, or more than six behind it that count.
func ParseDollars(text string) (micro int64, ok bool) {
	m := dollars.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	micro, err := strconv.ParseInt(m[1]+(m[2] + "000000")[:6], 10, 64)
	return micro, err == nil
}

// Dollars prints micro-dollars: $1.23, with as many more digits as are needed to four behind the point, and six of what is
// smaller than that.
func Dollars(micro int64) string {
	sign, size := "", uint64(micro)
	if micro < 0 {
		sign, size = "-", -size
	}
	digits := fmt.Sprintf("%06d", size%1_000_000)
	if size >= 100 {
		digits = digits[:4]
	}
	for len(digits) > 2 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	return fmt.Sprintf("%s$%d.%s", sign, size/1_000_000, digits)
}

func thousands(n int64) string {
	digits := fmt.Sprint(n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
