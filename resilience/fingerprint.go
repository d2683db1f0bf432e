package resilience

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strconv"

	"github.com/tmc/langchaingo/llms"
)

// HashRecipe is the version of how [Fingerprint] hashes a request. Recorded answers are found by that hash, so a change of
// the recipe gets a new number, and a run keeps the one it began with.
const HashRecipe = 1

// ApplyOptions returns what the options say together. Nil options are skipped, and a metadata map of the caller's is
// copied before a later option can write into it (llms.WithPromptCaching does).
func ApplyOptions(opts []llms.CallOption) llms.CallOptions {
	var o llms.CallOptions
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		opt(&o)
		o.Metadata = maps.Clone(o.Metadata)
	}
	return o
}

// Fingerprint returns the hash by which the recorded answer to an equal request is found, and a short hash for each
// message by which a person is told which one differs.
//
// Two requests are equal when they agree in role, messages (speaker, kind and bytes of each part; binaries by their hash), the
// options that shape the answer, and the schema that ctx carries (see [WithSchema]). The model counts only if the caller gave
// it: hash the caller's options, not those that a chain adds for one of its providers. Streaming functions and the provider
// don't count, nor do options left at their zero value.
//
// The hash is the first 128 bits of a SHA-256 in hex (32 characters), a message's the first 32 bits (8 characters). The
// error says what can't be hashed: a message part of an unknown type, metadata or a tool that is not JSON.
func Fingerprint(ctx context.Context, role string, msgs []llms.MessageContent, opts []llms.CallOption) (sum string, messages []string, err error) {
	w := newFieldHash("dogear request")
	w.integer("recipe", HashRecipe)
	w.text("role", role)
	w.integer("messages", len(msgs))
	messages = make([]string, len(msgs))
	for i, m := range msgs {
		full, err := hashMessage(m)
		if err != nil {
			return "", nil, fmt.Errorf("hash message %d: %w", i, err)
		}
		w.bytes("message", full)
		messages[i] = hex.EncodeToString(full[:4])
	}
	if err := hashOptions(w, ApplyOptions(opts)); err != nil {
		return "", nil, err
	}
	if name, schema, ok := SchemaFrom(ctx); ok {
		w.text("schema name", name)
		w.bytes("schema", schema)
	}
	return hex.EncodeToString(w.sum()[:16]), messages, nil
}

// hashMessage hashes one message.
func hashMessage(m llms.MessageContent) ([]byte, error) {
	w := newFieldHash("dogear message")
	w.text("speaker", string(m.Role))
	w.integer("parts", len(m.Parts))
	for _, p := range m.Parts {
		if err := hashPart(w, p); err != nil {
			return nil, err
		}
	}
	return w.sum(), nil
}

func hashPart(w fieldHash, part llms.ContentPart) error {
	switch p := part.(type) {
	case llms.TextContent:
		w.text("text", p.Text)
	case llms.ImageURLContent:
		w.text("image url", p.URL)
		w.text("image detail", p.Detail)
	case llms.BinaryContent:
		sum := sha256.Sum256(p.Data)
		w.text("binary type", p.MIMEType)
		w.bytes("binary", sum[:])
	case llms.ToolCall:
		w.text("tool call", p.ID)
		w.text("tool type", p.Type)
		if p.FunctionCall != nil {
			w.text("tool function", p.FunctionCall.Name)
			w.text("tool arguments", p.FunctionCall.Arguments)
		}
	case llms.ToolCallResponse:
		w.text("tool answer", p.ToolCallID)
		w.text("tool name", p.Name)
		w.text("tool content", p.Content)
	case llms.CachedContent: // caching does not shape the answer
		return hashPart(w, p.ContentPart)
	case nil:
		w.text("nothing", "")
	default:
		return fmt.Errorf("a part of type %T can't be hashed; use the parts that llms defines, by value", part)
	}
	return nil
}

// hashOptions writes the options that shape the answer. Zero values are left out, so that an option which a later
// langchaingo adds does not change the hashes of requests without it.
func hashOptions(w fieldHash, o llms.CallOptions) error {
	w.option("model", o.Model)
	w.integer("candidates", o.CandidateCount)
	w.integer("max tokens", o.MaxTokens)
	w.float("temperature", o.Temperature)
	if len(o.StopWords) > 0 {
		w.integer("stop words", len(o.StopWords))
		for _, s := range o.StopWords {
			w.bytes("stop", []byte(s))
		}
	}
	w.integer("top k", o.TopK)
	w.float("top p", o.TopP)
	w.integer("seed", o.Seed)
	w.integer("min length", o.MinLength)
	w.integer("max length", o.MaxLength)
	w.integer("n", o.N)
	w.float("repetition penalty", o.RepetitionPenalty)
	w.float("frequency penalty", o.FrequencyPenalty)
	w.float("presence penalty", o.PresencePenalty)
	if o.JSONMode {
		w.integer("json mode", 1)
	}
	w.option("mime type", o.ResponseMIMEType)
	w.option("function call", string(o.FunctionCallBehavior))
	if len(o.Tools) > 0 {
		if err := w.json("tools", o.Tools); err != nil {
			return err
		}
	}
	if len(o.Functions) > 0 {
		if err := w.json("functions", o.Functions); err != nil {
			return err
		}
	}
	if o.ToolChoice != nil {
		if err := w.json("tool choice", o.ToolChoice); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(o.Metadata)) {
		if err := w.json("metadata "+strconv.Quote(key), o.Metadata[key]); err != nil {
			return err
		}
	}
	return nil
}

// fieldHash hashes named fields so that no two lists of fields give the same bytes: names and values carry their length.
type fieldHash struct{ h hash.Hash }

func newFieldHash(what string) fieldHash {
	w := fieldHash{sha256.New()}
	w.bytes("what", []byte(what))
	return w
}

func (w fieldHash) sum() []byte { return w.h.Sum(nil) }

func (w fieldHash) bytes(name string, value []byte) {
	var n [8]byte
	for _, b := range [][]byte{[]byte(name), value} {
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		w.h.Write(n[:])
		w.h.Write(b)
	}
}

// text writes a field, also when it is empty: for messages an empty text differs from none.
func (w fieldHash) text(name, value string) { w.bytes(name, []byte(value)) }

// option writes a text that is left out when it is empty.
func (w fieldHash) option(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

func (w fieldHash) integer(name string, value int) {
	if value != 0 {
		w.bytes(name, strconv.AppendInt(nil, int64(value), 10))
	}
}

func (w fieldHash) float(name string, value float64) {
	if value != 0 {
		w.bytes(name, strconv.AppendFloat(nil, value, 'g', -1, 64))
	}
}

// json writes a value as JSON, in which encoding/json sorts the keys of maps.
func (w fieldHash) json(name string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("hash the request's %s: %w", name, err)
	}
	w.bytes(name, b)
	return nil
}
