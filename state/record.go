package state

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"time"
)

// A record is one line of a journal:
//
//	{"seq":7,"d":5,"t":"…","type":"item.completed","ep":1,"step":"prose","item":"3/2","gen":1,"att":1,"data":{…},"crc":"0a1b2c3d"}
//
// crc is the CRC-32C (Castagnoli, RFC 3720) of the bytes before `,"crc"`, begun with the run's id, so that a line of
// another run fails. A writer whose type older readers may skip adds "ign":true before the data.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const (
	crcOpen  = `,"crc":"`
	crcClose = `"}`
	crcLen   = len(crcOpen) + 8 + len(crcClose)
)

// ErrRecord is wrapped by every error about a line that is no valid record of the run.
var ErrRecord = errors.New("not a valid record")

// Seal closes an open JSON object (its bytes without the last brace) with the checksum for the run.
func Seal(open []byte, runID string) []byte { return seal(open, 0, runID) }

// seal closes the object that begins at start.
func seal(dst []byte, start int, runID string) []byte {
	sum := checksum(dst[start:], runID)
	dst = append(dst, crcOpen...)
	raw := [4]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}
	dst = hex.AppendEncode(dst, raw[:])
	return append(dst, crcClose...)
}

// Unseal verifies what Seal made (a trailing newline is allowed) and returns the bytes before the checksum, and it.
func Unseal(line []byte, runID string) (open []byte, sum uint32, err error) {
	line = bytes.TrimSuffix(line, []byte{'\n'})
	cut, sum, err := sealOf(line)
	if err != nil {
		return nil, 0, err
	}
	if checksum(line[:cut], runID) != sum {
		return nil, 0, errChecksum
	}
	return line[:cut], sum, nil
}

func checksum(b []byte, runID string) uint32 {
	seed := ^uint32(0)
	for i := range len(runID) { // by hand: a conversion for crc32 would be the only allocation of a record
		seed = castagnoli[byte(seed)^runID[i]] ^ seed>>8
	}
	return crc32.Update(^seed, castagnoli, b)
}

func appendJSON(dst []byte, v any) ([]byte, error) {
	buf := bytes.NewBuffer(dst)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return dst, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte{'\n'}), nil
}

// envelopeSize is about how many bytes a record has beside its payload.
const envelopeSize = 256

// AppendRecord appends the event as one line, newline included.
func AppendRecord(dst []byte, runID string, e Event) ([]byte, error) {
	start := len(dst)
	dst = slices.Grow(dst, e.body.size()+envelopeSize)
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, e.Seq, 10)
	dst = append(dst, `,"d":`...)
	dst = strconv.AppendUint(dst, e.Durable, 10)
	dst = append(dst, `,"t":"`...)
	dst = e.Time.UTC().AppendFormat(dst, time.RFC3339Nano)
	dst = append(dst, `","type":"`...)
	dst = append(dst, e.Type...)
	dst = append(dst, `","ep":`...)
	dst = strconv.AppendUint(dst, e.Epoch, 10)
	if e.ID != nil {
		dst = append(dst, `,"id":{"w":`...)
		dst = appendString(dst, e.ID.Writer)
		dst = append(dst, `,"n":`...)
		dst = strconv.AppendUint(dst, e.ID.N, 10)
		dst = append(dst, '}')
	}
	dst = appendField(dst, "step", e.Step)
	dst = appendField(dst, "item", e.Item)
	dst = appendField(dst, "do", e.Do)
	if e.Gen != 0 {
		dst = append(dst, `,"gen":`...)
		dst = strconv.AppendInt(dst, int64(e.Gen), 10)
	}
	if e.Attempt != 0 {
		dst = append(dst, `,"att":`...)
		dst = strconv.AppendInt(dst, int64(e.Attempt), 10)
	}
	if _, ok := e.Data.(Ignored); ok {
		dst = append(dst, `,"ign":true`...)
	}
	dst = append(dst, `,"data":`...)
	if e.body != nil {
		dst = e.body.append(dst)
	} else {
		var err error
		if dst, err = appendPayload(dst, e.Data); err != nil {
			return dst[:start], fmt.Errorf("encode %s: %w", e.Type, err)
		}
	}
	if len(dst)-start+crcLen+1 > MaxEvent {
		return dst[:start], fmt.Errorf("encode %s: %w", e.Type, ErrTooLarge)
	}
	return append(seal(dst, start, runID), '\n'), nil
}

// DecodeRecord reads a line that AppendRecord wrote for the run. Its errors are ErrRecord for a broken line, and
// ErrNewerFormat for a sound one that this version can't understand.
func DecodeRecord(line []byte, runID string) (Event, error) {
	open, sum, err := Unseal(line, runID)
	if err != nil {
		return Event{}, err
	}
	e := Event{crc: sum}
	if payload, ok := readEnvelope(open, &e); ok {
		if e.Data, err = decodePayload(e.Type, payload); err == nil {
			return e, nil
		}
	}
	return decodeJSON(line, sum)
}

