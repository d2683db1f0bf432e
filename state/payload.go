package state

import (
	"encoding/json"
	"strconv"
)

// appendPayload appends what stands behind "data". It gives what encoding/json gives; the types that make up nearly all
// of a journal are written by hand, because reflection takes longer than the write.
func appendPayload(dst []byte, p Payload) (_ []byte, err error) {
	switch d := p.(type) {
	case Ignored:
		if len(d.Raw) == 0 { // a record without data can be read
			return append(dst, "null"...), nil
		}
		return append(dst, d.Raw...), nil
	case ItemStarted, StepStarted: // by far the most frequent notes, and they say nothing
		return append(dst, `{}`...), nil
	case CallSent:
		return d.append(dst), nil
	case rawPayload:
		dst = d.appendBefore(dst)
		if raw, ok := d.raw(); ok {
			if dst, err = appendRaw(dst, raw); err != nil {
				return dst, err
			}
		}
		return d.appendAfter(dst), nil
	}
	return appendJSON(dst, p)
}

// rawPayload is a payload that is mostly one value, which was JSON before.
type rawPayload interface {
	raw() (value json.RawMessage, ok bool) // not ok: there is none
	appendBefore(dst []byte) []byte        // what stands before the value
	appendAfter(dst []byte) []byte         // and behind it
}

// body is an encoded payload: text, with raw in it at a place. Results and answers are thus copied once, into the buffer
// that is written.
type body struct {
	text []byte
	at   int
	raw  json.RawMessage
}

func (b *body) size() int {
	if b == nil {
		return 0
	}
	return len(b.text) + len(b.raw)
}

func (b *body) append(dst []byte) []byte {
	dst = append(dst, b.text[:b.at]...)
	dst = append(dst, b.raw...)
	return append(dst, b.text[b.at:]...)
}

// textSize is about how long the text of a body is: hashes, names and numbers.
const textSize = 256

func encodePayload(p Payload) (*body, error) {
	b := &body{}
	if d, ok := p.(rawPayload); ok {
		if raw, ok := d.raw(); ok && isCompact(raw) {
			b.text = d.appendBefore(make([]byte, 0, textSize))
			b.raw, b.at = raw, len(b.text)
			b.text = d.appendAfter(b.text)
			return b, nil
		}
	}
	var err error
	b.text, err = appendPayload(nil, p)
	return b, err
}

func (d ItemCompleted) raw() (json.RawMessage, bool)   { return d.Result, true }
func (d ItemCompleted) appendBefore(dst []byte) []byte { return append(dst, `{"result":`...) }

func (d ItemCompleted) appendAfter(dst []byte) []byte {
	dst = append(dst, `,"hash":`...)
	dst = appendString(dst, d.Hash)
	dst = appendField(dst, "version", d.Version)
	dst = appendReads(dst, d.Reads)
	dst = appendTexts(dst, "warnings", d.Warnings)
	return append(dst, '}')
}

func (d StepCompleted) raw() (json.RawMessage, bool) { return d.Result, len(d.Result) > 0 }

func (d StepCompleted) appendBefore(dst []byte) []byte {
	if len(d.Result) > 0 {
		return append(dst, `{"result":`...)
	}
	return append(dst, '{')
}

func (d StepCompleted) appendAfter(dst []byte) []byte {
	if len(d.Result) > 0 {
		dst = append(dst, ',')
	}
	dst = append(dst, `"hash":`...)
	dst = appendString(dst, d.Hash)
	dst = appendField(dst, "version", d.Version)
	dst = appendReads(dst, d.Reads)
	dst = appendField(dst, "base", d.Base)
	return append(dst, '}')
}

func (d DoCompleted) raw() (json.RawMessage, bool) { return d.Result, true }

func (d DoCompleted) appendBefore(dst []byte) []byte {
	dst = append(dst, `{"key":`...)
	dst = appendString(dst, d.Key)
	if d.Queue {
		dst = append(dst, `,"queue":true`...)
	}
	return append(dst, `,"result":`...)
}

