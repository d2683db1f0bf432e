package dashboard

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/state/memstore"
)

// TestRunsThatCanNotBeRead: damaged, of a newer format, removed: shown as such, in the list, alone, and to streams.
func TestRunsThatCanNotBeRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := filestore.Open(dir)
	require.NoError(t, err)
	for _, name := range []string{"Damaged", "Newer", "Sound"} {
		j := begin(t, store, name, 3)
		j.finish(0)
		j.close()
	}
	change(t, dir, "Damaged", func(s string) string { return strings.Replace(s, `"item 1"`, `"item 7"`, 1) })
	change(t, dir, "Newer", func(s string) string { return strings.Replace(s, `"format":1`, `"format":9`, 1) })
	store, err = filestore.Open(dir)
	require.NoError(t, err)
	b := newBoard(t, Config{Store: store})
	for _, s := range get[RunList](b, "/api/runs?sort=name").Runs {
		require.Equal(t, s.Run != "Sound", s.Error != "", s.Run)
		if s.Run == "Sound" {
			continue
		}
		for path, want := range map[string]int{"/api/runs/": 422, "/events?run=": 422} {
			r := b.do(http.MethodGet, path+s.Run, "", nil)
			require.Equal(t, want, r.StatusCode, r.body)
			require.Contains(t, r.body, `"hint"`)
		}
	}
	// Damage that comes while somebody looks at the run is told, and so is the end of it.
	c := b.listen("?run=Sound", "")
	c.next()
	whole := change(t, dir, "Sound", func(s string) string { return strings.Replace(s, `"item 1"`, `"item 7"`, 1) })
	require.Contains(t, decode[RunView](t, c.find(streamRun, anyData).data).Error, "damaged")
	change(t, dir, "Sound", func(string) string { return whole })
	v := decode[RunView](t, c.find(streamRun, anyData).data)
	require.Empty(t, v.Error)
	require.Equal(t, 1, v.Done)
	require.True(t, decode[Change](t, c.find(streamItems, anyData).data).Stale, "what happened meanwhile is not known")
}

// TestALongerJournalInThePlaceOfAnother: the run's id tells them apart, not the numbers of events.
func TestALongerJournalInThePlaceOfAnother(t *testing.T) {
	t.Parallel()
	b := newBoard(t, Config{Poll: time.Hour})
	j := begin(t, b.store, "Ten", 3)
	j.finish(0)
	f, err := b.current(t.Context(), "Ten")
	require.NoError(t, err)
	j.close()
	require.NoError(t, b.store.Remove(t.Context(), "Ten", state.RemoveOptions{}))
	j = begin(t, b.store, "Ten", 9)
	for i := range 5 {
		j.finish(i)
	}
	require.NoError(t, f.refresh(t.Context(), 0))
	v, err := f.view()
	require.NoError(t, err)
	require.Equal(t, 9, v.Total)
	require.Equal(t, 5, v.Done)
}

