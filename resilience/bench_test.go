package resilience

import (
	"strings"
	"testing"
)

// BenchmarkFromHTTP: a usual refusal, and one with a message as long as is looked at.
func BenchmarkFromHTTP(b *testing.B) {
	long := strings.Repeat("the request was not understood, please look at it again. ", 70)
	for name, body := range map[string]string{
		"short": `{"error":{"message":"Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29000. Please try again in 2s.","type":"tokens","code":"rate_limit_exceeded"}}`,
		"long":  `{"error":{"message":"` + long + `","type":"invalid_request_error"}}`,
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_ = FromHTTP("p", 400, nil, []byte(body)).Error()
			}
		})
	}
}
