package offline

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// deep is the nesting from which on only what a schema requires is written, so that recursive schemas end.
const deep = 6

const (
	// deepest and most (values) bound what is written for a schema that no finite value meets: the rest of it is null.
	deepest = 40
	most    = 200_000
	// maxText is the longest text that a schema can demand, in characters.
	maxText = 1 << 17
)

// instance writes a value of the prompt's schema as indented JSON.
func instance(p prompt, r *random) (string, bool) {
	m := &maker{p: p, r: r, w: newWriter(p, r), root: p.schema, used: map[string]map[string]bool{}}
	v := m.value(p.schema, place{})
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return "", false
	}
	return string(text), true
}

// maker makes values of a schema.
type maker struct {
	p    prompt
	r    *random
	w    *writer
	root *jsonschema.Schema
	used map[string]map[string]bool // values given already, by field path

	made      int // values
	resolving int // depth of resolve within itself
}

// place is where in the instance a value stands.
type place struct {
	path    string  // the keys down to here, without indexes
	key     string  // the last of them
	index   int     // in the nearest array, from 0
	depth   int     // of nesting
	parent  *object // the object it belongs to
	inArray bool    // the value itself is an array's item
}

func (at place) in(key string, parent *object) place {
	at.path, at.key, at.parent, at.inArray = at.path+"/"+key, key, parent, false
	at.depth++
	return at
}

// object is a JSON object that keeps the order of its keys.
type object struct {
	keys   []string
	values map[string]any
	schema *jsonschema.Schema
}

// MarshalJSON writes the keys in their order.
func (o *object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, k := range o.keys {
		if i > 0 {
			b = append(b, ',')
		}
		key, err := json.Marshal(k)
		if err != nil {
			return nil, err
		}
		v, err := json.Marshal(o.values[k])
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, key...), ':'), v...)
	}
	return append(b, '}'), nil
}

func (o *object) set(k string, v any) {
	o.keys = append(o.keys, k)
	o.values[k] = v
}

func (m *maker) value(s *jsonschema.Schema, at place) any {
	if m.made++; m.made > most || at.depth > deepest {
		return nil
	}
	s = m.resolve(s, at.depth)
	switch {
	case s == nil:
		return m.text(&jsonschema.Schema{}, at)
	case s.Const != nil:
		return *s.Const
	case len(s.Enum) > 0:
		return m.choice(s.Enum, at)
	}
	switch kind(s) {
	case "object":
		return m.object(s, at)
	case "array":
		return m.array(s, at)
	case "integer":
		return m.integer(s, at)
	case "number":
		return m.number(s)
	case "boolean":
		return m.r.IntN(2) == 0
	case "null":
		return nil
	}
	return m.text(s, at)
}

// resolve follows references, takes the first alternative that is not null, and merges allOf.
func (m *maker) resolve(s *jsonschema.Schema, depth int) *jsonschema.Schema {
	if m.resolving++; m.resolving > 16 {
		s = nil // it is a part of itself
	}
	defer func() { m.resolving-- }()
	for range 16 {
		switch {
		case s == nil:
			return nil
		case s.Ref != "":
			s = m.lookup(s.Ref)
		case len(s.AnyOf) > 0:
			s = alternative(s, s.AnyOf, depth)
		case len(s.OneOf) > 0:
			s = alternative(s, s.OneOf, depth)
		case len(s.AllOf) > 0:
			merged := *s
			merged.AllOf = nil
			for _, part := range s.AllOf {
				if part = m.resolve(part, depth); part != nil {
					merged = merge(merged, part)
				}
			}
			return &merged
		default:
			return s
		}
	}
	return s
}

