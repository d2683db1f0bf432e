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
	formatSchema format = iota // response_format json_schema
	formatObject               // response_format json_object
	formatNone                 // in the prompt only
)

// rewrite returns the request's body as it is to be sent, and whether it holds a response format that the caller did not
// choose. What is not a chat request in JSON stays as it is.
func rewrite(req *http.Request, provider string, body []byte, f format, u unset) (sent []byte, formatted bool) {
	chat := strings.HasSuffix(req.URL.Path, "/chat/completions")
	if !chat && !strings.HasSuffix(req.URL.Path, "/messages") {
		return body, false
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil || fields == nil {
		return body, false
	}
	if u.temperature {
		delete(fields, "temperature")
	}
	if chat {
		if u.topP > 0 {
			set(fields, "top_p", u.topP)
		}
		if name, schema, ok := resilience.SchemaFrom(req.Context()); ok {
			formatted = setFormat(fields, f, name, schema)
		}
		adapt(provider, fields)
	}
	out, err := json.Marshal(fields)
	if err != nil {
		return body, false
	}
	return out, formatted
}

func set(fields map[string]json.RawMessage, key string, value any) {
	if raw, err := json.Marshal(value); err == nil {
		fields[key] = raw
	}
}

func setFormat(fields map[string]json.RawMessage, f format, name string, schema json.RawMessage) bool {
	type jsonSchema struct {
		Name   string          `json:"name"`
		Schema json.RawMessage `json:"schema"`
		Strict bool            `json:"strict,omitempty"`
	}
	type responseFormat struct {
		Type       string      `json:"type"`
		JSONSchema *jsonSchema `json:"json_schema,omitempty"`
	}
	switch f {
	case formatSchema:
		set(fields, "response_format", responseFormat{"json_schema", &jsonSchema{schemaName(name), schema, strictFits(schema)}})
	case formatObject:
		set(fields, "response_format", responseFormat{Type: "json_object"})
	default:
		delete(fields, "response_format")
		return false
	}
	return true
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

// adapt renames and drops what one provider rejects. Mistral answers 422 extra_forbidden to fields that it does not know.
func adapt(provider string, fields map[string]json.RawMessage) {
	if provider != "mistral" {
		return
	}
	if seed, ok := fields["seed"]; ok {
		fields["random_seed"] = seed
	}
	if limit, ok := fields["max_completion_tokens"]; ok {
		fields["max_tokens"] = limit
	}
	for _, key := range []string{"seed", "max_completion_tokens", "metadata", "stream_options"} {
		delete(fields, key)
	}
}
