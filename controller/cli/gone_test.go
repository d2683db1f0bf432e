package cli

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// fleeting is a store from which a run is removed as soon as it is closed.
type fleeting struct{ *memstore.Store }

func (f fleeting) Open(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
	j, err := f.Store.Open(ctx, run, o)
	return fleetingJournal{j, f.Store, run}, err
}

type fleetingJournal struct {
	state.Journal
	store *memstore.Store
	run   string
}

func (j fleetingJournal) Close() error {
	if err := j.Journal.Close(); err != nil {
		return err
	}
	return j.store.Remove(context.Background(), j.run, state.RemoveOptions{})
}

// TestARunThatIsRemovedOnceItIsFree was completed all the same.
func TestARunThatIsRemovedOnceItIsFree(t *testing.T) {
	t.Parallel()
	p, err := workflow.New("brief", workflow.NewTask("step", func(context.Context) (string, error) { return "done", nil }))
	require.NoError(t, err)
	cmd := Command(App[struct{}]{Pipeline: p, Config: workflow.Config{Store: fleeting{memstore.New()}}})
	var out, errs bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs([]string{"--out", t.TempDir()})
	require.NoError(t, cmd.ExecuteContext(t.Context()), errs.String())
	require.Contains(t, errs.String(), "completed; another process")
}
