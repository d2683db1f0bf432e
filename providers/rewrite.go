package providers

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/dogear-go/dogear/resilience"
)

// format is how an endpoint is told which JSON it is to answer.
type format int32

const (
	formatSchema format = iota // the schema
	formatObject               // any JSON object
	formatNone                 // in the prompt only
)

// request is a request as it is to be sent.
type request struct {
	body      []byte
	protocol  protocol
	stream    bool // an answer in parts is asked for
	formatted bool // it holds a response format that the caller did not choose
}

// rewrite makes the request's body what the caller meant, where the client can't say it. What is not a chat request in JSON
// stays as it is.
func rewrite(req *http.Request, provider string, body []byte, rec *recorder) request {
	r := request{body: body, protocol: protocolOf(req)}
	f, ok := splitFields(body)
	if !ok {
		return r
	}
	r.stream = string(f.get("stream")) == "true"
	w := wishFrom(req.Context())
	name, schema, wanted := resilience.SchemaFrom(req.Context())
	switch r.protocol {
	case protocolChat:
		rewriteChat(&f, provider, rec)
		if wanted && rec.format != formatNone {
			setFormat(&f, rec.format, name, schema)
			r.formatted = true
		}
	case protocolMessages:
		rewriteMessages(&f, rec, w)
		if wanted && rec.format == formatSchema && strictFits(schema) {
			setMessagesFormat(&f, schema)
			r.formatted = true
		}
	case protocolOllama:
		rewriteOllama(&f, rec, w)
		if wanted && rec.format != formatNone {
			setOllamaFormat(&f, rec.format, schema)
			r.formatted = true
		}
	default:
		return r
	}
	for _, e := range w.extra {
		f.setRaw(e.key, e.raw)
	}
	if w.unsampled {
		for _, key := range []string{"temperature", "top_p", "top_k"} {
			f.remove(key)
		}
	}
	if f.changed {
		r.body = f.bytes()
	}
	return r
}

func rewriteChat(f *fields, provider string, rec *recorder) {
	if rec.unset.temperature {
		f.remove("temperature")
	}
	if rec.unset.topP > 0 {
		f.set("top_p", rec.unset.topP)
	}
	adapt(provider, f)
}

// rewriteMessages joins messages of one role that follow on each other: Anthropic's client sends one part of a message, so that the
// others are handed to it as messages of their own.
func rewriteMessages(f *fields, rec *recorder, w wish) {
	if rec.unset.temperature {
		f.remove("temperature")
	}
	if !w.join {
		return
	}
	type message struct {
		Role    string            `json:"role"`
		Content []json.RawMessage `json:"content"`
	}
	var list, joined []message
	if json.Unmarshal(f.get("messages"), &list) != nil {
		return
	}
	for _, m := range list {
		if n := len(joined); n > 0 && joined[n-1].Role == m.Role {
			joined[n-1].Content = append(joined[n-1].Content, m.Content...)
			continue
		}
		joined = append(joined, m)
	}
	f.set("messages", joined)
}

func setFormat(f *fields, as format, name string, schema json.RawMessage) {
	type jsonSchema struct {
		Name   string          `json:"name"`
		Schema json.RawMessage `json:"schema"`
		Strict bool            `json:"strict,omitempty"`
	}
	type responseFormat struct {
		Type       string      `json:"type"`
		JSONSchema *jsonSchema `json:"json_schema,omitempty"`
	}
	if as == formatObject {
		f.set("response_format", responseFormat{Type: "json_object"})
		return
	}
	f.set("response_format", responseFormat{"json_schema", &jsonSchema{schemaName(name), schema, strictFits(schema)}})
}

// setMessagesFormat demands JSON in Anthropic's words (platform.claude.com, structured outputs, read on 2026-11-26). Its API
// knows schemas alone, and those of closed objects.
func setMessagesFormat(f *fields, schema json.RawMessage) {
	type format struct {
		Type   string          `json:"type"`
		Schema json.RawMessage `json:"schema"`
	}
	type outputConfig struct {
		Format format `json:"format"`
	}
	f.set("output_config", outputConfig{format{"json_schema", schema}})
}

var notInName = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// schemaName makes a name that every API takes.
func schemaName(name string) string {
	name = strings.Trim(notInName.ReplaceAllString(name, "_"), "_")
	if name == "" {
		return "answer"
	}
	return name[:min(len(name), 64)]
}

// strictFits says whether a schema meets the rules of strict mode: every object closed, every property required.
func strictFits(raw json.RawMessage) bool {
	var s jsonschema.Schema
	return json.Unmarshal(raw, &s) == nil && s.Type == "object" && strictSchema(&s)
}

func strictSchema(s *jsonschema.Schema) bool {
	if s == nil {
		return true
	}
	if s.Type == "object" || len(s.Properties) > 0 {
		closed := s.AdditionalProperties != nil && s.AdditionalProperties.Not != nil
		if !closed || len(s.Required) != len(s.Properties) {
			return false
		}
	}
	if len(s.OneOf)+len(s.AllOf)+len(s.PrefixItems) > 0 || s.Not != nil || s.If != nil || s.UniqueItems || s.MinLength != nil || s.MaxLength != nil {
		return false
	}
	all := append([]*jsonschema.Schema{s.Items}, s.AnyOf...)
	for _, m := range []map[string]*jsonschema.Schema{s.Properties, s.Defs, s.Definitions} {
		for _, sub := range m {
			all = append(all, sub)
		}
	}
	for _, sub := range all {
		if !strictSchema(sub) {
			return false
		}
	}
	return true
}

// rejectsFormat says whether a failure may be about the response format.
func rejectsFormat(err error) bool {
	var e *resilience.Error
	return errors.As(err, &e) && (e.Status == 400 || e.Status == 422) && e.ErrorClass() == resilience.InvalidRequest
}

// adapt renames and drops what one provider rejects because it does not know it: Mistral with 422 extra_forbidden, Gemini's
// compatible endpoint with 400 Unknown name.
func adapt(provider string, f *fields) {
	switch provider {
	case "mistral":
		if seed := f.get("seed"); seed != nil {
			f.setRaw("random_seed", seed)
		}
		f.remove("seed")
	case "gemini":
	default:
		return
	}
	if limit := f.get("max_completion_tokens"); limit != nil {
		f.setRaw("max_tokens", limit)
	}
	for _, key := range []string{"max_completion_tokens", "metadata", "stream_options"} {
		f.remove(key)
	}
}
