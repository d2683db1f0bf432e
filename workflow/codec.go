package workflow

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
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
	h := shortHash(raw)
	return hex.EncodeToString(h[:])
}

// shortHash is hashOf, not in hex.
func shortHash(raw []byte) state.Hash {
	sum := sha256.Sum256(raw)
	return state.Hash(sum[:len(state.Hash{})])
}

// hasher hashes values as they would be recorded, one after another, without keeping their bytes.
type hasher struct {
	buf bytes.Buffer
	enc *json.Encoder
}

func newHasher() *hasher {
	h := &hasher{}
	h.enc = json.NewEncoder(&h.buf)
	h.enc.SetEscapeHTML(false) // as state.Marshal does
	return h
}

// of is the hash of what encode makes of the value, with the same errors.
func (h *hasher) of(v any) (state.Hash, error) {
	h.buf.Reset()
	if err := h.enc.Encode(v); err != nil {
		_, err = encode(v)
		return state.Hash{}, err
	}
	raw := bytes.TrimSuffix(h.buf.Bytes(), []byte{'\n'})
	if len(raw) > maxValue {
		_, err := encode(v)
		return state.Hash{}, err
	}
	sum := sha256.Sum256(raw)
	return state.Hash(sum[:16]), nil
}

// hashItems hashes what an Each gives: the keys and result hashes of its completed items, in list order.
func hashItems(list state.ItemList) string {
	h := sha256.New()
	var b []byte
	for i := range list.Len() {
		it := list.At(i)
		if it.Status() != state.StatusCompleted {
			continue
		}
		result, _ := it.Result()
		key := it.Key()
		b = strconv.AppendInt(b[:0], int64(len(key)), 10)
		b = append(append(append(b, ':'), key...), '=')
		if result != (state.Hash{}) {
			b = hex.AppendEncode(b, result[:])
		}
		h.Write(append(b, ';'))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
