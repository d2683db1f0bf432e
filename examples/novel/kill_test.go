package main

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/controller/cli"
	"github.com/dogear-go/dogear/examples/novel/internal/app"
	"github.com/dogear-go/dogear/examples/novel/internal/killtest"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

// programDir is where the program is built; TestMain makes and removes it.
var programDir string

// TestMain is the novel itself in the processes of killtest, and gives the tests a folder that outlives each of them.
func TestMain(m *testing.M) {
	killtest.Main(func() int {
		novel, err := app.New()
		if err != nil {
			panic(err)
		}
		return cli.Main(novel)
	})
	dir, err := os.MkdirTemp("", "novel-")
	if err != nil {
		panic(err)
	}
	programDir = dir
	code := m.Run()
	_ = os.RemoveAll(dir) // what is left is a temporary file
	os.Exit(code)
}

var (
	build        = sync.OnceValues(func() (string, error) { return killtest.Build(programDir, ".") })
	buildWaiting = sync.OnceValues(func() (string, error) { return killtest.BuildWaiting(programDir, ".") })
)

// program is the novel as a process, for each store that keeps it.
func program(t *testing.T, store string) killtest.Program {
	t.Helper()
	path, err := build()
	require.NoError(t, err)
	return map[string]killtest.Program{
		"file": {Path: path, Open: func(_ context.Context, dir string) (state.Store, error) { return filestore.Open(dir) }},
	}[store]
}

// stores are those that the novel's program links.
var stores = []string{"file"}

// TestKillAtRandomInstants: kill -9 at any instant, then --resume.
func TestKillAtRandomInstants(t *testing.T) {
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), sizes.Get().KillTimeout)
			defer cancel()
			figures := killtest.Run(ctx, t, program(t, store), killtest.Config{Kills: sizes.Get().Kills})
			require.NotEmpty(t, figures.Latencies)
		})
	}
}

// TestTwoOfEverything: two processes work on one run at the same moment.
func TestTwoOfEverything(t *testing.T) {
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), sizes.Get().KillTimeout)
			defer cancel()
			p := program(t, store)
			waiting, err := buildWaiting()
			require.NoError(t, err)
			p.Waiting = waiting
			killtest.Race(ctx, t, p, sizes.Get().Races)
		})
	}
}
