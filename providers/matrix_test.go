package providers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
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
	require.Equal(t, resilience.Usage{Input: wiretest.Input, Output: wiretest.Output}, usageOf(resp))
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

// TestConnections: what happens before a server answers.
func TestConnections(t *testing.T) {
	t.Parallel()
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	unknown := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "api.invalid", IsNotFound: true}}
	}}
	panics := transport(func(*http.Request) (*http.Response, error) { panic("boom in the transport") })
	for _, p := range wiretest.Protocols() {
		for name, c := range map[string]struct {
			s         Settings
			class     resilience.Class
			permanent bool
		}{
			"refused":         {Settings{BaseURL: dead.URL}, resilience.Network, false},
			"unknown host":    {Settings{BaseURL: "http://api.invalid", Transport: unknown}, resilience.Network, false},
			"no trust":        {Settings{BaseURL: wiretest.NewTLS(t, p, wiretest.Good).URL}, resilience.Network, true},
			"transport panic": {Settings{BaseURL: "http://api.invalid", Transport: panics}, resilience.InvalidResponse, false},
		} {
			for _, stream := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/%t", p.Name, name, stream), func(t *testing.T) {
					t.Parallel()
					member := opened(t, p.Name, c.s)
					one, err := NewChain(ChainConfig{MaxTries: 1}, member)
					require.NoError(t, err)
					e := event{classes: is(c.class), check: func(t *testing.T, err error) {
						var typed *resilience.Error
						require.ErrorAs(t, err, &typed)
						require.Equal(t, c.permanent, !typed.Retryable(), err)
					}}
					e.expect(t, one, stream)
					e.expect(t, member.LLM, stream)
				})
			}
		}
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

var errEnough = errors.New("that is enough")

// TestCallers: the caller goes away, or the caller's function fails.
func TestCallers(t *testing.T) { //nolint:paralleltest // it counts goroutines at its end
	t.Run("all", func(t *testing.T) {
		for _, p := range wiretest.Protocols() {
			for _, stream := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%t", p.Name, stream), func(t *testing.T) {
					t.Parallel()
					callers(t, p, stream)
				})
			}
			t.Run(p.Name+"/functions", func(t *testing.T) {
				t.Parallel()
				functions(t, p)
			})
		}
	})
	noGoroutines(t)
}

func callers(t *testing.T, p wiretest.Protocol, stream bool) {
	models := func(s *wiretest.Server) []llms.Model {
		member := opened(t, p.Name, Settings{BaseURL: s.Base()})
		c, err := NewChain(ChainConfig{MaxTries: 1}, member)
		require.NoError(t, err)
		return []llms.Model{c, member.LLM}
	}
	ask := func(ctx context.Context, m llms.Model) error {
		var opts []llms.CallOption
		if stream {
			opts = append(opts, llms.WithStreamingFunc(func(context.Context, []byte) error { return nil }))
		}
		resp, err := m.GenerateContent(ctx, question(), opts...)
		require.Error(t, err)
		require.Nil(t, resp)
		return err
	}
	for _, m := range models(wiretest.New(t, p, wiretest.Good)) { // before
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		require.Equal(t, resilience.Canceled, resilience.Classify(ask(ctx, m)))
	}
	for name, hang := range map[string]wiretest.Behaviour{"before the answer": wiretest.Hang, "midway": wiretest.HangMid} {
		var cancel atomic.Pointer[context.CancelCauseFunc]
		s := wiretest.New(t, p, func(c *wiretest.Call) {
			go func() { (*cancel.Load())(errEnough) }()
			hang(c)
		})
		for _, m := range models(s) {
			ctx, stop := context.WithCancelCause(context.Background())
			cancel.Store(&stop)
			err := ask(ctx, m)
			require.Equal(t, resilience.Canceled, resilience.Classify(err), name)
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, errEnough)
			stop(nil)
		}
		s = wiretest.New(t, p, hang)
		for _, m := range models(s) {
			ctx, stop := context.WithTimeout(context.Background(), 60*time.Millisecond)
			err := ask(ctx, m)
			require.Equal(t, resilience.Timeout, resilience.Classify(err), name)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			stop()
		}
	}
}

func functions(t *testing.T, p wiretest.Protocol) {
	s := wiretest.New(t, p, wiretest.Good)
	member := opened(t, p.Name, Settings{BaseURL: s.Base()})
	c, err := NewChain(ChainConfig{}, member)
	require.NoError(t, err)
	for _, m := range []llms.Model{c, member.LLM} {
		_, err := m.GenerateContent(context.Background(), question(), llms.WithStreamingFunc(func(context.Context, []byte) error { return errEnough }))
		require.ErrorIs(t, err, errEnough)
		_, err = m.GenerateContent(context.Background(), question(), llms.WithStreamingFunc(func(context.Context, []byte) error { panic("boom in the caller") }))
		require.ErrorContains(t, err, "boom in the caller")
		_, err = m.GenerateContent(context.Background(), question(), llms.WithStreamingReasoningFunc(func(_ context.Context, _, text []byte) error { return nil }))
		require.NoError(t, err, "without a function for the text")
	}
	require.Len(t, s.Calls(), 6, "none was asked for twice")
}

// TestConnectionsAreUsedAgain: also after streams, whose clients stop reading at the end mark.
func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	for _, p := range wiretest.Protocols() {
		var seen sync.Map
		s := wiretest.New(t, p, func(c *wiretest.Call) {
			seen.Store(c.R.RemoteAddr, true)
			wiretest.Good(c)
			c.Pause(5 * time.Millisecond)
		})
		m := opened(t, p.Name, Settings{BaseURL: s.Base(), Transport: &http.Transport{}}).LLM
		for range 5 {
			event{}.expect(t, m, true)
			event{}.expect(t, m, false)
		}
		n := 0
		seen.Range(func(any, any) bool { n++; return true })
		require.Less(t, n, 4, p.Name) // one, unless the machine was slow
	}
}

// TestManyAtOnce: one client and one chain, used by many.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	for _, p := range wiretest.Protocols() {
		s := wiretest.New(t, p, wiretest.Good)
		member := opened(t, p.Name, Settings{BaseURL: s.Base(), Context: 8192})
		c, err := NewChain(ChainConfig{}, member)
		require.NoError(t, err)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				event{}.expect(t, c, i%2 == 0)
				event{}.expect(t, member.LLM, i%2 == 1)
			})
		}
		wg.Wait()
	}
}
