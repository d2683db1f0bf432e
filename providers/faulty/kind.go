package faulty

import (
	"slices"
	"strings"
)

// Kind is a kind of failure.
type Kind string

// The kinds.
const (
	RateLimit     Kind = "rate_limit"     // HTTP 429 with Retry-After
	Quota         Kind = "quota"          // HTTP 429, insufficient_quota
	Auth          Kind = "auth"           // HTTP 401
	Overloaded    Kind = "overloaded"     // HTTP 503
	Server        Kind = "server"         // HTTP 500
	Network       Kind = "network"        // connection reset
	ContextLength Kind = "context_length" // HTTP 400, context_length_exceeded
	Empty         Kind = "empty"          // an answer without text
	Truncated     Kind = "truncated"      // the answer's first half, finish reason "length"
	Refusal       Kind = "refusal"        // "I'm sorry, but I can't help with that."
	Malformed     Kind = "malformed"      // JSON broken in the middle, finish reason "stop"
	Slow          Kind = "slow"           // the answer, after Config.Delay
	Hang          Kind = "hang"           // nothing, until the context ends
)

// Kinds returns all kinds.
func Kinds() []Kind {
	return []Kind{RateLimit, Quota, Auth, Overloaded, Server, Network, ContextLength, Empty, Truncated, Refusal, Malformed, Slow, Hang}
}

func known(k Kind) bool { return slices.Contains(Kinds(), k) }

func kindList() string {
	names := make([]string, 0, len(Kinds()))
	for _, k := range Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}
