package resilience

import (
	"regexp"
	"slices"
	"strings"
)

// exactCodes are codes that mean one thing, whatever the status, as normalCode writes them.
var exactCodes = map[string]Class{
	"insufficient_quota": Quota, "credit_balance_exhausted": Quota, "organization_spend_limit_exceeded": Quota,
	"project_spend_limit_exceeded": Quota, "organization_usage_limit_exceeded": Quota, "billing_hard_limit_reached": Quota,
	"billing_not_active": Quota, "enforced_spend_limit_reached": Quota, "billing_error": Quota, "payment_required": Quota,
	"insufficient_balance": Quota, "billing_disabled": Quota, "insufficient_credits": Quota, "usage_limit_reached": Quota,
	"service_quota_exceeded": Quota, "daily_limit_exceeded": Quota,

	"rate_limit_exceeded": RateLimit, "slow_down": RateLimit, "too_many_requests": RateLimit, "user_rate_limit_exceeded": RateLimit,

	"invalid_api_key": Auth, "api_key_invalid": Auth, "api_key_expired": Auth, "account_deactivated": Auth,
	"authentication_error": Auth, "unauthenticated": Auth, "missing_api_key": Auth, "expired_api_key": Auth,
	"access_token_type_unsupported": Auth, "authentication": Auth,
	// AWS: API_common errors
	"expired_token": Auth, "unrecognized_client": Auth, "invalid_signature": Auth, "incomplete_signature": Auth,
	"missing_authentication_token": Auth, "invalid_client_token_id": Auth, "signature_does_not_match": Auth,

	"unsupported_country_region_territory": Permission, "service_disabled": Permission, "ip_not_authorized": Permission,
	"api_key_service_blocked": Permission, "api_key_ip_address_blocked": Permission, "model_permission_blocked_org": Permission,
	"api_key_http_referrer_blocked": Permission, "consumer_suspended": Permission, "organization_restricted": Permission,
	"authentication_type_disabled": Permission, "opt_in_required": Permission, "not_available_for_plan": Permission,

	"model_not_found": NotFound, "deployment_not_found": NotFound, "model_decommissioned": NotFound, "model_not_available": NotFound,
	"not_found_error": NotFound, "invalid_model": NotFound, "unknown_url": NotFound, "unknown_model": NotFound,

	"context_length_exceeded": ContextLength, "request_too_large": ContextLength, "string_above_max_length": ContextLength,
	"model_context_window_exceeded": ContextLength, "exceed_context_size_error": ContextLength, "token_limit_exceeded": ContextLength,
	"string_too_long": ContextLength, "payload_too_large": ContextLength,

	"content_policy_violation": ContentPolicy, "content_filter": ContentPolicy, "responsible_ai_policy_violation": ContentPolicy,
	"invalid_prompt": ContentPolicy, "moderation_blocked": ContentPolicy, "refusal": ContentPolicy, "hooks_failed": ContentPolicy,

	"server_is_overloaded": Overloaded, "overloaded_error": Overloaded, "provider_overloaded": Overloaded,
	"capacity_exceeded": Overloaded, "unavailable": Overloaded, "engine_overloaded": Overloaded, "engine_overloaded_error": Overloaded,
	"service_unavailable": Overloaded, "service_tier_capacity_exceeded": Overloaded, "model_overloaded": Overloaded,
	"no_capacity": Overloaded, "model_not_ready": Overloaded,

	"timeout_error": Timeout, "deadline_exceeded": Timeout, "model_timeout": Timeout,

	"provider_unavailable": Server, "model_stream_error": Server,

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

// codeRule is what a code's words tell, where no exact code is known. It counts only for the statuses with which the meaning
// agrees: a code is a name that somebody gave, a status is a standard.
type codeRule struct {
	class    Class
	statuses []int // 500 stands for all from there on
	words    *regexp.Regexp
}

// codeRules are asked in this order.
var codeRules = []codeRule{
	{InvalidRequest, []int{400, 413, 422}, regexp.MustCompile(`^(?:image|file|audio|video|media)_.*(?:large|small|long|size|format|type)|^max_tokens_exceeded$`)},
	{ContextLength, []int{400, 403, 413, 422}, regexp.MustCompile(`context_(?:length|window|size)|(?:input|prompt|request|payload|content|message|string|text|body)_.*too_(?:large|long)|too_long$`)},
	{ContentPolicy, []int{400, 403, 422, 446, 451, 498}, regexp.MustCompile(`_policy$|policy_violation|(?:content|safety|prompt)_.*(?:filter|block|violat|reject|prohibit|unsafe)|moderation|guardrail|blocklist|prohibited_content|recitation|^safety$|^spii$|data_inspection_failed`)},
	{Quota, []int{400, 401, 402, 403, 429}, regexp.MustCompile(`insufficient_.*(?:quota|balance|credit|fund)|quota_(?:exceeded|exhausted|limit)|budget|billing|payment|spend|credit|arrear|usage_limit|over_?quota|subscription_(?:disabled|expired)`)},
	{RateLimit, []int{400, 429, 503}, regexp.MustCompile(`throttl|rate_?limit|too_many_(?:requests|tokens)|(?:request|token)s?_limited|concurren|provisioned_throughput_exceeded`)},
	{Overloaded, []int{429, 500}, regexp.MustCompile(`overload|capacity|not_ready|busy|service_unavailable|model_loading`)},
	{Permission, []int{400, 401, 403, 404, 451}, regexp.MustCompile(`access_denied|permission_?denied|forbidden|not_(?:authorized|allowed|permitted)|permission|region|country|consumer_suspended|restricted`)},
	{Auth, []int{400, 401, 403}, regexp.MustCompile(`unauthenticated|unauthorized|authenticat|(?:invalid|missing|expired|incorrect|wrong|bad|no)_(?:[a-z]+_)?(?:key|token|credentials?|signature|auth)(?:$|_error)|(?:key|access_token|auth_token|credentials?|signature)_(?:invalid|expired|missing|not_found|revoked)|token_(?:expired|not_found|revoked)|auth_error|mismatched_organization`)},
	{NotFound, []int{400, 403, 404, 410, 422}, regexp.MustCompile(`(?:model|deployment|endpoint|engine|route|resource|function)_?.*(?:not_found|not_available|not_exist|deprecated|decommissioned|retired|unknown)|unknown_(?:model|endpoint|deployment)|unsupported_model|no_such_model|unavailable_model|model_not_supported`)},
	{InvalidRequest, []int{400, 422}, regexp.MustCompile(`^invalid_|_invalid$|malformed|unsupported|unprocessable|validation_`)},
	{Timeout, []int{408, 429, 500}, regexp.MustCompile(`time_?d?_?out|deadline`)},
}

// byCodeWords decides by the words of codes.
func (r *reply) byCodeWords() Class {
	for _, code := range r.codes {
		for _, rule := range codeRules {
			if r.status >= 400 && !slices.Contains(rule.statuses, min(r.status, 500)) {
				continue
			}
			if rule.class == Quota && r.willRenew() {
				continue
			}
			if rule.words.MatchString(code) {
				return rule.class
			}
		}
	}
	return ""
}

// generalTypes are types that leave details to the message; they are asked after it.
var generalTypes = map[string]Class{
	"rate_limit_error": RateLimit, "resource_exhausted": RateLimit, "requests": RateLimit, "tokens": RateLimit,
	"permission_denied": Permission, "permission_error": Permission, "failed_precondition": Permission,
	"not_found": NotFound, "not_found_error": NotFound, "resource_not_found": NotFound,
	"api_error": Server, "server_error": Server, "internal": Server, "internal_server_error": Server, "internal_error": Server,
	"internal_server": Server, "internal_failure": Server, "cancelled": Server, "aborted": Server, "unknown": Server, "data_loss": Server,
	"invalid_request_error": InvalidRequest, "invalid_argument": InvalidRequest, "out_of_range": InvalidRequest,
	"extra_forbidden": InvalidRequest, "invalid_request_prompt": InvalidRequest, "validation": InvalidRequest,
	"bad_request": InvalidRequest, "bad_request_error": InvalidRequest, "unimplemented": InvalidRequest,
	"access_denied": Permission, "forbidden": Permission, "unauthorized": Auth, "account_suspended": Auth,
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

// maxCodeLength bounds what counts as a code.
const maxCodeLength = 100

// normalCode writes a code in one form, words in lower case with underscores: ThrottlingException, RESOURCE_EXHAUSTED,
// "Too Many Requests" and com.amazon.coral#ValidationException become throttling, resource_exhausted, too_many_requests and
// validation. It returns "" for what is no code.
func normalCode(code string) string {
	if _, after, found := strings.Cut(code, "#"); found { // AWS: a namespace
		code = after
	}
	code, _, _ = strings.Cut(code, ":") // AWS: an address behind the name
	code = strings.TrimSpace(code)
	if code == "" || len(code) > maxCodeLength {
		return ""
	}
	var b strings.Builder
	for i := 0; i < len(code); i++ {
		c := code[i]
		switch {
		case c >= 'A' && c <= 'Z':
			next := i+1 < len(code) && code[i+1] >= 'a' && code[i+1] <= 'z'
			if i > 0 && (isLower(code[i-1]) || next && isUpper(code[i-1])) {
				b.WriteByte('_')
			}
			b.WriteByte(c + 'a' - 'A')
		case c == ' ' || c == '-' || c == '.' || c == '/':
			b.WriteByte('_')
		default:
			b.WriteByte(c)
		}
	}
	return strings.TrimSuffix(b.String(), "_exception")
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
