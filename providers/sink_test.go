package providers

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"
)

func TestSinkRemembersWhatWasDelivered(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	require.Empty(t, (*sink)(nil).partial())

	var got []byte
	s := newSink(llms.CallOptions{StreamingFunc: func(_ context.Context, p []byte) error { got = append(got, p...); return nil }}, 5)
	s.begin()
	require.NoError(t, s.write(ctx, []byte("ab")))
	require.Empty(t, s.partial(), "it is held back")
	s.begin() // the next try: nobody saw what the last one began
	for _, part := range []string{"cd", "", "ef", "gh"} {
		require.NoError(t, s.write(ctx, []byte(part)))
	}
	require.Equal(t, "cdefgh", s.partial())
	require.NoError(t, s.flush(ctx))
	require.Equal(t, string(got), s.partial())

	short := newSink(llms.CallOptions{StreamingFunc: func(context.Context, []byte) error { return errors.New("enough") }}, 5)
	short.begin()
	require.NoError(t, short.write(ctx, []byte("ab")))
	require.Error(t, short.flush(ctx))
	require.Equal(t, "ab", short.partial())
	require.Error(t, short.write(ctx, []byte("more")))
	require.Equal(t, "ab", short.partial(), "after an error nothing is delivered")
}
