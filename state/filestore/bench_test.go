package filestore

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// bareFile is what a durable append costs without a journal: one write and one fdatasync.
type bareFile struct {
	vfs.File
	end int64
}

func newBareFile(b *testing.B, name string, preallocated int64) *bareFile {
	b.Helper()
	f, err := vfs.OS{}.OpenFile(filepath.Join(b.TempDir(), name), os.O_RDWR|os.O_CREATE, filePerm)
	require.NoError(b, err)
	b.Cleanup(func() { _ = f.Close() })
	if preallocated > 0 {
		_, err = f.WriteAt(bytes.Repeat([]byte{'\n'}, int(preallocated)), 0)
		require.NoError(b, err)
		require.NoError(b, f.Sync())
	}
	return &bareFile{File: f}
}

func (f *bareFile) write(b *testing.B, data []byte) time.Duration {
	begin := time.Now()
	_, err := f.WriteAt(data, f.end)
	if err == nil {
		err = f.SyncData()
	}
	if err != nil {
		b.Fatal(err)
	}
	f.end += int64(len(data))
	return time.Since(begin)
}

// BenchmarkDurableAppend compares a durable append of a result of 4 KB with the bare write and fdatasync of as many
// bytes: behind the end of a file, and over blocks that the file has. The three take turns, so that what else the
// machine does meets them alike; the ratios are of their medians, and of their means.
func BenchmarkDurableAppend(b *testing.B) {
	s, err := Open(b.TempDir())
	require.NoError(b, err)
	j, err := s.Open(noContext(), testRun, state.OpenOptions{})
	require.NoError(b, err)
	require.NoError(b, j.Append(noContext(), []state.Event{first()}, true))
	result, err := json.Marshal(string(bytes.Repeat([]byte("text "), 820)))
	require.NoError(b, err)
	appended, over := newBareFile(b, "appended", 0), newBareFile(b, "over", int64(b.N+1)*5000)
	var ours, growing, overwrite []time.Duration
	line := func() state.Event {
		e := state.New(state.Scope{Step: "prose", Item: "1"}, state.ItemCompleted{Result: result, Hash: "h"})
		e.Seq, e.Durable, e.Epoch, e.Time = j.Last()+1, j.Last(), 1, time.Now()
		return e
	}
	bare, err := state.AppendRecord(nil, testID, line())
	require.NoError(b, err)
	turns := []func(){
		func() {
			e := line()
			begin := time.Now()
			if err := j.Append(noContext(), []state.Event{e}, true); err != nil {
				b.Fatal(err)
			}
			ours = append(ours, time.Since(begin))
		},
		func() { growing = append(growing, appended.write(b, bare)) },
		func() { overwrite = append(overwrite, over.write(b, bare)) },
	}
	for i := range b.N * len(turns) {
		turns[(i+i/len(turns))%len(turns)]() // each follows each other one
	}
	require.NoError(b, j.Close())
	b.ReportMetric(0, "ns/op") // of all three together, which says nothing
	b.ReportMetric(median(ours)/median(growing), "×append")
	b.ReportMetric(median(ours)/median(overwrite), "×overwrite")
	b.ReportMetric(mean(ours)/mean(growing), "mean×append")
	b.ReportMetric(mean(ours)/mean(overwrite), "mean×overwrite")
	b.ReportMetric(median(growing)/median(overwrite), "append×overwrite")
}

func median(list []time.Duration) float64 {
	slices.Sort(list)
	return float64(list[len(list)/2])
}

func mean(list []time.Duration) float64 {
	sum := time.Duration(0)
	for _, d := range list {
		sum += d
	}
	return float64(sum) / float64(len(list))
}

// BenchmarkAppendUnsynced is what the processor has to do for an append of 4 KB, and what it allocates.
func BenchmarkAppendUnsynced(b *testing.B) {
	s, err := OpenWith(b.TempDir(), Options{Sync: state.SyncNone})
	require.NoError(b, err)
	j, err := s.Open(noContext(), testRun, state.OpenOptions{})
	require.NoError(b, err)
	require.NoError(b, j.Append(noContext(), []state.Event{first()}, true))
	result, err := json.Marshal(string(bytes.Repeat([]byte("text "), 820)))
	require.NoError(b, err)
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		e := state.New(state.Scope{Step: "prose", Item: "1"}, state.ItemCompleted{Result: result, Hash: "h"})
		e.Seq, e.Durable, e.Epoch, e.Time = j.Last()+1, j.Last(), 1, now
		if err := j.Append(noContext(), []state.Event{e}, true); err != nil {
			b.Fatal(err)
		}
	}
	require.NoError(b, j.Close())
}

// BenchmarkOpen opens a journal of 100,000 records, 45 MB, that is in the system's memory.
func BenchmarkOpen(b *testing.B) {
	s, err := OpenWith(b.TempDir(), Options{Sync: state.SyncNone})
	require.NoError(b, err)
	writeLong(b, s, 100_000)
	h, err := s.Head(noContext(), testRun)
	require.NoError(b, err)
	b.SetBytes(h.Size)
	b.ReportAllocs()
	for b.Loop() {
		j, err := open(s.fs, s.dir).Open(noContext(), testRun, state.OpenOptions{})
		require.NoError(b, err)
		require.NoError(b, j.Close())
	}
}
