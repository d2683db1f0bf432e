package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/state/sqlitestore"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

func TestAResultThatWasMissingIsAnIncompleteBase(t *testing.T) {
	t.Parallel()
	t.Run("item", func(t *testing.T) {
		t.Parallel()
		prose := halfDone()
		reader := workflow.NewTask("reader", func(ctx context.Context) (string, error) {
			text, err := prose.Result(ctx, "k2")
			if errors.Is(err, workflow.ErrNoResult) {
				return "nothing yet", nil
			}
			return text, err
		}, workflow.AllowPartial())
		r := newRig(t, k2FailsOnce(t), prose, reader)
		require.ErrorIs(t, r.run(), workflow.ErrPartial)
		require.Equal(t, state.BasePartial, r.state().Step("reader").Base)
		require.NoError(t, r.run())
		text, err := reader.Result(r.reader())
		require.NoError(t, err)
		require.Equal(t, "<write k2>", text, "done again when the item is there")
		require.Empty(t, r.state().Step("reader").Base)
	})
	t.Run("tolerated step", func(t *testing.T) {
		t.Parallel()
		runs := 0
		extra := workflow.NewTask("extra", func(ctx context.Context) (string, error) { return ask(ctx, "extra") }, workflow.Optional())
		reader := workflow.NewTask("reader", func(ctx context.Context) (string, error) {
			runs++
			text, err := extra.Result(ctx)
			if errors.Is(err, workflow.ErrNoResult) {
				return "without", nil
			}
			return text, err
		})
		r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Err: class(resilience.Server), Times: 2}, workflowtest.Answer{Text: "with"}), extra, reader)
		require.NoError(t, r.run())
		require.NoError(t, r.run())
		require.Equal(t, 1, runs, "nothing new to read")
		require.NoError(t, r.run())
		text, err := reader.Result(r.reader())
		require.NoError(t, err)
		require.Equal(t, "with", text)
		require.NoError(t, r.run())
		require.Equal(t, 2, runs)
	})
}

func TestKeysCutInTheMiddleOfALetter(t *testing.T) {
	t.Parallel()
	cut := "\u00e9t\u00e9"[:4] // ends in half a letter
	broken := once()
	effects := 0
	each := workflow.NewEach("e", func(context.Context) ([]string, error) { return []string{cut, "b"}, nil }, key,
		func(ctx context.Context, k string) (string, error) {
			_, err := workflow.Do(ctx, "effect of "+k, func(context.Context) (int, error) { effects++; return effects, nil })
			if err != nil {
				return "", err
			}
			if broken() {
				return "", class(resilience.Server)
			}
			return k, nil
		})
	r := newRig(t, echo(t), each)
	require.ErrorIs(t, r.run(), workflow.ErrPartial)
	require.NoError(t, r.run(), "the recorded key is that of the item")
	require.Equal(t, 2, effects, "an effect happens once")
	require.Len(t, events[state.ItemRetired](r), 0)
	text, err := each.Result(r.reader(), cut)
	require.NoError(t, err)
	require.Equal(t, "\u00e9t\uFFFD", text)
}

func TestARecordedAnswerThatCouldNotBeReadIsStillThere(t *testing.T) {
	t.Parallel()
	again := once()
	effects := 0
	r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (string, error) {
		first := again()
		effect := func(ctx context.Context) (int, error) {
			return workflow.Do(ctx, "effect", func(context.Context) (int, error) { effects++; return 0, nil })
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if !first {
			_, err := ask(gone, "a") // a step's own deadline, say
			if err != nil {
				t.Log(err)
			}
		}
		if _, err := effect(ctx); err != nil {
			return "", err
		}
		text, err := ask(ctx, "a")
		if err == nil && first {
			err = class(resilience.Server)
		}
		return text, err
	}))
	require.Error(t, r.run())
	require.NoError(t, r.run())
	require.Equal(t, "a", r.asked())
	require.Equal(t, 1, effects)
}

func TestARequestThatCantBeReadHidesNoPause(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		store, err := filestore.Open(dir)
		require.NoError(t, err)
		r := slow(t, 2)
		r.cfg.Store, r.cfg.Controller = store, nil
		run, err := r.p.Open(t.Context(), "r", r.cfg)
		require.NoError(t, err)
		time.AfterFunc(10*time.Second, func() {
			requests := filepath.Join(store.RunDir("r"), "requests")
			require.NoError(t, os.MkdirAll(requests, 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(requests, "torn.json"), []byte(`{"kind":`), 0o600))
			require.NoError(t, run.Ask(t.Context(), state.Request{Kind: state.AskPause}))
		})
		require.ErrorIs(t, r.run(), workflow.ErrPaused)
		require.NoFileExists(t, filepath.Join(store.RunDir("r"), "pause"), "honoured")
		require.NoError(t, r.run())
	})
}

