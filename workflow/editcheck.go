package workflow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// BadResultError says why an edited result was refused. It is ErrBadResult.
type BadResultError struct {
	Step  string
	Item  string // empty: of the step itself
	Field string // where, as in chapters[3].title; empty: not known, or the whole
	Line  int    // in Edit.Result, from 1; zero: not known
	Err   error  // what is wrong, and what to do
}

func (e *BadResultError) Error() string {
	text := "the new result of step " + e.Step
	if e.Item != "" {
		text += fmt.Sprintf(", item %q,", e.Item)
	}
	text += " does not fit"
	if e.Line > 0 {
		text += fmt.Sprintf(": line %d", e.Line)
	}
	if e.Field != "" {
		text += ": field " + e.Field
	}
	return text + ": " + e.Err.Error()
}

func (e *BadResultError) Unwrap() error { return e.Err }

// Is reports that a BadResultError is ErrBadResult.
func (e *BadResultError) Is(target error) bool { return target == ErrBadResult }

// checkResult returns a result of type T as it is recorded. Nothing that stands in raw is dropped silently, and nothing that is
// missing is made up.
func checkResult[T any](raw json.RawMessage) (json.RawMessage, error) {
	given, err := parseTree(raw)
	if err != nil {
		return nil, err
	}
	var v T
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		return nil, explainDecode(raw, err)
	}
	recorded, err := encode(v)
	if err != nil {
		return nil, err
	}
	kept, err := parseTree(recorded)
	if err != nil {
		return nil, err
	}
	if err := sameShape(given, kept, ""); err != nil {
		return nil, err
	}
	if checked, ok := any(&v).(interface{ Validate() error }); ok {
		if err := safely(checked.Validate); err != nil {
			return nil, &BadResultError{Err: err}
		}
	}
	return recorded, nil
}

var unknownField = regexp.MustCompile(`^json: unknown field "(.*)"$`)

// explainDecode says in plain words why a result does not fit its type.
func explainDecode(raw []byte, err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return &BadResultError{Field: wrong.Field, Line: lineAt(raw, wrong.Offset),
			Err: fmt.Errorf("this is %s, but %s belongs there", valueName(wrong.Value), typeName(wrong.Type))}
	}
	if m := unknownField.FindStringSubmatch(err.Error()); m != nil {
		bad := &BadResultError{Field: m[1], Err: errors.New("the step's results have no such field; take it out, or correct its name")}
		if quoted, err := json.Marshal(m[1]); err == nil && bytes.Count(raw, quoted) == 1 {
			bad.Line = lineAt(raw, int64(bytes.Index(raw, quoted)))
		}
		return bad
	}
	return &BadResultError{Err: err}
}

// lineAt is the line of a byte, from 1.
func lineAt(raw []byte, offset int64) int {
	return 1 + bytes.Count(raw[:min(max(0, int(offset)), len(raw))], []byte{'\n'})
}

// valueName and typeName are what people call a JSON value, and a Go type.
func valueName(kind string) string {
	names := map[string]string{"string": "text", "bool": "true or false", "array": "a list", "object": "an object with fields"}
	if name, ok := names[kind]; ok {
		return name
	}
	return kind // as in: number 1.5
}

func typeName(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number from 0"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object with fields"
	}
	return t.String()
}

// parseTree reads one JSON value: objects as maps, lists as slices. A field that stands twice is refused, since one of the two
// would be lost.
func parseTree(raw []byte) (any, error) {
	var whole json.RawMessage
	if err := json.Unmarshal(raw, &whole); err != nil {
		return nil, explainSyntax(raw, err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return parseValue(dec, raw, "")
}

func explainSyntax(raw []byte, err error) error {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return &BadResultError{Err: err}
	}
	if int(syntax.Offset) >= len(raw) && strings.Contains(err.Error(), "unexpected end") {
		return &BadResultError{Line: lineAt(raw, syntax.Offset), Err: errors.New("the JSON ends in the middle")}
	}
	return &BadResultError{Line: lineAt(raw, syntax.Offset-1), Err: fmt.Errorf("this is no JSON: %w", err)}
}

func parseValue(dec *json.Decoder, raw []byte, path string) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		object := map[string]any{}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			line := lineAt(raw, dec.InputOffset())
			name, _ := key.(string) // the decoder lets nothing else through
			at := join(path, name)
			if _, twice := object[name]; twice {
				return nil, &BadResultError{Field: at, Line: line, Err: errors.New("it stands there twice; take one out")}
			}
			if object[name], err = parseValue(dec, raw, at); err != nil {
				return nil, err
			}
		}
		_, err := dec.Token()
		return object, err
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			v, err := parseValue(dec, raw, fmt.Sprintf("%s[%d]", path, len(list)))
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := dec.Token()
		return list, err
	}
	return token, nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// sameShape refuses what decoding made up: a field that was not given, a value in the place of null.
func sameShape(given, kept any, path string) error {
	switch k := kept.(type) {
	case map[string]any:
		g, ok := given.(map[string]any)
		if !ok {
			break
		}
		for _, name := range slices.Sorted(maps.Keys(k)) {
			at := join(path, name)
			v, there := g[name]
			if !there {
				return &BadResultError{Field: at, Err: errors.New("it is missing; put it in")}
			}
			if err := sameShape(v, k[name], at); err != nil {
				return err
			}
		}
	case []any:
		g, ok := given.([]any)
		for i := 0; ok && i < min(len(g), len(k)); i++ {
			if err := sameShape(g[i], k[i], fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	}
	if given == nil && kept != nil {
		return &BadResultError{Field: path, Err: errors.New("null can't stand there; put in a value")}
	}
	return nil
}
