package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/sqlitestore"
)

// resultBytes is the size of an item's result: a page of prose.
const resultBytes = 4 << 10

// measured are pairs: an item's beginning, a note, and its result, durable, through the Recorder; and one INSERT of as
// many bytes, in a database of its own, by the same driver with the same settings.
type measured struct{ items, inserts []time.Duration }

func measure(ctx context.Context, dir string, pairs int) (m measured, err error) {
	store, err := sqlitestore.Open(ctx, filepath.Join(dir, "runs.db"), sqlitestore.Options{})
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	r, err := begin(ctx, store)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, r.Close(ctx)) }()
	b, err := openBare(filepath.Join(dir, "bare.db"))
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, b.stmt.Close(), b.db.Close()) }()

	text := json.RawMessage(`"` + strings.Repeat("It was a dark and stormy night. ", resultBytes/32) + `"`)
	var size int
	for i := range pairs {
		started, done := events(i, text)
		if i == 0 {
			if size, err = sizeOf(started, done); err != nil {
				return m, err
			}
		}
		begin := time.Now()
		r.Post(started)
		if _, err := r.Commit(done); err != nil {
			return m, err
		}
		m.items = append(m.items, time.Since(begin))
		begin = time.Now()
		if err := b.insert(int64(i), size); err != nil {
			return m, err
		}
		m.inserts = append(m.inserts, time.Since(begin))
	}
	return m, nil
}

// begin makes a run with one step.
func begin(ctx context.Context, store state.Store) (*state.Recorder, error) {
	r, err := state.OpenRecorder(ctx, store, "bench", state.RecorderOptions{Mode: state.Create})
	if err != nil {
		return nil, err
	}
	steps := []state.StepDef{{Name: "prose", Kind: state.KindEach}}
	_, err = r.Commit(state.New(state.Scope{}, state.RunCreated{
		Format: state.Format, RunID: "0123456789abcdef", Name: "bench", Pipeline: "bench", Steps: steps,
	}))
	if err == nil {
		_, err = r.Emit(state.New(state.Scope{}, state.SessionOpened{PID: 1, Host: "bench"}))
	}
	if err == nil {
		_, err = r.Emit(state.New(state.Scope{Step: "prose"}, state.StepStarted{}))
	}
	return r, err
}

func events(i int, text json.RawMessage) (started, done state.Event) {
	at := state.Scope{Step: "prose", Item: fmt.Sprintf("chapter/%06d", i)}
	started = state.New(at, state.ItemStarted{})
	done = state.New(at, state.ItemCompleted{Result: text, Hash: strings.Repeat("0", 64)})
	started.Attempt, done.Attempt = 1, 1
	return started, done
}

func sizeOf(events ...state.Event) (n int, err error) {
	for i, e := range events {
		e.Seq, e.Epoch, e.Time = uint64(1000+i), 1, time.Now()
		text, err := state.AppendRecord(nil, "0123456789abcdef", e)
		if err != nil {
			return 0, err
		}
		n += len(text)
	}
	return n, nil
}

// bare is a database with one table.
type bare struct {
	db   *sqlite3.Conn
	stmt *sqlite3.Stmt
	data []byte
}

func openBare(file string) (*bare, error) {
	db, err := sqlite3.Open(file)
	if err != nil {
		return nil, err
	}
	b := &bare{db: db}
	err = db.Exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = 1;
		PRAGMA checkpoint_fullfsync = 1; CREATE TABLE events (k INTEGER PRIMARY KEY, record BLOB NOT NULL)`)
	if err == nil {
		b.stmt, _, err = db.Prepare("INSERT INTO events VALUES (?, ?)")
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return b, nil
}

func (b *bare) insert(k int64, size int) error {
	if len(b.data) != size {
		b.data = []byte(strings.Repeat("x", size))
	}
	if err := errors.Join(b.stmt.BindInt64(1, k), b.stmt.BindBlob(2, b.data)); err != nil {
		return err
	}
	return b.stmt.Exec()
}
