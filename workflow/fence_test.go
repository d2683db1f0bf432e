package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// fence is a store whose n-th append ends the writer's right to write, as a database does it.
type fence struct {
	*memstore.Store
	at    int   // the append that is refused; with told, the one after which the writer is told; zero: none
	told  bool  // the journal's Lost is closed
	cause error // what a refused append gives

	appends atomic.Int64
	fenced  chan struct{}
	once    sync.Once
}

func newFence(at int, told bool, cause error) *fence {
	return &fence{Store: memstore.New(), at: at, told: told, cause: cause, fenced: make(chan struct{})}
}

func (f *fence) Open(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
	j, err := f.Store.Open(ctx, run, o)
	return &fencedJournal{j, f}, err
}

func (f *fence) over() bool {
	select {
	case <-f.fenced:
		return true
	default:
		return false
	}
}

type fencedJournal struct {
	state.Journal
	of *fence
}

func (j *fencedJournal) Lost() <-chan struct{} {
	if j.of.told {
		return j.of.fenced
	}
	return nil
}

func (j *fencedJournal) Append(ctx context.Context, events []state.Event, sync bool) error {
	f := j.of
	n := int(f.appends.Add(1))
	if n == f.at && !f.told {
		f.once.Do(func() { close(f.fenced) })
	}
	if f.over() {
		return fmt.Errorf("run: %w: append %d: %w", state.ErrJournalFailed, n, f.cause)
	}
	err := j.Journal.Append(ctx, events, sync)
	if n == f.at {
		f.once.Do(func() { close(f.fenced) })
	}
	return err
}

// TestAFencedRunPaysNothingMore: wherever a run loses its right to write, whether an append says so or the store does on
// its own, no call starts that is not in the journal, and the error says what has happened and what to do.
func TestAFencedRunPaysNothingMore(t *testing.T) {
	t.Parallel()
	disk := errors.New("input/output error")
	for _, c := range []struct {
		name  string
		told  bool
		cause error
		says  string
	}{
		{"an append is refused", false, state.ErrFenced, "has lost the run"},
		{"the store tells", true, state.ErrFenced, "has lost the run"},
		{"an append fails", false, disk, "open the run again to go on"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				p, _, _ := book(t)
				store := newFence(n, c.told, c.cause)
				r := &rig{t, store.Store, echo(t), workflow.Config{}, p}
				r.cfg = workflow.Config{Store: store, Params: params, Model: r.model, Concurrency: 3}
				err := r.run()
				if !store.over() {
					require.NoError(t, err)
					require.Greater(t, n, 20, "a run of one append tests nothing")
					break
				}
				if err == nil {
					continue // only the closing mark was lost
				}
				require.ErrorIs(t, err, state.ErrJournalFailed, n)
				require.ErrorIs(t, err, c.cause, n)
				require.ErrorContains(t, err, c.says, n)
				sent := 0
				if n > 1 || c.told {
					sent = len(events[state.CallSent](r))
				}
				require.LessOrEqual(t, r.model.Calls(), sent, "append %d: a call left that the journal does not hold", n)
			}
		})
	}
}

// queued is a model that reports its own tries and lets one request through at a time, as a provider's line does.
type queued struct {
	chain
	turn    chan struct{} // capacity 1: who has sent has the turn
	waiting chan struct{} // received from once for each call that waits
	refused *atomic.Int64 // calls whose turn came and that the engine refused
}

func (q queued) GenerateContent(ctx context.Context, msgs []llms.MessageContent, opts ...llms.CallOption) (*llms.ContentResponse, error) {
	q.waiting <- struct{}{}
	q.turn <- struct{}{} // not even the end of ctx ends this wait
	defer func() { <-q.turn }()
	resp, err := q.chain.GenerateContent(context.WithoutCancel(ctx), msgs, opts...)
	if errors.Is(err, state.ErrFenced) {
		q.refused.Add(1)
	}
	return resp, err
}

// TestAFencedRunRefusesWhoWaitsInALine: calls that wait for their turn when the run is lost are not sent when it comes,
// even where the line itself does not notice that the run is over.
func TestAFencedRunRefusesWhoWaitsInALine(t *testing.T) {
	t.Parallel()
	const at = 4
	store := newFence(0, true, state.ErrFenced)
	q := queued{turn: make(chan struct{}, 1), waiting: make(chan struct{}, at), refused: &atomic.Int64{}}
	sent := 0
	q.chain = chain{modelFunc(func(_ context.Context, prompt string) (string, error) {
		sent++
		for range at {
			<-q.waiting // all are in the line
		}
		close(store.fenced)
		return prompt, nil
	}), 1, 0}
	r := newRig(t, echo(t), many(at, workflow.Concurrency(at)))
	r.cfg.Store, r.cfg.Model = store, q
	err := r.run()
	require.ErrorIs(t, err, state.ErrFenced)
	require.NotContains(t, err.Error(), "open the run again")
	require.Equal(t, 1, sent)
	require.EqualValues(t, at, q.refused.Load(), "three before they are sent, one when it is answered")
}

