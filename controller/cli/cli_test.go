package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/workflow"
)

// tideParams are the parameters of the test program.
type tideParams struct {
	Sea   string `json:"sea"`
	Count int    `json:"count"`
}

// script is a model that answers by the prompt: "topics N" with N lines, everything else with a sentence.
type script struct {
	mu     sync.Mutex
	calls  int
	refuse map[string]bool          // prompts that fail
	gate   map[string]chan struct{} // prompts that wait
	asked  chan string              // told of prompts that wait
}

func (s *script) Call(ctx context.Context, prompt string, opts ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, s, prompt, opts...)
}

func (s *script) GenerateContent(ctx context.Context, msgs []llms.MessageContent, _ ...llms.CallOption) (*llms.ContentResponse, error) {
	prompt := fmt.Sprint(msgs[0].Parts[0].(llms.TextContent).Text)
	s.mu.Lock()
	s.calls++
	refused, gate := s.refuse[prompt], s.gate[prompt]
	s.mu.Unlock()
	if gate != nil {
		s.asked <- prompt
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if refused {
		return nil, &resilience.Error{Class: resilience.ContentPolicy, Err: errors.New("not about \x1b[31mthis")}
	}
	text := "A note: " + prompt
	var n int
	if _, err := fmt.Sscanf(prompt, "topics %d", &n); err == nil {
		text = ""
		for i := range n {
			text += fmt.Sprintf("tide %d\n", i+1)
		}
	}
	return &llms.ContentResponse{Choices: []*llms.ContentChoice{{Content: text, StopReason: "stop",
		GenerationInfo: map[string]any{"PromptTokens": 3, "CompletionTokens": 7}}}}, nil
}

func (s *script) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *script) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// tides is a program of two steps.
func tides(t *testing.T, model llms.Model) App[tideParams] {
	t.Helper()
	writer := workflow.Model("writer")
	topics := workflow.NewTask("topics", func(ctx context.Context) ([]string, error) {
		p, err := workflow.Params[tideParams](ctx)
		if err != nil {
			return nil, err
		}
		text, err := llms.GenerateFromSinglePrompt(ctx, writer, fmt.Sprintf("topics %d", p.Count))
		return strings.Split(strings.TrimSpace(text), "\n"), err
	})
	notes := workflow.NewEach("notes", topics.Result, func(s string) string { return s },
		func(ctx context.Context, topic string) (string, error) {
			return llms.GenerateFromSinglePrompt(ctx, writer, "note on "+topic)
		})
	p, err := workflow.New("tides", topics, notes)
	require.NoError(t, err)
	return App[tideParams]{
		Pipeline: p,
		Run:      "monday",
		Params:   tideParams{Sea: "North Sea", Count: 3},
		Flags: func(f *pflag.FlagSet, p *tideParams) {
			f.StringVar(&p.Sea, "sea", p.Sea, "which sea")
			f.IntVar(&p.Count, "count", p.Count, "how many topics")
		},
		Check: func(p tideParams) error {
			if p.Count < 1 || p.Count > 100 {
				return fmt.Errorf("--count must be 1 to 100, not %d", p.Count)
			}
			return nil
		},
		Commands: []Verb{{Use: "first", Short: "print the first topic", Run: func(ctx context.Context, call Call) error {
			list, err := topics.Result(ctx)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(call.Out, list[0])
			return err
		}}},
		Config: workflow.Config{Model: model},
	}
}

type outcome struct {
	code        int
	out, stderr string
}

// buffer can be read while a command writes.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// run executes one command line.
func run(t *testing.T, app App[tideParams], args ...string) outcome {
	t.Helper()
	var out, stderr buffer
	return runTo(app, &out, &stderr, args...)
}

func runTo(app App[tideParams], out, stderr *buffer, args ...string) outcome {
	cmd := Command(app)
	cmd.SetOut(out)
	cmd.SetErr(stderr)
	cmd.SetArgs(args)
	code := execute(cmd, stderr)
	return outcome{code, out.String(), stderr.String()}
}
