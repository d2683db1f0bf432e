package providers

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers/internal/wire"
	"github.com/dogear-go/dogear/providers/internal/wiretest"
	"github.com/dogear-go/dogear/resilience"
)

// picky is an endpoint that takes one form of response format only, and says which it got.
func picky(takes string) wiretest.Behaviour {
	return func(c *wiretest.Call) {
		if formatIn(c) != takes {
			wiretest.Status(400)(c)
			return
		}
		wiretest.Good(c)
	}
}

func formatIn(c *wiretest.Call) string {
	if c.Name == "ollama" {
		raw := string(c.Body["format"])
		switch {
		case raw == `"json"`:
			return "json_object"
		case raw != "":
			return "json_schema"
		}
		return ""
	}
	var f struct{ Type string }
	if raw := c.Body["response_format"]; raw != nil && json.Unmarshal(raw, &f) != nil {
		return "?"
	}
	return f.Type
}

// TestFormats: each request says its format, and whether that was the reason, so that each can be counted.
func TestFormats(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"openai", "ollama"} {
		s := wiretest.New(t, wiretest.Named(name), picky("json_object"))
		c, ok := opened(t, name, Settings{BaseURL: s.Base()}).LLM.(*client)
		require.True(t, ok)
		ctx := resilience.WithSchema(context.Background(), "x", []byte(anObject))
		for f, rejected := range map[wire.Format]bool{wire.FormatSchema: true, wire.FormatObject: false, wire.FormatNone: false} {
			a := attempt{provider: c.name, model: c.model, ask: c.ask, format: f}
			o := a.run(ctx, question(), nil)
			require.Equal(t, rejected, o.formatRejected, "%s %d", name, f)
			require.Equal(t, 1, o.requests)
			require.Equal(t, f == wire.FormatObject, o.err == nil)
		}
		require.Len(t, s.Calls(), 3)

		o := attempt{provider: c.name, model: c.model, ask: c.ask}.run(context.Background(), question(), nil)
		require.False(t, o.formatRejected, "there was none")
	}
	o := attempt{ask: func(context.Context, []llms.MessageContent, []llms.CallOption) (*llms.ContentResponse, error) {
		return nil, &resilience.Error{Class: resilience.InvalidRequest, Status: 400}
	}}.run(resilience.WithSchema(context.Background(), "x", []byte(anObject)), question(), nil)
	require.False(t, o.formatRejected, "nothing was seen on the wire")
}

// TestAloneItStepsDown: a client on its own asks again, and remembers.
func TestAloneItStepsDown(t *testing.T) {
	t.Parallel()
	for takes, want := range map[string][]string{
		"json_schema": {"json_schema", "json_schema"}, "json_object": {"json_schema", "json_object", "json_object"},
		"": {"json_schema", "json_object", "", ""}, "nothing": {"json_schema", "json_object", "", "json_schema", "json_object", ""},
	} {
		for _, name := range []string{"groq", "ollama"} {
			s := wiretest.New(t, wiretest.Named(name), picky(takes))
			m := opened(t, name, Settings{BaseURL: s.Base()}).LLM
			ctx := resilience.WithSchema(context.Background(), "x", []byte(anObject))
			for range 2 {
				_, err := m.GenerateContent(ctx, question())
				require.Equal(t, takes == "nothing", err != nil)
			}
			var got []string
			for _, c := range s.Calls() {
				got = append(got, formatIn(c))
			}
			require.Equal(t, want, got, name)
		}
	}
}

// TestUnderAnotherName: a chain that calls a client by another name still learns what that client saw.
func TestUnderAnotherName(t *testing.T) {
	t.Parallel()
	s := wiretest.New(t, wiretest.Named("groq"), func(c *wiretest.Call) {
		c.W.Header().Set("X-Ratelimit-Remaining-Requests", "7")
		wiretest.Status(429)(c)
	})
	p := opened(t, "groq", Settings{BaseURL: s.Base()})
	o := attempt{provider: "mine", model: "m", ask: func(ctx context.Context, m []llms.MessageContent, opts []llms.CallOption) (*llms.ContentResponse, error) {
		return p.LLM.GenerateContent(ctx, m, opts...)
	}}.run(context.Background(), question(), nil)
	require.Equal(t, 1, o.requests)
	require.Equal(t, 429, o.status)
	require.Equal(t, "7", o.header.Get("X-Ratelimit-Remaining-Requests"))
	require.Equal(t, resilience.RateLimit, resilience.Classify(o.err))
}
