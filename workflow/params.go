package workflow

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/dogear-go/dogear/state"
)

// Params returns the run's parameters, or some of them: a step that asks for
//
//	p, err := workflow.Params[struct{ Chapters int }](ctx)
//
// depends on exactly these fields of what Config.Params was. A field is found by its JSON name, without regard to case
// as in encoding/json; one that the run does not have is an error. For a T that is no struct it is the whole value.
func Params[T any](ctx context.Context) (T, error) {
	var zero T
	sc, err := scopeFrom(ctx)
	if err != nil {
		return zero, fmt.Errorf("params: %w", err)
	}
	var raw json.RawMessage
	if err := sc.source.view(ctx, func(st *state.WorkflowState) { raw = slices.Clone(st.Params) }); err != nil {
		return zero, err
	}
	if len(raw) == 0 {
		return zero, misuse("params: the run was started without any; set Config.Params")
	}
	t := reflect.TypeFor[T]()
	if _, own := any(&zero).(json.Unmarshaler); own || t.Kind() != reflect.Struct {
		sc.read(state.Read{Source: state.ReadParams, Hash: hashOf(raw)})
		return decode[T](raw, "params")
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return zero, misuse("params: the run's are not an object: %w", err)
	}
	asked := map[string]json.RawMessage{}
	for _, f := range reflect.VisibleFields(t) {
		name, ok := jsonName(f)
		if !ok {
			continue
		}
		key, value, ok := lookup(all, name)
		switch {
		case ok:
			asked[name] = value
			sc.read(state.Read{Source: state.ReadParams, Part: key, Hash: hashOf(value)})
		case strings.Contains(f.Tag.Get("json"), ",omit"): // the run's may have left it out
			sc.read(state.Read{Source: state.ReadParams, Part: name})
		default:
			return zero, misuse("params: the run has no %q", name)
		}
	}
	if raw, err = encode(asked); err != nil {
		return zero, err
	}
	return decode[T](raw, "params")
}

// jsonName is the name of a field in JSON; false for fields that JSON passes over or looks into.
func jsonName(f reflect.StructField) (string, bool) {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if !f.IsExported() || name == "-" || (f.Anonymous && name == "") {
		return "", false
	}
	if name == "" {
		name = f.Name
	}
	return name, true
}

func lookup(all map[string]json.RawMessage, name string) (string, json.RawMessage, bool) {
	if v, ok := all[name]; ok {
		return name, v, true
	}
	for key, v := range all {
		if strings.EqualFold(key, name) {
			return key, v, true
		}
	}
	return "", nil, false
}

// read notes a dependency of the step or item; a reader outside a run has none.
func (sc *scope) read(r state.Read) {
	if sc.attempt != nil {
		sc.attempt.note(r)
	}
}

// compareParams lists the parameters that differ.
func compareParams(run string, recorded, given json.RawMessage) error {
	if bytes.Equal(recorded, given) {
		return nil
	}
	var old, now map[string]json.RawMessage
	if json.Unmarshal(recorded, &old) != nil || json.Unmarshal(given, &now) != nil {
		return &ParamsError{Run: run, Names: []string{fmt.Sprintf("%s in the run, %s now", orNone(recorded), orNone(given))}}
	}
	var names []string
	for key := range old {
		if _, ok := now[key]; !ok {
			now[key] = nil
		}
	}
	for key, value := range now {
		if !bytes.Equal(value, old[key]) {
			names = append(names, fmt.Sprintf("%s is %s in the run, %s now", key, orNone(old[key]), orNone(value)))
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return &ParamsError{Run: run, Names: names}
}

func orNone(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "not set"
	}
	return string(raw)
}
