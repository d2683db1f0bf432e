package providers_test

import (
	"context"
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
)

// good is an answer that passes all checks.
const good = "The tide came in over the flats without a sound."

type step func(ctx context.Context, opts llms.CallOptions) (*llms.ContentResponse, error)

// scripted is a model that does one step after another, and the last one from then on.
type scripted struct {
	mu    sync.Mutex
	steps []step
	opts  []llms.CallOptions
	msgs  [][]llms.MessageContent
	times []time.Time
}

func script(steps ...step) *scripted { return &scripted{steps: steps} }

func (s *scripted) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, s, prompt, options...)
}

func (s *scripted) GenerateContent(ctx context.Context, msgs []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	opts := resilience.ApplyOptions(options)
	s.mu.Lock()
	do := s.steps[min(len(s.opts), len(s.steps)-1)]
	s.opts, s.msgs, s.times = append(s.opts, opts), append(s.msgs, msgs), append(s.times, time.Now())
	s.mu.Unlock()
	return do(ctx, opts)
}

func (s *scripted) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.opts)
}

func content(text, stop string) *llms.ContentResponse {
	return &llms.ContentResponse{Choices: []*llms.ContentChoice{{
		Content: text, StopReason: stop, GenerationInfo: map[string]any{"PromptTokens": 7, "CompletionTokens": len(strings.Fields(text))},
	}}}
}

func says(text string) step { return finishes(text, "stop") }

func finishes(text, stop string) step {
	return func(ctx context.Context, o llms.CallOptions) (*llms.ContentResponse, error) {
		if o.StreamingFunc != nil {
			for _, w := range strings.SplitAfter(text, " ") {
				if err := o.StreamingFunc(ctx, []byte(w)); err != nil {
					return nil, err
				}
			}
		}
		return content(text, stop), nil
	}
}

func fails(class resilience.Class, after time.Duration) step {
	return func(context.Context, llms.CallOptions) (*llms.ContentResponse, error) {
		return nil, &resilience.Error{Class: class, After: after, Err: errors.New("scripted")}
	}
}

func hangs(ctx context.Context, _ llms.CallOptions) (*llms.ContentResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func member(name string, m llms.Model) providers.Provider {
	return providers.Provider{Name: name, Model: name + "-model", LLM: m}
}

func chain(t testing.TB, ms ...providers.Provider) *providers.Chain {
	t.Helper()
	return chainWith(t, providers.ChainConfig{}, ms...)
}

func chainWith(t testing.TB, cfg providers.ChainConfig, ms ...providers.Provider) *providers.Chain {
	t.Helper()
	c, err := providers.NewChain(cfg, ms...)
	require.NoError(t, err)
	return c
}

func human(text string) []llms.MessageContent {
	return []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, text)}
}

// ask asks and returns the text.
func ask(ctx context.Context, m llms.Model, opts ...llms.CallOption) (string, error) {
	resp, err := m.GenerateContent(ctx, human("Write something."), opts...)
	if err != nil {
		return "", err
	}
	return resp.Choices[0].Content, nil
}

// journal plays the engine: it records answers and replays them.
type journal struct {
	mu      sync.Mutex
	log     []string
	answers map[string][]*llms.ContentResponse // by hash, in order
	replay  map[string][]*llms.ContentResponse
	tries   []resilience.Try
	texts   map[string]string
	ids     int
	before  func(resilience.Try) error
	after   func(resilience.Try) error
	until   map[string]time.Time
	pause   chan struct{}
}

func newJournal() *journal {
	return &journal{answers: map[string][]*llms.ContentResponse{}, texts: map[string]string{}, until: map[string]time.Time{}, pause: make(chan struct{})}
}

// resumed is a new session on what was recorded.
func (j *journal) resumed() *journal {
	n := newJournal()
	n.replay = map[string][]*llms.ContentResponse{}
	for h, list := range j.answers {
		n.replay[h] = append([]*llms.ContentResponse(nil), list...)
	}
	return n
}

func (j *journal) say(format string, args ...any) {
	j.log = append(j.log, fmt.Sprintf(format, args...))
}

var errPaused = errors.New("paused by the test")

func (j *journal) ctx(parent context.Context) context.Context {
	lock := func() func() { j.mu.Lock(); return j.mu.Unlock }
	return resilience.WithHooks(parent, resilience.Hooks{
		Role: "writer",
		Replay: func(_ context.Context, t resilience.Try) (*llms.ContentResponse, bool, error) {
			defer lock()()
			q := j.replay[t.Hash]
			if len(q) == 0 {
				return nil, false, nil
			}
			j.replay[t.Hash] = q[1:]
			j.say("replay")
			return q[0], true, nil
		},
		Before: func(_ context.Context, t resilience.Try) error {
			defer lock()()
			if j.before != nil {
				if err := j.before(t); err != nil {
					return err
				}
			}
			j.say("before %s", t.Provider)
			return nil
		},
		After: func(_ context.Context, t resilience.Try, resp *llms.ContentResponse) (*llms.ContentResponse, error) {
			defer lock()()
			j.tries = append(j.tries, t)
			if t.Err != nil {
				j.say("after %s %s %s", t.Provider, t.Class, t.Next)
				return nil, nil
			}
			if j.after != nil {
				if err := j.after(t); err != nil {
					return nil, err
				}
			}
			j.ids++
			id := fmt.Sprint("a", j.ids)
			c := *resp.Choices[0]
			info := map[string]any{resilience.AnswerKey: id, resilience.ProviderKey: t.Provider, resilience.ModelKey: t.Model}
			for k, v := range c.GenerationInfo {
				info[k] = v
			}
			c.GenerationInfo = info
			recorded := &llms.ContentResponse{Choices: []*llms.ContentChoice{&c}}
			j.answers[t.Hash] = append(j.answers[t.Hash], recorded)
			j.texts[id] = c.Content
			j.say("after %s answered", t.Provider)
			return recorded, nil
		},
		Cooling: func(p, _ string) (time.Time, resilience.Class) {
			defer lock()()
			return j.until[p], resilience.Overloaded
		},
		Cooled: func(_ context.Context, p, _ string, class resilience.Class, until time.Time) {
			defer lock()()
			switch {
			case class == "":
				j.say("well %s", p)
			case until.IsZero():
				j.say("out %s %s", p, class)
			default:
				j.say("cools %s %s", p, class)
			}
		},
		Waiting: func(context.Context, time.Duration, string) { defer lock()(); j.say("wait") },
		Wasted:  func(_ context.Context, id string, _ error) { defer lock()(); j.say("wasted %s", id) },
		Rejected: func(_ context.Context, ids []string, _ error) {
			defer lock()()
			j.say("rejected %s", strings.Join(ids, " "))
		},
		Warn:     func(_ context.Context, code, _ string) { defer lock()(); j.say("warn %s", code) },
		Pause:    j.pause,
		PauseErr: func() error { return errPaused },
	})
}
