package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// Head tells what can be known of a run without reading its events. See [state.Store].
func (s *Store) Head(ctx context.Context, run string) (state.Head, error) {
	h := state.Head{Run: run}
	if err := begin(ctx, run); err != nil {
		return h, err
	}
	f, err := s.openJournal(run)
	if err != nil {
		return h, err
	}
	defer func() { _ = f.Close() }() // only read
	v, err := s.soundView(ctx, run, f)
	if err != nil {
		return h, err
	}
	const looks = 3
	for look := 1; ; look++ {
		if err := s.describe(ctx, run, f, &v, &h); err != nil {
			return h, err
		}
		if h.Holder, err = s.holder(run); err != nil {
			return h, err
		}
		if h.Status != state.StatusOpen || h.Holder != nil || look == looks {
			break
		}
		// Nobody holds it. A session that ended after the journal was read, and before the lock was, has written its
		// end by now; only a journal that has not grown since was left open.
		read := v.last()
		if v, err = s.soundView(ctx, run, f); err != nil {
			return h, err
		}
		if v.last() == read {
			break
		}
	}
	h.Status = h.Status.Observed(h.Holder != nil)
	return h, nil
}

// soundView is a view of a journal that is not damaged.
func (s *Store) soundView(ctx context.Context, run string, f vfs.File) (view, error) {
	v, err := s.view(ctx, run, f, 0)
	if err == nil {
		err = v.damage
	}
	return v, err
}

// describe fills in what the journal tells, with the stored status.
func (s *Store) describe(ctx context.Context, run string, f vfs.File, v *view, h *state.Head) error {
	last, err := s.lastEvent(ctx, run, f, v)
	if err != nil {
		return err
	}
	created := v.first.Data.(state.RunCreated) // decodeFirst has checked the type
	h.RunID, h.Pipeline, h.Created = v.runID, created.Pipeline, v.first.Time
	h.Updated, h.Last, h.Proven, h.Size = last.Time, v.last(), v.proven, v.size
	h.Status, err = s.status(ctx, run, f, *v)
	return err
}

// status walks back from the last record to the one that tells the stored status, or to one from which it is known.
func (s *Store) status(ctx context.Context, run string, f vfs.File, v view) (state.Status, error) {
	entry := s.entry(run)
	known := entry.status(v.runID)
	found := state.StatusOpen // if no record tells it
	const atOnce = 1 << 8     // records that are read in one go, after the last one, if they are small
	for upto, size := v.last(), uint64(1); upto > 0; size = atOnce {
		if upto <= known.seq {
			found = known.status
			break
		}
		from := max(upto-min(upto, size), known.seq) + 1
		_, end := v.span(upto, upto)
		for from < upto && end-v.offs.at(from-1) > 1<<20 {
			from++
		}
		status, ok, err := statusWithin(ctx, f, v, from, upto)
		if err != nil {
			return "", fmt.Errorf("run %q: %w", run, err)
		}
		if ok {
			found = status
			break
		}
		upto = from - 1
	}
	entry.tell(v.runID, told{v.last(), found})
	return found, nil
}

// statusWithin asks the records from to upto, the last one first.
func statusWithin(ctx context.Context, f vfs.File, v view, from, upto uint64) (status state.Status, ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return "", false, err
	}
	off, _ := v.span(from, from)
	_, end := v.span(upto, upto)
	text := make([]byte, end-off)
	if _, err := f.ReadAt(text, off); err != nil {
		return "", false, err
	}
	for n := upto; n >= from; n-- {
		a, b := v.span(n, n)
		e, err := state.DecodeRecord(text[a-off:b-off], v.runID)
		if err != nil {
			return "", false, fmt.Errorf("record %d: %w", n, err)
		}
		if status, ok = state.StatusOf(e); ok {
			return status, true, nil
		}
	}
	return "", false, nil
}

// lastEvent reads the last event, which shows as well whether the index is still about this journal.
func (s *Store) lastEvent(ctx context.Context, run string, f vfs.File, v *view) (state.Event, error) {
	for again := false; ; again = true {
		off, end := v.span(v.last(), v.last())
		text := make([]byte, end-off)
		_, err := f.ReadAt(text, off)
		var e state.Event
		if err == nil {
			e, err = state.DecodeRecord(text, v.runID)
		}
		if err == nil && e.Seq == v.last() || again || errors.Is(err, state.ErrNewerFormat) {
			return e, err
		}
		s.entry(run).forget()
		if *v, err = s.soundView(ctx, run, f); err != nil {
			return e, err
		}
	}
}

// List yields a Head for each run that the query wants, by name. A folder without a journal is none.
func (s *Store) List(ctx context.Context, q state.ListQuery) iter.Seq2[state.Head, error] {
	return func(yield func(state.Head, error) bool) {
		list, err := s.fs.ReadDir(s.dir)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				yield(state.Head{}, err)
			}
			return
		}
		count := 0
		for _, e := range list {
			if e.Name() <= q.After || state.ValidName(e.Name()) != nil || !s.isFolder(e) {
				continue
			}
			h, err := s.Head(ctx, e.Name())
			if errors.Is(err, state.ErrNotFound) || err == nil && !q.Wants(h) {
				continue
			}
			count++
			if !yield(h, err) || ctx.Err() != nil || count == q.Limit {
				return
			}
		}
	}
}

// isFolder follows links: a person may keep a run on another disk.
func (s *Store) isFolder(e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := s.fs.Stat(s.RunDir(e.Name()))
	return err == nil && info.IsDir()
}
