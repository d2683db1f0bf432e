// Package storetest proves that a [state.Store] keeps its promises. Whoever writes a store runs it in a test:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) state.Store { return mystore.New(t.TempDir()) })
//	}
//
// It does not cut the power: what survives a crash is for the store's own tests, which can reach below it.
package storetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// Run runs every check as a subtest, each with a new, empty store. A store that implements [state.Snapshots] or
// [state.Inbox] is held to these as well.
func Run(t *testing.T, open func(t *testing.T) state.Store) {
	for _, c := range []struct {
		name  string
		check func(t *testing.T, s state.Store)
	}{
		{"events come back in order and whole", checkOrder},
		{"modes of Open", checkModes},
		{"a run begins with its first append", checkBeginning},
		{"appending again what is there counts as written", checkIdempotent},
		{"wrong numbers are refused for good", checkNumbers},
		{"a batch with an event that can't be written", checkBadBatch},
		{"one writer", checkOneWriter},
		{"readers work beside a writer", checkReaders},
		{"queries", checkQueries},
		{"heads", checkHead},
		{"listing", checkList},
		{"removing", checkRemove},
		{"names", checkNames},
		{"odd keys and bytes", checkOddBytes},
		{"big events", checkBig},
		{"closing while appending", checkClose},
		{"cancelled contexts", checkContext},
		{"a scope or an epoch", checkUnsupported},
		{"snapshots", checkSnapshots},
		{"inbox", checkInbox},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.check(t, open(t))
		})
	}
}

const run = "Ten_Chapter_Novel"

// writer numbers events as the Recorder does, and keeps what it wrote.
type writer struct {
	t       *testing.T
	j       state.Journal
	durable uint64
	sent    []state.Event
}

// start makes a new run.
func start(t *testing.T, s state.Store, name string) *writer {
	t.Helper()
	w := resume(t, s, name, state.Create)
	w.commit(created(name))
	return w
}

func resume(t *testing.T, s state.Store, name string, mode state.Mode) *writer {
	t.Helper()
	j, err := s.Open(t.Context(), name, state.OpenOptions{Mode: mode})
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() })
	return &writer{t: t, j: j, durable: j.Last()}
}

func created(name string) state.Event {
	return state.New(state.Scope{}, state.RunCreated{
		Format: state.Format, RunID: idOf(name), Name: name, Pipeline: "novel",
		Steps: []state.StepDef{{Name: "prose", Kind: state.KindEach}},
	})
}

func idOf(name string) string { return "id-of-" + name[:min(len(name), 32)] }

func note(item, text string) state.Event {
	return state.New(state.Scope{Step: "prose", Item: item}, state.RunWarning{Code: "c", Message: text})
}

// number gives the events the numbers that come next.
func (w *writer) number(events []state.Event) []state.Event {
	for i := range events {
		events[i].Seq = w.j.Last() + uint64(i) + 1
		events[i].Durable, events[i].Epoch = w.durable, 1
	}
	return events
}

func (w *writer) append(sync bool, events ...state.Event) {
	w.t.Helper()
	events = w.number(events)
	require.NoError(w.t, w.j.Append(w.t.Context(), events, sync))
	w.sent = append(w.sent, events...)
	if sync {
		w.durable = w.j.Last()
	}
}

func (w *writer) note(events ...state.Event)   { w.t.Helper(); w.append(false, events...) }
func (w *writer) commit(events ...state.Event) { w.t.Helper(); w.append(true, events...) }
func (w *writer) close()                       { w.t.Helper(); require.NoError(w.t, w.j.Close()) }

// read collects what a query yields, which must be without error.
func read(t *testing.T, s state.Store, name string, q state.Query) []state.Event {
	t.Helper()
	list, err := collect(t.Context(), s, name, q)
	require.NoError(t, err)
	return list
}

func collect(ctx context.Context, s state.Store, name string, q state.Query) ([]state.Event, error) {
	var list []state.Event
	for e, err := range s.Events(ctx, name, q) {
		if err != nil {
			return list, err
		}
		list = append(list, e)
	}
	return list, nil
}

func numbers(list []state.Event) []uint64 {
	var n []uint64
	for _, e := range list {
		n = append(n, e.Seq)
	}
	return n
}

// same compares what was read with what was written, leaving out the checksum, which only a reader knows.
func same(t *testing.T, want, got []state.Event) {
	t.Helper()
	require.Equal(t, numbers(want), numbers(got))
	for i := range want {
		require.Equal(t, want[i].Type, got[i].Type)
		require.Equal(t, want[i].Scope, got[i].Scope)
		require.Equal(t, want[i].Data, got[i].Data)
		require.Equal(t, want[i].Durable, got[i].Durable)
		require.Equal(t, want[i].Epoch, got[i].Epoch)
		require.NotZero(t, got[i].Checksum())
	}
}
