package workflow_test

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

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

// ask makes one call of the role writer and returns its text.
func ask(ctx context.Context, prompt string) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, workflow.Model("writer"), prompt)
}

// quick is a policy without waits.
var quick = resilience.Policy{Rules: map[resilience.Class]resilience.Rule{
	resilience.Unknown: {Wait: time.Nanosecond},
}}

var errBoom = errors.New("boom")

func class(c resilience.Class) error {
	return &resilience.Error{Class: c, Provider: "fake", Err: errors.New("it went wrong")}
}

func echo(t testing.TB) *workflowtest.Model {
	return workflowtest.NewModel(t, workflowtest.Answer{Text: "<$prompt>"})
}

// rig is a run in the making: a store that keeps it, and what it runs with.
type rig struct {
	testing.TB
	store *memstore.Store
	model *workflowtest.Model
	cfg   workflow.Config
	p     *workflow.Pipeline
}

func newRig(t testing.TB, model *workflowtest.Model, steps ...workflow.Step) *rig {
	t.Helper()
	p, err := workflow.New("p", steps...)
	require.NoError(t, err)
	store := memstore.New()
	return &rig{t, store, model, workflow.Config{Store: store, Model: model, Policy: quick}, p}
}

// run runs, or goes on with, the run.
func (r *rig) run() error {
	_, err := r.p.Run(r.Context(), "r", r.cfg)
	return err
}

func (r *rig) reader() context.Context {
	run, err := r.p.Open(r.Context(), "r", r.cfg)
	require.NoError(r, err)
	return run.Context(r.Context())
}

// state is the run as a reader sees it.
func (r *rig) state() *state.WorkflowState {
	r.Helper()
	run, err := r.p.Open(r.Context(), "r", r.cfg)
	require.NoError(r, err)
	st, err := run.State(r.Context())
	require.NoError(r, err)
	return st
}

func (r *rig) item(step, key string) state.Status {
	r.Helper()
	it, ok := r.state().Item(step, key)
	require.True(r, ok, key)
	return it.Status
}

func (r *rig) warned(code string) int {
	for _, w := range r.state().Warnings {
		if w.Code == code {
			return w.Count
		}
	}
	return 0
}

// asked is what the model was asked, as one string.
func (r *rig) asked() string { return strings.Join(r.model.Requests(), " | ") }

// events are the recorded payloads of one type.
func events[T state.Payload](r *rig) []T {
	r.Helper()
	var all []T
	for e, err := range r.store.Events(r.Context(), "r", state.Query{}) {
		require.NoError(r, err)
		if d, ok := e.Data.(T); ok {
			all = append(all, d)
		}
	}
	return all
}

// once fails the first time it is asked.
func once() func() bool {
	first := true
	var mu sync.Mutex
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		was := first
		first = false
		return was
	}
}

// modelFunc is an llms.Model of one function.
type modelFunc func(ctx context.Context, prompt string) (string, error)

func (m modelFunc) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, m, prompt, options...)
}

func (m modelFunc) GenerateContent(ctx context.Context, msgs []llms.MessageContent, _ ...llms.CallOption) (*llms.ContentResponse, error) {
	text, err := m(ctx, fmt.Sprint(msgs[len(msgs)-1].Parts[0]))
	if err != nil {
		return nil, err
	}
	return &llms.ContentResponse{Choices: []*llms.ContentChoice{{Content: text}}}, nil
}

// generate asks until check accepts, at most n times, and tells the run about refused answers as providers.Generate does.
func generate(ctx context.Context, prompt string, n int, check func(string) error) (string, error) {
	hooks := resilience.HooksFrom(ctx)
	var ids []string
	var why error
	for i := range n {
		msgs := []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, fmt.Sprintf("%s #%d", prompt, i+1))}
		resp, err := workflow.Model("writer").GenerateContent(ctx, msgs)
		if err != nil {
			return "", err
		}
		if why = check(resp.Choices[0].Content); why == nil {
			return resp.Choices[0].Content, nil
		}
		ids = append(ids, resilience.AnswerID(resp))
		hooks.Wasted(ctx, ids[i], why)
	}
	hooks.Rejected(ctx, ids, why)
	return "", why
}

// chain is a model that reports its own tries, as providers.Chain does: it asks again after failures and after answers
// that were cut short, for those with one more message.
type chain struct {
	llms.Model
	tries int
	wait  time.Duration
}

func (chain) ReportsTries() bool { return true }

func (c chain) GenerateContent(ctx context.Context, msgs []llms.MessageContent, opts ...llms.CallOption) (*llms.ContentResponse, error) {
	h := resilience.HooksFrom(ctx)
	var err error
	for i := range c.tries {
		if err := resilience.Sleep(ctx, min(time.Duration(i), 1)*c.wait, "fake"); err != nil {
			return nil, err
		}
		o := resilience.ApplyOptions(opts)
		t := resilience.Try{Provider: "fake", Role: h.Role, Most: resilience.Usage{
			Input: resilience.PromptBound(ctx, msgs, opts), Output: resilience.AnswerBound(o, o.MaxTokens),
		}}
		if t.Hash, t.Messages, err = resilience.Fingerprint(ctx, h.Role, msgs, opts); err != nil {
			return nil, err
		}
		var resp *llms.ContentResponse
		if resp, err = c.try(ctx, h, t, msgs, opts); err != nil {
			if !errors.Is(err, errTry) {
				return nil, err
			}
			continue
		}
		if resp.Choices[0].StopReason != "length" {
			return resp, nil
		}
		err = class(resilience.Truncated)
		h.Wasted(ctx, resilience.AnswerID(resp), err)
		msgs = append(msgs[:len(msgs):len(msgs)], llms.TextParts(llms.ChatMessageTypeHuman, "shorter"))
	}
	return nil, err
}

var errTry = errors.New("the try failed")

func (c chain) try(ctx context.Context, h resilience.Hooks, t resilience.Try, msgs []llms.MessageContent, opts []llms.CallOption) (*llms.ContentResponse, error) {
	if resp, ok, err := h.Replay(ctx, t); ok || err != nil {
		return resp, err
	}
	if err := h.Before(ctx, t); err != nil {
		return nil, err
	}
	resp, err := c.Model.GenerateContent(ctx, msgs, opts...)
	if t.Err = err; err != nil {
		t.Class, t.Next, resp = resilience.Classify(err), resilience.NextRetry, nil
	} else {
		info := resp.Choices[0].GenerationInfo
		in, _ := info["PromptTokens"].(int)
		out, _ := info["CompletionTokens"].(int)
		t.Usage = resilience.Usage{Input: int64(in), Output: int64(out)}
	}
	recorded, broken := h.After(ctx, t, resp)
	if broken != nil {
		return nil, broken
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errTry, err)
	}
	return recorded, nil
}