func (m *maker) lookup(ref string) *jsonschema.Schema {
	if ref == "#" {
		return m.root
	}
	for _, at := range []struct {
		prefix string
		defs   map[string]*jsonschema.Schema
	}{{"#/$defs/", m.root.Defs}, {"#/definitions/", m.root.Definitions}} {
		if name, ok := strings.CutPrefix(ref, at.prefix); ok {
			return at.defs[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
		}
	}
	return nil
}

// alternative merges one of the alternatives into s: deep down null, else the first that is not.
func alternative(s *jsonschema.Schema, all []*jsonschema.Schema, depth int) *jsonschema.Schema {
	rest := *s
	rest.AnyOf, rest.OneOf = nil, nil
	best := all[0]
	for _, a := range all {
		isNull := a != nil && a.Type == "null"
		if isNull == (depth >= deep) {
			best = a
			break
		}
	}
	if best == nil {
		return &rest
	}
	if best.Ref != "" || len(best.AnyOf)+len(best.OneOf)+len(best.AllOf) > 0 {
		return best
	}
	merged := merge(rest, best)
	return &merged
}

// merge adds to a what b says.
func merge(a jsonschema.Schema, b *jsonschema.Schema) jsonschema.Schema {
	out := *b
	out.Properties = map[string]*jsonschema.Schema{}
	for k, v := range a.Properties {
		out.Properties[k] = v
	}
	for k, v := range b.Properties {
		out.Properties[k] = v
	}
	out.Required = append(slices.Clone(a.Required), b.Required...)
	if out.Type == "" && len(out.Types) == 0 {
		out.Type, out.Types = a.Type, a.Types
	}
	if out.Description == "" {
		out.Description = a.Description
	}
	if out.Items == nil {
		out.Items = a.Items
	}
	for _, f := range []struct{ to, from **int }{
		{&out.MinItems, &a.MinItems}, {&out.MaxItems, &a.MaxItems}, {&out.MinLength, &a.MinLength}, {&out.MaxLength, &a.MaxLength},
	} {
		if *f.to == nil {
			*f.to = *f.from
		}
	}
	return out
}

func kind(s *jsonschema.Schema) string {
	if s.Type != "" {
		return s.Type
	}
	for _, t := range s.Types {
		if t != "null" {
			return t
		}
	}
	switch {
	case len(s.Types) > 0:
		return "null"
	case len(s.Properties) > 0 || s.AdditionalProperties != nil:
		return "object"
	case s.Items != nil || len(s.PrefixItems) > 0 || s.MinItems != nil:
		return "array"
	case s.Minimum != nil || s.Maximum != nil:
		return "number"
	}
	return "string"
}

func (m *maker) object(s *jsonschema.Schema, at place) any {
	o := &object{values: map[string]any{}, schema: s}
	for _, key := range properties(s) {
		if at.depth >= deep && !slices.Contains(s.Required, key) {
			continue
		}
		if s.MaxProperties != nil && len(o.keys) >= *s.MaxProperties && !slices.Contains(s.Required, key) {
			continue
		}
		if _, done := o.values[key]; !done {
			o.set(key, m.value(s.Properties[key], at.in(key, o)))
		}
	}
	want := orElse(s.MinProperties, 0)
	if s.AdditionalProperties != nil && s.AdditionalProperties.Not == nil && len(s.Properties) == 0 {
		want = max(want, min(2, orElse(s.MaxProperties, 2)))
	}
	for i := 0; len(o.keys) < want && i < 1000; i++ {
		key := m.unique(at.path+"/*", func() string { return m.r.pick(genericWords) })
		if _, done := o.values[key]; !done {
			o.set(key, m.value(s.AdditionalProperties, at.in(key, o)))
		}
	}
	return o
}

// properties are the keys of an object: the required ones in their order, which is the author's, then the others by name.
func properties(s *jsonschema.Schema) []string {
	var rest []string
	for k := range s.Properties {
		if !slices.Contains(s.Required, k) {
			rest = append(rest, k)
		}
	}
	sort.Strings(rest)
	return append(slices.Clone(s.Required), rest...)
}

func (m *maker) array(s *jsonschema.Schema, at place) any {
	n := m.count(s, at)
	items := m.resolve(s.Items, at.depth)
	if items != nil && len(items.Enum) > 0 {
		return m.subset(items.Enum, n)
	}
	out := make([]any, 0, n)
	seen := map[string]bool{}
	for i := 0; len(out) < n && i < n+200; i++ {
		sub := at
		sub.index, sub.inArray = len(out), true
		sub.depth++
		item := s.Items
		if len(out) < len(s.PrefixItems) {
			item = s.PrefixItems[len(out)]
		}
		v := m.value(item, sub)
		if s.UniqueItems {
			text, _ := json.Marshal(v)
			if seen[string(text)] {
				continue
			}
			seen[string(text)] = true
		}
		out = append(out, v)
	}
	return out
}

var (
	countRange = regexp.MustCompile(`(?i)\b(\d{1,3}|two|three|four|five|six)\s*(?:-|–|to|or)\s*(\d{1,3}|three|four|five|six|seven|eight)\b`)
	countOne   = regexp.MustCompile(`(?i)\b(\d{1,2}|two|three|four|five|six|seven|eight|nine|ten)\s+[a-z]{3,}`)
)

// count is how many items an array gets: within its bounds, else as its description says, else as the prompt does.
func (m *maker) count(s *jsonschema.Schema, at place) int {
	lo, hi := orElse(s.MinItems, 0), orElse(s.MaxItems, math.MaxInt)
	n := m.r.between(max(lo, 2), max(lo, 4))
	switch {
	case s.MinItems != nil && s.MaxItems != nil:
		n = m.r.between(lo, hi)
	case at.depth >= deep:
		n = lo
	default:
		if found := counted(s.Description); found > 0 {
			n = found
		} else if at.depth <= 1 && s.MinItems == nil {
			if found := counted(m.p.last); found > 0 {
				n = found
			}
		}
	}
	return min(max(n, lo, len(s.PrefixItems)), max(hi, lo), 10_000)
}

func counted(text string) int {
	if len(text) > 400 {
		text = text[:400]
	}
	if f := countRange.FindStringSubmatch(text); f != nil {
		if n := toNumber(f[1]); n >= 1 && n <= 50 {
			return n
		}
	}
	if f := countOne.FindStringSubmatch(text); f != nil {
		if n := toNumber(f[1]); n >= 1 && n <= 50 {
			return n
		}
	}
	return 0
}

// subset chooses n of an enum, all different while there are enough.
func (m *maker) subset(enum []any, n int) []any {
	out := make([]any, 0, n)
	for len(out) < n {
		for _, i := range m.r.Perm(len(enum)) {
			if len(out) < n {
				out = append(out, enum[i])
			}
		}
	}
	return out
}

// choice takes the enum's values in turn along an array, from a random one, so that all of them are used.
func (m *maker) choice(enum []any, at place) any {
	return enum[(at.index+m.r.IntN(2))%len(enum)]
}

func (m *maker) integer(s *jsonschema.Schema, at place) any {
	lo, hi := bounds(s, 1, 100)
	n := lo + float64(m.r.IntN(int(min(hi-lo, 1e6))+1))
	switch strings.ToLower(at.key) {
	case "number", "no", "index", "order", "chapter", "position", "id", "rank", "step":
		n = math.Max(lo, 1) + float64(at.index)
	}
	n = math.Min(math.Max(math.Ceil(n), math.Ceil(lo)), math.Floor(hi))
	if s.MultipleOf != nil && *s.MultipleOf > 0 {
		n = math.Ceil(lo / *s.MultipleOf) * *s.MultipleOf
	}
	return json.Number(strconv.FormatFloat(n, 'f', 0, 64))
}

func (m *maker) number(s *jsonschema.Schema) any {
	lo, hi := bounds(s, 0, 1)
	n := math.Round((lo+(hi-lo)*m.r.Float64())*1000) / 1000
	n = math.Min(math.Max(n, lo), hi)
	if s.MultipleOf != nil && *s.MultipleOf > 0 {
		n = math.Ceil(lo / *s.MultipleOf) * *s.MultipleOf
	}
	return n
}

// bounds are the least and the greatest number allowed; without any, lo and hi.
func bounds(s *jsonschema.Schema, lo, hi float64) (float64, float64) {
	step := 1.0
	if kind(s) != "integer" {
		step = 1e-3
	}
	width := hi - lo
	hasLo, hasHi := s.Minimum != nil || s.ExclusiveMinimum != nil, s.Maximum != nil || s.ExclusiveMaximum != nil
	if s.Maximum != nil {
		hi = *s.Maximum
	}
	if s.ExclusiveMaximum != nil {
		hi = math.Min(orElse(s.Maximum, math.Inf(1)), *s.ExclusiveMaximum-step)
	}
	if hasHi && !hasLo {
		lo = math.Min(lo, hi)
	}
	if s.Minimum != nil {
		lo = *s.Minimum
	}
	if s.ExclusiveMinimum != nil {
		lo = math.Max(orElse(s.Minimum, math.Inf(-1)), *s.ExclusiveMinimum+step)
	}
	if hasLo && !hasHi {
		hi = lo + width
	}
	return lo, math.Max(lo, hi)
}

func orElse[T any](p *T, v T) T {
	if p != nil {
		return *p
	}
	return v
}
