package workflowtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/state/sqlitestore"
	"github.com/dogear-go/dogear/state/storetest/sizes"
	"github.com/dogear-go/dogear/workflow"
)

func ask(ctx context.Context, prompt string) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, workflow.Model("writer"), prompt)
}

// lanedBook is a pipeline of a plan, items in lanes of which each asks twice, and an end that reads them all.
func lanedBook(t testing.TB, items ...string) *workflow.Pipeline {
	plan := workflow.NewTask("plan", func(ctx context.Context) ([]string, error) {
		_, err := ask(ctx, "a plan")
		return items, err
	})
	scenes := workflow.NewEach("scenes", plan.Result, func(k string) string { return k }, func(ctx context.Context, k string) (string, error) {
		before, _, err := workflow.Previous[string](ctx)
		if err != nil {
			return "", err
		}
		draft, err := ask(ctx, fmt.Sprintf("%s after %d", k, len(before)))
		if err != nil {
			return "", err
		}
		return ask(ctx, "edit "+draft)
	}, workflow.Lane(func(k string) string { return k[:1] }))
	end := workflow.NewTask("end", func(ctx context.Context) (string, error) {
		all, err := scenes.Results(ctx)
		if err != nil {
			return "", err
		}
		return workflow.Do(ctx, "print", func(context.Context) (string, error) { return fmt.Sprint(all), nil })
	})
	p, err := workflow.New("p", plan, scenes, end)
	require.NoError(t, err)
	return p
}

// TestManyRunsInOneProcess over each store. It is alone in the process, so that what is left can be told.
func TestManyRunsInOneProcess(t *testing.T) {
	n := sizes.Get().Concurrent
	for name, c := range map[string]struct {
		open func(t *testing.T) (state.Store, func() error)
		most int // files that are open at one time
	}{
		"memstore": {func(*testing.T) (state.Store, func() error) { return memstore.New(), func() error { return nil } }, 0},
		// A run holds its lock and its journal open. Beyond that, each of them opens one file at a time: the journal to read
		// an answer back, a checkpoint, the text of the lock.
		"filestore": {func(t *testing.T) (state.Store, func() error) {
			store, err := filestore.Open(t.TempDir())
			require.NoError(t, err)
			return store, func() error { return nil }
		}, (2 + 1) * n},
		// A run holds its lock, and opens one file at a time. The database, its log and its index are open for all of them:
		// for the one that writes and for each that reads.
		"sqlitestore": {func(t *testing.T) (state.Store, func() error) {
			store, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "runs.db"), sqlitestore.Options{})
			require.NoError(t, err)
			return store, store.Close
		}, (1+1)*n + 3*(1+max(4, runtime.GOMAXPROCS(0)))},
	} {
		t.Run(name, func(t *testing.T) {
			files := watchFiles(t)
			store, closeStore := c.open(t)
			began := time.Now()
			Many(t, n, store, func(t testing.TB) (*workflow.Pipeline, workflow.Config) {
				model := NewModel(t, Answer{Text: "<$prompt>", Delay: time.Millisecond})
				return lanedBook(t, "a1", "b1", "a2", "b2", "a3"), workflow.Config{Model: model, Concurrency: 2}
			})
			took := time.Since(began)
			require.NoError(t, closeStore())
			before, peak, after := files()
			t.Logf("%d runs in %v; open files: %d before, %d at most, %d after", n, took.Round(time.Millisecond), before, peak, after)
			require.LessOrEqual(t, peak-before, c.most)
			require.LessOrEqual(t, after, before)
		})
	}
}

// watchFiles counts the files that this process has open until the function that it returns is called. Where the system
// does not tell, all counts are zero.
func watchFiles(t *testing.T) func() (before, peak, after int) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			return 0
		}
		return len(entries)
	}
	before := count()
	peak := before
	done := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				peak = max(peak, count())
			}
		}
	})
	return func() (int, int, int) {
		close(done)
		watcher.Wait()
		return before, peak, count()
	}
}
