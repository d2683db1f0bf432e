package providers_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
)

func TestSchemaGoesIntoTheRequest(t *testing.T) {
	t.Parallel()
	a := serve(t, answers(200, nil, completion(good, "stop")))
	ctx := resilience.WithSchema(context.Background(), "story plan", []byte(objectSchema))
	_, err := ask(ctx, chain(t, a.open(t, "openai")))
	require.NoError(t, err)
	rf := a.bodies[0]["response_format"].(map[string]any)
	require.Equal(t, "json_schema", rf["type"])
	js := rf["json_schema"].(map[string]any)
	require.Equal(t, "story_plan", js["name"])
	require.Equal(t, true, js["strict"])
	want, err := json.Marshal(js["schema"])
	require.NoError(t, err)
	require.JSONEq(t, objectSchema, string(want))
	_, err = ask(context.Background(), chain(t, a.open(t, "openai")))
	require.NoError(t, err)
	require.NotContains(t, a.bodies[1], "response_format")
}

func TestRejectedSchemaDegradesOnceAndIsRemembered(t *testing.T) {
	t.Parallel()
	kind := func(b map[string]any) string {
		rf, _ := b["response_format"].(map[string]any)
		s, _ := rf["type"].(string)
		return s
	}
	for _, c := range []struct {
		takes string
		want  []string
	}{{"json_object", []string{"json_schema", "json_object", "json_object"}}, {"", []string{"json_schema", "json_object", "", ""}}} {
		a := serve(t, func(n int, w http.ResponseWriter, r *http.Request, b map[string]any) {
			if kind(b) != c.takes {
				answers(400, nil, `{"error":{"message":"response_format is not supported by this model","type":"invalid_request_error"}}`)(n, w, r, b)
				return
			}
			answers(200, nil, completion(good, "stop"))(n, w, r, b)
		})
		ch := chain(t, a.open(t, "groq"))
		j := newJournal()
		ctx := resilience.WithSchema(j.ctx(context.Background()), "x", []byte(objectSchema))
		for range 2 {
			_, err := ask(ctx, ch)
			require.NoError(t, err)
		}
		var got []string
		for _, b := range a.bodies {
			got = append(got, kind(b))
		}
		require.Equal(t, c.want, got)
		require.Len(t, j.tries, len(c.want), "each request is a try")
	}
}

func TestOtherRejectionsAreNotAboutTheSchema(t *testing.T) {
	t.Parallel()
	a := serve(t, func(n int, w http.ResponseWriter, r *http.Request, b map[string]any) {
		message := "messages: at least one is needed"
		if n > 1 {
			message = "something else"
		}
		answers(400, nil, `{"error":{"message":"`+message+`","type":"invalid_request_error"}}`)(n, w, r, b)
	})
	ctx := resilience.WithSchema(context.Background(), "x", []byte(objectSchema))
	c := chain(t, a.open(t, "openai"))
	_, err := ask(ctx, c)
	require.ErrorContains(t, err, "at least one is needed")
	require.Equal(t, resilience.InvalidRequest, resilience.Classify(err))
	n := len(a.bodies)
	_, _ = ask(ctx, c)
	require.Equal(t, "json_schema", a.bodies[n]["response_format"].(map[string]any)["type"], "nothing was learned")
}

func TestMistralGetsItsOwnFields(t *testing.T) {
	t.Parallel()
	a := serve(t, answers(200, nil, completion(good, "stop")))
	_, err := ask(context.Background(), chain(t, a.open(t, "mistral")), llms.WithMaxTokens(100), llms.WithSeed(4), llms.WithMetadata(map[string]any{"k": "v"}))
	require.NoError(t, err)
	b := a.bodies[0]
	require.Equal(t, 100.0, b["max_tokens"])
	require.Equal(t, 4.0, b["random_seed"])
	for _, k := range []string{"seed", "max_completion_tokens", "metadata", "stream_options"} {
		require.NotContains(t, b, k)
	}
}

func TestAnthropic(t *testing.T) {
	t.Parallel()
	message := func(content, stop string) string {
		return `{"id":"1","type":"message","role":"assistant","content":` + content + `,"stop_reason":"` + stop + `","usage":{"input_tokens":10,"output_tokens":20,"cache_read_input_tokens":5}}`
	}
	events := func(list ...string) string { return sse(list...) }
	start := `{"type":"message_start","message":{"id":"1","role":"assistant","usage":{"input_tokens":10,"output_tokens":1}}}`
	block := `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`
	text := `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"The tide came in."}}`
	usage := `{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":20}}`
	stop := `{"type":"message_stop"}`
	for _, c := range []struct {
		name   string
		handle func(int, http.ResponseWriter, *http.Request, map[string]any)
		stream bool
		class  resilience.Class
	}{
		{"answer", answers(200, nil, message(`[{"type":"thinking","thinking":"hm"},{"type":"text","text":"The tide "},{"type":"text","text":"came in."}]`, "end_turn")), false, ""},
		{"stream", answers(200, eventStream, events(start, block, text, usage, stop)), true, ""},
		{"overloaded", answers(529, nil, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`), false, resilience.Overloaded},
		{"overloaded in a stream", answers(200, eventStream, events(start, block, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`)), true, resilience.Overloaded},
		{"no end", answers(200, eventStream, events(start, block, text)), true, resilience.InvalidResponse},
		{"part -1", answers(200, eventStream, events(start, block, strings.Replace(text, `"index":0`, `"index":-1`, 1), stop)), true, resilience.InvalidResponse},
		{"null", answers(200, nil, "null"), false, resilience.InvalidResponse},
		{"refusal", answers(200, nil, message(`[{"type":"text","text":"I would rather not."}]`, "refusal")), false, resilience.ContentPolicy},
		{"cut", answers(200, nil, message(`[{"type":"text","text":"The tide came in"}]`, "max_tokens")), false, resilience.Truncated},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, c.handle)
			var streamed strings.Builder
			var opts []llms.CallOption
			if c.stream {
				opts = append(opts, streaming(&streamed))
			}
			j := newJournal()
			got, err := ask(j.ctx(context.Background()), chainWith(t, providers.ChainConfig{MaxTries: 1}, a.open(t, "anthropic")), opts...)
			noKey(t, err)
			require.Equal(t, c.class, resilience.Classify(err), err)
			require.Equal(t, testKey, a.heads[0].Get("X-Api-Key"))
			require.Equal(t, 16384.0, a.bodies[0]["max_tokens"])
			require.NotContains(t, a.bodies[0], "temperature")
			if c.class == "" {
				require.Equal(t, "The tide came in.", got)
				require.GreaterOrEqual(t, j.tries[0].Usage.Input, int64(10))
				require.Equal(t, int64(20), j.tries[0].Usage.Output)
			}
		})
	}
}
