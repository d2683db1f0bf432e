package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// What must turn up in no log: pieces of a key, of a prompt, of an answer.
const (
	canaryKey    = "sk-CANARYKEY-0123456789abcdefghijkl"
	canaryPrompt = "CANARYPROMPT: describe how the grey heron waits at the seventh lock"
	canaryAnswer = "CANARYANSWER: it stands there like a thought that nobody finished"
)

// parrot is a model that does in its n-th call what fails says, and answers else.
type parrot struct {
	mu    sync.Mutex
	calls int
	fails func(n int, prompt string) error
}

func (p *parrot) Call(ctx context.Context, prompt string, opts ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, p, prompt, opts...)
}

func (p *parrot) GenerateContent(_ context.Context, msgs []llms.MessageContent, _ ...llms.CallOption) (*llms.ContentResponse, error) {
	p.mu.Lock()
	p.calls++
	n := p.calls
	p.mu.Unlock()
	var prompt strings.Builder
	for _, m := range msgs {
		for _, part := range m.Parts {
			fmt.Fprintln(&prompt, part)
		}
	}
	if p.fails != nil {
		if err := p.fails(n, prompt.String()); err != nil {
			return nil, err
		}
	}
	return &llms.ContentResponse{Choices: []*llms.ContentChoice{{Content: canaryAnswer, StopReason: "stop"}}}, nil
}

// wrongs are what can go wrong with all three canaries in it.
func wrongs() map[string]canaryCase {
	all := map[string]canaryCase{
		"nothing": {},
		"a step's own error that ends the run": {fatal: true, step: func(_ context.Context, answer string) error {
			return fmt.Errorf("the answer %q is no good, %s", answer, canaryKey)
		}},
		"a step's own error": {step: func(_ context.Context, answer string) error {
			return fmt.Errorf("the answer %q is no good, %s", answer, canaryKey)
		}},
		"a rejected answer": {step: func(_ context.Context, answer string) error {
			return workflow.Reject(fmt.Errorf("rejected %s", answer))
		}},
		"a panic": {step: func(_ context.Context, answer string) error { panic(canaryPrompt + canaryKey + answer) }},
		"a panic with an error": {step: func(_ context.Context, answer string) error {
			panic(fmt.Errorf("%s %s %s", canaryPrompt, canaryKey, answer))
		}},
		"a model that panics": {fails: func(_ int, prompt string) error { panic(prompt + canaryKey) }},
		"a plain error":       {fails: func(_ int, prompt string) error { return errors.New("can't do: " + prompt + canaryKey) }},
		"a warning": {step: func(ctx context.Context, answer string) error {
			workflow.Warn(ctx, "dull", answer)
			return nil
		}},
		"an answer that is no JSON": {step: func(ctx context.Context, _ string) error {
			_, err := providers.Generate[map[string]int](ctx, workflow.Model("writer"), canaryPrompt+" in numbers")
			return err
		}},
		"a step that asks for something else": {sessions: 2, fails: func(n int, prompt string) error {
			if n == 2 {
				return &resilience.Error{Class: resilience.Network, Provider: "p", Err: errors.New(prompt)}
			}
			return nil
		}, step: func(ctx context.Context, _ string) error {
			_, err := llms.GenerateFromSinglePrompt(ctx, workflow.Model("writer"), canaryPrompt+" once more")
			return err
		}, diverge: true},
		"an export": {export: errors.New(canaryAnswer + " " + canaryKey)},
	}
	for _, class := range []resilience.Class{
		resilience.RateLimit, resilience.Quota, resilience.Auth, resilience.Permission, resilience.NotFound, resilience.InvalidRequest,
		resilience.ContextLength, resilience.ContentPolicy, resilience.Overloaded, resilience.Server, resilience.Timeout, resilience.Network,
		resilience.EmptyResponse, resilience.Truncated, resilience.InvalidResponse, resilience.Canceled, resilience.Unknown,
	} {
		all["class "+string(class)] = canaryCase{fails: func(_ int, prompt string) error {
			return &resilience.Error{Class: class, Provider: "p", Model: "m", Status: 499, Err: fmt.Errorf("with the key %s you asked: %s", canaryKey, prompt)}
		}}
		all["class "+string(class)+" in a chain"] = canaryCase{chain: true, fails: func(_ int, prompt string) error {
			return &resilience.Error{Class: class, Status: 499, Permanent: true, Err: fmt.Errorf("with the key %s you asked: %q", canaryKey, prompt)}
		}}
	}
	for _, status := range []int{400, 401, 403, 422} {
		all[fmt.Sprint("a server that repeats what it got, ", status)] = canaryCase{fails: func(_ int, prompt string) error {
			body, _ := json.Marshal(map[string]any{"error": map[string]string{"message": "can't do: " + prompt, "type": "bad", "code": "bad", "key": canaryKey}})
			return resilience.FromHTTP("p", status, nil, body)
		}}
	}
	return all
}

