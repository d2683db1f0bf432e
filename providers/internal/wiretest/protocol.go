// Package wiretest plays the APIs of language models on the loopback, and plays them badly when told to.
package wiretest

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Protocol is how one provider is asked and how it answers. The shapes are those of the providers' documentation.
type Protocol struct {
	Name string
	Base string // path of the base URL
	Path string // of chat requests
	Auth string // header that holds the key, after Prefix
	Pre  string

	// Error is the body of an answer with an error status.
	Error func(status int, message string) string

	// Event is an error in the middle of a stream.
	Event func(status int, message string) string

	// Whole is an answer in one piece.
	Whole func(text, finish string) string

	// Parts are the lines of a stream, without its end; End is that.
	Parts func(texts ...string) []string
	End   string

	// Stream is the content type of a stream.
	Stream string
}

// What each answer says it used.
const (
	Input  = 11
	Output = 22
)

// Protocols are those of the catalogue.
func Protocols() []Protocol {
	chat := func(name, base string, shape func(int, string) string) Protocol {
		return Protocol{
			Name: name, Base: base, Path: base + "/chat/completions", Auth: "Authorization", Pre: "Bearer ",
			Error: shape, Event: func(s int, m string) string { return data(shape(s, m)) },
			Whole: chatAnswer, Parts: chatParts(""), End: data("[DONE]"), Stream: "text/event-stream",
		}
	}
	groq := chat("groq", "/openai/v1", typedError)
	groq.Parts = groqParts
	groq.Event = func(s int, m string) string {
		return "event: error\n" + data(fmt.Sprintf(`{"error":{"message":%q,"type":%q,"status_code":%d}}`, m, kind(s), s))
	}
	gemini := chat("gemini", "/v1beta/openai", func(s int, m string) string { return "[" + googleError(s, m) + "]" })
	gemini.Event = func(s int, m string) string { return data(googleError(s, m)) }
	router := chat("openrouter", "/api/v1", func(s int, m string) string {
		return fmt.Sprintf(`{"error":{"code":%d,"message":%q,"metadata":{"provider_name":"x"}},"user_id":"u"}`, s, m)
	})
	router.Parts = chatParts(": OPENROUTER PROCESSING\n\n")
	router.Event = func(s int, m string) string {
		return data(fmt.Sprintf(`{"id":"gen","error":{"code":%d,"message":%q},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}`, s, m))
	}
	deepseek := chat("deepseek", "/v1", typedError)
	deepseek.Parts = chatParts(": keep-alive\n\n\n")
	together := chat("together_ai", "/v1", func(s int, m string) string {
		return fmt.Sprintf(`{"id":"nK","error":{"message":%q,"type":%q,"param":null,"code":null}}`, m, kind(s))
	})
	mistral := chat("mistral", "/v1", func(s int, m string) string {
		return fmt.Sprintf(`{"object":"error","message":%q,"type":%q,"param":null,"code":"%d"}`, m, kind(s), s)
	})
	return []Protocol{groq, anthropic(), gemini, router, chat("openai", "/v1", typedError), mistral, deepseek, together, ollama()}
}

// Named returns a protocol.
func Named(name string) Protocol {
	for _, p := range Protocols() {
		if p.Name == name {
			return p
		}
	}
	return Protocol{}
}

func data(text string) string { return "data: " + text + "\n\n" }

func quote(text string) string {
	raw, err := json.Marshal(text)
	if err != nil {
		return `""`
	}
	return string(raw)
}

// kind is the word that APIs have for a status.
func kind(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	case 529:
		return "overloaded_error"
	}
	if status >= 500 {
		return "api_error"
	}
	return "invalid_request_error"
}

func typedError(status int, message string) string {
	return fmt.Sprintf(`{"error":{"message":%q,"type":%q,"param":null,"code":null}}`, message, kind(status))
}

func googleError(status int, message string) string {
	words := map[int]string{
		400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED",
		500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
	}
	return fmt.Sprintf(`{"error":{"code":%d,"message":%q,"status":%q}}`, status, message, words[status])
}

func chatAnswer(text, finish string) string {
	return fmt.Sprintf(`{"id":"c-1","object":"chat.completion","created":1764000000,"model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":%s},`+
		`"logprobs":null,"finish_reason":%q}],"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}`,
		quote(text), finish, Input, Output, Input+Output)
}

