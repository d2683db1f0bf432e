package state

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWriteEventIsOneLineWithoutTexts(t *testing.T) {
	long := json.RawMessage(`"` + strings.Repeat("once upon a time ", 2000) + `"`)
	keep := uint64(3)
	payloads := []Payload{
		RunCreated{Format: 1, Pipeline: "novel", Params: json.RawMessage(`{"genre":"noir"}`)},
		SessionOpened{PID: 7, Host: "box", Concurrency: 4, Settings: map[string]string{"provider": "offline"}},
		RunStopped{Status: StatusPaused, Reason: "interrupt"},
		RunParams{Old: json.RawMessage(`{}`), New: json.RawMessage(`{"a":1}`)},
		RunBudget{Limit: 2_500_000}, PipelineChanged{Added: []string{"x"}},
		RunWarning{Code: "short", Message: "line\none\x1b[2J"}, PauseRequested{By: "file", Reason: "please"},
		StepStarted{}, ItemStarted{}, StepItems{Total: 2, Items: []ItemDef{{Key: "a"}, {Key: "b"}}},
		StepCompleted{Result: long}, StepPartial{Done: 1, Failed: 2}, StepFailed{Class: "auth", Message: "no key", Tolerated: true},
		ItemCompleted{Result: long, Warnings: []string{"short"}}, ItemFailed{Class: "network", Provider: "groq", Message: "reset"},
		ItemRetired{Keys: []string{"a", "b"}}, AttemptFailed{Class: "unknown", Message: "boom", KeepTo: &keep, Next: NextRetry, WaitMS: 1500},
		CallSent{Call: "c", Try: 1, Role: "writer", Provider: "groq", Model: "m"},
		CallFailed{Call: "c", Try: 1, Class: "server", Status: 503, Message: "down", Next: NextSwitch},
		CallAnswered{Call: "c", Try: 2, Answer: long, Usage: Usage{Input: 5, Output: 6}, LatencyMS: 250},
		CallJudged{Of: 9, Class: "truncated"}, CallReplayed{Of: 9}, DoCompleted{Key: "mail", Result: long},
		Waiting{Why: "rate limit", Provider: "groq", ForMS: 5000}, ProviderState{Provider: "groq", State: ProviderCooling, Class: "rate_limit"},
		GateOpened{Shown: string(long)}, GateDecided{Decision: GateApproved, Who: "ann"}, ResultEdited{Result: long, Who: "ann"},
		Invalidated{Scopes: []Scope{{Step: "x"}}, Reason: "version"}, JournalMark{Kind: MarkRecovered, From: 4, BytesLost: 99},
		Ignored{Name: "from.tomorrow", Raw: json.RawMessage(`{}`)},
	}
	var b bytes.Buffer
	for i, p := range payloads {
		e := New(Scope{Step: "prose\x07", Item: "3/2\n"}, p)
		e.Seq, e.Time, e.Attempt = uint64(i+1), time.Date(2026, 3, 1, 12, 0, i, 0, time.Local), i%3
		require.NoError(t, WriteEvent(&b, e))
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	require.Len(t, lines, len(payloads))
	for _, line := range lines {
		require.Less(t, len(line), 600)
		require.Equal(t, Printable(line), line)
		require.NotContains(t, line, "once upon a time")
	}
	golden(t, "history.txt", b.String())
}
