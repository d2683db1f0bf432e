package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/examples/novel/internal/book"
	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/providers/offline"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/state/storetest/sizes"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

func small(chapters int) book.Params {
	p := book.Defaults()
	p.Chapters, p.Words = chapters, 60
	return p
}

func offlineChain(t testing.TB) *providers.Chain {
	chain, err := providers.NewChain(providers.ChainConfig{}, providers.Provider{Name: "offline", Model: "offline", LLM: offline.New()})
	require.NoError(t, err)
	return chain
}

// TestNovelCrashesAtEveryEvent: in this process, at every event of the novel, in every way to die there.
func TestNovelCrashesAtEveryEvent(t *testing.T) {
	t.Parallel()
	workflowtest.CrashEveryNth(t, sizes.Get().CrashEvery, func(t testing.TB) (*workflow.Pipeline, workflow.Config) {
		p, err := book.New()
		require.NoError(t, err)
		return p, workflow.Config{Params: small(1), Model: offlineChain(t), Concurrency: 3}
	})
}

// TestFiftyNovelsInOneProcess: each comes out as if it had been alone.
func TestFiftyNovelsInOneProcess(t *testing.T) {
	t.Parallel()
	p, err := book.New()
	require.NoError(t, err)
	store, chain := memstore.New(), offlineChain(t)
	write := func(name string, chapters int) (string, error) {
		dir := filepath.Join(t.TempDir(), name)
		cfg := workflow.Config{Store: store, Params: small(chapters), Model: chain, Concurrency: 2}
		run, err := p.Run(context.Background(), name, cfg)
		if err != nil {
			return "", err
		}
		if err := book.Export(run.Context(context.Background()), dir); err != nil {
			return "", err
		}
		text, err := os.ReadFile(dir + ".md")
		return string(text), err
	}
	alone := map[int]string{}
	for chapters := 1; chapters <= 2; chapters++ {
		alone[chapters], err = write(fmt.Sprint("alone-", chapters), chapters)
		require.NoError(t, err)
	}
	var group sync.WaitGroup
	for i := range sizes.Get().Concurrent {
		group.Go(func() {
			text, err := write(fmt.Sprint("together-", i), 1+i%2)
			if err != nil || text != alone[1+i%2] {
				t.Errorf("novel %d: %v; its text differs: %t", i, err, text != alone[1+i%2])
			}
		})
	}
	group.Wait()
}

// TestPauseAtEachStep: a pause asked for while a step runs stops there, keeps what was paid, and resumes to the same book.
func TestPauseAtEachStep(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p, err := book.New()
	require.NoError(t, err)
	whole := memstore.New()
	_, err = p.Run(ctx, "whole", workflow.Config{Store: whole, Params: small(2), Model: offlineChain(t)})
	require.NoError(t, err)
	want, err := state.Load(ctx, whole, "whole")
	require.NoError(t, err)
	for _, step := range want.Steps {
		t.Run(step.Name, func(t *testing.T) {
			t.Parallel()
			store, ctrl := memstore.New(), controller.New()
			defer ctrl.Close()
			cfg := workflow.Config{Store: store, Params: small(2), Model: offlineChain(t), Controller: ctrl, Concurrency: 2}
			cfg.Observers = []state.Observer{func(e state.Event) {
				if e.Type == state.TypeStepStarted && e.Step == step.Name {
					ctrl.Pause("a test asks")
				}
			}}
			_, err := p.Run(ctx, "run", cfg)
			if err != nil { // a quick step may be over, and the run with it, before the request is seen
				require.ErrorIs(t, err, workflow.ErrPaused)
				st, err := state.Load(ctx, store, "run")
				require.NoError(t, err)
				require.Equal(t, state.StatusPaused, st.Status)
			}
			_, err = p.Run(ctx, "run", workflow.Config{Store: store, Model: offlineChain(t)})
			require.NoError(t, err)
			got, err := state.Load(ctx, store, "run")
			require.NoError(t, err)
			require.Equal(t, want.Usage.Calls, got.Usage.Calls, "paid calls")
			for _, s := range want.Steps {
				require.Equal(t, s.Hash, got.Step(s.Name).Hash, s.Name)
			}
		})
	}
}
