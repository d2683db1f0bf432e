package wire

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFields(t *testing.T) {
	t.Parallel()
	body := []byte("{\n \"model\" : \"m\\\\\", \"messages\":[{\"content\":\"a \\\"quoted, {brace\\\\\\\"\"}], \"temperature\": 0 ,\"stream\":true,\"n\":null}\n")
	f, ok := splitFields(body)
	require.True(t, ok)
	require.Equal(t, `"m\\"`, string(f.get("model")))
	require.Equal(t, "0", string(f.get("temperature")))
	require.Equal(t, "null", string(f.get("n")))
	require.JSONEq(t, string(body), string(f.bytes()))
	require.False(t, f.changed)
	f.remove("temperature")
	f.remove("nothing")
	f.set("top_p", 0.5)
	f.setRaw("stream", json.RawMessage("false"))
	require.True(t, f.changed)
	require.JSONEq(t, `{"model":"m\\","messages":[{"content":"a \"quoted, {brace\\\""}],"stream":false,"n":null,"top_p":0.5}`, string(f.bytes()))

	empty, ok := splitFields([]byte(" {} "))
	require.True(t, ok)
	require.Equal(t, "{}", string(empty.bytes()))
	for _, not := range []string{"", "null", "[1]", "{", `{"a"`, `{"a"}`, `{"a":1`, `{"a":"x}`, `{a:1}`, `{"a\u0062":1}`} {
		_, ok := splitFields([]byte(not))
		require.False(t, ok, not)
	}
}

// FuzzFields: what is cut up and put together again is the same JSON, and nothing panics.
func FuzzFields(f *testing.F) {
	f.Add(`{"a":1,"b":[{"c":"}"}]}`)
	f.Add(`{"a":"\\\"","b":{}}`)
	f.Add(`{"a":`)
	f.Add(`{ }`)
	f.Fuzz(func(t *testing.T, text string) {
		list, ok := splitFields([]byte(text))
		if !ok || !json.Valid([]byte(text)) {
			return
		}
		require.Equal(t, value(t, []byte(text)), value(t, list.bytes()), text)
	})
}

// value is JSON with its numbers as they stand there: they may be larger than any of Go's.
func value(t *testing.T, text []byte) (v any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	require.NoError(t, dec.Decode(&v), string(text))
	return v
}
