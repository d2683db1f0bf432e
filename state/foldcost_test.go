package state_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

// accounts are what was paid where, kept beside the fold: each event's rise of the run's totals is booked on its scope, and
// of a session's beginning, what was in flight before.
type accounts struct {
	steps map[string]state.Totals
	items map[state.Scope][2]int64 // cost and waste of the items that are there
}

func (a *accounts) book(at state.Scope, t state.Totals) {
	a.steps[at.Step] = a.steps[at.Step].Add(t)
	item := state.Scope{Step: at.Step, Item: at.Item}
	if sums, there := a.items[item]; there && item.Item != "" { // else it is the step's own
		a.items[item] = [2]int64{sums[0] + t.Cost, sums[1] + t.WasteCost}
	}
}

func (a *accounts) apply(t *testing.T, st *state.WorkflowState, e state.Event) {
	before, flying := st.Usage, st.InFlight()
	require.NoError(t, st.Apply(e))
	rise := minus(st.Usage, before)
	switch e.Data.(type) {
	case state.SessionOpened:
	case state.ItemRetired: // what becomes waste is of items that are gone now
		a.book(state.Scope{Step: e.Step}, rise)
		rise, flying = state.Totals{}, nil
	default:
		a.book(e.Scope, rise)
		rise, flying = state.Totals{}, nil
	}
	for _, c := range flying {
		doubt := state.Totals{InDoubt: 1, Cost: c.Reserved, WasteCost: c.Reserved, DoubtCost: c.Reserved}
		if c.Unpriced {
			doubt.Unpriced = 1
		}
		a.book(c.Scope, doubt)
		rise = minus(rise, doubt)
	}
	require.Zero(t, rise, "what was in flight is in doubt, and nothing else")
	if retired, ok := e.Data.(state.ItemRetired); ok && st.Step(e.Step) != nil {
		for _, key := range retired.Keys {
			delete(a.items, state.Scope{Step: e.Step, Item: key})
		}
	}
	for i := range st.Steps {
		for it := range st.Items(st.Steps[i].Name) {
			at := state.Scope{Step: st.Steps[i].Name, Item: it.Key}
			if _, known := a.items[at]; !known {
				a.items[at] = [2]int64{}
			}
		}
	}
}

// check compares with the fold, and the fold's parts with its whole.
func (a *accounts) check(t *testing.T, st *state.WorkflowState, seed uint64) {
	var providers, models, everywhere state.Totals
	perProvider := map[string]state.Totals{}
	for _, sum := range st.Providers {
		providers = providers.Add(sum)
	}
	for id, sum := range st.Models {
		models = models.Add(sum)
		perProvider[id.Provider] = perProvider[id.Provider].Add(sum)
	}
	require.Equal(t, st.Usage, providers, "seed %d, event %d", seed, st.Seq)
	require.Equal(t, st.Usage, models, "seed %d, event %d", seed, st.Seq)
	require.Equal(t, st.Providers, perProvider, "seed %d, event %d", seed, st.Seq)
	for _, sum := range a.steps {
		everywhere = everywhere.Add(sum)
	}
	require.Equal(t, st.Usage, everywhere, "seed %d, event %d", seed, st.Seq)
	other := st.Usage
	for i := range st.Steps {
		s := &st.Steps[i]
		require.Equal(t, a.steps[s.Name], s.Usage, "seed %d, event %d, step %s", seed, st.Seq, s.Name)
		other = minus(other, s.Usage)
		list, n := st.ItemList(s.Name), 0
		for it := range st.Items(s.Name) {
			sums := a.items[state.Scope{Step: s.Name, Item: it.Key}]
			require.Equal(t, sums, [2]int64{it.Cost, it.Waste}, "seed %d, event %d, item %s of %s", seed, st.Seq, it.Key, s.Name)
			cost, waste := list.At(n).Cost()
			require.Equal(t, sums, [2]int64{cost, waste})
			n++
		}
	}
	require.Equal(t, other, st.OtherUsage())
}

func minus(a, b state.Totals) state.Totals {
	use := func(u, v state.Usage) state.Usage {
		return state.Usage{Input: u.Input - v.Input, Output: u.Output - v.Output, Cached: u.Cached - v.Cached, Reasoning: u.Reasoning - v.Reasoning,
			Written: u.Written - v.Written}
	}
	return state.Totals{
		Calls: a.Calls - b.Calls, FailedCalls: a.FailedCalls - b.FailedCalls, Replayed: a.Replayed - b.Replayed, InDoubt: a.InDoubt - b.InDoubt,
		Usage: use(a.Usage, b.Usage), Waste: use(a.Waste, b.Waste), Cost: a.Cost - b.Cost, WasteCost: a.WasteCost - b.WasteCost,
		DoubtCost: a.DoubtCost - b.DoubtCost, Unpriced: a.Unpriced - b.Unpriced, Uncounted: a.Uncounted - b.Uncounted,
	}
}

