package state_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
)

// slow is a store whose syncs take a while, and that notes how many durable events each of them took.
type slow struct {
	*memstore.Store
	sync  time.Duration
	syncs []int
}

func (s *slow) Open(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
	j, err := s.Store.Open(ctx, run, o)
	return &slowJournal{j, s}, err
}

type slowJournal struct {
	state.Journal
	of *slow
}

func (j *slowJournal) Append(ctx context.Context, events []state.Event, sync bool) error {
	if sync {
		time.Sleep(j.of.sync) //nolint:forbidigo // the clock of synctest
		n := 0
		for _, e := range events {
			if e.Type == state.TypeItemCompleted {
				n++
			}
		}
		j.of.syncs = append(j.of.syncs, n)
	}
	return j.Journal.Append(ctx, events, sync)
}

// TestRecorderWaitsForTheHerd: sixteen writers who come back at once, whatever each does in between, share every sync.
func TestRecorderWaitsForTheHerd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const writers, rounds = 16, 50
		s := &slow{Store: memstore.New(), sync: 10 * time.Millisecond}
		rec := open(t, s, state.RecorderOptions{})
		_, err := rec.Commit(created())
		require.NoError(t, err)
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				for i := range rounds {
					rec.Post(state.New(state.Scope{Step: "s", Item: fmt.Sprint(w)}, state.ItemStarted{}))
					result, err := state.Marshal(strings.Repeat("word ", 1000*(1+(w+i)%5)))
					if err == nil {
						_, err = rec.Commit(state.New(state.Scope{Step: "s", Item: fmt.Sprint(w)}, state.ItemCompleted{Result: result}))
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		full := 0
		for _, n := range s.syncs {
			if n == writers {
				full++
			}
		}
		require.GreaterOrEqual(t, full, rounds-3, "%v", s.syncs)
	})
}

// TestHerd: a lone writer is never waited for, and a herd that scatters ever more rarely.
func TestHerd(t *testing.T) {
	t.Parallel()
	h := &state.Herd{}
	for range 10 {
		h.Released(1)
		require.False(t, h.Expected())
	}
	waits := 0
	for range 1000 {
		if h.Released(16); h.Expected() {
			waits++
			h.Returned(false)
		}
	}
	require.Greater(t, waits, 30, "now and then it is tried")
	require.Less(t, waits, 50)
	for range 40 { // until it is tried again
		if h.Released(16); h.Expected() {
			h.Returned(true)
		}
	}
	for range 10 {
		h.Released(16)
		require.True(t, h.Expected(), "a herd that came back is expected each time")
		h.Returned(true)
	}
	h.Released(16)
	h.Returned(false)
	h.Released(15)
	require.True(t, h.Expected(), "one wait in vain changes nothing yet")
}

// TestRecorderBoundsWhatIsPending: who hands over more than the disk takes waits, and goes on when there is room.
func TestRecorderBoundsWhatIsPending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSpy()
		rec := open(t, s, state.RecorderOptions{})
		_, err := rec.Commit(created())
		require.NoError(t, err)
		hold := make(chan struct{})
		s.mu.Lock()
		s.hold = hold
		s.mu.Unlock()
		result, err := state.Marshal(strings.Repeat("x", 1<<20))
		require.NoError(t, err)
		posted := 0
		go func() {
			for range 100 {
				rec.Post(state.New(state.Scope{Step: "s", Item: "i"}, state.ItemCompleted{Result: result}))
				posted++
			}
		}()
		synctest.Wait()
		require.Greater(t, posted, 60)
		require.Less(t, posted, 72, "64 MB wait, and a batch is under way")
		close(hold)
		synctest.Wait()
		require.Equal(t, 100, posted)
		_, err = rec.Commit(warning("last"))
		require.NoError(t, err)
		for _, b := range s.batches {
			require.LessOrEqual(t, b.last-b.first, uint64(4), "no batch is larger than 4 MB by more than one event")
		}
	})
}

