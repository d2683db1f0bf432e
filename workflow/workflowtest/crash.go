package workflowtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// CrashEverywhere runs the pipeline once without interruption, then once for every event of that run and every way to
// die there (right before it is written; right after; in a power cut that loses what was not synced), resumes it, and
// fails the test unless the results are the same and every answer was paid exactly once.
//
// setup is called for each run and must give the same pipeline and an equally behaving model each time. It must not set
// Config.Store. The pipeline must complete: its model's failures must be such that the run gets over them. Gates that the
// run waits at are approved.
func CrashEverywhere(t *testing.T, setup func(testing.TB) (*workflow.Pipeline, workflow.Config)) {
	t.Helper()
	CrashEveryNth(t, 1, setup)
}

// CrashEveryNth is CrashEverywhere at every n-th event only, for pipelines that are too long for all.
func CrashEveryNth(t *testing.T, n int, setup func(testing.TB) (*workflow.Pipeline, workflow.Config)) {
	t.Helper()
	ctx := context.Background()
	whole := memstore.New()
	want, err := attempt(ctx, t, whole, runName, setup)
	if err != nil {
		t.Fatalf("workflowtest: the uninterrupted run: %v", err)
	}
	for at := 1; at <= whole.Appended(); at += max(1, n) {
		for name, crash := range crashes {
			store := memstore.New()
			crash(store, at)
			where := fmt.Sprintf("crash %s event %d", name, at)
			if _, err := attempt(ctx, t, store, runName, setup); err == nil && store.Crashed() {
				// The crash hit the closing of a run that was complete.
				t.Logf("workflowtest: %s: the run had ended", where)
			}
			store.Restart()
			got, err := attempt(ctx, t, store, runName, setup)
			if err != nil {
				t.Fatalf("workflowtest: %s: resume: %v", where, err)
			}
			compare(t, where, want, got)
		}
	}
}

var crashes = map[string]func(*memstore.Store, int){
	"before":               func(s *memstore.Store, n int) { s.CrashBefore(n) },
	"after":                func(s *memstore.Store, n int) { s.CrashAfter(n, false) },
	"in a power cut after": func(s *memstore.Store, n int) { s.CrashAfter(n, true) },
}

const runName = "crash-test"

// account is what a run came to.
type account struct {
	status  state.Status
	results map[string]string // scope → recorded result
	calls   int               // paid answers in the journal
	answers map[string]int    // request, as scope and hash → answers in the journal
}

func attempt(ctx context.Context, t *testing.T, store state.Store, name string, setup func(testing.TB) (*workflow.Pipeline, workflow.Config)) (account, error) {
	t.Helper()
	p, cfg := setup(t)
	cfg.Store = store
	for round := 0; ; round++ {
		run, err := p.Run(ctx, name, cfg)
		if err == nil {
			return accountOf(ctx, store, name)
		}
		var waiting *workflow.WaitingError
		if !errors.As(err, &waiting) || round == mostRounds {
			return account{}, err
		}
		for _, step := range waiting.Steps {
			if err := run.Ask(ctx, state.Request{Kind: state.AskApprove, Step: step, By: "workflowtest", Time: approved}); err != nil {
				return account{}, err
			}
		}
	}
}

// mostRounds is how often a run may wait: more would never end.
const mostRounds = 100

// approved is when gates are approved: the decision is the same in every run.
var approved = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func accountOf(ctx context.Context, store state.Store, name string) (account, error) {
	st, err := state.Load(ctx, store, name)
	if err != nil {
		return account{}, err
	}
	a := account{status: st.Status, results: map[string]string{}, calls: st.Usage.Calls, answers: map[string]int{}}
	for e, err := range store.Events(ctx, name, state.Query{}) {
		if err != nil {
			return account{}, err
		}
		switch d := e.Data.(type) {
		case state.StepCompleted:
			a.results[e.Step] = string(d.Result) + " " + d.Hash
		case state.ItemCompleted:
			a.results[e.Step+" / "+e.Item] = string(d.Result)
		case state.CallAnswered:
			a.answers[fmt.Sprintf("%v %s", e.Scope, d.Hash)]++
		}
	}
	return a, nil
}

func compare(t *testing.T, where string, want, got account) {
	t.Helper()
	if got.status != want.status {
		t.Errorf("workflowtest: %s: status %s, want %s", where, got.status, want.status)
	}
	var faults []error
	for scope, result := range want.results {
		if got.results[scope] != result {
			faults = append(faults, fmt.Errorf("%s: result %s, want %s", scope, got.results[scope], result))
		}
	}
	for request, n := range got.answers {
		if n != want.answers[request] {
			faults = append(faults, fmt.Errorf("the request %s was answered %d times, want %d", request, n, want.answers[request]))
		}
	}
	if got.calls != want.calls {
		faults = append(faults, fmt.Errorf("%d answers were paid, want %d", got.calls, want.calls))
	}
	if err := errors.Join(faults...); err != nil {
		t.Errorf("workflowtest: %s: %v", where, err)
	}
}
