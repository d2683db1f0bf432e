package resilience

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestBodiesOfManyServers: the wordings of further servers, and digits that mean nothing.
func TestBodiesOfManyServers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		header string
		body   string
		want   Class
		after  time.Duration
	}{
		{429, "", `{"error":{"code":429,"message":"Your prepayment credits are depleted. Please go to AI Studio at https://ai.studio/projects to manage your project and billing.","status":"RESOURCE_EXHAUSTED"}}`, Quota, 0},
		{429, "", `{"error":{"code":429,"message":"Your project has exceeded its monthly spending cap. Please go to AI Studio","status":"RESOURCE_EXHAUSTED"}}`, Quota, 0},
		{403, "", `{"error":{"message":"Key limit exceeded (daily limit). Manage it using https://openrouter.ai/settings/keys","code":403}}`, Quota, 0},
		{403, "", `{"code":"The caller does not have permission to execute the specified operation","error":"Your team 1234 has either used all available credits or reached its monthly spending limit. To continue making API requests, please purchase more credits or raise your spending limit."}`, Quota, 0},
		{400, "", `{"code":"Client specified an invalid argument","error":"Incorrect API key provided: xa***yz. You can obtain an API key from https://console.x.ai."}`, Auth, 0},
		{429, "", `{"message":"You are using a Trial key, which is limited to 1000 API calls / month. You can continue to use the Trial key for free or upgrade to a Production key"}`, Quota, 0},
		{429, "", `{"message":"You are using a Trial key, which is limited to 20 API calls / minute."}`, RateLimit, 0},
		{429, "", `{"result":null,"success":false,"errors":[{"code":3036,"message":"AiError: you have used up your daily free allocation of 10,000 neurons"}],"messages":[]}`, Quota, 0},
		{429, "", `{"message":"Requests per day limit exceeded - too many requests sent.","type":"too_many_requests_error","param":"quota","code":"request_quota_exceeded"}`, Quota, 0},
		{429, "", `{"message":"Tokens per minute limit exceeded - too many tokens processed.","type":"too_many_tokens_error","param":"quota","code":"token_quota_exceeded"}`, RateLimit, 0},
		{402, "", `{"error":"You have exceeded your monthly included credits for Inference Providers. Subscribe to PRO to get 20x more monthly included credits."}`, Quota, 0},
		{403, "", `{"error":"This authentication method does not have sufficient permissions to call Inference Providers on behalf of user x"}`, Permission, 0},
		{401, "", `{"error":"Invalid username or password."}`, Auth, 0},
		{401, "", `{"detail":"Unauthorized"}`, Auth, 0},
		{429, "", `{"object":"error","message":"Service tier capacity exceeded for this model.","type":"service_tier_capacity_exceeded","param":null,"code":"3505"}`, Overloaded, 0},
		{429, "", `{"object":"error","message":"Rate limit exceeded","type":"rate_limited","param":null,"code":"1300"}`, RateLimit, 0},
		{429, "", `{"message":"Requests rate limit exceeded"}`, RateLimit, 0},
		{400, "", `{"object":"error","message":"Invalid model: mistral-huge","type":"invalid_model","param":null,"code":"1500"}`, NotFound, 0},
		{400, "", `{"error":{"message":"Model Not Exist","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}`, NotFound, 0},
		{400, "", `{"error":{"message":"This response_format type is unavailable now","type":"invalid_request_error"}}`, InvalidRequest, 0},
		{400, "", `{"error":{"message":"This model does not support response format ` + "`json_schema`" + `. See supported models at https://console.groq.com/docs/structured-outputs#supported-models","type":"invalid_request_error","param":"response_format"}}`, InvalidRequest, 0},
		{400, "", `{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}}`, InvalidRequest, 0},
		{400, "", `{"error":{"message":"Invalid schema for response_format 'plan': In context=(), 'required' is required to be supplied and to be an array including every key in properties.","type":"invalid_request_error","param":"text.format.schema","code":"invalid_json_schema"}}`, InvalidRequest, 0},
		{400, "", `{"error":{"message":"Your organization must be verified to stream this model. Please go to: https://platform.openai.com/settings/organization/general","type":"invalid_request_error","param":"stream","code":"unsupported_value"}}`, Permission, 0},
		{400, "", `{"error":{"message":"max_tokens is too large: 100000. This model supports at most 16384 completion tokens, whereas you provided 100000.","type":"invalid_request_error","param":"max_tokens","code":"invalid_value"}}`, InvalidRequest, 0},
		{400, "", `{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens for claude-3-5-sonnet-20241022"}}`, InvalidRequest, 0},
		{403, "", `{"error":{"message":"Project ` + "`proj_429503`" + ` does not have access to model ` + "`gpt-5`" + `","type":"invalid_request_error","param":null,"code":"model_not_found"}}`, NotFound, 0},
		{401, "", `{"error":{"message":"You must be a member of an organization to use the API. Please contact us.","type":"invalid_request_error"}}`, Auth, 0},
		{429, "", `{"error":{"message":"Your account is not active, please check your billing details on our website.","type":"billing_not_active","param":null,"code":"billing_not_active"}}`, Quota, 0},
		{400, "", `{"error":{"message":"Billing hard limit has been reached","type":"invalid_request_error","code":"billing_hard_limit_reached"}}`, Quota, 0},
		{400, "", `{"error":{"message":"Your request was rejected as a result of our safety system.","type":"invalid_request_error"}}`, ContentPolicy, 0},
		{401, "", `{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription."}}`, Auth, 0},
		{403, "", `{"error":{"code":"403","message":"Access denied due to Virtual Network/Firewall rules."}}`, Permission, 0},
		{429, "Retry-After: 86400", `{"error":{"code":"429","message":"Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-02-01 have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 86400 seconds."}}`, RateLimit, 24 * time.Hour},
		{404, "", `{"error":{"code":"404","message":"Resource not found"}}`, NotFound, 0},
		{403, "", `{"error":{"code":403,"message":"Generative Language API has not been used in project 429503 before or it is disabled.","status":"PERMISSION_DENIED","details":[{"reason":"SERVICE_DISABLED"}]}}`, Permission, 0},
		{403, "", `{"error":{"code":403,"message":"This API method requires billing to be enabled.","status":"PERMISSION_DENIED","details":[{"reason":"BILLING_DISABLED"}]}}`, Quota, 0},
		{400, "", `[{"error":{"code":400,"message":"API key expired. Please renew the API key.","status":"INVALID_ARGUMENT"}}]`, Auth, 0},
		{403, "", `{"error":{"code":403,"message":"Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.","status":"PERMISSION_DENIED"}}`, Auth, 0},
		{500, "", `{"error":{"code":500,"message":"An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting","status":"INTERNAL"}}`, Server, 0},
		{499, "", `{"error":{"code":499,"message":"The operation was cancelled.","status":"CANCELLED"}}`, Server, 0},
		{400, "", `{"error":{"code":400,"message":"Provider returned error","metadata":{"raw":"{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 210000 tokens > 200000 maximum\"}}","provider_name":"Anthropic"}}}`, ContextLength, 0},
		{429, "", `{"error":{"message":"Rate limit exceeded: free-models-per-min. ","code":429,"metadata":{"headers":{"X-RateLimit-Limit":"20","X-RateLimit-Remaining":"0"}}}}`, RateLimit, 0},
		{404, "", `{"error":{"message":"No endpoints found matching your data policy (Free model publication). Configure: https://openrouter.ai/settings/privacy","code":404}}`, Permission, 0},
		{402, "", `{"error":{"message":"Insufficient credits. Add more using https://openrouter.ai/settings/credits","code":402}}`, Quota, 0},
		{503, "", `{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}`, Overloaded, 0},
		{400, "", `{"error":{"code":400,"message":"the request exceeds the available context size. try increasing the context size or enable context shift","type":"exceed_context_size_error","n_prompt_tokens":4290,"n_ctx":4096}}`, ContextLength, 0},
		{400, "", `{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 4297 tokens (4041 in the messages, 256 in the completion).","type":"BadRequestError","param":null,"code":400}`, ContextLength, 0},
		{400, "", `{"error":"Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough. Try to load the model with a larger context length, or provide a shorter input"}`, ContextLength, 0},
		{400, "", `{"error":{"message":"'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.","type":"invalid_request_error","param":"messages","code":null}}`, InvalidRequest, 0},
		{400, "", `{"error":{"message":"Input validation error: ` + "`inputs` tokens + `max_new_tokens` must be <= 8193. Given: 8000 `inputs` tokens and 512 `max_new_tokens`" + `","type":"invalid_request_error"}}`, ContextLength, 0},
		{520, "", "<!DOCTYPE html><html><head><title>api.example.com | 520: Web server is returning an unknown error</title></head></html>", Server, 0},
		{522, "", "error code: 522", Server, 0},
		{524, "", "error code: 524", Timeout, 0},
		{403, "", "error code: 1010", Permission, 0},
		{429, "Retry-After: 120", "<html><head><title>429 Too Many Requests</title></head></html>", RateLimit, 2 * time.Minute},
		{502, "", "<html>\r\n<head><title>502 Bad Gateway</title></head></html>", Server, 0},
		{504, "", "<html><title>504 Gateway Time-out</title></html>", Timeout, 0},
		{503, "Retry-After: 30", "upstream connect error or disconnect/reset before headers. reset reason: overflow", Overloaded, 30 * time.Second},
		{200, "", `{"error":{"message":"Internal Server Error","code":500}}`, Server, 0},
		{200, "", `{"type":"error","error":{"details":null,"type":"rate_limit_error","message":"x"},"request_id":"req_0115290000"}`, RateLimit, 0},
		{200, "", `{"error":{"message":"Upstream idle timeout exceeded","code":504}}`, Timeout, 0},
		{500, "", `{"error":"model requires more system memory (8.4 GiB) than is available (3.2 GiB)"}`, Server, 0},
		{400, "", `{"error":"registry.ollama.ai/library/gemma:latest does not support tools"}`, InvalidRequest, 0},
		{429, "", `{"error":"you've reached your hourly usage limit, please upgrade to continue"}`, RateLimit, 0},
		{429, "", `{"error":"you've reached your weekly usage limit, please upgrade to continue"}`, Quota, 0},
		{429, "", `{"error":{"message":"Rate limit reached. Please try again in 500 ms."}}`, RateLimit, 500 * time.Millisecond},
		{429, "Retry-After: 30s", `{}`, RateLimit, 30 * time.Second},
		{400, "", `{"error":{"message":"messages: text content blocks must be non-empty; request 529 429 overloaded rate limit","type":"invalid_request_error"}}`, InvalidRequest, 0},
		{429, "", `{"type":"error","error":{"type":"rate_limit_error","message":"Number of request tokens has exceeded your daily rate limit (https://docs.anthropic.com/claude/reference/rate-limits)"}}`, Quota, 0},
		{429, "", `{"error":{"message":"Request too large for gpt-4 (for limit gpt-4-turbo) in organization org-1 on tokens per min (TPM): Limit 10000, Requested 10001.","type":"tokens","code":"rate_limit_exceeded"}}`, ContextLength, 0},
		{400, "", `{"type":"error","error":{"type":"invalid_request_error","message":"This organization has been disabled."}}`, Permission, 0},
		{400, "", `{"type":"error","error":{"type":"invalid_request_error","message":"messages.0.content.0.text.text: Field required"}}`, InvalidRequest, 0},
	} {
		var e *Error
		require.ErrorAs(t, FromHTTP("p", c.status, headers(c.header), []byte(c.body)), &e)
		require.Equal(t, c.want, e.Class, "%d %s", c.status, c.body)
		require.Equal(t, c.after, e.After, "%d %s", c.status, c.body)
	}
}