// TestRecorderReleasesWhoWaitsForRoom: when the journal fails, nobody hangs.
func TestRecorderReleasesWhoWaitsForRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSpy()
		rec := open(t, s, state.RecorderOptions{})
		_, err := rec.Commit(created())
		require.NoError(t, err)
		hold := make(chan struct{})
		s.mu.Lock()
		s.hold, s.fail = hold, errors.New("no space left")
		s.mu.Unlock()
		result, err := state.Marshal(strings.Repeat("x", 1<<20))
		require.NoError(t, err)
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				if _, err := rec.Emit(state.New(state.Scope{Step: "s", Item: "i"}, state.ItemCompleted{Result: result})); !errors.Is(err, state.ErrJournalFailed) {
					t.Errorf("%v", err)
				}
			})
		}
		synctest.Wait()
		close(hold)
		group.Wait()
	})
}

// TestRecorderClosedInAStorm: what was acknowledged is there, the closing mark is the last record, and who comes later is
// refused.
func TestRecorderClosedInAStorm(t *testing.T) {
	t.Parallel()
	for round := range 50 {
		s := newSpy()
		rec := open(t, s, state.RecorderOptions{})
		_, err := rec.Commit(created())
		require.NoError(t, err)
		var acknowledged sync.Map
		var group sync.WaitGroup
		begun := make(chan struct{}, 8)
		for w := range 8 {
			group.Go(func() {
				for i := 0; ; i++ {
					code := fmt.Sprintf("%d-%d", w, i)
					emit := rec.Emit
					if i%3 == 0 {
						emit = rec.Commit
					}
					seq, err := emit(warning(code))
					if err != nil {
						if !errors.Is(err, state.ErrJournalFailed) {
							t.Error(err)
						}
						return
					}
					acknowledged.Store(seq, code)
					if i == round%4 {
						begun <- struct{}{}
					}
				}
			})
		}
		for range 8 {
			<-begun
		}
		require.NoError(t, rec.Close(t.Context()))
		group.Wait()
		all := journal(t, s)
		require.Equal(t, state.JournalMark{Kind: state.MarkClosed}, all[len(all)-1].Data)
		acknowledged.Range(func(seq, code any) bool {
			require.Equal(t, code, all[seq.(uint64)-1].Data.(state.RunWarning).Code)
			return true
		})
	}
}

// TestRecorderNoticesALossWhileAnAppendHangs: a database that does not answer must not keep a run paying.
func TestRecorderNoticesALossWhileAnAppendHangs(t *testing.T) {
	t.Parallel()
	s := newSpy()
	rec := open(t, s, state.RecorderOptions{})
	_, err := rec.Commit(created())
	require.NoError(t, err)
	hold, holding := make(chan struct{}), make(chan struct{})
	s.mu.Lock()
	s.hold, s.holding = hold, holding
	s.mu.Unlock()
	rec.Post(warning("a"))
	<-holding
	close(s.lost)
	<-rec.Failed()
	_, err = rec.Commit(warning("b"))
	require.ErrorIs(t, err, state.ErrFenced)
	close(hold)
	require.ErrorIs(t, rec.Close(t.Context()), state.ErrFenced)
}

// TestRecorderRefusesAloneWhatIsNoJSON: others are not made to suffer, unless nobody would be told.
func TestRecorderRefusesAloneWhatIsNoJSON(t *testing.T) {
	t.Parallel()
	rec := open(t, newSpy(), state.RecorderOptions{})
	_, err := rec.Commit(created())
	require.NoError(t, err)
	broken := state.New(state.Scope{Step: "s"}, state.StepCompleted{Result: json.RawMessage(`{"a":`)})
	for _, emit := range []func(state.Event) (uint64, error){rec.Commit, rec.Emit} {
		_, err = emit(broken)
		require.ErrorContains(t, err, "step.completed")
		require.NotErrorIs(t, err, state.ErrJournalFailed)
	}
	_, err = rec.Commit(warning("a"))
	require.NoError(t, err)
	rec.Post(broken)
	_, err = rec.Commit(warning("b"))
	require.ErrorIs(t, err, state.ErrJournalFailed)
	require.ErrorContains(t, err, "step.completed")
}
