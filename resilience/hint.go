package resilience

import (
	"errors"
	"net"
	"syscall"
)

// classHint is what a person may do about a failure of a class.
func classHint(c Class) string {
	switch c {
	case RateLimit:
		return "wait, or lower the concurrency or the configured limits"
	case Quota:
		return "add credit or raise the plan's limit at the provider, or use another provider"
	case Auth:
		return "check the provider's API key"
	case Permission:
		return "check that key, organisation and region may use this model"
	case NotFound:
		return "check the model's name and the base URL"
	case InvalidRequest:
		return "the request is wrong for this provider; check its options"
	case ContextLength:
		return "shorten the prompt, lower the answer's limit, or use a model with a larger window"
	case ContentPolicy:
		return "change the prompt, or use another provider"
	case Overloaded, Server:
		return "the provider has trouble; try again later or use another one"
	case Timeout:
		return "try again, or allow more time"
	case Network:
		return "check the connection and the base URL"
	case EmptyResponse, InvalidResponse:
		return "try again, or use another model"
	case Truncated:
		return "raise the limit for the answer's length, or ask for less"
	}
	return ""
}

// causeHint is a hint that is better than the class's, where the cause is known more closely.
func causeHint(err error) string {
	var dns *net.DNSError
	switch {
	case err == nil:
		return ""
	case untrusted(err):
		return "the server's certificate is not trusted; check the base URL, the clock and the system's certificates"
	case errors.As(err, &dns):
		return "the server's name was not found; check the connection and the base URL"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing answers there; check the base URL and that the server runs"
	}
	return ""
}
