package resilience

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The rules, in the order in which class asks them: structured details, exact codes, phrases of the message for that
// status, the words of codes, general types, the status. Their source is the providers' documentation and error corpora of
// public clients.

// class is the class of the failure. It is always one of [Classes].
func (r *reply) class() Class {
	for _, rule := range []func() Class{r.byDetails, r.byCode, r.byPhrase, r.byLength, r.byCodeWords, r.byStatusText, r.byType, r.byText, r.byFinish} {
		if c := rule(); c != "" {
			return c
		}
	}
	return statusClass(r.status)
}

// byDetails decides what structured details say for certain.
func (r *reply) byDetails() Class {
	limited := r.status == 429 || slices.Contains(r.codes, "resource_exhausted") || slices.Contains(r.codes, "throttling")
	switch {
	case r.page:
		return r.pageClass()
	case r.param != "" && slices.Contains(r.codes, "string_above_max_length") && !promptParam.MatchString(r.param):
		return InvalidRequest // a name that is too long
	case r.flagged, slices.Contains(r.codes, "responsible_ai_policy_violation"):
		return ContentPolicy
	case tooLargeForTier.MatchString(r.phrases()):
		return ContextLength
	case r.status == 413:
		return ContextLength
	case r.limit == "openrouter_in_flight_budget" && r.header.Get("Retry-After") != "":
		return RateLimit
	case limited && (r.daily() || neverAllowed.MatchString(r.phrases())):
		return Quota
	case limited && (r.retryInfo || len(r.quotaIDs) > 0):
		return RateLimit // before "exceeded your current quota", which Gemini says for a minute's limit too
	}
	return ""
}

// pageClass is the class of a page that came instead of an answer.
func (r *reply) pageClass() Class {
	c := statusClass(r.status)
	if r.status < 300 || c == Overloaded {
		return Server
	}
	return c
}

// promptParam are the parameters that hold the prompt.
var promptParam = regexp.MustCompile(`^(?:(?:messages?|input|contents?|prompt|system|instructions)\b(?:.*\b(?:content|text|parts))?[\].\d[]*)$`)

var (
	// tooLargeForTier: Groq (413) and OpenAI (429), "Request too large for model … tokens per minute (TPM): Limit 6000,
	// Requested 8400". The same request can never fit; waiting is useless, another provider may take it.
	tooLargeForTier = regexp.MustCompile(`(?i)request too large\b.{0,400}\blimit:? ?\d+`)
	// neverAllowed: Gemini, a free plan that has no such model: "…, limit: 0".
	neverAllowed = regexp.MustCompile(`(?i)quota exceeded for metric[^\n]{0,300}?\blimit: 0\b`)
	perDay       = regexp.MustCompile(`(?i)\b(?:per[- ]day|per[- ]month|daily|weekly|monthly)\b|/ ?(?:day|month)\b|\((?:TPD|RPD)\)|\blimit_rpd\b|_per_day\b|byday\b|\bper 86400 ?s`)
	aboutUse     = regexp.MustCompile(`(?i)\b(?:rate|usage|request|token)[- ]?limit|too many|\bquota\b`)
)

// daily says whether a day's (or month's) allowance is meant.
func (r *reply) daily() bool {
	for _, id := range r.quotaIDs {
		if strings.Contains(id, "perday") {
			return true
		}
	}
	if len(r.quotaIDs) > 0 {
		return false
	}
	return strings.Contains(r.limit, "daily") || r.limited() && perDay.MatchString(r.phrases()) || r.status == 429 && r.dayUsedUp()
}

// dayUsedUp says whether the headers name a window of a day or more of which nothing is left.
func (r *reply) dayUsedUp() bool {
	return slices.ContainsFunc(Allowances(r.header, time.Time{}), func(a Allowance) bool {
		return a.Remaining == 0 && a.Window >= 24*time.Hour
	})
}

// limited says whether the failure is about a limit of use at all.
func (r *reply) limited() bool {
	return r.status == 429 || r.status < 400 && (slices.Contains(r.codes, "throttling") || aboutUse.MatchString(r.phrases()))
}

// statusTexts are the names of the failing HTTP statuses, in lower case.
var statusTexts = func() map[string]int {
	texts := map[string]int{}
	for status := 400; status < 600; status++ {
		if text := http.StatusText(status); text != "" {
			texts[strings.ToLower(text)] = status
		}
	}
	return texts
}()

// byStatusText decides where a stream or a 200 says nothing but the name of the status that it should have had; a type that
// tells more than Anthropic's "api_error" goes before it.
func (r *reply) byStatusText() Class {
	status := statusTexts[strings.ToLower(strings.Trim(r.phrases(), " .!"))]
	if r.status >= 400 || status == 0 || slices.ContainsFunc(r.codes, func(code string) bool { return code != "api_error" && generalTypes[code] != "" }) {
		return ""
	}
	return statusClass(status)
}

// statusClass is the class of an HTTP status alone.
func statusClass(status int) Class {
	switch status {
	case 401, 407:
		return Auth
	case 402:
		return Quota
	case 403, 451:
		return Permission
	case 301, 302, 303, 307, 308, 404, 410: // a redirect that nobody follows: the address is wrong
		return NotFound
	case 408, 504, 524:
		return Timeout
	case 409, 425, 499: // the official clients try again; 499 is Gemini's CANCELLED, and not by the caller
		return Server
	case 424: // AWS: the model failed; Groq: a request that this one depends on
		return Server
	case 413:
		return ContextLength
	case 420, 429: // 420: enhance your calm
		return RateLimit
	case 446: // Portkey: a guardrail
		return ContentPolicy
	case 498, 503, 529:
		return Overloaded
	}
	switch {
	case status >= 400 && status < 500:
		return InvalidRequest
	case status >= 500 && status < 600, status >= 200 && status < 300: // an error inside a 200
		return Server
	}
	return Unknown
}

// finishReasons are words by which an answer says why it ended early, beside [refusedReasons].
var finishReasons = map[string]Class{
	"error_limit": ContextLength, "context_limit": ContextLength, "model_context_window_exceeded": ContextLength, // Cohere, Anthropic
	"timeout": Timeout, "error": Server, "user_cancel": Server, "insufficient_system_resource": Overloaded, // Cohere, DeepSeek
	"max_tokens": Truncated, "length": Truncated, "malformed_function_call": InvalidResponse, "language": ContentPolicy,
}

// byFinish decides by why an answer ended, where nothing else is said: an answer with nothing in it.
func (r *reply) byFinish() Class {
	if r.status >= 400 {
		return ""
	}
	for _, reason := range r.finish {
		reason = strings.ToLower(reason)
		if refusedReasons[reason] {
			return ContentPolicy
		}
		if c, ok := finishReasons[reason]; ok {
			return c
		}
	}
	if r.blocked {
		return ContentPolicy
	}
	return ""
}
