package state_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// stoppedRun makes a run that stopped with the status, so many hours before noon.
func stoppedRun(t *testing.T, store state.Store, name string, status state.Status, hours int) {
	t.Helper()
	now := func() time.Time { return noon.Add(-time.Duration(hours) * time.Hour) }
	rec, err := state.OpenRecorder(t.Context(), store, name, state.RecorderOptions{Now: now})
	require.NoError(t, err)
	for _, p := range []state.Payload{
		state.RunCreated{Format: 1, RunID: "id-" + name, Name: name, Pipeline: "p"}, state.SessionOpened{}, state.RunStopped{Status: status},
	} {
		if _, stopped := p.(state.RunStopped); stopped && status == state.StatusOpen {
			continue
		}
		_, err = rec.Commit(state.New(state.Scope{}, p))
		require.NoError(t, err)
	}
	require.NoError(t, rec.Close(t.Context()))
}

// library has seven runs of every kind: c1 to c4 are completed, 1, 10, 100 and 1000 hours ago.
func library(t *testing.T) *memstore.Store {
	t.Helper()
	store := memstore.New()
	for i, hours := range []int{1, 10, 100, 1000} {
		stoppedRun(t, store, fmt.Sprint("c", i+1), state.StatusCompleted, hours)
	}
	stoppedRun(t, store, "failed", state.StatusFailed, 500)
	stoppedRun(t, store, "half", state.StatusPartial, 5)
	stoppedRun(t, store, "interrupted", state.StatusOpen, 2000)
	return store
}

func names(heads []state.Head) (list []string) {
	for _, h := range heads {
		list = append(list, h.Run)
	}
	return list
}

func reasons(left []state.Spared) map[string]state.SpareReason {
	why := map[string]state.SpareReason{}
	for _, s := range left {
		why[s.Run] = s.Why
	}
	return why
}

func TestPrune(t *testing.T) {
	t.Parallel()
	const young, kept, unfinished = state.SpareYoung, state.SpareKept, state.SpareUnfinished
	for name, c := range map[string]struct {
		o       state.PruneOptions
		removed []string
		left    map[string]state.SpareReason
	}{
		"older": {state.PruneOptions{OlderThan: 50 * time.Hour}, []string{"c3", "c4"},
			map[string]state.SpareReason{"c1": young, "c2": young, "failed": unfinished, "half": unfinished, "interrupted": unfinished}},
		"exactly as old is not older": {state.PruneOptions{OlderThan: 100 * time.Hour}, []string{"c4"},
			map[string]state.SpareReason{"c1": young, "c2": young, "c3": young, "failed": unfinished, "half": unfinished, "interrupted": unfinished}},
		"keep": {state.PruneOptions{Keep: 1}, []string{"c2", "c3", "c4"},
			map[string]state.SpareReason{"c1": kept, "failed": unfinished, "half": unfinished, "interrupted": unfinished}},
		"keep all": {state.PruneOptions{Keep: 4}, nil,
			map[string]state.SpareReason{"c1": kept, "c2": kept, "c3": kept, "c4": kept, "failed": unfinished, "half": unfinished, "interrupted": unfinished}},
		"both must agree": {state.PruneOptions{OlderThan: 50 * time.Hour, Keep: 3}, []string{"c4"},
			map[string]state.SpareReason{"c1": young, "c2": young, "c3": kept, "failed": unfinished, "half": unfinished, "interrupted": unfinished}},
		"force": {state.PruneOptions{OlderThan: 3 * time.Hour, Keep: 2, Force: true}, []string{"c2", "c3", "c4", "failed", "interrupted"},
			map[string]state.SpareReason{"c1": young, "half": kept}},
		"archive": {state.PruneOptions{Keep: 3, Archive: true}, []string{"c4"},
			map[string]state.SpareReason{"c1": kept, "c2": kept, "c3": kept, "failed": unfinished, "half": unfinished, "interrupted": unfinished}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := library(t)
			c.o.Now = func() time.Time { return noon }
			dry := c.o
			dry.DryRun = true
			done, err := state.Prune(t.Context(), store, dry)
			require.NoError(t, err)
			require.Equal(t, c.removed, names(done.Removed))
			for h, err := range store.List(t.Context(), state.ListQuery{}) {
				require.NoError(t, err)
				require.NotEmpty(t, h.Run)
			}
			again, err := state.Prune(t.Context(), store, c.o)
			require.NoError(t, err)
			require.Equal(t, done, again, "a dry run tells what a run does")
			require.Equal(t, c.removed, names(again.Removed))
			require.Equal(t, c.left, reasons(again.Left))
			var there []string
			for h, err := range store.List(t.Context(), state.ListQuery{}) {
				require.NoError(t, err)
				there = append(there, h.Run)
			}
			require.Len(t, there, 7-len(c.removed))
			for _, run := range c.removed {
				require.NotContains(t, there, run)
			}
		})
	}
}

func TestPruneRefuses(t *testing.T) {
	t.Parallel()
	store := library(t)
	for _, o := range []state.PruneOptions{{}, {Force: true}, {OlderThan: -1}, {Keep: -1, OlderThan: 1}} {
		done, err := state.Prune(t.Context(), store, o)
		require.Error(t, err)
		require.Empty(t, done.Removed)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	done, err := state.Prune(gone, store, state.PruneOptions{Keep: 1})
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, done.Removed)
}

