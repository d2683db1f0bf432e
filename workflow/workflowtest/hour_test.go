package workflowtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/state/sqlitestore"
	"github.com/dogear-go/dogear/state/storetest/sizes"
	"github.com/dogear-go/dogear/workflow"
)

// crashing says how the processes of a life may die.
type crashing string

const (
	never     crashing = "never"      // they are only paused and cancelled
	beforeAny crashing = "before"     // instead of writing an event: everything before it is kept
	anyhow    crashing = "in any way" // also right after one, and with the power
)

// TestHoursOfTrouble lives through hours of virtual time: providers that fail, rest and run out of money, pauses and
// cancellations at random instants, crashes; again and again until a run is complete, then the next run.
func TestHoursOfTrouble(t *testing.T) {
	t.Parallel()
	seed := sizes.Seed()
	for _, c := range []struct {
		store string
		die   crashing
		share int // of the hours
	}{{"memstore", never, 6}, {"memstore", beforeAny, 4}, {"memstore", anyhow, 4}, {"filestore", never, 6}, {"sqlitestore", never, 6}} {
		t.Run(c.store+", dying "+string(c.die), func(t *testing.T) {
			t.Parallel()
			var sum troubles
			for n := uint64(1); sum.time < sizes.Get().VirtualTime/time.Duration(c.share); n++ {
				l := &life{seed: seed + n, die: c.die, dir: t.TempDir(), store: c.store}
				synctest.Test(t, func(t *testing.T) { l.live(t) })
				if t.Failed() {
					t.Fatalf("%s=%d, life %d: %v", sizes.SeedVariable, seed, n, l.troubles)
				}
				sum.add(l.troubles)
			}
			t.Logf("%v (seed %d)", sum, seed)
		})
	}
}

// troubles are what happened in a life, or in several.
type troubles struct {
	lives, sessions, paused, canceled, crashes int
	requests, answered, failed, lost           int
	time                                       time.Duration
}

func (a troubles) String() string {
	return fmt.Sprintf("%v: %d runs in %d sessions, of which %d paused, %d were cancelled and %d crashed; %d requests, %d answered, %d failed, %d lost at a crash",
		a.time.Round(time.Second), a.lives, a.sessions, a.paused, a.canceled, a.crashes, a.requests, a.answered, a.failed, a.lost)
}

func (a *troubles) add(b troubles) {
	a.lives, a.sessions, a.paused, a.canceled = a.lives+1, a.sessions+b.sessions, a.paused+b.paused, a.canceled+b.canceled
	a.crashes, a.requests, a.answered = a.crashes+b.crashes, a.requests+b.requests, a.answered+b.answered
	a.failed, a.lost, a.time = a.failed+b.failed, a.lost+b.lost, a.time+b.time
}

// life is one run from its first process to its end.
type life struct {
	troubles
	seed   uint64
	die    crashing
	store  string
	dir    string
	random *rand.Rand
}

const (
	width       = 4   // items at once
	maxSessions = 400 // no life of these sizes takes so many
)

func (l *life) live(t *testing.T) {
	ctx := context.Background()
	l.random = rand.New(rand.NewPCG(l.seed, 0))
	want, err := attempt(ctx, t, memstore.New(), runName, func(t testing.TB) (*workflow.Pipeline, workflow.Config) {
		return l.pipeline(t), l.config(t, newAuthors(l.seed, 0))
	})
	require.NoError(t, err)
	began, authors := time.Now(), newAuthors(l.seed, 0.3)
	var store state.Store
	crashes := memstore.New()
	switch l.store {
	case "filestore":
		store, err = filestore.Open(l.dir)
	case "sqlitestore":
		var db *sqlitestore.Store
		db, err = sqlitestore.Open(ctx, filepath.Join(l.dir, "runs.db"), sqlitestore.Options{})
		defer func() { require.NoError(t, db.Close()) }()
		store = db
	default:
		store = crashes
	}
	require.NoError(t, err)
	for over := false; !over; {
		l.sessions++
		require.LessOrEqual(t, l.sessions, maxSessions)
		over = l.session(ctx, t, store, crashes, authors)
	}
	l.time = time.Since(began)
	got, err := accountOf(ctx, store, runName)
	require.NoError(t, err)
	compare(t, "after all troubles", want, got)
	l.settle(ctx, t, store, authors, want)
}

