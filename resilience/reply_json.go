package resilience

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// readJSON reads a body that is JSON; false says that it is none.
func (r *reply) readJSON(body []byte) bool {
	var v any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return false
	}
	return r.readValue(v)
}

func (r *reply) readValue(v any) bool {
	if r.depth++; r.depth > maxDepth {
		return false
	}
	switch v := v.(type) {
	case string:
		r.readText(v)
		return true
	case []any: // Gemini's OpenAI-compatible address, or its details alone, as Google's library prints them
		if len(v) > 0 && isDetail(v[0]) {
			r.readDetails(v)
			return true
		}
		return len(v) > 0 && r.readValue(v[0])
	case map[string]any:
		r.readObject(v)
		return true
	}
	return false
}

func isDetail(v any) bool {
	object, ok := v.(map[string]any)
	return ok && strings.HasPrefix(text(object["@type"]), "type.googleapis.com/")
}

// readObject reads the body's outermost object: the error lies in it, or it is the error.
func (r *reply) readObject(top map[string]any) {
	if resp, ok := top["response"].(map[string]any); ok && top["error"] == nil { // OpenAI's response.failed
		top = resp
	}
	if list, ok := top["errors"].([]any); ok && len(list) > 0 && top["error"] == nil { // Cloudflare, GraphQL
		top["error"] = list[0]
	}
	if list, ok := top["error"].([]any); ok && len(list) > 0 { // Cloudflare's AI gateway
		top["error"] = list[0]
	}
	r.readChoices(top)
	r.readFinish(top)
	r.readWaits(top)
	r.addCode(text(top["error_type"]), text(top["__type"]))
	switch e := top["error"].(type) {
	case map[string]any:
		r.readError(e)
	case string: // Ollama, Hugging Face, vLLM; together with a message, a code
		r.addCode(text(top["code"]))
		if !strings.ContainsAny(e, " \t\n") {
			r.addCode(e)
		}
		r.readText(first(text(top["message"]), text(top["error_description"]), e))
	default: // Mistral, Cohere, AWS, FastAPI: the error lies at the top
		if name, inner, ok := onlyException(top); ok {
			r.addCode(name)
			top = inner
		}
		if len(r.codes) == 0 || r.message == "" {
			r.readError(top)
		}
	}
}

// onlyException finds AWS's event of a stream: {"throttlingException":{"message":"…"}}.
func onlyException(top map[string]any) (name string, inner map[string]any, ok bool) {
	for key, v := range top {
		if m, is := v.(map[string]any); is && strings.HasSuffix(key, "Exception") {
			return key, m, true
		}
	}
	return "", nil, false
}

// readChoices finds OpenRouter's error inside a choice.
func (r *reply) readChoices(top map[string]any) {
	choices, _ := top["choices"].([]any)
	for _, c := range choices {
		if choice, ok := c.(map[string]any); ok {
			if e, ok := choice["error"].(map[string]any); ok {
				r.readError(e)
				return
			}
		}
	}
}

// readFinish notes why an answer ended.
func (r *reply) readFinish(top map[string]any) {
	objects := []any{top}
	for _, name := range []string{"choices", "candidates", "generations"} {
		list, _ := top[name].([]any)
		objects = append(objects, list[:min(len(list), maxCodes)]...)
	}
	for _, o := range objects {
		object, _ := o.(map[string]any)
		for _, name := range []string{"finish_reason", "finishReason", "stop_reason", "stopReason"} {
			if reason := text(object[name]); reason != "" && len(r.finish) < maxCodes {
				r.finish = append(r.finish, reason)
			}
		}
	}
	if feedback, ok := top["promptFeedback"].(map[string]any); ok && text(feedback["blockReason"]) != "" {
		r.blocked = true
	}
}

