package sqlitestore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

// sound is a closed database with three runs, and what is in them.
func sound(t *testing.T, items int) (file string, want map[string][]string) {
	t.Helper()
	file, want = filepath.Join(t.TempDir(), "runs.db"), map[string][]string{}
	s, err := Open(t.Context(), file, Options{})
	require.NoError(t, err)
	for _, run := range []string{"a", "B-2", "Ten_Chapter_Novel"} {
		j := start(t, s, run)
		write(t, j, items, false)
		e, err := state.ReadEvent(t.Context(), s, run, j.Last())
		require.NoError(t, err)
		require.NoError(t, s.SaveSnapshot(t.Context(), run, snapshotOf(run, e)))
		require.NoError(t, j.Close())
		list, err := collect(t.Context(), s, run, state.Query{})
		require.NoError(t, err)
		for _, e := range list {
			want[run] = append(want[run], textOf(run, e))
		}
	}
	require.NoError(t, s.Close())
	return file, want
}

// probe reads a damaged file in every way. Whatever it tells of events must be so; it returns how many runs were not
// whole, and whether anything said so.
func probe(t *testing.T, file string, want map[string][]string, what string) (short int, told bool) {
	t.Helper()
	s, err := Open(t.Context(), file, Options{})
	if err != nil {
		return len(want), true
	}
	defer func() { _ = s.Close() }() // the log of a broken file may be broken as well
	for _, err := range s.List(t.Context(), state.ListQuery{}) {
		told = told || err != nil
	}
	for run, texts := range want {
		n := 0
		for e, err := range s.Events(t.Context(), run, state.Query{}) {
			if err != nil {
				told = true
				break
			}
			require.Less(t, n, len(texts), what)
			require.Equal(t, texts[n], textOf(run, e), what)
			n++
		}
		if n < len(texts) {
			short++
		}
		report, err := s.Verify(t.Context(), run)
		told = told || err != nil || len(report.Damaged) > 0
		j, err := s.Open(t.Context(), run, state.OpenOptions{Mode: state.OpenExisting})
		if err != nil {
			told = true
			continue
		}
		require.NoError(t, j.Close())
	}
	return short, told
}

// TestFlippedBits flips bits all over a database. No event is ever wrong, and what is missing is told.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	file, want := sound(t, 40)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(5, 5))
	for range sizes.Get().SQLiteFlips {
		at, bit := rng.IntN(len(data)), rng.IntN(8)
		flipped := append([]byte(nil), data...)
		flipped[at] ^= 1 << bit
		name := filepath.Join(t.TempDir(), "runs.db")
		require.NoError(t, os.WriteFile(name, flipped, filePerm))
		what := fmt.Sprintf("bit %d of byte %d", bit, at)
		short, told := probe(t, name, want, what)
		require.True(t, short == 0 || told, "%s: %d runs lost events, and nothing tells it", what, short)
	}
}

