package index

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/dogear-go/dogear/resilience"
	"github.com/stretchr/testify/require"
)

func TestCheckName(t *testing.T) {
	for _, good := range []string{"offline", "openai", "openai:text-embedding-3-large", "ollama", "gemini"} {
		require.NoError(t, CheckName(good), good)
	}
	for _, bad := range []string{"", "nobody", "openai:", "OFFLINE", "offline:x", "../x"} {
		require.Error(t, CheckName(bad), bad)
	}
}

func TestRemoteEmbedder(t *testing.T) {
	var model, auth string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req struct {
			Model string   `json:"model"`
			Input []string `json:"input"`
		}
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		model, auth = req.Model, r.Header.Get("Authorization")
		data := make([]map[string]any, len(req.Input))
		for i, in := range req.Input {
			data[i] = map[string]any{"index": i, "embedding": []float32{float32(len(in)), 1}}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
	}))
	defer srv.Close()
	t.Setenv("OPENAI_API_KEY", "sk-secret-test")
	t.Setenv("OPENAI_BASE_URL", srv.URL)
	e, err := Open("openai")
	require.NoError(t, err)
	require.Equal(t, "openai:text-embedding-3-small", e.Name)
	require.True(t, e.Remote)
	texts := []string{"a\nb", "long text"}
	v, err := e.EmbedDocuments(context.Background(), texts)
	require.NoError(t, err)
	require.Equal(t, [][]float32{{127, 42}, {127, 14}}, v)
	require.Equal(t, "a\nb", texts[0], "the caller's texts stay as they are")
	require.Equal(t, "text-embedding-3-small", model)
	require.Equal(t, "Bearer sk-secret-test", auth)
}

func TestRemoteErrorsKeepTheirClassAndLoseTheKey(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprint(w, `{"error":{"message":"Incorrect API key provided: sk-secret-test","type":"invalid_request_error","code":"invalid_api_key"}}`)
	}))
	defer srv.Close()
	t.Setenv("OPENAI_API_KEY", "sk-secret-test")
	t.Setenv("OPENAI_BASE_URL", srv.URL)
	e, err := Open("openai")
	require.NoError(t, err)
	_, err = e.EmbedQuery(context.Background(), "x")
	require.Error(t, err)
	require.Equal(t, resilience.Auth, resilience.Classify(err))
	require.NotContains(t, err.Error(), "sk-secret-test")
}

func TestRemoteNeedsItsKey(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "")
	_, err := Open("openai")
	require.ErrorContains(t, err, "OPENAI_API_KEY")
	require.Equal(t, resilience.Auth, resilience.Classify(err))
}