// readError reads an error object: code, type, status, message, details, metadata.
func (r *reply) readError(e map[string]any) {
	r.param = first(r.param, text(e["param"]))
	r.readWaits(e)
	r.readDetails(e["details"])
	for _, name := range []string{"innererror", "inner_error", "extensions"} { // Azure; GraphQL
		if inner, ok := e[name].(map[string]any); ok {
			r.addCode(text(inner["code"]))
			r.flagged = r.flagged || filtered(inner)
		}
	}
	for _, name := range []string{"originalStatusCode", "code", "status_code", "statusCode", "status", "error_code"} {
		value := text(e[name])
		if n := statusIn(value); n != 0 {
			r.addStatus(n)
			continue
		}
		r.addCode(value)
	}
	r.addCode(text(e["error_type"]), text(e["type"]), text(e["type_"]), text(e["reason"]), text(e["__type"]), text(e["error_name"]))
	if list, ok := e["errors"].([]any); ok && len(list) > 0 { // Google's older shape
		if legacy, ok := list[0].(map[string]any); ok {
			r.addCode(text(legacy["reason"]))
		}
	}
	r.readMessage(e)
	if meta, ok := e["metadata"].(map[string]any); ok {
		r.readMetadata(meta)
	}
}

// addStatus takes an error's status: inside a 200, and where the answer's own only says that something behind it failed.
func (r *reply) addStatus(n int) {
	if r.http < 400 {
		r.http = n
	}
	if r.status < 400 || r.status == 424 || r.nested && r.status >= 500 {
		r.status = n
	}
}

// readMessage reads what the error says for people.
func (r *reply) readMessage(e map[string]any) {
	message := first(text(e["message"]), text(e["Message"]), text(e["detail"]), text(e["error"]), text(e["msg"]),
		text(e["error_description"]), text(e["title"]), text(e["description"]), text(e["originalMessage"]))
	if inner, ok := e["message"].(map[string]any); ok { // Mistral's validation errors
		message = first(text(inner["message"]), detailMessage(inner["detail"]))
	}
	if message == "" {
		message = detailMessage(e["detail"])
	}
	if inner, ok := e["detail"].(map[string]any); ok && message == "" { // FastAPI, with the error inside
		r.readValue(inner)
		return
	}
	r.readText(message)
}

// readText takes a message, and opens the error that a gateway passes on in it.
func (r *reply) readText(message string) {
	if message == "" {
		return
	}
	if r.message != "" {
		message = r.message + " " + message
	}
	r.message = head(message, maxText)
	r.readNames()
	at, body := innerJSON(r.message)
	if at < 0 {
		return
	}
	inside := &reply{status: r.status, http: r.http, header: r.header, depth: r.depth + 1, nested: true}
	if inside.depth > maxDepth || !inside.readJSON([]byte(body)) || inside.tellsNothing() {
		return
	}
	before := strings.TrimSpace(r.message[:at])
	r.adopt(inside)
	if inside.message != "" {
		r.message = head(strings.TrimSpace(before+" "+inside.message), maxText)
	}
}

// tellsNothing says whether nothing of use was found.
func (r *reply) tellsNothing() bool {
	return r.message == "" && len(r.codes)+len(r.waits)+len(r.quotaIDs) == 0 && !r.flagged
}

// adopt takes over what an error inside tells.
func (r *reply) adopt(inside *reply) {
	r.status, r.http = inside.status, inside.http
	if len(r.codes) == 0 {
		r.shown = inside.shown
	}
	r.codes = append(inside.codes, r.codes...)
	r.codes = r.codes[:min(len(r.codes), maxCodes)]
	r.waits = append(r.waits, inside.waits...)
	r.retryInfo = r.retryInfo || inside.retryInfo
	r.quotaIDs = append(r.quotaIDs, inside.quotaIDs...)
	r.flagged = r.flagged || inside.flagged
	r.limit = first(r.limit, inside.limit)
	if r.inner == nil {
		r.inner = inside.inner
	}
}

// statusIn is the HTTP status that a text consists of, or 0.
func statusIn(value string) int {
	if n, err := strconv.Atoi(value); err == nil && n >= 400 && n <= 599 {
		return n
	}
	return 0
}
