package providers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers/internal/wiretest"
	"github.com/dogear-go/dogear/resilience"
)

// event is something that may happen to a request.
type event struct {
	name    string
	do      wiretest.Behaviour
	classes []resilience.Class // any of them; empty: an answer
	only    func(p wiretest.Protocol, stream bool) bool
	timed   bool // the client on its own has no time-outs that a test would wait for
	cfg     ChainConfig
	check   func(t *testing.T, err error)
}

func streamed(_ wiretest.Protocol, stream bool) bool { return stream }

func whole(_ wiretest.Protocol, stream bool) bool { return !stream }

func chatOnly(p wiretest.Protocol, stream bool) bool {
	return !stream && strings.HasSuffix(p.Path, "/chat/completions")
}

// sse says whether an answer in one piece is not what the client waits for.
func sse(p wiretest.Protocol, stream bool) bool { return stream && p.Name != "ollama" }

func is(classes ...resilience.Class) []resilience.Class { return classes }

func statusEvents() (list []event) {
	for status, classes := range map[int][]resilience.Class{
		400: is(resilience.InvalidRequest), 401: is(resilience.Auth), 402: is(resilience.Quota), 403: is(resilience.Permission),
		404: is(resilience.NotFound), 408: is(resilience.Timeout), 409: is(resilience.Server), 413: is(resilience.ContextLength),
		422: is(resilience.InvalidRequest), 498: is(resilience.Overloaded), 500: is(resilience.Server),
		502: is(resilience.Server), 503: is(resilience.Overloaded), 504: is(resilience.Timeout), 520: is(resilience.Server),
		524: is(resilience.Timeout), 529: is(resilience.Overloaded),
	} {
		list = append(list, event{name: fmt.Sprint(status), do: wiretest.Status(status), classes: classes, check: hasStatus(status)})
	}
	page := "<html><head><title>nginx</title></head><body>no " + wiretest.Key + "</body></html>"
	return append(list,
		event{name: "429", do: wiretest.Status(429, "Retry-After", "7"), classes: is(resilience.RateLimit), check: func(t *testing.T, err error) {
			hasStatus(429)(t, err)
			after, ok := resilience.RetryAfter(err)
			require.True(t, ok)
			require.Equal(t, 7*time.Second, after)
		}},
		event{name: "502 page", do: wiretest.Body(502, "text/html", page), classes: is(resilience.Server), check: hasStatus(502)},
		event{name: "403 page", do: wiretest.Body(403, "text/html", page), classes: is(resilience.Permission), check: hasStatus(403)},
		event{name: "500 empty", do: wiretest.Body(500, "application/json", ""), classes: is(resilience.Server), check: hasStatus(500)},
		event{name: "304", do: wiretest.Body(304, "application/json", ""), classes: is(resilience.NotFound)},
	)
}

func hasStatus(status int) func(*testing.T, error) {
	return func(t *testing.T, err error) {
		var typed *resilience.Error
		require.ErrorAs(t, err, &typed)
		require.Equal(t, status, typed.Status)
	}
}

