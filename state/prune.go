package state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// PruneOptions of [Prune]. A run is removed when it is older than OlderThan and is not among the Keep newest; at least one of
// the two must be given.
type PruneOptions struct {
	// OlderThan spares runs whose journal grew within that time. Defaults to none spared for their age.
	OlderThan time.Duration

	// Keep spares so many of the runs that may be removed: those that grew last. Defaults to none spared for their rank.
	Keep int

	// Force lets runs be removed that are not completed, and counts them among the newest. A run that somebody holds is never
	// removed. Defaults to completed runs alone.
	Force bool

	// Archive moves the runs aside rather than deletes them. Defaults to deleting.
	Archive bool

	// DryRun removes nothing and says what would be removed. Defaults to removing.
	DryRun bool

	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Pruned is what [Prune] did, or would do. Both lists are sorted by name.
type Pruned struct {
	Removed []Head
	Left    []Spared
}

// Spared is a run that was left, and why.
type Spared struct {
	Head
	Why SpareReason
	Err error // of SpareError: what could not be read or removed
}

// SpareReason is why Prune left a run.
type SpareReason string

// The reasons, in the order in which they are looked at.
const (
	SpareError      SpareReason = "error"
	SpareHeld       SpareReason = "held"
	SpareUnfinished SpareReason = "unfinished"
	SpareYoung      SpareReason = "young"
	SpareKept       SpareReason = "kept"
)

// Prune removes runs that are done and old. Before one is removed its state is loaded, so that neither the store's index nor
// a list that grew old decides. A run that can't be read or removed does not stop the rest: it is left, and the errors of
// all are joined. When ctx is done Prune stops, and tells what it did until then.
func Prune(ctx context.Context, store Store, o PruneOptions) (Pruned, error) {
	if o.OlderThan < 0 || o.Keep < 0 {
		return Pruned{}, fmt.Errorf("prune: OlderThan is %s and Keep is %d; neither can be negative", o.OlderThan, o.Keep)
	}
	if o.OlderThan == 0 && o.Keep == 0 {
		return Pruned{}, errors.New("prune: neither OlderThan nor Keep is given, so that every run would be removed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	p := pruner{store: store, o: o, before: o.Now().Add(-o.OlderThan)}
	err := p.list(ctx)
	if err == nil {
		p.choose(ctx)
	}
	slices.SortFunc(p.done.Removed, func(a, b Head) int { return cmp.Compare(a.Run, b.Run) })
	slices.SortFunc(p.done.Left, func(a, b Spared) int { return cmp.Compare(a.Run, b.Run) })
	for _, s := range p.done.Left {
		if s.Err != nil {
			err = errors.Join(err, fmt.Errorf("run %q: %w", s.Run, s.Err))
		}
	}
	return p.done, errors.Join(err, ctx.Err())
}

type pruner struct {
	store   Store
	o       PruneOptions
	before  time.Time
	choices []Head
	done    Pruned
}

func (p *pruner) leave(h Head, why SpareReason, err error) {
	p.done.Left = append(p.done.Left, Spared{h, why, err})
}

// list sorts out what may not be removed in any case.
func (p *pruner) list(ctx context.Context) error {
	for h, err := range p.store.List(ctx, ListQuery{}) {
		switch {
		case err != nil && (h.Run == "" || ctx.Err() != nil):
			return fmt.Errorf("list the runs: %w", err)
		case err != nil:
			p.leave(h, SpareError, err)
		case h.Holder != nil:
			p.leave(h, SpareHeld, nil)
		case h.Status != StatusCompleted && !p.o.Force:
			p.leave(h, SpareUnfinished, nil)
		default:
			p.choices = append(p.choices, h)
		}
	}
	return nil
}

// choose removes what is neither among the newest nor young, the oldest first.
func (p *pruner) choose(ctx context.Context) {
	slices.SortFunc(p.choices, func(a, b Head) int { // the newest first
		return cmp.Or(b.Updated.Compare(a.Updated), cmp.Compare(a.Run, b.Run))
	})
	for i, h := range slices.Backward(p.choices) {
		switch {
		case ctx.Err() != nil:
			return
		case !h.Updated.Before(p.before):
			p.leave(h, SpareYoung, nil)
		case i < p.o.Keep:
			p.leave(h, SpareKept, nil)
		default:
			p.remove(ctx, h)
		}
	}
}

// remove looks at the run itself and removes it, if it is still as it was when it is removed; else it is looked at again.
func (p *pruner) remove(ctx context.Context, h Head) {
	for p.removeOnce(ctx, h) {
	}
}

// errChanged says that somebody worked on the run after it was looked at.
var errChanged = errors.New("it has changed meanwhile")

func (p *pruner) removeOnce(ctx context.Context, h Head) (again bool) {
	now, err := p.store.Head(ctx, h.Run)
	var st *WorkflowState
	if err == nil {
		st, err = Load(ctx, p.store, h.Run)
	}
	unfinished := errors.Is(err, ErrUnfinishedCopy)
	switch {
	case errors.Is(err, ErrNotFound):
		return false // somebody else removed it
	case err != nil && !unfinished:
		p.leave(h, SpareError, err)
		return false
	case now.Holder != nil:
		p.leave(now, SpareHeld, nil)
		return false
	case !p.o.Force && (unfinished || st.Status != StatusCompleted):
		p.leave(now, SpareUnfinished, nil)
		return false
	case !now.Updated.Before(p.before):
		p.leave(now, SpareYoung, nil)
		return false
	}
	if !p.o.DryRun {
		err = p.store.Remove(ctx, h.Run, RemoveOptions{Archive: p.o.Archive, Check: func(ctx context.Context) error {
			held, err := p.store.Head(ctx, h.Run)
			if err == nil && (held.RunID != now.RunID || held.Last != now.Last) {
				err = errChanged
			}
			return err
		}})
	}
	switch {
	case errors.Is(err, errChanged):
		return true
	case err == nil:
		p.done.Removed = append(p.done.Removed, h)
	case errors.Is(err, ErrLocked):
		p.leave(now, SpareHeld, nil)
	case !errors.Is(err, ErrNotFound):
		p.leave(now, SpareError, err)
	}
	return false
}
