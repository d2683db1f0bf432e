package book

import (
	"context"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/dogear-go/dogear/providers"
)

// A shape says about one place of an answer's JSON Schema what a Go type can't.
type shape struct {
	path []string // property names; "[]" for an array's items
	fix  func(*jsonschema.Schema)
}

// shaped returns a context under which answers must have these shapes.
func shaped(ctx context.Context, shapes ...shape) context.Context {
	return providers.ShapeSchema(ctx, func(s *jsonschema.Schema) { reshape(s, shapes) })
}

func reshape(s *jsonschema.Schema, shapes []shape) {
	for _, sh := range shapes {
		if at := walk(s, sh.path); at != nil {
			sh.fix(at)
		}
	}
}

func walk(s *jsonschema.Schema, path []string) *jsonschema.Schema {
	for _, name := range path {
		if s == nil {
			return nil
		}
		if name == "[]" {
			s = s.Items
		} else {
			s = s.Properties[name]
		}
	}
	return s
}

// count is an array of lo to hi items.
func count(lo, hi int, path ...string) shape {
	return shape{path, func(s *jsonschema.Schema) {
		s.Type, s.Types = "array", nil // never null
		s.MinItems, s.MaxItems = &lo, &hi
	}}
}

// atLeast is an array of lo items or more.
func atLeast(lo int, path ...string) shape {
	return shape{path, func(s *jsonschema.Schema) {
		s.Type, s.Types = "array", nil
		s.MinItems = &lo
	}}
}

// filled is a text that is not empty.
func filled(path ...string) shape {
	one := 1
	return shape{path, func(s *jsonschema.Schema) { s.MinLength = &one }}
}

// named is a text that should be one of the names. Any other passes too: an unknown name is a matter for a warning, and
// not worth another call.
func named(names []string, path ...string) shape {
	return shape{path, func(s *jsonschema.Schema) {
		if len(names) == 0 {
			return
		}
		enum := make([]any, len(names))
		for i, n := range names {
			enum[i] = n
		}
		s.Type, s.Types = "", nil
		s.AnyOf = []*jsonschema.Schema{{Type: "string", Enum: enum}, {Type: "string"}}
	}}
}
