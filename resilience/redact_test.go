package resilience

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// secrets are keys in the providers' shapes, each with the part that must not be seen.
var secrets = map[string]string{
	"openai":             "sk-abcdefgh12345678ABCDEFGHabcdefgh12345678ABCDEFGH",
	"openai project":     "sk-proj-Ab1_cd2-Ef3ghIJKlmNOpqRSTuvWXyz0123456789abcdefT3BlbkFJabcdefgh12345678",
	"openai service":     "sk-svcacct-Ab1_cd2-Ef3ghIJKlmNOpqRSTuvWXyz0123456789",
	"openai session":     "sess-abcdefgh12345678ABCDEFGH",
	"anthropic":          "sk-ant-api03-Ab1_cd2-Ef3ghIJKlmNOpqRSTuvWXyz0123456789-abcdefgh12345678-AA",
	"anthropic oauth":    "sk-ant-oat01-Ab1_cd2-Ef3ghIJKlmNOpqRSTuvWXyz0123456789",
	"openrouter":         "sk-or-v1-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	"deepseek":           "sk-0123456789abcdef0123456789abcdef",
	"groq":               "gsk_abcdefgh12345678ABCDEFGHabcdefgh12345678ABCDEFGH1234",
	"gemini":             "AIzaSyA1b2C3d4E5f6G7h8I9j0KlMnOpQrStUvW",
	"gemini, new":        "AQ.Ab8RN6Kabcdefgh12345678ABCDEFGH_x-y",
	"google oauth":       "ya29.a0AfH6SMBabcdefgh12345678ABCDEFGH",
	"together":           "tgp_v1_abcdefgh12345678ABCDEFGH_ijkl-mnop",
	"hugging face":       "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH",
	"xai":                "xai-abcdefgh12345678ABCDEFGHabcdefgh12345678",
	"nvidia":             "nvapi-abcdefgh12345678ABCDEFGHabcdefgh12345678",
	"perplexity":         "pplx-abcdefgh12345678ABCDEFGHabcdefgh12345678",
	"fireworks":          "fw_abcdefgh12345678ABCDEFGH",
	"cerebras":           "csk-abcdefgh12345678abcdefgh12345678",
	"aws id":             "AKIAIOSFODNN7EXAMPLE",
	"aws session id":     "ASIAIOSFODNN7EXAMPLE",
	"aws secret":         "wJalrXUtnFEMI1K7MDENGbPxRfiCYEXAMPLEKEYx1",
	"bedrock":            "ABSKQmVkcm9ja0FQSUtleS1hYmNkZWZnaDEyMzQ1Njc4QUJDREVGR0g=",
	"bedrock, short":     "bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29tLz9BY3Rpb249Q2FsbFdpdGhCZWFyZXJUb2tlbg==",
	"azure, new":         "1Ab2Cd3Ef4Gh5Ij6Kl7Mn8Op9Qr0St1Uv2Wx3Yz4Ab5Cd6Ef7Gh8JQQJ99BCACYeBjFXJ3w3AAABACOGabcd",
	"databricks":         "dapi0123456789abcdef0123456789abcdef",
	"json web token":     "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ",
	"mistral in header":  "Bearer abcdefgh12345678ABCDEFGH12345678",
	"azure in header":    "api-key: 0123456789abcdef0123456789abcdef",
	"cohere in header":   "authorization: BEARER abcdefgh12345678ABCDEFGHabcdefgh12345678",
	"basic":              "Authorization: Basic dXNlcjpwYXNzd29yZDEyMw==",
	"sigv4":              "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024",
	"sigv4 in address":   "https://bedrock.test/?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20260101&X-Amz-Signature=fe5f80f77d5fa3beca038a248ff027d0",
	"token header":       `{"X-Amz-Security-Token": "IQoJb3JpZ2luX2VjEabcdefgh12345678"}`,
	"gemini in address":  "https://generativelanguage.test/v1beta/models/m:generateContent?key=abcdefgh12345678&alt=sse",
	"repeated by openai": "Incorrect API key provided: sk-inval**********6789.",
	"a bare one":         "Incorrect API key provided: 0123456789abcdef0123456789abcdef.",
	"repeated by vllm":   "Received API Key = abcd1234efgh, Key Hash",
	"password":           "password=hunter2hunter2",
	"short member":       `{"client_secret":"s3cr","refresh_token": "rt42","other":"ok"}`,
	"member in a text":   `{"error":"{\"api_key\":\"k3y9\",\"ok\":1}"}`,
	"cookie":             "Set-Cookie: sid=abc123def456; HttpOnly",
	"other scheme":       "Authorization: Token abc123",
}

