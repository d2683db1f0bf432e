package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dogear-go/dogear/state"
)

// The flags of copy.
const (
	flagFrom = "from"
	flagTo   = "to"
)

func (k *kit) copyVerb(verb newVerb) *cobra.Command {
	var from, to string
	var cmd *cobra.Command
	cmd = verb("copy [--from STORE] --to STORE [RUN...]", "copy runs to another store, and compare what arrived", cobra.ArbitraryArgs, func(ctx context.Context, args []string) error {
		flags := cmd.Flags()
		if len(args) == 0 && flags.Changed("project") {
			args = []string{k.project}
		}
		if !flags.Changed(flagTo) {
			return usagef("copy needs --%s STORE, the store to copy to; it has %s", flagTo, k.storeHelp())
		}
		if flags.Changed(flagFrom) && flags.Changed(flagStore) {
			return usagef("--%s and --%s both say where the runs are; give one", flagFrom, flagStore)
		}
		if flags.Changed(flagFrom) {
			var err error
			if k.where, err = parseStore(flagFrom, from); err != nil {
				return err
			}
			k.saidBy = flagFrom
		}
		target, err := parseStore(flagTo, to)
		if err != nil {
			return err
		}
		return k.copy(ctx, target, args)
	})
	cmd.Long = "Copy runs, all of them or those named, from one store to another, and compare what arrived. The runs stay where they\n" +
		"were. A run that the other store has already, or that is being worked on, is not copied. The files made from a run\n" +
		"are not copied: export makes them anew."
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&from, flagFrom, "", "the store to copy from (default: where --store or --out says)")
	f.StringVar(&to, flagTo, "", "the store to copy to: "+k.storeHelp())
	return cmd
}

type (
	copyJSON struct {
		From string      `json:"from"`
		To   string      `json:"to"`
		Runs []copiedRun `json:"runs"`
	}
	copiedRun struct {
		Run    string `json:"run"`
		Events uint64 `json:"events"`
		Bytes  int64  `json:"bytes"`
		Error  string `json:"error"` // why it was not copied; empty: it was
	}
)

func (k *kit) copy(ctx context.Context, target storeName, names []string) error {
	for _, name := range names {
		if err := state.ValidName(name); err != nil {
			return &UsageError{err}
		}
	}
	if k.where == target {
		return usagef("--%s and --%s are the same store", flagFrom, flagTo)
	}
	from, err := k.store(ctx, false)
	if err != nil {
		return k.noRuns(err)
	}
	list, err := k.toCopy(ctx, from, names)
	if err != nil {
		return err
	}
	to, err := k.openNamed(ctx, flagTo, target, true)
	if err != nil {
		return err
	}
	answer := copyJSON{From: k.place(), To: target.String(), Runs: []copiedRun{}}
	failed := 0
	for _, name := range list {
		done, err := state.Copy(ctx, from, to, name)
		run := copiedRun{Run: name, Events: done.Events, Bytes: done.Bytes}
		if err != nil {
			run = copiedRun{Run: name, Error: k.whyNot(err, target)}
			failed++
		}
		if answer.Runs = append(answer.Runs, run); !k.json {
			if _, err := io.WriteString(k.stdout, run.text()); err != nil {
				return err
			}
		}
	}
	if k.json {
		if err := writeJSON(k.stdout, answer); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %s not copied", failed, runs(len(list)))
	}
	return nil
}

// toCopy are the names of the runs, all where none is given. Nothing to copy is an error, so that no store is made for it.
func (k *kit) toCopy(ctx context.Context, from state.Store, names []string) ([]string, error) {
	if len(names) > 0 {
		for _, name := range names {
			if _, err := from.Head(ctx, name); errors.Is(err, state.ErrNotFound) {
				return nil, usagef("there is no run %q in %s", name, k.place())
			}
		}
		return names, nil
	}
	for h, err := range from.List(ctx, state.ListQuery{}) {
		if err != nil && h.Run == "" {
			return nil, err
		}
		names = append(names, h.Run) // one that can't be read is reported when it is copied
	}
	if len(names) == 0 {
		return nil, usagef("there are no runs in %s", k.place())
	}
	return names, nil
}

func (r copiedRun) text() string {
	if r.Error != "" {
		return fmt.Sprintf("%s: not copied: %s\n", r.Run, strings.ReplaceAll(state.Printable(r.Error), "\n", " "))
	}
	return fmt.Sprintf("%s: copied %d events, %s\n", r.Run, r.Events, byteSize(r.Bytes))
}

// whyNot is what a person can do something with.
func (k *kit) whyNot(err error, target storeName) string {
	var held *state.HeldError
	switch {
	case errors.Is(err, state.ErrExists):
		return "it exists already in " + target.String()
	case errors.As(err, &held):
		return held.Error() + "; copy it when it is at rest"
	}
	return target.redact(k.where.redact(err.Error()))
}
