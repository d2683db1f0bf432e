package providers_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/callbacks"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
)

// listener is a handler of langchaingo's callbacks.
type listener struct {
	callbacks.SimpleHandler
	log    []string
	panics bool
}

func (l *listener) HandleLLMGenerateContentStart(context.Context, []llms.MessageContent) {
	l.say("start")
}

func (l *listener) HandleLLMGenerateContentEnd(_ context.Context, r *llms.ContentResponse) {
	l.say("end " + r.Choices[0].Content)
}

func (l *listener) HandleLLMError(_ context.Context, err error) {
	l.say(fmt.Sprint("error ", resilience.Classify(err)))
}

func (l *listener) say(text string) {
	l.log = append(l.log, text)
	if l.panics {
		panic("of the handler")
	}
}

// TestCallbacksAreCalledOnceACall, however many tries it takes, and can't break it.
func TestCallbacksAreCalledOnceACall(t *testing.T) {
	t.Parallel()
	for _, panics := range []bool{false, true} {
		l := &listener{panics: panics}
		cfg := providers.ChainConfig{Callbacks: l}
		got, err := ask(context.Background(), chainWith(t, cfg, member("a", script(fails(resilience.Auth, 0))), member("b", script(says(good)))))
		require.NoError(t, err)
		require.Equal(t, good, got)
		_, err = ask(context.Background(), chainWith(t, cfg, member("a", script(fails(resilience.Auth, 0)))))
		require.Error(t, err)
		require.Equal(t, []string{"start", "end " + good, "start", "error auth"}, l.log)
	}
}
