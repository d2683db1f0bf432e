package resilience

import (
	"strings"
	"unicode"
)

const (
	// echoWords is how many words an answer must share with the prompt from its very first to count as an echo: a dozen in a
	// row do not happen by chance.
	echoWords = 12
	// echoHeader is how many letters and digits a heading must have to count as the prompt's own.
	echoHeader = 6
)

// NoPromptEcho refuses an answer that begins by repeating the prompt: its first dozen words stand in the prompt in the same
// order, or its first line is a heading of the prompt (one that ends with a colon, begins with # or ** or is in
// capitals) and more follows. Don't use it where the answer is to repeat the prompt's text, as in corrections. JSON and an
// answer without a known prompt pass.
func NoPromptEcho(a Answer) error {
	text := strings.TrimSpace(a.Text)
	if a.Prompt == "" || text == "" || text[0] == '{' || text[0] == '[' {
		return nil
	}
	if !echoesWords(text, a.Prompt) && !echoesHeader(text, a.Prompt) {
		return nil
	}
	return &CheckError{
		Class: InvalidResponse, Check: "no_prompt_echo",
		Message: "it begins by repeating the prompt; answer without repeating it",
	}
}

// echoesWords says whether the text's first dozen words stand in the prompt.
func echoesWords(text, prompt string) bool {
	words := plainWords(firstRunes(text, 400))
	if len(words) < echoWords {
		return false
	}
	start := " " + strings.Join(words[:echoWords], " ") + " "
	return strings.Contains(" "+strings.Join(plainWords(prompt), " ")+" ", start)
}

// plainWords are a text's words in lower case, without marks.
func plainWords(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r)
	})
}

// echoesHeader says whether the text's first line is a heading of the prompt.
func echoesHeader(text, prompt string) bool {
	line, rest, more := strings.Cut(text, "\n")
	line = strings.TrimSpace(line)
	if !more || strings.TrimSpace(rest) == "" || !isHeader(line) {
		return false
	}
	want := strings.Join(plainWords(line), " ")
	if len(want) < echoHeader {
		return false
	}
	for l := range strings.Lines(prompt) {
		if l = strings.TrimSpace(l); isHeader(l) && strings.Join(plainWords(l), " ") == want {
			return true
		}
	}
	return false
}

// isHeader says whether a line is made like a heading.
func isHeader(line string) bool {
	if len(line) > 120 {
		return false
	}
	plain := strings.TrimRight(line, "*_ ")
	return strings.HasSuffix(plain, ":") || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "**") ||
		strings.ToUpper(line) == line && strings.ToLower(line) != line
}
