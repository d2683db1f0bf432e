package resilience

import (
	"errors"
	"net"
	"net/url"
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
	if err == nil {
		return ""
	}
	var (
		dns *net.DNSError
		u   *url.Error
	)
	switch {
	case untrusted(err):
		return "the server's certificate is not trusted; check the base URL, the clock and the system's certificates"
	case plainServer(err):
		return "the server does not speak TLS there; check http or https and the port in the base URL"
	case exhausted(err):
		return "this machine has no more files or ports for connections; lower the concurrency, or raise the limit (ulimit -n)"
	case byProxy(err):
		return "the proxy did not let the connection through; check HTTPS_PROXY and NO_PROXY"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "the server's name was not found; check the connection and the base URL"
	case errors.As(err, &dns):
		return "the name server did not answer; check the connection, or try again"
	case refused(err):
		return "nothing answers there; check the base URL and that the server runs"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.ENETDOWN):
		return "there is no way to the server; check the connection, a VPN and the firewall"
	case looping(err):
		return "the server sends from one address to the next; check the base URL"
	case errors.As(err, &u) && Classify(err) == InvalidRequest:
		return "the address is wrong; check the base URL"
	}
	return ""
}