func chatChunk(delta, finish, more string) string {
	return data(fmt.Sprintf(`{"id":"c-1","object":"chat.completion.chunk","created":1764000000,"model":"m-1","choices":[{"index":0,"delta":%s,"logprobs":null,"finish_reason":%s}]%s}`,
		delta, finish, more))
}

// chatParts are a first delta with the role, deltas, one with the finish reason, and one with the usage.
func chatParts(before string) func(texts ...string) []string {
	return func(texts ...string) []string {
		list := []string{before + chatChunk(`{"role":"assistant","content":""}`, "null", "")}
		for _, t := range texts {
			list = append(list, before+chatChunk(`{"content":`+quote(t)+`}`, "null", ""))
		}
		return append(list, chatChunk("{}", `"stop"`, ""),
			data(fmt.Sprintf(`{"id":"c-1","choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}`, Input, Output, Input+Output)))
	}
}

// groqParts have the usage where only Groq puts it.
func groqParts(texts ...string) []string {
	list := chatParts("")(texts...)
	usage := fmt.Sprintf(`,"x_groq":{"id":"req","usage":{"prompt_tokens":%d,"completion_tokens":%d}}`, Input, Output)
	return append(list[:len(list)-2], chatChunk("{}", `"stop"`, usage))
}

func anthropic() Protocol {
	shape := func(s int, m string) string {
		return fmt.Sprintf(`{"type":"error","error":{"type":%q,"message":%q},"request_id":"req_1"}`, kind(s), m)
	}
	event := func(kind, rest string) string {
		return "event: " + kind + "\n" + data(fmt.Sprintf(`{"type":%q%s}`, kind, rest))
	}
	return Protocol{
		Name: "anthropic", Base: "/v1", Path: "/v1/messages", Auth: "X-Api-Key",
		Error: shape, Event: func(s int, m string) string { return "event: error\n" + data(shape(s, m)) },
		Whole: func(text, finish string) string {
			finish = map[string]string{"stop": "end_turn", "length": "max_tokens"}[finish]
			return fmt.Sprintf(`{"id":"msg_1","type":"message","role":"assistant","model":"m-1","content":[{"type":"text","text":%s}],"stop_reason":%q,"stop_sequence":null,`+
				`"usage":{"input_tokens":%d,"output_tokens":%d}}`, quote(text), finish, Input, Output)
		},
		Parts: func(texts ...string) []string {
			list := []string{
				event("message_start", fmt.Sprintf(`,"message":{"id":"msg_1","type":"message","role":"assistant","model":"m-1","content":[],"stop_reason":null,"usage":{"input_tokens":%d,"output_tokens":1}}`, Input)),
				event("content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`), event("ping", ""),
			}
			for _, t := range texts {
				list = append(list, event("content_block_delta", `,"index":0,"delta":{"type":"text_delta","text":`+quote(t)+`}`))
			}
			return append(list, event("content_block_stop", `,"index":0`),
				event("message_delta", fmt.Sprintf(`,"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":%d}`, Output)))
		},
		End: event("message_stop", ""), Stream: "text/event-stream; charset=utf-8",
	}
}

func ollama() Protocol {
	shape := func(_ int, m string) string { return fmt.Sprintf(`{"error":%q}`, m) }
	line := func(text string, done bool, rest string) string {
		return fmt.Sprintf(`{"model":"m-1","created_at":"2026-11-22T10:00:00.000000Z","message":{"role":"assistant","content":%s},"done":%t%s}`+"\n", quote(text), done, rest)
	}
	last := func(finish string) string {
		return fmt.Sprintf(`,"done_reason":%q,"total_duration":5,"prompt_eval_count":%d,"eval_count":%d`, finish, Input, Output)
	}
	return Protocol{
		Name: "ollama", Path: "/api/chat", Auth: "Authorization", Pre: "Bearer ",
		Error: shape, Event: func(s int, m string) string { return shape(s, m) + "\n" },
		Whole: func(text, finish string) string { return line(text, true, last(finish)) },
		Parts: func(texts ...string) (list []string) {
			for _, t := range texts {
				list = append(list, line(t, false, ""))
			}
			return list
		},
		End: line("", true, last("stop")), Stream: "application/x-ndjson",
	}
}
