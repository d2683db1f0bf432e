package workflow

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tmc/langchaingo/llms"
)

const (
	// echoSize is how many bytes of letters and digits in a row a text must share with a prompt to be a piece of it: some five
	// words, which don't stand in both by chance.
	echoSize = 24
	// maxAsked bounds the prompts that an attempt remembers, in bytes; the newest stay.
	maxAsked = 1 << 20
	// maxEchoed bounds the error text that is compared; what the journal holds of it is shorter.
	maxEchoed = 8 << 10
)

// ask remembers the texts of a request, so that an error that repeats them can be told without them.
func (a *attempt) ask(messages []llms.MessageContent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range messages {
		for _, part := range m.Parts {
			if text := textOf(part); len(text) >= echoSize {
				a.asked = append(a.asked, text)
				a.askedSize += len(text)
			}
		}
	}
	for a.askedSize > maxAsked && len(a.asked) > 1 {
		a.askedSize -= len(a.asked[0])
		a.asked = a.asked[1:]
	}
}

// textOf is the text of a part of a message that came from the program.
func textOf(part llms.ContentPart) string {
	switch p := part.(type) {
	case llms.TextContent:
		return p.Text
	case llms.ToolCallResponse:
		return p.Content
	}
	return ""
}

// quiet is an error whose text repeats no piece of what the attempt asked. What it wraps stays.
func (a *attempt) quiet(err error) error {
	if err == nil {
		return nil
	}
	a.mu.Lock()
	asked := a.asked
	a.mu.Unlock()
	text := err.Error()
	if clean := withoutEcho(text, asked); clean != text {
		return &quietError{clean, err}
	}
	return err
}

type quietError struct {
	text string
	err  error
}

func (e *quietError) Error() string { return e.text }
func (e *quietError) Unwrap() error { return e.err }

// withoutEcho replaces the pieces of a text that stand in a prompt, whatever quotes, spaces, cases and escapes they have there.
func withoutEcho(text string, asked []string) string {
	if len(asked) == 0 {
		return text
	}
	rest := ""
	if len(text) > maxEchoed { // nobody is told so much
		text, rest = strings.ToValidUTF8(text[:maxEchoed], ""), "…"
	}
	plain, from := plainText(text)
	windows := map[string]bool{} // pieces of the text; true: it stands in a prompt
	for i := 0; i+echoSize <= len(plain); i++ {
		windows[plain[i:i+echoSize]] = false
	}
	found := false
	for _, prompt := range asked {
		other, _ := plainText(prompt)
		for i := 0; i+echoSize <= len(other) && len(windows) > 0; i++ {
			if seen, is := windows[other[i:i+echoSize]]; is && !seen {
				windows[other[i:i+echoSize]], found = true, true
			}
		}
	}
	if !found {
		return text + rest
	}
	echoed, until := make([]bool, len(text)), 0
	for i := 0; i+echoSize <= len(plain); i++ {
		if !windows[plain[i:i+echoSize]] {
			continue
		}
		for b := max(until, from[i]); b <= from[i+echoSize-1]; b++ {
			echoed[b] = true
		}
		until = from[i+echoSize-1]
	}
	return cutOut(text, echoed) + rest
}

// plainText are the letters and digits of a text in lower case, and for each of their bytes where it stands in the text.
func plainText(text string) (plain string, from []int) {
	b := make([]byte, 0, len(text))
	for i, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			continue
		}
		n := len(b)
		b = utf8.AppendRune(b, unicode.ToLower(r))
		for range len(b) - n {
			from = append(from, i)
		}
	}
	return string(b), from
}

// cutOut writes "…" for each run of marked bytes.
func cutOut(text string, marked []bool) string {
	var b strings.Builder
	inside := false
	for i, r := range text {
		switch {
		case !marked[i]:
			b.WriteRune(r)
			inside = false
		case !inside:
			b.WriteString("…")
			inside = true
		}
	}
	return b.String()
}
