package state

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
)

// Copied is what [Copy] did.
type Copied struct {
	Run      string
	Events   uint64
	Bytes    int64 // of their records
	Requests int   // open ones, but for pauses, which mean nothing to a run that is not going
}

// Copy copies a run with all its events, and what is asked of it, from one store to another, reads both and compares them
// event by event and fold by fold, and makes the snapshot anew. Memory is bounded by one batch and two folds.
//
// The source is only read, and must be at rest: a [*HeldError] while somebody holds it, ErrLocked as well when it grew
// meanwhile. A run that the target has already is never touched: [ErrExists].
//
// A copy that fails is removed again. One whose process dies is known by a mark that a target with [Snapshots] keeps in the
// place of the snapshot: to load or to open it gives [ErrUnfinishedCopy], and copying the run again replaces it. (Dying before
// the second event leaves a run that was created and did nothing; it is replaced as well.)
//
// Numbers, times and every record stay as they are, checksum included. A record that would not come out the same is refused,
// because it holds what this version does not know: [ErrNewerFormat].
func Copy(ctx context.Context, from, to Store, run string) (Copied, error) {
	c := &copier{from: from, to: to, run: run, done: Copied{Run: run}}
	err := c.source(ctx)
	if err == nil {
		err = c.target(ctx)
	}
	if err != nil {
		return c.done, fmt.Errorf("copy run %q: %w", run, err)
	}
	return c.done, nil
}

const (
	copyEvents = 1024    // events of a batch, at most
	copyBytes  = 8 << 20 // bytes of their records above which a batch is full
)

type copier struct {
	from, to Store
	run      string
	head     Head     // of the source
	mark     copyMark // how the copy ends
	folded   snapshot // of the copy, once it was compared
	done     Copied
}

// source finds out what is to be copied.
func (c *copier) source(ctx context.Context) (err error) {
	if c.head, err = c.from.Head(ctx, c.run); err != nil {
		return err
	}
	if err := c.atRest(c.head); err != nil {
		return err
	}
	mark, ok, err := loadCopyMark(ctx, c.from, c.run)
	if err == nil && ok {
		err = mark.whole(c.run, c.head.Last)
	}
	if err != nil {
		return err
	}
	last, err := ReadEvent(ctx, c.from, c.run, c.head.Last)
	if err != nil {
		return err
	}
	c.mark = copyMark{c.head.RunID, copyEnd{c.head.Last, fmt.Sprintf("%08x", last.Checksum())}}
	return nil
}

func (c *copier) atRest(h Head) error {
	if h.Holder == nil {
		return nil
	}
	return &HeldError{Run: c.run, Host: h.Holder.Host, PID: h.Holder.PID, Since: h.Holder.Since, Until: h.Holder.Until}
}

// target makes the copy. What a copy that died left behind is removed first.
func (c *copier) target(ctx context.Context) error {
	if err := c.clear(ctx); err != nil {
		return err
	}
	j, err := c.to.Open(ctx, c.run, OpenOptions{Mode: Create})
	if err != nil {
		return err
	}
	began := false
	if err = c.write(ctx, j, &began); err == nil {
		err = c.finish(ctx)
	}
	err = errors.Join(err, j.Close())
	if err == nil || !began || errors.Is(err, ErrFenced) { // fenced: what is there is another's
		return err
	}
	if failed := c.clear(context.WithoutCancel(ctx)); failed != nil {
		err = errors.Join(err, fmt.Errorf("what was copied could not be removed again: %w", failed))
	}
	return err
}

// clear removes an unfinished copy of this very run. Anything else that is there is ErrExists.
func (c *copier) clear(ctx context.Context) error {
	head, err := c.remains(ctx)
	switch {
	case err != nil || head.Run == "":
		return err
	case head.Holder != nil:
		return c.atRest(head)
	}
	err = c.to.Remove(ctx, c.run, RemoveOptions{Check: func(ctx context.Context) error {
		_, err := c.remains(ctx) // another may have finished the copy since, or gone on with it
		return err
	}})
	if errors.Is(err, ErrNotFound) {
		return nil // another removed it
	}
	return err
}

// remains is the head of an unfinished copy, which has no name where there is none. Anything else is an error.
func (c *copier) remains(ctx context.Context) (Head, error) {
	mark, ok, err := loadCopyMark(ctx, c.to, c.run)
	if err != nil {
		return Head{}, err
	}
	head, err := c.to.Head(ctx, c.run)
	ours := ok && mark.RunID == c.head.RunID
	switch {
	case errors.Is(err, ErrNotFound):
		return Head{}, nil
	case err != nil && !ours:
		return Head{}, err
	case ours && head.Last <= mark.Copying.Events: // damaged, too short, or not compared; and nobody went on with it
	case err == nil && head.Last == 1 && head.RunID == c.head.RunID && c.head.Last > 1: // it died before it could leave its mark
	default:
		return Head{}, fmt.Errorf("run %q: %w", c.run, ErrExists)
	}
	head.Run = c.run
	return head, nil
}

