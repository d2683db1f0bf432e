package resilience

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// readDetails reads Gemini's list of details, or Anthropic's object.
func (r *reply) readDetails(v any) {
	if d, ok := v.(map[string]any); ok {
		r.addCode(text(d["error_code"]), text(d["code"]), text(d["reason"]))
		return
	}
	list, _ := v.([]any)
	for _, item := range list {
		d, _ := item.(map[string]any)
		r.addCode(text(d["reason"]))
		if delay := text(d["retryDelay"]); delay != "" {
			r.retryInfo = true
			r.waits = append(r.waits, func(now time.Time) (time.Duration, bool) { return afterValue(delay, now) })
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
	r.addCode(text(meta["error_type"]))
	r.readWaits(meta)
	if reasons, ok := meta["reasons"].([]any); ok && len(reasons) > 0 || meta["flagged_input"] != nil {
		r.flagged = true
	}
	if raw := text(meta["raw"]); raw != "" {
		r.message = strings.TrimSpace(r.message + " " + rawMessage(raw))
	}
	headers, _ := meta["headers"].(map[string]any)
	for name, value := range headers {
		if r.inner == nil {
			r.inner = make(http.Header)
		}
		r.inner.Set(name, text(value))
	}
}

// rawMessage is the message of the upstream's body, which OpenRouter passes on as text.
func rawMessage(raw string) string {
	if len(raw) > maxText || !strings.HasPrefix(raw, "{") {
		return head(raw, maxText)
	}
	var inner struct {
		Error struct{ Message string }
	}
	if json.Unmarshal([]byte(raw), &inner) == nil && inner.Error.Message != "" {
		return inner.Error.Message
	}
	return raw
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