// change rewrites a journal, under another file as an editor does, and returns what it was.
func change(t *testing.T, dir, run string, how func(string) string) string {
	t.Helper()
	path := filepath.Join(dir, run, "journal.jsonl")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	next := how(string(data))
	require.NotEqual(t, string(data), next)
	require.NoError(t, os.WriteFile(path+".new", []byte(next), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
	return string(data)
}

// TestALongListIsPagedFilteredAndSorted: every run once, in order, whatever the page.
func TestALongListIsPagedFilteredAndSorted(t *testing.T) {
	t.Parallel()
	const runs = 25
	b := newBoard(t, Config{})
	for i := range runs {
		j := begin(t, b.store, fmt.Sprintf("Run-%02d", i), 10)
		for n := range i % 5 {
			j.finish(n)
		}
		if i%2 == 0 {
			j.emit("", "", state.RunStopped{Status: state.StatusPaused})
		}
		j.close()
	}
	all := func(query string) (names []string, list []RunSummary) {
		after := ""
		for range runs {
			page := get[RunList](b, "/api/runs?limit=7"+query+"&after="+after)
			require.LessOrEqual(t, len(page.Runs), 7)
			for _, r := range page.Runs {
				names, list = append(names, r.Run), append(list, r)
			}
			if after = page.Next; after == "" {
				return names, list
			}
		}
		require.Fail(t, "the pages never end")
		return nil, nil
	}
	names, _ := all("&sort=name")
	require.IsIncreasing(t, names)
	require.Len(t, names, runs)
	down, list := all("&sort=-updated")
	require.Len(t, down, runs)
	for i := range runs - 1 {
		require.False(t, list[i].Updated.Before(list[i+1].Updated))
	}
	_, list = all("&sort=-progress")
	for i := range runs - 1 {
		require.GreaterOrEqual(t, list[i].Progress, list[i+1].Progress)
	}
	names, _ = all("&status=paused")
	require.Len(t, names, 13)
	names, _ = all("&status=interrupted&q=RUN-1")
	require.Len(t, names, 5)
	require.Len(t, get[RunList](b, "/api/runs?sort=name&limit=200&after=7~gone").Runs, runs-7, "where the run was that is gone")
}

// TestAListReadsOnlyWhatChanged: a summary is kept by run and last event.
func TestAListReadsOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	counted := &countingStore{Store: memstore.New()}
	b := newBoard(t, Config{Store: counted})
	var last *journal
	for i := range 20 {
		last = begin(t, counted.Store, fmt.Sprint("Run", i), 5)
	}
	get[RunList](b, "/api/runs?sort=cost")
	first := counted.reads
	require.GreaterOrEqual(t, first, 20)
	last.finish(0)
	<-time.After(50 * time.Millisecond) // summaries of a run that grows may be a little old
	get[RunList](b, "/api/runs?sort=cost")
	require.Less(t, counted.reads-first, 5)
}

// countingStore counts how often a run is read. One request is made at a time.
type countingStore struct {
	state.Store
	reads int
}

func (s *countingStore) Events(ctx context.Context, run string, q state.Query) iter.Seq2[state.Event, error] {
	s.reads++
	return s.Store.Events(ctx, run, q)
}

// TestRunsInMemoryAreBounded: the one that nobody asked for the longest makes room; those with streams stay.
func TestRunsInMemoryAreBounded(t *testing.T) {
	t.Parallel()
	b := newBoard(t, Config{MaxRuns: 2})
	for i := range 5 {
		begin(t, b.store, fmt.Sprint("Run", i), 5)
	}
	for i := range 5 {
		get[RunView](b, fmt.Sprint("/api/runs/Run", i))
		require.LessOrEqual(t, b.runs.count(), 2)
	}
	b.listen("?run=Run0", "").next()
	b.listen("?run=Run1", "").next()
	r := b.do(http.MethodGet, "/api/runs/Run2", "", nil)
	require.Equal(t, http.StatusServiceUnavailable, r.StatusCode)
	require.NotEmpty(t, r.Header.Get("Retry-After"))
	require.Equal(t, http.StatusNotFound, b.do(http.MethodGet, "/api/runs/%2e%2e", "", nil).StatusCode)
}

// TestARunThatNobodyLooksAtIsForgotten: after some minutes, and read anew when somebody asks again.
func TestARunThatNobodyLooksAtIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		d, err := New(Config{Store: store, Logger: zap.NewNop()})
		require.NoError(t, err)
		j := begin(t, store, "Ten", 3)
		_, err = d.runView(t.Context(), "Ten")
		require.NoError(t, err)
		require.Equal(t, 1, d.runs.count())
		<-time.After(2 * dropAfter)
		synctest.Wait()
		require.Zero(t, d.runs.count())
		j.finish(0)
		v, err := d.runView(t.Context(), "Ten")
		require.NoError(t, err)
		require.Equal(t, 1, v.Done)
		j.close()
		require.NoError(t, d.Close(t.Context()))
	})
}

func (s *followers) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}
