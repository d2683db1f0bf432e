package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/controller/dashboard"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/workflow"
)

// served is a serve that goes on.
type served struct {
	t    *testing.T
	url  string
	ctl  *controller.Controller
	done chan outcome
}

// startServe begins a serve and waits until it says where it is.
func startServe(t *testing.T, app App[tideParams], args ...string) *served {
	t.Helper()
	s := &served{t: t, ctl: controller.New(), done: make(chan outcome, 1)}
	app.Config.Controller = s.ctl
	var out, stderr buffer
	go func() {
		s.done <- runTo(app, &out, &stderr, append([]string{"serve", "--addr", "127.0.0.1:0", "--json"}, args...)...)
	}()
	t.Cleanup(func() { s.ctl.Pause("the test is over") })
	require.Eventually(t, func() bool {
		var v servingJSON
		if json.Unmarshal([]byte(out.String()), &v) != nil {
			return len(s.done) > 0
		}
		s.url = strings.TrimSuffix(v.URL, "/")
		return true
	}, 20*time.Second, time.Millisecond)
	require.NotEmpty(t, s.url, "%s%s", out.String(), stderr.String())
	return s
}

// end is what serve ended with after the first signal.
func (s *served) end() outcome {
	s.t.Helper()
	s.ctl.Pause("a signal")
	select {
	case o := <-s.done:
		return o
	case <-time.After(20 * time.Second):
		require.FailNow(s.t, "serve does not end")
	}
	return outcome{}
}

func (s *served) do(method, path, body, token string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	require.NoError(s.t, err)
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return resp.StatusCode, string(text)
}

func (s *served) view() (v dashboard.RunView) {
	s.t.Helper()
	code, text := s.do(http.MethodGet, "/api/runs/monday", "", "")
	require.Equal(s.t, http.StatusOK, code, text)
	require.NoError(s.t, json.Unmarshal([]byte(text), &v))
	return v
}

// TestServeResumesWithTheSettingsOfTheRun: a failed run goes on in the process of serve, with the parallelism of its last
// session, and its products follow.
func TestServeResumesWithTheSettingsOfTheRun(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	model := &script{refuse: map[string]bool{"topics 3": true}}
	app := tides(t, model)
	require.Equal(t, 1, run(t, app, "--out", out, "--parallel", "7").code)
	s := startServe(t, app, "--out", out)
	require.Equal(t, state.StatusFailed, s.view().Status)
	model.set(func() { model.refuse = nil })
	code, text := s.do(http.MethodPost, "/api/runs/monday/resume", "{}", "")
	require.Equal(t, http.StatusAccepted, code, text)
	require.Eventually(t, func() bool { return s.view().Status == state.StatusCompleted }, 20*time.Second, 5*time.Millisecond)
	require.Equal(t, "7", s.view().Settings[flagParallel])
	o := s.end()
	require.Equal(t, 0, o.code, o.stderr)
}

// TestASignalPausesWhatServeWorksOn: the run is paused in order, and serve ends well.
func TestASignalPausesWhatServeWorksOn(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	model := &script{refuse: map[string]bool{"topics 3": true}}
	app := tides(t, model)
	require.Equal(t, 1, run(t, app, "--out", out).code)
	gate := make(chan struct{})
	model.set(func() {
		model.refuse, model.gate, model.asked = nil, map[string]chan struct{}{"note on tide 2": gate}, make(chan string, 1)
	})
	s := startServe(t, app, "--out", out)
	code, text := s.do(http.MethodPost, "/api/runs/monday/resume", "", "")
	require.Equal(t, http.StatusAccepted, code, text)
	<-model.asked
	s.ctl.Pause("a signal")
	require.Eventually(t, func() bool { return load(t, out).Pausing }, time.Minute, 10*time.Millisecond, "the run was told")
	close(gate)
	o := s.end()
	require.Equal(t, 0, o.code, o.stderr)
	require.Equal(t, state.StatusPaused, load(t, out).Status)
}

// TestServeShowsTheRunsOfAnyStore: also of a store that --store names.
func TestServeShowsTheRunsOfAnyStore(t *testing.T) {
	t.Parallel()
	at := "sqlite:" + filepath.Join(t.TempDir(), "runs.db")
	app := tides(t, &script{})
	require.Equal(t, 0, run(t, app, "--store", at, "--out", t.TempDir()).code)
	s := startServe(t, app, "--store", at)
	require.Equal(t, state.StatusCompleted, s.view().Status)
	require.Equal(t, 0, s.end().code)
}

