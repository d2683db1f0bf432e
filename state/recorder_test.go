package state_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
)

// spy is a store whose journals are watched, and can be held or broken.
type spy struct {
	*memstore.Store
	recovery *state.Recovery
	lost     chan struct{}

	mu      sync.Mutex // guards the fields below
	batches []batch
	hold    chan struct{} // appends wait until it is closed
	holding chan struct{} // closed by the first append that waits
	fail    error
	saved   []uint64 // last number at each snapshot
}

type batch struct {
	first, last uint64
	sync        bool
}

func newSpy() *spy { return &spy{Store: memstore.New(), lost: make(chan struct{})} }

func (s *spy) Open(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
	j, err := s.Store.Open(ctx, run, o)
	if err != nil {
		return nil, err
	}
	return &spyJournal{j, s}, nil
}

func (s *spy) SaveSnapshot(ctx context.Context, run string, data []byte) error {
	w, err := state.ReadWitness(data)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.saved = append(s.saved, w.Seq)
	s.mu.Unlock()
	return s.Store.SaveSnapshot(ctx, run, data)
}

type spyJournal struct {
	state.Journal
	of *spy
}

func (j *spyJournal) Recovery() *state.Recovery { return j.of.recovery }
func (j *spyJournal) Lost() <-chan struct{}     { return j.of.lost }

func (j *spyJournal) Append(ctx context.Context, events []state.Event, sync bool) error {
	j.of.mu.Lock()
	hold, fail := j.of.hold, j.of.fail
	if j.of.holding != nil {
		close(j.of.holding)
		j.of.holding = nil
	}
	j.of.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if fail != nil {
		return fail
	}
	err := j.Journal.Append(ctx, events, sync)
	j.of.mu.Lock()
	defer j.of.mu.Unlock()
	j.of.batches = append(j.of.batches, batch{events[0].Seq, events[len(events)-1].Seq, sync})
	return err
}

func open(t *testing.T, s state.Store, o state.RecorderOptions) *state.Recorder {
	t.Helper()
	rec, err := state.OpenRecorder(t.Context(), s, "run", o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = rec.Close(context.Background()) })
	return rec
}

func created() state.Event {
	return state.New(state.Scope{}, state.RunCreated{Format: 1, RunID: "id", Name: "run", Pipeline: "p", Steps: steps})
}

func warning(code string) state.Event {
	return state.New(state.Scope{}, state.RunWarning{Code: code, Message: "m"})
}

func journal(t *testing.T, s state.Store) (all []state.Event) {
	t.Helper()
	for e, err := range s.Events(t.Context(), "run", state.Query{}) {
		require.NoError(t, err)
		all = append(all, e)
	}
	return all
}

func TestRecorderGroupsConcurrentCommits(t *testing.T) {
	t.Parallel()
	s := newSpy()
	rec := open(t, s, state.RecorderOptions{})
	_, err := rec.Commit(created())
	require.NoError(t, err)
	hold, holding := make(chan struct{}), make(chan struct{})
	s.mu.Lock()
	s.hold, s.holding = hold, holding
	s.mu.Unlock()
	rec.Post(warning("first"))
	<-holding
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			_, err := rec.Commit(warning(fmt.Sprint(i)))
			if err != nil {
				t.Error(err)
			}
		})
	}
	all := assert.Eventually(t, func() bool { return state.Pending(rec) == 100 }, time.Minute, time.Millisecond)
	close(hold)
	group.Wait()
	require.True(t, all)
	require.Equal(t, []batch{{1, 1, true}, {2, 2, false}, {3, 102, true}}, s.batches, "a hundred commits share one sync")
}

func TestRecorderFirstRecordAlone(t *testing.T) {
	t.Parallel()
	s := newSpy()
	hold := make(chan struct{})
	s.hold = hold
	rec := open(t, s, state.RecorderOptions{})
	rec.Post(created())
	rec.Post(warning("a"))
	rec.Post(warning("b"))
	close(hold)
	_, err := rec.Commit(warning("c"))
	require.NoError(t, err)
	require.Equal(t, batch{1, 1, true}, s.batches[0], "alone and synced, whatever its caller asked for")
}

func TestRecorderPostsBeforeCommit(t *testing.T) {
	t.Parallel()
	s := newSpy()
	rec := open(t, s, state.RecorderOptions{})
	rec.Post(created())
	for i := range 1000 {
		rec.Post(warning(fmt.Sprint(i)))
	}
	seq, err := rec.Commit(warning("last"))
	require.NoError(t, err)
	require.EqualValues(t, 1002, seq)
	for i, e := range journal(t, s)[1:1001] {
		require.Equal(t, fmt.Sprint(i), e.Data.(state.RunWarning).Code)
	}
}

