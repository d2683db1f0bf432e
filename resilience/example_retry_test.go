package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/dogear-go/dogear/resilience"
)

// An error's class says what can be done about it.
func ExampleClassify() {
	busy := resilience.FromHTTP("groq", http.StatusTooManyRequests, http.Header{"Retry-After": {"7"}},
		[]byte(`{"error":{"message":"Rate limit reached","code":"rate_limit_exceeded"}}`))
	fmt.Println(resilience.Classify(fmt.Errorf("scene 3: %w", busy)))
	fmt.Println(resilience.Classify(errors.New("API returned unexpected status code: 402: Insufficient Balance")))
	fmt.Println(resilience.Classify(context.DeadlineExceeded))
	fmt.Println(resilience.Classify(errors.New("order 429 is lost"))) // digits alone mean nothing
	// Output:
	// rate_limit
	// quota
	// timeout
	// unknown
}

// Retry runs a function until it succeeds or the policy gives up.
func ExampleRetry() {
	policy := resilience.Policy{Rules: map[resilience.Class]resilience.Rule{
		resilience.Overloaded: {Attempts: 5, Wait: time.Millisecond},
	}}
	calls := 0
	answer, err := resilience.Retry(context.Background(), policy, func(context.Context) (string, error) {
		if calls++; calls < 4 {
			return "", &resilience.Error{Class: resilience.Overloaded, Provider: "ollama"}
		}
		return "Tides come twice a day.", nil
	})
	fmt.Println(answer, calls, err)
	// Output: Tides come twice a day. 4 <nil>
}

// A policy changes the defaults field by field, and knows errors of one's own.
func ExamplePolicy() {
	errNight := errors.New("the local model sleeps at night")
	policy := resilience.Policy{
		Rules: map[resilience.Class]resilience.Rule{
			resilience.RateLimit: {Attempts: 10},             // the waits stay
			resilience.Timeout:   {Switch: resilience.Never}, // the first provider or none
			resilience.Network:   {Wait: resilience.Never},   // at once
		},
		Classify: func(err error) (resilience.Class, bool) {
			return resilience.Overloaded, errors.Is(err, errNight)
		},
	}
	rule := policy.Rule(resilience.RateLimit)
	fmt.Println(rule.Attempts, rule.Backoff(1), rule.Backoff(2), rule.Backoff(3), rule.Backoff(9))
	fmt.Println(policy.ClassOf(errNight), policy.Rule(resilience.Network).Backoff(1))
	// Output:
	// 10 5s 15s 45s 5m0s
	// overloaded 0s
}

// Checks judge an answer; a soft one only warns.
func ExampleJudge() {
	answer := resilience.Answer{Text: "The tide turned, and", FinishReason: "length"}
	err := resilience.Judge(answer, resilience.NotEmpty, resilience.NotTruncated, resilience.Soft(resilience.MinWords(500)))
	fmt.Println(resilience.Classify(err), "|", err)
	// Output: truncated | the answer failed the check not_truncated: a limit cut it short (finish reason length)
}
