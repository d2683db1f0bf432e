package price

import (
	"strings"
	"time"
)

// Of is the list price of a model at a provider of the catalogue, as it is at a time; ok is false when it is not known. A
// snapshot, which is a known name and a date (gpt-4o-mini-2024-07-18), is that model; no other likeness counts.
func Of(provider, model string, at time.Time) (p Price, ok bool) {
	if p, ok = exactly(provider, model, at); ok {
		return p, true
	}
	for _, layout := range []string{time.DateOnly, "20060102"} {
		cut := len(model) - len(layout)
		if cut < 1 || model[cut-1] != '-' {
			continue
		}
		if _, err := time.Parse(layout, model[cut:]); err == nil {
			return exactly(provider, model[:cut-1], at)
		}
	}
	return Price{}, false
}

// exactly finds the last row of the model that holds already.
func exactly(provider, model string, at time.Time) (p Price, ok bool) {
	for _, r := range table() {
		if r.provider == provider && r.model == model && !at.Before(r.from) {
			p, ok = r.price, true
		}
	}
	return p, ok
}

// Models names the models of a provider whose price is known.
func Models(provider string) (names []string) {
	for _, r := range table() {
		if r.provider == provider && r.from.IsZero() {
			names = append(names, r.model)
		}
	}
	return names
}

// row is one price.
type row struct {
	provider, model string
	from            time.Time // since when; zero: as long as the table tells
	price           Price
}

// list is the part of the table about one provider.
type list struct {
	provider string
	rows     []row
}

// add adds the price of models, whose names are separated by spaces.
func (l *list) add(models string, p Price) { l.addFrom(time.Time{}, models, p) }

func (l *list) addFrom(from time.Time, models string, p Price) {
	for _, model := range strings.Fields(models) {
		l.rows = append(l.rows, row{l.provider, model, from, p})
	}
}