func TestAStepThatComesBackIsNotPaidAgain(t *testing.T) {
	t.Parallel()
	plan := workflow.NewTask("plan", func(ctx context.Context) (string, error) { return ask(ctx, "plan") })
	prose := halfDone()
	r := newRig(t, echo(t), plan, prose)
	require.NoError(t, r.run())
	whole, asked := r.p, r.asked()
	var err error
	r.p, err = workflow.New("p", plan)
	require.NoError(t, err)
	require.NoError(t, r.run())
	require.Nil(t, r.state().Step("e"))
	r.p = whole
	require.NoError(t, r.run())
	require.Equal(t, asked, r.asked())
	require.Equal(t, 2, r.state().Step("e").Items.Done)

	r.p, err = workflow.New("p", plan, workflow.NewTask("e", func(ctx context.Context) (string, error) { return ask(ctx, "no Each") }))
	require.NoError(t, err)
	back := r.p
	r.p, err = workflow.New("p", plan)
	require.NoError(t, err)
	require.NoError(t, r.run())
	r.p = back
	require.NoError(t, r.run(), "a step of another kind is another step")
	require.Equal(t, asked+" | no Each", r.asked())
}

// impatient is asked for a pause while it opens a run.
type impatient struct{ *memstore.Store }

func (s impatient) Open(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
	j, err := s.Store.Open(ctx, run, o)
	if err == nil && j.Last() > 0 {
		err = s.Ask(ctx, run, state.Request{Kind: state.AskPause, Note: "while a long journal is read"})
	}
	return j, err
}

func TestAPauseAskedForWhileTheRunIsOpened(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := slow(t, 3)
		r.cfg.Store = impatient{r.store}
		r.cfg.Controller.Pause("a test")
		require.ErrorIs(t, r.run(), workflow.ErrPaused)
		require.ErrorIs(t, r.again(), workflow.ErrPaused, "it was meant for this session")
		require.Equal(t, "while a long journal is read", r.state().Reason)
		require.Zero(t, r.warned("stale_pause_request"))
	})
}

// replacing is a store in which a pause takes the place of the one that is there while the run is opened.
type replacing struct {
	state.Store
	state.Inbox
	pause func()
}

func (s replacing) Open(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
	j, err := s.Store.Open(ctx, run, o)
	if err == nil {
		s.pause()
	}
	return j, err
}

// TestAPauseInPlaceOfAStaleOne: a process was killed before it could honour a pause. Of pauses there is only one, so the next
// one takes its place; and when that is asked for while the run is opened, it is meant for this session.
func TestAPauseInPlaceOfAStaleOne(t *testing.T) {
	t.Parallel()
	file := func(t *testing.T, dir string) *filestore.Store {
		s, err := filestore.Open(dir)
		require.NoError(t, err)
		return s
	}
	asked := func(t *testing.T, s state.Inbox, by string, at time.Time) {
		require.NoError(t, s.Ask(t.Context(), "r", state.Request{Kind: state.AskPause, By: by, Time: at}))
	}
	touched := func(t *testing.T, dir, text string, at time.Time) {
		path := filepath.Join(dir, "r", "pause")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.Chtimes(path, at, at))
	}
	now := time.Date(2030, 1, 2, 3, 4, 5, 678_901_234, time.UTC)
	for name, of := range map[string]func(t *testing.T, dir string) (store state.Store, pause func(by string, at time.Time)){
		"memstore": func(t *testing.T, _ string) (state.Store, func(string, time.Time)) {
			s := memstore.New()
			return s, func(by string, at time.Time) { asked(t, s, by, at) }
		},
		"sqlitestore": func(t *testing.T, dir string) (state.Store, func(string, time.Time)) {
			s, err := sqlitestore.Open(t.Context(), filepath.Join(dir, "runs.db"), sqlitestore.Options{})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			return s, func(by string, at time.Time) { asked(t, s, by, at) }
		},
		"filestore": func(t *testing.T, dir string) (state.Store, func(string, time.Time)) {
			s := file(t, dir)
			return s, func(by string, at time.Time) { asked(t, s, by, at) }
		},
		"an empty file": func(t *testing.T, dir string) (state.Store, func(string, time.Time)) {
			return file(t, dir), func(_ string, at time.Time) { touched(t, dir, "", at) }
		},
		"a file of a person, without a time": func(t *testing.T, dir string) (state.Store, func(string, time.Time)) {
			return file(t, dir), func(by string, at time.Time) { touched(t, dir, `{"kind":"pause","by":"`+by+`"}`, at) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, pause := of(t, t.TempDir())
			inbox := store.(state.Inbox)
			first := workflow.NewTask("first", func(context.Context) (int, error) { return 1, nil })
			r := newRig(t, echo(t), first)
			r.cfg.Store = store
			require.NoError(t, r.run())
			more, err := workflow.New("p", first, workflow.NewTask("second", func(ctx context.Context) (int, error) {
				<-ctx.Done()
				return 0, context.Cause(ctx)
			}))
			require.NoError(t, err)
			r.p = more
			pause("a process that was killed", now.Add(-time.Hour))
			r.cfg.Store = replacing{store, inbox, func() { pause("ann", now) }}
			r.cfg.Controller = controller.New()
			r.cfg.Observers = []state.Observer{func(e state.Event) {
				if e.Type == state.TypePauseRequested {
					r.cfg.Controller.Cancel("the test need not wait for the step")
				}
			}}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // for a pause that is thrown away
			defer cancel()
			_, err = r.p.Run(ctx, "r", r.cfg)
			require.ErrorIs(t, err, workflow.ErrPaused)
			left, err := inbox.Requests(t.Context(), "r")
			require.NoError(t, err)
			require.Empty(t, left, "it was honoured")
		})
	}
}

func TestPanicsAreLoggedWithoutKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), workflow.NewTask("t", func(context.Context) (int, error) {
		panic(errors.New(`Get "https://example.com/?key=AIzaSyD-0123456789abcdefghijklmnopqrstu": EOF`))
	}))
	core, logs := observer.New(zap.DebugLevel)
	r.cfg.Logger = zap.New(core)
	require.Error(t, r.run())
	require.NotZero(t, logs.FilterMessage("panic").Len())
	for _, entry := range logs.All() {
		require.NotContains(t, fmt.Sprint(entry.Message, entry.ContextMap()), "AIzaSyD")
	}
}

// prefaced makes a call before the step that it wraps.
type prefaced struct{ *workflow.Each[string, string] }

func (p prefaced) Run(ctx context.Context) error {
	if _, err := ask(ctx, "preface"); err != nil {
		return err
	}
	return p.Each.Run(ctx)
}

func TestAWrapperOfAnEachMakesNoCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), prefaced{halfDone()})
	require.ErrorContains(t, r.run(), "belongs into a Task or an item")
	require.Zero(t, r.model.Calls(), "it would be paid again on every resume")
}

func TestReplayedAnswersOfAnEarlierGenerationKeepTheirProvider(t *testing.T) {
	t.Parallel()
	prose := halfDone()
	task := workflow.NewTask("task", func(ctx context.Context) (int, error) {
		texts, err := prose.Results(ctx)
		if err != nil && !errors.Is(err, workflow.ErrPartial) {
			return 0, err
		}
		_, err = ask(ctx, "always")
		return len(texts), err
	}, workflow.AllowPartial())
	r := newRig(t, k2FailsOnce(t), prose, task)
	r.cfg.Model = chain{Model: r.model, tries: 1}
	require.ErrorIs(t, r.run(), workflow.ErrPartial)
	require.NoError(t, r.run())
	require.Equal(t, 1, r.state().Providers["fake"].Replayed)
	require.Zero(t, r.state().Providers[""])
}

func TestStepOfAnotherKindIsRefused(t *testing.T) {
	t.Parallel()
	each := workflow.NewEach("s", func(context.Context) ([]string, error) { return []string{"a"}, nil },
		func(s string) string { return s }, func(_ context.Context, s string) (string, error) { return s, nil })
	r := newRig(t, echo(t), each)
	require.NoError(t, r.run())
	var err error
	r.p, err = workflow.New("p", workflow.NewTask("s", func(context.Context) (string, error) { return "x", nil }))
	require.NoError(t, err)
	require.ErrorContains(t, r.run(), "step s is of kind each there, and of kind task in the pipeline now")
}

func TestWarningsAreValidText(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (string, error) {
		workflow.Warn(ctx, "odd", "caf\xe9")
		return "", nil
	}))
	require.NoError(t, r.run())
	require.Equal(t, "caf\uFFFD", r.state().Warnings[0].Message)
}
