package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/dogear-go/dogear/resilience"
)

// maxOllamaLine is the longest line that langchaingo's client for Ollama reads; it takes a longer one for the end of a whole answer.
const maxOllamaLine = 480 << 10

// ollamaLine is one line of Ollama's answer, with the fields and types that langchaingo's client decodes.
type ollamaLine struct {
	Model      string         `json:"model,omitempty"`
	CreatedAt  time.Time      `json:"created_at,omitzero"`
	Message    *ollamaMessage `json:"message,omitempty"`
	Done       bool           `json:"done"`
	DoneReason string         `json:"done_reason,omitempty"`
	ollamaCounts
}

type ollamaMessage struct {
	Role    string   `json:"role"`
	Content string   `json:"content"`
	Images  [][]byte `json:"images,omitempty"`
}

type ollamaCounts struct {
	TotalDuration      int64 `json:"total_duration,omitempty"`
	LoadDuration       int64 `json:"load_duration,omitempty"`
	PromptEvalCount    int64 `json:"prompt_eval_count,omitempty"`
	PromptEvalDuration int64 `json:"prompt_eval_duration,omitempty"`
	EvalCount          int64 `json:"eval_count,omitempty"`
	EvalDuration       int64 `json:"eval_duration,omitempty"`
}

// ollamaStream reads the lines of Ollama's answer.
type ollamaStream struct {
	answer
	done bool
}

func (s *ollamaStream) ended() bool { return s.done }

func (s *ollamaStream) complete() bool { return false }

// failure tells the client in the one way that it listens to: it takes a connection that breaks for the end of the answer.
func (s *ollamaStream) failure(err error) []byte {
	return append(appendJSON(nil, map[string]string{"error": err.Error()}), '\n')
}

func (s *ollamaStream) translate(line, out []byte) ([]byte, error) {
	text := bytes.TrimSpace(line)
	if len(text) == 0 {
		return out, nil
	}
	if text[0] == '<' {
		return nil, s.inBand(text)
	}
	var l struct {
		ollamaLine
		Error json.RawMessage `json:"error"`
	}
	err := json.Unmarshal(text, &l)
	switch {
	case syntax(err):
		return nil, s.invalid(errors.New("a line of the answer is not JSON; something of it is missing"))
	case given(l.Error):
		return nil, s.inBand(text)
	case err != nil && !s.lenient(text, &l.ollamaLine):
		return nil, s.invalid(fmt.Errorf("a line of the answer can't be read: %w", err))
	}
	if l.Done {
		s.done = true
		s.rec.saw(resilience.Usage{Input: l.PromptEvalCount, Output: l.EvalCount}, "")
		s.rec.finished(l.DoneReason)
	}
	if err == nil && len(line) <= maxOllamaLine && text[0] == '{' {
		return append(out, line...), nil
	}
	return s.rebuild(&l.ollamaLine, out), nil
}

// lenient reads a line again without what matters less: times and durations that are no such.
func (s *ollamaStream) lenient(text []byte, l *ollamaLine) bool {
	var loose struct {
		Message    *ollamaMessage `json:"message"`
		Done       bool           `json:"done"`
		DoneReason string         `json:"done_reason"`
		Input      int64          `json:"prompt_eval_count"`
		Output     int64          `json:"eval_count"`
	}
	if json.Unmarshal(text, &loose) != nil {
		return false
	}
	*l = ollamaLine{
		Message: loose.Message, Done: loose.Done, DoneReason: loose.DoneReason,
		ollamaCounts: ollamaCounts{PromptEvalCount: loose.Input, EvalCount: loose.Output},
	}
	return true
}

// rebuild says a line again, in several if its text is long.
func (s *ollamaStream) rebuild(l *ollamaLine, out []byte) []byte {
	if l.Message != nil && len(l.Message.Content) > maxPiece {
		list := pieces(l.Message.Content)
		for _, p := range list[:len(list)-1] {
			out = append(appendJSON(out, ollamaLine{Message: &ollamaMessage{Role: "assistant", Content: p}}), '\n')
		}
		l.Message.Content = list[len(list)-1]
	}
	return append(appendJSON(out, l), '\n')
}
