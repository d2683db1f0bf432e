package wire

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/dogear-go/dogear/resilience"
)

// reply is what the guard reads in an answer that is no stream: the fields that OpenAI, those compatible with it, Anthropic and
// Mistral use. Everything else is left to the client.
type reply struct {
	chatErrors
	Object     string         `json:"object"`
	Choices    []*replyChoice `json:"choices"`
	Usage      *tokenCounts   `json:"usage"`
	StopReason string         `json:"stop_reason"`
	Content    []*replyBlock  `json:"content"`
	Index      *float64       `json:"index"`
	Done       bool           `json:"done"`
	Message    *struct {
		Usage *tokenCounts `json:"usage"`
	} `json:"message"`
}

type replyChoice struct {
	Error        json.RawMessage `json:"error"`
	FinishReason string          `json:"finish_reason"`
	Message      *replyMessage   `json:"message"`
	Delta        *replyMessage   `json:"delta"`
}

type replyMessage struct {
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

// replyBlock is a content block of Anthropic's.
type replyBlock struct {
	Type string `json:"type"`
}

// tokenCounts has each count under each name; the types are those that langchaingo's clients decode.
type tokenCounts struct {
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

		// Written is OpenAI's (developers.openai.com/api/docs/guides/prompt-caching); langchaingo's client leaves it out.
		Written int64 `json:"cache_write_tokens"`
	} `json:"prompt_tokens_details"`
	CompletionDetails struct {
		Reasoning int64 `json:"reasoning_tokens"`
		Audio     int64 `json:"audio_tokens"`
		Accepted  int64 `json:"accepted_prediction_tokens"`
		Rejected  int64 `json:"rejected_prediction_tokens"`
	} `json:"completion_tokens_details"`
}

// readReply reads JSON leniently: a field of an unexpected type is left out, and only text that is not JSON is an error.
func readReply(data []byte) (*reply, error) {
	var r reply
	err := json.Unmarshal(data, &r)
	if syntax(err) {
		return nil, err
	}
	return &r, nil
}

// inBand says whether the answer is an error in spite of its status.
func (r *reply) inBand() bool {
	if given(r.Error) || r.Object == "error" || r.Type == "error" || (r.XGroq != nil && given(r.XGroq.Error)) {
		return true
	}
	for _, c := range r.Choices {
		if c != nil && (given(c.Error) || c.FinishReason == "error") {
			return true
		}
	}
	return false
}

// errorBody is the JSON that names the error, in a shape that resilience.FromHTTP reads.
func (r *reply) errorBody(whole []byte) []byte {
	for _, c := range r.Choices {
		if c != nil && given(c.Error) {
			return fmt.Appendf(nil, `{"error":%s}`, c.Error)
		}
	}
	if r.XGroq != nil && given(r.XGroq.Error) {
		return fmt.Appendf(nil, `{"error":%s}`, r.XGroq.Error)
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

func (r *reply) refusal() (text string) {
	for _, c := range r.Choices {
		if c == nil {
			continue
		}
		for _, t := range []*replyMessage{c.Message, c.Delta} {
			if t != nil {
				text += t.Refusal
			}
		}
	}
	return text
}

func (r *reply) usage() resilience.Usage {
	u := r.Usage.tokens()
	if r.XGroq != nil {
		u = MaxUsage(u, r.XGroq.Usage.tokens())
	}
	if r.Message != nil {
		u = MaxUsage(u, r.Message.Usage.tokens())
	}
	return u
}

func (u *tokenCounts) tokens() resilience.Usage {
	if u == nil {
		return resilience.Usage{}
	}
	told := resilience.Usage{
		Input:     max(u.PromptTokens, u.InputTokens+u.CacheRead+u.CacheWritten), // Anthropic counts cached tokens apart
		Output:    max(u.CompletionTokens, u.OutputTokens),
		Cached:    max(u.PromptDetails.Cached, u.CacheHit, u.CacheRead),
		Reasoning: u.CompletionDetails.Reasoning,
		Written:   max(u.CacheWritten, u.PromptDetails.Written),
	}
	return told.Whole(u.TotalTokens)
}

// MaxUsage joins two reports of the same answer: counters only grow, and a report may leave some out.
func MaxUsage(a, b resilience.Usage) resilience.Usage {
	return resilience.Usage{
		Input: max(a.Input, b.Input), Output: max(a.Output, b.Output),
		Cached: max(a.Cached, b.Cached), Reasoning: max(a.Reasoning, b.Reasoning), Written: max(a.Written, b.Written),
	}
}
