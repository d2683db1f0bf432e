package resilience

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// answer is one recorded shape of a provider's failure.
type answer struct {
	name     string
	provider string
	status   int
	header   string // "Name: value" lines
	body     string
	want     Class
	after    time.Duration
}

func headers(lines string) http.Header {
	h := make(http.Header)
	for line := range strings.Lines(lines) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if name != "" {
			h.Add(name, value)
		}
	}
	return h
}

var answers = []answer{
	{"minute limit", "openai", 429, "Retry-After: 20\nX-Ratelimit-Remaining-Requests: 0\nX-Ratelimit-Reset-Requests: 6m0s", `{"error":{"message":"Rate limit reached for gpt-4o in organization org-4299 on tokens per min (TPM): Limit 30000, Used 29000, Requested 1500.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}`, RateLimit, 20 * time.Second},
	{"no money", "openai", 429, "", `{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`, Quota, 0},
	{"spend limit", "openai", 429, "", `{"error":{"message":"…","type":"insufficient_quota","code":"project_spend_limit_exceeded"}}`, Quota, 0},
	{"type too coarse", "openai", 429, "", `{"error":{"message":"Slow","type":"insufficient_quota","code":"slow_down"}}`, RateLimit, 0},
	{"day limit", "openai", 429, "", `{"error":{"message":"Rate limit reached for gpt-4o on requests per day (RPD): Limit 200, Used 200, Requested 1. Please try again in 7m12s.","type":"requests","code":"rate_limit_exceeded"}}`, Quota, 7*time.Minute + 12*time.Second},
	{"never fits", "openai", 429, "", `{"error":{"message":"Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 48123. The input or output tokens must be reduced in order to run successfully.","type":"tokens","code":"rate_limit_exceeded"}}`, ContextLength, 0},
	{"bad key", "openai", 401, "", `{"error":{"message":"Incorrect API key provided: sk-proj-abcdefgh***wxyz. You can find your API key at https://platform.openai.com/account/api-keys.","type":"invalid_request_error","code":"invalid_api_key"}}`, Auth, 0},
	{"scopes", "openai", 401, "", `{"error":{"message":"You have insufficient permissions for this operation. Missing scopes: model.request.","type":"invalid_request_error"}}`, Permission, 0},
	{"country", "openai", 403, "", `{"error":{"code":"unsupported_country_region_territory","message":"Country, region, or territory not supported","type":"request_forbidden"}}`, Permission, 0},
	{"no such model", "openai", 404, "", `{"error":{"message":"The model 'gpt-9' does not exist or you do not have access to it.","type":"invalid_request_error","code":"model_not_found"}}`, NotFound, 0},
	{"context", "openai", 400, "", `{"error":{"message":"This model's maximum context length is 8192 tokens. However, your messages resulted in 42930 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`, ContextLength, 0},
	{"bad parameter", "openai", 400, "", `{"error":{"message":"Unsupported value: 'temperature' does not support 0 with this model. Prompt was: rate limit 429 overloaded","type":"invalid_request_error","code":"unsupported_value"}}`, InvalidRequest, 0},
	{"policy", "openai", 400, "", `{"error":{"message":"Invalid prompt: your prompt was flagged as potentially violating our usage policy.","type":"invalid_request_error","code":"invalid_prompt"}}`, ContentPolicy, 0},
	{"overloaded", "openai", 503, "", `{"error":{"message":"That model is currently overloaded with other requests.","type":"server_error","code":null}}`, Overloaded, 0},
	{"500", "openai", 500, "", `{"error":{"message":"The server had an error while processing your request.","type":"server_error"}}`, Server, 0},
	{"in a stream", "openai", 200, "", `data: {"error":{"message":"The server had an error","type":"server_error"}}`, Server, 0},

	{"filter", "azure", 400, "", `{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}`, ContentPolicy, 0},
	{"unknown window", "azure", 429, "X-Ratelimit-Remaining-Requests: -1\nX-Ratelimit-Reset-Requests: 0", `{"error":{"code":"429","message":"Requests have exceeded call rate limit. Please retry after 24 seconds."}}`, RateLimit, 24 * time.Second},
	{"deployment", "azure", 404, "", `{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}`, NotFound, 0},

	{"minute limit", "anthropic", 429, "Retry-After: 12", `{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your organization's rate limit of 50,000 input tokens per minute."}}`, RateLimit, 12 * time.Second},
	{"used up window", "anthropic", 429, "Date: Sun, 22 Nov 2026 20:00:00 GMT\nAnthropic-Ratelimit-Input-Tokens-Remaining: 0\nAnthropic-Ratelimit-Input-Tokens-Reset: 2026-11-22T20:00:41Z\nAnthropic-Ratelimit-Requests-Remaining: 10\nAnthropic-Ratelimit-Requests-Reset: 2026-11-22T21:00:00Z", `{"type":"error","error":{"type":"rate_limit_error","message":"Number of request tokens has exceeded your rate limit"}}`, RateLimit, 41 * time.Second},
	{"spend limit", "anthropic", 429, "", `{"type":"error","error":{"type":"rate_limit_error","message":"Your organization reached its limit.","details":{"error_code":"enforced_spend_limit_reached"}}}`, Quota, 0},
	{"own spend limit", "anthropic", 400, "Date: Mon, 30 Nov 2026 22:00:00 GMT", `{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."}}`, Quota, 2 * time.Hour},
	{"credit", "anthropic", 400, "", `{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."}}`, Quota, 0},
	{"billing", "anthropic", 402, "", `{"type":"error","error":{"type":"billing_error","message":"…"}}`, Quota, 0},
	{"too long", "anthropic", 400, "", `{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 214290 tokens > 200000 maximum"}}`, ContextLength, 0},
	{"too long with answer", "anthropic", 400, "", `{"type":"error","error":{"type":"invalid_request_error","message":"input length and max_tokens exceed context limit: 190000 + 20000 > 200000"}}`, ContextLength, 0},
	{"too large", "anthropic", 413, "", `{"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}`, ContextLength, 0},
	{"overloaded", "anthropic", 529, "", `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, Overloaded, 0},
	{"overloaded in a stream", "anthropic", 200, "", `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, Overloaded, 0},
	{"timeout", "anthropic", 504, "", `{"type":"error","error":{"type":"timeout_error","message":"…"}}`, Timeout, 0},
	{"policy", "anthropic", 400, "", `{"type":"error","error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}`, ContentPolicy, 0},
	{"bad key", "anthropic", 401, "", `{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}`, Auth, 0},
	{"model", "anthropic", 404, "", `{"type":"error","error":{"type":"not_found_error","message":"model: claude-9"}}`, NotFound, 0},

	{"minute limit", "gemini", 429, "", `{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel-FreeTier","quotaValue":"15"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.07s"}]}}`, RateLimit, 34070 * time.Millisecond},
	{"day limit", "gemini", 429, "", `[{"error":{"code":429,"message":"You exceeded your current quota.","status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},{"retryDelay":"51s"}]}}]`, Quota, 51 * time.Second},
	{"no free tier", "gemini", 429, "", `{"error":{"code":429,"message":"You exceeded your current quota. * Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 0\nPlease retry in 12s.","status":"RESOURCE_EXHAUSTED"}}`, Quota, 12 * time.Second},
	{"words only", "gemini", 429, "", `{"error":{"code":429,"message":"You exceeded your current quota. Quota exceeded for metric: x, limit: 15\nPlease retry in 34.5s.","status":"RESOURCE_EXHAUSTED"}}`, RateLimit, 34500 * time.Millisecond},
	{"exhausted", "gemini", 429, "", `{"error":{"code":429,"message":"Resource has been exhausted (e.g. check quota).","status":"RESOURCE_EXHAUSTED"}}`, RateLimit, 0},
	{"bad key", "gemini", 400, "", `{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}`, Auth, 0},
	{"leaked key", "gemini", 403, "", `{"error":{"code":403,"message":"Your API key was reported as leaked. Please use another API key.","status":"PERMISSION_DENIED"}}`, Auth, 0},
	{"region", "gemini", 400, "", `{"error":{"code":400,"message":"User location is not supported for the API use.","status":"FAILED_PRECONDITION"}}`, Permission, 0},
	{"too long", "gemini", 400, "", `{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}`, ContextLength, 0},
	{"overloaded", "gemini", 503, "", `{"error":{"code":503,"message":"The model is overloaded. Please try again later.","status":"UNAVAILABLE"}}`, Overloaded, 0},
	{"deadline", "gemini", 504, "", `{"error":{"code":504,"message":"…","status":"DEADLINE_EXCEEDED"}}`, Timeout, 0},
	{"model", "gemini", 404, "", `{"error":{"code":404,"message":"models/gemini-9 is not found for API version v1beta","status":"NOT_FOUND"}}`, NotFound, 0},
	{"bad argument", "gemini", 400, "", `{"error":{"code":400,"message":"Invalid JSON payload received.","status":"INVALID_ARGUMENT"}}`, InvalidRequest, 0},

	{"minute limit", "groq", 429, "Retry-After: 7\nX-Ratelimit-Reset-Requests: 2h", `{"error":{"message":"Rate limit reached for model x on tokens per minute (TPM): Limit 6000, Used 5900, Requested 900. Please try again in 6.9s.","type":"tokens","code":"rate_limit_exceeded"}}`, RateLimit, 7 * time.Second},
	{"day limit", "groq", 429, "", `{"error":{"message":"Rate limit reached for model x on tokens per day (TPD): Limit 100000, Used 99336, Requested 1432. Please try again in 11m3.552s.","type":"tokens","code":"rate_limit_exceeded"}}`, Quota, 11*time.Minute + 3552*time.Millisecond},
	{"never fits", "groq", 413, "", `{"error":{"message":"Request too large for model x in organization y service tier on_demand on tokens per minute (TPM): Limit 6000, Requested 8400, please reduce your message size and try again.","type":"tokens","code":"rate_limit_exceeded"}}`, ContextLength, 0},
	{"context", "groq", 400, "", `{"error":{"message":"Please reduce the length of the messages or completion.","type":"invalid_request_error","param":"messages"}}`, ContextLength, 0},
	{"flex", "groq", 498, "", `{"error":{"message":"Flex tier capacity exceeded","type":"capacity_exceeded","code":"capacity_exceeded"}}`, Overloaded, 0},

	{"credit", "openrouter", 402, "", `{"error":{"code":402,"message":"This request requires more credits, or fewer max_tokens."}}`, Quota, 0},
	{"in flight", "openrouter", 402, "Retry-After: 3", `{"error":{"code":402,"message":"Too much in flight","metadata":{"limit_source":"openrouter_in_flight_budget"}}}`, RateLimit, 3 * time.Second},
	{"free day", "openrouter", 429, "Date: Sun, 22 Nov 2026 20:00:00 GMT", `{"error":{"message":"Rate limit exceeded: free-models-per-day","code":429,"metadata":{"headers":{"X-RateLimit-Limit":"50","X-RateLimit-Remaining":"0","X-RateLimit-Reset":"1795392000000"}}}}`, Quota, 4 * time.Hour},
	{"moderation", "openrouter", 403, "", `{"error":{"code":403,"message":"The input was flagged","metadata":{"reasons":["violence"],"flagged_input":"…"}}}`, ContentPolicy, 0},
	{"inside a 200", "openrouter", 200, "", `{"error":{"code":429,"message":"Provider returned error","metadata":{"raw":"x is temporarily rate-limited upstream","provider_name":"X"}}}`, RateLimit, 0},
	{"inside a choice", "openrouter", 200, "", `{"choices":[{"finish_reason":"error","error":{"code":502,"message":"Upstream error"}}]}`, Server, 0},
	{"context", "openrouter", 400, "", `{"error":{"message":"This endpoint's maximum context length is 32768 tokens. However, you requested about 40429 tokens.","code":400}}`, ContextLength, 0},

	{"balance", "deepseek", 402, "", `{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}`, Quota, 0},
	{"risk", "deepseek", 400, "", `{"error":{"message":"Content Exists Risk","type":"invalid_request_error"}}`, ContentPolicy, 0},
	{"bad key", "deepseek", 401, "", `{"error":{"message":"Authentication Fails (no such user)","type":"authentication_error"}}`, Auth, 0},

	{"context as 403", "together_ai", 403, "", `{"error":{"message":"input + max_tokens must be less than context length","type":"invalid_request_error"}}`, ContextLength, 0},
	{"context", "together_ai", 400, "", "{\"error\":{\"message\":\"`inputs` tokens + `max_new_tokens` must be <= 8193.\",\"type\":\"invalid_request_error\"}}", ContextLength, 0},
	{"busy", "together_ai", 503, "", `{"error":{"message":"The server is under load","type":"server_error"}}`, Overloaded, 0},

	{"too long", "mistral", 400, "", `{"object":"error","message":"Prompt contains 40960 tokens and 0 draft tokens, too large for model with 32768 maximum context length","type":"invalid_request_error","param":null,"code":"3051"}`, ContextLength, 0},
	{"forbidden field", "mistral", 422, "", `{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","seed"],"msg":"Extra inputs are not permitted","input":42}]},"type":"invalid_request_error"}`, InvalidRequest, 0},
	{"bad key", "mistral", 401, "", `{"message":"Unauthorized","request_id":"4290000000000529"}`, Auth, 0},

	{"busy", "ollama", 503, "", `{"error":"server busy, please try again.  maximum pending requests exceeded"}`, Overloaded, 0},
	{"model", "ollama", 404, "", `{"error":"model 'llama9' not found"}`, NotFound, 0},
	{"too long", "ollama", 500, "", `{"error":"prompt too long; exceeded max context length by 42 tokens"}`, ContextLength, 0},
	{"crash", "ollama", 500, "", `{"error":"llama runner process has terminated: exit status 2"}`, Server, 0},
	{"loading", "huggingface", 503, "", `{"error":"Model x is currently loading","estimated_time":20.5}`, Overloaded, 20500 * time.Millisecond},

	{"page", "cdn", 502, "", "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head></html>", Server, 0},
	{"page in a 200", "cdn", 200, "", "<html><title>Log in to the network</title></html>", Server, 0},
	{"firewall", "cdn", 403, "", "<html><title>Attention Required! | Cloudflare</title></html>", Permission, 0},
	{"524", "cdn", 524, "", "<html></html>", Timeout, 0},
	{"nothing", "cdn", 500, "", "", Server, 0},
	{"teapot", "cdn", 418, "", "short and stout", InvalidRequest, 0},
}