func TestPruneLeavesWhatIsHeld(t *testing.T) {
	t.Parallel()
	store := library(t)
	j, err := store.Open(t.Context(), "c4", state.OpenOptions{})
	require.NoError(t, err)
	defer func() { _ = j.Close() }()
	k, err := store.Open(t.Context(), "half", state.OpenOptions{})
	require.NoError(t, err)
	done, err := state.Prune(t.Context(), store, state.PruneOptions{OlderThan: 5000 * time.Hour, Keep: 1, Now: func() time.Time { return noon }})
	require.NoError(t, err)
	require.Equal(t, state.SpareHeld, reasons(done.Left)["half"], "rather than not completed")
	require.NoError(t, k.Close())
	done, err = state.Prune(t.Context(), store, state.PruneOptions{OlderThan: time.Hour, Force: true})
	require.NoError(t, err)
	require.Equal(t, map[string]state.SpareReason{"c4": state.SpareHeld}, reasons(done.Left))
	require.Len(t, done.Removed, 6)
}

// lying is a store whose list says that every run is completed, and in which some runs fail.
type lying struct {
	*memstore.Store
	unreadable, stuck, gone, opened string

	before func(run string) // called when a run is about to be removed
}

var errStuck = errors.New("the disk is gone")

func (l lying) List(ctx context.Context, q state.ListQuery) iter.Seq2[state.Head, error] {
	return func(yield func(state.Head, error) bool) {
		for h, err := range l.Store.List(ctx, q) {
			if h.Status = state.StatusCompleted; h.Run == l.unreadable {
				h, err = state.Head{Run: h.Run}, errStuck
			}
			if !yield(h, err) {
				return
			}
		}
	}
}

func (l lying) Remove(ctx context.Context, run string, o state.RemoveOptions) error {
	if l.before != nil {
		l.before(run)
	}
	switch run {
	case l.stuck:
		return errStuck
	case l.gone:
		return fmt.Errorf("run %q: %w", run, state.ErrNotFound)
	case l.opened:
		return &state.HeldError{Run: run}
	}
	return l.Store.Remove(ctx, run, o)
}

func TestPruneLooksAtTheRunItself(t *testing.T) {
	t.Parallel()
	store := lying{Store: library(t), unreadable: "c1", stuck: "c2", gone: "c3", opened: "c4"}
	stoppedRun(t, store.Store, "c5", state.StatusCompleted, 3000)
	done, err := state.Prune(t.Context(), store, state.PruneOptions{OlderThan: time.Minute})
	require.ErrorIs(t, err, errStuck)
	require.ErrorContains(t, err, `run "c1": the disk is gone`)
	require.ErrorContains(t, err, `run "c2": the disk is gone`)
	require.Equal(t, []string{"c5"}, names(done.Removed), "what fails does not stop the rest")
	require.Equal(t, map[string]state.SpareReason{"c1": state.SpareError, "c2": state.SpareError, "c4": state.SpareHeld,
		"failed": state.SpareUnfinished, "half": state.SpareUnfinished, "interrupted": state.SpareUnfinished}, reasons(done.Left))
}

// TestPruneSparesWhatChangesMeanwhile: between the look at a run and its removal another process goes on with it, or begins anew
// under its name, or removes it.
func TestPruneSparesWhatChangesMeanwhile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meanwhile func(store *memstore.Store)
		left      map[string]state.SpareReason
	}{
		"somebody goes on": {func(store *memstore.Store) {
			rec, err := state.OpenRecorder(t.Context(), store, "c4", state.RecorderOptions{Now: func() time.Time { return noon }})
			require.NoError(t, err)
			for _, p := range []state.Payload{state.SessionOpened{}, state.RunStopped{Status: state.StatusCompleted}} {
				_, err = rec.Commit(state.New(state.Scope{}, p))
				require.NoError(t, err)
			}
			require.NoError(t, rec.Close(t.Context()))
		}, map[string]state.SpareReason{"c4": state.SpareYoung}},
		"somebody begins anew": {func(store *memstore.Store) {
			require.NoError(t, store.Remove(t.Context(), "c4", state.RemoveOptions{Archive: true}))
			stoppedRun(t, store, "c4", state.StatusOpen, 2000)
		}, map[string]state.SpareReason{"c4": state.SpareUnfinished}},
		"somebody removes it": {func(store *memstore.Store) {
			require.NoError(t, store.Remove(t.Context(), "c4", state.RemoveOptions{}))
		}, map[string]state.SpareReason{}},
	} {
		t.Run(name, func(t *testing.T) {
			store := memstore.New()
			stoppedRun(t, store, "c4", state.StatusCompleted, 1000)
			meddled := false
			done, err := state.Prune(t.Context(), lying{Store: store, before: func(string) {
				if !meddled {
					meddled = true
					c.meanwhile(store)
				}
			}}, state.PruneOptions{OlderThan: 100 * time.Hour, Now: func() time.Time { return noon.Add(time.Hour) }})
			require.NoError(t, err)
			require.Empty(t, done.Removed)
			require.Equal(t, c.left, reasons(done.Left))
		})
	}
}