// TestServeKeepsTheStepsOfTheRun: a run whose parameters brought a gate waits at it, however it is gone on with from the
// dashboard; and what only its pipeline has can be edited.
func TestServeKeepsTheStepsOfTheRun(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := gated(t, "review")
	with, without := app.Pipeline, tides(t, &script{}).Pipeline
	app.Pipeline = without
	app.PipelineOf = func(p tideParams) (*workflow.Pipeline, error) {
		if p.Count == 7 {
			return with, nil
		}
		return without, nil
	}
	require.Equal(t, 4, run(t, app, "--out", out, "--count", "7").code)
	s := startServe(t, app, "--out", out)
	sessions := func() (n int) {
		store, err := filestore.Open(out)
		require.NoError(t, err)
		for e, err := range store.Events(t.Context(), "monday", state.Query{}) {
			require.NoError(t, err)
			require.NotEqual(t, state.TypePipelineChanged, e.Type)
			if e.Type == state.TypeRunStopped {
				n++
			}
		}
		return n
	}
	// rests does something to the run, and waits until the session that it began is over.
	rests := func(action, body string) {
		before := sessions()
		code, text := s.do(http.MethodPost, "/api/runs/monday/"+action, body, "")
		require.Equal(t, http.StatusAccepted, code, text)
		require.Eventually(t, func() bool { return sessions() > before && s.view().Holder == nil }, 20*time.Second, 5*time.Millisecond)
	}
	decide := func(kind string) {
		v := s.view()
		require.Equal(t, state.StatusWaiting, v.Status)
		i := slices.IndexFunc(v.Steps, func(s dashboard.StepView) bool { return s.Name == "review" })
		code, text := s.do(http.MethodPost, "/api/runs/monday/"+kind, `{"step":"review","hash":"`+v.Steps[i].Gate.Hash+`"}`, "")
		require.Equal(t, http.StatusAccepted, code, text)
	}

	rests("resume", "{}")
	require.Equal(t, state.StatusWaiting, s.view().Status, "nobody has approved it")
	code, text := s.do(http.MethodGet, "/api/runs/monday/result?step=text", "", "")
	require.Equal(t, http.StatusOK, code, text)
	var result dashboard.ResultView
	require.NoError(t, json.Unmarshal([]byte(text), &result))
	code, text = s.do(http.MethodPost, "/api/runs/monday/edit", `{"step":"text","replaces":"`+result.Hash+`","result":"neap"}`, "")
	require.Equal(t, http.StatusAccepted, code, text)
	rests("resume", "")
	decide("reject")
	rests("resume", "{}")
	require.Equal(t, state.StatusFailed, s.view().Status)
	rests("retry", "{}")
	decide("approve")
	rests("resume", "{}")
	require.Equal(t, state.StatusCompleted, s.view().Status)
	require.Equal(t, 0, s.end().code)
}

// TestServeRaisesABudget: a run that is paused for its budget goes on with a larger one, which is recorded.
func TestServeRaisesABudget(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := priced(t, &script{})
	app.Config.Budget.Steps = map[string]int64{"notes": 1_000_000_000}
	require.Equal(t, 4, run(t, app, "--out", out, "--budget", "20").code)
	s := startServe(t, app, "--out", out)
	require.Equal(t, &dashboard.ShortBudget{Limit: 20_000_000, Enough: 24_000_000, Propose: "40.00"}, s.view().Short)
	code, text := s.do(http.MethodPost, "/api/runs/monday/resume", "{}", "")
	require.Equal(t, http.StatusConflict, code, text)
	code, text = s.do(http.MethodPost, "/api/runs/monday/resume", `{"budget":"40.00"}`, "")
	require.Equal(t, http.StatusAccepted, code, text)
	require.Eventually(t, func() bool { return s.view().Status == state.StatusCompleted }, 20*time.Second, 5*time.Millisecond)
	require.Equal(t, map[string]int64{"": 40_000_000, "notes": 1_000_000_000}, load(t, out).Budget)
	require.Equal(t, 0, s.end().code)
}

