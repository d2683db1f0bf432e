package providers

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// firstFault says what is wrong with a value that its schema refuses. The library goes through properties in a map's order
// and stops at the first fault, so what it says changes from call to call; but this goes into the next prompt, which must be the
// same when it is asked again after a kill. So the fault is looked for level by level, in the order of the keys.
func firstFault(s *jsonschema.Schema, value any) error {
	return cmp.Or(faultAt(s, value, ""), errors.New("a part of it is not allowed"))
}

// faultAt returns the first fault at or below a place, nil when there is none or it can't be told.
func faultAt(s *jsonschema.Schema, value any, path string) error {
	if s == nil {
		return nil
	}
	for _, part := range s.AllOf {
		if err := faultAt(part, value, path); err != nil {
			return err
		}
	}
	if err := faultBelow(s, value, path); err != nil {
		return err
	}
	alone := *s
	alone.Properties, alone.PatternProperties, alone.AdditionalProperties, alone.PropertyOrder = nil, nil, nil, nil
	alone.Items, alone.PrefixItems, alone.AllOf = nil, nil, nil
	resolved, err := alone.CloneSchemas().Resolve(nil)
	if err != nil {
		return nil // a reference to the whole schema
	}
	if err := resolved.Validate(value); err != nil {
		text := strings.TrimPrefix(err.Error(), "validating root: ")
		if path != "" {
			text = path + ": " + text
		}
		return errors.New(text)
	}
	return nil
}

func faultBelow(s *jsonschema.Schema, value any, path string) error {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			sub, ok := s.Properties[key]
			if !ok {
				sub = s.AdditionalProperties
			}
			if err := faultAt(sub, value[key], path+"/"+key); err != nil {
				return err
			}
		}
	case []any:
		for i, item := range value {
			sub := s.Items
			if i < len(s.PrefixItems) {
				sub = s.PrefixItems[i]
			}
			if err := faultAt(sub, item, fmt.Sprintf("%s/%d", path, i)); err != nil {
				return err
			}
		}
	}
	return nil
}
