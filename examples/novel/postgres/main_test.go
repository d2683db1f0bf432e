package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
		Path: path,
		Args: func(dir string) []string {
			return []string{"--store", srv.URL("application_name", novelName, schemaSetting, schema(dir))}
		},
		Open: func(ctx context.Context, dir string) (state.Store, error) {
			if err := gone(ctx, pool); err != nil {
				return nil, err
			}
			return pgstore.New(pool, pgstore.Options{Schema: schema(dir), Retry: 10 * time.Second})
		},
		Expire: func(ctx context.Context, dir string) error { return expire(ctx, pool, schema(dir)) },
	}
}

// novelName is what the sessions of killed novels are called.
const novelName = "a novel"

// gone waits until the processes before are dead for the server as well: the last thing that one asked for may be carried
// out after its death.
func gone(ctx context.Context, pool *pgxpool.Pool) error {
	return until(ctx, func() error {
		var sessions int
		err := pool.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1`, novelName).Scan(&sessions)
		if err == nil && sessions > 0 {
			err = fmt.Errorf("%d sessions of dead processes are left", sessions)
		}
		return err
	})
}

// expire lets the leases of dead processes run out.
func expire(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	if err := gone(ctx, pool); err != nil {
		return err
	}
	sql := "UPDATE " + pgx.Identifier{schema, "leases"}.Sanitize() + " SET until = 'epoch'"
	return until(ctx, func() error {
		_, err := pool.Exec(ctx, sql)
		return err
	})
}

// until tries again until it succeeds, also when the server went away under it.
func until(ctx context.Context, try func() error) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// The lease of a process that was killed runs out by itself: until then the others are told who holds the run and for how
// long, afterwards one of them goes on.
func TestTheDeadHoldARunForALease(t *testing.T) {
	srv := pgtest.Start(t)
	ctx, cancel := context.WithTimeout(context.Background(), sizes.Get().KillTimeout)
	defer cancel()
	p := program(t, srv)
	whole := p.Reference(ctx, t, time.Millisecond, 1)
	const lease = 3 * time.Second
	args := p.Args
	p.Args = func(dir string) []string {
		a := args(dir)
		a[1] = a[1] + "&" + leaseSetting + "=" + lease.String()
		return a
	}
	n := p.Novel(t, killtest.NewServer(t, 20*time.Millisecond), 1)
	dead := n.Command(ctx, n.Begin()...)
	require.NoError(t, dead.Start())
	require.NoError(t, until(ctx, func() error {
		if asked := len(n.Server.Of(dead.Client)); asked < 3 {
			return fmt.Errorf("%d requests", asked)
		}
		return nil
	}))
	require.True(t, dead.Kill(), dead.Output())
	killed, held := time.Now(), 0
	for {
		began := time.Now()
		next := n.Command(ctx, append(n.Begin(), "--resume")...)
		code, err := next.Run()
		require.NoError(t, err)
		if code == 0 {
			break
		}
		held++
		require.Equal(t, 1, code, next.Output())
		require.Contains(t, next.Output(), fmt.Sprintf("is being worked on by process %d on ", dead.Process.Pid))
		require.Contains(t, next.Output(), "the run is free from ")
		require.Less(t, began.Sub(killed), lease+10*time.Second, "the lease ran out, and the run is held")
	}
	require.NotZero(t, held, "nobody waited for the lease")
	require.NoError(t, n.Check(ctx, t, whole))
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
