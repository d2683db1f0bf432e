package pgstore

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

// watched is a store that tells when it was looked into for requests.
type watched struct {
	*Store
	looked chan struct{} // capacity 1
}

func (w watched) Requests(ctx context.Context, run string) ([]state.Request, error) {
	list, err := w.Store.Requests(ctx, run)
	select {
	case w.looked <- struct{}{}:
	default:
	}
	return list, err
}

// reviewed is a novel of two steps: a list, which takes as long as slow does, and a gate that shows it.
func reviewed(t *testing.T, slow func(context.Context)) *workflow.Pipeline {
	t.Helper()
	list := workflow.NewTask("list", func(ctx context.Context) (string, error) { slow(ctx); return "text", nil })
	p, err := workflow.New("novel", list, workflow.NewGate("review", list.Result))
	require.NoError(t, err)
	return p
}

func quick(context.Context) {}

// TestAnApprovalIsForTheHeir: a process slept longer than its lease, and another one has the run, or a new run of the name,
// which waits for an approval. The old one, whose gate has not asked yet, finds that approval when it wakes up.
func TestAnApprovalIsForTheHeir(t *testing.T) {
	t.Parallel()
	for name, archived := range map[string]bool{"of the run": false, "of a new run of the name": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, few(t), Options{})
			other := sibling(t, few(t), s)
			store := watched{s, make(chan struct{}, 1)}
			inside, release, lost := make(chan struct{}), make(chan struct{}), make(chan struct{})
			ended := make(chan error, 1)
			old := reviewed(t, func(ctx context.Context) {
				close(inside)
				<-ctx.Done()
				close(lost)
				<-release
			})
			go func() {
				_, err := old.Run(context.Background(), run, workflow.Config{Store: store})
				ended <- err
			}()
			<-inside
			expire(t, s, run)
			if archived {
				require.NoError(t, other.Remove(t.Context(), run, state.RemoveOptions{Archive: true}))
			}
			heir := reviewed(t, quick)
			r, err := heir.Run(t.Context(), run, workflow.Config{Store: other})
			require.ErrorIs(t, err, workflow.ErrWaiting)
			require.NoError(t, r.Ask(t.Context(), state.Request{Kind: state.AskApprove, Step: "review", By: "ann"}))
			for range 3 { // one that began before, one that finds it, and one that begins when that is done with
				select {
				case <-store.looked:
				case <-lost:
				}
			}
			left, err := other.Requests(t.Context(), run)
			require.NoError(t, err)
			require.Len(t, left, 1)
			_, err = heir.Run(t.Context(), run, workflow.Config{Store: other})
			require.NoError(t, err)
			close(release)
			require.ErrorIs(t, <-ended, state.ErrFenced)
		})
	}
}

// TestAPauseByTheHandleOfALostRunReachesTheHeir: the process whose handle is used has noticed that another has the run, but a
// function of it goes on.
func TestAPauseByTheHandleOfALostRunReachesTheHeir(t *testing.T) {
	t.Parallel()
	s := open(t, few(t), Options{Lease: short})
	other := sibling(t, few(t), open(t, few(t), Options{Schema: s.o.Schema}))
	inside, release, lost := make(chan struct{}), make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	old, err := reviewed(t, func(ctx context.Context) {
		close(inside)
		<-ctx.Done()
		close(lost)
		<-release
	}).Open(t.Context(), run, workflow.Config{Store: s})
	require.NoError(t, err)
	go func() { ended <- old.Start(context.Background()) }()
	<-inside
	wait(t, 10*time.Second, func() bool { // unless it is renewed in between
		expire(t, s, run)
		j, err := other.Open(t.Context(), run, state.OpenOptions{})
		return err == nil && j.Close() == nil
	})
	working, draining := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // for a pause that never comes
	defer cancel()
	next := reviewed(t, func(context.Context) {
		close(working)
		select {
		case <-draining:
		case <-ctx.Done():
		}
	})
	heir := make(chan error, 1)
	go func() {
		_, err := next.Run(ctx, run, workflow.Config{Store: other, Observers: []state.Observer{func(e state.Event) {
			if e.Type == state.TypePauseRequested {
				close(draining)
			}
		}}})
		heir <- err
	}()
	<-working
	<-lost
	require.NoError(t, old.Ask(t.Context(), state.Request{Kind: state.AskPause, By: "ann"}))
	require.ErrorIs(t, <-heir, workflow.ErrPaused)
	close(release)
	require.ErrorIs(t, <-ended, state.ErrFenced)
}
