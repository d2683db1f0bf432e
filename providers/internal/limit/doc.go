// Package limit decides when requests to a rate-limited API may leave: it counts allowances in buckets that refill, lets runs take
// turns in line, and learns from answers and refusals what it was not told. It makes no requests and knows nothing of HTTP.
package limit