// TestNameOfAnotherRun damages the index of the names so that it leads from one run to another, all of whose records are sound.
func TestNameOfAnotherRun(t *testing.T) {
	t.Parallel()
	file, want := sound(t, 3)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	entry := []byte("Ten_Chapter_Novel\x03") // its number is the third
	require.Equal(t, 1, bytes.Count(data, entry))
	require.NoError(t, os.WriteFile(file, bytes.ReplaceAll(data, entry, []byte("Ten_Chapter_Novel\x02")), filePerm))
	short, told := probe(t, file, want, "a name in the index")
	require.Equal(t, 1, short)
	require.True(t, told)
	s, err := Open(t.Context(), file, Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	_, err = s.Head(t.Context(), "Ten_Chapter_Novel")
	require.ErrorIs(t, err, state.ErrDamaged)
	require.ErrorContains(t, err, `run "B-2" is found under the name "Ten_Chapter_Novel"`)
	_, err = s.Head(t.Context(), "B-2")
	require.NoError(t, err)
}

// TestTruncatedFile cuts a database, and the log of one that was not closed.
func TestTruncatedFile(t *testing.T) {
	t.Parallel()
	file, want := sound(t, 40)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	for size := 0; size < len(data); size += len(data)/40 + 1 {
		name := filepath.Join(t.TempDir(), "runs.db")
		require.NoError(t, os.WriteFile(name, data[:size], filePerm))
		if size == 0 {
			continue // an empty file is a new database
		}
		short, told := probe(t, name, want, fmt.Sprintf("cut to %d", size))
		require.True(t, short == 0 || told, "cut to %d", size)
	}
}

// TestDamagedLog cuts the log of a process that died, and flips its bits: what is behind such a place was not acknowledged
// by anything that can be known, so it is an earlier state of the runs, without a wrong event.
func TestDamagedLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(t.Context(), filepath.Join(dir, "runs.db"), Options{})
	require.NoError(t, err)
	j := start(t, s, "a")
	write(t, j, 30, true)
	list, err := collect(t.Context(), s, "a", state.Query{})
	require.NoError(t, err)
	want := map[string][]string{"a": nil}
	for _, e := range list {
		want["a"] = append(want["a"], textOf("a", e))
	}
	db, err := os.ReadFile(s.File())
	require.NoError(t, err)
	wal, err := os.ReadFile(s.File() + "-wal")
	require.NoError(t, err)
	require.NoError(t, errors.Join(j.Close(), s.Close()))
	rng := rand.New(rand.NewPCG(9, 9))
	for range sizes.Get().SQLiteFlips {
		name := filepath.Join(t.TempDir(), "runs.db")
		require.NoError(t, os.WriteFile(name, db, filePerm))
		log, what := append([]byte(nil), wal...), ""
		if at := rng.IntN(len(log)); rng.IntN(2) == 0 {
			log, what = log[:at], fmt.Sprintf("log cut to %d", at)
		} else {
			log[at] ^= 1 << rng.IntN(8)
			what = fmt.Sprintf("byte %d of the log", at)
		}
		require.NoError(t, os.WriteFile(name+"-wal", log, filePerm))
		probe(t, name, want, what)
	}
}

// ruin overwrites a record in the database.
func ruin(t *testing.T, s *Store, run string, seq uint64, change string) {
	t.Helper()
	require.NoError(t, s.commits.commit(&op{do: func(c *conn) error {
		r, err := c.findRun(run)
		if err != nil {
			return err
		}
		return c.run(change, key(r.n, seq))
	}}))
}

const (
	spoil  = "UPDATE events SET record = CAST(replace(CAST(record AS TEXT), 'item', 'itex') AS BLOB) WHERE k = ?"
	forget = "DELETE FROM events WHERE k = ?"
)

func TestRepair(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	j := start(t, s, "a")
	write(t, j, 9, true)
	require.NoError(t, j.Close())
	report, err := s.Repair(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, state.Report{Records: 10}, report) // nothing to do

	before, err := collect(t.Context(), s, "a", state.Query{})
	require.NoError(t, err)
	require.NoError(t, s.SaveSnapshot(t.Context(), "a", snapshotOf("a", before[9])))
	ruin(t, s, "a", 4, spoil)
	ruin(t, s, "a", 6, forget)
	ruin(t, s, "a", 1, forget)
	ruin(t, s, "a", 10, forget) // the snapshot knows of it

	list, err := collect(t.Context(), s, "a", state.Query{From: 2})
	require.ErrorIs(t, err, state.ErrDamaged)
	require.Len(t, list, 2)
	var damaged *state.DamagedError
	require.ErrorAs(t, err, &damaged)
	require.EqualValues(t, 4, damaged.Seq)
	_, err = collect(t.Context(), s, "a", state.Query{From: 6, Limit: 1})
	require.ErrorIs(t, err, state.ErrDamaged)
	_, err = collect(t.Context(), s, "a", state.Query{From: 7})
	require.ErrorIs(t, err, state.ErrDamaged, "the last one is missing")
	_, err = s.Open(t.Context(), "a", state.OpenOptions{})
	require.ErrorIs(t, err, state.ErrDamaged)
	_, err = s.Head(t.Context(), "a")
	require.ErrorIs(t, err, state.ErrDamaged)
	for h, err := range s.List(t.Context(), state.ListQuery{Status: []state.Status{state.StatusFailed}}) {
		require.Equal(t, "a", h.Run)
		require.ErrorIs(t, err, state.ErrDamaged)
	}

	verified, err := s.Verify(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, 6, verified.Records)
	var lost []uint64
	for _, d := range verified.Damaged {
		lost = append(lost, d.Seq)
		require.NotEmpty(t, d.Why)
	}
	require.Equal(t, []uint64{1, 4, 6, 10}, lost)

	report, err = s.Repair(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, verified.Damaged, report.Damaged)
	require.NotEmpty(t, report.Copy)
	after, err := collect(t.Context(), s, "a", state.Query{})
	require.NoError(t, err)
	require.Len(t, after, 10)
	for i, e := range after {
		switch i {
		case 3, 5, 9:
			mark, ok := e.Data.(state.JournalMark)
			require.True(t, ok)
			require.Equal(t, state.MarkRepaired, mark.Kind)
			require.EqualValues(t, i+1, mark.From)
		default:
			require.Equal(t, textOf("a", before[i]), textOf("a", e))
		}
	}
	require.Equal(t, 1, s.count(t, "SELECT count(*) FROM damaged WHERE seq = 4 AND CAST(record AS TEXT) LIKE '%itex.completed%'"))
	verified, err = s.Verify(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, state.Report{Records: 10}, verified)
	_, err = s.LoadSnapshot(t.Context(), "a")
	require.ErrorIs(t, err, state.ErrNotFound)
	j = resume(t, s, "a")
	write(t, j, 1, true)
	require.NoError(t, j.Close())
}

