package state

import (
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// Printable returns text from outside (a model, a provider, an item's key) as it may reach a terminal: newlines and tabs
// stay, every other control character, escape, and mark that turns the reading direction is written as in Go source.
// Invalid UTF-8 is replaced.
func Printable(text string) string {
	if !strings.ContainsFunc(text, unprintable) && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unprintable(r) {
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func unprintable(r rune) bool {
	switch {
	case r == '\n', r == '\t':
		return false
	case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '\u2028', r == '\u2029':
		return true
	}
	return false
}

// oneLine is Printable with every run of white space as one blank.
func oneLine(text string) string { return Printable(strings.Join(strings.Fields(text), " ")) }

// limit is oneLine, cut after n characters.
func limit(text string, n int) string {
	if len(text) > 8*n { // before the work, not after it: texts can be large
		text = strings.ToValidUTF8(text[:8*n], "")
	}
	text = oneLine(text)
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n]) + "..."
}

// StyleOf says what a writer can show: nothing special unless it is a terminal. NO_COLOR and TERM=dumb ask for plain
// ASCII, and so does a locale that is not UTF-8; a console of Windows counts when it says that it is Windows Terminal.
func StyleOf(w io.Writer) StatusStyle {
	f, ok := w.(*os.File)
	return styleOf(ok && term.IsTerminal(int(f.Fd())), runtime.GOOS, os.Getenv)
}

func styleOf(terminal bool, goos string, getenv func(string) string) StatusStyle {
	if !terminal || getenv("NO_COLOR") != "" || getenv("TERM") == "dumb" {
		return StatusStyle{}
	}
	if goos == "windows" {
		modern := getenv("WT_SESSION") != ""
		return StatusStyle{Emoji: modern, Color: modern}
	}
	locale := getenv("LC_ALL")
	for _, name := range []string{"LC_CTYPE", "LANG"} {
		if locale == "" {
			locale = getenv(name)
		}
	}
	locale = strings.ToLower(locale)
	utf8 := strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
	return StatusStyle{Emoji: utf8, Color: utf8}
}
