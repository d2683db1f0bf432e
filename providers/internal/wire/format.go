package wire

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/dogear-go/dogear/resilience"
)

// Format is how an endpoint is told which JSON it is to answer.
type Format int32

// Formats, from the strictest on.
const (
	FormatSchema Format = iota // the schema
	FormatObject               // any JSON object
	FormatNone                 // in the prompt only
)

func setFormat(f *fields, as Format, name string, schema json.RawMessage) {
	type jsonSchema struct {
		Name   string          `json:"name"`
		Schema json.RawMessage `json:"schema"`
		Strict bool            `json:"strict,omitempty"`
	}
	type responseFormat struct {
		Type       string      `json:"type"`
		JSONSchema *jsonSchema `json:"json_schema,omitempty"`
	}
	if as == FormatObject {
		f.set("response_format", responseFormat{Type: "json_object"})
		return
	}
	f.set("response_format", responseFormat{"json_schema", &jsonSchema{SchemaName(name), schema, strictFits(schema)}})
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

func setOllamaFormat(f *fields, as Format, schema json.RawMessage) {
	if as == FormatObject {
		f.set("format", "json")
		return
	}
	f.setRaw("format", schema)
}

var notInName = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// SchemaName makes a name that every API takes.
func SchemaName(name string) string {
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

// RejectsFormat says whether a failure may be about the response format.
func RejectsFormat(err error) bool {
	var e *resilience.Error
	return errors.As(err, &e) && (e.Status == 400 || e.Status == 422) && e.ErrorClass() == resilience.InvalidRequest
}
