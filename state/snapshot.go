package state

import (
	"encoding/json"
	"fmt"
	"strings"
)

// FoldVersion is the version of the fold that a snapshot holds; one of another version is ignored.
const FoldVersion = 2

// snapshotFile is checkpoint.json: a readable summary, then the state in its compact form. The object is sealed with
// its own checksum (see Seal), begun with the run's id.
type snapshotFile struct {
	Format   int             `json:"format"`
	Fold     int             `json:"fold"`
	RunID    string          `json:"run_id"`
	Seq      uint64          `json:"seq"`     // number of the last event folded in
	Record   string          `json:"record"`  // checksum of that event's record, eight hex digits
	Created  string          `json:"created"` // the journal's first record, as it stands there
	Summary  json.RawMessage `json:"summary"`
	Compact  json.RawMessage `json:"state"`
	Checksum string          `json:"crc"`
}

// Witness is what a snapshot proves of the journal beside it: that it held the record Seq with that checksum, durably.
type Witness struct {
	RunID   string
	Seq     uint64
	Record  uint32 // checksum of record Seq
	Created []byte // the first record with its newline, to restore it should it be damaged
}

// ReadWitness checks a snapshot's own checksum and returns what it proves. Its errors are ErrRecord.
func ReadWitness(snapshot []byte) (Witness, error) {
	f, err := readSnapshot(snapshot)
	if err != nil {
		return Witness{}, err
	}
	return f.witness()
}

func (f snapshotFile) witness() (Witness, error) {
	w := Witness{RunID: f.RunID, Seq: f.Seq, Created: []byte(f.Created + "\n")}
	if _, err := fmt.Sscanf(f.Record, "%08x", &w.Record); err != nil {
		return Witness{}, fmt.Errorf("%w: snapshot: %w", ErrRecord, err)
	}
	return w, nil
}

func readSnapshot(data []byte) (snapshotFile, error) {
	var f snapshotFile
	if err := json.Unmarshal(data, &f); err != nil {
		return f, fmt.Errorf("%w: snapshot: %w", ErrRecord, err)
	}
	if _, _, err := Unseal(data, f.RunID); err != nil {
		return f, fmt.Errorf("snapshot: %w", err)
	}
	return f, nil
}

func writeSnapshot(f snapshotFile) ([]byte, error) {
	summary, err := json.MarshalIndent(f.Summary, "  ", "  ")
	if err != nil {
		return nil, err
	}
	created, err := Marshal(strings.TrimSuffix(f.Created, "\n"))
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "{\n  \"format\": %d,\n  \"fold\": %d,\n  \"run_id\": %q,\n  \"seq\": %d,\n  \"record\": %q,\n",
		f.Format, f.Fold, f.RunID, f.Seq, f.Record)
	fmt.Fprintf(&b, "  \"created\": %s,\n  \"summary\": %s,\n  \"state\": %s\n", created, summary, f.Compact)
	return append(Seal([]byte(b.String()), f.RunID), '\n'), nil
}