// settle compares the run's counters with the providers'.
func (l *life) settle(ctx context.Context, t *testing.T, store state.Store, a *authors, want account) {
	st, err := state.Load(ctx, store, runName)
	require.NoError(t, err)
	l.requests, l.answered, l.failed = a.requests, a.answered, a.failed
	l.lost = l.answered - st.Usage.Calls
	require.Equal(t, want.calls, st.Usage.Calls)
	require.Equal(t, l.requests, l.answered+l.failed)
	require.LessOrEqual(t, l.lost, l.crashes*width, "only what was in flight at a crash is lost")
	if l.crashes == 0 {
		require.Zero(t, l.lost, "paid twice")
		require.Equal(t, l.failed, st.Usage.FailedCalls)
		require.Zero(t, st.Usage.InDoubt)
		require.Zero(t, a.early, "requests to a provider that asked to be left alone")
	}
	if l.die != anyhow { // no note is lost, but what was to be asked at a crash may be noted and not asked
		known := st.Usage.Calls + st.Usage.FailedCalls + st.Usage.InDoubt
		require.GreaterOrEqual(t, known, l.requests)
		require.LessOrEqual(t, known, l.requests+l.crashes*width)
	}
}

func (l *life) pipeline(t testing.TB) *workflow.Pipeline {
	return lanedBook(t, "a1", "b1", "c1", "d1", "a2", "b2", "c2", "a3", "b3", "a4", "a5", "e1")
}

// config is that of one process: its chain knows of the providers' health only what the run recorded.
func (l *life) config(t testing.TB, a *authors) workflow.Config {
	chain, err := providers.NewChain(providers.ChainConfig{},
		providers.Provider{Name: "first", Model: "m", LLM: author{"first", a}}, providers.Provider{Name: "second", Model: "m", LLM: author{"second", a}})
	require.NoError(t, err)
	return workflow.Config{Model: chain, Concurrency: width}
}

// session is one process. It says whether the run is complete.
func (l *life) session(ctx context.Context, t *testing.T, store state.Store, crashes *memstore.Store, a *authors) bool {
	cfg := l.config(t, a)
	cfg.Store, cfg.Controller = store, controller.New()
	defer func() { require.NoError(t, cfg.Controller.Close()) }()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	trouble := time.AfterFunc(l.soon(12*time.Minute), l.trouble(cfg.Controller, cancel))
	defer trouble.Stop()
	l.prepare(crashes)
	_, err := l.pipeline(t).Run(ctx, runName, cfg)
	if crashes.Crashed() {
		l.crashes++
		crashes.Restart()
		return false
	}
	crashes.Restart() // calls a crash off that did not happen
	return l.after(ctx, t, store, err)
}

// after is what a person does about how a session ended.
func (l *life) after(ctx context.Context, t *testing.T, store state.Store, err error) bool {
	if err == nil {
		return true
	}
	st, loadErr := state.Load(context.WithoutCancel(ctx), store, runName)
	require.NoError(t, loadErr)
	wait := l.soon(10 * time.Minute)
	var pause *workflow.PauseError
	switch {
	case errors.As(err, &pause):
		l.paused++
		require.Equal(t, state.StatusPaused, st.Status)
		wait = max(wait, time.Until(pause.Until))
	case context.Cause(ctx) != nil:
		l.canceled++
	default: // providers that were asked often enough
		require.Contains(t, []state.Status{state.StatusFailed, state.StatusPartial}, st.Status, err)
	}
	<-time.After(wait)
	return false
}

func (l *life) soon(d time.Duration) time.Duration { return time.Duration(l.random.Int64N(int64(d))) }

// trouble is what comes from outside.
func (l *life) trouble(ctrl *controller.Controller, cancel context.CancelCauseFunc) func() {
	kind, later := l.random.IntN(5), l.soon(20*time.Second)
	return func() {
		switch kind {
		case 0, 1:
			ctrl.Pause("somebody asks")
		case 2: // and again
			ctrl.Pause("somebody asks")
			<-time.After(later)
			ctrl.Cancel("at once")
		case 3:
			cancel(nil)
		case 4:
			cancel(fmt.Errorf("the host goes down: %w", workflow.ErrPaused))
		}
	}
}

// prepare sets the instant at which the process dies, if it does.
func (l *life) prepare(s *memstore.Store) {
	at := 1 + l.random.IntN(80)
	switch kind := l.random.IntN(6); {
	case l.die == never || kind > 3:
	case l.die == beforeAny || kind == 0:
		s.CrashBefore(at)
	default:
		s.CrashAfter(at, kind == 1)
	}
}
