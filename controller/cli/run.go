package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

// start begins a new run; an existing one is refused, or with --fresh moved aside.
func (k *kit) start(ctx context.Context) error {
	if err := k.params.check(); err != nil {
		return err
	}
	if err := k.session.webhook.check(); err != nil {
		return err
	}
	store, err := k.store(ctx, true)
	if err != nil {
		return err
	}
	_, err = store.Head(ctx, k.project)
	switch {
	case errors.Is(err, state.ErrNotFound):
	case k.fresh:
		if err := k.archive(ctx, store); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		return k.refuseExisting(ctx, store)
	}
	p, err := k.sameName(k.params.parsedPipeline())
	if err != nil {
		return err
	}
	began := fmt.Sprintf("starting %s in %s", k.project, k.runPlace())
	return k.work(ctx, store, p, began, k.params.current(), nil, func(run *workflow.Run) error {
		err := run.Start(ctx)
		if errors.Is(err, state.ErrExists) { // somebody else was faster
			return k.refuseExisting(ctx, store)
		}
		return err
	})
}

// refuseExisting says how far the run is, who works on it, and what can be done: nothing is ever overwritten.
func (k *kit) refuseExisting(ctx context.Context, store state.Store) error {
	st, err := k.load(ctx, store)
	if err != nil {
		return err
	}
	if held := k.held(ctx, store); held != nil {
		return &advised{fmt.Sprintf("%v; %s, %.1f%%\nlook at it with:\n  %s\nask it to pause with:\n  %s\nafterwards go on with:\n  %s\nor move it aside and start anew with:\n  %s",
			held, st.Status, st.Progress(), k.command("--status"), k.command("pause"), k.command("--resume"), k.again()), held}
	}
	return usagef("the run %q exists already in %s: %s, %.1f%%\ngo on with:\n  %s\nor move it aside and start anew with:\n  %s",
		k.project, k.place(), st.Status, st.Progress(), k.command("--resume"), k.again())
}

// held says who works on the run; nil when nobody does.
func (k *kit) held(ctx context.Context, store state.Store) error {
	head, err := store.Head(ctx, k.project)
	if err != nil || head.Holder == nil {
		return nil
	}
	return &state.HeldError{Run: k.project, Host: head.Holder.Host, PID: head.Holder.PID, Since: head.Holder.Since, Until: head.Holder.Until}
}

// goOn resumes the run. retry: what to try again; nil: everything that failed.
func (k *kit) goOn(ctx context.Context, retry map[string][]string) error {
	if err := k.session.webhook.check(); err != nil {
		return err
	}
	store, err := k.store(ctx, false)
	if err != nil {
		return err
	}
	before, err := k.load(ctx, store)
	if err != nil {
		return err
	}
	if err := k.contradiction(before); err != nil {
		return err
	}
	if err := k.session.inherit(before.Session.Settings); err != nil {
		return err
	}
	p, err := k.pipelineOf(before.Params)
	if err != nil {
		return err
	}
	if err := k.held(ctx, store); err != nil { // else it would seem to go on first
		return err
	}
	k.recorded = before.Budget
	began := fmt.Sprintf("going on with %s (%s, %.1f%%) in %s", k.project, before.Status, before.Progress(), k.runPlace())
	return k.work(ctx, store, p, began, nil, retry, func(run *workflow.Run) error {
		err := run.Resume(ctx)
		if err != nil || before.Status != state.StatusCompleted {
			return err
		}
		if after, err := run.State(ctx); err == nil && after.Seq == before.Seq && !k.json {
			fmt.Fprintf(k.stdout, "%s: nothing to do; the run is complete\n", k.project)
			k.told = true
		}
		return nil
	})
}

func (k *kit) contradiction(st *state.WorkflowState) error {
	err := k.params.contradiction(st.Params)
	if err == nil {
		return nil
	}
	text := err.Error() + "\nthe parameters of a run can't change; leave them out to go on with:\n  " + k.command("--resume") +
		"\nor move the run aside and start anew with:\n  " + k.again()
	var usage *UsageError
	if errors.As(err, &usage) {
		return usagef("%s", text)
	}
	return err
}

// work runs one session and tells how it ended.
func (k *kit) work(ctx context.Context, store state.Store, p *workflow.Pipeline, began string, params any, retry map[string][]string,
	fn func(*workflow.Run) error,
) error {
	cfg, done, err := k.configure(store)
	if err != nil {
		return err
	}
	defer done()
	if err := k.budgeted(p); err != nil {
		return err
	}
	fmt.Fprintln(k.stderr, began)
	cfg.Params, cfg.Retry = params, retry
	run, err := p.Open(ctx, k.project, cfg)
	if err != nil {
		return err
	}
	err = fn(run)
	k.over()
	k.hide()
	if ExitCode(err) == codeRefused || errors.Is(err, state.ErrLocked) {
		return err
	}
	tell := k.tell(ctx, store, run)
	switch {
	case err != nil:
		return err
	case errors.Is(tell, state.ErrNotFound): // which takes nothing from how the session ended
		fmt.Fprintf(k.stderr, "%s: completed; another process moved or removed the run as soon as it was free\n", k.project)
		return nil
	}
	return tell
}

// tell prints the result of a session: one line, or the status object.
func (k *kit) tell(ctx context.Context, store state.Store, run *workflow.Run) error {
	st, err := run.State(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	if k.json {
		return writeStatusJSON(k.stdout, st)
	}
	if k.told {
		return nil
	}
	if st.Status == state.StatusWaiting {
		if err := k.waitingFor(ctx, k.stdout, store, st); err != nil {
			return err
		}
	}
	text := fmt.Sprintf("%s: %s, %.1f%%, %d calls, %d failed calls", k.project, st.Status, st.Progress(), st.Usage.Calls, st.Usage.FailedCalls)
	if st.Usage.Cost != 0 {
		text += ", " + state.CostText(st.Usage)
	}
	text += "\n"
	if k.exporter() != nil && st.Status != state.StatusInterrupted && st.Status != state.StatusFailed {
		text += onePerLine(k.products(ctx, k.project))
	}
	_, err = io.WriteString(k.stdout, text)
	return err
}

// archive moves the old run aside, and the files derived from it with it.
func (k *kit) archive(ctx context.Context, store state.Store) error {
	var suffix string
	var err error
	for range 3 { // another who does the same at this moment may have taken the name
		suffix = time.Now().UTC().Format("20060102T150405.000000Z")
		err = store.Remove(ctx, k.project, state.RemoveOptions{Archive: true, Suffix: suffix})
		if !errors.Is(err, state.ErrExists) {
			break
		}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(k.stderr, "moved the old run %s to %s%s\n", k.project, k.archivePlace(), k.keepProducts(ctx, k.project, suffix))
	return nil
}
