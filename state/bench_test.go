package state_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
)

// prose is a JSON string of about n bytes, as a model's text gives it.
func prose(tb testing.TB, n int) []byte {
	const line = "“I never said that,” she told him, and put the café's only \"clean\" cup back on the shelf. He did not look up.\n"
	raw, err := state.Marshal(strings.Repeat(line, n/len(line)+1)[:n])
	require.NoError(tb, err)
	return raw
}

func itemEvent(tb testing.TB, size int) state.Event {
	e := state.New(state.Scope{Step: "prose", Item: "chapter-3/scene-2"}, state.ItemCompleted{
		Result: prose(tb, size), Hash: "0123456789abcdef0123456789abcdef", Version: "1",
		Reads: []state.Read{{Source: "outline", Hash: "0123456789abcdef0123456789abcdef"}},
	})
	e.Attempt = 1
	return e
}

// BenchmarkAppendRecord is the encoding of one record.
func BenchmarkAppendRecord(b *testing.B) {
	for _, size := range []int{100, 4 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			e := itemEvent(b, size)
			e.Seq, e.Durable, e.Epoch = 12345, 12340, 1
			var buf []byte
			var err error
			b.ReportAllocs()
			for b.Loop() {
				if buf, err = state.AppendRecord(buf[:0], "0123456789abcdef", e); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(buf)))
		})
	}
}

// discard is a store whose journals encode what they are given, and keep nothing: what is left is the Recorder's cost.
type discard struct{ *memstore.Store }

func (d discard) Open(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
	j, err := d.Store.Open(ctx, run, o)
	return &discardJournal{Journal: j}, err
}

type discardJournal struct {
	state.Journal
	last uint64
	buf  []byte
}

func (j *discardJournal) Last() uint64 { return j.last }

func (j *discardJournal) Append(_ context.Context, events []state.Event, _ bool) (err error) {
	j.buf = j.buf[:0]
	for _, e := range events {
		if j.buf, err = state.AppendRecord(j.buf, "0123456789abcdef", e); err != nil {
			return err
		}
	}
	j.last = events[len(events)-1].Seq
	return nil
}

// BenchmarkRecorder is a durable event of 4 KB, from one goroutine, without a disk.
func BenchmarkRecorder(b *testing.B) {
	rec, err := state.OpenRecorder(b.Context(), discard{memstore.New()}, "run", state.RecorderOptions{})
	require.NoError(b, err)
	_, err = rec.Commit(created())
	require.NoError(b, err)
	e := itemEvent(b, 4<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rec.Commit(e); err != nil {
			b.Fatal(err)
		}
	}
	_ = rec.Close(context.Background()) // the journal has lost what was written: nothing to learn from it
}