// TestCostsAddUp: at every event of random runs, the run's totals are the sum of the providers', of the models', and of the
// steps'; and a step's items have what was paid in their scope. A snapshot changes nothing about it.
func TestCostsAddUp(t *testing.T) {
	t.Parallel()
	for seed := range uint64(sizes.Get().FoldRuns) {
		r := &randomEvents{Rand: rand.New(rand.NewPCG(seed, 3))}
		a := &accounts{steps: map[string]state.Totals{}, items: map[state.Scope][2]int64{}}
		st := &state.WorkflowState{}
		first := state.New(state.Scope{}, state.RunCreated{Format: 1, RunID: storyID, Name: "run", Pipeline: "p", Steps: steps})
		first.Seq = 1
		require.NoError(t, st.Apply(first))
		for i := range sizes.Get().FoldEvents {
			r.seq = i + 1
			e := r.next()
			e.Seq = st.Seq + 1
			a.apply(t, st, e)
			a.check(t, st, seed)
			if r.IntN(20) == 0 {
				data, err := state.SnapshotOf(st, "created", e)
				require.NoError(t, err)
				st, err = state.FromSnapshot(data)
				require.NoError(t, err)
				a.check(t, st, seed)
			}
		}
		require.NotZero(t, st.Usage.Cost+st.Usage.WasteCost+int64(st.Usage.Calls), "seed %d: nothing was paid", seed)
	}
}

// costs is one scenario: a run whose item "a" of prose is running, and what happens then.
type costs struct {
	what   string
	events []state.Event
	want   state.Totals // of Cost, WasteCost, DoubtCost and Unpriced
}

func TestWasteAndUnknownCosts(t *testing.T) {
	t.Parallel()
	item := state.Scope{Step: "prose", Item: "a"}
	inDo := state.Scope{Step: "prose", Item: "a", Do: "d"}
	paid := func(at state.Scope, micro int64) state.Event {
		return state.New(at, state.CallAnswered{Call: "1-1", Try: 1, Provider: "p", Model: "m", Hash: "h", Answer: json.RawMessage(`1`),
			Usage: state.Usage{Input: 1, Output: 2}, Cost: &micro})
	}
	sent := func(reserved *int64) state.Event {
		return state.New(item, state.CallSent{Call: "1-9", Try: 1, Provider: "p", Model: "m", Reserved: reserved})
	}
	opened := state.New(state.Scope{}, state.SessionOpened{})
	failed := func(keepTo uint64) state.Event {
		return state.New(item, state.AttemptFailed{Class: "unknown", KeepTo: &keepTo})
	}
	done := state.New(item, state.DoCompleted{Key: "d", Result: json.RawMessage(`1`)})
	again := func(replay bool) state.Event {
		return state.New(state.Scope{}, state.Invalidated{Scopes: []state.Scope{item}, Replay: replay})
	}
	judged := state.New(item, state.CallJudged{Of: 4, Class: "truncated"})
	for _, c := range []costs{
		{"used", []state.Event{paid(item, 7), state.New(item, state.ItemCompleted{})}, state.Totals{Cost: 7}},
		{"judged, twice", []state.Event{paid(item, 7), judged, judged}, state.Totals{Cost: 7, WasteCost: 7}},
		{"judged and then killed", []state.Event{paid(item, 7), judged, failed(3)}, state.Totals{Cost: 7, WasteCost: 7}},
		{"killed", []state.Event{paid(item, 7), paid(item, 5), failed(4)}, state.Totals{Cost: 12, WasteCost: 5}},
		{"killed in a Do that was not done", []state.Event{paid(inDo, 7), failed(3)}, state.Totals{Cost: 7, WasteCost: 7}},
		{"killed with the Do's result", []state.Event{paid(inDo, 7), done, failed(3)}, state.Totals{Cost: 7, WasteCost: 7}},
		{"kept with the Do's result", []state.Event{paid(inDo, 7), done, paid(item, 1), failed(5)}, state.Totals{Cost: 8, WasteCost: 1}},
		{"judged in a Do, then killed with it", []state.Event{paid(inDo, 7), state.New(inDo, state.CallJudged{Of: 4}), done, failed(3)}, state.Totals{Cost: 7, WasteCost: 7}},
		{"retired", []state.Event{paid(item, 7), state.New(state.Scope{Step: "prose"}, state.ItemRetired{Keys: []string{"a"}})}, state.Totals{Cost: 7, WasteCost: 7}},
		{"invalidated", []state.Event{paid(item, 7), again(false)}, state.Totals{Cost: 7, WasteCost: 7}},
		{"invalidated, may replay", []state.Event{paid(item, 7), again(true)}, state.Totals{Cost: 7}},
		{"completed and then invalidated", []state.Event{paid(item, 7), state.New(item, state.ItemCompleted{}), again(false)}, state.Totals{Cost: 7}},
		{"replayed", []state.Event{paid(item, 7), state.New(item, state.CallReplayed{Of: 4})}, state.Totals{Cost: 7}},
		{"in flight", []state.Event{sent(new(int64(9)))}, state.Totals{}},
		{"in doubt", []state.Event{sent(new(int64(9))), opened, opened}, state.Totals{Cost: 9, WasteCost: 9, DoubtCost: 9}},
		{"in doubt, for nothing", []state.Event{sent(new(int64(0))), opened}, state.Totals{}},
		{"in doubt, unknown", []state.Event{sent(nil), opened}, state.Totals{Unpriced: 1}},
		{"failed for nothing", []state.Event{state.New(item, state.CallFailed{Call: "1-1", Class: "server"})}, state.Totals{}},
		{"failed and billed", []state.Event{state.New(item, state.CallFailed{Usage: state.Usage{Input: 1}, Cost: new(int64(3))})}, state.Totals{Cost: 3, WasteCost: 3}},
		{"failed and billed, unknown", []state.Event{state.New(item, state.CallFailed{Usage: state.Usage{Input: 1}})}, state.Totals{Unpriced: 1}},
		{"failed and perhaps billed", []state.Event{state.New(item, state.CallFailed{Class: "timeout", Unpriced: true})}, state.Totals{Unpriced: 1}},
		{"failed, at most", []state.Event{state.New(item, state.CallFailed{Cost: new(int64(3)), Bound: true})}, state.Totals{Cost: 3, WasteCost: 3, DoubtCost: 3}},
		{"answered, unknown", []state.Event{state.New(item, state.CallAnswered{})}, state.Totals{Unpriced: 1}},
		{"answered, at most", []state.Event{state.New(item, state.CallAnswered{Cost: new(int64(3)), Bound: true})}, state.Totals{Cost: 3, DoubtCost: 3}},
	} {
		events := append([]state.Event{
			state.New(state.Scope{}, state.RunCreated{Format: 1, RunID: storyID, Name: "run", Steps: steps}),
			opened, state.New(item, state.ItemStarted{}),
		}, c.events...)
		for i := range events {
			events[i].Seq = uint64(i + 1)
		}
		u := fold(t, events).Usage
		require.Equal(t, c.want, state.Totals{Cost: u.Cost, WasteCost: u.WasteCost, DoubtCost: u.DoubtCost, Unpriced: u.Unpriced}, c.what)
	}
}