// TestServeOfAFolderToCome: it says that the folder is not there yet, and shows its runs as soon as it is.
func TestServeOfAFolderToCome(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "later")
	app := tides(t, &script{})
	var said buffer
	k := openKit(t, app, out)
	k.stdout = &said
	require.NoError(t, k.announce(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, serving{}))
	require.Equal(t, "the runs of "+out+" are shown at http://127.0.0.1:1/\nthat folder is not there yet; its runs are shown as soon as it is\n", said.String())
	s := startServe(t, app, "--out", out)
	require.NoDirExists(t, out)
	require.Equal(t, 0, run(t, app, "--out", out).code)
	require.Equal(t, state.StatusCompleted, s.view().Status)
	require.NoError(t, k.announce(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, serving{}))
	require.Equal(t, 1, strings.Count(said.String(), "not there yet"))
	require.Equal(t, 0, s.end().code)
}

// TestASignalAtRest: serve speaks of pausing, and of how to go on, only while it works on a run.
func TestASignalAtRest(t *testing.T) {
	t.Parallel()
	var said buffer
	runs := 0
	f := &farewell{out: &said, runs: func() int { return runs }}
	for _, text := range []string{"Pausing: ...\n", "Cancelling: ...\n"} {
		n, err := f.Write([]byte(text))
		require.NoError(t, err)
		require.Len(t, text, n)
	}
	require.Equal(t, "closing the dashboard; it works on no run\n", said.String())
	runs = 1
	_, err := f.Write([]byte("Pausing: ...\n"))
	require.NoError(t, err)
	require.Contains(t, said.String(), "Pausing: ...\n")
}

func TestServeWithAToken(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("0123456789abcdef0123\n"), 0o600))
	s := startServe(t, tides(t, &script{}), "--out", t.TempDir(), "--token-file", file)
	code, text := s.do(http.MethodGet, "/api/runs", "", "")
	require.Equal(t, http.StatusUnauthorized, code, text)
	code, text = s.do(http.MethodGet, "/api/runs", "", "0123456789abcdef0123")
	require.Equal(t, http.StatusOK, code, text)
	require.Equal(t, 0, s.end().code)
}

func TestServeRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	short, empty := filepath.Join(dir, "short"), filepath.Join(dir, "empty")
	require.NoError(t, os.WriteFile(short, []byte("x"), 0o600))
	require.NoError(t, os.WriteFile(empty, bytes.Repeat([]byte("\n"), 3), 0o600))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--addr", "0.0.0.0:0"}, "needs a token"},
		{[]string{"--addr", ":0"}, "needs a token"},
		{[]string{"--addr", "[::]:0"}, "needs a token"},
		{[]string{"--addr", "192.0.2.1:8484"}, "needs a token"},
		{[]string{"--addr", "runs.example.com:8484"}, "needs a token"},
		{[]string{"--addr", "8484"}, "HOST:PORT"},
		{[]string{"--addr", "127.0.0.1:http-ish"}, "can't listen"},
		{[]string{"--addr", taken.Addr().String()}, "is taken"},
		{[]string{"--token-file", filepath.Join(dir, "nowhere")}, "--token-file"},
		{[]string{"--token-file", short}, "at least 16"},
		{[]string{"--token-file", empty}, "one token"},
		{[]string{"monday"}, "takes no arguments"},
	} {
		o := run(t, tides(t, &script{}), append([]string{"serve", "--out", dir}, c.args...)...)
		require.Equal(t, 2, o.code, "%v: %s", c.args, o.stderr)
		require.Contains(t, o.stderr, c.says, c.args)
	}
}

// TestServeOfAnotherPipeline: a run of another program is shown, and can't be worked on here.
func TestServeOfAnotherPipeline(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	model := &script{refuse: map[string]bool{"topics 3": true}}
	require.Equal(t, 1, run(t, tides(t, model), "--out", out).code)
	other := tides(t, model)
	p, err := workflow.New("weather", workflow.NewTask("topics", func(context.Context) (int, error) { return 1, nil }))
	require.NoError(t, err)
	other.Pipeline = p
	s := startServe(t, other, "--out", out)
	code, text := s.do(http.MethodPost, "/api/runs/monday/resume", "{}", "")
	require.Equal(t, http.StatusUnprocessableEntity, code, text)
	require.Contains(t, text, "pipeline tides")
	require.Equal(t, 0, s.end().code)
}
