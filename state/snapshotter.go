package state

import (
	"bytes"
	"context"
	"encoding/json"
	"hash/crc32"
	"io"
	"strings"
	"sync"
)

// snapshotter writes a snapshot when the tail after the last one is at least a part of the state's size, so that all
// snapshots of a run together cost a constant factor of the run, and what a resume replays stays in proportion. It encodes
// and writes off the append path.
type snapshotter struct {
	at    uint64 // number of the last event in the last snapshot
	size  int    // of the state then: steps and items
	group sync.WaitGroup
	busy  chan struct{} // capacity 1: held while one is written
	once  sync.Once
}

// No snapshot is written before the run is closed while the tail is below snapshotFloor events, or below the state's size
// (steps and items) by snapshotPart. A snapshot takes some 50 bytes an item where the journal took a result and 450, and
// an item takes two events or more: all snapshots of a run take less than the journal does.
const (
	snapshotFloor = 2000
	snapshotPart  = 4
)

func (s *snapshotter) reset(at uint64, steps, items int) { s.at, s.size = at, steps+items }

// consider is called by the Recorder's goroutine after each append. A snapshot proves that its last record was on disk,
// so it is only taken where everything folded in is.
func (s *snapshotter) consider(r *Recorder) {
	seq := r.journal.Last()
	if seq-s.at < snapshotFloor || seq-s.at < uint64(s.size)/snapshotPart || r.durable != seq {
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

// snapshot is everything that writing a snapshot needs, taken under the Recorder's lock.
type snapshot struct {
	compact compact
	summary summary
	created string // the first record
	last    Event  // the last one folded in
	items   int
}

// snapshot copies what a snapshot needs, quickly.
func (r *Recorder) snapshot() *snapshot {
	r.fold.RLock()
	defer r.fold.RUnlock()
	return &snapshot{
		compact: r.st.compact(), summary: r.st.summary(), created: r.created, last: r.last, items: r.st.itemCount(),
	}
}

func (s *snapshot) save(ctx context.Context, snaps Snapshots, run string) error {
	if streams, ok := snaps.(SnapshotStreams); ok {
		return streams.WriteSnapshot(ctx, run, s.write)
	}
	var b bytes.Buffer
	if err := s.write(&b); err != nil {
		return err
	}
	return snaps.SaveSnapshot(ctx, run, b.Bytes())
}

// write writes the snapshot in pieces, without holding all of it.
func (s *snapshot) write(w io.Writer) error {
	s.compact.sort()
	state, err := Marshal(s.compact)
	if err != nil {
		return err
	}
	summary, err := json.MarshalIndent(s.summary, "  ", "  ")
	if err != nil {
		return err
	}
	created, err := Marshal(strings.TrimSuffix(s.created, "\n"))
	if err != nil {
		return err
	}
	st := &s.compact.State
	record, err := recordSum(s.last, st.RunID)
	if err != nil {
		return err
	}
	out := snapshotWriter{w: w, sum: crc32.Checksum([]byte(st.RunID), castagnoli)}
	out.printf("{\n  \"format\": %d,\n  \"fold\": %d,\n  \"run_id\": %s,\n  \"seq\": %d,\n  \"record\": \"%08x\",\n",
		Format, FoldVersion, appendString(nil, st.RunID), st.Seq, record)
	out.printf("  \"created\": %s,\n  \"summary\": %s,\n  \"state\": %s,\n  \"items\": [", created, summary, state)
	none := true
	for _, items := range s.compact.lists() {
		none = out.blocks(items.list, none)
	}
	out.printf("\n  ]\n")
	return out.end()
}

// recordSum is the checksum of an event's record.
func recordSum(e Event, runID string) (uint32, error) {
	line, err := AppendRecord(nil, runID, e)
	if err != nil {
		return 0, err
	}
	_, sum, err := Unseal(line, runID)
	return sum, err
}

func (st *WorkflowState) itemCount() (n int) {
	for _, f := range st.fold.steps {
		n += f.items.len()
	}
	return n
}
