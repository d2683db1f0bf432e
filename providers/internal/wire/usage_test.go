package wire

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/resilience"
)

// TestTokens: the counts of each protocol, what was read from a cache and written there, and what was thought apart.
func TestTokens(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]resilience.Usage{
		`{"prompt_tokens":3300,"completion_tokens":7,"total_tokens":3307,"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":3207}}`: {Input: 3300, Output: 7, Written: 3207},
		`{"prompt_tokens":21,"completion_tokens":0,"total_tokens":81,"completion_tokens_details":{"reasoning_tokens":60}}`:                       {Input: 21, Output: 60, Reasoning: 60},
		`{"prompt_tokens":21,"completion_tokens":90,"total_tokens":111,"completion_tokens_details":{"reasoning_tokens":60}}`:                     {Input: 21, Output: 90, Reasoning: 60},
		`{"input_tokens":10,"output_tokens":5,"cache_read_input_tokens":100,"cache_creation_input_tokens":20}`:                                   {Input: 130, Output: 5, Cached: 100, Written: 20},
		`{"prompt_tokens":10,"completion_tokens":5,"prompt_cache_hit_tokens":8}`:                                                                 {Input: 10, Output: 5, Cached: 8},
	} {
		var counts *tokenCounts
		require.NoError(t, json.Unmarshal([]byte(text), &counts))
		require.Equal(t, want, counts.tokens(), text)
	}
	var none *tokenCounts
	require.Zero(t, none.tokens())
}
