package resilience_test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/dogear-go/dogear/resilience"
)

// What an answer's headers say is left, in one shape for all providers.
func ExampleAllowances() {
	header := http.Header{}
	header.Set("X-Ratelimit-Limit-Tokens", "30000")
	header.Set("X-Ratelimit-Remaining-Tokens", "1200")
	header.Set("X-Ratelimit-Reset-Tokens", "57.6s")
	header.Set("X-Ratelimit-Limit-Requests-Day", "1000")
	header.Set("X-Ratelimit-Remaining-Requests-Day", "998")
	for _, a := range resilience.Allowances(header, time.Now()) {
		fmt.Println(a.Resource, a.Remaining, "of", a.Limit, "window", a.Window, "full in", a.Reset, a.ResetKnown)
	}
	// Output:
	// requests 998 of 1000 window 24h0m0s full in 0s false
	// tokens 1200 of 30000 window 0s full in 57.6s true
}
