package limit

import "time"

// Config is what is told of a provider's limits. A field left zero is no limit.
type Config struct {
	RequestsPerMinute     int
	TokensPerMinute       int // input and output together
	InputTokensPerMinute  int
	OutputTokensPerMinute int
	RequestsPerDay        int
	TokensPerDay          int

	// InFlight is how many requests may be on their way at a time.
	InFlight int

	// Burst is the part of a minute's allowance that may be used at once, in seconds' worth of it. Defaults to 60.
	Burst float64
}

// allowance is one limit of a Config.
type allowance struct {
	of       resource
	source   string // the name of the setting
	n        int    // in a window
	window   time.Duration
	capacity float64 // part of n that may be used at once
}

func (c Config) allowances() []allowance {
	const minute = 60 // seconds
	burst := c.Burst
	if burst <= 0 || burst > minute {
		burst = minute
	}
	return []allowance{
		{requests, "requests_per_minute", c.RequestsPerMinute, time.Minute, burst / minute},
		{tokens, "tokens_per_minute", c.TokensPerMinute, time.Minute, burst / minute},
		{inputTokens, "input_tokens_per_minute", c.InputTokensPerMinute, time.Minute, burst / minute},
		{outputTokens, "output_tokens_per_minute", c.OutputTokensPerMinute, time.Minute, burst / minute},
		{requests, "requests_per_day", c.RequestsPerDay, 24 * time.Hour, 1},
		{tokens, "tokens_per_day", c.TokensPerDay, 24 * time.Hour, 1},
	}
}

// Configure adds limits. Those that are known already stay where they are lower.
func (l *Limiter) Configure(c Config, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range c.allowances() {
		if x.n <= 0 {
			continue
		}
		rate, capacity := float64(x.n)/x.window.Seconds(), max(1, float64(x.n)*x.capacity)
		b := l.bucket(x.of, x.source)
		if b == nil {
			l.buckets = append(l.buckets, newBucket(x.of, x.source, capacity, rate, now))
			continue
		}
		b.rate, b.capacity = min(b.rate, rate), min(b.capacity, capacity)
		b.move(0)
	}
	if c.InFlight > 0 && (l.most == 0 || c.InFlight < l.most) {
		l.most = c.InFlight
	}
}
