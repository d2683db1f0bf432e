package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dogear-go/dogear/state"
)

// The flags of prune.
const (
	flagOlder  = "older-than"
	flagKeep   = "keep"
	flagForce  = "force"
	flagAside  = "archive"
	flagDryRun = "dry-run"
)

func (k *kit) pruneVerb(verb newVerb) *cobra.Command {
	var o state.PruneOptions
	var cmd *cobra.Command
	cmd = verb("prune", "remove runs that are done and old", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		return k.prune(ctx, o, cmd.Flags().Changed(flagOlder), cmd.Flags().Changed(flagKeep))
	})
	cmd.Long = "Remove completed runs: those that are older than --older-than and not among the --keep newest. At least one of the two\n" +
		"must be given. A run that is being worked on is never removed, and one that is not completed only with --force. The files\n" +
		"made from a run stay."
	f := cmd.Flags()
	f.SortFlags = false
	f.DurationVar(&o.OlderThan, flagOlder, 0, "leave runs that went on within this time, as in 720h")
	f.IntVar(&o.Keep, flagKeep, 0, "leave so many of the runs that may be removed, the newest")
	f.BoolVar(&o.Force, flagForce, false, "remove runs that are not completed too")
	f.BoolVar(&o.Archive, flagAside, false, "move the runs aside, as --fresh does, rather than delete them")
	f.BoolVar(&o.DryRun, flagDryRun, false, "remove nothing, and say what would be removed")
	return cmd
}

func (k *kit) prune(ctx context.Context, o state.PruneOptions, older, keep bool) error {
	switch {
	case !older && !keep:
		return usagef("prune needs to be told what to leave: --%s 720h, --%s 10, or both", flagOlder, flagKeep)
	case o.OlderThan < 0:
		return usagef("--%s must not be negative", flagOlder)
	case o.Keep < 0:
		return usagef("--%s must not be negative", flagKeep)
	case o.OlderThan == 0 && o.Keep == 0:
		o.OlderThan = 1 // nothing is to be left, and that was said
	}
	store, err := k.store(ctx, false)
	if err != nil {
		return k.noRuns(err)
	}
	done, err := state.Prune(ctx, store, o)
	answer := k.newPruneJSON(ctx, done, o)
	if said := k.say(answer, answer.text(k)); err == nil {
		return said
	}
	// Advice about one run would be about another one.
	return errors.New("prune: " + k.where.redact(err.Error()))
}

// noRuns is the error of a verb that is about all runs where there are none.
func (k *kit) noRuns(err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return usagef("there are no runs in %s", k.place())
	}
	return err
}

type (
	pruneJSON struct {
		DryRun   bool        `json:"dry_run"`
		Archived bool        `json:"archived"` // moved aside, not deleted
		Removed  []prunedRun `json:"removed"`
		Left     []sparedRun `json:"left"`
		Files    []string    `json:"files"` // made from the removed runs; they stay
	}
	prunedRun struct {
		Run     string       `json:"run"`
		Status  state.Status `json:"status"`
		Updated time.Time    `json:"updated_at"`
		Bytes   int64        `json:"bytes"`
	}
	sparedRun struct {
		Run     string            `json:"run"`
		Status  state.Status      `json:"status"`
		Updated time.Time         `json:"updated_at,omitzero"`
		Why     state.SpareReason `json:"why"`
		Error   string            `json:"error,omitempty"`
	}
)

func (k *kit) newPruneJSON(ctx context.Context, done state.Pruned, o state.PruneOptions) pruneJSON {
	out := pruneJSON{DryRun: o.DryRun, Archived: o.Archive, Removed: []prunedRun{}, Left: []sparedRun{}, Files: []string{}}
	for _, h := range done.Removed {
		out.Removed = append(out.Removed, prunedRun{h.Run, h.Status, h.Updated, h.Size})
		out.Files = append(out.Files, k.products(ctx, h.Run)...)
	}
	for _, s := range done.Left {
		left := sparedRun{Run: s.Run, Status: s.Status, Updated: s.Updated, Why: s.Why}
		if s.Err != nil {
			left.Error = s.Err.Error()
		}
		out.Left = append(out.Left, left)
	}
	return out
}

func (p pruneJSON) text(k *kit) string {
	var b strings.Builder
	did := map[bool]string{false: "removed", true: "moved aside"}[p.Archived]
	if p.DryRun {
		did = "would be " + did
	}
	fmt.Fprintf(&b, "%s %s\n", runs(len(p.Removed)), did)
	for _, r := range p.Removed {
		fmt.Fprintf(&b, "  %s: %s, %s, %s\n", r.Run, r.Status, r.Updated.Local().Format("2006-01-02 15:04:05"), byteSize(r.Bytes))
	}
	if len(p.Left) > 0 {
		fmt.Fprintf(&b, "%s left\n", runs(len(p.Left)))
	}
	for _, r := range p.Left {
		fmt.Fprintf(&b, "  %s: %s\n", r.Run, r.reason())
	}
	if len(p.Files) > 0 {
		names := make([]string, len(p.Files))
		for i, path := range p.Files {
			names[i] = filepath.Base(path)
		}
		stay := "the files made from removed runs stay in"
		if p.DryRun {
			stay = "the files made from them would stay in"
		}
		fmt.Fprintf(&b, "%s %s: %s\n", stay, quoteArg(k.out), strings.Join(names, ", "))
	}
	return state.Printable(b.String())
}

func (r sparedRun) reason() string {
	switch r.Why {
	case state.SpareHeld:
		return "is being worked on"
	case state.SpareUnfinished:
		return "not completed (" + string(r.Status) + ")"
	case state.SpareYoung:
		return "not old enough: " + r.Updated.Local().Format("2006-01-02 15:04:05")
	case state.SpareKept:
		return "among the newest"
	}
	return "could not be removed"
}

func runs(n int) string {
	if n == 1 {
		return "1 run"
	}
	return fmt.Sprintf("%d runs", n)
}

// byteSize is a size for people.
func byteSize(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1_000_000)
}
