package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

// checkMoved: while one process moves a run aside and begins anew under its name, again and again, whoever opens the run has
// the one that readers see, and readers find a whole run or none.
func checkMoved(t testing.TB, s subject) {
	other := s.again(t)
	start(t, s, run).close()
	ctx, stop := context.WithCancel(t.Context())
	var beside sync.WaitGroup
	defer beside.Wait()
	defer stop()
	var opened, read atomic.Int64
	for done, use := range map[*atomic.Int64]func(context.Context, state.Store, int64) error{&opened: goOn, &read: lookAt} {
		beside.Go(func() {
			for ctx.Err() == nil {
				switch err := use(t.Context(), s.Store, done.Load()); {
				case err == nil:
					done.Add(1)
				case !errors.Is(err, state.ErrLocked) && !errors.Is(err, state.ErrNotFound):
					t.Errorf("%d times it was opened and %d times read: %v", opened.Load(), read.Load(), err)
					return
				}
			}
		})
	}
	for i := 0; min(int64(i), opened.Load(), read.Load()) < int64(sizes.Get().Moves); i++ {
		var j state.Journal
		moved := insist(t, func() error {
			return other.Remove(t.Context(), run, state.RemoveOptions{Archive: true, Suffix: fmt.Sprint(i)})
		})
		made := moved && insist(t, func() (err error) {
			j, err = other.Open(t.Context(), run, state.OpenOptions{Mode: state.Create})
			return err
		})
		if !made {
			return // one of those beside said why
		}
		w := &writer{t: t, j: j}
		w.commit(state.New(state.Scope{}, state.RunCreated{Format: state.Format, RunID: fmt.Sprintf("id %d", i), Name: run, Pipeline: "novel",
			Steps: []state.StepDef{{Name: "prose", Kind: state.KindEach}}}))
		w.close()
	}
}

// insist tries until nobody else has the run; false: the check has failed meanwhile.
func insist(t testing.TB, do func() error) bool {
	t.Helper()
	for !t.Failed() {
		if err := do(); !errors.Is(err, state.ErrLocked) {
			require.NoError(t, err)
			return true
		}
	}
	return false
}

// goOn opens the run, adds to it, and finds that there.
func goOn(ctx context.Context, s state.Store, i int64) (err error) {
	j, err := s.Open(ctx, run, state.OpenOptions{Mode: state.OpenExisting})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	e := note("1", fmt.Sprintf("opening %d", i))
	e.Seq, e.Durable, e.Epoch = j.Last()+1, j.Last(), 1
	if err := j.Append(ctx, []state.Event{e}, true); err != nil {
		return err
	}
	list, err := collect(ctx, s, run, state.Query{From: e.Seq})
	if err != nil {
		return err
	}
	if len(list) != 1 || list[0].Data != e.Data {
		return fmt.Errorf("event %d was acknowledged, and can't be read: another run has the name: %v", e.Seq, list)
	}
	return nil
}

// lookAt reads the run in every way.
func lookAt(ctx context.Context, s state.Store, _ int64) error {
	_, err := s.Head(ctx, run)
	if err == nil {
		_, err = state.Load(ctx, s, run)
	}
	var report state.Report
	if err == nil {
		report, err = state.Verify(ctx, s, run)
	}
	if err == nil && len(report.Damaged) > 0 {
		err = fmt.Errorf("damaged: %+v", report.Damaged)
	}
	return err
}

// checkRemoveOnce: of two who remove a run at once, one to delete it and one to archive it, one has done so, and the other is told
// that the run is held or not there.
func checkRemoveOnce(t testing.TB, s subject) {
	other := s.again(t)
	for i := range sizes.Get().Moves {
		start(t, s, run).close()
		var errs [2]error
		var both sync.WaitGroup
		for n, remove := range []func() error{
			func() error { return s.Remove(t.Context(), run, state.RemoveOptions{}) },
			func() error {
				return other.Remove(t.Context(), run, state.RemoveOptions{Archive: true, Suffix: fmt.Sprint(i)})
			},
		} {
			both.Go(func() { errs[n] = remove() })
		}
		both.Wait()
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
			} else if !errors.Is(err, state.ErrLocked) && !errors.Is(err, state.ErrNotFound) {
				t.Fatalf("round %d: %v", i, err)
			}
		}
		require.Equal(t, 1, done, "round %d: %v", i, errs)
	}
}

// checkRemoveCheck: the check of a removal decides, under the run's lock, and may read.
func checkRemoveCheck(t testing.TB, s state.Store) {
	checks := 0
	check := func(err error) state.RemoveOptions {
		return state.RemoveOptions{Check: func(ctx context.Context) error {
			checks++
			require.Len(t, read(t, s, run, state.Query{}), 1)
			_, held := s.Open(ctx, run, state.OpenOptions{})
			require.ErrorIs(t, held, state.ErrLocked, "nobody else can change the run meanwhile")
			return err
		}}
	}
	require.ErrorIs(t, s.Remove(t.Context(), run, check(nil)), state.ErrNotFound)
	w := start(t, s, run)
	require.ErrorIs(t, s.Remove(t.Context(), run, check(nil)), state.ErrLocked)
	w.close()
	require.Zero(t, checks, "there is nothing to check")
	refused := errors.New("it is to stay")
	for _, archive := range []bool{false, true} {
		o := check(refused)
		o.Archive = archive
		require.ErrorIs(t, s.Remove(t.Context(), run, o), refused)
		w = resume(t, s, run, state.OpenExisting) // it is there, and free
		require.EqualValues(t, 1, w.j.Last())
		w.close()
	}
	require.NoError(t, s.Remove(t.Context(), run, check(nil)))
	require.Equal(t, 3, checks)
	_, err := s.Head(t.Context(), run)
	require.ErrorIs(t, err, state.ErrNotFound)
}
