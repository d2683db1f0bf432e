package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// checkReaders: who reads while another writes sees a beginning of the run without gaps, never less than before, and nothing
// before it is there for all.
func checkReaders(t testing.TB, s state.Store) {
	const events, readers = 200, 4
	w := start(t, s, run)
	var acknowledged atomic.Int64
	acknowledged.Store(1)
	var group sync.WaitGroup
	for range readers {
		group.Go(func() {
			for last := int64(0); last <= events; {
				least := acknowledged.Load()
				list, err := collect(t.Context(), s, run, state.Query{})
				if n := int64(len(list)); err != nil || n < last || n < least {
					t.Errorf("read %d events after %d, of which %d were acknowledged: %v", n, last, least, err)
					return
				}
				for i, e := range list {
					if e.Seq != uint64(i+1) {
						t.Errorf("event %d at position %d", e.Seq, i+1)
						return
					}
				}
				last = int64(len(list))
				if h, err := s.Head(t.Context(), run); err != nil || int64(h.Last) < last || h.Holder == nil {
					t.Errorf("head %+v: %v", h, err)
					return
				}
			}
		})
	}
	for i := range events {
		w.append(i%10 == 0, note(fmt.Sprint(i), strings.Repeat("x", i*10)))
		acknowledged.Add(1)
	}
	group.Wait()
	same(t, w.sent, read(t, s, run, state.Query{}))
}

// checkApart: what is written to one run is not in another, whatever their names have in common.
func checkApart(t testing.TB, s state.Store) {
	names := []string{"a", "a.b", "a-b", "A", "b"}
	var writers []*writer
	for _, name := range names {
		j, err := s.Open(t.Context(), name, state.OpenOptions{Mode: state.Create})
		if err != nil && name == "A" {
			writers = append(writers, nil) // on some file systems A is a
			continue
		}
		require.NoError(t, err)
		t.Cleanup(func() { _ = j.Close() })
		w := &writer{t: t, j: j}
		w.commit(created(name))
		writers = append(writers, w)
	}
	for i := range 30 {
		for k, w := range writers {
			if w != nil {
				w.append(i%7 == k, note(fmt.Sprint(i), names[k]))
			}
		}
	}
	for k, w := range writers {
		if w == nil {
			continue
		}
		w.commit()
		same(t, w.sent, read(t, s, names[k], state.Query{}))
		e, err := state.ReadEvent(t.Context(), s, names[k], 9)
		require.NoError(t, err)
		same(t, w.sent[8:9], []state.Event{e})
	}
}

