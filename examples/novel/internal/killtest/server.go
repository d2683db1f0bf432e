package killtest

import (
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers/offline"
	"github.com/dogear-go/dogear/resilience"
)

// Server speaks the OpenAI protocol on loopback: the offline author answers. It is safe for concurrent use.
type Server struct {
	http  *httptest.Server
	delay atomic.Int64 // of each answer, a time.Duration

	mu       sync.Mutex // guards what follows
	requests []Request
	changed  chan struct{}                  // closed and replaced with each answer
	first    func(client int) time.Duration // is asked for Request.Starved; nil: zero
}

// Request is one request that arrived. The serial number of the first is 1.
type Request struct {
	Client   int      // whose, by the URL that it was sent to
	Body     [32]byte // hash of what was asked
	At       time.Time
	Answered time.Time // when the answer was sent; zero: it was not

	// Starved is how long the client, and this process, had to wait for a processor since the client was started. It is
	// known of the first request of a client of [Run].
	Starved time.Duration
}

// NewServer starts a server that lives as long as the test. delay is what each answer takes, so that a kill finds calls in
// flight.
func NewServer(t testing.TB, delay time.Duration) *Server {
	s := &Server{changed: make(chan struct{})}
	s.SetDelay(delay)
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

// Close ends the server. It may be called again.
func (s *Server) Close() { s.http.Close() }

// SetDelay changes what each answer takes.
func (s *Server) SetDelay(d time.Duration) { s.delay.Store(int64(d)) }

// URL is the base URL of a client's own: the requests that are sent to it are known to be that client's.
func (s *Server) URL(client int) string { return s.http.URL + "/" + strconv.Itoa(client) + "/v1" }

// Requests are those that have arrived, by serial number.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Of returns a client's requests.
func (s *Server) Of(client int) []Request {
	var own []Request
	for _, r := range s.Requests() {
		if r.Client == client {
			own = append(own, r)
		}
	}
	return own
}

// answered says how many answers a client was sent, and gives a channel that is closed with the next one to anybody.
func (s *Server) answered(client int) (int, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.requests {
		if r.Client == client && !r.Answered.IsZero() {
			n++
		}
	}
	return n, s.changed
}

// watch has the starvation of a client that was just started looked up when it first asks.
func (s *Server) watch(client int, starvation func() time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first = func(asking int) time.Duration {
		if asking != client {
			return 0
		}
		return starvation()
	}
}

func (s *Server) arrived(client int, body []byte) (serial int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := Request{Client: client, Body: sha256.Sum256(body), At: time.Now()}
	earlier := func(q Request) bool { return q.Client == client }
	if s.first != nil && !slices.ContainsFunc(s.requests, earlier) {
		r.Starved = s.first(client)
	}
	s.requests = append(s.requests, r)
	return len(s.requests)
}

func (s *Server) sent(serial int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[serial-1].Answered = time.Now()
	close(s.changed)
	s.changed = make(chan struct{})
}

// question is what is read of a request.
type question struct {
	Messages []struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	} `json:"messages"`
	Format struct {
		Schema struct {
			Name   string          `json:"name"`
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client died while asking
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	client, err := strconv.Atoi(name)
	if err != nil {
		http.Error(w, "the path names no client", http.StatusNotFound)
		return
	}
	serial := s.arrived(client, body)
	text, err := answer(r, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case <-time.After(time.Duration(s.delay.Load())):
	case <-r.Context().Done():
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{ // a client that died does not read it
		"id": strconv.Itoa(serial), "object": "chat.completion", "model": "test",
		"choices": []any{map[string]any{"index": 0, "finish_reason": "stop",
			"message": map[string]any{"role": "assistant", "content": text}}},
		// The serial number goes where the journal keeps it.
		"usage": map[string]any{"prompt_tokens": serial, "completion_tokens": 20, "total_tokens": serial + 20},
	})
	s.sent(serial)
}

// answer is what the offline author says.
func answer(r *http.Request, body []byte) (string, error) {
	var q question
	if err := json.Unmarshal(body, &q); err != nil {
		return "", err
	}
	var messages []llms.MessageContent
	for _, m := range q.Messages {
		messages = append(messages, llms.TextParts(map[string]llms.ChatMessageType{
			"system": llms.ChatMessageTypeSystem, "assistant": llms.ChatMessageTypeAI,
		}[m.Role], m.Content))
	}
	ctx := resilience.WithSchema(r.Context(), q.Format.Schema.Name, q.Format.Schema.Schema)
	resp, err := offline.New().GenerateContent(ctx, messages)
	if err != nil {
		return "", err
	}
	return resp.Choices[0].Content, nil
}
