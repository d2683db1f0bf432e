package providers

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ref is an entry of a chain as it is written: "name" or "name:model".
type ref struct{ name, model string }

func (r ref) String() string {
	if r.model == "" {
		return r.name
	}
	return r.name + ":" + r.model
}

// parseRef splits an entry at its first colon; models may hold more of them (ollama:llama3.2:3b).
func parseRef(text string) (ref, error) {
	name, model, colon := strings.Cut(strings.TrimSpace(text), ":")
	r := ref{strings.TrimSpace(name), strings.TrimSpace(model)}
	if colon && r.model == "" {
		return r, fmt.Errorf("%q names no model behind the colon", r.name+":")
	}
	return r, nil
}

// parseRefs reads entries that stand apart by commas or blanks.
func parseRefs(list string) (refs []ref, err error) {
	for _, text := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		r, err := parseRef(text)
		if err != nil {
			return nil, err
		}
		refs = append(refs, r)
	}
	return refs, nil
}

// followedBy appends those of more that are of another provider than all of refs.
func followedBy(refs, more []ref) []ref {
	out := slices.Clone(refs)
	for _, r := range more {
		if !slices.ContainsFunc(refs, func(have ref) bool { return have.name == r.name }) {
			out = append(out, r)
		}
	}
	return out
}

func texts(refs []ref) (list []string) {
	for _, r := range refs {
		list = append(list, r.String())
	}
	return list
}

func namesOf(refs []ref) string { return strings.Join(texts(refs), ", ") }

// providerName is how a provider may be called: as part of settings, of messages and, in capitals, of variables.
var providerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$`)
