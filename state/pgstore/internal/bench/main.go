// Command bench measures what a durable item costs on pgstore, against one bare INSERT of the same bytes by the same driver
// over the same pool into a table of the same shape, in interleaved pairs. It starts a server of its own.
//
//	go run ./internal/bench [-pairs N] [-size BYTES]   (in state/pgstore)
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/pgstore"
	"github.com/dogear-go/dogear/state/pgstore/pgtest"
)

func main() {
	pairs := flag.Int("pairs", 2000, "interleaved pairs behind each median")
	size := flag.Int("size", 4<<10, "bytes of an item's result")
	flag.Parse()
	if err := run(context.Background(), *pairs, *size); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, pairs, size int) (err error) {
	srv, err := pgtest.New(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if failed := srv.Remove(); err == nil {
			err = failed
		}
	}()
	// One connection, for the lease's renewals may not take part.
	pool, err := pgxpool.New(ctx, srv.URL("pool_max_conns", "1"))
	if err != nil {
		return err
	}
	defer pool.Close()
	var version string
	if err := pool.QueryRow(ctx, "SHOW server_version").Scan(&version); err != nil {
		return err
	}
	fmt.Printf("go run ./internal/bench -pairs %d -size %d\n%d cores, %s/%s, %s, PostgreSQL %s, Unix socket, fsync on, %s\n\n",
		pairs, size, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), version, time.Now().UTC().Format("2006-01-02"))
	item, bare, err := measure(ctx, pool, pairs, size)
	if err != nil {
		return err
	}
	fmt.Printf("%-64s %10s %10s %6.2fx   ≤ 1.25x\n", "PostgreSQL: a durable item | a bare INSERT of the same bytes",
		show(median(item)), show(median(bare)), float64(median(item))/float64(median(bare)))
	return nil
}

// measure takes turns: an item by the Recorder, which is what a workflow waits for between two items (its completion with
// sync, and the note of the next one's start), and one bare INSERT.
func measure(ctx context.Context, pool *pgxpool.Pool, pairs, size int) (item, bare []time.Duration, err error) {
	store, err := pgstore.New(pool, pgstore.Options{Lease: time.Hour}) // no renewal within the measurement
	if err != nil {
		return nil, nil, err
	}
	if err := store.Migrate(ctx); err != nil {
		return nil, nil, err
	}
	for _, sql := range []string{
		`CREATE TABLE bare (LIKE dogear.events INCLUDING ALL)`,
		`INSERT INTO bare (run, seq, total, record) VALUES (1, 0, 0, '')`,
	} {
		if _, err := pool.Exec(ctx, sql); err != nil {
			return nil, nil, err
		}
	}
	rec, err := state.OpenRecorder(ctx, store, "bench", state.RecorderOptions{})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = closing(ctx, rec, err) }()
	created := state.New(state.Scope{}, state.RunCreated{Format: state.Format, RunID: "bench", Name: "bench", Pipeline: "bench",
		Steps: []state.StepDef{{Name: "prose", Kind: state.KindEach}}})
	if _, err := rec.Commit(created); err != nil {
		return nil, nil, err
	}
	result, err := state.Marshal(text(size))
	if err != nil {
		return nil, nil, err
	}
	for i := range pairs + warm {
		scope := state.Scope{Step: "prose", Item: fmt.Sprint(i)}
		done := state.New(scope, state.ItemCompleted{Result: result, Hash: "0123456789abcdef"})
		begin := time.Now()
		rec.Post(state.New(scope, state.ItemStarted{}))
		seq, err := rec.Commit(done)
		took := time.Since(begin)
		if err != nil {
			return nil, nil, err
		}
		record, err := written(ctx, pool, seq)
		if err != nil {
			return nil, nil, err
		}
		begin = time.Now()
		_, err = pool.Exec(ctx, `INSERT INTO bare (run, seq, total, record) VALUES ($1, $2, $3, $4)`, 1, seq, len(record), record)
		other := time.Since(begin)
		if err != nil {
			return nil, nil, err
		}
		if i >= warm {
			item, bare = append(item, took), append(bare, other)
		}
	}
	return item, bare, nil
}

// warm pairs come first, and don't count: statements are prepared, and planned a few times.
const warm = 50

// written are the bytes of the item's two records.
func written(ctx context.Context, pool *pgxpool.Pool, seq uint64) (record []byte, err error) {
	err = pool.QueryRow(ctx, `SELECT string_agg(record, '' ORDER BY seq) FROM dogear.events WHERE seq IN ($1::bigint - 1, $1)`, seq).Scan(&record)
	return record, err
}

func closing(ctx context.Context, rec *state.Recorder, err error) error {
	if failed := rec.Close(ctx); err == nil {
		err = failed
	}
	return err
}

// text is prose of some length: words, which compress as words do.
func text(size int) string {
	words := strings.Fields("the tide came in over the flats and the bell rang twice before anyone thought to look for the boat that was not there")
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "%s%d ", words[(i*7+i/5)%len(words)], i*i%97)
	}
	return b.String()[:size]
}

func median(ds []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(ds))
	return s[len(s)/2]
}

func show(d time.Duration) string { return d.Round(time.Microsecond).String() }
