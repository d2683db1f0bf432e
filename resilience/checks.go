package resilience

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MinAnswer is how many characters, without the space around them, an answer has at least that [NotEmpty] accepts. Models
// under load answer with a word or a bare punctuation mark where they have nothing.
const MinAnswer = 10

// NotEmpty refuses an answer of fewer than [MinAnswer] characters. JSON that holds something (an object, a list, a number, true or
// false) passes however short.
func NotEmpty(a Answer) error {
	text := strings.TrimSpace(a.Text)
	if utf8.RuneCountInString(text) >= MinAnswer || shortJSON(text) {
		return nil
	}
	return &CheckError{
		Class: EmptyResponse, Check: "not_empty",
		Message: fmt.Sprintf("it has %d characters, fewer than %d", utf8.RuneCountInString(text), MinAnswer),
	}
}

// shortJSON says whether a text is a JSON value other than null, a string, and an empty object or list.
func shortJSON(text string) bool {
	if text == "" || text == "null" || text[0] == '"' || !json.Valid([]byte(text)) {
		return false
	}
	var b bytes.Buffer
	return json.Compact(&b, []byte(text)) == nil && b.String() != "{}" && b.String() != "[]"
}

// truncatedReasons are the finish reasons, in lower case, by which providers say that a limit cut the answer.
var truncatedReasons = map[string]bool{
	"length":                        true, // OpenAI and what is compatible, Mistral, Ollama
	"max_tokens":                    true, // Anthropic, Gemini, Cohere
	"finishreasonmaxtokens":         true, // Gemini through langchaingo
	"max_output_tokens":             true, // OpenAI's Responses
	"model_length":                  true, // Mistral: the model's window
	"model_context_window_exceeded": true, // Anthropic: the model's window
}

// NotTruncated refuses an answer whose finish reason says that a length limit cut it. An answer without a finish reason passes.
func NotTruncated(a Answer) error {
	if !truncatedReasons[strings.ToLower(strings.TrimSpace(a.FinishReason))] {
		return nil
	}
	return &CheckError{
		Class: Truncated, Check: "not_truncated",
		Message: "a limit cut it short (finish reason " + a.FinishReason + ")",
	}
}

// MinWords refuses an answer of fewer than n words. In scripts that put no space between words (Chinese, Japanese, Thai and
// their like) two characters count as a word. It is a hard check; wrap it in [Soft] for a wish.
func MinWords(n int) Check {
	return func(a Answer) error {
		if got := countWords(a.Text); got < n {
			return &CheckError{
				Class: InvalidResponse, Check: "min_words",
				Message: fmt.Sprintf("it has %d words, fewer than the %d asked for", got, n),
			}
		}
		return nil
	}
}

// unspaced are the scripts that put no space between words.
var unspaced = []*unicode.RangeTable{unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar}

func countWords(text string) int {
	words, dense, inWord := 0, 0, false
	for _, r := range text {
		switch {
		case unicode.In(r, unspaced...):
			dense++
			inWord = false
		case unicode.IsLetter(r) || unicode.IsNumber(r):
			if !inWord {
				words++
			}
			inWord = true
		case unicode.IsSpace(r):
			inWord = false
		}
	}
	return words + (dense+1)/2
}
