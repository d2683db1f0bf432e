package wire

import (
	"encoding/json"
	"net/http"

	"github.com/dogear-go/dogear/resilience"
)

// request is a request as it is to be sent.
type request struct {
	body      []byte
	protocol  Protocol
	stream    bool // an answer in parts is asked for
	formatted bool // it holds a response format that the caller did not choose
}

// rewrite makes the request's body what the caller meant, where the client can't say it. What is not a chat request in JSON
// stays as it is.
func rewrite(req *http.Request, provider string, body []byte, rec *Recorder) request {
	r := request{body: body, protocol: protocolOf(req)}
	f, ok := splitFields(body)
	if !ok {
		return r
	}
	r.stream = string(f.get("stream")) == "true"
	c := changesFrom(req.Context())
	name, schema, wanted := resilience.SchemaFrom(req.Context())
	switch r.protocol {
	case ProtocolChat:
		rewriteChat(&f, provider, rec)
		if wanted && rec.Format != FormatNone {
			setFormat(&f, rec.Format, name, schema)
			r.formatted = true
		}
	case ProtocolMessages:
		rewriteMessages(&f, rec, c)
		if wanted && rec.Format == FormatSchema && strictFits(schema) {
			setMessagesFormat(&f, schema)
			r.formatted = true
		}
	case ProtocolOllama:
		rewriteOllama(&f, rec, c)
		if wanted && rec.Format != FormatNone {
			setOllamaFormat(&f, rec.Format, schema)
			r.formatted = true
		}
	default:
		return r
	}
	for _, e := range c.Fields {
		f.setRaw(e.Key, e.Raw)
	}
	if c.Unsampled {
		for _, key := range []string{"temperature", "top_p", "top_k"} {
			f.remove(key)
		}
	}
	if f.changed {
		r.body = f.bytes()
	}
	return r
}

func rewriteChat(f *fields, provider string, rec *Recorder) {
	if rec.Unset.Temperature {
		f.remove("temperature")
	}
	if rec.Unset.TopP > 0 {
		f.set("top_p", rec.Unset.TopP)
	}
	adapt(provider, f)
}

// rewriteMessages joins messages of one role that follow on each other: Anthropic's client sends one part of a message, so that the
// others are handed to it as messages of their own.
func rewriteMessages(f *fields, rec *Recorder, c Changes) {
	if rec.Unset.Temperature {
		f.remove("temperature")
	}
	if !c.Join {
		return
	}
	type message struct {
		Role    string            `json:"role"`
		Content []json.RawMessage `json:"content"`
	}
	var list, joined []message
	if json.Unmarshal(f.get("messages"), &list) != nil {
		return
	}
	for _, m := range list {
		if n := len(joined); n > 0 && joined[n-1].Role == m.Role {
			joined[n-1].Content = append(joined[n-1].Content, m.Content...)
			continue
		}
		joined = append(joined, m)
	}
	f.set("messages", joined)
}

// rewriteOllama makes a request to Ollama's own API fail where it would be cut: by itself the server leaves out what does not fit
// into its window, at the start of the prompt or while it answers, and says nothing. Servers from before October 2025 do not know
// the two fields and go on cutting, which only their counts of tokens tell.
func rewriteOllama(f *fields, rec *Recorder, c Changes) {
	f.setRaw("truncate", json.RawMessage("false"))
	f.setRaw("shift", json.RawMessage("false"))
	if string(f.get("format")) == `""` {
		f.remove("format")
	}
	o, ok := splitFields(f.get("options"))
	if !ok {
		return
	}
	if rec.Unset.Temperature {
		o.remove("temperature")
	}
	if c.Window > 0 {
		o.set("num_ctx", c.Window)
	}
	if think := o.get("think"); think != nil { // where the client puts it nobody looks
		o.remove("think")
		f.setRaw("think", think)
	}
	if o.changed {
		f.setRaw("options", o.bytes())
	}
}

// adapt renames and drops what one provider rejects because it does not know it: Mistral with 422 extra_forbidden, Gemini's
// compatible endpoint with 400 Unknown name.
func adapt(provider string, f *fields) {
	switch provider {
	case "mistral":
		if seed := f.get("seed"); seed != nil {
			f.setRaw("random_seed", seed)
		}
		f.remove("seed")
	case "gemini":
	default:
		return
	}
	if limit := f.get("max_completion_tokens"); limit != nil {
		f.setRaw("max_tokens", limit)
	}
	for _, key := range []string{"max_completion_tokens", "metadata", "stream_options"} {
		f.remove(key)
	}
}
