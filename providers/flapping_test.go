package providers_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// The rhythm of the flapping providers: of two minutes each is ill for fifty seconds, forty after the one before. So at times two
// are ill, and never all three.
const (
	period = 120 * time.Second
	ill    = 50 * time.Second
	offset = 40 * time.Second
)

// flapping is a model that is ill and well in turns. While it is ill it fails in one way after another.
type flapping struct {
	name     string
	offset   time.Duration
	start    time.Time
	mu       sync.Mutex // guards what follows
	random   *rand.Rand
	asked    int
	answered int
	notUntil time.Time // asked for, by the last refusal
	early    int       // requests that came before that, though their sender knew
}

func (f *flapping) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, f, prompt, options...)
}

func (f *flapping) GenerateContent(ctx context.Context, _ []llms.MessageContent, _ ...llms.CallOption) (*llms.ContentResponse, error) {
	f.mu.Lock()
	now := time.Now()
	f.asked++
	if now.Before(f.notUntil) {
		f.early++
	}
	isIll := (now.Sub(f.start)+period-f.offset)%period < ill
	kind, took := f.random.IntN(6), time.Duration(1000+f.random.IntN(5000))*time.Millisecond
	f.mu.Unlock()
	select {
	case <-time.After(took):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if !isIll {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.answered++
		return content(fmt.Sprintf("%s answers number %d, in words enough", f.name, f.answered), "stop"), nil
	}
	return nil, f.fail(ctx, kind)
}

func (f *flapping) fail(ctx context.Context, kind int) error {
	switch kind {
	case 0, 1:
		wait := time.Duration(10+kind*20) * time.Second
		f.mu.Lock()
		f.notUntil = time.Now().Add(wait)
		f.mu.Unlock()
		return &resilience.Error{Class: resilience.RateLimit, Status: 429, After: wait}
	case 2:
		return resilience.FromHTTP(f.name, 503, nil, []byte("overloaded"))
	case 3:
		return resilience.Wrap(f.name, "", errors.New("connection reset by peer"))
	case 4:
		select {
		case <-time.After(time.Hour):
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	return resilience.FromHTTP(f.name, 500, nil, []byte("<html><title>Error</title></html>"))
}

// TestFlappingProviders: a hundred items at once ask three providers that come and go, for ten minutes. No call is lost, none
// counted twice, tries are bounded, and a provider that asked to wait is left alone.
func TestFlappingProviders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var models []*flapping
		var members []providers.Provider
		for i := range 3 {
			f := &flapping{name: string(rune('a' + i)), offset: time.Duration(i) * offset, start: start, random: rand.New(rand.NewPCG(uint64(i), 7))}
			models, members = append(models, f), append(members, member(f.name, f))
		}
		c := chainWith(t, providers.ChainConfig{Timeout: 20 * time.Second}, members...)

		var mu sync.Mutex
		seen, calls := map[string]int{}, 0
		var failures []error
		keys := make([]string, 100)
		for i := range keys {
			keys[i] = fmt.Sprint("item", i)
		}
		items := workflow.NewEach("items", func(context.Context) ([]string, error) { return keys, nil }, func(s string) string { return s },
			func(ctx context.Context, item string) (int, error) {
				n := 0
				for ; time.Since(start) < 10*time.Minute; n++ {
					text, err := llms.GenerateFromSinglePrompt(ctx, writer, fmt.Sprint(item, " asks ", n))
					mu.Lock()
					calls++
					if err != nil {
						failures = append(failures, err)
					} else {
						seen[text]++
					}
					mu.Unlock()
				}
				return n, nil
			})
		store := memstore.New()
		p, err := workflow.New("flapping", items)
		require.NoError(t, err)
		run, err := p.Run(t.Context(), "r", workflow.Config{Store: store, Model: c, Concurrency: 100, MaxSystemic: 200, MaxCalls: 100_000})
		require.NoError(t, err)
		require.Empty(t, failures, "no call is lost")
		require.Greater(t, calls, 3000)

		var asked, answered, early int
		for _, f := range models {
			asked, answered, early = asked+f.asked, answered+f.answered, early+f.early
			require.NotZero(t, f.answered, f.name)
		}
		st, err := run.State(t.Context())
		require.NoError(t, err)
		t.Logf("%d calls, %d requests, %d answered, %d early", calls, asked, answered, early)
		require.Len(t, seen, calls, "each got an answer of its own")
		require.Equal(t, calls, answered, "and no other was made")
		require.EqualValues(t, answered, st.Usage.Calls)
		require.EqualValues(t, asked-answered, st.Usage.FailedCalls)
		requireBoundedTries(t, store, "r", 8)
		require.LessOrEqual(t, early, asked/1000, "only those that left in the moment of the refusal")
	})
}

// requireBoundedTries reads the journal: no call made more tries than it may.
func requireBoundedTries(t *testing.T, store state.Store, run string, most int) {
	t.Helper()
	for e, err := range store.Events(t.Context(), run, state.Query{}) {
		require.NoError(t, err)
		if sent, ok := e.Data.(state.CallSent); ok {
			require.LessOrEqual(t, sent.Try, most)
		}
	}
}
