package workflow

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/dogear-go/dogear/state"
)

// maxValue leaves room for the rest of the event in which a value is recorded. What is larger fails its attempt, and not the
// journal.
const maxValue = state.MaxEvent - 1<<20

// encode is the one way in which values become recorded bytes.
func encode(v any) (json.RawMessage, error) {
	raw, err := state.Marshal(v)
	if err != nil {
		return nil, misuse("a %T can't be recorded as JSON: %w", v, err)
	}
	if len(raw) > maxValue {
		return nil, misuse("a %T of %d bytes can't be recorded: %w", v, len(raw), state.ErrTooLarge)
	}
	return raw, nil
}

// decode is the one way in which recorded bytes become values: a fresh copy each time, and strictly, so that a type that
// no longer fits its record is an error and never a silent zero.
func decode[T any](raw json.RawMessage, what string) (T, error) {
	var v T
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	err := dec.Decode(&v)
	if err == nil {
		if _, more := dec.Token(); more != io.EOF {
			err = fmt.Errorf("more than one value")
		}
	}
	if err != nil {
		var zero T
		return zero, misuse("%s, as recorded, does not fit the Go type %T: %w; "+
			"go on with the program that recorded it, or start a new run", what, zero, err)
	}
	return v, nil
}

// recordedKey is a key as the journal holds it: one that was cut in the middle of a letter would come back as another.
func recordedKey(key string) string { return strings.ToValidUTF8(key, "\uFFFD") }

// hashOf hashes recorded bytes: SHA-256, the first 128 bits, in hex.
func hashOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16])
}

// hashItems hashes what an Each gives: the keys and result hashes of its completed items, in list order.
func hashItems(st *state.WorkflowState, step string) string {
	h := sha256.New()
	for it := range st.Items(step) {
		if it.Status == state.StatusCompleted {
			fmt.Fprintf(h, "%d:%s=%s;", len(it.Key), it.Key, it.Result)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
