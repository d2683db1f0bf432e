package webhook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// wire is a client's transport that answers by script, and notes when it was asked for what.
type wire struct {
	mu      sync.Mutex
	answers []func(*http.Request) (*http.Response, error) // the last one again and again
	times   []time.Time
	ids     []string
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.times, w.ids = append(w.times, time.Now()), append(w.ids, r.Header.Get("webhook-id"))
	answer := w.answers[min(len(w.times), len(w.answers))-1]
	w.mu.Unlock()
	return answer(r)
}

func (w *wire) asked() (ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append(ids, w.ids...)
}

// waits are the times between requests.
func (w *wire) waits() (waits []time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := 1; i < len(w.times); i++ {
		waits = append(waits, w.times[i].Sub(w.times[i-1]))
	}
	return waits
}

func status(code int, header ...string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader("SECRET"))}, nil
	}
}

func broken(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func newSender(t *testing.T, w *wire, change func(*Config)) (*Sender, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	cfg := Config{URL: "https://hooks.example.com/CANARY", Client: &http.Client{Transport: w}, Logger: zap.New(core)}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	require.NoError(t, err)
	return s, logs
}

func note(id string, kind Type) Notification { return Notification{ID: id, Type: kind, Timestamp: at} }

func texts(logs *observer.ObservedLogs) (all []string) {
	for _, e := range logs.All() {
		text := e.Message
		if why, ok := e.ContextMap()["why"].(string); ok {
			text += ": " + why
		}
		all = append(all, text)
	}
	return all
}

// TestWhatIsTriedAgain says for each outcome how often it is tried, and what the log says of it.
func TestWhatIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		answer func(*http.Request) (*http.Response, error)
		tries  int
		why    string
	}{
		{"200", status(200), 1, ""},
		{"204", status(204), 1, ""},
		{"301", status(301, "Location", "https://elsewhere.example.com/CANARY"), 1, "it redirects (HTTP 301)"},
		{"307", status(307, "Location", "https://elsewhere.example.com/CANARY"), 1, "it redirects (HTTP 307)"},
		{"304", status(304), 1, "it redirects (HTTP 304)"},
		{"400", status(400), 1, "HTTP 400"},
		{"401", status(401), 1, "HTTP 401"},
		{"404", status(404), 1, "HTTP 404"},
		{"408", status(408), 10, "HTTP 408"},
		{"410", status(410), 1, "the receiver says that it is gone (HTTP 410)"},
		{"425", status(425), 10, "HTTP 425"},
		{"429", status(429), 10, "HTTP 429"},
		{"500", status(500), 10, "HTTP 500"},
		{"503", status(503), 10, "HTTP 503"},
		{"a wait of two hours", status(429, "Retry-After", "7200"), 1, "HTTP 429, and asks to wait 2h0m0s"},
		{"hangs", hangs, 10, "no answer in time"},
		{"reset", broken(&resetError{}), 10, "connection reset by peer"},
		{"garbage", broken(errors.New(`malformed HTTP response "SECRET"`)), 10, "what came back is no HTTP answer"},
		{"cut short", broken(io.ErrUnexpectedEOF), 10, "the connection was closed without an answer"},
		{"a client that panics", func(*http.Request) (*http.Response, error) { panic("SECRET") }, 1, "the HTTP client panicked with a string"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &wire{answers: []func(*http.Request) (*http.Response, error){c.answer}}
				s, logs := newSender(t, w, nil)
				s.Send(note("1", RunCompleted))
				s.running.Wait()
				require.Len(t, w.asked(), c.tries)
				err := s.Close(t.Context())
				all := strings.Join(texts(logs), "\n")
				require.NotContains(t, all, "SECRET")
				require.NotContains(t, all, "CANARY")
				if c.why == "" {
					require.NoError(t, err)
					require.Equal(t, "webhook delivered", all)
					return
				}
				require.EqualError(t, err, "webhook hooks.example.com: 1 notification not delivered")
				require.Contains(t, all, "webhook not delivered: "+c.why)
				require.Equal(t, c.tries-1, logs.FilterMessage("webhook failed").Len())
			})
		})
	}
}

type resetError struct{}

func (*resetError) Error() string { return "read tcp SECRET: connection reset by peer" }
func (*resetError) Unwrap() error { return syscall.ECONNRESET }

func TestBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answers: []func(*http.Request) (*http.Response, error){status(500)}}
		s, _ := newSender(t, w, func(c *Config) { c.Attempts = 14 })
		s.Send(note("1", RunCompleted))
		s.running.Wait()
		waits := w.waits()
		require.Len(t, waits, 13)
		whole := time.Second
		for i, wait := range waits {
			require.GreaterOrEqual(t, wait, whole/2, i)
			require.LessOrEqual(t, wait, whole, i)
			whole = min(2*whole, 5*time.Minute)
		}
		require.Error(t, s.Close(t.Context()))
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answers: []func(*http.Request) (*http.Response, error){
			status(429, "Retry-After", "600"), status(503, "Retry-After", time.Now().Add(700*time.Second).UTC().Format(http.TimeFormat), "Date", time.Now().Add(600*time.Second).UTC().Format(http.TimeFormat)),
			status(200)}}
		s, _ := newSender(t, w, nil)
		s.Send(note("1", RunCompleted))
		s.running.Wait()
		waits := w.waits()
		require.Len(t, waits, 2)
		for i, want := range []time.Duration{600 * time.Second, 100 * time.Second} {
			require.GreaterOrEqual(t, waits[i], want)
			require.Less(t, waits[i], want+time.Second)
		}
		require.Equal(t, []string{"1", "1", "1"}, w.asked(), "every attempt has the same id")
		require.NoError(t, s.Close(t.Context()))
	})
}

