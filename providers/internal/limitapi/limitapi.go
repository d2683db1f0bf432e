// Package limitapi is a server of OpenAI's protocol that has limits, for tests and benchmarks of the limits' other side.
package limitapi

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Text is what every answer says.
const Text = "The tide came in over the flats without a sound."

// API has two buckets, of requests and of tokens, and answers 429 beyond them. As a handler it serves over a network, as a transport
// it works in virtual time too. Its settings must not be changed while it serves, but by [API.Set].
type API struct {
	PerSecond, Burst           float64 // requests; zero: no limit
	TokensPerSecond, TokensMax float64
	Latency                    time.Duration
	Headers                    bool // tells what is left
	RetryAfter                 bool // tells how long to wait after a refusal
	Answer                     int  // tokens of an answer, on average

	mu               sync.Mutex // guards what follows
	at               time.Time
	requests, tokens float64 // levels
	seen             Seen
	inFlight         int
	random           *rand.Rand
}

// Seen is what a server saw.
type Seen struct {
	Served, Refused int
	Tokens          float64  // used
	Runs            []string // who was served: the first words of the prompts
	MostInFlight    int
}

// Seen returns what the server saw so far.
func (a *API) Seen() Seen {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen
}

// Set changes settings while the server serves.
func (a *API) Set(change func(*API)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(a)
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resp, err := a.RoundTrip(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body) // a client that went away is its own affair
}

// RoundTrip implements http.RoundTripper.
func (a *API) RoundTrip(r *http.Request) (*http.Response, error) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var body struct{ Messages []struct{ Content any } }
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, err
	}
	prompt := fmt.Sprint(body.Messages[0].Content)
	status, header, text := a.take(prompt)
	if status == http.StatusOK {
		defer a.leave()
		select {
		case <-time.After(a.Latency):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

func (a *API) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inFlight--
}

// take counts a request when it arrives.
func (a *API) take(prompt string) (status int, header http.Header, text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if a.random == nil {
		a.random = rand.New(rand.NewPCG(1, 2))
		a.requests, a.tokens = a.Burst, a.TokensMax
	} else {
		dt := now.Sub(a.at).Seconds()
		a.requests, a.tokens = min(a.Burst, a.requests+dt*a.PerSecond), min(a.TokensMax, a.tokens+dt*a.TokensPerSecond)
	}
	a.at = now
	in, out := len(prompt)*10/42, a.Answer*3/4
	if a.Answer > 1 {
		out += a.random.IntN(a.Answer / 2)
	}
	cost := float64(in + out)
	header = http.Header{"Content-Type": {"application/json"}}
	missing := max(wait(1-a.requests, a.PerSecond), wait(cost-a.tokens, a.TokensPerSecond))
	if missing > 1e-9 {
		a.seen.Refused++
		a.tell(header)
		if a.RetryAfter {
			header.Set("Retry-After-Ms", strconv.Itoa(int(missing*1000)+1))
		}
		return http.StatusTooManyRequests, header, `{"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded"}}`
	}
	a.requests--
	a.tokens -= cost
	a.seen.Served++
	a.inFlight++
	a.seen.MostInFlight = max(a.seen.MostInFlight, a.inFlight)
	a.seen.Tokens += cost
	run, _, _ := strings.Cut(prompt, " ")
	a.seen.Runs = append(a.seen.Runs, run)
	a.tell(header)
	return http.StatusOK, header, fmt.Sprintf(`{"choices":[{"finish_reason":"stop","message":{"role":"assistant","content":%q}}],"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}`,
		Text, in, out, in+out)
}

func (a *API) tell(h http.Header) {
	if !a.Headers {
		return
	}
	for name, x := range map[string]struct{ limit, level, rate float64 }{
		"requests": {a.Burst, a.requests, a.PerSecond}, "tokens": {a.TokensMax, a.tokens, a.TokensPerSecond},
	} {
		if x.rate > 0 {
			h.Set("X-Ratelimit-Limit-"+name, strconv.Itoa(int(x.limit)))
			h.Set("X-Ratelimit-Remaining-"+name, strconv.Itoa(max(int(x.level), 0)))
			h.Set("X-Ratelimit-Reset-"+name, time.Duration((x.limit-x.level)/x.rate*float64(time.Second)).Round(time.Millisecond).String())
		}
	}
}

// Least is the least time in which what was served can be served: what was not in the buckets at first, at the rate at which
// they fill, and the last answer's latency.
func (a *API) Least() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	var seconds float64
	if a.PerSecond > 0 {
		seconds = max(seconds, (float64(a.seen.Served)-a.Burst)/a.PerSecond)
	}
	if a.TokensPerSecond > 0 {
		seconds = max(seconds, (a.seen.Tokens-a.TokensMax)/a.TokensPerSecond)
	}
	return time.Duration(seconds*float64(time.Second)) + a.Latency
}

// wait is how many seconds it takes until what is missing is there.
func wait(missing, perSecond float64) float64 {
	if perSecond <= 0 {
		return 0
	}
	return missing / perSecond
}