// TestNoKeyInErrors: whatever shape a key has and wherever it stands in an answer or an error, the text does not show it.
func TestNoKeyInErrors(t *testing.T) {
	t.Parallel()
	for name, secret := range secrets {
		t.Run(name, func(t *testing.T) {
			shown := Redact(secret)
			require.Contains(t, shown, "[redacted]")
			// what is left must have no run of the secret's own characters
			for _, word := range strings.FieldsFunc(secret, func(r rune) bool { return strings.ContainsRune(` "'=:;,/?&{}`, r) }) {
				if len(word) >= 20 && strings.ContainsAny(word, "0123456789") && !strings.HasPrefix(word, "AWS4") && !strings.Contains(word, ".test") {
					require.NotContains(t, shown, word)
				}
			}
			body := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(secret)
			header := http.Header{"X-Amzn-Errortype": {"Bad " + secret}}
			for _, err := range []error{
				FromHTTP("p", 401, nil, []byte(`{"error":{"message":"Wrong `+body+` given","code":"`+body+`","type":"`+body+`"}}`)),
				FromHTTP("p", 401, header, []byte("<html><title>Wrong "+secret+"</title></html>")),
				FromHTTP("p", 400, nil, []byte(secret)), FromHTTP("p", 400, nil, []byte(`{"error":"`+body)),
				Wrap("p", "m", fmt.Errorf("call: %w", errors.New(secret))), Wrap(secret, secret, errors.New("x")),
				&Error{Class: Auth, Hint: secret, Code: secret},
			} {
				text := err.Error()
				require.NotContains(t, text, secret)
				require.Equal(t, text, Redact(text), "nothing is left to hide")
			}
		})
	}
	for _, text := range []string{`{"client_secret":"s3cr","refresh_token": "rt42","other":"ok"}`, `{"error":"{\"api_key\":\"k3y9\",\"ok\":1}"}`, "Authorization: Token abc123"} {
		shown := Redact(text)
		for _, hidden := range []string{"s3cr", "rt42", "k3y9", "abc123"} {
			require.NotContains(t, shown, hidden)
		}
		require.Equal(t, strings.Contains(text, `"other":"ok"`), strings.Contains(shown, `"other":"ok"`), "the rest stays")
	}
	for _, harmless := range []string{
		"key_model_access_denied", "max_tokens: 300000 > 64000, which is the maximum", "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8",
		"88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b", "task-oriented skeleton", "Unexpected token: string", "request req_011CSHoEeqs5C35K2UUqR7Fy",
		"tokens per min (TPM): Limit 30000, Used 29429",
	} {
		require.Equal(t, harmless, Redact(harmless))
	}
}

// TestNoPromptInErrors: what a server repeats of the prompt does not reach the text.
func TestNoPromptInErrors(t *testing.T) {
	t.Parallel()
	prompt := strings.Repeat("The moon rose over the harbour and nobody slept. ", 5)
	for _, body := range []string{
		`{"error":{"message":"Bad value \"` + prompt + `\" at 3"}}`,
		`{"error":{"message":"Bad value '` + prompt + `' at 3"}}`,
		`{"error":{"message":"1 validation error for Request\nmessages.0 [type=string_type, input_value={'text': '` + prompt + `'}, input_type=dict]"}}`,
		`{"detail":[{"type":"missing","loc":["body","messages"],"msg":"Field required","input":"` + prompt + `"}]}`,
		`{"error":{"message":"The input was flagged","metadata":{"reasons":["violence"],"flagged_input":"` + prompt + `"}}}`,
		`{"error":{"message":"Failed to generate JSON","code":"json_validate_failed","failed_generation":"` + prompt + `"}}`,
		`{"error":{"code":400,"message":"Invalid value","details":[{"fieldViolations":[{"description":"` + prompt + `"}]}]}}`,
	} {
		err := FromHTTP("p", 400, nil, []byte(body))
		require.NotContains(t, err.Error(), "harbour", body)
	}
	one := Wrap("p", "m", errors.New("a\nb\rc\td\x1b[31me\u2028f\u0085g")).Error()
	require.NotRegexp(t, `[\x00-\x1f\x7f-\x9f\x{2028}\x{2029}]`, one)
}
