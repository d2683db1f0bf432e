package providers

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/dogear-go/dogear/providers/price"
)

// setting is a name that may stand in a mapping, and what reads its value. Fields are read in the order of their list.
type setting struct {
	name string
	read func(v *yaml.Node)
}

// most is the largest number of tokens or requests that makes sense.
const most = 1_000_000_000_000

// maxFaults is how many faults are told at once.
const maxFaults = 10

// err is what is wrong with the document, by line; nil when nothing is.
func (d *document) err() error {
	if len(d.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(d.faults, func(a, b fault) int { return a.line - b.line })
	var lines []string
	for i, f := range d.faults {
		if i == maxFaults {
			lines = append(lines, fmt.Sprintf("and %d more", len(d.faults)-i+d.more))
			break
		}
		lines = append(lines, fmt.Sprintf("%s:%d: %s", d.name, f.line, f.text))
	}
	return errors.New("providers: " + strings.Join(lines, "\n"))
}

// pairs are keys and values of a mapping, each key once. Nothing at all counts as an empty one.
func (d *document) pairs(n *yaml.Node, what string) (pairs [][2]*yaml.Node) {
	switch {
	case isNull(n):
		return nil
	case n.Kind == yaml.AliasNode:
		d.alias(n)
		return nil
	case n.Kind != yaml.MappingNode:
		d.fail(n, "%s must be a list of names with values, one a line, as in name: value", what)
		return nil
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch line, twice := seen[k.Value]; {
		case k.Kind != yaml.ScalarNode || k.Value == "":
			d.fail(k, "a name is missing before the colon")
		case twice:
			d.fail(k, "%s stands here a second time; the first is in line %d", shown(k.Value), line)
		default:
			seen[k.Value] = k.Line
			pairs = append(pairs, [2]*yaml.Node{k, v})
		}
	}
	return pairs
}

// fields reads a mapping whose names are known.
func (d *document) fields(n *yaml.Node, what string, fields []setting) {
	values := map[string]*yaml.Node{}
	for _, pair := range d.pairs(n, what) {
		if !slices.ContainsFunc(fields, func(f setting) bool { return f.name == pair[0].Value }) {
			var names []string
			for _, f := range fields {
				names = append(names, f.name)
			}
			slices.Sort(names)
			d.fail(pair[0], "%s has no field %s; there are %s", what, shown(pair[0].Value), strings.Join(names, ", "))
			continue
		}
		values[pair[0].Value] = pair[1]
	}
	for _, f := range fields {
		if v := values[f.name]; v != nil {
			f.read(v)
		}
	}
}

// each reads a mapping whose names are free.
func (d *document) each(n *yaml.Node, what string, read func(k, v *yaml.Node)) {
	for _, pair := range d.pairs(n, what) {
		read(pair[0], pair[1])
	}
}

// items are the elements of a list.
func (d *document) items(n *yaml.Node, example string) []*yaml.Node {
	if n.Kind == yaml.AliasNode {
		d.alias(n)
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		d.fail(n, "this must be a list, as in %s", example)
		return nil
	}
	return n.Content
}

func (d *document) alias(n *yaml.Node) {
	d.fail(n, "anchors and aliases are not understood here; write the value out")
}

// text is a scalar as it stands, whatever YAML takes it for: 4.1 may be a model's name. Empty: it was told what is wrong.
func (d *document) text(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.AliasNode:
		d.alias(n)
	case n.Kind != yaml.ScalarNode:
		d.fail(n, "this must be a single value")
	case isNull(n) || strings.TrimSpace(n.Value) == "":
		d.fail(n, "the value is empty; give one, or leave the line out")
	case len(n.Value) > 200 || strings.ContainsFunc(n.Value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		d.fail(n, "the value is too long, or holds more than one line")
	default:
		return strings.TrimSpace(n.Value)
	}
	return ""
}

// whole is a whole number of at least least.
func (d *document) whole(n *yaml.Node, least int) int {
	text := d.text(n)
	if text == "" {
		return 0
	}
	v, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, 64)
	if err != nil || v < int64(least) || v > most || v > math.MaxInt {
		d.fail(n, "this must be a whole number from %d", least)
		return 0
	}
	return int(v)
}

