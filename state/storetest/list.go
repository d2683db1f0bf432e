package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// at gives an event its time.
func at(when time.Time, p state.Payload) state.Event {
	e := state.New(state.Scope{}, p)
	e.Time = when
	return e
}

// shelf makes runs of every status, each an hour younger than the one before, and returns their statuses by name. The
// journals that stay open are closed with the test.
func shelf(t testing.TB, s state.Store) map[string]state.Status {
	t.Helper()
	stopped := func(status state.Status) []state.Payload {
		return []state.Payload{state.SessionOpened{}, state.RunStopped{Status: status}, state.JournalMark{Kind: state.MarkClosed}}
	}
	aside := []state.Payload{state.RunWarning{Code: "c"}, state.PauseRequested{By: "her"}, state.GateDecided{Decision: state.GateApproved}}
	runs := []struct {
		name   string
		events []state.Payload
		held   bool
		status state.Status
	}{
		{"m-created", nil, false, state.StatusInterrupted},
		{"b-open", []state.Payload{state.SessionOpened{}}, false, state.StatusInterrupted},
		{"z-again", append(stopped(state.StatusCompleted), state.SessionOpened{}), false, state.StatusInterrupted},
		{"a-held", []state.Payload{state.SessionOpened{}, state.StepStarted{}}, true, state.StatusRunning},
		{"q-held", stopped(state.StatusFailed), true, state.StatusFailed},
		{"c-completed", stopped(state.StatusCompleted), false, state.StatusCompleted},
		{"x-completed", append(stopped(state.StatusCompleted), aside...), false, state.StatusCompleted},
		{"d-partial", stopped(state.StatusPartial), false, state.StatusPartial},
		{"e-failed", append(stopped(state.StatusFailed), aside...), false, state.StatusFailed},
		{"f-paused", stopped(state.StatusPaused), false, state.StatusPaused},
		{"g-waiting", append(stopped(state.StatusWaiting), aside...), false, state.StatusWaiting},
	}
	want := map[string]state.Status{}
	for i, r := range runs {
		when := noon.Add(time.Duration(i-len(runs)) * time.Hour)
		first := created(r.name)
		first.Time = when.Add(-24 * time.Hour)
		w := resume(t, s, r.name, state.Create)
		w.commit(first)
		if len(r.events) == 0 {
			when = first.Time
		}
		for _, p := range r.events {
			w.commit(at(when, p))
		}
		if !r.held {
			w.close()
		}
		h, err := s.Head(t.Context(), r.name)
		require.NoError(t, err)
		require.True(t, h.Updated.Equal(when), "%s: updated %s, its last event is of %s", r.name, h.Updated, when)
		require.True(t, h.Created.Equal(first.Time), r.name)
		want[r.name] = r.status
	}
	return want
}

func checkStatuses(t testing.TB, s state.Store) {
	for name, status := range shelf(t, s) {
		h, err := s.Head(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, status, h.Status, name)
	}
	// It follows the run.
	w := start(t, s, run)
	for _, step := range []struct {
		p    state.Payload
		want state.Status
	}{
		{state.SessionOpened{}, state.StatusRunning}, {state.RunStopped{Status: state.StatusPaused}, state.StatusPaused},
		{state.JournalMark{Kind: state.MarkClosed}, state.StatusPaused}, {state.SessionOpened{}, state.StatusRunning},
		{state.RunStopped{Status: state.StatusCompleted}, state.StatusCompleted}, {state.ResultEdited{}, state.StatusCompleted},
	} {
		w.commit(state.New(state.Scope{}, step.p))
		h, err := s.Head(t.Context(), run)
		require.NoError(t, err)
		require.Equal(t, step.want, h.Status, "after event %d", h.Last)
	}
	// Many events that say nothing of it stand between the end and the word.
	for range 300 {
		w.note(note("1", "a"))
	}
	h, err := s.Head(t.Context(), run)
	require.NoError(t, err)
	require.Equal(t, state.StatusCompleted, h.Status)
}

