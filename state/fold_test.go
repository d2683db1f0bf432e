package state_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

var steps = []state.StepDef{
	{Name: "plan", Kind: state.KindTask}, {Name: "both", Kind: state.KindParallel},
	{Name: "left", Kind: state.KindTask, Parent: "both"}, {Name: "right", Kind: state.KindEach, Parent: "both"},
	{Name: "prose", Kind: state.KindEach}, {Name: "index", Kind: state.KindEach, Optional: true},
}

// randomEvents makes events of every type in any order: the fold must take what a damaged and repaired journal may hold.
type randomEvents struct {
	*rand.Rand
	call, seq int
}

func (r *randomEvents) scope() state.Scope {
	at := state.Scope{Step: []string{"plan", "left", "right", "prose", "index", "unknown"}[r.IntN(6)]}
	if r.IntN(3) > 0 {
		at.Item = fmt.Sprintf("k/%d", r.IntN(6))
	}
	if r.IntN(5) == 0 {
		at.Do = "do"
	}
	return at
}

func (r *randomEvents) hash() string { return fmt.Sprintf("%032x", r.IntN(4)) }

func (r *randomEvents) usage() state.Usage {
	return state.Usage{Input: int64(r.IntN(100)), Output: int64(r.IntN(100)), Cached: int64(r.IntN(2))}
}

func (r *randomEvents) cost() *int64 {
	if r.IntN(3) == 0 {
		return nil
	}
	c := int64(r.IntN(1000))
	return &c
}

func (r *randomEvents) next() state.Event {
	at, raw := r.scope(), json.RawMessage(`{"text":"<é> "}`)
	until := time.Date(2030, 1, 2, 3, 4, 5, 6000, time.UTC)
	some := []string{"k/1", "k/2"}
	keep := uint64(r.IntN(r.seq + 1))
	try := r.IntN(r.call + 1)
	provider, model := []string{"p", "q"}[r.IntN(2)], []string{"", "m", "n"}[r.IntN(3)]
	limit := int64(r.IntN(9) - 3)
	payloads := []state.Payload{
		state.SessionOpened{PID: 7, Host: "h", Settings: map[string]string{"provider": "offline"}},
		state.RunStopped{Status: []state.Status{state.StatusPaused, state.StatusFailed, state.StatusPartial, state.StatusCompleted}[r.IntN(4)], Reason: "why", Until: &until,
			Short: []*state.Short{nil, {Enough: 70_000}, {Step: "left", Enough: 1}}[r.IntN(3)]},
		state.RunParams{Old: raw, New: raw}, state.RunBudget{Limit: limit}, state.RunBudget{Step: at.Step, Limit: limit}, state.PipelineChanged{Steps: steps, Renamed: map[string]string{"plan": "plan"}},
		state.PipelineChanged{Steps: steps[r.IntN(len(steps)):]},
		state.RunWarning{Code: []string{"a", "b"}[r.IntN(2)], Message: "m"}, state.PauseRequested{By: "x"},
		state.StepStarted{}, state.ItemStarted{}, state.ItemStarted{}, r.items(), r.items(),
		state.StepCompleted{Result: raw, Hash: r.hash(), Reads: []state.Read{{Source: "plan", Hash: r.hash()}}},
		state.StepPartial{Done: 1, Failed: 1}, state.StepFailed{Class: "auth", Message: "m", Tolerated: r.IntN(2) == 0, Pending: some},
		state.ItemCompleted{Result: raw, Hash: r.hash()}, state.ItemCompleted{Result: raw, Hash: r.hash()},
		state.ItemFailed{Class: "server", Message: "m", Attempts: 2}, state.ItemRetired{Keys: some},
		state.AttemptFailed{Class: "unknown", Message: "m", KeepTo: &keep, Next: state.NextRetry},
		state.AttemptFailed{Class: "unknown", Message: "m", Next: state.NextGiveUp},
		state.CallSent{Call: "c", Try: r.call + 1, Role: "r", Provider: provider, Model: model, Reserved: r.cost()},
		state.CallSent{Call: "c", Try: r.call + 1, Provider: "p", Reserved: r.cost()},
		state.CallFailed{Call: "c", Try: try, Provider: "p", Model: model, Class: "server", Usage: r.usage(), Cost: r.cost(), Bound: r.IntN(3) == 0},
		state.CallFailed{Call: "c", Try: try, Provider: provider, Class: "timeout", Unpriced: true},
		state.CallAnswered{Call: "c", Try: try, Hash: r.hash(), Provider: provider, Model: model, Answer: raw, Usage: r.usage(), Cost: r.cost()},
		state.CallAnswered{Call: "c", Try: try, Hash: r.hash(), Provider: "p", Answer: raw, Usage: r.usage(), Cost: r.cost(), Bound: true},
		state.CallJudged{Of: keep, Class: "truncated"}, state.CallReplayed{Of: keep, Provider: provider, Model: model},
		state.DoCompleted{Key: "do", Result: raw}, state.DoCompleted{Key: "now", Queue: true, Result: raw},
		state.Waiting{Why: "rate limit", Until: until, ForMS: 5}, state.ProviderState{Provider: "p", State: state.ProviderCooling, Until: until, ForMS: 9},
		state.ProviderState{Provider: "q", State: state.ProviderExcluded}, state.ProviderState{Provider: "p", State: state.ProviderHealthy},
		state.GateOpened{Shown: "s", Hash: r.hash()}, state.GateDecided{Decision: state.GateApproved}, state.ResultEdited{Result: raw, Hash: r.hash()},
		state.Invalidated{Scopes: []state.Scope{{Step: at.Step, Item: at.Item}}, Reason: "r", Replay: r.IntN(2) == 0}, state.JournalMark{Kind: state.MarkClosed},
		state.Ignored{Name: "future.type", Raw: raw},
	}
	p := payloads[r.IntN(len(payloads))]
	if _, sent := p.(state.CallSent); sent {
		r.call++
	}
	e := state.New(at, p)
	e.Gen, e.Attempt = r.IntN(2), r.IntN(3)
	return e
}