func (d DoCompleted) appendAfter(dst []byte) []byte { return append(dst, '}') }

func (d CallSent) append(dst []byte) []byte {
	dst = appendTry(dst, d.Call, d.Try, d.Role, d.Provider, d.Model, d.Hash)
	dst = appendUsage(dst, "estimate", d.Estimate)
	dst = appendMoney(dst, "reserved", d.Reserved)
	return append(dst, '}')
}

func (d CallAnswered) raw() (json.RawMessage, bool) { return d.Answer, true }

func (d CallAnswered) appendBefore(dst []byte) []byte {
	dst = appendTry(dst, d.Call, d.Try, d.Role, d.Provider, d.Model, d.Hash)
	dst = appendTexts(dst, "messages", d.Messages)
	return append(dst, `,"answer":`...)
}

func (d CallAnswered) appendAfter(dst []byte) []byte {
	dst = appendField(dst, "finish", d.Finish)
	dst = appendUsage(dst, "usage", d.Usage)
	dst = appendMoney(dst, "cost", d.Cost)
	if d.Bound {
		dst = append(dst, `,"bound":true`...)
	}
	dst = appendInt(dst, "latency_ms", d.LatencyMS)
	return append(dst, '}')
}

// appendTry begins an object with the fields that say which request a record is about.
func appendTry(dst []byte, call string, try int, role, provider, model, hash string) []byte {
	dst = append(dst, `{"call":`...)
	dst = appendString(dst, call)
	dst = append(dst, `,"try":`...)
	dst = strconv.AppendInt(dst, int64(try), 10)
	dst = appendField(dst, "role", role)
	dst = appendField(dst, "provider", provider)
	dst = appendField(dst, "model", model)
	dst = append(dst, `,"hash":`...)
	return appendString(dst, hash)
}

// appendField appends a field behind others, unless it is empty.
func appendField(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return appendString(appendName(dst, name), value)
}

func appendInt(dst []byte, name string, value int64) []byte {
	if value == 0 {
		return dst
	}
	return strconv.AppendInt(appendName(dst, name), value, 10)
}

// appendMoney appends micro-dollars, where nothing is not the same as unknown.
func appendMoney(dst []byte, name string, value *int64) []byte {
	if value == nil {
		return dst
	}
	return strconv.AppendInt(appendName(dst, name), *value, 10)
}

func appendName(dst []byte, name string) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}

func appendTexts(dst []byte, name string, texts []string) []byte {
	if len(texts) == 0 {
		return dst
	}
	dst = append(appendName(dst, name), '[')
	for i, text := range texts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, text)
	}
	return append(dst, ']')
}

func appendReads(dst []byte, reads []Read) []byte {
	if len(reads) == 0 {
		return dst
	}
	dst = append(appendName(dst, "reads"), '[')
	for i, r := range reads {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"source":`...)
		dst = appendString(dst, r.Source)
		dst = appendField(dst, "part", r.Part)
		dst = append(dst, `,"hash":`...)
		dst = appendString(dst, r.Hash)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func appendUsage(dst []byte, name string, u Usage) []byte {
	if u == (Usage{}) {
		return dst
	}
	dst = appendName(dst, name)
	at := len(dst)
	dst = appendInt(dst, "in", u.Input)
	dst = appendInt(dst, "out", u.Output)
	dst = appendInt(dst, "cached", u.Cached)
	dst = appendInt(dst, "reasoning", u.Reasoning)
	dst = appendInt(dst, "written", u.Written)
	dst[at] = '{' // in the place of the first comma
	return append(dst, '}')
}

// Marshal is the JSON that Dogear records and hashes: compact, without HTML escapes, invalid UTF-8 replaced.
func Marshal(v any) (json.RawMessage, error) {
	if s, ok := v.(string); ok { // what most results are
		return appendString(make([]byte, 0, len(s)+len(s)/16+16), s), nil
	}
	return appendJSON(nil, v)
}
