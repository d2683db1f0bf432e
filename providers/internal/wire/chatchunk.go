package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// chatChunk is an event of OpenAI's stream, with the fields and types that langchaingo's client decodes: it skips an event in
// which one of them has another type, and with it the text.
type chatChunk struct {
	ID                string       `json:"id"`
	Created           float64      `json:"created"`
	Model             string       `json:"model"`
	Object            string       `json:"object"`
	Choices           []chatChoice `json:"choices"`
	SystemFingerprint string       `json:"system_fingerprint"`
	Usage             *tokenCounts `json:"usage"`
	chatErrors
}

// chatErrors are the places in which errors stand.
type chatErrors struct {
	Type  string          `json:"type"`
	Error json.RawMessage `json:"error"`
	XGroq *struct {
		Usage *tokenCounts    `json:"usage"`
		Error json.RawMessage `json:"error"`
	} `json:"x_groq"`
}

type chatChoice struct {
	Index        float64         `json:"index"`
	Delta        chatDelta       `json:"delta"`
	FinishReason string          `json:"finish_reason"`
	Error        json.RawMessage `json:"error"`
}

type chatDelta struct {
	Role             string          `json:"role"`
	Content          string          `json:"content"`
	ReasoningContent string          `json:"reasoning_content"`
	Refusal          string          `json:"refusal"`
	FunctionCall     json.RawMessage `json:"function_call"`
	ToolCalls        json.RawMessage `json:"tool_calls"`
}

// lenientChunk reads an event that has fields of unexpected types: content as a list of parts, numbers as text.
func lenientChunk(data []byte) (chatChunk, error) {
	var loose struct {
		Object  json.RawMessage `json:"object"`
		Choices []struct {
			Index        json.RawMessage `json:"index"`
			FinishReason json.RawMessage `json:"finish_reason"`
			Error        json.RawMessage `json:"error"`
			Delta        struct {
				Content          json.RawMessage `json:"content"`
				ReasoningContent json.RawMessage `json:"reasoning_content"`
				Refusal          json.RawMessage `json:"refusal"`
				FunctionCall     json.RawMessage `json:"function_call"`
				ToolCalls        json.RawMessage `json:"tool_calls"`
			} `json:"delta"`
		} `json:"choices"`
		Error json.RawMessage `json:"error"`
		Usage json.RawMessage `json:"usage"`
	}
	var c chatChunk
	if err := json.Unmarshal(data, &loose); err != nil {
		return c, fmt.Errorf("an event of the stream can't be read: %w", err)
	}
	c.Error, c.Object = loose.Error, plainText(loose.Object)
	if given(loose.Usage) {
		c.Usage = &tokenCounts{}
		_ = json.Unmarshal(loose.Usage, c.Usage) // counts that can't be read stay zero
	}
	for _, l := range loose.Choices {
		choice := chatChoice{FinishReason: plainText(l.FinishReason), Error: l.Error}
		_ = json.Unmarshal(bytes.Trim(l.Index, `"`), &choice.Index)
		text, thoughts, err := contentText(l.Delta.Content)
		if err != nil {
			return c, err
		}
		choice.Delta = chatDelta{
			Content: text, ReasoningContent: thoughts + plainText(l.Delta.ReasoningContent), Refusal: plainText(l.Delta.Refusal),
			FunctionCall: l.Delta.FunctionCall, ToolCalls: l.Delta.ToolCalls,
		}
		c.Choices = append(c.Choices, choice)
	}
	return c, nil
}

func plainText(raw json.RawMessage) string {
	var text string
	_ = json.Unmarshal(raw, &text) // what is no text is none
	return text
}

// contentText reads content that is a text or, as Mistral's reasoning models send it, a list of parts.
func contentText(raw json.RawMessage) (text, thoughts string, err error) {
	type part struct {
		Type     string          `json:"type"`
		Text     string          `json:"text"`
		Thinking json.RawMessage `json:"thinking"`
	}
	if !given(raw) || json.Unmarshal(raw, &text) == nil {
		return text, "", nil
	}
	var parts []part
	if err := json.Unmarshal(raw, &parts); err != nil {
		return "", "", errors.New("the content is neither a text nor a list of parts")
	}
	for _, p := range parts {
		if p.Type != "thinking" {
			text += p.Text
			continue
		}
		inner, _, err := contentText(p.Thinking)
		if err != nil {
			return "", "", err
		}
		thoughts += inner
	}
	return text, thoughts, nil
}
