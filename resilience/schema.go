package resilience

import (
	"context"
	"encoding/json"
)

type schemaKey struct{}

type schemaValue struct {
	name   string
	schema json.RawMessage
}

// WithSchema returns a context that carries the JSON Schema which the answer of the next call must follow. Who makes the
// request may hand it to a provider that enforces schemas; [Fingerprint] counts it as part of the request. The schema must
// not be changed afterwards. An empty schema removes one that ctx carries.
func WithSchema(ctx context.Context, name string, schema json.RawMessage) context.Context {
	return context.WithValue(ctx, schemaKey{}, schemaValue{name, schema})
}

// SchemaFrom returns the schema that ctx carries and its name; ok is false when there is none.
func SchemaFrom(ctx context.Context) (name string, schema json.RawMessage, ok bool) {
	v, _ := ctx.Value(schemaKey{}).(schemaValue)
	if len(v.schema) == 0 {
		return "", nil, false
	}
	return v.name, v.schema, true
}
