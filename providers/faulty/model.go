package faulty

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

// Model is a model that fails now and then. It is safe for concurrent use as far as the wrapped one is.
type Model struct {
	inner llms.Model
	cfg   Config

	mu    sync.Mutex // guards what follows
	calls int
	seen  map[string]int // requests, by fingerprint
	done  map[Kind]int
}

var _ llms.Model = (*Model)(nil)

// New wraps a model. To make a member of a chain fail, wrap that member's model (providers.Models.Wrap).
func New(m llms.Model, cfg Config) (*Model, error) {
	if m == nil {
		return nil, errors.New("faulty: no model to wrap")
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.RetryAfter <= 0 {
		cfg.RetryAfter = time.Second
	}
	if cfg.Delay <= 0 {
		cfg.Delay = 2 * time.Second
	}
	if cfg.Provider == "" {
		cfg.Provider = "faulty"
	}
	return &Model{inner: m, cfg: cfg, seen: map[string]int{}, done: map[Kind]int{}}, nil
}

// Injected returns how many failures of each kind were injected so far.
func (m *Model) Injected() map[Kind]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[Kind]int, len(m.done))
	for k, n := range m.done {
		out[k] = n
	}
	return out
}

// Call answers a single prompt.
func (m *Model) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, m, prompt, options...)
}

// GenerateContent fails, or asks the wrapped model.
func (m *Model) GenerateContent(ctx context.Context, messages []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	kind, err := m.next(ctx, messages, options)
	if err != nil {
		return nil, err
	}
	if err := m.failure(ctx, kind); err != nil {
		return nil, err
	}
	switch kind {
	case Empty, Refusal:
		return m.say(ctx, kind, options)
	case Truncated, Malformed:
		return m.cut(ctx, kind, messages, options)
	}
	return m.inner.GenerateContent(ctx, messages, options...)
}

// next decides about one call and counts it.
func (m *Model) next(ctx context.Context, messages []llms.MessageContent, options []llms.CallOption) (Kind, error) {
	request, _, err := resilience.Fingerprint(ctx, "", messages, options)
	if err != nil {
		return "", fmt.Errorf("faulty: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	m.seen[request]++
	kind, ok := m.cfg.Calls[m.calls]
	if !ok {
		kind = m.byRate(request, m.seen[request])
	}
	if kind != "" {
		m.done[kind]++
	}
	return kind, nil
}

// byRate throws a die that seed, request and occurrence decide.
func (m *Model) byRate(request string, occurrence int) Kind {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%s/%d", m.cfg.Seed, request, occurrence))
	die := float64(binary.BigEndian.Uint64(sum[:])>>11) / math.Exp2(53)
	for _, k := range Kinds() {
		if die -= m.cfg.Rates[k]; die < 0 {
			return k
		}
	}
	return ""
}

// failure waits or fails as the kind says; nil lets the call go on.
func (m *Model) failure(ctx context.Context, kind Kind) error {
	answer := func(status int, header http.Header, body string) error {
		return resilience.FromHTTP(m.cfg.Provider, status, header, []byte(body))
	}
	switch kind {
	case RateLimit:
		ms := strconv.FormatInt(m.cfg.RetryAfter.Milliseconds(), 10)
		return answer(429, map[string][]string{"Retry-After-Ms": {ms}}, `{"error":{"message":"injected: rate limit reached","type":"rate_limit_error","code":"rate_limit_exceeded"}}`)
	case Quota:
		return answer(429, nil, `{"error":{"message":"injected: you exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}`)
	case Auth:
		return answer(401, nil, `{"error":{"message":"injected: incorrect API key provided","type":"invalid_request_error","code":"invalid_api_key"}}`)
	case Overloaded:
		return answer(503, nil, `{"error":{"message":"injected: the model is overloaded","type":"overloaded_error","code":"server_is_overloaded"}}`)
	case Server:
		return answer(500, nil, `{"error":{"message":"injected: internal error","type":"server_error"}}`)
	case ContextLength:
		return answer(400, nil, `{"error":{"message":"injected: this model's maximum context length is 4096 tokens","code":"context_length_exceeded"}}`)
	case Network:
		return resilience.Wrap(m.cfg.Provider, "", fmt.Errorf("injected: %w", &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}))
	case Slow:
		return wait(ctx, m.cfg.Delay)
	case Hang:
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// wait is part of the request: a pause does not end it, the context does.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// say answers without asking the wrapped model.
func (m *Model) say(ctx context.Context, kind Kind, options []llms.CallOption) (*llms.ContentResponse, error) {
	text := ""
	if kind == Refusal {
		text = "I'm sorry, but I can't help with that request."
	}
	return deliver(ctx, text, "stop", map[string]any{"PromptTokens": 10, "CompletionTokens": len(strings.Fields(text))}, options)
}

// cut asks the wrapped model and spoils its answer.
func (m *Model) cut(ctx context.Context, kind Kind, messages []llms.MessageContent, options []llms.CallOption) (*llms.ContentResponse, error) {
	quiet := append(options[:len(options):len(options)], llms.WithStreamingFunc(nil))
	resp, err := m.inner.GenerateContent(ctx, messages, quiet...)
	if err != nil || len(resp.Choices) == 0 || resp.Choices[0] == nil {
		return resp, err
	}
	text, stop := resp.Choices[0].Content, "length"
	runes := []rune(text)
	text = string(runes[:len(runes)/2])
	if kind == Malformed {
		stop = "stop"
		if !strings.ContainsAny(text, "{[") {
			text = `{"answer": "` + text
		}
	}
	return deliver(ctx, text, stop, resp.Choices[0].GenerationInfo, options)
}

func deliver(ctx context.Context, text, stop string, info map[string]any, options []llms.CallOption) (*llms.ContentResponse, error) {
	if fn := resilience.ApplyOptions(options).StreamingFunc; fn != nil && text != "" {
		if err := fn(ctx, []byte(text)); err != nil {
			return nil, err
		}
	}
	return &llms.ContentResponse{Choices: []*llms.ContentChoice{{Content: text, StopReason: stop, GenerationInfo: info}}}, nil
}
