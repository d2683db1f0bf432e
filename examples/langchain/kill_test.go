package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/agents"
	"github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/tools"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/workflow"
)

const (
	childVar = "DOGEAR_TEST_CHILD" // which pipeline the test program runs as a process of its own
	toolVar  = "DOGEAR_TEST_TOOL"  // file in which each use of the tool leaves a line
)

// TestMain makes the test program the process that is killed, when it is started as that.
func TestMain(m *testing.M) {
	if which := os.Getenv(childVar); which != "" {
		text, err := work(context.Background(), which)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(text)
		return
	}
	os.Exit(m.Run())
}

// work runs a chain, or an agent with a tool, over two providers.
func work(ctx context.Context, which string) (string, error) {
	models, err := providers.FromEnv("groq", "openai")
	if err != nil {
		return "", err
	}
	cfg := workflow.Config{Model: models.Default}
	if which == "chain" {
		p, text, err := newPipeline()
		if err != nil {
			return "", err
		}
		r, err := p.Run(ctx, "r", cfg)
		if err != nil {
			return "", err
		}
		return text.Result(r.Context(ctx))
	}
	agent := agents.NewOpenAIFunctionsAgent(workflow.Model("writer"), []tools.Tool{workflow.Tool(tideTable{})})
	executor := agents.NewExecutor(agent, agents.WithMaxIterations(5))
	answer := workflow.NewTask("answer", func(ctx context.Context) (string, error) { return chains.Run(ctx, executor, "When is high water?") })
	p, err := workflow.New("agent", answer)
	if err != nil {
		return "", err
	}
	r, err := p.Run(ctx, "r", cfg)
	if err != nil {
		return "", err
	}
	return answer.Result(r.Context(ctx))
}

// tideTable is a tool with a side effect.
type tideTable struct{}

func (tideTable) Name() string        { return "tide_table" }
func (tideTable) Description() string { return "looks up high water at a place" }

func (tideTable) Call(_ context.Context, place string) (string, error) {
	f, err := os.OpenFile(os.Getenv(toolVar), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	fmt.Fprintln(f, place)
	return "14:20", f.Close()
}

// oracle speaks OpenAI's protocol as two providers: groq answers once and has no money from then on, openai answers always. It can
// kill who asks.
type oracle struct {
	*httptest.Server
	mu       sync.Mutex // guards what follows
	answered map[[32]byte]int
	requests int
	killAt   int  // at this request, from 1; zero: never
	after    bool // with the answer sent, instead of before
	victim   *os.Process
}

func (o *oracle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client died while it asked
	}
	var asked struct{ Messages json.RawMessage } // the rest differs from provider to provider
	if err := json.Unmarshal(body, &asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	o.mu.Lock()
	o.requests++
	kill, poor := o.killAt > 0 && o.requests == o.killAt, strings.HasPrefix(r.URL.Path, "/groq") && len(o.answered) > 0
	if !poor {
		o.answered[sha256.Sum256(asked.Messages)]++
	}
	victim := o.victim
	o.mu.Unlock()
	if kill && !o.after {
		_ = victim.Kill() // it may be dead already
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if poor {
		w.WriteHeader(http.StatusPaymentRequired)
		fmt.Fprint(w, `{"error":{"message":"Insufficient credits"}}`)
	} else {
		fmt.Fprintf(w, `{"choices":[{"index":0,%s}],"usage":{"prompt_tokens":9,"completion_tokens":9,"total_tokens":18}}`, say(string(body)))
	}
	if kill {
		_ = http.NewResponseController(w).Flush() // whether it arrives is a matter of luck
		_ = victim.Kill()
	}
}

// say is what the oracle answers to a request.
func say(request string) string {
	text := func(s string) string {
		return fmt.Sprintf(`"finish_reason":"stop","message":{"role":"assistant","content":%q}`, s)
	}
	switch {
	case strings.Contains(request, "A title for a book"):
		return text("The Patience of the Tide")
	case strings.Contains(request, "The Patience of the Tide"):
		return text("A book about water that comes and goes, and about those who wait for it.")
	case strings.Contains(request, "14:20"):
		return text("High water is at 14:20 today.")
	case !strings.Contains(request, "tide_table"):
		return text("The tools were lost on the way.")
	}
	arguments, _ := json.Marshal(`{"__arg1":"Husum"}`) // a string is always JSON
	return `"finish_reason":"tool_calls","message":{"role":"assistant","content":"","tool_calls":[{"id":"c1","type":"function","function":{"name":"tide_table","arguments":` +
		string(arguments) + `}}]}`
}

// run starts the program in a folder, and returns what it printed. killed: it did not end by itself.
func (o *oracle) run(t *testing.T, which, dir string) (text string, killed bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), childVar+"="+which, toolVar+"="+dir+"/tool.log", "GROQ_API_KEY=k-0123456789", "OPENAI_API_KEY=k-0123456789",
		"GROQ_BASE_URL="+o.URL+"/groq/v1", "OPENAI_BASE_URL="+o.URL+"/openai/v1")
	var out, problems strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &problems
	o.mu.Lock()
	require.NoError(t, cmd.Start())
	o.victim = cmd.Process
	o.mu.Unlock()
	err := cmd.Wait()
	if err != nil {
		require.Contains(t, err.Error(), "killed", problems.String())
		return "", true
	}
	return out.String(), false
}

// TestKilledInsideLangchain: a chain and an agent with a tool, killed with kill -9 at each of their requests, before and after the
// answer, go on inside; across a provider that runs out of money.
func TestKilledInsideLangchain(t *testing.T) {
	t.Parallel()
	for _, which := range []string{"chain", "agent"} {
		want := ""
		for kill := 0; ; kill++ {
			o := &oracle{answered: map[[32]byte]int{}, killAt: (kill + 1) / 2, after: kill%2 == 0}
			o.Server = httptest.NewServer(o)
			dir := t.TempDir()
			text, killed := o.run(t, which, dir)
			requests := o.requests
			if killed {
				o.killAt = 0
				text, killed = o.run(t, which, dir)
				require.False(t, killed)
			}
			o.Close()
			if kill == 0 {
				want = text
				require.NotContains(t, want, "lost")
			}
			require.Equal(t, want, text, "%s, kill %d", which, kill)
			paid := 0
			for _, n := range o.answered {
				require.LessOrEqual(t, n, 2)
				paid += n
			}
			require.Len(t, o.answered, 2, "two different requests, whoever answers them")
			require.LessOrEqual(t, paid, 3, "only the one in flight is asked again")
			if log, err := os.ReadFile(dir + "/tool.log"); which == "agent" {
				require.NoError(t, err)
				require.LessOrEqual(t, strings.Count(string(log), "\n"), 2, "once, and once more if it died with the answer on the way")
			}
			if kill > 0 && requests < (kill+1)/2 {
				require.Greater(t, kill, 4, "it was killed at each request")
				break
			}
		}
	}
}
