package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dogear-go/dogear/state"
)

// verbs are the commands that every pipeline gets.
func (k *kit) verbs(runFlags *pflag.FlagSet) []*cobra.Command {
	verb := func(use, short string, args cobra.PositionalArgs, fn func(context.Context, []string) error) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Args: k.args(args), RunE: k.action(fn)}
	}
	retry := verb("retry [STEP [ITEM...]]", "go on, trying again what failed", cobra.ArbitraryArgs, k.retry)
	retry.Flags().AddFlagSet(runFlags) // as with --resume: what contradicts the run is refused
	k.session.bind(retry.Flags(), k.config.Concurrency)
	doctor := verb("doctor [PROVIDER...]", "find out which providers work, with one small request to each", cobra.ArbitraryArgs, k.doctor)
	k.session.bindConfig(doctor.Flags())
	return []*cobra.Command{
		verb("pause", "ask a running one to pause", cobra.NoArgs, k.pause),
		verb("unpause", "take back the request to pause", cobra.NoArgs, k.unpause),
		k.decideVerb(verb, state.AskApprove, "say yes to a step that waits for a person"),
		k.decideVerb(verb, state.AskReject, "say no to a step that waits for a person"),
		k.editVerb(verb),
		retry,
		verb("show STEP [ITEM]", "print a recorded result", cobra.RangeArgs(1, 2), k.show),
		verb("history", "print the events of the run", cobra.NoArgs, func(ctx context.Context, _ []string) error { return k.history(ctx) }),
		verb("export", "write the files derived from the run again", cobra.NoArgs,
			func(ctx context.Context, _ []string) error { return k.printExport(ctx) }),
		verb("verify", "read the whole run and say whether anything of it is damaged", cobra.NoArgs, k.verify),
		verb("repair", "keep a copy of a damaged journal and every sound record of it", cobra.NoArgs, k.repair),
		k.pruneVerb(verb),
		k.copyVerb(verb),
		k.serveVerb(verb),
		doctor,
	}
}

// newVerb makes a command of the kit.
type newVerb func(use, short string, args cobra.PositionalArgs, fn func(context.Context, []string) error) *cobra.Command

func (k *kit) printStatus(ctx context.Context) error {
	store, st, err := k.existing(ctx)
	if err != nil {
		return err
	}
	left := k.leftDecisions(ctx, store, st)
	k.observe(st, left)
	if k.json {
		return writeJSON(k.stdout, newStatusJSON(st, left))
	}
	style := state.StyleOf(k.stdout)
	if k.noColor {
		style = state.StatusStyle{}
	}
	return style.WriteStatus(k.stdout, st)
}

func (k *kit) inbox(ctx context.Context) (state.Inbox, *state.Head, error) {
	store, err := k.store(ctx, false)
	if err != nil {
		return nil, nil, err
	}
	head, err := store.Head(ctx, k.project)
	if err != nil {
		return nil, nil, k.missing(err)
	}
	inbox, ok := store.(state.Inbox)
	if !ok {
		return nil, nil, fmt.Errorf("this store can't pass requests to a running process: %w", state.ErrUnsupported)
	}
	return inbox, &head, nil
}

func (k *kit) pause(ctx context.Context, _ []string) error {
	inbox, head, err := k.inbox(ctx)
	if err != nil {
		return err
	}
	if head.Holder == nil {
		return usagef("the run %q is not running, so there is nothing to pause", k.project)
	}
	r := state.Request{Kind: state.AskPause, By: fmt.Sprintf("%s pause, process %d", k.name, os.Getpid()), Time: time.Now().UTC()}
	if err := inbox.Ask(ctx, k.project, r); err != nil {
		return err
	}
	return k.say(pauseJSON{k.project, head.Holder.PID},
		fmt.Sprintf("%s: asked process %d to pause; it finishes the calls in flight first\n", k.project, head.Holder.PID))
}

func (k *kit) unpause(ctx context.Context, _ []string) error {
	inbox, _, err := k.inbox(ctx)
	if err != nil {
		return err
	}
	requests, err := inbox.Requests(ctx, k.project) // with an error, what could be read stands beside it
	taken := 0
	for _, r := range requests {
		if r.Kind != state.AskPause {
			continue
		}
		if _, err := inbox.Done(ctx, k.project, r, false); err != nil {
			return err
		}
		taken++
	}
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s: no pause was asked for\n", k.project)
	if taken > 0 {
		text = fmt.Sprintf("%s: the request to pause is taken back; a process that has seen it pauses all the same\n", k.project)
	}
	return k.say(unpauseJSON{k.project, taken}, text)
}

func (k *kit) history(ctx context.Context) error {
	store, err := k.store(ctx, false)
	if err != nil {
		return err
	}
	head, err := store.Head(ctx, k.project)
	if err != nil {
		return k.missing(err)
	}
	var line []byte
	for e, err := range store.Events(ctx, k.project, state.Query{}) {
		if err != nil {
			return err
		}
		if k.json {
			if line, err = state.AppendRecord(line[:0], head.RunID, e); err == nil {
				_, err = k.stdout.Write(line)
			}
		} else {
			err = state.WriteEvent(k.stdout, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