// checkPages: every query gives the runs that it wants, by name, the same in pages of any size.
func checkPages(t testing.TB, s state.Store) {
	status := shelf(t, s)
	var all []state.Head
	for h, err := range s.List(t.Context(), state.ListQuery{}) {
		require.NoError(t, err)
		one, err := s.Head(t.Context(), h.Run)
		require.NoError(t, err)
		for _, holder := range []*state.Holder{one.Holder, h.Holder} {
			if holder != nil {
				holder.Until = time.Time{} // a lease may be renewed between the two
			}
		}
		require.Equal(t, one, h, "a list says what Head says")
		require.Equal(t, status[h.Run], h.Status, h.Run)
		all = append(all, h)
	}
	require.Len(t, all, len(status))
	require.True(t, slices.IsSortedFunc(all, func(a, b state.Head) int { return compare(a.Run, b.Run) }))
	statuses := [][]state.Status{
		nil, {state.StatusRunning}, {state.StatusInterrupted}, {state.StatusCompleted}, {state.StatusFailed}, {state.StatusOpen},
		{state.StatusPartial, state.StatusPaused, state.StatusWaiting}, {state.StatusCompleted, state.StatusRunning},
	}
	for _, wanted := range statuses {
		for _, before := range []time.Time{{}, noon.Add(-4*time.Hour - 1), noon.Add(-4 * time.Hour), noon.Add(time.Hour), noon.Add(-1000 * time.Hour)} {
			q := state.ListQuery{Status: wanted, UpdatedBefore: before}
			var want []string
			for _, h := range all {
				if q.Wants(h) {
					want = append(want, h.Run)
				}
			}
			for _, size := range []int{0, 1, 2, 3, 100} {
				require.Equal(t, want, pages(t, s, q, size), "%v before %s, in pages of %d", wanted, before, size)
			}
		}
	}
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// pages lists by pages of a size, zero: at once.
func pages(t testing.TB, s state.Store, q state.ListQuery, size int) (names []string) {
	t.Helper()
	q.Limit = size
	for range 100 {
		n := 0
		for h, err := range s.List(t.Context(), q) {
			require.NoError(t, err)
			names, q.After = append(names, h.Run), h.Run
			n++
		}
		if size == 0 || n < size {
			return names
		}
		require.Equal(t, size, n, "a page is not larger than asked for")
	}
	t.Fatalf("the pages of %v have no end", q)
	return nil
}

// checkPrune: what a store says is enough to remove the right runs, and it removes them.
func checkPrune(t testing.TB, s state.Store) {
	status := shelf(t, s)
	spared := state.PruneOptions{OlderThan: 5*time.Hour + time.Minute, Keep: 1, Now: func() time.Time { return noon }}
	done, err := state.Prune(t.Context(), s, spared)
	require.NoError(t, err)
	require.Len(t, done.Removed, 1)
	require.Equal(t, "c-completed", done.Removed[0].Run)
	require.Len(t, done.Left, len(status)-1)
	_, err = s.Head(t.Context(), "c-completed")
	require.ErrorIs(t, err, state.ErrNotFound)

	spared = state.PruneOptions{Keep: 1, Force: true, Archive: true, Now: spared.Now}
	done, err = state.Prune(t.Context(), s, spared)
	require.NoError(t, err)
	left := pages(t, s, state.ListQuery{}, 0)
	require.Equal(t, []string{"a-held", "g-waiting", "q-held"}, left, "who is held stays, and the newest")
	require.Len(t, done.Removed, len(status)-4)
	for _, name := range left {
		require.NotEmpty(t, read(t, s, name, state.Query{}))
	}
}

// checkRemoveAll: what comes under the same name later has nothing of the run that was there.
func checkRemoveAll(t testing.TB, s state.Store) {
	for _, o := range []state.RemoveOptions{{}, {Archive: true}} {
		w := start(t, s, run)
		for i := range 20 {
			w.commit(note(fmt.Sprint(i), "a"))
		}
		if snaps, ok := s.(state.Snapshots); ok {
			require.NoError(t, snaps.SaveSnapshot(t.Context(), run, []byte("{}")))
		}
		if box, ok := s.(state.Inbox); ok {
			require.NoError(t, box.Ask(t.Context(), run, state.Request{Kind: state.AskApprove, Step: "review"}))
			require.NoError(t, box.Ask(t.Context(), run, state.Request{Kind: state.AskPause}))
		}
		w.close()
		require.NoError(t, s.Remove(t.Context(), run, o))

		w = start(t, s, run)
		require.EqualValues(t, 1, w.j.Last())
		w.commit(note("new", "b"))
		same(t, w.sent, read(t, s, run, state.Query{}))
		if snaps, ok := s.(state.Snapshots); ok {
			_, err := snaps.LoadSnapshot(t.Context(), run)
			require.True(t, errors.Is(err, state.ErrNotFound), "a snapshot of the run before: %v", err)
		}
		if box, ok := s.(state.Inbox); ok {
			list, err := box.Requests(t.Context(), run)
			require.NoError(t, err)
			require.Empty(t, list, "requests of the run before")
		}
		w.close()
		require.NoError(t, s.Remove(t.Context(), run, state.RemoveOptions{}))
	}
}

func checkList(t testing.TB, s state.Store) {
	names := []string{"a", "a.b", "b-1", "b-2", "c"}
	for i := range names {
		start(t, s, names[len(names)-1-i]).close()
	}
	list := func(q state.ListQuery) (found []string) {
		for h, err := range s.List(t.Context(), q) {
			require.NoError(t, err)
			require.Equal(t, idOf(h.Run), h.RunID)
			found = append(found, h.Run)
		}
		return found
	}
	require.Equal(t, names, list(state.ListQuery{}))
	require.Equal(t, names[:2], list(state.ListQuery{Limit: 2}))
	require.Equal(t, names[2:4], list(state.ListQuery{After: names[1], Limit: 2}))
	require.Equal(t, names[4:], list(state.ListQuery{After: "b-2x"}))
	require.Empty(t, list(state.ListQuery{After: "z"}))
}
