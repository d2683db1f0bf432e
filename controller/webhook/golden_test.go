package webhook

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

var update = flag.Bool("update", false, "write the golden file anew")

var at = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// history makes numbered events of payloads, from run.created on.
type history struct{ events []state.Event }

func (h *history) add(scope state.Scope, data state.Payload) {
	e := state.New(scope, data)
	e.Seq, e.Time = uint64(len(h.events)+1), at.Add(time.Duration(len(h.events))*time.Second)
	h.events = append(h.events, e)
}

// begun is a run with a task, an Each of three items and a gate, two of whose items are done.
func begun() *history {
	h := &history{}
	h.add(state.Scope{}, state.RunCreated{Format: state.Format, RunID: "0123456789abcdef0123456789abcdef", Name: "monday", Pipeline: "tides",
		Steps: []state.StepDef{{Name: "outline", Kind: state.KindTask}, {Name: "prose", Kind: state.KindEach}, {Name: "review", Kind: state.KindGate}}})
	h.add(state.Scope{}, state.SessionOpened{PID: 1})
	outline, prose := state.Scope{Step: "outline"}, state.Scope{Step: "prose"}
	h.add(outline, state.StepStarted{})
	cost := int64(1_234_567)
	h.add(outline, state.CallSent{Call: "1-1", Try: 1, Provider: "groq", Model: "m"})
	h.add(outline, state.CallAnswered{Call: "1-1", Try: 1, Provider: "groq", Model: "m", Answer: []byte(`{}`), Usage: state.Usage{Input: 5, Output: 7}, Cost: &cost})
	h.add(outline, state.CallSent{Call: "1-2", Try: 1, Provider: "groq", Model: "m"})
	h.add(outline, state.CallAnswered{Call: "1-2", Try: 1, Provider: "groq", Model: "m", Answer: []byte(`{}`), Usage: state.Usage{Input: 5, Output: 7}})
	h.add(outline, state.StepCompleted{Result: []byte(`"SECRET"`), Hash: "h"})
	h.add(prose, state.StepStarted{})
	h.add(prose, state.StepItems{Total: 3, Items: []state.ItemDef{{Key: "a", Hash: "1"}, {Key: "b", Hash: "2"}, {Key: "c", Hash: "3"}}})
	for _, key := range []string{"a", "b"} {
		h.add(state.Scope{Step: "prose", Item: key}, state.ItemStarted{})
		h.add(state.Scope{Step: "prose", Item: key}, state.ItemCompleted{Result: []byte(`"SECRET"`), Hash: "h"})
	}
	return h
}

// endings are histories that end in one notification each.
func endings() map[string]*history {
	all := map[string]*history{}
	make := func(name string, fn func(h *history)) {
		h := begun()
		fn(h)
		all[name] = h
	}
	prose, until := state.Scope{Step: "prose"}, at.Add(3*time.Hour)
	make("1 completed", func(h *history) { h.add(state.Scope{}, state.RunStopped{Status: state.StatusCompleted}) })
	make("2 failed", func(h *history) {
		h.add(prose, state.StepFailed{Class: "auth", Provider: "groq", Message: "SECRET", Hint: "check the provider's API key"})
		h.add(state.Scope{}, state.RunStopped{Status: state.StatusFailed, Reason: "step prose: SECRET", Class: "auth", Hint: "check the provider's API key"})
	})
	make("3 partial", func(h *history) {
		h.add(state.Scope{Step: "prose", Item: "c"}, state.ItemFailed{Class: "content_policy", Message: "SECRET"})
		h.add(prose, state.StepPartial{Done: 2, Failed: 1})
		h.add(state.Scope{}, state.RunStopped{Status: state.StatusPartial, Reason: "SECRET"})
	})
	make("4 paused", func(h *history) {
		h.add(state.Scope{}, state.RunStopped{Status: state.StatusPaused, Reason: "back on <monday> & not before\x1b[31m (Ann)"})
	})
	make("5 paused until", func(h *history) {
		h.add(prose, state.ProviderState{Provider: "groq", Model: "m", State: state.ProviderCooling, Class: "rate_limit", Until: until, ForMS: 10800000})
		h.add(state.Scope{}, state.RunStopped{Status: state.StatusPaused, Reason: "SECRET", Until: &until})
	})
	make("6 budget", func(h *history) {
		h.add(state.Scope{}, state.RunStopped{Status: state.StatusPaused, Class: "budget", Reason: "the next call may cost $0.5000 and $0.1000 is left of $5.0000",
			Hint: "go on with a larger budget"})
	})
	make("7 waiting", func(h *history) {
		h.add(state.Scope{Step: "review"}, state.GateOpened{Shown: "SECRET", Hash: "h"})
		h.add(state.Scope{}, state.RunStopped{Status: state.StatusWaiting, Reason: "SECRET", Hint: "decide with: novel approve --step review"})
	})
	make("8 provider lost", func(h *history) {
		h.add(prose, state.ProviderState{Provider: "groq", Model: "m", State: state.ProviderExcluded, Class: "auth"})
	})
	make("9 a gate beside other work", func(h *history) {
		created := h.events[0].Data.(state.RunCreated)
		created.Steps = append(created.Steps, state.StepDef{Name: "last", Kind: state.KindParallel}, state.StepDef{Name: "index", Kind: state.KindTask, Parent: "last"},
			state.StepDef{Name: "cover", Kind: state.KindGate, Parent: "last"})
		h.events[0].Data = created
		h.add(state.Scope{Step: "index"}, state.StepStarted{})
		h.add(state.Scope{Step: "cover"}, state.GateOpened{Shown: "SECRET", Hash: "h"})
	})
	return all
}

