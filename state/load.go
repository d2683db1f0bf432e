package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// Load reads a run's state without its lock: the snapshot where the store has a sound one, and the journal's events
// after it. The status is the stored one; Observe with the holder of [Store.Head] makes it what a reader should see.
func Load(ctx context.Context, store Store, run string) (*WorkflowState, error) {
	l, err := load(ctx, store, run)
	return l.st, err
}

// loaded is what was found in a store.
type loaded struct {
	st       *WorkflowState
	last     Event  // that the state ends with
	snapshot uint64 // number of the last event in the snapshot that was used; zero: none was
}

func load(ctx context.Context, store Store, run string) (loaded, error) {
	st, w, mark := loadSnapshot(ctx, store, run)
	if st != nil {
		last, err := st.catchUp(ctx, store, run, &w)
		if err == nil {
			return loaded{st, last, w.Seq}, nil
		}
		if !errors.Is(err, errStaleSnapshot) {
			return loaded{}, err
		}
	}
	st = &WorkflowState{}
	last, err := st.catchUp(ctx, store, run, nil)
	if err == nil && mark.RunID == st.RunID {
		err = mark.whole(run, st.Seq)
	}
	if err != nil {
		return loaded{}, err
	}
	if st.Seq == 0 {
		return loaded{}, fmt.Errorf("run %q: %w", run, ErrNotFound)
	}
	return loaded{st: st, last: last}, nil
}

var errStaleSnapshot = errors.New("the snapshot is not of this journal")

// loadSnapshot returns nil when there is no sound snapshot: it is a cache, and any fault means "replay the journal". The mark
// of a copy that is not finished may stand in its place.
func loadSnapshot(ctx context.Context, store Store, run string) (st *WorkflowState, w Witness, mark copyMark) {
	snaps, ok := store.(Snapshots)
	if !ok {
		return nil, w, mark
	}
	r, err := openStored(ctx, snaps, run)
	if err != nil {
		return nil, w, mark
	}
	defer func() { _ = r.Close() }() // only read
	if st, w, err = readSnapshot(r); err != nil {
		mark, _, _ = loadCopyMark(ctx, store, run) // a cache: an error here is one like any other
		return nil, Witness{}, mark
	}
	return st, w, mark
}

func openStored(ctx context.Context, snaps Snapshots, run string) (io.ReadCloser, error) {
	if streams, ok := snaps.(SnapshotStreams); ok {
		return streams.OpenSnapshot(ctx, run)
	}
	data, err := snaps.LoadSnapshot(ctx, run)
	return io.NopCloser(bytes.NewReader(data)), err
}

// catchUp applies the events that follow. With a witness the first event read is the one that it names.
func (st *WorkflowState) catchUp(ctx context.Context, store Store, run string, w *Witness) (last Event, err error) {
	from := st.Seq + 1
	if w != nil {
		from = w.Seq
	}
	for e, err := range store.Events(ctx, run, Query{From: from}) {
		if err != nil {
			return last, err
		}
		if w != nil {
			if e.Seq != w.Seq || e.Checksum() != w.Record {
				return last, errStaleSnapshot
			}
			w, last = nil, e
			continue
		}
		if err := st.Apply(e); err != nil {
			return last, fmt.Errorf("run %q: %w", run, err)
		}
		last = e
	}
	if w != nil {
		return last, errStaleSnapshot
	}
	return last, nil
}
