package state

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Verify reads the whole of a run in any store, without its lock, and reports what is wrong; it changes nothing. It asks the
// store's own Verify where it has one ([Repairer]), then reads all events, folds them, and compares the result with the
// head and with the snapshot. A store that can't verify by itself tells only of the first damaged place. The error says what
// could not be found out: [ErrNotFound], [ErrNewerFormat], [ErrUnfinishedCopy], a file that can't be read.
func Verify(ctx context.Context, store Store, run string) (Report, error) {
	var report Report
	snap, err := snapshotOf(ctx, store, run)
	if err != nil {
		return report, err
	}
	if r, ok := store.(Repairer); ok {
		if report, err = r.Verify(ctx, run); err != nil {
			return report, err
		}
		if snap.last = uint64(report.Records); len(report.Damaged) > 0 {
			return report, snap.unfinished(run)
		}
	}
	head, err := store.Head(ctx, run) // before the events: the journal may grow meanwhile
	if err == nil {
		err = snap.agrees(ctx, store, head, &report)
	}
	switch {
	case errors.Is(err, errReplaced):
		return Verify(ctx, store, run)
	case err != nil:
		return report.damaged(err)
	}
	report.Snapshot, report.Misleading = snap.fault, snap.misleads
	return report, snap.unfinished(run)
}

// errReplaced says that another run has taken the name while one was read.
var errReplaced = errors.New("another run has taken its place")

// agrees folds the run's events and compares the result with its head.
func (c *snapshotCheck) agrees(ctx context.Context, store Store, head Head, report *Report) error {
	st, err := c.fold(ctx, store, head.Run)
	if err == nil || errors.Is(err, ErrDamaged) {
		report.Records = max(report.Records, int(st.Seq))
	}
	if err == nil {
		err = matches(head, st)
	}
	if err == nil || st.RunID == head.RunID {
		return err
	}
	switch now, gone := store.Head(ctx, head.Run); {
	case gone != nil:
		return gone
	case now.RunID != head.RunID:
		return errReplaced
	}
	return err
}

// damaged puts an error that tells of damage into the report; any other stays one.
func (r Report) damaged(err error) (Report, error) {
	if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrRecord) {
		return r, err
	}
	found := Damage{Why: err.Error()}
	var at *DamagedError
	if errors.As(err, &at) {
		found = Damage{Line: at.Line, Seq: at.Seq, Why: at.Why}
	}
	r.Damaged = append(r.Damaged, found)
	return r, nil
}

// matches compares a head with the fold of the events read after it.
func matches(head Head, st *WorkflowState) error {
	damaged := func(seq uint64, why string, args ...any) error {
		return &DamagedError{Run: head.Run, File: head.Run, Seq: seq, Why: fmt.Sprintf(why, args...)}
	}
	switch {
	case st.Seq < head.Last:
		return damaged(st.Seq+1, "there should be %d events, but only %d can be read", head.Last, st.Seq)
	case st.RunID != head.RunID:
		return damaged(1, "the store says that its id is %q, its first event says %q", head.RunID, st.RunID)
	case st.Run != head.Run:
		return damaged(1, "its first event says that it is the run %q", st.Run)
	}
	return nil
}

// snapshotCheck compares a run's snapshot with the fold of its journal.
type snapshotCheck struct {
	st       *WorkflowState // of the snapshot; nil: there is none that is used
	witness  Witness
	mark     copyMark
	fault    string
	misleads bool
	last     uint64 // number of the last event folded
}

// snapshotOf reads the snapshot before the events, so that the journal has what the snapshot covers.
func snapshotOf(ctx context.Context, store Store, run string) (*snapshotCheck, error) {
	c := &snapshotCheck{}
	snaps, ok := store.(Snapshots)
	if !ok {
		return c, nil
	}
	var err error
	if c.mark, ok, err = loadCopyMark(ctx, store, run); err != nil || ok {
		return c, err
	}
	r, err := openStored(ctx, snaps, run)
	if errors.Is(err, ErrNotFound) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	defer func() { _ = r.Close() }() // only read
	c.st, c.witness, err = readSnapshot(r)
	switch {
	case errors.Is(err, errFoldVersion): // not used, and no fault
	case errors.Is(err, ErrRecord):
		c.fault = fmt.Sprintf("the snapshot can't be read and is not used: %v", err)
	case err != nil:
		return c, err
	}
	return c, nil
}

// fold folds all events and compares the state with the snapshot where that ends.
func (c *snapshotCheck) fold(ctx context.Context, store Store, run string) (*WorkflowState, error) {
	st := &WorkflowState{}
	for e, err := range store.Events(ctx, run, Query{}) {
		if err != nil {
			return st, err
		}
		if err := st.Apply(e); err != nil {
			return st, &DamagedError{Run: run, File: run, Seq: st.Seq + 1, Why: err.Error()}
		}
		if c.last = e.Seq; c.st != nil && e.Seq == c.witness.Seq {
			if err := c.compare(st, e); err != nil {
				return st, err
			}
		}
	}
	if c.st != nil && c.last < c.witness.Seq {
		c.fault = fmt.Sprintf("the snapshot is of event %d and is not used: the journal ends at event %d", c.witness.Seq, c.last)
	}
	return st, nil
}

func (c *snapshotCheck) compare(st *WorkflowState, e Event) error {
	if e.Checksum() != c.witness.Record || c.witness.RunID != st.RunID {
		c.fault = fmt.Sprintf("the snapshot is not of this journal and is not used: event %d is another", e.Seq)
		return nil
	}
	same, err := sameState(st, c.st, e)
	if err == nil && !same {
		c.misleads = true
		c.fault = fmt.Sprintf("the snapshot of event %d holds another state than the journal gives", e.Seq)
	}
	return err
}

func (c *snapshotCheck) unfinished(run string) error { return c.mark.whole(run, c.last) }

// sameState compares two states that end with the same event, hidden parts included, by what their snapshots would hold.
func sameState(a, b *WorkflowState, last Event) (bool, error) {
	var sums [2][sha256.Size]byte
	for i, st := range []*WorkflowState{a, b} {
		s := snapshot{last: last}
		s.of(st)
		h := sha256.New()
		if err := s.write(h); err != nil {
			return false, err
		}
		h.Sum(sums[i][:0])
	}
	return sums[0] == sums[1], nil
}

// RenewSnapshot folds a run's journal, under its lock, and keeps the state as its snapshot in place of whatever was there. A
// store that keeps no snapshots is left alone.
func RenewSnapshot(ctx context.Context, store Store, run string) (err error) {
	snaps, ok := store.(Snapshots)
	if !ok {
		return nil
	}
	j, err := store.Open(ctx, run, OpenOptions{Mode: OpenExisting})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	var st WorkflowState
	var s snapshot
	for e, err := range store.Events(ctx, run, Query{}) {
		if err == nil {
			err = st.Apply(e)
		}
		if err == nil {
			err = s.keep(e, st.RunID)
		}
		if err != nil {
			return fmt.Errorf("run %q: %w", run, err)
		}
	}
	s.of(&st)
	return s.save(ctx, snaps, run)
}

// keep takes the first and the last event, of which a snapshot tells.
func (s *snapshot) keep(e Event, runID string) error {
	if s.last = e; e.Seq > 1 {
		return nil
	}
	line, err := AppendRecord(nil, runID, e)
	s.created = string(line)
	return err
}

// of takes the state.
func (s *snapshot) of(st *WorkflowState) {
	s.compact, s.summary, s.items = st.compact(), st.summary(), st.itemCount()
}