func TestFromHTTP(t *testing.T) {
	for _, a := range answers {
		t.Run(a.provider+"/"+a.name, func(t *testing.T) {
			err := FromHTTP(a.provider, a.status, headers(a.header), []byte(a.body))
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, a.want, e.Class, err.Error())
			require.Equal(t, a.after, e.After, err.Error())
			require.Equal(t, a.want, Classify(err))
			require.Less(t, len(err.Error()), 1200)
		})
	}
}

// TestTextLikeTyped: what langchaingo's openai keeps of an answer as text has the class of the answer itself.
func TestTextLikeTyped(t *testing.T) {
	for _, a := range answers {
		r := readReply(a.status, nil, []byte(a.body))
		if a.status == 200 || r.page || a.name == "in flight" || r.flagged || len(r.quotaIDs) > 0 || len(r.codes) > 0 && exactCodes[r.codes[0]] != "" && a.status >= 400 {
			continue // what decides is not in the text
		}
		err := errors.New("API returned unexpected status code: " + http.StatusText(a.status))
		if a.status > 0 {
			err = errors.New("API returned unexpected status code: " + itoa(a.status) + ": " + r.message)
		}
		require.Equal(t, a.want, Classify(err), "%s %s: %v", a.provider, a.name, err)
	}
}

func itoa(n int) string {
	return string([]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)})
}

