package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/avast/retry-go/v4"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/zap"

	"github.com/dogear-go/dogear/resilience"
)

// deliver tries until the receiver has it or there is no point in another attempt. Once Close has begun, what is left of its time
// is used for attempts in quick succession.
func (s *Sender) deliver(m message) error {
	err := s.attempts(s.open, m, s.delay)
	if errors.Is(err, errClosing) {
		err = s.attempts(s.alive, m, func(n uint, err error) time.Duration { return min(s.delay(n, err), closingBackoff) })
	}
	return err
}

// closingBackoff is the longest wait between attempts while the program ends, but for one that the receiver asked for.
const closingBackoff = time.Second

func (s *Sender) attempts(ctx context.Context, m message, delay func(n uint, err error) time.Duration) error {
	var last error
	tried := 0
	err := retry.Do(func() error {
		tried++
		last = s.attempt(m)
		return last
	},
		retry.Context(ctx), retry.Attempts(uint(s.cfg.Attempts)), retry.LastErrorOnly(true), retry.RetryIf(s.again),
		retry.DelayType(func(n uint, err error, _ *retry.Config) time.Duration {
			wait := max(delay(n, err), asked(err))
			s.log.Info("webhook failed", zap.String("run", m.run), zap.String("id", m.id), zap.Int("attempt", tried),
				zap.String("why", err.Error()), zap.Duration("wait", wait))
			return wait
		}),
	)
	switch {
	case err == nil:
		s.log.Debug("webhook delivered", zap.String("run", m.run), zap.String("type", string(m.kind)), zap.String("id", m.id), zap.Int("attempt", tried))
	case errors.Is(err, errOver) && last != nil:
		return fmt.Errorf("%w; before: %w", errOver, last)
	}
	return err
}

// again says whether another attempt may help, in the time that there is.
func (s *Sender) again(err error) bool {
	var f *failure
	if !errors.As(err, &f) || f.final || f.after > maxAfter {
		return false
	}
	s.mu.Lock()
	deadline := s.deadline
	s.mu.Unlock()
	return deadline.IsZero() || f.after < time.Until(deadline)
}

// delay is the wait before attempt n + 1, from 1.
func (s *Sender) delay(n uint, err error) time.Duration {
	if after := asked(err); after > 0 {
		return after + rand.N(s.cfg.Backoff) // not all at the same moment
	}
	d := min(s.cfg.Backoff, maxBackoff)
	for ; n > 1 && d < maxBackoff; n-- {
		d = min(2*d, maxBackoff)
	}
	return d/2 + rand.N(d/2+1)
}

// asked is the wait that the receiver asked for.
func asked(err error) time.Duration {
	var f *failure
	if errors.As(err, &f) {
		return f.after
	}
	return 0
}

// attempt makes one request. A client of the user's own that panics must not end the run.
func (s *Sender) attempt(m message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &failure{why: fmt.Sprintf("the HTTP client panicked with a %T", p), final: true}
		}
	}()
	ctx, cancel := context.WithTimeout(s.alive, s.cfg.Timeout)
	defer cancel()
	req, err := s.request(ctx, m)
	if err != nil {
		return err
	}
	resp, err := s.cfg.Client.Do(req)
	if err != nil {
		return unanswered(ctx, err)
	}
	defer resp.Body.Close()
	// The status is the answer. A little of the body is taken off the wire, so that an ordinary receiver sees an ordinary end; what
	// it says is not looked at.
	enough := time.AfterFunc(bodyTime, cancel)
	defer enough.Stop()
	_, _ = io.CopyN(io.Discard, resp.Body, bodySize)
	return answered(resp)
}

// How much of an answer's body is read.
const (
	bodySize = 4 << 10
	bodyTime = time.Second
)

func (s *Sender) request(ctx context.Context, m message) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url.String(), bytes.NewReader(m.body))
	if err != nil { // it would repeat the URL
		return nil, &failure{why: "the request can't be made", final: true}
	}
	now := time.Now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "dogear-webhook")
	req.Header.Set(standardwebhooks.HeaderWebhookID, m.id)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	if s.sign != nil {
		signature, err := s.sign.Sign(m.id, now, m.body)
		if err != nil {
			return nil, &failure{why: "the request can't be signed", final: true}
		}
		req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	}
	return req, nil
}

// answered judges a response by its status.
func answered(resp *http.Response) error {
	code := resp.StatusCode
	f := &failure{why: fmt.Sprintf("HTTP %d", code)}
	switch {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusGone:
		return errGone
	case code >= 300 && code < 400:
		f.why, f.final = fmt.Sprintf("it redirects (HTTP %d); redirects are not followed, give the address that it leads to", code), true
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		if after, ok := resilience.RetryAfter(resilience.FromHTTP("", code, resp.Header, nil)); ok {
			f.after = after
		}
		if f.after > maxAfter {
			f.why += ", and asks to wait " + f.after.Round(time.Second).String()
		}
	default:
		f.final = true
	}
	return f
}
