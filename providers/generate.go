package providers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

// MaxAsks is how often [Generate] asks for one answer: once, and again while the answer fails its checks.
const MaxAsks = 3

// Generate asks a model for an answer of type T and checks it.
//
// With T = string the answer is text. It must not be a refusal or an echo of the prompt (resilience.NotRefused,
// resilience.NoPromptEcho), and must pass the checks.
// For a text that may be shorter than ten characters, or that is meant to repeat the prompt's words, ask for a struct with
// a field for it: these checks are for texts alone.
//
// Any other T is asked for as JSON: the JSON Schema of T (see [ShapeSchema]; a field's description is its `jsonschema` tag) is
// written into the prompt and carried by the context, from where a provider that enforces schemas gets it. Fences, prose, comments and
// trailing commas around the JSON are removed; an answer that was cut is never completed. The value must be valid under
// the schema, pass the checks (which get the text) and, if T or *T has a method Validate() error, that too.
//
// An answer that fails is asked for again with what was wrong, at most [MaxAsks] times together; a check in
// resilience.Soft leads to one more ask, and the answer is then accepted with a warning. When all fail, the error is a
// *resilience.Error with the class of the last failure, wrapping all of them. Errors of the model itself come back as they are.
func Generate[T any](ctx context.Context, m llms.Model, prompt string, checks ...resilience.Check) (T, error) {
	return GenerateFrom[T](ctx, m, []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, prompt)}, checks...)
}

// GenerateFrom is [Generate] for a conversation.
func GenerateFrom[T any](ctx context.Context, m llms.Model, msgs []llms.MessageContent, checks ...resilience.Check) (T, error) {
	var value T
	if ctx == nil || m == nil {
		return value, invalidRequest(errors.New("Generate needs a context and a model"))
	}
	if _, err := checkInput(ctx, msgs, nil); err != nil {
		return value, err
	}
	a := &asker{model: m, base: msgs, hooks: resilience.HooksFrom(ctx), checks: checks, prompt: promptText(msgs)}
	t := reflect.TypeFor[T]()
	if t.Kind() == reflect.String && !reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		a.checks = append([]resilience.Check{resilience.NotRefused, resilience.NoPromptEcho}, checks...)
		a.decode = func(text string) (any, error) { return reflect.ValueOf(text).Convert(t).Interface(), nil }
	} else {
		sp, err := newSpec(ctx, t)
		if err != nil {
			return value, invalidRequest(fmt.Errorf("generating a %s: %w", t, err))
		}
		ctx = resilience.WithSchema(ctx, sp.name, sp.raw)
		a.base, a.json = sp.messages(msgs), true
		a.decode = func(text string) (any, error) { return decode[T](sp, text) }
	}
	got, err := a.run(ctx)
	if err != nil {
		return value, err
	}
	return got.(T), nil
}

// decode finds the value of type T in an answer.
func decode[T any](sp *spec, text string) (T, error) {
	var none T
	values, err := extractJSON(text)
	if err != nil {
		return none, err
	}
	var first error
	for _, raw := range values {
		v, err := decodeOne[T](sp, raw)
		if err == nil {
			return v, nil
		}
		if first == nil {
			first = err
		}
	}
	return none, first
}

func decodeOne[T any](sp *spec, raw json.RawMessage) (T, error) {
	var v T
	if sp.wrapped {
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) == nil && len(object) == 1 && object[answerField] != nil {
			raw = object[answerField]
		}
	}
	var instance any
	if err := json.Unmarshal(raw, &instance); err != nil {
		return v, err
	}
	if err := sp.loose.Validate(instance); err != nil {
		return v, fmt.Errorf("it does not follow the JSON Schema: %w", firstFault(sp.open, instance))
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, fmt.Errorf("it does not fit: %w", err)
	}
	validator, ok := any(v).(interface{ Validate() error })
	if !ok {
		validator, ok = any(&v).(interface{ Validate() error })
	}
	if ok {
		if err := validator.Validate(); err != nil {
			return v, err
		}
	}
	return v, nil
}

// messages are the messages with the demand for JSON at the end of the last one that asks.
func (sp *spec) messages(msgs []llms.MessageContent) []llms.MessageContent {
	return withNote(msgs, "Answer with one JSON value and nothing else: no explanation before or after it, no code fence, no comments. "+
		"It must be valid under this JSON Schema:\n"+string(sp.raw))
}

// withNote adds a text to the last message if a person's, or else as a message of its own.
func withNote(msgs []llms.MessageContent, note string) []llms.MessageContent {
	out := append([]llms.MessageContent(nil), msgs...)
	if last := len(out) - 1; last >= 0 && out[last].Role == llms.ChatMessageTypeHuman {
		parts := append([]llms.ContentPart(nil), out[last].Parts...)
		if text, ok := parts[len(parts)-1].(llms.TextContent); ok {
			parts[len(parts)-1] = llms.TextContent{Text: strings.TrimRight(text.Text, "\n ") + "\n\n" + note}
			out[last].Parts = parts
			return out
		}
	}
	return append(out, llms.TextParts(llms.ChatMessageTypeHuman, note))
}

// promptText is the text of what was asked, for checks that compare.
func promptText(msgs []llms.MessageContent) string {
	var b strings.Builder
	for _, m := range msgs {
		if m.Role == llms.ChatMessageTypeAI {
			continue
		}
		for _, p := range m.Parts {
			if t := textOf(p); t != "" {
				b.WriteString(t)
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}