func bodyEvents() []event {
	body := func(text string) wiretest.Behaviour { return wiretest.Body(200, "application/json", text) }
	failed := is(resilience.Server, resilience.Overloaded)
	invalid, empty := is(resilience.InvalidResponse), is(resilience.EmptyResponse)
	either := is(resilience.InvalidResponse, resilience.EmptyResponse)
	return []event{
		{name: "answer", do: wiretest.Good},
		{name: "error in 200", do: wiretest.InBand(503), classes: failed},
		{name: "page in 200", do: wiretest.Body(200, "text/html", "<html><body>Sign in</body></html>"), classes: is(resilience.Server)},
		{name: "page as JSON", do: body("<html>Sign in</html>"), classes: is(resilience.Server)},
		{name: "malformed", do: body(`{"choices":[{"mess`), classes: invalid},
		{name: "empty body", do: body(""), classes: empty},
		{name: "blank body", do: body(" \n \n"), classes: either},
		{name: "null", do: body("null"), classes: invalid},
		{name: "{}", do: body("{}"), classes: either},
		{name: "[]", do: body("[]"), classes: either},
		{name: "text", do: body(`"hello"`), classes: either},
		{name: "choices []", do: body(`{"choices":[]}`), classes: empty, only: chatOnly},
		{name: "choices [null]", do: body(`{"choices":[null]}`), classes: invalid, only: chatOnly},
		{name: "choices [{}]", do: body(`{"choices":[{}]}`), classes: invalid, only: chatOnly},
		{name: "choices {}", do: body(`{"choices":{}}`), classes: either, only: chatOnly},
		{name: "no function call", do: body(`{"choices":[{"message":{"content":"x"},"finish_reason":"function_call"}]}`), classes: invalid, only: chatOnly},
		{name: "null tool call", do: body(`{"choices":[{"message":{"content":"x","tool_calls":[null]},"finish_reason":"tool_calls"}]}`), classes: invalid, only: chatOnly},
		{name: "no content", do: func(c *wiretest.Call) { c.Head(200, "application/json"); c.Write(c.Whole("", "stop")) }, classes: empty, only: whole},
		{name: "no content streamed", do: func(c *wiretest.Call) { wiretest.Stream(append(c.Parts(), c.End)...)(c) }, classes: empty, only: streamed},
		{name: "204", do: wiretest.Body(204, "application/json", ""), classes: empty},
		{name: "JSON to a stream", do: func(c *wiretest.Call) { body(c.Whole(wiretest.Answer(), "stop"))(c) }, classes: invalid, only: sse},
		{name: "a stream as JSON", do: func(c *wiretest.Call) {
			c.Head(200, "application/json")
			c.Write(strings.Join(c.Parts(wiretest.Texts()...), "") + c.End)
		}, classes: invalid, only: sse},
		{name: "a stream to a plain one", do: func(c *wiretest.Call) { wiretest.Stream(append(c.Parts(wiretest.Texts()...), c.End)...)(c) }, classes: invalid,
			only: func(p wiretest.Protocol, stream bool) bool { return !stream && p.Name != "ollama" }},
		{name: "201", do: func(c *wiretest.Call) {
			if c.Streams() {
				c.Head(201, c.Stream)
				c.Write(strings.Join(c.Parts(wiretest.Texts()...), "") + c.End)
				return
			}
			c.Head(201, "application/json")
			c.Write(c.Whole(wiretest.Answer(), "stop"))
		}},
	}
}

func streamEvents() []event {
	soon, late := 150*time.Millisecond, 20*time.Second
	return []event{
		{name: "error in the stream", do: wiretest.InStream(503), classes: is(resilience.Server, resilience.Overloaded), only: streamed},
		{name: "cut", do: wiretest.Cut, classes: is(resilience.InvalidResponse), only: streamed},
		{name: "no end mark", do: wiretest.Open, classes: is(resilience.InvalidResponse), only: streamed},
		{name: "half an event", do: func(c *wiretest.Call) {
			parts := strings.Join(c.Parts(wiretest.Texts()...), "")
			wiretest.Stream(parts[:len(parts)-40], "\n\n", c.End)(c)
		}, classes: is(resilience.InvalidResponse), only: streamed},
		{name: "reset", do: wiretest.Reset, classes: is(resilience.Network)},
		{name: "hang", do: wiretest.Hang, classes: is(resilience.Timeout), timed: true, cfg: ChainConfig{Timeout: soon}},
		{name: "hang midway", do: wiretest.HangMid, classes: is(resilience.Timeout), timed: true, cfg: ChainConfig{Timeout: late, Idle: soon}, only: streamed},
		{name: "hang midway, whole", do: wiretest.HangMid, classes: is(resilience.Timeout), timed: true, cfg: ChainConfig{Timeout: soon}},
		{name: "drip", do: wiretest.Drip(10 * time.Millisecond), classes: is(resilience.Timeout), timed: true, cfg: ChainConfig{Timeout: 2 * soon, Idle: late}},
		{name: "hang at the end", do: wiretest.HangEnd, only: streamed},
	}
}

func redirectEvents(thief string) []event {
	elsewhere := is(resilience.NotFound)
	return []event{
		{name: "redirect elsewhere", do: wiretest.Redirect(307, thief), classes: elsewhere},
		{name: "redirect that drops the body", do: wiretest.Redirect(302, ""), classes: elsewhere},
		{name: "redirect loop", do: wiretest.Redirect(308, ""), classes: elsewhere},
		{name: "redirect to the same host", do: func(c *wiretest.Call) {
			if c.R.URL.RawQuery == "" {
				wiretest.Redirect(307, c.R.URL.Path+"?again=1")(c)
				return
			}
			wiretest.Good(c)
		}},
	}
}

