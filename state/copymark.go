package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// copyMark stands in the place of a run's snapshot while the run is copied there. It says what the journal will hold when the
// copy is whole, so that one whose process died is known by it: nobody goes on with half a run. Older versions take it for a
// broken snapshot and ignore it.
type copyMark struct {
	RunID   string  `json:"run_id"`
	Copying copyEnd `json:"copying"`
}

// copyEnd is the last event of a copy.
type copyEnd struct {
	Events uint64 `json:"events"`
	Record string `json:"record"` // checksum of the last one's record, eight hex digits
}

func (m copyMark) encode() ([]byte, error) {
	raw, err := Marshal(m)
	if err != nil {
		return nil, err
	}
	return append(Seal(raw[:len(raw)-1], m.RunID), '\n'), nil
}

// readCopyMark finds the mark in what a store keeps as the snapshot of a run.
func readCopyMark(data []byte) (m copyMark, ok bool) {
	if json.Unmarshal(data, &m) != nil || m.RunID == "" || m.Copying.Events == 0 {
		return copyMark{}, false
	}
	if _, _, err := Unseal(data, m.RunID); err != nil {
		return copyMark{}, false
	}
	return m, true
}

// largestMark is more than a mark can have: ids are short, numbers have 20 digits at most.
const largestMark = 1 << 12

// loadCopyMark reads a run's mark; ok is false when it has none.
func loadCopyMark(ctx context.Context, store Store, run string) (m copyMark, ok bool, err error) {
	snaps, can := store.(Snapshots)
	if !can {
		return m, false, nil
	}
	r, err := openStored(ctx, snaps, run)
	if errors.Is(err, ErrNotFound) {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	defer func() { _ = r.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(r, largestMark))
	if err != nil {
		return m, false, err
	}
	m, ok = readCopyMark(data)
	return m, ok, nil
}

// whole gives ErrUnfinishedCopy for a run that is the beginning of a copy.
func (m copyMark) whole(run string, last uint64) error {
	if last >= m.Copying.Events {
		return nil
	}
	return fmt.Errorf("run %q: %w: it has %d of %d events; copy the run again", run, ErrUnfinishedCopy, last, m.Copying.Events)
}
