package resilience

import (
	"regexp"
	"slices"
	"strings"
)

// The rules, in the order in which class asks them: structured details, exact codes, phrases of the message for that
// status, general types, the status. Their source is the providers' documentation and error corpora of public clients.

// class is the class of the failure. It is always one of [Classes].
func (r *reply) class() Class {
	for _, rule := range []func() Class{r.byDetails, r.byCode, r.byPhrase, r.byType} {
		if c := rule(); c != "" {
			return c
		}
	}
	return statusClass(r.status)
}

// byDetails decides what structured details say for certain.
func (r *reply) byDetails() Class {
	limited := r.status == 429 || slices.Contains(r.codes, "resource_exhausted")
	switch {
	case r.page:
		return r.pageClass()
	case r.flagged, slices.Contains(r.codes, "responsibleaipolicyviolation"):
		return ContentPolicy
	case tooLargeForTier.MatchString(r.phrases()):
		return ContextLength
	case r.status == 413:
		return ContextLength
	case r.limit == "openrouter_in_flight_budget" && r.header.Get("Retry-After") != "":
		return RateLimit
	case limited && (r.daily() || neverAllowed.MatchString(r.message)):
		return Quota
	case limited && (r.retryInfo || len(r.quotaIDs) > 0):
		return RateLimit // before "exceeded your current quota", which Gemini says for a minute's limit too
	}
	return ""
}

// pageClass is the class of a page that came instead of an answer.
func (r *reply) pageClass() Class {
	c := statusClass(r.status)
	if r.status < 400 || c == Overloaded {
		return Server
	}
	return c
}

var (
	// tooLargeForTier: Groq (413) and OpenAI (429), "Request too large for model … tokens per minute (TPM): Limit 6000,
	// Requested 8400". The same request can never fit; waiting is useless, another provider may take it.
	tooLargeForTier = regexp.MustCompile(`(?i)request too large\b.{0,400}\blimit:? ?\d+`)
	// neverAllowed: Gemini, a free plan that has no such model: "…, limit: 0".
	neverAllowed = regexp.MustCompile(`(?i)quota exceeded for metric[^\n]{0,300}?\blimit: 0\b`)
	perDay       = regexp.MustCompile(`(?i)\b(?:per[- ]day|per[- ]month|daily|weekly|monthly)\b|/ ?(?:day|month)\b|\((?:TPD|RPD)\)|\bper_day\b`)
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
	return strings.Contains(r.limit, "daily") || r.status == 429 && perDay.MatchString(r.message)
}

// exactCodes are codes that mean one thing, whatever the status.
var exactCodes = map[string]Class{
	"insufficient_quota": Quota, "credit_balance_exhausted": Quota, "organization_spend_limit_exceeded": Quota,
	"project_spend_limit_exceeded": Quota, "organization_usage_limit_exceeded": Quota, "billing_hard_limit_reached": Quota,
	"billing_not_active": Quota, "enforced_spend_limit_reached": Quota, "billing_error": Quota, "payment_required": Quota,
	"insufficient_balance": Quota, "billing_disabled": Quota, "insufficient_credits": Quota,

	"rate_limit_exceeded": RateLimit, "slow_down": RateLimit, "too_many_requests": RateLimit,

	"invalid_api_key": Auth, "api_key_invalid": Auth, "api_key_expired": Auth, "account_deactivated": Auth,
	"authentication_error": Auth, "unauthenticated": Auth, "missing_api_key": Auth, "expired_api_key": Auth,
	"access_token_type_unsupported": Auth, "account_suspended": Auth,

	"unsupported_country_region_territory": Permission, "permission_error": Permission, "service_disabled": Permission,
	"api_key_service_blocked": Permission, "api_key_ip_address_blocked": Permission, "model_permission_blocked_org": Permission,
	"api_key_http_referrer_blocked": Permission, "consumer_suspended": Permission, "organization_restricted": Permission,

	"model_not_found": NotFound, "deploymentnotfound": NotFound, "model_decommissioned": NotFound, "model_not_available": NotFound,
	"not_found_error": NotFound, "invalid_model": NotFound, "unknown_url": NotFound,

	"context_length_exceeded": ContextLength, "request_too_large": ContextLength, "string_above_max_length": ContextLength,
	"model_context_window_exceeded": ContextLength, "exceed_context_size_error": ContextLength,

	"content_policy_violation": ContentPolicy, "content_filter": ContentPolicy, "responsibleaipolicyviolation": ContentPolicy,
	"invalid_prompt": ContentPolicy, "moderation_blocked": ContentPolicy, "refusal": ContentPolicy,

	"server_is_overloaded": Overloaded, "overloaded_error": Overloaded, "provider_overloaded": Overloaded,
	"capacity_exceeded": Overloaded, "unavailable": Overloaded, "engine_overloaded": Overloaded, "engine_overloaded_error": Overloaded,
	"service_unavailable": Overloaded, "service_tier_capacity_exceeded": Overloaded, "model_overloaded": Overloaded,

	"timeout_error": Timeout, "deadline_exceeded": Timeout,

	"json_validate_failed": InvalidResponse, "tool_use_failed": InvalidResponse, // Groq: what the model wrote was no JSON
}

// byCode decides by the first code that means one thing.
func (r *reply) byCode() Class {
	for _, code := range r.codes {
		c, ok := exactCodes[code]
		switch {
		case !ok:
		case code == "not_found_error" && r.status != 404 && r.status >= 400: // a general type, used for more than models
		default:
			return c
		}
	}
	return ""
}

// generalTypes are types that leave details to the message; they are asked after it.
var generalTypes = map[string]Class{
	"rate_limit_error": RateLimit, "resource_exhausted": RateLimit, "requests": RateLimit, "tokens": RateLimit,
	"permission_denied": Permission, "failed_precondition": Permission, "not_found": NotFound, "not_found_error": NotFound,
	"api_error": Server, "server_error": Server, "internal": Server, "internal_server_error": Server, "internal_error": Server,
	"cancelled": Server, "aborted": Server, "unknown": Server,
	"invalid_request_error": InvalidRequest, "invalid_argument": InvalidRequest, "out_of_range": InvalidRequest,
	"extra_forbidden": InvalidRequest, "invalid_request_prompt": InvalidRequest,
	"access_denied": Permission, "forbidden": Permission, "unauthorized": Auth,
}

// byType decides by a general type, where the status does not say something else: DeepSeek answers 401 and 402 with the
// type invalid_request_error.
func (r *reply) byType() Class {
	for _, code := range r.codes {
		c, ok := generalTypes[code]
		if !ok {
			continue
		}
		if r.status >= 400 && (c == InvalidRequest && r.status != 400 || c == Server) {
			continue
		}
		if c == RateLimit && r.status >= 400 && r.status != 429 {
			continue
		}
		return c
	}
	return ""
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
	case 404, 410:
		return NotFound
	case 408, 504, 524:
		return Timeout
	case 409, 425, 499: // the official clients try again; 499 is Gemini's CANCELLED, and not by the caller
		return Server
	case 413:
		return ContextLength
	case 429:
		return RateLimit
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
