package workflowtest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// Many runs the pipeline n times at once in this process, all of them in one store, and fails the test unless every run
// comes to the results of one that was alone, with the same answers, each paid once, and no goroutine is left behind. No
// other test may run in the process meanwhile.
//
// setup is called for each run, as in [CrashEverywhere]. The runs are named many-1 and so on; the store must not have them.
func Many(t *testing.T, n int, store state.Store, setup func(testing.TB) (*workflow.Pipeline, workflow.Config)) {
	t.Helper()
	ctx := context.Background()
	want, err := attempt(ctx, t, memstore.New(), "alone", setup)
	if err != nil {
		t.Fatalf("workflowtest: the run that was alone: %v", err)
	}
	goroutines := runtime.NumGoroutine()
	var group sync.WaitGroup
	got, errs := make([]account, n), make([]error, n)
	for i := range n {
		group.Go(func() { got[i], errs[i] = attempt(ctx, t, store, fmt.Sprint("many-", i+1), setup) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("workflowtest: runs at once: %v", err)
	}
	for i := range n {
		compare(t, fmt.Sprint("run many-", i+1), want, got[i])
	}
	if left := settled(goroutines); left > goroutines {
		var stacks strings.Builder
		_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1) // a Builder takes everything
		t.Errorf("workflowtest: there were %d goroutines before the runs, and are %d after them:\n%s", goroutines, left, &stacks)
	}
}

// settleTime is how long goroutines that were told to end may take for it. Nothing waits for so long that works.
const settleTime = 10 * time.Second

// settled returns the number of goroutines once there are no more than so many, or some time has passed.
func settled(most int) int {
	deadline := time.After(settleTime)
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		n := runtime.NumGoroutine()
		if n <= most {
			tick.Stop()
			return n
		}
		select {
		case <-tick.C:
		case <-deadline:
			tick.Stop()
			return n
		}
	}
}