type canaryCase struct {
	fails    func(n int, prompt string) error // of the model
	step     func(ctx context.Context, answer string) error
	chain    bool
	fatal    bool // the first step's failure ends the run
	sessions int
	diverge  bool // the second session asks for something else
	export   error
}

// app is a program whose step asks, and whose items ask too.
func (c canaryCase) app(t *testing.T) App[tideParams] {
	t.Helper()
	session := 0
	ask := func(ctx context.Context, prompt string) error {
		if c.diverge && session > 1 {
			prompt = "Now " + prompt
		}
		text, err := llms.GenerateFromSinglePrompt(ctx, workflow.Model("writer"), prompt)
		if err == nil && c.step != nil {
			err = c.step(ctx, text)
		}
		return err
	}
	options := []workflow.StepOption{workflow.Attempts(2)}
	if !c.fatal {
		options = append(options, workflow.Optional())
	}
	task := workflow.NewTask("task", func(ctx context.Context) (string, error) {
		session++
		return canaryAnswer, ask(ctx, canaryPrompt)
	}, options...)
	each := workflow.NewEach("each", func(context.Context) ([]string, error) { return []string{"a", "b"}, nil }, func(s string) string { return s },
		func(ctx context.Context, s string) (string, error) { return canaryAnswer, ask(ctx, canaryPrompt+" "+s) })
	p, err := workflow.New("canary", task, each)
	require.NoError(t, err)
	var model llms.Model = &parrot{fails: c.fails}
	if c.chain {
		model, err = providers.NewChain(providers.ChainConfig{MaxTries: 1, MaxWait: time.Millisecond}, providers.Provider{Name: "p", Model: "m", LLM: model})
		require.NoError(t, err)
	}
	app := App[tideParams]{Pipeline: p, Config: workflow.Config{Model: model, Store: memstore.New(),
		Policy: resilience.Policy{Rules: map[resilience.Class]resilience.Rule{resilience.Unknown: {Wait: resilience.Never}}}}}
	if c.export != nil {
		app.Config.Export = func(context.Context) error { return c.export }
	}
	return app
}

// TestNoCanaryInLogs: at the level debug, in both formats, whatever goes wrong: no log line and no webhook holds a piece of a key, a
// prompt or an answer; and no error text in the journal one of a key or a prompt.
func TestNoCanaryInLogs(t *testing.T) {
	t.Parallel()
	for name, c := range wrongs() {
		for _, format := range []string{logText, logJSON} {
			if format == logText && strings.HasPrefix(name, "class ") {
				continue // the fields are the same
			}
			t.Run(name+" "+format, func(t *testing.T) {
				t.Parallel()
				m := newMailbox(t)
				app := c.app(t)
				args := []string{"-v", "--log-format", format, "--webhook", m.URL}
				o := run(t, app, args...)
				for range c.sessions - 1 {
					again := run(t, app, append(args, "--resume")...)
					o.stderr += again.stderr
				}
				require.Contains(t, o.stderr, "run stopped")
				for l := range strings.Lines(o.stderr) {
					none(t, l, "CANARYKEY", "CANARYPROMPT", "heron")
					if format == logJSON || isLogLine(l) {
						none(t, l, "CANARYANSWER", "thought")
					}
				}
				require.NotEmpty(t, m.types(t))
				none(t, strings.Join(m.got, ""), "CANARY", "heron", "thought")
				for e, err := range app.Config.Store.Events(t.Context(), "canary", state.Query{}) {
					require.NoError(t, err)
					none(t, errorTextOf(e.Data), "CANARYKEY", "CANARYPROMPT", "heron")
				}
			})
		}
	}
}

func none(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		require.NotContains(t, text, w)
	}
}

// isLogLine tells a line of the log from one of progress: it has a level between tabs.
func isLogLine(l string) bool {
	parts := strings.Split(l, "\t")
	return len(parts) > 2 && strings.Contains("DEBUG INFO WARN ERROR", parts[1])
}

func errorTextOf(p state.Payload) string {
	switch d := p.(type) {
	case state.CallFailed:
		return d.Message
	case state.AttemptFailed:
		return d.Message
	case state.ItemFailed:
		return d.Message + d.Hint
	case state.StepFailed:
		return d.Message + d.Hint
	case state.RunStopped:
		return d.Reason + d.Hint
	case state.RunWarning:
		return d.Message
	}
	return ""
}
