package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// FoldVersion is the version of the fold that a snapshot holds; one of another version is ignored.
const FoldVersion = 4

// A snapshot is checkpoint.json, a JSON object of these lines:
//
//	{
//	  "format": 1,          of the journal
//	  "fold": 4,            FoldVersion
//	  "run_id": "…",
//	  "seq": 8,             number of the last event folded in
//	  "record": "0a1b2c3d", checksum of that event's record
//	  "created": "…",       the journal's first record, as it stands there
//	  "summary": {…},       for people, on several lines
//	  "state": {…},         everything but the items, on one line
//	  "items": [            blocks of items (see blocks.go), base64 without padding, one a line
//	    "…",
//	    "…"
//	  ]
//	,"crc":"…"}             of all bytes before it, begun with the run's id (see Seal)
//
// The lines up to "created" are the same in every version of the fold: whatever else it holds, a snapshot is a witness.

// snapshotHead is the part of a snapshot that says what it is of.
type snapshotHead struct {
	Format  int    `json:"format"`
	Fold    int    `json:"fold"`
	RunID   string `json:"run_id"`
	Seq     uint64 `json:"seq"`
	Record  string `json:"record"`
	Created string `json:"created"`
}

// SnapshotStreams is implemented by stores of [Snapshots] that can write and read one without holding all of it.
type SnapshotStreams interface {
	// WriteSnapshot is SaveSnapshot of what write writes; its error leaves the last one in place, and is returned.
	WriteSnapshot(ctx context.Context, run string, write func(io.Writer) error) error
	// OpenSnapshot is LoadSnapshot; the caller closes the reader.
	OpenSnapshot(ctx context.Context, run string) (io.ReadCloser, error)
}

// Witness is what a snapshot proves of the journal beside it: that it held the record Seq with that checksum, durably.
type Witness struct {
	RunID   string
	Seq     uint64
	Record  uint32 // checksum of record Seq
	Created []byte // the first record with its newline, to restore it should it be damaged
}

// ReadWitness checks a snapshot's own checksum and returns what it proves. Its errors are ErrRecord.
func ReadWitness(snapshot []byte) (Witness, error) { return ReadWitnessFrom(bytes.NewReader(snapshot)) }

// ReadWitnessFrom is ReadWitness for a snapshot that is not all in memory. Errors of r are returned as well.
func ReadWitnessFrom(r io.Reader) (Witness, error) {
	lines, head, err := openSnapshot(r)
	if err != nil {
		return Witness{}, err
	}
	if err := lines.drain(); err != nil {
		return Witness{}, err
	}
	return head.witness()
}

func (h snapshotHead) witness() (Witness, error) {
	w := Witness{RunID: h.RunID, Seq: h.Seq, Created: []byte(h.Created + "\n")}
	if _, err := fmt.Sscanf(h.Record, "%08x", &w.Record); err != nil {
		return Witness{}, fmt.Errorf("%w: snapshot: %w", ErrRecord, err)
	}
	return w, nil
}

var errFoldVersion = errors.New("fold version")

// readSnapshot reads a snapshot's state. The witness is sound whenever the error is nil.
func readSnapshot(r io.Reader) (*WorkflowState, Witness, error) {
	lines, head, err := openSnapshot(r)
	if err != nil {
		return nil, Witness{}, err
	}
	w, err := head.witness()
	if err != nil {
		return nil, w, err
	}
	if head.Fold != FoldVersion {
		return nil, w, fmt.Errorf("%w: snapshot of %w %d", ErrRecord, errFoldVersion, head.Fold)
	}
	var c compact
	if err := lines.compact(&c); err != nil {
		return nil, w, err
	}
	if err := lines.drain(); err != nil { // whose checksum decides whether all this counts
		return nil, w, err
	}
	st, err := c.restore()
	if err == nil && (st.RunID != head.RunID || st.Seq != head.Seq) {
		err = fmt.Errorf("%w: snapshot: its state is of another moment", ErrRecord)
	}
	if err != nil {
		return nil, w, err
	}
	return st, w, nil
}

// compact reads the lines that hold the state.
func (s *snapshotLines) compact(c *compact) error {
	state, err := s.find(`  "state": `)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(bytes.TrimSuffix(state, []byte{','}), c); err != nil {
		return fmt.Errorf("%w: snapshot: %w", ErrRecord, err)
	}
	if err := s.expect(`  "items": [`); err != nil {
		return err
	}
	for _, items := range c.lists() {
		if err := s.items(items); err != nil {
			return err
		}
	}
	return s.expect("  ]")
}

// items reads the blocks of a list.
func (s *snapshotLines) items(items *compactItems) error {
	t := newItemTable()
	for t.n < items.Count {
		block, err := s.nextBlock()
		if err == nil {
			err = t.appendFrom(block, items.Count-t.n)
		}
		if err != nil {
			return err
		}
	}
	if !t.reindex() {
		return errBlock // two items have the same key
	}
	items.table = t
	return nil
}
