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

// delivery is the work of delivering one message.
type delivery struct {
	*Sender
	message
	tried     int
	last      error     // of the last attempt
	notBefore time.Time // what the receiver asked for with it; zero: nothing
}

// deliver tries until the receiver has it or there is no point in another attempt. Once Close has begun, what is left of its time
// is used for attempts in quick succession.
func (s *Sender) deliver(m message) error {
	d := &delivery{Sender: s, message: m}
	err := d.attempts(s.open, s.delay)
	if !errors.Is(err, errClosing) {
		return err
	}
	if err := d.rest(); err != nil {
		return err
	}
	return d.attempts(s.alive, func(n uint, err error) time.Duration { return min(s.delay(n, err), closingBackoff) })
}

// closingBackoff is the longest wait between attempts while the program ends, but for one that the receiver asked for.
const closingBackoff = time.Second

func (d *delivery) attempts(ctx context.Context, delay func(n uint, err error) time.Duration) error {
	err := retry.Do(d.once,
		retry.Context(ctx), retry.Attempts(uint(d.cfg.Attempts)), retry.LastErrorOnly(true), retry.RetryIf(d.again),
		retry.DelayType(func(n uint, err error, _ *retry.Config) time.Duration {
			wait := max(delay(n, err), asked(err))
			d.log.Info("webhook failed", zap.String("run", d.run), zap.String("id", d.id), zap.Int("attempt", d.tried),
				zap.String("why", err.Error()), zap.Duration("wait", wait))
			return wait
		}),
	)
	switch {
	case err == nil:
		d.log.Debug("webhook delivered", zap.String("run", d.run), zap.String("type", string(d.kind)), zap.String("id", d.id), zap.Int("attempt", d.tried))
	case errors.Is(err, errOver):
		return d.over()
	}
	return err
}

// once makes one attempt.
func (d *delivery) once() error {
	d.tried++
	d.last, d.notBefore = d.attempt(d.message), time.Time{}
	if after := asked(d.last); after > 0 {
		d.notBefore = time.Now().Add(after)
	}
	return d.last
}

// rest waits for what is left of the time that the receiver asked for, although Close has begun; an error when there is not so much.
func (d *delivery) rest() error {
	left := time.Until(d.notBefore)
	switch {
	case d.notBefore.IsZero(), left <= 0:
		return nil
	case !d.inTime(left):
		return d.last
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-d.alive.Done():
		return d.over()
	}
}

// over says that there was no time for another attempt, and how the last one went.
func (d *delivery) over() error {
	if d.last == nil || errors.Is(d.last, errOver) {
		return errOver
	}
	return fmt.Errorf("%w; before: %w", errOver, d.last)
}

// again says whether another attempt may help, in the time that there is.
func (s *Sender) again(err error) bool {
	var f *failure
	if !errors.As(err, &f) || f.final || f.after > maxAfter {
		return false
	}
	return s.inTime(f.after)
}

// inTime says whether a wait ends before the time of Close does.
func (s *Sender) inTime(wait time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deadline.IsZero() || wait < time.Until(s.deadline)
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
