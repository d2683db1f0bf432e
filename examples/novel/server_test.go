package main

import (
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers/offline"
	"github.com/dogear-go/dogear/resilience"
)

// authorServer speaks the OpenAI protocol on loopback: the offline author answers, and every request is counted.
type authorServer struct {
	*httptest.Server
	delay atomic.Int64 // of each answer, a time.Duration, so that a kill finds calls in flight

	mu       sync.Mutex // guards requests
	requests map[[32]byte]int
}

func newAuthorServer(t *testing.T, delay time.Duration) *authorServer {
	s := &authorServer{requests: map[[32]byte]int{}}
	s.delay.Store(int64(delay))
	s.Server = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.Close)
	return s
}

// total is how many requests there were, distinct how many different ones.
func (s *authorServer) total() (total, distinct int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.requests {
		total += n
	}
	return total, len(s.requests)
}

func (s *authorServer) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = map[[32]byte]int{}
}

func (s *authorServer) answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client died while asking
	}
	s.mu.Lock()
	s.requests[sha256.Sum256(body)]++
	s.mu.Unlock()
	var req struct {
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
	if err := json.Unmarshal(body, &req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var messages []llms.MessageContent
	for _, m := range req.Messages {
		messages = append(messages, llms.TextParts(map[string]llms.ChatMessageType{
			"system": llms.ChatMessageTypeSystem, "assistant": llms.ChatMessageTypeAI,
		}[m.Role], m.Content))
	}
	ctx := resilience.WithSchema(r.Context(), req.Format.Schema.Name, req.Format.Schema.Schema)
	resp, err := offline.New().GenerateContent(ctx, messages)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	select {
	case <-time.After(time.Duration(s.delay.Load())):
	case <-r.Context().Done():
		return
	}
	choice := resp.Choices[0]
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{ // a client that died does not read it
		"id": "1", "object": "chat.completion", "model": "test",
		"choices": []any{map[string]any{"index": 0, "finish_reason": "stop",
			"message": map[string]any{"role": "assistant", "content": choice.Content}}},
		"usage": map[string]any{"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
	})
}
