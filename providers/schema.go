package providers

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/dogear-go/dogear/providers/internal/wire"
)

type shapeKey struct{}

// ShapeSchema returns a context in which [Generate] hands the JSON Schema of its type to shape before it asks, for what the Go
// type can't say: exact counts, the names that may be referred to, ranges.
//
//	ctx = providers.ShapeSchema(ctx, func(s *jsonschema.Schema) {
//		chapters := s.Properties["chapters"]
//		chapters.MinItems, chapters.MaxItems = jsonschema.Ptr(n), jsonschema.Ptr(n)
//	})
//
// The answer is validated against the result, and it is part of the request's hash: shape must be deterministic. It applies to
// every Generate under this context, so derive one for a single call. Shapes add up, the outer one first.
func ShapeSchema(ctx context.Context, shape func(*jsonschema.Schema)) context.Context {
	outer, _ := ctx.Value(shapeKey{}).([]func(*jsonschema.Schema))
	return context.WithValue(ctx, shapeKey{}, append(slices.Clip(outer), shape))
}

// answerField is the key under which a value that is not an object is asked for: response formats demand an object at the top.
const answerField = "answer"

// spec is the schema of an answer, in the forms in which it is needed.
type spec struct {
	name    string
	raw     json.RawMessage      // as sent
	open    *jsonschema.Schema   // of the value itself; unknown fields don't matter to it
	loose   *jsonschema.Resolved // open, to validate by
	wrapped bool                 // the value is asked for under answerField
}

// newSpec makes the schema of a Go type.
func newSpec(ctx context.Context, t reflect.Type) (*spec, error) {
	s, err := jsonschema.ForType(t, nil)
	if err != nil {
		return nil, fmt.Errorf("the type has no JSON Schema: %w", err)
	}
	each(s, notNull)
	if len(s.Types) == 2 && s.Types[0] == "null" { // a pointer to T stands for T: null is no answer
		s.Type, s.Types = s.Types[1], nil
	}
	shapes, _ := ctx.Value(shapeKey{}).([]func(*jsonschema.Schema))
	for _, shape := range shapes {
		shape(s)
	}
	sp := &spec{name: typeName(t)}
	sent := s
	if s.Type != "object" {
		sp.wrapped = true
		sent = &jsonschema.Schema{
			Type: "object", Properties: map[string]*jsonschema.Schema{answerField: s}, Required: []string{answerField},
			AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}}, PropertyOrder: []string{answerField},
		}
	}
	if sp.raw, err = json.Marshal(sent); err != nil {
		return nil, fmt.Errorf("the JSON Schema: %w", err)
	}
	sp.open = s.CloneSchemas()
	each(sp.open, open)
	if sp.loose, err = sp.open.CloneSchemas().Resolve(nil); err != nil {
		return nil, fmt.Errorf("the JSON Schema: %w", err)
	}
	return sp, nil
}

// notNull takes null away from lists: a model that answers null for a list has not answered.
func notNull(s *jsonschema.Schema) {
	if len(s.Types) == 2 && s.Types[0] == "null" && s.Types[1] == "array" {
		s.Type, s.Types = "array", nil
	}
}

// open lets an object have fields that its schema does not name: they are dropped.
func open(s *jsonschema.Schema) {
	if s.AdditionalProperties != nil && s.AdditionalProperties.Not != nil {
		s.AdditionalProperties = nil
	}
}

// each visits a schema and the schemas in it that a Go type leads to.
func each(s *jsonschema.Schema, visit func(*jsonschema.Schema)) {
	if s == nil {
		return
	}
	visit(s)
	for _, p := range s.Properties {
		each(p, visit)
	}
	each(s.Items, visit)
	if s.AdditionalProperties != nil && s.AdditionalProperties.Not == nil {
		each(s.AdditionalProperties, visit)
	}
	for _, list := range [][]*jsonschema.Schema{s.AnyOf, s.OneOf, s.AllOf, s.PrefixItems} {
		for _, sub := range list {
			each(sub, visit)
		}
	}
	for _, sub := range s.Defs {
		each(sub, visit)
	}
}

// typeName is the schema's name: Plan → plan, []Scene → scene_list.
func typeName(t reflect.Type) string {
	suffix := ""
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		if t.Kind() == reflect.Slice {
			suffix = "_list"
		}
		t = t.Elem()
	}
	name, _, _ := strings.Cut(t.Name(), "[")
	if name == "" || t.PkgPath() == "" {
		name = "answer"
	}
	return wire.SchemaName(strings.ToLower(name) + suffix)
}
