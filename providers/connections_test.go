package providers

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers/internal/wiretest"
	"github.com/dogear-go/dogear/resilience"
)

// deadURL is where nothing listens: a port below those that servers of other tests are given. One that was closed may be given again.
const deadURL = "http://127.0.0.1:1"

// TestConnections: what happens before a server answers.
func TestConnections(t *testing.T) {
	t.Parallel()
	unknown := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "api.invalid", IsNotFound: true}}
	}}
	panics := transport(func(*http.Request) (*http.Response, error) { panic("boom in the transport") })
	for _, p := range wiretest.Protocols() {
		for name, c := range map[string]struct {
			s         Settings
			class     resilience.Class
			permanent bool
		}{
			"refused":         {Settings{BaseURL: deadURL}, resilience.Network, false},
			"unknown host":    {Settings{BaseURL: "http://api.invalid", Transport: unknown}, resilience.Network, false},
			"no trust":        {Settings{BaseURL: wiretest.NewTLS(t, p, wiretest.Good).URL}, resilience.Network, true},
			"transport panic": {Settings{BaseURL: "http://api.invalid", Transport: panics}, resilience.InvalidResponse, false},
		} {
			for _, stream := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/%t", p.Name, name, stream), func(t *testing.T) {
					t.Parallel()
					member := opened(t, p.Name, c.s)
					one, err := NewChain(ChainConfig{MaxTries: 1}, member)
					require.NoError(t, err)
					e := event{classes: is(c.class), check: func(t *testing.T, err error) {
						var typed *resilience.Error
						require.ErrorAs(t, err, &typed)
						require.Equal(t, c.permanent, !typed.Retryable(), err)
					}}
					e.expect(t, one, stream)
					e.expect(t, member.LLM, stream)
				})
			}
		}
	}
}

// TestCallers: the caller goes away, or the caller's function fails.
func TestCallers(t *testing.T) { //nolint:paralleltest // it counts goroutines at its end
	t.Run("all", func(t *testing.T) {
		for _, p := range wiretest.Protocols() {
			for _, stream := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%t", p.Name, stream), func(t *testing.T) {
					t.Parallel()
					callers(t, p, stream)
				})
			}
			t.Run(p.Name+"/functions", func(t *testing.T) {
				t.Parallel()
				functions(t, p)
			})
		}
	})
	noGoroutines(t)
}

func callers(t *testing.T, p wiretest.Protocol, stream bool) {
	models := func(s *wiretest.Server) []llms.Model {
		member := opened(t, p.Name, Settings{BaseURL: s.Base()})
		c, err := NewChain(ChainConfig{MaxTries: 1}, member)
		require.NoError(t, err)
		return []llms.Model{c, member.LLM}
	}
	ask := func(ctx context.Context, m llms.Model) error {
		var opts []llms.CallOption
		if stream {
			opts = append(opts, llms.WithStreamingFunc(func(context.Context, []byte) error { return nil }))
		}
		resp, err := m.GenerateContent(ctx, question(), opts...)
		require.Error(t, err)
		require.Nil(t, resp)
		return err
	}
	for _, m := range models(wiretest.New(t, p, wiretest.Good)) { // before
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		require.Equal(t, resilience.Canceled, resilience.Classify(ask(ctx, m)))
	}
	for name, hang := range map[string]wiretest.Behaviour{"before the answer": wiretest.Hang, "midway": wiretest.HangMid} {
		var cancel atomic.Pointer[context.CancelCauseFunc]
		s := wiretest.New(t, p, func(c *wiretest.Call) {
			go func() { (*cancel.Load())(errEnough) }()
			hang(c)
		})
		for _, m := range models(s) {
			ctx, stop := context.WithCancelCause(context.Background())
			cancel.Store(&stop)
			err := ask(ctx, m)
			require.Equal(t, resilience.Canceled, resilience.Classify(err), name)
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, errEnough)
			stop(nil)
		}
		s = wiretest.New(t, p, hang)
		for _, m := range models(s) {
			ctx, stop := context.WithTimeout(context.Background(), 60*time.Millisecond)
			err := ask(ctx, m)
			require.Equal(t, resilience.Timeout, resilience.Classify(err), name)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			stop()
		}
	}
}

func functions(t *testing.T, p wiretest.Protocol) {
	s := wiretest.New(t, p, wiretest.Good)
	member := opened(t, p.Name, Settings{BaseURL: s.Base()})
	c, err := NewChain(ChainConfig{}, member)
	require.NoError(t, err)
	for _, m := range []llms.Model{c, member.LLM} {
		_, err := m.GenerateContent(context.Background(), question(), llms.WithStreamingFunc(func(context.Context, []byte) error { return errEnough }))
		require.ErrorIs(t, err, errEnough)
		_, err = m.GenerateContent(context.Background(), question(), llms.WithStreamingFunc(func(context.Context, []byte) error { panic("boom in the caller") }))
		require.ErrorContains(t, err, "boom in the caller")
		_, err = m.GenerateContent(context.Background(), question(), llms.WithStreamingReasoningFunc(func(_ context.Context, _, text []byte) error { return nil }))
		require.NoError(t, err, "without a function for the text")
	}
	require.Len(t, s.Calls(), 6, "none was asked for twice")
}

// TestConnectionsAreUsedAgain: also after streams, whose clients stop reading at the end mark.
func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	for _, p := range wiretest.Protocols() {
		var seen sync.Map
		s := wiretest.New(t, p, func(c *wiretest.Call) {
			seen.Store(c.R.RemoteAddr, true)
			wiretest.Good(c)
			c.Pause(5 * time.Millisecond)
		})
		m := opened(t, p.Name, Settings{BaseURL: s.Base(), Transport: &http.Transport{}}).LLM
		for range 5 {
			event{}.expect(t, m, true)
			event{}.expect(t, m, false)
		}
		n := 0
		seen.Range(func(any, any) bool { n++; return true })
		require.Less(t, n, 4, p.Name) // one, unless the machine was slow
	}
}

// TestManyAtOnce: one client and one chain, used by many.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	for _, p := range wiretest.Protocols() {
		s := wiretest.New(t, p, wiretest.Good)
		member := opened(t, p.Name, Settings{BaseURL: s.Base(), Context: 8192})
		c, err := NewChain(ChainConfig{}, member)
		require.NoError(t, err)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				event{}.expect(t, c, i%2 == 0)
				event{}.expect(t, member.LLM, i%2 == 1)
			})
		}
		wg.Wait()
	}
}
