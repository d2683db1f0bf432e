package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/controller/cli"
	"github.com/dogear-go/dogear/examples/novel/internal/killtest"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/pgstore"
	"github.com/dogear-go/dogear/state/pgstore/pgtest"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

// lease of the programs that are killed: so long the next one must wait.
const lease = 300 * time.Millisecond

var programDir string

// TestMain is the program itself in the processes of killtest, and gives the tests a folder that outlives each of them.
func TestMain(m *testing.M) {
	killtest.Main(Main)
	dir, err := os.MkdirTemp("", "novel-postgres-")
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

// run runs a command line, and returns what it printed on both streams and its exit code.
func run(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd, err := command()
	require.NoError(t, err)
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	if err = cmd.ExecuteContext(t.Context()); err != nil {
		out.WriteString(err.Error())
	}
	return out.String(), cli.ExitCode(err)
}

func TestCommandLine(t *testing.T) {
	srv := pgtest.Start(t)
	at := "postgres" + srv.URL()[len("postgres"):]
	dir := t.TempDir()
	book := []string{"--store", at, "--project", "Book", "--out", dir, "--chapters", "1", "--words", "60"}

	out, code := run(t, book...)
	require.Equal(t, 2, code, out)
	require.Contains(t, out, "migrate")
	for range 2 {
		out, code = run(t, "migrate", "--store", at)
		require.Zero(t, code, out)
	}
	out, code = run(t, book...)
	require.Zero(t, code, out)
	require.FileExists(t, filepath.Join(dir, "Book.md"))
	require.NoDirExists(t, filepath.Join(dir, "Book"), "the journal is in the database")
	out, code = run(t, "--status", "--store", at, "--project", "Book", "--out", dir)
	require.Zero(t, code, out)
	require.Contains(t, out, "completed")
	out, code = run(t, book...)
	require.Equal(t, 2, code, out)
	require.Contains(t, out, "exists already")

	t.Setenv(urlVariable, srv.URL())
	out, code = run(t, "verify", "--store", "postgres:env", "--project", "Book", "--out", dir)
	require.Zero(t, code, out)
}

func TestPlacesThatAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"migrate"}, {"migrate", "--store", "file:x"}, {"migrate", "--store", "postgres:"}, {"migrate", "--store", "postgres://host:port/x"},
	} {
		out, code := run(t, args...)
		require.Equal(t, 2, code, "%v: %s", args, out)
	}
}

// Nothing that is printed says the password, whatever is wrong.
func TestThePasswordIsNotPrinted(t *testing.T) {
	for _, at := range []string{
		"postgres://me:s3cret-word@127.0.0.1:1/books?dogear_lease=30ms", // and so it is not tried for long
		"postgres://me:s3cret-word@127.0.0.1:port/books", "postgres://me:s3cret-word@127.0.0.1:1/books?dogear_lease=x",
		"postgres:host=127.0.0.1 port=1 user=me password=s3cret-word dogear_lease=30ms", "postgres:password=s3cret-word port=x",
	} {
		for _, args := range [][]string{{"migrate", "--store", at}, {"--status", "--store", at}, {"--store", at, "--out", t.TempDir()}} {
			out, code := run(t, args...)
			require.NotZero(t, code)
			require.NotContains(t, out, "s3cret-word")
		}
	}
}

// program is the novel as a process that keeps each novel in a schema of its own.
func program(t *testing.T, srv *pgtest.Server) killtest.Program {
	t.Helper()
	path, err := build()
	require.NoError(t, err)
	pool, err := pgxpool.New(t.Context(), srv.URL())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	migrated := ""
	schema := func(dir string) string {
		name := "in " + filepath.Base(dir)
		if migrated != name {
			out, code := run(t, "migrate", "--store", srv.URL(schemaSetting, name))
			require.Zero(t, code, out)
			migrated = name
		}
		return name
	}
	return killtest.Program{
		Path: path, Lease: lease,
		Args: func(dir string) []string {
			return []string{"--store", srv.URL("application_name", novelName, schemaSetting, schema(dir), leaseSetting, lease.String())}
		},
		Open: func(ctx context.Context, dir string) (state.Store, error) {
			if err := ended(ctx, pool, schema(dir)); err != nil {
				return nil, err
			}
			return pgstore.New(pool, pgstore.Options{Schema: schema(dir), Retry: 10 * time.Second})
		},
	}
}

// novelName is what the sessions of killed novels are called.
const novelName = "a novel"

// ended waits until the processes before are dead for the server as well. The last thing that one asked for may be carried
// out after its death; and one that died before its first record holds a run that is not there yet, for as long as its
// lease.
func ended(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	leases := strings.ReplaceAll(`SELECT count(*) FROM {schema}.leases l JOIN {schema}.runs r ON r.id = l.run
		WHERE r.run_id = '' AND l.until > clock_timestamp()`, "{schema}", pgx.Identifier{schema}.Sanitize())
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		var sessions, held int
		err := pool.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1`, novelName).Scan(&sessions)
		if err == nil {
			err = pool.QueryRow(ctx, leases).Scan(&held)
		}
		if err == nil && sessions+held == 0 {
			return nil
		}
		select {
		case <-tick.C: // again, also if the server went away under it
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// TestKillAtRandomInstants: kill -9 of the program and an immediate shutdown of the server, at any instant.
func TestKillAtRandomInstants(t *testing.T) {
	srv := pgtest.Start(t)
	ctx, cancel := context.WithTimeout(context.Background(), sizes.Get().KillTimeout)
	defer cancel()
	figures := killtest.Run(ctx, t, program(t, srv), killtest.Config{
		Kills: sizes.Get().Kills,
		Strike: func(ctx context.Context) error {
			if err := srv.Immediate(); err != nil {
				return err
			}
			return srv.Start(ctx)
		},
		Strikes: 40,
		Within:  2 * time.Second, // a server that starts again has its log to go through first
	})
	if sizes.Get().Kills >= 100 { // of few kills none may leave a resume to be timed
		require.NotEmpty(t, figures.Latencies)
	}
}

// TestTwoOfEverything: two processes work on one run at the same moment.
func TestTwoOfEverything(t *testing.T) {
	srv := pgtest.Start(t)
	ctx, cancel := context.WithTimeout(context.Background(), sizes.Get().KillTimeout)
	defer cancel()
	p := program(t, srv)
	waiting, err := buildWaiting()
	require.NoError(t, err)
	p.Waiting = waiting
	killtest.Race(ctx, t, p, sizes.Get().Races)
}
