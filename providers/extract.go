package providers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/tailscale/hujson"
)

var (
	errNoJSON   = errors.New("there is no JSON in it")
	errCutJSON  = errors.New("the JSON ends in the middle")
	errBadJSON  = errors.New("the JSON is malformed")
	fenced      = regexp.MustCompile("(?s)```[a-zA-Z0-9]*[ \t]*\r?\n(.*?)```")
	thinkBlocks = regexp.MustCompile(`(?s)^\s*<think(?:ing)?>.*?</think(?:ing)?>`)
)

// withoutThinking removes the reasoning that some open models write before their answer.
func withoutThinking(text string) string { return thinkBlocks.ReplaceAllString(text, "") }

// extractJSON finds the JSON values in a text that may have a fence, prose and comments around it, best guess first. Comments and
// trailing commas are removed; nothing is ever added: an answer that was cut stays an error.
func extractJSON(text string) ([]json.RawMessage, error) {
	text = strings.TrimPrefix(strings.TrimSpace(withoutThinking(text)), "\ufeff")
	if v, err := standard(text); err == nil {
		return []json.RawMessage{v}, nil
	}
	var found []json.RawMessage
	for _, m := range fenced.FindAllStringSubmatch(text, -1) {
		if v, err := standard(strings.TrimSpace(m[1])); err == nil {
			found = append(found, v)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	why := errNoJSON
	for i := 0; i < len(text); {
		start := strings.IndexAny(text[i:], "{[")
		if start < 0 {
			break
		}
		start += i
		end, ok := valueEnd(text[start:])
		if !ok {
			if errors.Is(why, errNoJSON) {
				why = errCutJSON
			}
			break
		}
		v, err := standard(text[start : start+end])
		i = start + end // never into a value that is broken: a part of it is not the answer
		if err != nil {
			why = fmt.Errorf("%w: %v", errBadJSON, err)
			continue
		}
		found = append(found, v)
	}
	if len(found) == 0 {
		return nil, why
	}
	return found, nil
}

// standard turns JSON with comments and trailing commas into JSON.
func standard(text string) (json.RawMessage, error) {
	if text == "" {
		return nil, errNoJSON
	}
	if json.Valid([]byte(text)) {
		return json.RawMessage(text), nil
	}
	v, err := hujson.Standardize([]byte(text))
	if err != nil {
		return nil, err
	}
	v = bytes.TrimSpace(v)
	if !json.Valid(v) {
		return nil, errBadJSON
	}
	return v, nil
}

// valueEnd finds where the value that begins a text ends: after the bracket that closes the first one.
func valueEnd(text string) (end int, ok bool) {
	var open []byte
	inString := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{':
			open = append(open, '}')
		case c == '[':
			open = append(open, ']')
		case c == '}' || c == ']':
			if open[len(open)-1] != c {
				return i + 1, true // mismatched: not JSON, which parsing finds out
			}
			if open = open[:len(open)-1]; len(open) == 0 {
				return i + 1, true
			}
		}
	}
	return 0, false
}