func TestFromHTTPShouldRetry(t *testing.T) {
	err := FromHTTP("openai", 500, headers("X-Should-Retry: false"), nil)
	var e *Error
	require.ErrorAs(t, err, &e)
	require.False(t, e.Retryable())
	require.True(t, e.SwitchProvider())
	_, rule := Policy{}.RuleFor(err)
	require.Equal(t, 1, rule.Attempts)
	require.Equal(t, 1, rule.Switch)
}

// FuzzFromHTTP: whatever a server sends, there is a class of the seventeen, a bounded text on one line without keys, and a
// believable wait.
func FuzzFromHTTP(f *testing.F) {
	for _, a := range answers {
		f.Add(a.status, a.header, []byte(a.body))
	}
	files, _ := filepath.Glob("testdata/failures/*.txt")
	for _, path := range files {
		for i, known := range readFailures(f, path) {
			if i%5 == 0 {
				f.Add(known.status, "", []byte(known.body))
			}
		}
	}
	for _, secret := range secrets {
		f.Add(401, "X-Amzn-Errortype: "+secret, []byte(`{"error":{"message":"`+secret+`"}}`))
	}
	f.Add(429, "Retry-After: NaN\nRetry-After-Ms: -Inf", []byte(`{"error":{"details":[{"retryDelay":"-1h"}]}}`))
	f.Add(502, "", []byte("\x1f\x8b\x08\x00garbage"))
	f.Add(500, "", []byte(`{"error":"{\"error\":\"{\\\"error\\\":1}\"}"}`))
	f.Fuzz(func(t *testing.T, status int, header string, body []byte) {
		const key = "sk-proj-abcdefgh12345678ABCDEFGH"
		for _, body := range [][]byte{body, append(append([]byte{}, body...), ` "`+key+`"`...)} {
			err := FromHTTP("p", status, headers(header), body)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatal("not an *Error")
			}
			if !slices.Contains(Classes(), e.Class) {
				t.Fatalf("class %q", e.Class)
			}
			if d, ok := e.RetryAfter(); d < 0 || d > maxAfter || ok != (e.After > 0 || e.Now) {
				t.Fatalf("wait %v", d)
			}
			text := err.Error()
			if len([]rune(text)) > 1000 || strings.ContainsAny(text, "\n\r\x00\x1b\u2028") || !utf8.ValidString(text) {
				t.Fatalf("text %q", text)
			}
			if strings.Contains(text, key[8:]) || Redact(text) != text {
				t.Fatalf("a key in %q", text)
			}
		}
		if c := Classify(errors.New(string(body))); c == "" {
			t.Fatal("no class for the text")
		}
	})
}

// TestHeadersOfAFailure: the request's id is there, also below a chain of errors; cookies and keys are not.
func TestHeadersOfAFailure(t *testing.T) {
	t.Parallel()
	h := http.Header{"X-Request-Id": {"req_1"}, "Set-Cookie": {"__cf=1"}, "X-Echo": {"Bearer sk-proj-abcdefghijklmnop"}}
	err := Wrap("p", "m", fmt.Errorf("asking: %w", FromHTTP("p", 500, h, nil)))
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "req_1", e.Header.Get("X-Request-Id"))
	require.NotContains(t, e.Header, "Set-Cookie")
	require.NotContains(t, e.Header.Get("X-Echo"), "abcdefgh")
	require.Equal(t, "__cf=1", h.Get("Set-Cookie"), "the answer's own are left alone")
	require.ErrorAs(t, FromHTTP("p", 500, nil, nil), &e)
	require.Nil(t, e.Header)
}