// TestMatrix: whatever happens on the wire, with whichever provider, streamed or not, in a chain or alone, it is known for what it
// is. It is not parallel to other tests because it counts goroutines at its end.
func TestMatrix(t *testing.T) { //nolint:paralleltest // see above
	var stolen atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen.Add(1) }))
	defer thief.Close()
	events := append(statusEvents(), bodyEvents()...)
	events = append(append(events, streamEvents()...), redirectEvents(thief.URL)...)
	t.Run("all", func(t *testing.T) {
		for _, p := range wiretest.Protocols() {
			for _, e := range events {
				for _, stream := range []bool{false, true} {
					if e.only != nil && !e.only(p, stream) {
						continue
					}
					t.Run(fmt.Sprintf("%s/%s/%t", p.Name, e.name, stream), func(t *testing.T) {
						t.Parallel()
						s := wiretest.New(t, p, e.do)
						member := opened(t, p.Name, Settings{BaseURL: s.Base()})
						cfg := e.cfg
						cfg.MaxTries = 1
						c, err := NewChain(cfg, member)
						require.NoError(t, err)
						e.expect(t, c, stream)
						if !e.timed {
							e.expect(t, member.LLM, stream)
						}
					})
				}
			}
		}
	})
	require.Zero(t, stolen.Load(), "nobody else was asked")
	noGoroutines(t)
}

func opened(t testing.TB, name string, s Settings) Provider {
	t.Helper()
	s.Key, s.Model = wiretest.Key, "m-1"
	p, err := Open(name, s)
	require.NoError(t, err)
	return p
}

// expect asks once.
func (e event) expect(t *testing.T, m llms.Model, stream bool) {
	t.Helper()
	var got strings.Builder
	var opts []llms.CallOption
	if stream {
		opts = append(opts, llms.WithStreamingFunc(func(_ context.Context, p []byte) error { got.Write(p); return nil }))
	}
	resp, err := m.GenerateContent(context.Background(), question(), opts...)
	if len(e.classes) == 0 {
		require.NoError(t, err)
		answered(t, resp)
		if stream {
			require.Equal(t, wiretest.Answer(), got.String())
		}
		return
	}
	require.Error(t, err)
	require.Nil(t, resp)
	require.Contains(t, e.classes, resilience.Classify(err), err)
	typedWithoutKey(t, err)
	require.True(t, strings.HasPrefix(wiretest.Answer(), got.String()), got.String())
	if e.check != nil {
		e.check(t, err)
	}
}

func question() []llms.MessageContent {
	return []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeSystem, "You write."), llms.TextParts(llms.ChatMessageTypeHuman, "Write something.")}
}

func answered(t *testing.T, resp *llms.ContentResponse) {
	t.Helper()
	require.Len(t, resp.Choices, 1)
	require.Equal(t, wiretest.Answer(), resp.Choices[0].Content)
	require.Contains(t, []string{"stop", "end_turn"}, resp.Choices[0].StopReason)
	require.Equal(t, resilience.Usage{Input: wiretest.Input, Output: wiretest.Output}, resilience.UsageOf(resp))
	require.NotContains(t, fmt.Sprintf("%+v", resp.Choices[0]), wiretest.Key)
}

func typedWithoutKey(t *testing.T, err error) {
	t.Helper()
	var typed *resilience.Error
	require.ErrorAs(t, err, &typed)
	require.NotEmpty(t, typed.Provider)
	for next := []error{err}; len(next) > 0; next = next[1:] {
		for _, form := range []string{"%v", "%+v", "%#v"} {
			require.NotContains(t, fmt.Sprintf(form, next[0]), wiretest.Key)
		}
		switch u := next[0].(type) { //nolint:errorlint // each layer is looked at on its own
		case interface{ Unwrap() error }:
			if inner := u.Unwrap(); inner != nil {
				next = append(next, inner)
			}
		case interface{ Unwrap() []error }:
			next = append(next, u.Unwrap()...)
		}
	}
}

// noGoroutines waits until none of a client's or a guard's is left.
func noGoroutines(t *testing.T) {
	t.Helper()
	left := ""
	require.Eventually(t, func() bool {
		buf := make([]byte, 8<<20)
		left = ""
		for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "langchaingo/llms/") || strings.Contains(g, "providers.(*watched)") || strings.Contains(g, "providers.(*client)") {
				left += g + "\n\n"
			}
		}
		return left == ""
	}, 10*time.Second, 20*time.Millisecond, "goroutines are left")
	require.Empty(t, left)
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

var errEnough = errors.New("that is enough")