// write copies the events.
func (c *copier) write(ctx context.Context, j Journal, began *bool) error {
	var batch []Event
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		*began = true
		err := j.Append(ctx, batch, true)
		batch, size = batch[:0:0], 0 // a store may keep what it was given
		return err
	}
	for e, err := range c.from.Events(ctx, c.run, Query{Limit: int(c.head.Last)}) {
		if err != nil {
			return err
		}
		n, err := c.sameRecord(e)
		if err != nil {
			return err
		}
		batch, size = append(batch, e), size+n
		c.done.Events, c.done.Bytes = c.done.Events+1, c.done.Bytes+int64(n)
		if e.Seq > 1 && len(batch) < copyEvents && size < copyBytes {
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		if e.Seq == 1 && c.head.Last > 1 {
			if err := c.leaveMark(ctx); err != nil {
				return err
			}
		}
	}
	return flush()
}

func (c *copier) leaveMark(ctx context.Context) error {
	snaps, ok := c.to.(Snapshots)
	if !ok {
		return nil
	}
	data, err := c.mark.encode()
	if err != nil {
		return err
	}
	return snaps.SaveSnapshot(ctx, c.run, data)
}

// sameRecord makes sure that the event is written as it was read, and returns the size of its record.
func (c *copier) sameRecord(e Event) (int, error) {
	line, err := AppendRecord(nil, c.head.RunID, e)
	if err != nil {
		return 0, fmt.Errorf("event %d: %w", e.Seq, err)
	}
	if _, sum, err := Unseal(line, c.head.RunID); err != nil {
		return 0, fmt.Errorf("event %d: %w", e.Seq, err)
	} else if sum != e.Checksum() {
		return 0, fmt.Errorf("event %d holds what this version would lose: %w; copy the run with the version that wrote it", e.Seq, ErrNewerFormat)
	}
	return len(line), nil
}

// finish takes the requests along, compares, and puts the snapshot in the place of the mark.
func (c *copier) finish(ctx context.Context) error {
	if err := c.requests(ctx); err != nil {
		return err
	}
	if err := c.compare(ctx); err != nil {
		return err
	}
	now, err := c.from.Head(ctx, c.run)
	if err == nil {
		err = c.atRest(now)
	}
	if err != nil {
		return err
	}
	if now.Last != c.head.Last || now.RunID != c.head.RunID {
		return fmt.Errorf("%w while it was copied; copy it again", ErrLocked)
	}
	snaps, ok := c.to.(Snapshots)
	if !ok {
		return nil
	}
	return c.folded.save(ctx, snaps, c.run)
}

func (c *copier) requests(ctx context.Context) error {
	source, ok := c.from.(Inbox)
	if !ok {
		return nil
	}
	list, err := source.Requests(ctx, c.run)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(r Request) bool { return r.Kind == AskPause })
	if len(list) == 0 {
		return nil
	}
	target, ok := c.to.(Inbox)
	if !ok {
		return fmt.Errorf("it has %d open requests, which the other store can't keep: %w", len(list), ErrUnsupported)
	}
	for _, r := range list {
		if err := target.Ask(ctx, c.run, r); err != nil {
			return err
		}
		c.done.Requests++
	}
	return nil
}

// compare reads both runs side by side.
func (c *copier) compare(ctx context.Context) error {
	next, stop := iter.Pull2(c.to.Events(ctx, c.run, Query{}))
	defer stop()
	var before, after WorkflowState
	for e, err := range c.from.Events(ctx, c.run, Query{Limit: int(c.head.Last)}) {
		if err != nil {
			return err
		}
		got, err, ok := next()
		if err != nil {
			return err
		}
		if !ok || got.Checksum() != e.Checksum() || !reflect.DeepEqual(got, e) {
			return fmt.Errorf("%w: event %d did not come out as it went in", ErrDamaged, e.Seq)
		}
		if err = before.Apply(e); err == nil {
			err = after.Apply(got)
		}
		if err == nil {
			err = c.folded.keep(got, c.head.RunID)
		}
		if err != nil {
			return err
		}
	}
	if got, err, ok := next(); ok {
		return errors.Join(err, fmt.Errorf("%w: there is an event %d too many", ErrDamaged, got.Seq))
	}
	if before.Seq != c.head.Last {
		return fmt.Errorf("%w: there should be %d events, but only %d can be read", ErrDamaged, c.head.Last, before.Seq)
	}
	same, err := sameState(&before, &after, c.folded.last)
	if err == nil && !same {
		err = fmt.Errorf("%w: the copy's state is another", ErrDamaged)
	}
	c.folded.of(&after)
	return err
}
