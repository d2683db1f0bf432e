package resilience

// Class says what kind of failure an error is, and so what can be done about it.
type Class string

// The classes. In brackets: may the same provider succeed later; may another one succeed.
const (
	RateLimit       Class = "rate_limit"       // too many requests or tokens now; waiting helps [as told, yes]
	Quota           Class = "quota"            // money, plan or a day's allowance is used up, whatever the status [no, yes]
	Auth            Class = "auth"             // key missing, invalid or revoked, also when the API says 400 [no, yes]
	Permission      Class = "permission"       // key good but not allowed: region, organisation, model, firewall [no, yes]
	NotFound        Class = "not_found"        // the model or endpoint does not exist [no, yes]
	InvalidRequest  Class = "invalid_request"  // the request itself is wrong [no, once]
	ContextLength   Class = "context_length"   // too large for this model or tier, whatever the status [no, a larger window]
	ContentPolicy   Class = "content_policy"   // refused by a filter or by the model [no, yes]
	Overloaded      Class = "overloaded"       // no capacity now [yes, yes]
	Server          Class = "server"           // other 5xx, pages of a CDN, errors inside a 200 [yes, yes]
	Timeout         Class = "timeout"          // 408, 504, 524, an attempt's own deadline [yes, yes]
	Network         Class = "network"          // refused, reset, DNS, TLS, EOF, GOAWAY [yes, unless a certificate is not trusted; yes]
	EmptyResponse   Class = "empty_response"   // 200 with nothing in it [yes, two in a row: switch]
	Truncated       Class = "truncated"        // cut by a length limit [never the same request, no]
	InvalidResponse Class = "invalid_response" // malformed or broken answer, a stream without its end [yes, yes]
	Canceled        Class = "canceled"         // by the caller [no, no]
	Unknown         Class = "unknown"          // none of these [once, yes]
)

// Classes returns all classes, in the order of their declaration.
func Classes() []Class {
	return []Class{
		RateLimit, Quota, Auth, Permission, NotFound, InvalidRequest, ContextLength, ContentPolicy, Overloaded,
		Server, Timeout, Network, EmptyResponse, Truncated, InvalidResponse, Canceled, Unknown,
	}
}

// retryable says whether the same provider may succeed later with the same request.
func (c Class) retryable() bool {
	switch c {
	case RateLimit, Overloaded, Server, Timeout, Network, EmptyResponse, InvalidResponse, Unknown:
		return true
	}
	return false
}

// switchable says whether another provider may succeed with the same request.
func (c Class) switchable() bool { return c != "" && c != Truncated && c != Canceled }