// TestCloseIsBounded: whatever the receiver does, Close is over in its time, and nothing is running afterwards (synctest would not end).
func TestCloseIsBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		answers []func(*http.Request) (*http.Response, error)
		took    time.Duration // at most
		sent    []string
		err     string
	}{
		{"delivers what waits", []func(*http.Request) (*http.Response, error){status(200)}, 0, []string{"1", "2"}, ""},
		{"hangs for ever", []func(*http.Request) (*http.Response, error){hangs}, 5 * time.Second, []string{"1"}, "2 notifications"},
		{"works the second time", []func(*http.Request) (*http.Response, error){status(500), status(200)}, time.Second, []string{"1", "1", "2"}, ""},
		{"asks to wait too long", []func(*http.Request) (*http.Response, error){status(429, "Retry-After", "60")}, 0, []string{"1", "2"}, "2 notifications"},
		{"asks to wait a little", []func(*http.Request) (*http.Response, error){status(429, "Retry-After", "2"), status(200)}, 3 * time.Second, []string{"1", "1", "2"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &wire{answers: c.answers}
				s, logs := newSender(t, w, nil)
				s.Send(note("1", ProviderLost))
				s.Send(note("2", RunFailed))
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				start := time.Now()
				err := s.Close(ctx)
				require.LessOrEqual(t, time.Since(start), c.took)
				require.Equal(t, c.sent, w.asked())
				if c.err == "" {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, c.err)
					require.Equal(t, 2, logs.FilterMessage("webhook not delivered").Len())
				}
				s.Send(note("3", RunFailed))
				require.Equal(t, c.sent, w.asked(), "nothing is sent afterwards")
				require.Error(t, s.Close(ctx), "and that is said")
			})
		})
	}
}

// TestCloseEndsAWait: a notification in the middle of a long wait is tried at once when the program ends.
func TestCloseEndsAWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answers: []func(*http.Request) (*http.Response, error){status(500), status(500), status(500), status(500), status(500), status(500), status(200)}}
		s, _ := newSender(t, w, func(c *Config) { c.Backoff = time.Minute })
		s.Send(note("1", RunFailed))
		synctest.Wait()
		require.Len(t, w.asked(), 1)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		require.NoError(t, s.Close(ctx))
		require.Len(t, w.asked(), 7)
	})
}

// TestCloseHonoursAnEarlierWait: what the receiver asked for before the program ends counts afterwards too.
func TestCloseHonoursAnEarlierWait(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		asks  string
		tries int
		took  time.Duration
	}{{"3", 2, 2 * time.Second}, {"60", 1, 0}} {
		synctest.Test(t, func(t *testing.T) {
			w := &wire{answers: []func(*http.Request) (*http.Response, error){status(429, "Retry-After", c.asks), status(200)}}
			s, _ := newSender(t, w, nil)
			s.Send(note("1", RunFailed))
			<-time.After(time.Second) // some of the wait passes
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			start := time.Now()
			err := s.Close(ctx)
			require.Equal(t, c.took, time.Since(start))
			require.Len(t, w.asked(), c.tries)
			require.Equal(t, c.tries == 1, err != nil)
		})
	}
}

// TestSendNeverBlocks: a receiver that hangs costs the sender of events nothing, and the queue is bounded.
func TestSendNeverBlocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answers: []func(*http.Request) (*http.Response, error){hangs}}
		s, logs := newSender(t, w, func(c *Config) { c.Queue = 3 })
		start := time.Now()
		s.Send(note("first", RunFailed))
		synctest.Wait() // it is being tried
		for _, id := range []string{"a", "b"} {
			s.Send(note(id, RunFailed))
		}
		s.Send(note("lost", ProviderLost))
		for _, id := range []string{"c", "d"} {
			s.Send(note(id, RunCompleted))
		}
		require.Zero(t, time.Since(start))
		var dropped []string
		for _, e := range logs.FilterMessage("webhook not delivered").All() {
			dropped = append(dropped, e.ContextMap()["id"].(string))
		}
		require.Equal(t, []string{"lost", "a"}, dropped, "what matters least, then the oldest")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorContains(t, s.Close(ctx), "6 notifications")
	})
}

// TestGoneReceiver: 410 means that nothing more is wanted.
func TestGoneReceiver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answers: []func(*http.Request) (*http.Response, error){status(410)}}
		s, _ := newSender(t, w, nil)
		s.Send(note("1", ProviderLost))
		s.running.Wait()
		s.Send(note("2", RunFailed))
		s.running.Wait()
		require.Equal(t, []string{"1"}, w.asked())
		require.ErrorContains(t, s.Close(t.Context()), "2 notifications")
	})
}

// TestDeafClient: a client that does not heed its context can't hold the program for more than a moment.
func TestDeafClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := &wire{answers: []func(*http.Request) (*http.Response, error){func(*http.Request) (*http.Response, error) {
			<-release
			return nil, io.EOF
		}}}
		s, _ := newSender(t, w, nil)
		s.Send(note("1", RunFailed))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		require.ErrorContains(t, s.Close(ctx), "did not end a request")
		require.Equal(t, 2*time.Second, time.Since(start))
		close(release)
		s.running.Wait()
	})
}
