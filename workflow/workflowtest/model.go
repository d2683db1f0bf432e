package workflowtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

// Answer is one rule of a scripted model: a request whose text contains Match is answered by Text, or by Err.
type Answer struct {
	Match string        // empty: every request
	Text  string        // "$prompt" in it stands for the request's text
	Stop  string        // finish reason; empty: "stop"
	Err   error         // instead of an answer
	Delay time.Duration // before answering; ends with the context
	Times int           // after so many uses the rule is passed over; zero: always used
	Panic any           // instead of an answer
}

// Model is a scripted llms.Model. It is safe for concurrent use.
type Model struct {
	t testing.TB

	mu       sync.Mutex // guards the fields below
	answers  []Answer
	used     []int
	requests []string
	inFlight int
	most     int
}

// NewModel makes a model that answers by the first rule that matches; without a rule, the test fails.
func NewModel(t testing.TB, answers ...Answer) *Model {
	return &Model{t: t, answers: answers, used: make([]int, len(answers))}
}

// Calls is how many requests the model got.
func (m *Model) Calls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.requests)
}

// Requests are the texts that the model was asked, in order.
func (m *Model) Requests() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.requests...)
}

// MostInFlight is how many requests there were at most at one time.
func (m *Model) MostInFlight() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.most
}

// Call implements llms.Model.
func (m *Model) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, m, prompt, options...)
}

// GenerateContent implements llms.Model.
func (m *Model) GenerateContent(ctx context.Context, messages []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	text := textOf(messages)
	a, ok := m.take(text)
	if !ok {
		m.t.Errorf("workflowtest: no answer for the request %q", text)
		return nil, fmt.Errorf("workflowtest: no answer for a request")
	}
	defer m.done()
	if a.Delay > 0 {
		timer := time.NewTimer(a.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if a.Panic != nil {
		panic(a.Panic)
	}
	if a.Err != nil {
		return nil, a.Err
	}
	return respond(ctx, strings.ReplaceAll(a.Text, "$prompt", text), a.Stop, options)
}

func respond(ctx context.Context, text, stop string, options []llms.CallOption) (*llms.ContentResponse, error) {
	if stop == "" {
		stop = "stop"
	}
	if fn := resilience.ApplyOptions(options).StreamingFunc; fn != nil && text != "" {
		if err := fn(ctx, []byte(text)); err != nil {
			return nil, err
		}
	}
	return &llms.ContentResponse{Choices: []*llms.ContentChoice{{
		Content: text, StopReason: stop,
		GenerationInfo: map[string]any{"PromptTokens": 10, "CompletionTokens": len(strings.Fields(text))},
	}}}, nil
}

func (m *Model) take(text string) (Answer, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests = append(m.requests, text)
	for i, a := range m.answers {
		if strings.Contains(text, a.Match) && (a.Times == 0 || m.used[i] < a.Times) {
			m.used[i]++
			m.inFlight++
			m.most = max(m.most, m.inFlight)
			return a, true
		}
	}
	return Answer{}, false
}

func (m *Model) done() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inFlight--
}

func textOf(messages []llms.MessageContent) string {
	var parts []string
	for _, msg := range messages {
		for _, part := range msg.Parts {
			switch p := part.(type) {
			case llms.TextContent:
				parts = append(parts, p.Text)
			case llms.ToolCallResponse:
				parts = append(parts, p.Content)
			}
		}
	}
	return strings.Join(parts, "\n")
}
