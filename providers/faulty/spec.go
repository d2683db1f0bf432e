package faulty

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Config says what fails and when. The zero value injects nothing.
type Config struct {
	// Rates is how large a part of the calls fails in each way: 0 to 1, together at most 1. Defaults to none.
	Rates map[Kind]float64

	// Calls fails the n-th call (from 1, in the order in which calls arrive) of the model. It wins over Rates. Defaults to none.
	Calls map[int]Kind

	// Seed makes another choice of calls at the same rates. Defaults to 0.
	Seed uint64

	// RetryAfter is what rate limits ask to wait. Defaults to 1 s.
	RetryAfter time.Duration

	// Delay is how slow [Slow] is. Defaults to 2 s.
	Delay time.Duration

	// Provider is the name in injected errors. Defaults to "faulty".
	Provider string
}

// Parse reads a specification, entries separated by commas: KIND=RATE, KIND@CALL, retry_after=DURATION,
// delay=DURATION. A rate is 0.1 or 10%. An empty specification injects nothing.
func Parse(spec string, seed uint64) (Config, error) {
	cfg := Config{Rates: map[Kind]float64{}, Calls: map[int]Kind{}, Seed: seed}
	for entry := range strings.SplitSeq(spec, ",") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		if err := cfg.add(entry); err != nil {
			return Config{}, fmt.Errorf("faulty: %q: %w (write KIND=RATE, KIND@CALL, retry_after=DURATION or delay=DURATION, separated by commas; kinds: %s)",
				entry, err, kindList())
		}
	}
	return cfg, cfg.check()
}

func (c *Config) add(entry string) error {
	if k, n, ok := strings.Cut(entry, "@"); ok {
		call, err := strconv.Atoi(strings.TrimSpace(n))
		if err != nil || call < 1 {
			return fmt.Errorf("%q is not the number of a call, from 1", n)
		}
		if _, twice := c.Calls[call]; twice {
			return fmt.Errorf("call %d is named twice", call)
		}
		c.Calls[call] = Kind(strings.TrimSpace(k))
		return kindErr(c.Calls[call])
	}
	key, value, ok := strings.Cut(entry, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if !ok {
		return fmt.Errorf("neither a rate nor a call")
	}
	switch key {
	case "retry_after":
		return duration(value, &c.RetryAfter)
	case "delay":
		return duration(value, &c.Delay)
	}
	k := Kind(key)
	if err := kindErr(k); err != nil {
		return err
	}
	if _, twice := c.Rates[k]; twice {
		return fmt.Errorf("%s is named twice", k)
	}
	rate, err := parseRate(value)
	c.Rates[k] = rate
	return err
}

func parseRate(value string) (float64, error) {
	number, percent := strings.CutSuffix(value, "%")
	rate, err := strconv.ParseFloat(number, 64)
	if percent {
		rate /= 100
	}
	if err != nil || math.IsNaN(rate) || rate < 0 || rate > 1 {
		return 0, fmt.Errorf("%q is not a rate from 0 to 1", value)
	}
	return rate, nil
}

func duration(value string, to *time.Duration) error {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration such as 500ms or 2s", value)
	}
	*to = d
	return nil
}

func kindErr(k Kind) error {
	if !known(k) {
		return fmt.Errorf("unknown kind %q", k)
	}
	return nil
}

func (c *Config) check() error {
	sum := 0.0
	for k, r := range c.Rates {
		if !known(k) {
			return fmt.Errorf("faulty: unknown kind %q (kinds: %s)", k, kindList())
		}
		if math.IsNaN(r) || r < 0 || r > 1 {
			return fmt.Errorf("faulty: the rate of %s is %v; rates are 0 to 1", k, r)
		}
		sum += r
	}
	if sum > 1+1e-9 {
		return fmt.Errorf("faulty: the rates add up to %.3g; together they are at most 1", sum)
	}
	for n, k := range c.Calls {
		if !known(k) || n < 1 {
			return fmt.Errorf("faulty: call %d, kind %q: calls count from 1 (kinds: %s)", n, k, kindList())
		}
	}
	return nil
}
