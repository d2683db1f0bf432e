package resilience

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// readDetails reads Gemini's list of details, Anthropic's object, or an error as text.
func (r *reply) readDetails(v any) {
	if d, ok := v.(map[string]any); ok {
		r.addCode(text(d["error_code"]), text(d["code"]), text(d["reason"]))
		return
	}
	if inside := text(v); strings.Contains(inside, "{") { // a gateway's upstream
		r.readText(inside)
		return
	}
	list, _ := v.([]any)
	for _, item := range list {
		d, _ := item.(map[string]any)
		r.addCode(text(d["reason"]))
		delay := text(d["retryDelay"])
		if parts, ok := d["retryDelay"].(map[string]any); ok { // as some libraries print it
			delay = first(text(parts["seconds"]), "0") + "s" + first(text(parts["nanos"]), "0") + "ns"
		}
		if delay != "" {
			r.retryInfo = true
			r.waits = append(r.waits, func(now time.Time) (time.Duration, bool) { return afterValue(delay, now) })
		}
		if id := text(d["quotaId"]); id != "" && len(r.quotaIDs) < maxCodes {
			r.quotaIDs = append(r.quotaIDs, strings.ToLower(id))
		}
		violations, _ := d["violations"].([]any)
		for _, item := range violations {
			if violation, ok := item.(map[string]any); ok && len(r.quotaIDs) < maxCodes {
				r.quotaIDs = append(r.quotaIDs, strings.ToLower(text(violation["quotaId"])))
			}
		}
	}
}

// readMetadata reads what OpenRouter adds: the upstream's own error, who limits, and the upstream's headers.
func (r *reply) readMetadata(meta map[string]any) {
	r.limit = strings.ToLower(text(meta["limit_source"]))
	r.addCode(text(meta["error_type"]), text(meta["provider_code"]))
	r.readWaits(meta)
	reasons, _ := meta["reasons"].([]any)
	patterns, _ := meta["patterns"].([]any) // of a guardrail
	if len(reasons)+len(patterns) > 0 || meta["flagged_input"] != nil {
		r.flagged = true
	}
	headers, _ := meta["headers"].(map[string]any)
	for name, value := range headers {
		if r.inner == nil {
			r.inner = make(http.Header)
		}
		r.inner.Set(name, text(value))
	}
	r.readText(text(meta["raw"]))
}

// filtered says whether a content filter's result found something: {"hate":{"filtered":true,"severity":"high"},…}.
func filtered(inner map[string]any) bool {
	for _, name := range []string{"content_filter_result", "content_filter_results"} {
		results, _ := inner[name].(map[string]any)
		for _, v := range results {
			if result, ok := v.(map[string]any); ok && result["filtered"] == true {
				return true
			}
		}
	}
	return false
}

// waitFields are the fields, without underscores and in lower case, in which servers say when to come again: OpenRouter,
// Cloudflare, Hugging Face (while a model loads), Codex.
var waitFields = []struct {
	name string
	read func(value string, now time.Time) (time.Duration, bool)
}{
	{"retryafterms", func(v string, _ time.Time) (time.Duration, bool) { return seconds(v, 1e-3) }},
	{"retryafterseconds", afterValue},
	{"retryafter", afterValue},
	{"resetsinseconds", afterValue},
	{"estimatedtime", afterValue},
	{"resetsat", numberReset},
}

// readWaits reads the fields that say when to come again.
func (r *reply) readWaits(object map[string]any) {
	if len(r.waits) > maxCodes {
		return
	}
	for _, field := range waitFields {
		for name, v := range object {
			value := text(v)
			if value == "" || len(value) > 100 || strings.ToLower(strings.ReplaceAll(name, "_", "")) != field.name {
				continue
			}
			r.waits = append(r.waits, func(now time.Time) (time.Duration, bool) { return field.read(value, now) })
		}
	}
}

// text is a JSON string or number as text, else "".
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// detailMessage is the message of a validation error's detail: FastAPI's list of objects with msg and loc. The input that
// they repeat is not taken.
func detailMessage(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		if len(v) > 0 {
			if d, ok := v[0].(map[string]any); ok {
				return strings.TrimSpace(text(d["type"]) + " " + text(d["msg"]))
			}
		}
	}
	return ""
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
