package state

import (
	"context"
	"sync"
)

// snapshotter writes a snapshot when the tail after the last one is at least half of the state's size, so that all
// snapshots of a run together cost a constant factor of the run. It encodes and writes off the append path.
type snapshotter struct {
	at    uint64 // number of the last event in the last snapshot
	size  int    // of the state then: steps and items
	group sync.WaitGroup
	busy  chan struct{} // capacity 1: held while one is written
	once  sync.Once
}

// snapshotFloor is the tail below which no snapshot is written before the run is closed.
const snapshotFloor = 2000

func (s *snapshotter) reset(at uint64, steps, items int) { s.at, s.size = at, steps+items }

// consider is called by the Recorder's goroutine after each append. A snapshot proves that its last record was on disk,
// so it is only taken where everything folded in is.
func (s *snapshotter) consider(r *Recorder) {
	seq := r.journal.Last()
	if seq-s.at < snapshotFloor || seq-s.at < uint64(s.size)/2 || r.durable != seq {
		return
	}
	snaps, ok := r.store.(Snapshots)
	if !ok {
		return
	}
	s.once.Do(func() { s.busy = make(chan struct{}, 1) })
	select {
	case s.busy <- struct{}{}:
	default:
		return // the last one is still being written
	}
	snap := r.snapshot()
	s.reset(seq, len(snap.compact.Steps), snap.items)
	s.group.Go(func() {
		defer func() { <-s.busy }()
		_ = snap.save(context.Background(), snaps, r.run) // a cache: without it the next opening takes longer
	})
}

func (s *snapshotter) wait() { s.group.Wait() }

// snapshot copies what a snapshot needs, quickly.
func (r *Recorder) snapshot() *snapshot {
	r.fold.RLock()
	defer r.fold.RUnlock()
	return &snapshot{
		compact: r.st.compact(), summary: r.st.summary(), created: r.created, last: r.last, items: r.st.itemCount(),
	}
}

func (s *snapshot) save(ctx context.Context, snaps Snapshots, run string) error {
	data, err := s.encode()
	if err != nil {
		return err
	}
	return snaps.SaveSnapshot(ctx, run, data)
}

func (st *WorkflowState) itemCount() (n int) {
	for _, f := range st.fold.steps {
		if f.items != nil {
			n += len(f.items.list)
		}
	}
	return n
}
