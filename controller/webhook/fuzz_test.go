package webhook

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// FuzzBody: whatever stands in the events of a run, the bodies are JSON, bounded, printable, and Slack finds no markup of its own.
func FuzzBody(f *testing.F) {
	f.Add("monday", "prose", "stopped <!channel> & \x1b[31mred", "budget", "go on", int64(5), true)
	f.Add("", "", "", "", "", int64(-62135596801), false)
	f.Add("\xff\u202e", strings.Repeat("x", 5000), strings.Repeat("<", 5000), "auth", "\u2028", int64(1)<<40, false)
	f.Fuzz(func(t *testing.T, run, step, reason, class, hint string, seconds int64, lose bool) {
		until := time.Unix(seconds, 0)
		for _, status := range []state.Status{state.StatusCompleted, state.StatusFailed, state.StatusPartial, state.StatusPaused, state.StatusWaiting, state.Status(class)} {
			h := &history{}
			h.add(state.Scope{}, state.RunCreated{Format: 1, RunID: "r", Name: run, Pipeline: step, Steps: []state.StepDef{{Name: step, Kind: state.KindGate}, {Name: step + "2", Kind: state.KindEach}}})
			h.add(state.Scope{}, state.SessionOpened{})
			h.add(state.Scope{Step: step}, state.GateOpened{Shown: reason})
			h.add(state.Scope{Step: step + "2"}, state.StepFailed{Class: class, Provider: hint, Message: reason, Hint: hint})
			if lose {
				h.add(state.Scope{}, state.ProviderState{Provider: run, Model: reason, State: state.ProviderExcluded, Class: class})
			}
			h.add(state.Scope{}, state.RunStopped{Status: status, Reason: reason, Class: class, Hint: hint, Until: &until})
			w := &watcher{}
			for _, e := range h.events {
				n, ok := w.take(e)
				if !ok {
					continue
				}
				check(t, n)
			}
		}
	})
}

func check(t *testing.T, n Notification) {
	body, err := JSON.body(n)
	require.NoError(t, err)
	var back Notification
	require.NoError(t, json.Unmarshal(body, &back))
	require.Equal(t, n.Data.Reason, back.Data.Reason)
	require.Less(t, len(body), 20_000)
	body, err = Slack.body(n)
	require.NoError(t, err)
	var slack slackBody
	require.NoError(t, json.Unmarshal(body, &slack))
	require.True(t, utf8.ValidString(slack.Text))
	require.NotContains(t, slack.Text, "<")
	require.NotContains(t, slack.Text, ">")
	plain := strings.NewReplacer("&amp;", "", "&lt;", "", "&gt;", "").Replace(slack.Text)
	require.NotContains(t, plain, "&")
	require.False(t, strings.ContainsFunc(slack.Text, func(r rune) bool { return r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }))
}