var _ resilience.TryReporter = queued{}

// TestALostRunLeavesItsRequestsToTheHeir: somebody took the run over while a function went on that heeds no context. Whether
// the old session knows yet or not, what is asked of the run is not for it.
func TestALostRunLeavesItsRequestsToTheHeir(t *testing.T) {
	t.Parallel()
	for name, told := range map[string]bool{"it knows": true, "it does not know": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newFence(0, told, state.ErrFenced)
				var r *rig
				list := workflow.NewTask("list", func(context.Context) (string, error) {
					close(store.fenced)
					r.leave(approve("review"))  // which has not asked yet, as far as this session knows
					r.leave(approve("nowhere")) // a step that the heir may have
					<-time.After(time.Minute)
					r.leave(state.Request{Kind: state.AskPause})
					<-time.After(time.Minute)
					return "text", nil
				})
				r = newRig(t, echo(t), list, workflow.NewGate("review", list.Result))
				r.store, r.cfg.Store = store.Store, store
				require.ErrorIs(t, r.run(), state.ErrFenced)
				require.Len(t, r.requests(), 3)
			})
		})
	}
}

// behindTheEnd is a store in which something happens once the end of a session is durable.
type behindTheEnd struct {
	*memstore.Store
	then func()
}

func (s behindTheEnd) Open(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
	j, err := s.Store.Open(ctx, run, o)
	return &endedJournal{j, s.then}, err
}

type endedJournal struct {
	state.Journal
	then func()
}

func (j *endedJournal) Append(ctx context.Context, events []state.Event, sync bool) error {
	err := j.Journal.Append(ctx, events, sync)
	if events[len(events)-1].Type == state.TypeRunStopped {
		j.then()
	}
	return err
}

// TestAPauseBehindTheEndIsNotTaken: from its last event on a session can't know whether it still has the run, so a pause that
// it has not seen before may be meant for another.
func TestAPauseBehindTheEndIsNotTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), abc(func() error { return nil }))
	r.cfg.Store = behindTheEnd{r.store, func() { r.leave(state.Request{Kind: state.AskPause, By: "ann"}) }}
	require.NoError(t, r.run())
	require.Len(t, r.requests(), 1)
}

// ahead is a store in which somebody has just written to the run.
type ahead struct{ *memstore.Store }

func (s ahead) Head(ctx context.Context, run string) (state.Head, error) {
	h, err := s.Store.Head(ctx, run)
	h.Last++
	return h, err
}

// TestACompleteRunThatIsTakenOverKeepsItsRequests: a session that has nothing to do writes nothing, so no append tells it that
// it has lost the run, and that its state is an old one.
func TestACompleteRunThatIsTakenOverKeepsItsRequests(t *testing.T) {
	t.Parallel()
	r := waiting(t)
	require.NoError(t, r.ask(approve("review")))
	require.NoError(t, r.run())
	r.leave(reject("review"))
	r.cfg.Store = ahead{r.store}
	require.NoError(t, r.run())
	require.Len(t, r.requests(), 1)
	r.cfg.Store = r.store
	require.NoError(t, r.run())
	require.Empty(t, r.requests())
}

// TestARequestThatCannotBeTakenAwayWarnsOnce: a run looks for requests twice a second.
func TestARequestThatCannotBeTakenAwayWarnsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r *rig
		r = newRig(t, echo(t), workflow.NewTask("long", func(context.Context) (int, error) {
			r.leave(approve("nowhere"))
			<-time.After(time.Minute)
			return 1, nil
		}))
		r.cfg.Store = stuck{r.store}
		require.NoError(t, r.run())
		require.Len(t, r.requests(), 1)
		require.Equal(t, 1, r.warned("request_set_aside"))
	})
}

// stuck is a store whose requests can't be taken away.
type stuck struct{ *memstore.Store }

func (stuck) Done(context.Context, string, state.Request, bool) (string, error) { return "", errBoom }

// TestAPauseByTheHandleOfALostRunGoesByTheStore: pausing the session that has lost the run would pause nobody.
func TestAPauseByTheHandleOfALostRunGoesByTheStore(t *testing.T) {
	t.Parallel()
	store := newFence(0, true, state.ErrFenced)
	var run *workflow.Run
	var asked error
	r := newRig(t, echo(t), workflow.NewTask("list", func(ctx context.Context) (string, error) {
		close(store.fenced)
		<-ctx.Done()
		asked = run.Ask(t.Context(), state.Request{Kind: state.AskPause})
		return "text", nil
	}))
	r.store, r.cfg.Store = store.Store, store
	run, err := r.p.Open(t.Context(), "r", r.cfg)
	require.NoError(t, err)
	require.ErrorIs(t, run.Start(t.Context()), state.ErrFenced)
	require.NoError(t, asked)
	require.Len(t, r.requests(), 1)
}
