package resilience

import (
	"math/big"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// The readers of numbers and durations. They calculate with exact fractions and round up to a nanosecond, so that no wait
// gets shorter than it was said.

// decimalShape bounds what is read as a number: an exponent of three digits would take gigabytes.
var decimalShape = regexp.MustCompile(`^\+?(?:\d{1,20}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,2})?$`)

// decimal reads a number that is not negative.
func decimal(value string) (*big.Rat, bool) {
	value = strings.TrimSpace(value)
	if !decimalShape.MatchString(value) {
		return nil, false
	}
	return new(big.Rat).SetString(value)
}

// seconds reads a number of seconds, or of a part of a second.
func seconds(value string, unit float64) (time.Duration, bool) {
	n, ok := decimal(value)
	if !ok {
		return 0, false
	}
	if unit != 1 {
		n.Mul(n, big.NewRat(int64(unit*1e3), 1e3))
	}
	return roundUp(n)
}

// roundUp is a number of seconds as a duration, rounded up.
func roundUp(n *big.Rat) (time.Duration, bool) {
	n = new(big.Rat).Mul(n, big.NewRat(int64(time.Second), 1))
	if n.Sign() < 0 || n.Cmp(big.NewRat(int64(maxAfter), 1)) > 0 {
		return 0, false
	}
	whole, rest := new(big.Int).QuoRem(n.Num(), n.Denom(), new(big.Int))
	d := time.Duration(whole.Int64())
	if rest.Sign() > 0 {
		d++
	}
	return sane(d)
}

// numberReset reads a bare number: seconds or milliseconds since 1970, or seconds from now.
func numberReset(value string, now time.Time) (time.Duration, bool) {
	n, ok := decimal(value)
	if !ok {
		return 0, false
	}
	switch {
	case n.Cmp(big.NewRat(1e14, 1)) > 0:
		return 0, false
	case n.Cmp(big.NewRat(1e11, 1)) > 0:
		n.Quo(n, big.NewRat(1000, 1))
	case n.Cmp(big.NewRat(1e9, 1)) > 0:
	default:
		return roundUp(n)
	}
	n.Sub(n, big.NewRat(now.UnixNano(), int64(time.Second)))
	if n.Sign() < 0 {
		return 0, true // it is over
	}
	return roundUp(n)
}

const (
	spanNumber = `\d{1,12}(?:\.\d{1,40})?`
	spanUnit   = `(?:milliseconds?|millis|msecs?|ms|microseconds?|us|µs|μs|nanoseconds?|ns|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w)`
	// spanText is a duration: 7m12.5s, 34.07s, 1d2h, 20 seconds, 1 hour and 5 minutes.
	spanText = spanNumber + ` ?` + spanUnit + `(?:(?:,? and |, ?| )?` + spanNumber + ` ?` + spanUnit + `){0,5}`
	// clockText is a duration as Azure's gateway writes it: 02:11:54, 1.02:11:54.
	clockText = `(?:\d{1,3}\.)?\d{1,2}:\d{2}:\d{2}(?:\.\d{1,9})?`
)

var (
	wholeSpan  = regexp.MustCompile(`(?i)^` + spanText + `$`)
	spanPart   = regexp.MustCompile(`(?i)(` + spanNumber + `) ?(` + spanUnit + `)`)
	wholeClock = regexp.MustCompile(`^(?:(\d{1,3})\.)?(\d{1,2}):(\d{2}):(\d{2}(?:\.\d{1,9})?)$`)
)

// span reads a duration with units, or as a clock shows it.
func span(text string) (time.Duration, bool) {
	text = strings.TrimSpace(head(text, 200))
	if m := wholeClock.FindStringSubmatch(text); m != nil {
		return total([]string{m[1], m[2], m[3], m[4]}, []string{"d", "h", "m", "s"})
	}
	if !wholeSpan.MatchString(text) {
		return 0, false
	}
	var numbers, units []string
	for _, m := range spanPart.FindAllStringSubmatch(text, -1) {
		numbers, units = append(numbers, m[1]), append(units, m[2])
	}
	return total(numbers, units)
}

// total adds up a duration's parts.
func total(numbers, units []string) (time.Duration, bool) {
	sum := new(big.Rat)
	for i, number := range numbers {
		if number == "" {
			continue
		}
		n, ok := decimal(number)
		if !ok {
			return 0, false
		}
		sum.Add(sum, n.Mul(n, big.NewRat(int64(unitOf(units[i])), int64(time.Second))))
	}
	return roundUp(sum)
}

// unitOf is a unit's length; the unit has one of the names of spanUnit.
func unitOf(name string) time.Duration {
	name = strings.ToLower(name)
	switch {
	case strings.HasPrefix(name, "mil"), strings.HasPrefix(name, "ms"):
		return time.Millisecond
	case strings.HasPrefix(name, "mic"), strings.HasPrefix(name, "us"), strings.HasPrefix(name, "µ"), strings.HasPrefix(name, "μ"):
		return time.Microsecond
	case strings.HasPrefix(name, "n"):
		return time.Nanosecond
	case strings.HasPrefix(name, "s"):
		return time.Second
	case strings.HasPrefix(name, "m"):
		return time.Minute
	case strings.HasPrefix(name, "h"):
		return time.Hour
	case strings.HasPrefix(name, "d"):
		return 24 * time.Hour
	}
	return 7 * 24 * time.Hour
}

// dateLayouts are the forms of a moment beside HTTP's own. Each names its zone: a guess could shorten a wait.
var dateLayouts = []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 MST", "2006-01-02 15:04 MST", "2006-01-02 at 15:04 MST", "2006-01-02 at 15:04:05 MST", time.RFC1123Z, "Jan 2, 2006, 15:04 MST", "Jan 2, 2006 15:04:05 MST"}

// date reads a moment.
func date(text string) (time.Time, bool) {
	text = strings.TrimSpace(head(text, 60))
	if at, err := http.ParseTime(text); err == nil {
		return at, true
	}
	for _, layout := range dateLayouts {
		at, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if zone, offset := at.Zone(); offset == 0 && zone != "" && zone != "UTC" && zone != "GMT" {
			return time.Time{}, false // a zone that Go does not know
		}
		return at, true
	}
	return time.Time{}, false
}

const dateText = `\d{4}-\d{2}-\d{2}(?:T| at | )\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)? ?(?:Z|UTC|GMT|[+-]\d{2}:\d{2})` +
	`|(?:mon|tue|wed|thu|fri|sat|sun), \d{2} [a-z]{3} \d{4} \d{2}:\d{2}:\d{2} GMT`

// inWords: "Please try again in 7m12.5s" (OpenAI, Groq), "Please retry in 34.07s" (Gemini), "retry after 20 seconds",
// "Quota will be replenished in 02:11:54" (Azure's gateway), "You will regain access on 2026-12-01 at 00:00 UTC" (Anthropic).
var inWords = regexp.MustCompile(`(?i)\b(?:again|retry(?:ing)?(?:[ -](?:your|the|this) requests?)?|available|wait(?:ing)?|resets?|resetting|replenished|renewed|refresh(?:es|ed)?|regain access|retry-after|retry_after)` +
	`(?: (?:later|again|is|will|be|in|after|for|at least|about|approximately|another|on|at|until)){0,3}[:=]? ?["']?(?:(` + spanText + `|` + clockText + `|an? (?:second|minute|hour|day))|(` + dateText + `))(?:[^\w:]|$)`)

// inSeconds: "Retry-After: 30", a header's words inside a text.
var inSeconds = regexp.MustCompile(`(?i)\bretry[-_ ]after["']?[:=]? ?["']?(\d{1,9}(?:\.\d{1,12})?)["']?(?:\s*[,;)}\]]|\.(?:\s|$)|\s*$)`)

// afterInText reads a wait that is told in words.
func afterInText(message string, now time.Time) (time.Duration, bool) {
	m := inWords.FindStringSubmatch(head(message, maxText))
	if m == nil {
		if m := inSeconds.FindStringSubmatch(head(message, maxText)); m != nil {
			return seconds(m[1], 1)
		}
		return 0, false
	}
	if m[1] != "" {
		if one := strings.TrimPrefix(strings.TrimPrefix(strings.ToLower(m[1]), "an "), "a "); one[0] > '9' { // a minute
			return span("1 " + one)
		}
		return span(m[1])
	}
	at, ok := date(m[2])
	if !ok {
		return 0, false
	}
	return sane(at.Sub(now))
}
