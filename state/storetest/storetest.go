// Package storetest proves that a [state.Store] keeps its promises. Whoever writes a store runs it in a test:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) state.Store { return mystore.New(t.TempDir()) })
//	}
//
// [RunWith] proves more of a store that can be opened again, and of one with leases. Neither cuts the power: what survives a
// crash is for the store's own tests, which can reach below it.
package storetest

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// Options say how a store is opened, and what can be done to it from outside.
type Options struct {
	// Open returns a new, empty store, which ends with the test. It is required.
	Open func(t *testing.T) state.Store

	// Reopen opens what s keeps once more, as another process would: it must share nothing with s but the place where that
	// keeps its runs. Both are used side by side. Defaults to skipping what needs it.
	Reopen func(t testing.TB, s state.Store) state.Store

	// Expire lets the lease run out by which somebody holds a run, as if that one had not been heard of for long enough.
	// Defaults to skipping what needs it: a lock that lasts as long as its process can't be lost.
	Expire func(t testing.TB, s state.Store, run string)
}

// Run is RunWith for a store of which no more is known than how to make one.
func Run(t *testing.T, open func(t *testing.T) state.Store) {
	RunWith(t, Options{Open: open})
}

// RunWith runs every check as a subtest, each with a new, empty store. A store that implements [state.Snapshots],
// [state.SnapshotStreams], [state.Inbox] or [state.Repairer] is held to these as well. How large the checks are is said by the
// table of package sizes.
func RunWith(t *testing.T, o Options) {
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, subject{o.Open(t), o.Reopen, o.Expire})
		})
	}
}

// subject is the store of one check.
type subject struct {
	state.Store
	reopen func(t testing.TB, s state.Store) state.Store
	expire func(t testing.TB, s state.Store, run string)
}

// again opens the store once more.
func (s subject) again(t testing.TB) state.Store {
	t.Helper()
	if s.reopen == nil {
		t.Skip("how to open the store again is not said: Options.Reopen")
	}
	return s.reopen(t, s.Store)
}

// check is one promise. It says by t that the promise is not kept; nothing else stops it.
type check struct {
	name string
	run  func(t testing.TB, s subject)
}

func checks() []check {
	plain := func(run func(testing.TB, state.Store)) func(testing.TB, subject) {
		return func(t testing.TB, s subject) { run(t, s.Store) }
	}
	return []check{
		{"events come back in order and whole", plain(checkOrder)},
		{"events of every type", plain(checkTypes)},
		{"modes of Open", plain(checkModes)},
		{"a run begins with its first append", plain(checkBeginning)},
		{"appending again what is there counts as written", plain(checkIdempotent)},
		{"wrong numbers are refused for good", plain(checkNumbers)},
		{"a batch with an event that can't be written", plain(checkBadBatch)},
		{"one writer", plain(checkOneWriter)},
		{"what was acknowledged is there for who opens the store anew", checkDurable},
		{"one writer of all who opened the store", checkOneWriterOfAll},
		{"who lost the run is fenced off", checkFencing},
		{"epochs rise", plain(checkEpochs)},
		{"readers work beside a writer", plain(checkReaders)},
		{"runs are apart", plain(checkApart)},
		{"queries", plain(checkQueries)},
		{"heads", plain(checkHead)},
		{"listing", plain(checkList)},
		{"statuses", plain(checkStatuses)},
		{"listing by status and age, in pages", plain(checkPages)},
		{"removing", plain(checkRemove)},
		{"removing what belongs to a run", plain(checkRemoveAll)},
		{"a run that is moved aside while it is opened", checkMoved},
		{"a run that two remove at once", checkRemoveOnce},
		{"removing under a check", plain(checkRemoveCheck)},
		{"pruning", plain(checkPrune)},
		{"copying", plain(checkCopy)},
		{"verifying", plain(checkVerify)},
		{"the state that a Recorder folds", plain(checkFold)},
		{"names", plain(checkNames)},
		{"odd keys and bytes", plain(checkOddBytes)},
		{"big events", plain(checkBig)},
		{"many events", plain(checkMany)},
		{"many runs at once", plain(checkConcurrent)},
		{"closing while appending", plain(checkClose)},
		{"cancelled contexts", plain(checkContext)},
		{"a scope or an epoch", plain(checkUnsupported)},
		{"snapshots", plain(checkSnapshots)},
		{"snapshots as streams", plain(checkStreams)},
		{"inbox", plain(checkInbox)},
	}
}

const run = "Ten_Chapter_Novel"

// writer numbers events as the Recorder does, and keeps what it wrote.
type writer struct {
	t       testing.TB
	j       state.Journal
	durable uint64
	sent    []state.Event
}

// start makes a new run.
func start(t testing.TB, s state.Store, name string) *writer {
	t.Helper()
	w := resume(t, s, name, state.Create)
	w.commit(created(name))
	return w
}

func resume(t testing.TB, s state.Store, name string, mode state.Mode) *writer {
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
func read(t testing.TB, s state.Store, name string, q state.Query) []state.Event {
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
func same(t testing.TB, want, got []state.Event) {
	t.Helper()
	require.Equal(t, numbers(want), numbers(got))
	for i := range want {
		require.Equal(t, want[i].Type, got[i].Type)
		require.Equal(t, want[i].Scope, got[i].Scope)
		sameData(t, want[i], got[i])
		require.Equal(t, want[i].Durable, got[i].Durable)
		require.Equal(t, want[i].Epoch, got[i].Epoch)
		require.Equal(t, want[i].Gen, got[i].Gen)
		require.Equal(t, want[i].Attempt, got[i].Attempt)
		require.True(t, want[i].Time.Equal(got[i].Time), "%s became %s", want[i].Time, got[i].Time)
		require.NotZero(t, got[i].Checksum())
	}
}

// sameData compares payloads; long results without a list of where they differ.
func sameData(t testing.TB, want, got state.Event) {
	t.Helper()
	a, big := want.Result()
	if b, ok := got.Result(); big && ok && len(a) > 1<<16 {
		require.True(t, bytes.Equal(a, b), "event %d: a result of %d bytes came back as another, of %d bytes", want.Seq, len(a), len(b))
		return
	}
	require.Equal(t, want.Data, got.Data)
}

// grace is how long a check waits for what must come, on a machine that has much else to do.
const grace = 30 * time.Second