// decodeJSON decodes a record whatever the order of its fields.
func decodeJSON(line []byte, sum uint32) (Event, error) {
	var env struct {
		Seq     uint64          `json:"seq"`
		Durable uint64          `json:"d"`
		Time    time.Time       `json:"t"`
		Type    Type            `json:"type"`
		Epoch   uint64          `json:"ep"`
		ID      *EventID        `json:"id"`
		Step    string          `json:"step"`
		Item    string          `json:"item"`
		Do      string          `json:"do"`
		Gen     int             `json:"gen"`
		Attempt int             `json:"att"`
		Ign     bool            `json:"ign"`
		Data    json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(bytes.TrimSuffix(line, []byte{'\n'}), &env); err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	e := Event{
		Seq: env.Seq, Durable: env.Durable, Time: env.Time, Type: env.Type, Epoch: env.Epoch, ID: env.ID,
		Scope: Scope{env.Step, env.Item, env.Do}, Gen: env.Gen, Attempt: env.Attempt, crc: sum,
	}
	var err error
	e.Data, err = decodePayload(env.Type, env.Data)
	if errors.Is(err, ErrNewerFormat) && env.Ign {
		e.Data, err = Ignored{Name: env.Type, Raw: env.Data}, nil
	}
	return e, err
}

// ReadNumbers reads seq and d of a sealed record without decoding the rest. The caller has checked it with Unseal.
func ReadNumbers(line []byte) (seq, durable uint64, err error) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"seq":`))
	if !ok {
		return 0, 0, fmt.Errorf("%w: it does not begin with seq", ErrRecord)
	}
	seq, rest = leadingUint(rest)
	rest, ok = bytes.CutPrefix(rest, []byte(`,"d":`))
	if !ok || seq == 0 {
		return 0, 0, fmt.Errorf("%w: it does not begin with seq and d", ErrRecord)
	}
	durable, _ = leadingUint(rest)
	return seq, durable, nil
}

func leadingUint(b []byte) (uint64, []byte) {
	var n uint64
	for i, c := range b {
		if c < '0' || c > '9' || n > 1<<60 {
			return n, b[i:]
		}
		n = n*10 + uint64(c-'0')
	}
	return n, nil
}

// ReadRunID finds the run's id in a first record whose checksum can't be checked before the id is known. Only a
// following Unseal with that id says whether the record is sound. Empty: not a first record.
func ReadRunID(line []byte) string {
	_, rest, ok := bytes.Cut(line, []byte(`"run_id":"`))
	if !ok {
		return ""
	}
	id, _, ok := bytes.Cut(rest, []byte{'"'})
	if !ok || len(id) > 64 {
		return ""
	}
	return string(id)
}

func decodePayload(t Type, raw json.RawMessage) (Payload, error) {
	switch t {
	case TypeRunCreated:
		return decodeAs[RunCreated](raw)
	case TypeSessionOpened:
		return decodeAs[SessionOpened](raw)
	case TypeRunStopped:
		return decodeAs[RunStopped](raw)
	case TypeRunParams:
		return decodeAs[RunParams](raw)
	case TypeRunBudget:
		return decodeAs[RunBudget](raw)
	case TypePipelineChanged:
		return decodeAs[PipelineChanged](raw)
	case TypeRunWarning:
		return decodeAs[RunWarning](raw)
	case TypePauseRequested:
		return decodeAs[PauseRequested](raw)
	case TypeStepStarted:
		if string(raw) == `{}` {
			return StepStarted{}, nil
		}
		return decodeAs[StepStarted](raw)
	case TypeItemStarted:
		if string(raw) == `{}` {
			return ItemStarted{}, nil
		}
		return decodeAs[ItemStarted](raw)
	case TypeStepItems:
		return decodeAs[StepItems](raw)
	case TypeStepCompleted:
		return decodeAs[StepCompleted](raw)
	case TypeStepPartial:
		return decodeAs[StepPartial](raw)
	case TypeStepFailed:
		return decodeAs[StepFailed](raw)
	case TypeItemCompleted:
		if p, ok := readItemCompleted(raw); ok {
			return p, nil
		}
		return decodeAs[ItemCompleted](raw)
	case TypeItemFailed:
		return decodeAs[ItemFailed](raw)
	case TypeItemRetired:
		return decodeAs[ItemRetired](raw)
	case TypeAttemptFailed:
		return decodeAs[AttemptFailed](raw)
	case TypeCallSent:
		return decodeAs[CallSent](raw)
	case TypeCallFailed:
		return decodeAs[CallFailed](raw)
	case TypeCallAnswered:
		return decodeAs[CallAnswered](raw)
	case TypeCallJudged:
		return decodeAs[CallJudged](raw)
	case TypeCallReplayed:
		return decodeAs[CallReplayed](raw)
	case TypeDoCompleted:
		return decodeAs[DoCompleted](raw)
	case TypeWaiting:
		return decodeAs[Waiting](raw)
	case TypeProviderState:
		return decodeAs[ProviderState](raw)
	case TypeGateOpened:
		return decodeAs[GateOpened](raw)
	case TypeGateDecided:
		return decodeAs[GateDecided](raw)
	case TypeResultEdited:
		return decodeAs[ResultEdited](raw)
	case TypeInvalidated:
		return decodeAs[Invalidated](raw)
	case TypeJournalMark:
		return decodeAs[JournalMark](raw)
	}
	return nil, fmt.Errorf("%w: event type %q is unknown to this one; update dogear", ErrNewerFormat, t)
}

func decodeAs[P Payload](raw json.RawMessage) (Payload, error) {
	var p P
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrRecord, p.eventType(), err)
	}
	return p, nil
}
