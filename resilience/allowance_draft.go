package resilience

import (
	"net/http"
	"strings"
)

// draftAllowances reads the fields RateLimit and RateLimit-Policy of draft-ietf-httpapi-ratelimit-headers. From version 8 on:
//
//	RateLimit-Policy: "burst";q=100;w=60, "daily";q=1000;w=86400;qu="requests"
//	RateLimit: "burst";r=50;t=30
//
// in which q is the limit, w the window in seconds, r what is left, t the seconds until it is renewed. Version 7 had
//
//	RateLimit-Policy: 100;w=60
//	RateLimit: limit=100, remaining=50, reset=5
func draftAllowances(header http.Header) []Allowance {
	policies := make(map[string]*Allowance)
	var list []*Allowance
	get := func(name string) *Allowance {
		a := policies[name]
		if a == nil {
			a = &Allowance{Resource: ResourceRequests, Limit: -1, Remaining: -1}
			policies[name] = a
			list = append(list, a)
		}
		return a
	}
	old := strings.Contains(header.Get("Ratelimit"), "remaining=")
	for _, item := range fieldItems(strings.Join(header.Values("Ratelimit-Policy"), ",")) {
		a := get(item.name)
		if n, ok := count(item.name); ok && item.params["q"] == "" { // version 7
			a.Limit = n
			if old {
				policies[""] = a
			}
		}
		a.read(item.params)
	}
	for _, item := range fieldItems(strings.Join(header.Values("Ratelimit"), ",")) {
		if key, value, found := strings.Cut(item.name, "="); found && old {
			item.name, item.params = "", map[string]string{draftNames[key]: value}
		}
		get(item.name).read(item.params)
	}
	var out []Allowance
	for _, a := range list {
		out = append(out, *a)
	}
	return out
}

// draftNames are version 7's long names.
var draftNames = map[string]string{"limit": "q", "remaining": "r", "reset": "t"}

// read takes a field's parameters.
func (a *Allowance) read(params map[string]string) {
	if n, ok := count(params["q"]); ok {
		a.Limit = n
	}
	if n, ok := count(params["r"]); ok {
		a.Remaining = n
	}
	if d, ok := seconds(params["t"], 1); ok {
		a.Reset, a.ResetKnown = d, true
	}
	if d, ok := seconds(params["w"], 1); ok {
		a.Window = d
	}
	if unit := params["qu"]; strings.Contains(unit, "token") {
		a.Resource = ResourceTokens
	}
}

// fieldItem is one member of a structured field's list (RFC 9651).
type fieldItem struct {
	name   string
	params map[string]string
}

// fieldItems reads a structured field's list as far as it is needed here: names and parameters, in quotes or not.
func fieldItems(value string) []fieldItem {
	var items []fieldItem
	for _, member := range splitQuoted(head(value, maxText), ',') {
		if len(items) >= maxAllowances {
			break
		}
		parts := splitQuoted(member, ';')
		item := fieldItem{name: unquote(parts[0]), params: make(map[string]string)}
		for _, p := range parts[1:] {
			key, v, _ := strings.Cut(p, "=")
			item.params[strings.ToLower(strings.TrimSpace(key))] = unquote(v)
		}
		if item.name != "" {
			items = append(items, item)
		}
	}
	return items
}

// splitQuoted cuts a text at a mark that does not stand in quotes. It always returns at least one part.
func splitQuoted(s string, at byte) []string {
	var parts []string
	quoted, start := false, 0
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == at && !quoted:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

func unquote(s string) string { return strings.Trim(strings.TrimSpace(s), `"`) }
