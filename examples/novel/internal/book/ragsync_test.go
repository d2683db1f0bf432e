package book

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// embeddingServer answers vectors and counts the requests.
func embeddingServer(t *testing.T, calls *atomic.Int64) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		var req struct {
			Input []string `json:"input"`
		}
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		data := make([]map[string]any, len(req.Input))
		for i, in := range req.Input {
			data[i] = map[string]any{"index": i, "embedding": []float32{float32(len(in)), 100, -50}}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
	}))
	t.Cleanup(srv.Close)
	t.Setenv("OPENAI_BASE_URL", srv.URL)
}

// A book without a key for its index is complete; with the key, going on pays for the vectors, each once.
func TestTheIndexIsOptionalAndPaidOnce(t *testing.T) {
	const key = "sk-none-of-your-business"
	var calls atomic.Int64
	embeddingServer(t, &calls)
	t.Setenv("OPENAI_API_KEY", "")
	n := newNovel(t)
	n.config.Params = Params{Genre: "mystery", Chapters: 2, Words: 100, Embed: "openai"}
	run := n.write()
	st, err := run.State(context.Background())
	require.NoError(t, err)
	require.Equal(t, state.StatusCompleted, st.Status)
	require.Equal(t, state.StatusTolerated, st.Step("rag_sync").Status)
	require.Zero(t, calls.Load())

	t.Setenv("OPENAI_API_KEY", key)
	run = n.write()
	entries, err := RagSync.Results(run.Context(context.Background()))
	require.NoError(t, err)
	require.Equal(t, "openai:text-embedding-3-small", entries[0].Embedder)
	require.EqualValues(t, len(entries), calls.Load())
	n.write()
	require.EqualValues(t, len(entries), calls.Load(), "nothing is paid twice")
	a, err := Ask(run.Context(context.Background()), "Book", "Who?", 3)
	require.NoError(t, err)
	require.Len(t, a.Passages, 3)
	require.EqualValues(t, len(entries)+1, calls.Load(), "only the question is embedded")

	journal, err := os.ReadFile(filepath.Join(n.dir, "Book", "journal.jsonl"))
	require.NoError(t, err)
	require.NotContains(t, string(journal), key)
}
