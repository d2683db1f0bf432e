package wire

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/dogear-go/dogear/resilience"
)

// KeysOf returns the credentials of a request, in headers and in the address.
func KeysOf(req *http.Request) (keys []string) {
	for _, h := range []string{"Authorization", "X-Api-Key", "X-Goog-Api-Key", "Api-Key"} {
		for _, v := range req.Header.Values(h) {
			v = strings.TrimSpace(strings.TrimPrefix(v, "Bearer "))
			if len(v) > 3 {
				keys = append(keys, v)
			}
		}
	}
	for name, values := range req.URL.Query() {
		if strings.Contains(strings.ToLower(name), "key") || strings.Contains(strings.ToLower(name), "token") {
			for _, v := range values {
				if len(v) > 3 { // anything shorter is no key, and stands in every text
					keys = append(keys, v)
				}
			}
		}
	}
	return keys
}

// Hide returns a text with each of the keys replaced, the same one when there is none in it.
func Hide(text []byte, keys []string) []byte {
	for _, k := range keys {
		if k != "" {
			text = bytes.ReplaceAll(text, []byte(k), []byte("[redacted]"))
		}
	}
	return text
}

// hideIn returns headers without keys, the same ones when there are none in them.
func hideIn(header http.Header, keys []string) http.Header {
	holds := func(v string) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return k != "" && strings.Contains(v, k) })
	}
	for _, values := range header {
		if !slices.ContainsFunc(values, holds) {
			continue
		}
		clean := header.Clone()
		for _, values := range clean {
			for i, v := range values {
				values[i] = string(Hide([]byte(v), keys))
			}
		}
		return clean
	}
	return header
}

// hiddenError has another's identity and its text without keys.
type hiddenError struct {
	text string
	err  error
}

func (e *hiddenError) Error() string { return e.text }

func (e *hiddenError) Is(target error) bool { return errors.Is(e.err, target) }

// HideError returns an error without keys in its text. One that holds a key keeps its identity and its class.
func HideError(err error, keys []string) error {
	text := string(Hide([]byte(err.Error()), keys))
	if text == err.Error() {
		return err
	}
	return &resilience.Error{Class: resilience.Classify(err), Err: &hiddenError{text, err}}
}