func TestRecorderNotesAreNotSynced(t *testing.T) {
	t.Parallel()
	s := newSpy()
	rec := open(t, s, state.RecorderOptions{})
	for _, step := range []func(state.Event) (uint64, error){rec.Commit, rec.Emit, rec.Emit, rec.Commit, rec.Emit} {
		e := warning("w")
		if len(s.batches) == 0 {
			e = created()
		}
		_, err := step(e)
		require.NoError(t, err)
	}
	require.Equal(t, []batch{{1, 1, true}, {2, 2, false}, {3, 3, false}, {4, 4, true}, {5, 5, false}}, s.batches)
	var durable []uint64
	for _, e := range journal(t, s) {
		durable = append(durable, e.Durable)
	}
	require.Equal(t, []uint64{0, 1, 1, 1, 4}, durable, "what was on disk when it was written")
}

func TestRecorderFailureIsFinal(t *testing.T) {
	t.Parallel()
	s := newSpy()
	rec := open(t, s, state.RecorderOptions{})
	_, err := rec.Commit(created())
	require.NoError(t, err)
	disk := errors.New("no space left")
	s.mu.Lock()
	s.fail = disk
	s.mu.Unlock()
	_, err = rec.Emit(warning("a"))
	require.ErrorIs(t, err, disk)
	require.ErrorIs(t, err, state.ErrJournalFailed)
	<-rec.Failed()
	s.mu.Lock()
	s.fail = nil
	s.mu.Unlock()
	_, err = rec.Commit(warning("b"))
	require.ErrorIs(t, err, state.ErrJournalFailed, "although the store would take it")
	rec.Post(warning("c"))
	require.ErrorIs(t, rec.Err(), disk)
	require.Len(t, journal(t, s), 1)
	rec.View(func(st *state.WorkflowState) { require.EqualValues(t, 1, st.Seq) })
	require.ErrorIs(t, rec.Close(t.Context()), disk)
	_, err = s.Open(t.Context(), "run", state.OpenOptions{})
	require.NoError(t, err, "the lock is given up")
}

func TestRecorderThatLostItsRightStops(t *testing.T) {
	t.Parallel()
	s := newSpy()
	rec := open(t, s, state.RecorderOptions{})
	_, err := rec.Commit(created())
	require.NoError(t, err)
	close(s.lost)
	<-rec.Failed()
	_, err = rec.Commit(warning("a"))
	require.ErrorIs(t, err, state.ErrFenced)
	require.ErrorIs(t, err, state.ErrJournalFailed)
	require.Error(t, rec.Close(t.Context()))
}

func TestRecorderRefusesWhatTheFoldCantTake(t *testing.T) {
	t.Parallel()
	s := newSpy()
	rec := open(t, s, state.RecorderOptions{})
	_, err := rec.Commit(warning("not a beginning"))
	require.ErrorIs(t, err, state.ErrJournalFailed)
}

func TestRecorderClosingMarkAndEpoch(t *testing.T) {
	t.Parallel()
	s := newSpy()
	rec := open(t, s, state.RecorderOptions{})
	require.True(t, rec.New())
	_, err := rec.Commit(created())
	require.NoError(t, err)
	require.False(t, rec.New())
	_, err = rec.Commit(state.New(state.Scope{}, state.SessionOpened{}))
	require.NoError(t, err)
	require.EqualValues(t, 1, rec.Epoch())
	require.NoError(t, rec.Close(t.Context()))
	require.NoError(t, rec.Close(t.Context()), "again")
	_, err = rec.Commit(warning("late"))
	require.ErrorIs(t, err, state.ErrJournalFailed)
	all := journal(t, s)
	require.Equal(t, state.JournalMark{Kind: state.MarkClosed}, all[2].Data)

	rec = open(t, s, state.RecorderOptions{Mode: state.OpenExisting})
	require.EqualValues(t, 2, rec.Epoch())
	rec.View(func(st *state.WorkflowState) { require.True(t, st.Closed) })
	require.NoError(t, rec.Close(t.Context()))
	require.Len(t, journal(t, s), 3, "an opening that wrote nothing leaves no mark")
}

func TestRecorderMarksARecovery(t *testing.T) {
	t.Parallel()
	s := newSpy()
	rec := open(t, s, state.RecorderOptions{})
	_, err := rec.Commit(created())
	require.NoError(t, err)
	require.NoError(t, rec.Close(t.Context()))
	s.recovery = &state.Recovery{From: 3, BytesLost: 17}
	rec = open(t, s, state.RecorderOptions{})
	seq, err := rec.Commit(warning("a"))
	require.NoError(t, err)
	require.EqualValues(t, 4, seq, "behind the mark")
	_, err = rec.Commit(warning("b"))
	require.NoError(t, err)
	all := journal(t, s)
	require.Equal(t, state.JournalMark{Kind: state.MarkRecovered, From: 3, BytesLost: 17}, all[2].Data)
	require.Len(t, all, 5, "once")
	st, err := state.Load(t.Context(), s, "run")
	require.NoError(t, err)
	require.Equal(t, "journal_recovered", st.Warnings[0].Code)
}