// TestHostileTexts: the cost of a text grows with its length, no faster. A text of eight times the length may take 24 times as
// long, in the best of some attempts; were the growth quadratic it would be 64 times.
func TestHostileTexts(t *testing.T) {
	const small, large, attempts = 1 << 10, 8 << 10, 5
	for name, text := range hostile(large) {
		ratio := math.Inf(1)
		for range attempts {
			if ratio = min(ratio, float64(reading(text))/float64(reading(hostile(small)[name]))); ratio < 3*large/small {
				break
			}
		}
		require.Less(t, ratio, 3.0*large/small, name)
	}
}

// reading is how long it takes to make errors of a text.
func reading(text string) time.Duration {
	start := time.Now()
	Redact(text)
	_ = FromHTTP("p", 429, nil, []byte(text)).Error()
	_ = FromHTTP("p", 400, nil, []byte(`{"error":{"message":"`+strings.ReplaceAll(text, `"`, "'")+`"}}`)).Error()
	return time.Since(start)
}

// hostile are texts of about n bytes that make a careless pattern try again at each place.
func hostile(n int) map[string]string {
	rep := func(s string) string { return strings.Repeat(s, n/len(s)) }
	return map[string]string{
		"a": rep("a"), "key": rep("key="), "?key": rep("?key"), "&a-": rep("&a_-key"), "sk-": rep("sk-"), "sk-a ": rep("sk-aaaaa "), "a://": rep("a://"), "a://b:": rep("a://b:"), "a.": rep("a."), "a+": rep("a+"), "a://b:c@": rep("a://b:c@"),
		"bearer ": rep("bearer "), "eyJ": rep("eyJaaaaaaaa."), "eyJ-": rep("eyJ-"), "api-key": rep("api-key: "), "secret": rep("secret"), "secret=": rep(`secret="`), "quote": rep(`"`), "akia": rep("AKIA"), "ya29.": rep("ya29."), "space": rep(" "), "cp": rep("password=abcdef&"), "title": rep("<title>"), "err{": rep(`{"error":`), "[": rep("["), "rtl": rep("request too large "), "limit": rep("request too large limit "),
		"model": rep("model "), "tokens": rep("tokens "), "json": `{"error":{"message":"` + rep("invalid api ") + `"}}`, "details": `{"error":{"details":[` + rep(`{"violations":[{"quotaId":"x"}]},`) + `{}]}}`, "retry": rep("retry in 1h1m1s1ms"), "retry2": rep("try again in 1h1m1s"), "quota": rep("quota exceeded for metric "),
	}
}
