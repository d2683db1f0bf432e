package progress

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

func TestProgressLines(t *testing.T) {
	t.Parallel()
	item := state.Scope{Step: "prose", Item: "3/2"}
	for _, c := range []struct {
		at   state.Scope
		data state.Payload
		want string
	}{
		{state.Scope{Step: "prose"}, state.StepStarted{}, "prose: started"},
		{state.Scope{Step: "index"}, state.StepFailed{Class: "network", Message: "down", Tolerated: true}, "index: failed (optional, tolerated): network: down"},
		{item, state.ItemFailed{Class: "network", Message: "reset\nby \x1b[31mpeer"}, `prose "3/2": failed: network: reset by \x1b[31mpeer`},
		{item, state.AttemptFailed{Class: "unknown", Message: "boom", Next: state.NextRetry, WaitMS: 1500}, `prose "3/2": attempt 1 failed: unknown: boom; then retry in 1.5s`},
		{item, state.CallFailed{Provider: "groq", Class: "server", Message: "down", Next: state.NextSwitch}, `prose "3/2": call failed (groq): server: down; then switch`},
		{item, state.CallFailed{Class: "server", Message: "down"}, `prose "3/2": call failed: server: down`},
		{item, state.CallJudged{Class: "truncated"}, `prose "3/2": answer not used: truncated`},
		{item, state.Waiting{Why: "rate limit", Provider: "groq", ForMS: 2000}, `prose "3/2": waiting 2s (groq): rate limit`},
		{state.Scope{}, state.ProviderState{Provider: "groq", State: state.ProviderExcluded, Class: "auth"}, "provider groq is out for this session: auth"},
		{state.Scope{}, state.ProviderState{Provider: "groq", State: state.ProviderCooling, Class: "rate_limit"}, ""},
		{state.Scope{}, state.RunWarning{Code: "short", Message: strings.Repeat("x", 500)}, "warning: short: " + strings.Repeat("x", 200) + "..."},
		{state.Scope{}, state.PauseRequested{By: "file"}, ""},
		{state.Scope{}, state.JournalMark{Kind: state.MarkRecovered, BytesLost: 9}, "warning: an unacknowledged end of the journal was dropped (9 bytes)"},
		{state.Scope{}, state.JournalMark{Kind: state.MarkClosed}, ""},
		{item, state.CallReplayed{Of: 3}, ""},
		{state.Scope{Step: "gate"}, state.GateOpened{}, "gate: waiting for a person"},
	} {
		b := newBoard()
		e := state.New(c.at, c.data)
		e.Attempt, e.Time = 1, time.Unix(0, 0)
		b.apply(e)
		require.Equal(t, c.want, oneLine(describe(&b.st, e)))
	}
}
