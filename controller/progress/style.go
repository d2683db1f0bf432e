package progress

import (
	"runtime"
	"strings"
)

// style is what a terminal can show.
type style struct {
	color   bool
	unicode bool // characters for bars and marks that are not in ASCII; names keep their own
}

// styleOf reads the environment: NO_COLOR takes the colour away, a locale that is not UTF-8 the characters. plain is
// --no-color, which takes both.
func styleOf(plain bool, getenv func(string) string) style {
	if plain {
		return style{}
	}
	s := style{color: getenv("NO_COLOR") == ""}
	if runtime.GOOS == "windows" {
		s.unicode = getenv("WT_SESSION") != ""
		return s
	}
	locale := getenv("LC_ALL")
	for _, name := range []string{"LC_CTYPE", "LANG"} {
		if locale == "" {
			locale = getenv(name)
		}
	}
	locale = strings.ToLower(locale)
	s.unicode = strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
	return s
}

// draws says whether a terminal is one to draw on.
func draws(getenv func(string) string) bool {
	if getenv("TERM") == "dumb" || getenv("CI") != "" {
		return false
	}
	if runtime.GOOS == "windows" {
		return getenv("WT_SESSION") != "" // older consoles count on nobody
	}
	return true
}

// ink is a colour, as the parameter of the terminal's sequence.
type ink string

const (
	dim    ink = "2"
	bold   ink = "1"
	red    ink = "31"
	green  ink = "32"
	yellow ink = "33"
)

func (s style) paint(with ink, text string) string {
	if !s.color || with == "" || text == "" {
		return text
	}
	return "\x1b[" + string(with) + "m" + text + "\x1b[0m"
}

// between stands between the parts of a line.
func (s style) between() string {
	if s.unicode {
		return " · "
	}
	return ", "
}

// more stands where something was cut.
func (s style) more() string {
	if s.unicode {
		return "…"
	}
	return "~"
}
