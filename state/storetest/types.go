package storetest

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// everyType is an event of each type, the fields filled in, as a run might have them.
func everyType() []state.Event {
	keep, reserved, when := uint64(3), int64(7), noon.Add(123456789*time.Nanosecond)
	result := json.RawMessage(`{"text":"é\n<&>\u2028","n":[1,2.5,null]}`)
	usage := state.Usage{Input: 1, Output: math.MaxInt64, Cached: 3, Reasoning: 4}
	reads := []state.Read{{Source: "plan", Hash: "00112233445566778899aabbccddeeff"}, {Source: state.ReadParams, Part: "x", Hash: "h"}}
	prose := state.Scope{Step: "prose", Item: "1"}
	in := func(s state.Scope, p state.Payload) state.Event { return state.New(s, p) }
	list := []state.Event{
		in(state.Scope{}, state.SessionOpened{Concurrency: 4, Settings: map[string]string{"b": "2", "a": "1"}}),
		in(state.Scope{}, state.RunParams{Old: result, New: json.RawMessage("null")}),
		in(state.Scope{}, state.RunBudget{Limit: 9}),
		in(state.Scope{}, state.PipelineChanged{}),
		in(state.Scope{}, state.RunWarning{Code: "c", Message: "m"}),
		in(state.Scope{}, state.PauseRequested{By: "her", Reason: "lunch"}),
		in(state.Scope{Step: "prose"}, state.StepStarted{}),
		in(state.Scope{Step: "prose"}, state.StepItems{Total: 2, Items: []state.ItemDef{{Key: "1", Hash: "h1"}, {Key: "a/b", Hash: "h2"}}, Reads: reads}),
		in(prose, state.ItemStarted{}),
		in(prose, state.CallSent{Call: "1", Try: 1, Provider: "p", Reserved: &reserved}),
		in(prose, state.CallFailed{Call: "1", Try: 1, Provider: "p", Class: "server", Message: "m", Usage: usage, Next: state.NextRetry, WaitMS: 5}),
		in(prose, state.CallSent{Call: "1", Try: 2, Provider: "p"}),
		in(prose, state.CallAnswered{Call: "1", Try: 2, Hash: "h", Provider: "p", Model: "m", Answer: result, Usage: usage}),
		in(prose, state.CallJudged{Of: keep, Class: "truncated"}),
		in(prose, state.CallReplayed{Of: keep}),
		in(state.Scope{Step: "prose", Item: "1", Do: "fetch"}, state.DoCompleted{Key: "fetch", Result: result}),
		in(prose, state.AttemptFailed{Class: "unknown", Message: "m", KeepTo: &keep, Next: state.NextRetry}),
		in(prose, state.Waiting{Why: "rate limit", Until: when, ForMS: 5}),
		in(state.Scope{}, state.ProviderState{Provider: "p", State: state.ProviderCooling, Until: when, ForMS: 9}),
		in(prose, state.ItemCompleted{Result: result, Hash: "h", Reads: reads}),
		in(state.Scope{Step: "prose", Item: "a/b"}, state.ItemFailed{Class: "server", Message: "m", Attempts: 2}),
		in(state.Scope{Step: "prose"}, state.ItemRetired{Keys: []string{"a/b"}}),
		in(state.Scope{Step: "prose"}, state.StepPartial{Done: 1, Failed: 1}),
		in(state.Scope{Step: "prose"}, state.StepFailed{Class: "auth", Message: "m", Tolerated: true}),
		in(state.Scope{Step: "prose"}, state.GateOpened{Shown: "s", Hash: "h"}),
		in(state.Scope{Step: "prose"}, state.GateDecided{Decision: state.GateApproved, Note: "fine"}),
		in(prose, state.ResultEdited{Result: result, Hash: "h"}),
		in(state.Scope{Step: "prose"}, state.Invalidated{Scopes: []state.Scope{prose}, Reason: "r"}),
		in(state.Scope{Step: "prose"}, state.StepCompleted{Result: result, Hash: "h", Reads: reads}),
		{Type: "future.type", Scope: prose, Data: state.Ignored{Name: "future.type", Raw: json.RawMessage(`{"any": [1, "é"]}`)}},
		in(state.Scope{}, state.RunStopped{Status: state.StatusPaused, Reason: "r", Short: &state.Short{Step: "prose", Enough: 5}}),
		in(state.Scope{}, state.JournalMark{Kind: state.MarkClosed}),
	}
	for i := range list {
		list[i].Time = when.Add(time.Duration(i) * time.Millisecond)
		if list[i].Item != "" {
			list[i].Gen, list[i].Attempt = i%3, i%4
		}
	}
	return list
}

func checkTypes(t testing.TB, s state.Store) {
	w := start(t, s, run)
	for i, e := range everyType() {
		w.append(i%3 == 0, e)
	}
	w.commit()
	got := read(t, s, run, state.Query{})
	same(t, w.sent, got)
	for _, e := range got { // what was read is written again as it was
		line, err := state.AppendRecord(nil, idOf(run), e)
		require.NoError(t, err)
		again, err := state.DecodeRecord(line, idOf(run))
		require.NoError(t, err)
		require.Equal(t, e.Checksum(), again.Checksum(), "%s", e.Type)
	}
}