func (d *document) number(n *yaml.Node, largest float64) float64 {
	text := d.text(n)
	if text == "" {
		return 0
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || v < 0 || v > largest {
		d.fail(n, "this must be a number from 0 to %v", largest)
		return 0
	}
	return v
}

func (d *document) temperature(n *yaml.Node) *float64 {
	t := d.number(n, maxTemperature)
	return &t
}

func (d *document) duration(n *yaml.Node) time.Duration {
	text := d.text(n)
	if text == "" {
		return 0
	}
	v, err := time.ParseDuration(text)
	if err != nil || v <= 0 {
		d.fail(n, "this must be a duration above zero, as in 90s or 15m")
		return 0
	}
	return v
}

var reference = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]{0,99})\}$`)

// keyVar reads a reference to the environment. A key itself must not stand in a file, and never in a message.
func (d *document) keyVar(n *yaml.Node) string {
	if isNull(n) {
		d.fail(n, "the value is empty; name the variable that holds the key, as in ${GROQ_API_KEY}")
		return ""
	}
	if n.Kind == yaml.ScalarNode {
		if m := reference.FindStringSubmatch(strings.TrimSpace(n.Value)); m != nil {
			return m[1]
		}
	}
	d.fail(n, "a key is given by the variable that holds it, as in ${GROQ_API_KEY}; keep the key itself out of files, and replace it at "+
		"the provider if others could read this one")
	return ""
}

func (d *document) baseURL(n *yaml.Node) string {
	text := d.text(n)
	if text == "" {
		return ""
	}
	base, err := address(text)
	if err != nil {
		d.fail(n, "%v; it is the API's address without /chat/completions, as in https://api.groq.com/openai/v1", err)
		return ""
	}
	return base
}

// facts are the fields that tell of a model.
func (d *document) facts(f *facts) []setting {
	return []setting{
		{"context", func(v *yaml.Node) { f.context = d.whole(v, 1) }},
		{"max_output", func(v *yaml.Node) { f.maxOutput = d.whole(v, 1) }},
		{"without", func(v *yaml.Node) { f.without = d.without(v) }},
		{"json", func(v *yaml.Node) { f.json = d.jsonMode(v) }},
		{"limits", func(v *yaml.Node) {
			if f.limits == nil {
				f.limits = &Limits{}
			}
			d.limits(v, f.limits)
		}},
		{"price", func(v *yaml.Node) { f.price = d.price(v) }},
	}
}

func (d *document) without(n *yaml.Node) []Feature {
	list := []Feature{}
	for _, v := range d.items(n, "[images]") {
		f := Feature(d.text(v))
		if f != "" && !slices.Contains(Features(), f) {
			d.fail(v, "what a model may lack is %s", listed(Features()))
			continue
		}
		list = append(list, f)
	}
	return list
}

func (d *document) jsonMode(n *yaml.Node) JSONMode {
	modes := []JSONMode{JSONSchema, JSONObject, JSONNone}
	mode := JSONMode(d.text(n))
	if mode != "" && !slices.Contains(modes, mode) {
		d.fail(n, "this must be one of %s", listed(modes))
		return JSONUnknown
	}
	return mode
}

// limits reads what is given into l; the rest stays.
func (d *document) limits(n *yaml.Node, l *Limits) {
	whole := func(to *int) func(*yaml.Node) { return func(v *yaml.Node) { *to = d.whole(v, 0) } }
	d.fields(n, "limits", []setting{
		{"requests_per_minute", whole(&l.RequestsPerMinute)},
		{"tokens_per_minute", whole(&l.TokensPerMinute)},
		{"input_tokens_per_minute", whole(&l.InputTokensPerMinute)},
		{"output_tokens_per_minute", whole(&l.OutputTokensPerMinute)},
		{"requests_per_day", whole(&l.RequestsPerDay)},
		{"tokens_per_day", whole(&l.TokensPerDay)},
		{"in_flight", whole(&l.InFlight)},
		{"burst", func(v *yaml.Node) { l.Burst = d.number(v, 3600) }},
	})
}

// price reads dollars for a million tokens.
func (d *document) price(n *yaml.Node) *Price {
	var p Price
	long := setting{"long", func(v *yaml.Node) {
		l := &price.Long{}
		above := setting{"above", func(v *yaml.Node) { l.Above = int64(d.whole(v, 1)) }}
		if d.rates(v, "the price of long prompts", &l.Input, &l.Output, &l.Cached, &l.Written, above) && l.Above == 0 {
			d.fail(v, "the price of long prompts needs above, the number of tokens from which on it holds")
		}
		p.Long = l
	}}
	if !d.rates(n, "the price", &p.Input, &p.Output, &p.Cached, &p.Written, long) {
		return nil
	}
	return &p
}

// rates reads the prices of the kinds of tokens; false: some that are needed are missing.
func (d *document) rates(n *yaml.Node, what string, input, output, cached, written *int64, more setting) bool {
	given := map[string]bool{}
	dollars := func(name string, to *int64) setting {
		return setting{name, func(v *yaml.Node) { *to, given[name] = d.dollars(v), true }}
	}
	d.fields(n, what, []setting{dollars("input", input), dollars("output", output), dollars("cached", cached), dollars("written", written), more})
	if !given["input"] || !given["output"] {
		d.fail(n, "a price needs input and output, in dollars for a million tokens")
		return false
	}
	if !given["cached"] {
		*cached = *input // no discount is known, and free would be wrong
	}
	return true
}

var decimal = regexp.MustCompile(`^(\d{1,6})(?:\.(\d{1,6})0*)?$`)

// dollars reads a decimal as micro-dollars, exactly.
func (d *document) dollars(n *yaml.Node) int64 {
	text := d.text(n)
	if text == "" {
		return 0
	}
	m := decimal.FindStringSubmatch(text)
	if m == nil {
		d.fail(n, "this must be an amount of dollars for a million tokens, as in 0.15, with at most six decimals")
		return 0
	}
	micro, _ := strconv.ParseInt(m[1]+(m[2] + "000000")[:6], 10, 64) // twelve digits fit
	return micro
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// shown is a name for a message, unless it is long enough to be a key.
func shown(name string) string {
	if len(name) > 30 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "of this line"
	}
	return strconv.Quote(name)
}

func listed[T ~string](list []T) string {
	var names []string
	for _, v := range list {
		names = append(names, string(v))
	}
	return strings.Join(names, ", ")
}
