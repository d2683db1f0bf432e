package wiretest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Key is what a client must send, and no error may show. It has no provider's shape, so that only knowing it helps to hide it.
const Key = "Zq7x0123456789abcdefSECRET"

// Texts are what a stream says; a whole answer says them in one.
func Texts() []string { return []string{"The tide came in ", "over the flats ", "without a sound."} }

// Answer is the whole text.
func Answer() string { return strings.Join(Texts(), "") }

// Behaviour is what a server does with a request.
type Behaviour func(c *Call)

// Call is one request that arrived.
type Call struct {
	Protocol
	W http.ResponseWriter
	R *http.Request

	Number int // from 1
	Body   map[string]json.RawMessage
	Server *Server
}

// Streams says whether the answer is asked for in parts. Ollama's client leaves the field out and gets parts, which it is made for.
func (c *Call) Streams() bool {
	return string(c.Body["stream"]) == "true" || c.Name == "ollama"
}

// Server is a provider on the loopback.
type Server struct {
	*httptest.Server
	protocol Protocol
	behave   Behaviour
	over     chan struct{} // closed at the end of the test; ends what hangs

	mu     sync.Mutex // guards what follows
	calls  []*Call
	faults []string
}

// New starts a server, which ends with the test. Every request must be one of its protocol, with the key.
func New(t testing.TB, p Protocol, b Behaviour) *Server {
	t.Helper()
	s := start(p, b)
	s.Server = httptest.NewServer(http.HandlerFunc(s.handle))
	s.cleanup(t)
	return s
}

// NewTLS starts one with a certificate that nobody trusts.
func NewTLS(t testing.TB, p Protocol, b Behaviour) *Server {
	t.Helper()
	s := start(p, b)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.handle))
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	s.cleanup(t)
	return s
}

func start(p Protocol, b Behaviour) *Server {
	return &Server{protocol: p, behave: b, over: make(chan struct{})}
}

func (s *Server) cleanup(t testing.TB) {
	t.Cleanup(func() {
		close(s.over)
		s.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, f := range s.faults {
			t.Errorf("%s: %s", s.protocol.Name, f)
		}
	})
}

// Base is the base URL to give to a client.
func (s *Server) Base() string { return s.URL + s.protocol.Base }

// Calls are the requests that arrived.
func (s *Server) Calls() []*Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Call(nil), s.calls...)
}

func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	c := &Call{Protocol: s.protocol, W: w, R: r, Server: s}
	if err == nil {
		err = json.Unmarshal(raw, &c.Body)
	}
	s.mu.Lock()
	s.calls = append(s.calls, c)
	c.Number = len(s.calls)
	s.inspect(c, err)
	s.mu.Unlock()
	s.behave(c)
}

// inspect notes what a real server would refuse.
func (s *Server) inspect(c *Call, err error) {
	fault := func(format string, args ...any) { s.faults = append(s.faults, fmt.Sprintf(format, args...)) }
	path := c.R.URL.Path == c.Path || (c.Name == "ollama" && c.R.URL.Path == "/v1/chat/completions")
	switch {
	case err != nil:
		fault("the body is not JSON: %v", err)
	case c.R.Method != http.MethodPost, !path:
		fault("%s %s", c.R.Method, c.R.URL.Path)
	case c.R.Header.Get(c.Auth) != c.Pre+Key:
		fault("the header %s is %q", c.Auth, c.R.Header.Get(c.Auth))
	case c.Body["model"] == nil || c.Body["messages"] == nil:
		fault("the request has no model or no messages")
	case c.Name == "anthropic" && (c.R.Header.Get("Anthropic-Version") == "" || c.Body["max_tokens"] == nil):
		fault("the request has no version or no limit")
	}
}

// Write sends text at once.
func (c *Call) Write(text string) {
	_, _ = io.WriteString(c.W, text)
	if f, ok := c.W.(http.Flusher); ok {
		f.Flush()
	}
}

// Head begins an answer.
func (c *Call) Head(status int, kind string) {
	c.W.Header().Set("Content-Type", kind)
	c.W.Header().Set("X-Request-Id", "echo "+Key) // some proxies show what they got
	c.W.WriteHeader(status)
}

// Wait waits until the client is gone or the test is over.
func (c *Call) Wait() {
	select {
	case <-c.R.Context().Done():
	case <-c.Server.over:
	}
}

// Pause waits for d, not longer than the client does.
func (c *Call) Pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.R.Context().Done():
	case <-c.Server.over:
	}
}
