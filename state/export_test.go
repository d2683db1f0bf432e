package state

// Dump is the whole of a state, hidden parts included, as text: two states are equal when their dumps are.
func Dump(st *WorkflowState) string {
	c := st.compact()
	raw, err := c.encode()
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// SnapshotOf is a snapshot of the state, as a store would keep it.
func SnapshotOf(st *WorkflowState, created string, last Event) ([]byte, error) {
	s := snapshot{compact: st.compact(), summary: st.summary(), created: created, last: last}
	return s.encode()
}

// FromSnapshot reads it back.
func FromSnapshot(data []byte) (*WorkflowState, error) {
	st, _, err := decodeSnapshot(data)
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
