package providers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/dogear-go/dogear/resilience"
)

// wire is what the guard reads in an answer that is no stream: the fields that OpenAI, those compatible with it, Anthropic and
// Mistral use. Everything else is left to the client.
type wire struct {
	chatErrors
	Object     string        `json:"object"`
	Choices    []*wireChoice `json:"choices"`
	Usage      *wireUsage    `json:"usage"`
	StopReason string        `json:"stop_reason"`
	Content    []*wireBlock  `json:"content"`
	Index      *float64      `json:"index"`
	Done       bool          `json:"done"`
	Message    *struct {
		Usage *wireUsage `json:"usage"`
	} `json:"message"`
}

type wireChoice struct {
	Error        json.RawMessage `json:"error"`
	FinishReason string          `json:"finish_reason"`
	Message      *wireMessage    `json:"message"`
	Delta        *wireMessage    `json:"delta"`
}

type wireMessage struct {
	Content      json.RawMessage `json:"content"`
	Reasoning    string          `json:"reasoning_content"`
	Refusal      string          `json:"refusal"`
	FunctionCall json.RawMessage `json:"function_call"`
	ToolCalls    []*struct {
		ID       string `json:"id"`
		Function struct {
			Name      string          `json:"name"`
			Arguments json.RawMessage `json:"arguments"`
		} `json:"function"`
	} `json:"tool_calls"`
}

// wireBlock is a content block of Anthropic's.
type wireBlock struct {
	Type string `json:"type"`
}

// wireUsage has each count under each name; the types are those that langchaingo's clients decode.
type wireUsage struct {
	PromptTokens     int64 `json:"prompt_tokens"`
	CompletionTokens int64 `json:"completion_tokens"`
	TotalTokens      int64 `json:"total_tokens"`
	InputTokens      int64 `json:"input_tokens"`
	OutputTokens     int64 `json:"output_tokens"`
	CacheRead        int64 `json:"cache_read_input_tokens"`
	CacheWritten     int64 `json:"cache_creation_input_tokens"`
	CacheHit         int64 `json:"prompt_cache_hit_tokens"`
	PromptDetails    struct {
		Cached int64 `json:"cached_tokens"`
		Audio  int64 `json:"audio_tokens"`
	} `json:"prompt_tokens_details"`
	CompletionDetails struct {
		Reasoning int64 `json:"reasoning_tokens"`
		Audio     int64 `json:"audio_tokens"`
		Accepted  int64 `json:"accepted_prediction_tokens"`
		Rejected  int64 `json:"rejected_prediction_tokens"`
	} `json:"completion_tokens_details"`
}

// readWire reads JSON leniently: a field of an unexpected type is left out, and only text that is not JSON is an error.
func readWire(data []byte) (*wire, error) {
	var w wire
	err := json.Unmarshal(data, &w)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return nil, err
	}
	return &w, nil
}

// inBand says whether the answer is an error in spite of its status.
func (w *wire) inBand() bool {
	if given(w.Error) || w.Object == "error" || w.Type == "error" || (w.XGroq != nil && given(w.XGroq.Error)) {
		return true
	}
	for _, c := range w.Choices {
		if c != nil && (given(c.Error) || c.FinishReason == "error") {
			return true
		}
	}
	return false
}

// errorBody is the JSON that names the error, in a shape that resilience.FromHTTP reads.
func (w *wire) errorBody(whole []byte) []byte {
	for _, c := range w.Choices {
		if c != nil && given(c.Error) {
			return fmt.Appendf(nil, `{"error":%s}`, c.Error)
		}
	}
	if w.XGroq != nil && given(w.XGroq.Error) {
		return fmt.Appendf(nil, `{"error":%s}`, w.XGroq.Error)
	}
	return whole
}

// given says whether a field holds something: some servers send an empty error with each answer.
func given(raw json.RawMessage) bool {
	switch string(bytes.TrimSpace(raw)) {
	case "", "null", "false", "0", `""`, "{}", "[]":
		return false
	}
	return true
}

func (w *wire) refusal() (text string) {
	for _, c := range w.Choices {
		if c == nil {
			continue
		}
		for _, t := range []*wireMessage{c.Message, c.Delta} {
			if t != nil {
				text += t.Refusal
			}
		}
	}
	return text
}

func (w *wire) usage() resilience.Usage {
	u := w.Usage.tokens()
	if w.XGroq != nil {
		u = maxUsage(u, w.XGroq.Usage.tokens())
	}
	if w.Message != nil {
		u = maxUsage(u, w.Message.Usage.tokens())
	}
	return u
}

func (u *wireUsage) tokens() resilience.Usage {
	if u == nil {
		return resilience.Usage{}
	}
	return resilience.Usage{
		Input:     max(u.PromptTokens, u.InputTokens+u.CacheRead+u.CacheWritten), // Anthropic counts cached tokens apart
		Output:    max(u.CompletionTokens, u.OutputTokens),
		Cached:    max(u.PromptDetails.Cached, u.CacheHit, u.CacheRead),
		Reasoning: u.CompletionDetails.Reasoning,
	}
}

// maxUsage joins two reports of the same answer: counters only grow, and a report may leave some out.
func maxUsage(a, b resilience.Usage) resilience.Usage {
	return resilience.Usage{
		Input: max(a.Input, b.Input), Output: max(a.Output, b.Output),
		Cached: max(a.Cached, b.Cached), Reasoning: max(a.Reasoning, b.Reasoning),
	}
}
