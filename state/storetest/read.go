package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

func checkReaders(t *testing.T, s state.Store) {
	const events, readers = 200, 4
	w := start(t, s, run)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for last := 0; ctx.Err() == nil && last <= events; {
				list, err := collect(t.Context(), s, run, state.Query{})
				if err != nil || len(list) < last {
					t.Errorf("read %d events after %d: %v", len(list), last, err)
					return
				}
				for i, e := range list {
					if e.Seq != uint64(i+1) {
						t.Errorf("event %d at position %d", e.Seq, i+1)
						return
					}
				}
				last = len(list)
				if h, err := s.Head(t.Context(), run); err != nil || h.Last < uint64(last) || h.Holder == nil {
					t.Errorf("head %+v: %v", h, err)
					return
				}
			}
		})
	}
	for i := range events {
		w.append(i%10 == 0, note(fmt.Sprint(i), strings.Repeat("x", i*10)))
	}
	wg.Wait()
	same(t, w.sent, read(t, s, run, state.Query{}))
}

func checkQueries(t *testing.T, s state.Store) {
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

func checkHead(t *testing.T, s state.Store) {
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

func checkList(t *testing.T, s state.Store) {
	names := []string{"a", "a.b", "b-1", "b-2", "c"}
	for i := range names {
		start(t, s, names[len(names)-1-i]).close()
	}
	list := func(q state.ListQuery) (found []string) {
		for h, err := range s.List(t.Context(), q) {
			require.NoError(t, err)
			require.Equal(t, idOf(h.Run), h.RunID)
			found = append(found, h.Run)
		}
		return found
	}
	require.Equal(t, names, list(state.ListQuery{}))
	require.Equal(t, names[:2], list(state.ListQuery{Limit: 2}))
	require.Equal(t, names[2:4], list(state.ListQuery{After: names[1], Limit: 2}))
	require.Equal(t, names[4:], list(state.ListQuery{After: "b-2x"}))
	require.Empty(t, list(state.ListQuery{After: "z"}))
}

func checkRemove(t *testing.T, s state.Store) {
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

func checkNames(t *testing.T, s state.Store) {
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

func checkOddBytes(t *testing.T, s state.Store) {
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

func checkBig(t *testing.T, s state.Store) {
	w := start(t, s, run)
	for _, size := range []int{1 << 10, 256<<10 - 1, 256 << 10, 1<<20 + 1, 4 << 20} {
		text, err := state.Marshal(strings.Repeat("é", size/2))
		require.NoError(t, err)
		w.commit(state.New(state.Scope{Step: "prose", Item: fmt.Sprint(size)}, state.ItemCompleted{Result: text, Hash: "h"}))
		w.note(note("small", "beside it"))
	}
	same(t, w.sent, read(t, s, run, state.Query{}))
	w.close()
	resume(t, s, run, state.OpenExisting).close()
	for i := range w.sent {
		same(t, w.sent[i:i+1], read(t, s, run, state.Query{From: uint64(i + 1), Limit: 1}))
	}
}
