package state

import (
	"bytes"
	"fmt"
	"io"
)

// Dump is the whole of a state, hidden parts included, as text: two states are equal when their dumps are.
func Dump(st *WorkflowState) string {
	c := st.compact()
	c.sort()
	raw, err := Marshal(c)
	if err != nil {
		panic(err)
	}
	b := bytes.NewBuffer(raw)
	for _, f := range st.fold.steps {
		f.items.dump(b)
		if f.incoming != nil {
			f.incoming.items.dump(b)
		}
	}
	for _, gone := range c.Removed {
		st.fold.removed[gone.Step.Name].fold.items.dump(b)
	}
	return b.String()
}

func (t *itemTable) dump(b *bytes.Buffer) {
	for i := range t.len() {
		fmt.Fprintf(b, "\n%+v %d", t.state(i), t.at(i).seq)
		if at := t.find(string(t.keyAt(i))); at != i {
			fmt.Fprintf(b, " IS FOUND AT %d", at)
		}
	}
	b.WriteByte('\n')
}

// SnapshotOf is a snapshot of the state, as a store would keep it.
func SnapshotOf(st *WorkflowState, created string, last Event) ([]byte, error) {
	s := snapshot{compact: st.compact(), summary: st.summary(), created: created, last: last}
	var b bytes.Buffer
	err := s.write(&b)
	return b.Bytes(), err
}

// FromSnapshot reads it back.
func FromSnapshot(data []byte) (*WorkflowState, error) {
	st, _, err := readSnapshot(bytes.NewReader(data))
	return st, err
}

// Pending is how many events wait to be written.
func Pending(r *Recorder) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.pending)
}

// Kept is how many events are kept in memory for observers.
func Kept(r *Recorder) int {
	r.fold.RLock()
	defer r.fold.RUnlock()
	return len(r.ring)
}

// EncodePayload is a payload as it is recorded.
func EncodePayload(p Payload) (string, error) {
	raw, err := appendPayload(nil, p)
	return string(raw), err
}

// IsCompact is the fast check of recorded JSON.
func IsCompact(raw []byte) bool { return isCompact(raw) }

// Herd is what the Recorder knows of the writers it released.
type Herd struct{ h herd }

// Released and Returned are what the Recorder tells it.
func (h *Herd) Released(n int)    { h.h.released(n) }
func (h *Herd) Returned(all bool) { h.h.returned(all) }

// Expected says that somebody is waited for.
func (h *Herd) Expected() bool { return h.h.size >= 2 }

// PreparedRecord is a record as the Recorder has it written: its payload was encoded before.
func PreparedRecord(runID string, e Event) (string, error) {
	if err := e.prepare(); err != nil {
		return "", err
	}
	line, err := AppendRecord([]byte("before"), runID, e)
	return string(line), err
}

// DecodeJSON is DecodeRecord for any order of fields.
func DecodeJSON(line []byte, runID string) (Event, error) {
	_, sum, err := Unseal(line, runID)
	if err != nil {
		return Event{}, err
	}
	return decodeJSON(line, sum)
}

// Updating says that the golden files are to be written anew.
func Updating() bool { return *update }

// TakeSnapshot does what the Recorder does for a snapshot while it holds its lock.
func TakeSnapshot(st *WorkflowState) int {
	s := snapshot{compact: st.compact(), summary: st.summary()}
	return len(s.compact.Steps)
}

// DiscardSnapshot writes a snapshot to nowhere.
func DiscardSnapshot(st *WorkflowState, created string, last Event) error {
	s := snapshot{compact: st.compact(), summary: st.summary(), created: created, last: last}
	return s.write(io.Discard)
}
