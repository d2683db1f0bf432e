// Package faulty wraps a model and makes it fail: rate limits with Retry-After, broken networks, 5xx, empty, cut, refused
// and malformed answers, slowness and silence. It is how one sees, before a provider shows it, what a pipeline does then.
//
// Failures come by rate, at a number of a call, or both:
//
//	cfg, err := faulty.Parse("rate_limit=0.1,empty=0.05,hang@7,retry_after=2s", 42)
//	m, err := faulty.New(model, cfg)
//
// Rates are decided by seed, request and how often that request was made, so neither concurrency nor its order changes
// which calls fail. Injected errors are those that a real client behind the guard of package providers gives
// (*resilience.Error with class, status and wait).
package faulty