func (r *randomEvents) items() state.StepItems {
	list := state.StepItems{Total: 4, Reads: []state.Read{{Source: "plan", Hash: r.hash()}}}
	if r.IntN(2) == 0 {
		list.First, list.Reads = 2, nil
	}
	for i := range 2 {
		list.Items = append(list.Items, state.ItemDef{Key: fmt.Sprintf("k/%d", list.First+i), Hash: r.hash()})
	}
	if r.IntN(3) == 0 {
		list.First, list.Total = 0, 2
	}
	return list
}

// TestFoldProperty: after random event sequences, at every event, the replayed state equals the live state, and a state
// restored from a snapshot equals both and goes on equally.
func TestFoldProperty(t *testing.T) {
	t.Parallel()
	for seed := range uint64(sizes.Get().FoldRuns) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			ctx, store := context.Background(), memstore.New()
			r := &randomEvents{Rand: rand.New(rand.NewPCG(seed, 1))}
			rec, err := state.OpenRecorder(ctx, store, "run", state.RecorderOptions{})
			require.NoError(t, err)
			_, err = rec.Commit(state.New(state.Scope{}, state.RunCreated{Format: 1, RunID: "id", Name: "run", Pipeline: "p", Steps: steps}))
			require.NoError(t, err)
			restored := &state.WorkflowState{}
			for i := range sizes.Get().FoldEvents {
				r.seq = i + 1
				if r.IntN(2) == 0 {
					_, err = rec.Emit(r.next())
				} else {
					_, err = rec.Commit(r.next())
				}
				require.NoError(t, err)
				if i%10 != 0 && i < sizes.Get().FoldEvents-3 {
					continue
				}
				var live string
				rec.View(func(st *state.WorkflowState) { live = state.Dump(st) })
				replayed, err := state.Load(ctx, store, "run")
				require.NoError(t, err)
				require.Equal(t, live, state.Dump(replayed), "seed %d, after event %d", seed, i)
				for e, err := range store.Events(ctx, "run", state.Query{From: restored.Seq + 1}) {
					require.NoError(t, err)
					require.NoError(t, restored.Apply(e))
					if e.Seq == replayed.Seq {
						data, err := state.SnapshotOf(restored, "created", e)
						require.NoError(t, err)
						restored, err = state.FromSnapshot(data)
						require.NoError(t, err)
					}
				}
				require.Equal(t, live, state.Dump(restored), "snapshot, seed %d, after event %d", seed, i)
			}
			require.NoError(t, rec.Close(ctx))
		})
	}
}

// A journal may name steps that stand in themselves; such a declaration must not be followed in circles.
func TestStepsInCirclesAreFlat(t *testing.T) {
	t.Parallel()
	parallel := func(name, parent string) state.StepDef {
		return state.StepDef{Name: name, Kind: state.KindParallel, Parent: parent}
	}
	for name, defs := range map[string][]state.StepDef{
		"itself":       {parallel("a", "a")},
		"each other":   {parallel("a", "b"), parallel("b", "a")},
		"twice":        {parallel("a", ""), parallel("a", "a")},
		"grandparent":  {parallel("a", ""), parallel("b", "a"), parallel("a", "b")},
		"without name": {parallel("", ""), parallel("a", "")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var st state.WorkflowState
			for i, data := range []state.Payload{
				state.RunCreated{Format: 1, RunID: "r", Name: "run", Steps: defs},
				state.PipelineChanged{Steps: defs},
				state.RunStopped{Status: state.StatusFailed},
			} {
				e := state.New(state.Scope{}, data)
				e.Seq = uint64(i + 1)
				require.NoError(t, st.Apply(e))
				require.Zero(t, st.Progress())
			}
		})
	}
}
