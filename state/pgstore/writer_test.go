package pgstore

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

const run = "Ten_Chapter_Novel"

// writer numbers events as the Recorder does, and keeps what it wrote, in brief: a soak writes gigabytes.
type writer struct {
	t       *testing.T
	j       *journal
	durable uint64
	sent    []string
}

// start makes a new run.
func start(t *testing.T, s *Store, name string) *writer {
	t.Helper()
	w := resume(t, s, name)
	require.Zero(t, w.j.Last())
	w.append(true, state.New(state.Scope{}, state.RunCreated{Format: state.Format, RunID: "id-of-" + name, Name: name, Pipeline: "novel"}))
	return w
}

func resume(t *testing.T, s *Store, name string) *writer {
	t.Helper()
	j, err := s.Open(t.Context(), name, state.OpenOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() })
	return &writer{t: t, j: j.(*journal), durable: j.Last()}
}

func note(text string) state.Event {
	return state.New(state.Scope{Step: "prose"}, state.RunWarning{Code: "c", Message: text})
}

func (w *writer) number(events []state.Event) []state.Event {
	for i := range events {
		events[i].Seq = w.j.Last() + uint64(i) + 1
		events[i].Durable, events[i].Epoch = w.durable, w.j.Epoch()
	}
	return events
}

// try appends and returns the error.
func (w *writer) try(sync bool, events ...state.Event) error {
	events = w.number(events)
	err := w.j.Append(context.Background(), events, sync)
	if err == nil {
		for _, e := range events {
			w.sent = append(w.sent, brief(text(e)))
		}
		if sync {
			w.durable = w.j.Last()
		}
	}
	return err
}

func (w *writer) append(sync bool, events ...state.Event) {
	w.t.Helper()
	require.NoError(w.t, w.try(sync, events...))
}

// abandon is what is left of a writer whose process was killed: a lease that nobody renews.
func (w *writer) abandon() {
	w.j.mu.Lock()
	defer w.j.mu.Unlock()
	w.j.lease.stop()
	w.j.closed = true
}

// texts reads the run back, all of it, in brief.
func texts(t *testing.T, s *Store, name string) (list []string) {
	t.Helper()
	n := uint64(0)
	for e, err := range s.Events(t.Context(), name, state.Query{}) {
		require.NoError(t, err)
		n++
		require.Equal(t, n, e.Seq, "no gap")
		list = append(list, brief(text(e)))
	}
	return list
}

// brief is a short text as it is, and what tells a long one from others.
func brief(text string) string {
	const most = 40
	if len(text) <= most {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return fmt.Sprintf("%.16s… %x", text, sum[:8])
}

func text(e state.Event) string {
	if w, ok := e.Data.(state.RunWarning); ok {
		return w.Message
	}
	return string(e.Type)
}

// same requires that the run is what the writer wrote, each event once.
func (w *writer) same(s *Store, name string) {
	w.t.Helper()
	require.Equal(w.t, w.sent, texts(w.t, s, name))
	var rows int
	require.NoError(w.t, s.pool.QueryRow(w.t.Context(), s.sql.in("SELECT count(*) FROM {schema}.events e JOIN {schema}.runs r ON r.id = e.run WHERE r.name = $1"), name).Scan(&rows))
	require.Equal(w.t, len(w.sent), rows)
}

// expire makes a lease run out.
func expire(t testing.TB, store state.Store, name string) {
	t.Helper()
	s := store.(*Store)
	tag, err := s.pool.Exec(t.Context(), s.sql.in(`UPDATE {schema}.leases l SET until = 'epoch' FROM {schema}.runs r
		WHERE r.id = l.run AND r.name = $1 AND r.archived IS NULL`), name)
	require.NoError(t, err)
	require.EqualValues(t, 1, tag.RowsAffected())
}

// sibling is the store of another process.
func sibling(t testing.TB, p *pgxpool.Pool, s *Store) *Store {
	t.Helper()
	other, err := New(p, s.o)
	require.NoError(t, err)
	return other
}

func numbered(i int) string { return fmt.Sprintf("event %d", i) }
