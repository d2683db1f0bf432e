package main

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/controller/cli"
	"github.com/dogear-go/dogear/examples/novel/internal/app"
	"github.com/dogear-go/dogear/examples/novel/internal/killtest"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/state/sqlitestore"
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
	switch store {
	case "sqlite":
		return killtest.Program{
			Path: path,
			Args: func(dir string) []string { return []string{"--store", "sqlite:" + database(dir)} },
			Open: func(ctx context.Context, dir string) (state.Store, error) {
				if _, err := os.Stat(database(dir)); err != nil {
					return nil, state.ErrNotFound
				}
				return sqlitestore.Open(ctx, database(dir), sqlitestore.Options{})
			},
		}
	default:
		return killtest.Program{Path: path, Open: func(_ context.Context, dir string) (state.Store, error) { return filestore.Open(dir) }}
	}
}

func database(dir string) string { return filepath.Join(dir, "runs.db") }

// stores are those that the novel's program links.
var stores = []string{"file", "sqlite"}

// TestKillAtRandomInstants: kill -9 at any instant, then --resume.
func TestKillAtRandomInstants(t *testing.T) {
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), sizes.Get().KillTimeout)
			defer cancel()
			figures := killtest.Run(ctx, t, program(t, store), killtest.Config{Kills: sizes.Get().Kills})
			if sizes.Get().Kills >= 100 { // of few kills none may leave a resume to be timed
				require.NotEmpty(t, figures.Latencies)
			}
		})
	}
}

// TestTwoOfEverything: two processes work on one run at the same moment.
func TestTwoOfEverything(t *testing.T) {
	t.Parallel()
	waiting, err := buildWaiting()
	require.NoError(t, err)
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), sizes.Get().KillTimeout)
			defer cancel()
			p := program(t, store)
			p.Waiting = waiting
			killtest.Race(ctx, t, p, sizes.Get().Races)
		})
	}
}
