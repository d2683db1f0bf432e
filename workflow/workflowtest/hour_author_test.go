package workflowtest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

// authors are the providers of one life of a run: they answer each prompt in the same way, slowly, fail at random, and
// count. What happens to a request depends on the seed, the provider, the prompt and how often it was asked, and on
// nothing else, so that a seed gives the same life again.
type authors struct {
	seed    uint64
	failing float64 // the share of requests that fail

	mu       sync.Mutex // guards the fields below
	asked    map[string]int
	requests int
	answered int
	failed   int
	resting  map[string]time.Time // provider → until when it asked to be left alone
	early    int                  // requests that came before that
}

func newAuthors(seed uint64, failing float64) *authors {
	return &authors{seed: seed, failing: failing, asked: map[string]int{}, resting: map[string]time.Time{}}
}

// author is one of them.
type author struct {
	name string
	*authors
}

// Call implements llms.Model.
func (a author) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, a, prompt, options...)
}

// GenerateContent implements llms.Model.
func (a author) GenerateContent(ctx context.Context, messages []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	prompt := textOf(messages)
	random := a.begin(prompt)
	failing := random.Float64() < a.failing
	delay := time.Second + time.Duration(random.Int64N(int64(20*time.Second)))
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		a.end(nil, true)
		return nil, context.Cause(ctx)
	}
	if failing {
		err := failure(a.name, random)
		a.end(err, true)
		return nil, err
	}
	a.end(nil, false)
	return respond(ctx, fmt.Sprintf("%d words about %s", len(strings.Fields(prompt)), prompt), "", options)
}

// begin counts a request, and returns what decides about it.
func (a author) begin(prompt string) *rand.Rand {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests++
	if time.Now().Before(a.resting[a.name]) {
		a.early++
	}
	at := a.name + "\n" + prompt
	a.asked[at]++
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, at, a.asked[at]) // a hash takes everything
	return rand.New(rand.NewPCG(a.seed, h.Sum64()))
}

// end counts how it ended.
func (a author) end(err error, failed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !failed {
		a.answered++
		return
	}
	a.failed++
	var told *resilience.Error
	switch {
	case !errors.As(err, &told):
	case told.After > 0:
		a.resting[a.name] = time.Now().Add(told.After)
	case told.Class == resilience.Quota: // its last word counts, and holds for one session
		delete(a.resting, a.name)
	}
}

// failure is one of those that a run gets over: now and then a provider is out of money for a session.
func failure(name string, random *rand.Rand) error {
	switch random.IntN(8) {
	case 0:
		return resilience.FromHTTP(name, http.StatusPaymentRequired, nil, nil)
	case 1, 2, 3:
		wait := strconv.Itoa(1 + random.IntN(900))
		return resilience.FromHTTP(name, http.StatusTooManyRequests, http.Header{"Retry-After": {wait}}, nil)
	case 4:
		return resilience.FromHTTP(name, http.StatusServiceUnavailable, nil, nil)
	case 5:
		return resilience.FromHTTP(name, 529, nil, nil)
	case 6:
		return &resilience.Error{Class: resilience.Network, Provider: name, Err: errors.New("connection reset by peer")}
	default:
		return &resilience.Error{Class: resilience.Timeout, Provider: name, Err: errors.New("no answer in time")}
	}
}
