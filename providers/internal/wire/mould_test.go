package wire

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

const aChunk = `{"id":"x","choices":[{"index":0,"delta":{"content":"Hello, \"you\""},"finish_reason":null}]}`

func TestMould(t *testing.T) {
	t.Parallel()
	m := mouldOf([]byte(aChunk), `"content":"`)
	for data, want := range map[string]string{
		aChunk: `Hello, \"you\"`,
		`{"id":"x","choices":[{"index":0,"delta":{"content":""},"finish_reason":null}]}`:                                                           ``,
		`{"id":"x","choices":[{"index":0,"delta":{"content":"a\u00e9\\"},"finish_reason":null}]}`:                                                  `a\u00e9\\`,
		`{"id":"y","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}`:                                                          "-",
		`{"id":"x","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}`:                                                        "-",
		`{"id":"x","choices":[{"index":0,"delta":{"content":"a","refusal":"b"},"finish_reason":null}]}`:                                            "-",
		`{"id":"x","choices":[{"index":0,"delta":{"content":"a\"},"finish_reason":null}]}`:                                                         "-",
		`{"id":"x","choices":[{"index":0,"delta":{"content":"a\x"},"finish_reason":null}]}`:                                                        "-",
		`{"id":"x","choices":[{"index":0,"delta":{"content":"a\u12"},"finish_reason":null}]}`:                                                      "-",
		"{\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\nb\"},\"finish_reason\":null}]}":                                       "-",
		`{"id":"x","choices":[{"index":0,"delta":{"content":"`:                                                                                     "-",
		`{"id":"x","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null},{"index":0,"delta":{"content":"b"},"finish_reason":null}]}`: "-",
	} {
		text, ok := m.text([]byte(data))
		if !ok {
			text = []byte("-")
		}
		require.Equal(t, want, string(text), data)
	}
	none := mouldOf([]byte(`{"content":7}`), `"content":"`)
	_, ok := none.text([]byte(`{"content":7}`))
	require.False(t, ok)
}

// FuzzMould: what fits is JSON that differs in the one text alone.
func FuzzMould(f *testing.F) {
	f.Add(`a "b" \`, "\u00e9\n")
	f.Add(``, `","finish_reason":"stop`)
	f.Fuzz(func(t *testing.T, one, raw string) {
		chunk := func(text string) []byte {
			return []byte(`{"id":"x","choices":[{"delta":{"content":` + text + `},"finish_reason":null}]}`)
		}
		quoted, err := json.Marshal(one)
		require.NoError(t, err)
		m := mouldOf(chunk(string(quoted)), `"content":"`)
		text, ok := m.text(chunk(string(quoted)))
		require.True(t, ok)
		require.Equal(t, string(quoted), `"`+string(text)+`"`)
		other := chunk(`"` + raw + `"`)
		if _, ok := m.text(other); !ok {
			return
		}
		var c chatChunk
		require.NoError(t, json.Unmarshal(other, &c))
		require.Len(t, c.Choices, 1)
		require.Empty(t, c.Choices[0].FinishReason)
		require.Equal(t, "x", c.ID)
	})
}