// TestRepairWithoutAFirstRecord can't be done, and changes nothing.
func TestRepairWithoutAFirstRecord(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	j := start(t, s, "a")
	write(t, j, 2, true)
	e, err := state.ReadEvent(t.Context(), s, "a", 2)
	require.NoError(t, err)
	require.NoError(t, j.Close())
	ruin(t, s, "a", 1, forget)
	require.NoError(t, s.commits.commit(&op{do: func(c *conn) error { return c.run("UPDATE runs SET created = 'x'") }}))
	_, err = s.Head(t.Context(), "a")
	require.ErrorIs(t, err, state.ErrDamaged)
	_, err = s.Repair(t.Context(), "a")
	require.ErrorContains(t, err, "nothing was changed")
	require.Equal(t, 0, s.count(t, "SELECT count(*) FROM damaged"))

	require.NoError(t, s.SaveSnapshot(t.Context(), "a", snapshotOf("a", e))) // holds a copy
	_, err = s.Repair(t.Context(), "a")
	require.NoError(t, err)
	j = resume(t, s, "a")
	require.EqualValues(t, 3, j.Last())
	require.NoError(t, j.Close())
}

func TestSnapshotProvesNothingThatIsNotThere(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	j := start(t, s, "a")
	write(t, j, 2, true)
	e, err := state.ReadEvent(t.Context(), s, "a", 3)
	require.NoError(t, err)
	ahead := e
	ahead.Seq = 4
	require.ErrorContains(t, s.SaveSnapshot(t.Context(), "a", snapshotOf("a", ahead)), "it covers 4 records, and there are 3")
	require.NoError(t, s.SaveSnapshot(t.Context(), "a", snapshotOf("a", e)))
	require.NoError(t, j.Close())
	// Somebody put another sound record in the place of the one that the snapshot has seen.
	other := number(2, item("2", "something else"))[0]
	text, err := state.AppendRecord(nil, idOf("a"), other)
	require.NoError(t, err)
	require.NoError(t, s.commits.commit(&op{do: func(c *conn) error {
		return c.run("UPDATE events SET record = ? WHERE k = ?", text[:len(text)-1], key(1, 3))
	}}))
	_, err = s.Open(t.Context(), "a", state.OpenOptions{})
	require.ErrorIs(t, err, state.ErrDamaged)
}

func TestUnreadableRequest(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	require.NoError(t, start(t, s, "a").Close())
	r := state.Request{Kind: state.AskApprove, Step: "x"}
	require.NoError(t, s.Ask(t.Context(), "a", r))
	require.NoError(t, s.commits.commit(&op{do: func(c *conn) error {
		return c.run("INSERT INTO requests (run, kind, stale, body) VALUES (1, 'approve', '', 'not JSON')")
	}}))
	list, err := s.Requests(t.Context(), "a")
	require.Len(t, list, 1)
	var syntax *json.SyntaxError
	require.ErrorAs(t, err, &syntax)
}
