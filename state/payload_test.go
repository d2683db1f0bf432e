package state_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// oddTexts are what hand-written encoders get wrong.
var oddTexts = []string{
	"", "plain", `quote " and \ backslash`, "line\nend\ttab\rreturn\bback\ffeed", "\x00\x01\x1f\x7f", "é“”—漢字🎉", "<html> & 'more'",
	"cut \xe2\x80", "\xff", "\xed\xa0\x80", "\u2028 and \u2029", "\ufffd", strings.Repeat("seven77", 9) + "\"", "1234567\n", "12345678\\", "123456789\xc3",
}

func reference(t testing.TB, v any) string {
	t.Helper()
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	require.NoError(t, enc.Encode(v))
	return strings.TrimSuffix(buf.String(), "\n")
}

func TestMarshalOfStringsIsThatOfEncodingJSON(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		s := oddTexts[i%len(oddTexts)] + oddTexts[rng.IntN(len(oddTexts))] + oddTexts[rng.IntN(len(oddTexts))]
		if i >= 10_000 {
			raw := []byte(s)
			for range 3 {
				if len(raw) > 0 {
					raw[rng.IntN(len(raw))] = byte(rng.Uint32())
				}
			}
			s = string(raw)
		}
		got, err := state.Marshal(s)
		require.NoError(t, err)
		require.Equal(t, reference(t, s), string(got), "%q", s)
	}
}

// TestPayloadsAreThoseOfEncodingJSON: those that are written by hand, field by field present and absent.
func TestPayloadsAreThoseOfEncodingJSON(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	text := func() string { return oddTexts[rng.IntN(len(oddTexts))] }
	texts := func() (all []string) {
		for range rng.IntN(3) {
			all = append(all, text())
		}
		return all
	}
	raw := func() json.RawMessage {
		all := []string{`null`, `"a"`, `{"a":[1,-2.5e+7,{"b":[]}],"c":{}}`, "{ \"spaced\" :\n[ 1 , 2 ] }", `[true,false,null,"\u00e9\n"]`}
		if i := rng.IntN(len(all) + 1); i < len(all) {
			return json.RawMessage(all[i])
		}
		return nil
	}
	reads := func() (all []state.Read) {
		for range rng.IntN(3) {
			all = append(all, state.Read{Source: text(), Part: text(), Hash: text()})
		}
		return all
	}
	count := func() int64 { return int64(rng.IntN(3)) * 1234 }
	use := func() state.Usage {
		return state.Usage{Input: count(), Output: count(), Cached: count(), Reasoning: count(), Written: count()}
	}
	for range 1500 {
		cost := count() - 7
		answered := state.CallAnswered{
			Call: text(), Try: int(count()), Role: text(), Provider: text(), Model: text(), Hash: text(), Messages: texts(), Answer: raw(),
			Finish: text(), Usage: use(), Bound: rng.IntN(2) == 0, LatencyMS: count(),
		}
		var reserved *int64
		if cost > 0 {
			answered.Cost, reserved = &cost, new(count())
		}
		for _, p := range []state.Payload{
			state.ItemStarted{}, state.StepStarted{},
			state.ItemCompleted{Result: raw(), Hash: text(), Version: text(), Reads: reads(), Warnings: texts()},
			state.StepCompleted{Result: raw(), Hash: text(), Version: text(), Reads: reads(), Base: text()},
			state.DoCompleted{Key: text(), Queue: rng.IntN(2) == 0, Result: raw()},
			state.CallSent{
				Call: text(), Try: int(count()), Role: text(), Provider: text(), Model: text(), Hash: text(), Estimate: use(), Reserved: reserved,
			},
			answered,
		} {
			got, err := state.EncodePayload(p)
			require.NoError(t, err)
			require.Equal(t, reference(t, p), got)
			prepared, err := state.PreparedRecord("id", state.New(state.Scope{Step: "s"}, p))
			require.NoError(t, err)
			record, err := state.AppendRecord([]byte("before"), "id", state.New(state.Scope{Step: "s"}, p))
			require.NoError(t, err)
			require.Equal(t, string(record), prepared)
		}
	}
}

func TestPayloadThatIsNoJSON(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{``, `{`, `{"a"}`, `[1,]`, `[,1]`, `{"a":1,}`, `01`, `-`, `1.`, `1e`, `"\x"`, `"\u12"`, "\"\n\"", `nul`, `1 2`, `"a`, `{"a":1]`, `[1}`, `}`, `[[]`, `,`} {
		_, err := state.EncodePayload(state.ItemCompleted{Result: json.RawMessage(raw)})
		require.Error(t, err, raw)
	}
}

// FuzzCompact: what is taken as it is, is what encoding/json would make of it.
func FuzzCompact(f *testing.F) {
	for _, text := range oddTexts {
		f.Add([]byte(reference(f, text)))
	}
	for _, raw := range []string{`{"a":[1,-0.5e+7,{"b":[]}],"c":{}}`, `[true,false,null,"\u00e9\n"]`, ` [1 , 2]`, `[1,]`, `0x`, strings.Repeat("[", 300) + strings.Repeat("]", 300)} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var buf bytes.Buffer
		err := json.Compact(&buf, raw)
		if state.IsCompact(raw) {
			require.NoError(t, err)
			require.Equal(t, buf.Bytes(), raw)
			return
		}
		if err == nil && bytes.Equal(buf.Bytes(), raw) {
			require.Greater(t, bytes.Count(raw, []byte("["))+bytes.Count(raw, []byte("{")), 200, "only deep nesting is left to encoding/json")
		}
	})
}