func TestGoldenBodies(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	all := endings()
	for i := range len(all) {
		for name, h := range all {
			if name[0] != byte('1'+i) {
				continue
			}
			n := last(t, h)
			fmt.Fprintf(&b, "# %s\nwebhook-id: %s\n", name[2:], n.ID)
			for _, f := range []Format{JSON, Slack} {
				body, err := f.body(n)
				require.NoError(t, err)
				require.NotContains(t, string(body), "SECRET", "%s: a text from outside", name)
				fmt.Fprintf(&b, "%s\n", body)
			}
		}
	}
	const file = "testdata/bodies.txt"
	if *update {
		require.NoError(t, os.WriteFile(file, b.Bytes(), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))), b.String())
}

// last feeds a history and returns its one notification.
func last(t *testing.T, h *history) Notification {
	t.Helper()
	var found []Notification
	w := &watcher{}
	for _, e := range h.events {
		if n, ok := w.take(e); ok {
			found = append(found, n)
		}
	}
	require.Len(t, found, 1)
	return found[0]
}

func TestPastIsNotToldAgain(t *testing.T) {
	t.Parallel()
	for name, h := range endings() {
		w := &watcher{}
		for _, e := range h.events {
			e.History = true
			_, ok := w.take(e)
			require.False(t, ok, name)
		}
	}
}

func TestSameRunTwiceInOneProcess(t *testing.T) {
	t.Parallel()
	h := endings()["1 completed"]
	w := &watcher{}
	var ids []string
	for range 2 { // another session begins with the past, from the first event on
		for _, e := range h.events {
			if n, ok := w.take(e); ok {
				ids = append(ids, n.ID)
				require.EqualValues(t, Cost{MicroUSD: 1_234_567, Unpriced: 1}, n.Data.Cost, "nothing is counted twice")
			}
		}
	}
	require.Equal(t, []string{"0123456789abcdef0123456789abcdef_15", "0123456789abcdef0123456789abcdef_15"}, ids)
}

func TestProviderIsLostOnceASession(t *testing.T) {
	t.Parallel()
	h := begun()
	out := state.ProviderState{Provider: "groq", Model: "m", State: state.ProviderExcluded, Class: "auth"}
	other := out
	other.Model = "n"
	back := state.ProviderState{Provider: "groq", Model: "m", State: state.ProviderHealthy}
	cooling := state.ProviderState{Provider: "groq", Model: "m", State: state.ProviderCooling, Class: "rate_limit"}
	for _, d := range []state.Payload{out, out, other, cooling, back, out, state.SessionOpened{PID: 2}, out, out} {
		h.add(state.Scope{}, d)
	}
	w := &watcher{}
	var seqs []uint64
	for _, e := range h.events {
		if n, ok := w.take(e); ok {
			require.Equal(t, ProviderLost, n.Type)
			require.Equal(t, state.StatusRunning, n.Data.Status)
			seqs = append(seqs, e.Seq)
		}
	}
	first := uint64(len(begun().events)) + 1
	require.Equal(t, []uint64{first, first + 2, first + 5, first + 7}, seqs)
}
