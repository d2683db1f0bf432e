package providers

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/ollama"
	"github.com/tmc/langchaingo/llms/openai"

	"github.com/dogear-go/dogear/providers/internal/wire"
	"github.com/dogear-go/dogear/providers/internal/wiretest"
	"github.com/dogear-go/dogear/resilience"
)

// TestGuardAloneKeepsToolCalls: below a client that is in no chain, the guard still says streams in a form that is safe.
func TestGuardAloneKeepsToolCalls(t *testing.T) {
	t.Parallel()
	s := wiretest.New(t, wiretest.Named("openai"), wiretest.Stream(chatDeltas(
		`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f"}},{"index":1,"id":"b","function":{"name":"g"}}]}`,
		`{"tool_calls":[{"index":0,"function":{"arguments":"{}"}},{"index":1,"function":{"arguments":"{\"y\":2}"}}]}`)+lines(chatTools, `{"choices":[{"index":0,"delta":{"content":""},"finish_reason":null}]}`, "[DONE]")))
	m, err := openai.New(openai.WithToken(wiretest.Key), openai.WithBaseURL(s.Base()), openai.WithModel("m-1"), openai.WithHTTPClient(newGuard(nil, "mine").Client()))
	require.NoError(t, err)
	resp, err := m.GenerateContent(resilience.WithSchema(context.Background(), "x", []byte(`{"type":"object"}`)), question(),
		llms.WithStreamingFunc(func(context.Context, []byte) error { return nil }))
	require.NoError(t, err)
	require.Len(t, resp.Choices[0].ToolCalls, 2)
	require.Equal(t, `{"y":2}`, resp.Choices[0].ToolCalls[1].FunctionCall.Arguments)
	require.Equal(t, "tool_calls", resp.Choices[0].StopReason, "null does not take it back")
	require.NotContains(t, s.Calls()[0].Body, "response_format", "nobody would step down")
}

// TestGuardAloneKeepsFinishReasons: and where the client keeps the last one it saw.
func TestGuardAloneKeepsFinishReasons(t *testing.T) {
	t.Parallel()
	s := wiretest.New(t, wiretest.Named("openai"), wiretest.Stream(chatDeltas(`{"content":"abc"}`)+
		lines(strings.Replace(chatStop, "stop", "length", 1), `{"choices":[{"index":0,"delta":{"content":""},"finish_reason":null}]}`, "[DONE]")))
	m, err := openai.New(openai.WithToken(wiretest.Key), openai.WithBaseURL(s.Base()), openai.WithModel("m-1"), openai.WithHTTPClient(newGuard(nil, "mine").Client()))
	require.NoError(t, err)
	resp, err := m.GenerateContent(context.Background(), question(), llms.WithStreamingFunc(func(context.Context, []byte) error { return nil }))
	require.NoError(t, err)
	require.Equal(t, "length", resp.Choices[0].StopReason)
}

// TestGuardAloneBelowOllama: that client takes whatever ends a connection for the end of the answer.
func TestGuardAloneBelowOllama(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do    wiretest.Behaviour
		class resilience.Class
	}{
		"cut": {wiretest.Cut, resilience.InvalidResponse}, "reset": {wiretest.Reset, resilience.Network},
		"500": {wiretest.Body(500, "application/json", ""), resilience.Server}, "empty": {wiretest.Body(200, "application/x-ndjson", ""), resilience.EmptyResponse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiretest.New(t, wiretest.Named("ollama"), c.do)
			hc := newGuard(nil, "mine").Client()
			hc.Transport = wire.WithKey(hc.Transport, wiretest.Key)
			m, err := ollama.New(ollama.WithServerURL(s.URL), ollama.WithModel("m-1"), ollama.WithHTTPClient(hc))
			require.NoError(t, err)
			for _, opts := range [][]llms.CallOption{nil, {llms.WithStreamingFunc(func(context.Context, []byte) error { return nil })}} {
				_, err = m.GenerateContent(context.Background(), question(), opts...)
				require.Error(t, err)
				one, cerr := NewChain(ChainConfig{MaxTries: 1}, Provider{Name: "mine", LLM: m})
				require.NoError(t, cerr)
				_, err = one.GenerateContent(context.Background(), question(), opts...)
				require.Equal(t, c.class, resilience.Classify(err), err)
			}
		})
	}
}

func TestRedirectsEnd(t *testing.T) {
	t.Parallel()
	s := wiretest.New(t, wiretest.Named("groq"), wiretest.Redirect(308, ""))
	_, err := opened(t, "groq", Settings{BaseURL: s.Base()}).LLM.GenerateContent(context.Background(), question())
	require.ErrorContains(t, err, "check the base URL")
	require.Len(t, s.Calls(), 1+3)
}
