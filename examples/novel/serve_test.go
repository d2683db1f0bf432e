package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/controller/cli"
	"github.com/dogear-go/dogear/examples/novel/internal/app"
)

// locked is a buffer that a command may write while the test reads.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}

// served is the dashboard of a folder, whose API can be asked until the test ends.
func served(t *testing.T, dir string) (ask func(method, path, body string) string) {
	t.Helper()
	novel, err := app.New()
	require.NoError(t, err)
	signals := controller.New()
	novel.Config.Controller = signals
	cmd := cli.Command(novel)
	out := &locked{}
	cmd.SetOut(out)
	cmd.SetErr(io.Discard)
	cmd.SetArgs([]string{"serve", "--addr", "127.0.0.1:0", "--json", "--out", dir})
	done := make(chan error, 1)
	go func() { done <- cmd.ExecuteContext(context.Background()) }()
	t.Cleanup(func() {
		signals.Pause("the test is over")
		require.NoError(t, <-done)
	})
	var at struct{ URL string }
	require.Eventually(t, func() bool { return json.Unmarshal(out.Bytes(), &at) == nil }, 20*time.Second, time.Millisecond)
	return func(method, path, body string) string {
		r, err := http.NewRequestWithContext(t.Context(), method, at.URL+"api/runs/"+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Less(t, resp.StatusCode, 300, "%s %s: %s", method, path, text)
		return string(text)
	}
}

// TestTheDashboardKeepsTheReview: a book that waits for a person still waits when it is resumed from the dashboard, and one
// that was rejected is declined; it is never written without a yes.
func TestTheDashboardKeepsTheReview(t *testing.T) {
	dir := t.TempDir()
	_, errs, code := command(t, "--chapters", "2", "--words", "100", "--review", "--project", "Book", "--out", dir)
	require.Equal(t, 4, code, errs)
	ask := served(t, dir)
	type view struct {
		Status string
		Holder *struct{}
		Steps  []struct {
			Name string
			Gate *struct{ Hash string }
		}
	}
	history := func() string {
		out, _, code := command(t, "history", "--project", "Book", "--out", dir)
		require.Zero(t, code)
		return out
	}
	resumed := func() (v view) {
		ended := strings.Count(history(), "run.stopped")
		ask(http.MethodPost, "Book/resume", "{}")
		require.Eventually(t, func() bool {
			v = view{}
			require.NoError(t, json.Unmarshal([]byte(ask(http.MethodGet, "Book", "")), &v))
			return v.Holder == nil && strings.Count(history(), "run.stopped") > ended
		}, 20*time.Second, 5*time.Millisecond)
		return v
	}
	v := resumed()
	require.Equal(t, "waiting", v.Status)
	hash := ""
	for _, s := range v.Steps {
		if s.Name == "outline_review" {
			hash = s.Gate.Hash
		}
	}
	ask(http.MethodPost, "Book/reject", `{"step":"outline_review","hash":"`+hash+`"}`)
	require.Equal(t, "failed", resumed().Status)
	require.Contains(t, history(), "declined")
	require.NotContains(t, history(), "pipeline.changed")
	require.Equal(t, "waiting", resumed().Status, "it asks again")
}
