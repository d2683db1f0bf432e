package workflow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

// recordedAnswer is an llms.ContentResponse as the journal holds it.
type recordedAnswer struct {
	Choices []recordedChoice `json:"choices"`
}

type recordedChoice struct {
	Content   string             `json:"content,omitempty"`
	Stop      string             `json:"stop,omitempty"`
	Info      map[string]any     `json:"info,omitempty"`
	Func      *llms.FunctionCall `json:"func,omitempty"`
	Tools     []recordedToolCall `json:"tools,omitempty"`
	Reasoning string             `json:"reasoning,omitempty"`
}

type recordedToolCall struct {
	ID       string             `json:"id,omitempty"`
	Type     string             `json:"type,omitempty"`
	Function *llms.FunctionCall `json:"function,omitempty"`
}

// encodeAnswer makes the recorded bytes. What GenerationInfo holds that JSON can't say is left out.
func encodeAnswer(resp *llms.ContentResponse) (json.RawMessage, error) {
	var rec recordedAnswer
	for _, c := range resp.Choices {
		choice := recordedChoice{
			Content: strings.ToValidUTF8(c.Content, "\uFFFD"), Stop: c.StopReason, Func: c.FuncCall,
			Reasoning: strings.ToValidUTF8(c.ReasoningContent, "\uFFFD"),
		}
		for _, t := range c.ToolCalls {
			choice.Tools = append(choice.Tools, recordedToolCall{t.ID, t.Type, t.FunctionCall})
		}
		for key, value := range c.GenerationInfo {
			if raw, err := json.Marshal(value); err == nil && key != resilience.AnswerKey {
				if choice.Info == nil {
					choice.Info = map[string]any{}
				}
				choice.Info[key] = json.RawMessage(raw)
			}
		}
		rec.Choices = append(rec.Choices, choice)
	}
	return encode(rec)
}

func decodeAnswer(raw json.RawMessage, seq uint64) (*llms.ContentResponse, error) {
	var rec recordedAnswer
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&rec); err != nil {
		return nil, fmt.Errorf("the recorded answer %d can't be read: %w", seq, err)
	}
	resp := &llms.ContentResponse{}
	for _, c := range rec.Choices {
		choice := &llms.ContentChoice{
			Content: c.Content, StopReason: c.Stop, FuncCall: c.Func, ReasoningContent: c.Reasoning,
			GenerationInfo: map[string]any{},
		}
		for _, t := range c.Tools {
			choice.ToolCalls = append(choice.ToolCalls, llms.ToolCall{ID: t.ID, Type: t.Type, FunctionCall: t.Function})
		}
		for key, value := range c.Info {
			choice.GenerationInfo[key] = number(value)
		}
		resp.Choices = append(resp.Choices, choice)
	}
	if len(resp.Choices) > 0 {
		resp.Choices[0].GenerationInfo[resilience.AnswerKey] = answerID(seq)
	}
	return resp, nil
}

// number restores the integers that callers of langchaingo expect as int.
func number(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return int(n)
		}
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return f
	case map[string]any:
		for key := range v {
			v[key] = number(v[key])
		}
	case []any:
		for i := range v {
			v[i] = number(v[i])
		}
	}
	return v
}