func checkQueries(t testing.TB, s state.Store) {
	w := start(t, s, run)
	for i := range 8 {
		w.commit(note(fmt.Sprint(i%2), "x"))
	}
	w.commit(state.New(state.Scope{Step: "prose", Item: "1", Do: "d"}, state.DoCompleted{Key: "d", Result: json.RawMessage("1")}))
	w.commit(state.New(state.Scope{Step: "plan"}, state.StepStarted{}))
	for name, c := range map[string]struct {
		q    state.Query
		want []uint64
	}{
		"all":             {state.Query{}, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
		"from":            {state.Query{From: 9}, []uint64{9, 10, 11}},
		"from the first":  {state.Query{From: 1, Limit: 2}, []uint64{1, 2}},
		"one by number":   {state.Query{From: 5, Limit: 1}, []uint64{5}},
		"the last":        {state.Query{From: 11, Limit: 1}, []uint64{11}},
		"behind the last": {state.Query{From: 12, Limit: 1}, nil},
		"far behind":      {state.Query{From: 1 << 60}, nil},
		"limit beyond":    {state.Query{From: 10, Limit: 100}, []uint64{10, 11}},
		"step":            {state.Query{Scope: &state.Scope{Step: "plan"}}, []uint64{11}},
		"item":            {state.Query{Scope: &state.Scope{Step: "prose", Item: "1"}}, []uint64{3, 5, 7, 9, 10}},
		"item, from":      {state.Query{From: 4, Scope: &state.Scope{Step: "prose", Item: "1"}}, []uint64{5, 7, 9, 10}},
		"the limit counts what is yielded": {
			state.Query{Limit: 2, Scope: &state.Scope{Step: "prose", Item: "1"}}, []uint64{3, 5},
		},
		"no such step": {state.Query{Scope: &state.Scope{Step: "none"}}, nil},
	} {
		require.Equal(t, c.want, numbers(read(t, s, run, c.q)), name)
	}
	for n := uint64(1); n <= 11; n++ { // results are read back by their numbers
		list := read(t, s, run, state.Query{From: n, Limit: 1})
		same(t, w.sent[n-1:n], list)
	}
	for _, err := range s.Events(t.Context(), run, state.Query{}) {
		require.NoError(t, err)
		break // the caller may stop at any event
	}
}

func checkHead(t testing.TB, s state.Store) {
	_, err := s.Head(t.Context(), run)
	require.ErrorIs(t, err, state.ErrNotFound)
	w := start(t, s, run)
	w.commit(note("1", "a"))
	w.commit(note("2", "b"))
	h, err := s.Head(t.Context(), run)
	require.NoError(t, err)
	require.Equal(t, run, h.Run)
	require.Equal(t, idOf(run), h.RunID)
	require.Equal(t, "novel", h.Pipeline)
	require.EqualValues(t, 3, h.Last)
	require.GreaterOrEqual(t, h.Proven, uint64(2))
	require.Positive(t, h.Size)
	require.NotNil(t, h.Holder)
	require.NotZero(t, h.Holder.PID)
	w.close()
	h, err = s.Head(t.Context(), run)
	require.NoError(t, err)
	require.Nil(t, h.Holder)
}

func checkRemove(t testing.TB, s state.Store) {
	for _, o := range []state.RemoveOptions{{}, {Archive: true}, {Archive: true, Suffix: "old"}} {
		require.ErrorIs(t, s.Remove(t.Context(), run, o), state.ErrNotFound)
		w := start(t, s, run)
		w.commit(note("1", "a"))
		w.close()
		require.Len(t, read(t, s, run, state.Query{}), 2)
		require.NoError(t, s.Remove(t.Context(), run, o))
		_, err := s.Head(t.Context(), run)
		require.ErrorIs(t, err, state.ErrNotFound)
		_, err = collect(t.Context(), s, run, state.Query{})
		require.ErrorIs(t, err, state.ErrNotFound)
		for h, err := range s.List(t.Context(), state.ListQuery{}) {
			t.Fatalf("%s is still listed: %v", h.Run, err)
		}
	}
	w := start(t, s, run) // the name is free again
	require.EqualValues(t, 1, w.j.Last())
	w.close()
	require.Error(t, s.Remove(t.Context(), run, state.RemoveOptions{Archive: true, Suffix: "../../x"}))
	require.ErrorIs(t, s.Remove(t.Context(), run, state.RemoveOptions{Archive: true, Suffix: "old"}), state.ErrExists)
	require.Len(t, read(t, s, run, state.Query{}), 1)
}

func checkNames(t testing.TB, s state.Store) {
	for _, name := range []string{"", ".", "..", "../up", "a/b", `a\b`, ".archive", "a.", "con", "NUL.txt", "ä", "a b",
		"a\x00", strings.Repeat("x", 129)} {
		_, err := s.Open(t.Context(), name, state.OpenOptions{})
		require.ErrorIs(t, err, state.ErrName, "%q", name)
		_, err = s.Head(t.Context(), name)
		require.ErrorIs(t, err, state.ErrName, "%q", name)
		_, err = collect(t.Context(), s, name, state.Query{})
		require.ErrorIs(t, err, state.ErrName, "%q", name)
		require.ErrorIs(t, s.Remove(t.Context(), name, state.RemoveOptions{}), state.ErrName, "%q", name)
	}
	for _, name := range []string{"0", "Ten_Chapter-Novel.v2", strings.Repeat("x", 128)} {
		start(t, s, name).close()
	}
}

func checkOddBytes(t testing.TB, s state.Store) {
	w := start(t, s, run)
	odd := []string{"a/b", "../..", `"quoted"`, "line\nline\r\n", "\u2028\u2029", "<&>", "\x00\x01\x7f", "ключ 鍵 🗝",
		`{"seq":1,"d":0}`, `,"crc":"00000000"}`, " ", strings.Repeat("k", 10_000)}
	for _, key := range odd {
		w.commit(note(key, key))
	}
	w.close()
	resume(t, s, run, state.OpenExisting).close()
	same(t, w.sent, read(t, s, run, state.Query{}))
	for i, key := range odd {
		list := read(t, s, run, state.Query{Scope: &state.Scope{Step: "prose", Item: key}})
		require.Equal(t, []uint64{uint64(i + 2)}, numbers(list), "%q", key)
	}
}
