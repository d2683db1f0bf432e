package providers

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExtractNeverCompletes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"":                       errNoJSON,
		"no":                     errNoJSON,
		`{"a":1`:                 errCutJSON,
		`{"a":[1,2`:              errCutJSON,
		`{"a":"x`:                errCutJSON,
		"```json\n{\"a\": [1,2,": errCutJSON,
		`{"a" 1}`:                errBadJSON,
		`{a]`:                    errBadJSON,
	} {
		_, err := extractJSON(text)
		require.ErrorIs(t, err, want, text)
	}
}

func FuzzExtractJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":1}`, "```json\n[1,2,]\n```", `x {"a":"}"} y [1]`, `{"a":"\"`, "<think>{</think>{}", `{]`, `]}`, "[[[[", "// c\n{}", "```\n```", "\ufeff[]",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		values, err := extractJSON(text)
		if err == nil && len(values) == 0 {
			t.Fatal("neither a value nor an error")
		}
		for _, v := range values {
			if !json.Valid(v) {
				t.Fatalf("not JSON: %q", v)
			}
		}
		again, err2 := extractJSON(text)
		require.Equal(t, values, again)
		require.Equal(t, err, err2)
	})
}
