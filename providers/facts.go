package providers

import (
	"strings"
	"time"
)

// facts are what is known of one model. A zero field is unknown.
type facts struct {
	context   int
	maxOutput int
	without   []Feature // empty, not nil: nothing is missing
	json      JSONMode
	limits    *Limits
	price     *Price
}

// or fills in from others what f does not know.
func (f facts) or(others facts) facts {
	if f.context == 0 {
		f.context = others.context
	}
	if f.maxOutput == 0 {
		f.maxOutput = others.maxOutput
	}
	if f.without == nil {
		f.without = others.without
	}
	if f.json == JSONUnknown {
		f.json = others.json
	}
	if f.limits == nil {
		f.limits = others.limits
	}
	if f.price == nil {
		f.price = others.price
	}
	return f
}

// known is one model of a list, by its name at the provider.
type known struct {
	name string
	facts
}

// find returns what a list says of a model. A snapshot, which is a known name and a date (gpt-5-mini-2025-08-07), is that
// model; no other likeness counts.
func find(list []known, model string) (facts, bool) {
	for _, k := range list {
		if k.name == model {
			return k.facts, true
		}
	}
	for _, k := range list {
		if date, ok := strings.CutPrefix(model, k.name+"-"); ok && isDate(date) {
			return k.facts, true
		}
	}
	return facts{}, false
}

func isDate(s string) bool {
	for _, layout := range []string{time.DateOnly, "20060102"} {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	return false
}
