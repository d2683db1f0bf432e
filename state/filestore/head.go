package filestore

import (
	"context"
	"errors"
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
	v, err := s.view(ctx, run, f, 0)
	if err == nil {
		err = v.damage
	}
	if err != nil {
		return h, err
	}
	last, err := s.lastEvent(ctx, run, f, &v)
	if err != nil {
		return h, err
	}
	created := v.first.Data.(state.RunCreated) // decodeFirst has checked the type
	h.RunID, h.Pipeline, h.Created = v.runID, created.Pipeline, v.first.Time
	h.Updated, h.Last, h.Proven, h.Size = last.Time, v.last(), v.proven, v.size
	h.Holder, err = s.holder(run)
	return h, err
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
		if *v, err = s.view(ctx, run, f, 0); err == nil {
			err = v.damage
		}
		if err != nil {
			return e, err
		}
	}
}

// List yields a Head for each run, by name. A folder without a journal is none.
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
			if errors.Is(err, state.ErrNotFound) {
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
