package resilience

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"
)

type ownClass struct{ error }

func (ownClass) ErrorClass() Class { return ContextLength }

func TestClassify(t *testing.T) {
	t.Parallel()
	var syntax, page error
	syntax = json.Unmarshal([]byte("{]"), &struct{}{})
	page = json.Unmarshal([]byte("<html>"), &struct{}{})
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	cases := []struct {
		name string
		err  error
		want Class
	}{
		{"nil", nil, ""},
		{"own type", &Error{Class: Quota}, Quota},
		{"own type without a class", &Error{Err: io.EOF}, Network},
		{"own type with nothing", &Error{}, Unknown},
		{"wrapped", fmt.Errorf("scene 3: %w", &Error{Class: Auth}), Auth},
		{"joined", errors.Join(errors.New("429 words"), &Error{Class: NotFound}), NotFound},
		{"method", fmt.Errorf("x: %w", ownClass{errors.New("429")}), ContextLength},
		{"check", &CheckError{Class: Truncated}, Truncated},

		{"canceled", context.Canceled, Canceled},
		{"pausing", fmt.Errorf("wait: %w", ErrPausing), Canceled},
		{"canceled after a rate limit", errors.Join(&Error{Class: RateLimit}, context.Canceled), Canceled},
		{"typed over canceled", &Error{Class: Timeout, Err: context.Canceled}, Timeout},
		{"deadline", fmt.Errorf("x: %w", context.DeadlineExceeded), Timeout},
		{"url deadline", &url.Error{Op: "Post", URL: "http://x", Err: context.DeadlineExceeded}, Timeout},
		{"url canceled", &url.Error{Op: "Post", URL: "http://x", Err: context.Canceled}, Canceled},
		{"os deadline", os.ErrDeadlineExceeded, Timeout},

		{"dns", &url.Error{Err: &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "x"}}}, Network},
		{"dns timeout", &url.Error{Err: &net.OpError{Op: "dial", Err: &net.DNSError{Err: "i/o timeout", IsTimeout: true}}}, Network},
		{"refused", &url.Error{Err: refused}, Network},
		{"reset", fmt.Errorf("read: %w", syscall.ECONNRESET), Network},
		{"authority", &url.Error{Err: x509.UnknownAuthorityError{}}, Network},
		{"eof", &url.Error{Err: io.EOF}, Network},
		{"cut", fmt.Errorf("stream: %w", io.ErrUnexpectedEOF), Network},
		{"closed", net.ErrClosed, Network},
		{"goaway", errors.New("http2: server sent GOAWAY and closed the connection; LastStreamID=1999, ErrCode=NO_ERROR"), Network},

		{"json", syntax, InvalidResponse},
		{"page", page, Server},
		{"long line", bufio.ErrTooLong, InvalidResponse},

		{"llms code not trusted", llms.NewError(llms.ErrCodeRateLimit, "anthropic", "prompt is too long: 214290 tokens"), ContextLength},
		{"llms canceled not trusted", llms.NewError(llms.ErrCodeCanceled, "x", "gibberish"), Unknown},
		{"llms cause", llms.NewError(llms.ErrCodeUnknown, "x", "m").WithCause(io.EOF), Network},

		{"openai", errors.New("API returned unexpected status code: 429: You exceeded your current quota, please check your plan"), Quota},
		{"openai status only", errors.New("API returned unexpected status code: 502"), Server},
		{"anthropic", errors.New("anthropic: failed to create message: API returned unexpected status code: 529: Overloaded"), Overloaded},
		{"mistral", errors.New(`(HTTP Error 401) {"message":"Unauthorized","request_id":"429"}`), Auth},
		{"mistral too long", errors.New(`(HTTP Error 400) {"object":"error","message":"Prompt contains 40960 tokens, too large for model with 32768 maximum context length","type":"invalid_request_error"}`), ContextLength},
		{"huggingface", errors.New(`failed to run inference: unexpected status code: 503, body: {"error":"Model x is currently loading"}`), Overloaded},
		{"googleapi", errors.New("googleapi: Error 403: Permission denied on resource, forbidden"), Permission},
		{"openai network", errors.New("network error: failed to reach API server"), Network},
		{"openai timeout", errors.New("request timeout: API call exceeded deadline"), Timeout},
		{"openai canceled", errors.New("request cancelled"), Canceled},
		{"openai empty", errors.New("empty response"), EmptyResponse},
		{"anthropic empty", errors.New("no response"), EmptyResponse},
		{"mistral empty", errors.New("unexpected response, length of the Choices slice must be >= 1"), EmptyResponse},
		{"google empty", errors.New("no content in generation response"), EmptyResponse},
		{"the original's", errors.New("Invalid response from LLM call - None or empty."), InvalidResponse},
		{"ollama page", errors.New("invalid character '<' looking for beginning of value"), Server},
		{"ollama busy", errors.New("server busy, please try again.  maximum pending requests exceeded"), Overloaded},

		{"digits in an id", errors.New("request 4290-502-401 failed somehow"), Unknown},
		{"digits in a model", errors.New("scene 503: hero 404 is lost"), Unknown},
		{"digits after words", errors.New("code: 429"), Unknown},
		{"four digits", errors.New("status code: 4290"), Unknown},
		{"plain", errors.New("cannot parse the outline"), Unknown},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, Classify(c.err), "%v", c.err) })
	}
}

// TestClassifyTransport: errors of a real transport.
func TestClassifyTransport(t *testing.T) {
	t.Parallel()
	get := func(ctx context.Context, c *http.Client, url string) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		require.NoError(t, err)
		resp, err := c.Do(req)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		return err
	}
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	release := make(chan struct{})
	hang := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer hang.Close()
	defer close(release)
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "short")
	}))
	defer cut.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()

	err := get(t.Context(), &http.Client{}, secure.URL)
	require.Equal(t, Network, Classify(err))
	w := Wrap("p", "m", err)
	var e *Error
	require.ErrorAs(t, w, &e)
	require.False(t, e.Retryable(), "a certificate that is not trusted does not become so by waiting")
	require.True(t, e.SwitchProvider())
	require.ErrorContains(t, w, "certificate")

	err = get(t.Context(), &http.Client{}, gone.URL)
	require.Equal(t, Network, Classify(err))
	require.ErrorAs(t, Wrap("p", "m", err), &e)
	require.True(t, e.Retryable())

	require.Equal(t, Network, Classify(get(t.Context(), &http.Client{}, cut.URL)))
	require.Equal(t, Timeout, Classify(get(t.Context(), &http.Client{Timeout: 20 * time.Millisecond}, hang.URL)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, Canceled, Classify(get(ctx, &http.Client{}, hang.URL)))
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.Equal(t, Timeout, Classify(get(ctx, &http.Client{}, hang.URL)))
}
