package sqlitestore

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// newStore opens a store on a new file.
func newStore(t *testing.T) *Store {
	t.Helper()
	return openStore(t, filepath.Join(t.TempDir(), "runs.db"))
}

func openStore(t *testing.T, file string) *Store {
	t.Helper()
	s, err := Open(t.Context(), file, Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func idOf(run string) string { return "id-of-" + run }

func created(run string) state.Event {
	return state.New(state.Scope{}, state.RunCreated{
		Format: state.Format, RunID: idOf(run), Name: run, Pipeline: "novel",
		Steps: []state.StepDef{{Name: "prose", Kind: state.KindEach}},
	})
}

func item(key, text string) state.Event {
	raw, _ := json.Marshal(text) // a string always encodes
	return state.New(state.Scope{Step: "prose", Item: key}, state.ItemCompleted{Result: raw, Hash: "h"})
}

// number gives events the numbers behind last.
func number(last uint64, events ...state.Event) []state.Event {
	for i := range events {
		events[i].Seq, events[i].Epoch = last+uint64(i)+1, 1
	}
	return events
}

// begin opens a run that is not there and writes its first record.
func start(t *testing.T, s *Store, run string) state.Journal {
	t.Helper()
	j, err := s.Open(t.Context(), run, state.OpenOptions{Mode: state.Create})
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() }) // most have closed it
	require.NoError(t, j.Append(t.Context(), number(0, created(run)), true))
	return j
}

func resume(t *testing.T, s *Store, run string) state.Journal {
	t.Helper()
	j, err := s.Open(t.Context(), run, state.OpenOptions{Mode: state.OpenExisting})
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() }) // most have closed it
	return j
}

// write appends n items, each in an append of its own.
func write(t *testing.T, j state.Journal, n int, sync bool) {
	t.Helper()
	for range n {
		e := number(j.Last(), item(fmt.Sprint(j.Last()), strings.Repeat("x", 100)))
		require.NoError(t, j.Append(t.Context(), e, sync))
	}
}

func collect(ctx context.Context, s state.Store, run string, q state.Query) (list []state.Event, err error) {
	for e, err := range s.Events(ctx, run, q) {
		if err != nil {
			return list, err
		}
		list = append(list, e)
	}
	return list, nil
}

// snapshotOf makes a snapshot that proves a record.
func snapshotOf(run string, e state.Event) []byte {
	first, _ := state.AppendRecord(nil, idOf(run), number(0, created(run))[0]) // it always encodes
	line, _ := state.Marshal(strings.TrimSuffix(string(first), "\n"))
	text, _ := state.AppendRecord(nil, idOf(run), e)
	_, sum, _ := state.Unseal(text, idOf(run))
	return append(state.Seal(fmt.Appendf(nil, `{
  "format": 1,
  "fold": 3,
  "run_id": %q,
  "seq": %d,
  "record": "%08x",
  "created": %s,
  "summary": {},
  "state": {},
  "items": [
  ]
`, idOf(run), e.Seq, sum, line), idOf(run)), '\n')
}
