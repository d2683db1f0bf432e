package providers_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
)

func open(t *testing.T, name, model string) providers.Provider {
	t.Helper()
	p, err := providers.Open(name, providers.Settings{Key: "k", Model: model})
	require.NoError(t, err)
	return p
}

func TestOpenKnowsItsModels(t *testing.T) {
	cleanEnv(t, nil)
	p := open(t, "groq", "openai/gpt-oss-120b")
	require.Equal(t, []any{131_072, 65_536, providers.JSONSchema}, []any{p.Context, p.MaxOutput, p.JSON})
	require.Equal(t, []providers.Feature{providers.FeatureImages}, p.Without)
	require.Equal(t, &providers.Price{Input: 150_000, Cached: 75_000, Output: 600_000}, p.Price)
	require.Zero(t, p.Limits, "limits depend on the account")

	snapshot := open(t, "anthropic", "claude-haiku-4-5-20251001")
	require.Equal(t, 200_000, snapshot.Context)
	require.Equal(t, 128_000, open(t, "openai", "gpt-4o-mini-2024-07-18").Context)
	for _, unknown := range []string{"gpt-4o-mini-audio", "gpt-4o-mini-2024-13-99", "gpt-4o", "gpt-4o-mini-20240", "xgpt-4o-mini", "gpt-4o-mini-"} {
		p := open(t, "openai", unknown)
		require.Nil(t, p.Price, unknown)
		require.Zero(t, p.Context, unknown)
		require.Nil(t, p.Without, unknown)
	}
	require.Equal(t, &providers.Price{}, open(t, "ollama", "some-model").Price, "one's own machine costs nothing")
	require.Equal(t, &providers.Price{}, open(t, "offline", "").Price)
	require.Nil(t, open(t, "ollama", "gpt-oss:120b-cloud").Price)
	t.Setenv("OLLAMA_BASE_URL", "https://ollama.com")
	require.Nil(t, open(t, "ollama", "gemma4").Price)

	p.Without[0] = "changed"
	require.Equal(t, []providers.Feature{providers.FeatureImages}, open(t, "groq", "openai/gpt-oss-120b").Without, "nobody changes another's")
	q, err := providers.Open("groq", providers.Settings{Key: "k", Context: 9, Without: []providers.Feature{}, Price: &providers.Price{Input: 1}, Limits: providers.Limits{InFlight: 2}})
	require.NoError(t, err)
	require.Equal(t, []any{9, 65_536, 0, int64(1), 2}, []any{q.Context, q.MaxOutput, len(q.Without), q.Price.Input, q.Limits.InFlight})
}

// TestTheCatalogueIsSound: each default model is a known one, and no figure is absurd.
func TestTheCatalogueIsSound(t *testing.T) {
	cleanEnv(t, nil)
	for _, name := range providers.Names() {
		if name == "offline" {
			continue
		}
		models := providers.KnownModels(name)
		require.Contains(t, models, open(t, name, "").Model, name)
		seen := map[string]bool{}
		for _, model := range models {
			require.False(t, seen[model], "%s %s stands there twice", name, model)
			seen[model] = true
			p := open(t, name, model)
			require.LessOrEqual(t, p.MaxOutput, p.Context+1_000_000, model)
			require.True(t, p.Context == 0 || p.Context >= 8192, model)
			if p.Price != nil {
				require.LessOrEqual(t, p.Price.Cached, p.Price.Input, model)
				require.LessOrEqual(t, p.Price.Output, int64(200_000_000), model)
				require.LessOrEqual(t, p.Price.Input, p.Price.Output, model)
			}
		}
	}
}

// TestModelsThatTakeNoTemperature: a role's temperature reaches those that take one, and breaks no request to the others.
func TestModelsThatTakeNoTemperature(t *testing.T) {
	cleanEnv(t, map[string]string{"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k", "AGENT_WRITER_TEMPERATURE": "0.75"})
	chat := serve(t, answers(200, nil, completion(good, "stop")))
	messages := serve(t, answers(200, nil, `{"id":"m","type":"message","role":"assistant","content":[{"type":"text","text":"`+good+`"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}`))
	t.Setenv("OPENAI_BASE_URL", chat.URL+"/v1")
	t.Setenv("ANTHROPIC_BASE_URL", messages.URL+"/v1")
	for _, c := range []struct {
		entry string
		api   *api
		want  any
	}{
		{"openai:gpt-4o-mini", chat, 0.75}, {"openai:gpt-6-luna", chat, nil}, {"openai:o3", chat, nil},
		{"anthropic:claude-sonnet-4-6", messages, 0.75}, {"anthropic:claude-sonnet-5-5", messages, nil}, {"anthropic:claude-opus-4-7-20260101", messages, nil},
	} {
		m, err := providers.FromEnv(c.entry)
		require.NoError(t, err)
		_, err = ask(context.Background(), m.Roles["writer"], llms.WithTopP(0.5))
		require.NoError(t, err)
		body := c.api.bodies[len(c.api.bodies)-1]
		require.Equal(t, c.want, body["temperature"], c.entry)
		if c.want == nil {
			require.NotContains(t, body, "top_p", c.entry)
			require.Contains(t, m.Notice, "takes no temperature; that of the role writer is not used with it.")
		} else {
			require.Empty(t, m.Notice)
		}
	}
}