// TestReplayedOfAnotherModel: who gave an answer of an earlier generation stands in the event; no queue holds it.
func TestReplayedOfAnotherModel(t *testing.T) {
	t.Parallel()
	events := story()
	e := state.New(state.Scope{Step: "prose", Item: "1/1"}, state.CallReplayed{Of: 3, Provider: "q", Model: "old"})
	e.Seq = uint64(len(events) + 1)
	st := fold(t, append(events, e))
	require.Equal(t, state.Totals{Replayed: 1}, st.Models[state.ModelID{Provider: "q", Model: "old"}])
	require.Equal(t, state.Totals{Replayed: 1}, st.Providers["q"])
}

func TestInFlight(t *testing.T) {
	t.Parallel()
	st := fold(t, paidStory())
	want := []state.CallInFlight{{
		Scope: state.Scope{Step: "prose", Item: "2/1"}, Call: "1-4", Try: 2, Role: "writer", Provider: "q", Model: "m", Reserved: 500,
		Since: time.Date(2026, 3, 4, 5, 7, 13, 0, time.UTC),
	}}
	require.Equal(t, want, st.InFlight())
	require.EqualValues(t, 500, st.Reserved(""))
	require.EqualValues(t, 500, st.Reserved("prose"))
	require.Zero(t, st.Reserved("index"))
	for i := range 12 {
		e := state.New(state.Scope{Step: "index"}, state.CallSent{Call: fmt.Sprint("0-", i%4), Try: 3 - i/4})
		e.Seq = st.Seq + 1
		require.NoError(t, st.Apply(e))
	}
	calls := st.InFlight()
	require.Len(t, calls, 13)
	for i, c := range calls[:12] {
		require.Equal(t, fmt.Sprint("0-", i/3), c.Call)
		require.Equal(t, 1+i%3, c.Try)
		require.True(t, c.Unpriced)
	}
}

func TestBudgetsAreFolded(t *testing.T) {
	t.Parallel()
	st := fold(t, paidStory())
	require.Equal(t, map[string]int64{"": 5_000_000, "prose": 1_000_000}, st.Budget)
	for _, e := range []state.RunBudget{{Limit: 7}, {Step: "prose", Limit: -1}, {Step: "index"}} {
		event := state.New(state.Scope{}, e)
		event.Seq = st.Seq + 1
		require.NoError(t, st.Apply(event))
	}
	require.Equal(t, map[string]int64{"": 7}, st.Budget)
}
