package state_test

import (
	"bytes"
	"context"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/state/memstore"
)

// snapshotAt is a snapshot of the run's first n events, of which change may make another state.
func snapshotAt(t *testing.T, store state.Store, n uint64, change func(*state.WorkflowState)) []byte {
	t.Helper()
	st, created, last := &state.WorkflowState{}, "", state.Event{}
	for _, e := range events(t, store, "run")[:n] {
		require.NoError(t, st.Apply(e))
		if last = e; e.Seq == 1 {
			line, err := state.AppendRecord(nil, st.RunID, e)
			require.NoError(t, err)
			created = string(line)
		}
	}
	if change != nil {
		change(st)
	}
	data, err := state.SnapshotOf(st, created, last)
	require.NoError(t, err)
	return data
}

func TestVerifyComparesTheSnapshot(t *testing.T) {
	t.Parallel()
	store, other := memstore.New(), memstore.New()
	randomRun(t, store, "run", "id", 200)
	randomRun(t, other, "run", "id", 300)
	misleading := snapshotAt(t, store, 100, func(st *state.WorkflowState) { st.Usage.Calls++ })
	broken := bytes.Replace(misleading, []byte(`"seq"`), []byte(`"Seq"`), 1)
	older, _, err := state.Unseal(bytes.Replace(misleading, []byte(`"fold": `), []byte(`"fold": 9`), 1), "id")
	require.ErrorIs(t, err, state.ErrRecord) // the checksum is of the text before
	require.Nil(t, older)
	cut := len(misleading) - len(`,"crc":"00000000"}`) - 1
	older = append(state.Seal(bytes.Replace(misleading[:cut:cut], []byte(`"fold": `), []byte(`"fold": 9`), 1), "id"), '\n')
	for name, c := range map[string]struct {
		data       []byte
		says       string
		misleading bool
	}{
		"of the end":          {snapshotAt(t, store, 202, nil), "", false},
		"of the middle":       {snapshotAt(t, store, 100, nil), "", false},
		"of another version":  {older, "", false},
		"broken":              {broken, "can't be read and is not used", false},
		"beyond the journal":  {snapshotAt(t, other, 300, nil), "of event 300 and is not used: the journal ends at event 202", false},
		"of another journal":  {snapshotAt(t, other, 202, nil), "not of this journal and is not used: event 202 is another", false},
		"of another state":    {misleading, "the snapshot of event 100 holds another state than the journal gives", true},
		"another at its end":  {snapshotAt(t, store, 202, func(st *state.WorkflowState) { st.Reason = "x" }), "another state", true},
		"another id (copied)": {bytes.ReplaceAll(misleading, []byte(`"id"`), []byte(`"di"`)), "can't be read", false},
	} {
		require.NoError(t, store.SaveSnapshot(t.Context(), "run", c.data))
		report, err := state.Verify(t.Context(), store, "run")
		require.NoError(t, err, name)
		require.Equal(t, 202, report.Records, name)
		require.Equal(t, c.misleading, report.Misleading, name)
		require.Equal(t, !c.misleading, report.Sound(), name)
		require.Contains(t, report.Snapshot, c.says, name)
		require.Equal(t, c.says == "", report.Snapshot == "", "%s: %s", name, report.Snapshot)

		require.NoError(t, state.RenewSnapshot(t.Context(), store, "run"))
		report, err = state.Verify(t.Context(), store, "run")
		require.NoError(t, err)
		require.Equal(t, state.Report{Records: 202}, report, name)
		data, err := store.LoadSnapshot(t.Context(), "run")
		require.NoError(t, err)
		require.Equal(t, string(snapshotAt(t, store, 202, nil)), string(data))
	}
	j, err := store.Open(t.Context(), "run", state.OpenOptions{})
	require.NoError(t, err)
	require.ErrorIs(t, state.RenewSnapshot(t.Context(), store, "run"), state.ErrLocked)
	require.NoError(t, j.Close())
}

// filtered is a store that can't verify itself, and whose events are not what they were.
type filtered struct {
	state.Store
	filter func(yield func(state.Event) bool, e state.Event) bool
}

func (f filtered) Events(ctx context.Context, run string, q state.Query) iter.Seq2[state.Event, error] {
	return func(yield func(state.Event, error) bool) {
		for e, err := range f.Store.Events(ctx, run, q) {
			if err != nil {
				yield(e, err)
				return
			}
			if !f.filter(func(e state.Event) bool { return yield(e, nil) }, e) {
				return
			}
		}
	}
}

func TestVerifyReadsAnyStore(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	randomRun(t, store, "run", "id", 20)
	for name, c := range map[string]struct {
		filter func(yield func(state.Event) bool, e state.Event) bool
		seq    uint64
		says   string
	}{
		"the last is lost":    {func(y func(state.Event) bool, e state.Event) bool { return e.Seq == 22 || y(e) }, 22, "there should be 22 events"},
		"one is lost":         {func(y func(state.Event) bool, e state.Event) bool { return e.Seq == 9 || y(e) }, 9, "event 10 follows event 8"},
		"one comes twice":     {func(y func(state.Event) bool, e state.Event) bool { return y(e) && (e.Seq != 9 || y(e)) }, 10, "event 9 follows event 9"},
		"the first is lost":   {func(y func(state.Event) bool, e state.Event) bool { return e.Seq == 1 || y(e) }, 1, "event 2 follows event 0"},
		"the first is no run": {func(y func(state.Event) bool, e state.Event) bool { e.Data = state.RunWarning{}; return y(e) }, 1, "event 1 is"},
		"it is another run": {func(y func(state.Event) bool, e state.Event) bool {
			if d, ok := e.Data.(state.RunCreated); ok {
				d.Name = "other"
				e.Data = d
			}
			return y(e)
		}, 1, `it is the run "other"`},
		"another id": {func(y func(state.Event) bool, e state.Event) bool {
			if d, ok := e.Data.(state.RunCreated); ok {
				d.RunID = "other"
				e.Data = d
			}
			return y(e)
		}, 1, `says "other"`},
	} {
		report, err := state.Verify(t.Context(), filtered{store, c.filter}, "run")
		require.NoError(t, err, name)
		require.False(t, report.Sound(), name)
		require.Len(t, report.Damaged, 1, name)
		require.Equal(t, c.seq, report.Damaged[0].Seq, name)
		require.Contains(t, report.Damaged[0].Why, c.says, name)
	}
	report, err := state.Verify(t.Context(), bare{store}, "run")
	require.NoError(t, err)
	require.Equal(t, state.Report{Records: 22}, report)
	_, err = state.Verify(t.Context(), store, "another")
	require.ErrorIs(t, err, state.ErrNotFound)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = state.Verify(gone, bare{store}, "run")
	require.ErrorIs(t, err, context.Canceled)
}

func TestVerifyAsksTheStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := filestore.OpenWith(dir, filestore.Options{Sync: state.SyncNone})
	require.NoError(t, err)
	randomRun(t, store, "run", "id", 20)
	path := filepath.Join(dir, "run", "journal.jsonl")
	journal, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := bytes.SplitAfter(journal, []byte("\n"))
	lines[4][20] ^= 1
	lines[8][20] ^= 1
	require.NoError(t, os.WriteFile(path, bytes.Join(lines, nil), 0o600))
	report, err := state.Verify(t.Context(), store, "run")
	require.NoError(t, err)
	require.False(t, report.Sound())
	require.Len(t, report.Damaged, 2, "the store's own report, which does not end at the first")
	require.Equal(t, []int{5, 9}, []int{report.Damaged[0].Line, report.Damaged[1].Line})
}