// TestRecorderSnapshots: snapshots are taken only where everything folded in is durable, and loading one gives what a
// replay gives.
func TestRecorderSnapshots(t *testing.T) {
	t.Parallel()
	s := newSpy()
	rec := open(t, s, state.RecorderOptions{})
	_, err := rec.Commit(created())
	require.NoError(t, err)
	for i := range 7000 {
		if i%3 == 0 {
			_, err = rec.Commit(warning(fmt.Sprint(i % 7)))
		} else {
			_, err = rec.Emit(warning(fmt.Sprint(i % 7)))
		}
		require.NoError(t, err)
	}
	require.NoError(t, rec.Close(t.Context()))
	synced := map[uint64]bool{}
	for _, b := range s.batches {
		synced[b.last] = b.sync
	}
	require.GreaterOrEqual(t, len(s.saved), 3)
	require.LessOrEqual(t, len(s.saved), 5)
	for _, seq := range s.saved {
		require.True(t, synced[seq], seq)
	}
	loaded, err := state.Load(t.Context(), s, "run")
	require.NoError(t, err)
	replayed := &state.WorkflowState{}
	for _, e := range journal(t, s) {
		require.NoError(t, replayed.Apply(e))
	}
	require.Equal(t, state.Dump(replayed), state.Dump(loaded))
}

// TestRecorderSnapshotOfAnotherJournalIsIgnored: it is a cache.
func TestRecorderSnapshotOfAnotherJournalIsIgnored(t *testing.T) {
	t.Parallel()
	s := newSpy()
	rec := open(t, s, state.RecorderOptions{})
	_, err := rec.Commit(created())
	require.NoError(t, err)
	_, err = rec.Commit(warning("a"))
	require.NoError(t, err)
	require.NoError(t, rec.Close(t.Context()))
	require.NoError(t, s.Store.SaveSnapshot(t.Context(), "run", []byte(`{"format":1}`)))
	st, err := state.Load(t.Context(), s, "run")
	require.NoError(t, err)
	require.EqualValues(t, 3, st.Seq)
}

func TestRecorderReadsBack(t *testing.T) {
	t.Parallel()
	s := newSpy()
	rec := open(t, s, state.RecorderOptions{})
	_, err := rec.Commit(created())
	require.NoError(t, err)
	seq, err := rec.Emit(warning("<é>"))
	require.NoError(t, err)
	e, err := rec.Event(t.Context(), seq)
	require.NoError(t, err)
	require.Equal(t, "<é>", e.Data.(state.RunWarning).Code)
	_, err = rec.Event(t.Context(), 99)
	require.ErrorIs(t, err, state.ErrDamaged)
}

func TestRecorderKeepsNoEventsForNobody(t *testing.T) {
	t.Parallel()
	rec := open(t, newSpy(), state.RecorderOptions{})
	_, err := rec.Commit(created())
	require.NoError(t, err)
	require.Zero(t, state.Kept(rec))
	rec = open(t, newSpy(), state.RecorderOptions{Observers: []state.Observer{func(state.Event) {}}})
	_, err = rec.Commit(created())
	require.NoError(t, err)
	require.Equal(t, 1, state.Kept(rec))
}

// TestRecorderSnapshotAfterLongTail: what a resume had to replay counts: however often a run is killed, its tail does not
// grow from one time to the next.
func TestRecorderSnapshotAfterLongTail(t *testing.T) {
	t.Parallel()
	s := newSpy()
	rec := open(t, s, state.RecorderOptions{})
	_, err := rec.Commit(created())
	require.NoError(t, err)
	for i := range 2500 {
		rec.Post(warning(fmt.Sprint(i % 7)))
	}
	require.NoError(t, rec.Close(t.Context()))
	for _, c := range []struct {
		snapshot string
		more     int
	}{{"", 1}, {"none", 2}} {
		if c.snapshot != "" {
			require.NoError(t, s.Store.SaveSnapshot(t.Context(), "run", []byte(c.snapshot)))
		}
		before := len(s.saved)
		rec = open(t, s, state.RecorderOptions{})
		_, err = rec.Commit(warning("a"))
		require.NoError(t, err)
		require.NoError(t, rec.Close(t.Context()))
		require.Len(t, s.saved, before+c.more, "one at the end, and one at once where there was none: %q", c.snapshot)
	}
}
