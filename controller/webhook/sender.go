package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/zap"

	"github.com/dogear-go/dogear/state"
)

// Sender delivers the notifications of runs to one address. It is made by [New] and safe for concurrent use. While nothing waits
// to be delivered it has no goroutine and no connection.
type Sender struct {
	cfg  Config
	url  *url.URL
	sign *standardwebhooks.Webhook // nil: no secret
	log  *zap.Logger

	open  context.Context // ends when Close begins: no wait is worth its full length any more
	alive context.Context // ends when the time of Close is over: attempts are cut short
	close context.CancelCauseFunc
	kill  context.CancelCauseFunc

	observe state.Observer // of Observe

	mu       sync.Mutex // guards the fields below
	queue    []message  // oldest first
	working  bool       // a goroutine delivers what is in queue, and is counted in running
	gone     bool       // the receiver said that it wants nothing more
	closing  bool
	deadline time.Time // of Close; zero: none
	missed   int       // notifications that were not delivered
	running  sync.WaitGroup
}

// message is a notification ready to be sent. run is only for the log.
type message struct {
	id   string
	run  string
	kind Type
	body []byte
}

var (
	errClosing = errors.New("the program is ending")
	errOver    = errors.New("the time for delivering it was over")
)

// New makes a Sender. It makes no request. Close must be called, or what is on its way when the program ends is lost.
func New(cfg Config) (*Sender, error) {
	cfg, u, err := cfg.checked()
	if err != nil {
		return nil, err
	}
	sign, err := signer(cfg.Secret)
	if err != nil {
		return nil, err
	}
	s := &Sender{cfg: cfg, url: u, sign: sign, log: cfg.Logger.With(zap.String("webhook", short(u.Host)))}
	s.alive, s.kill = context.WithCancelCause(context.Background())
	s.open, s.close = context.WithCancelCause(s.alive)
	s.observe = Observer(s)
	return s, nil
}

// Observe is told of the events of one run, as a [state.Observer]. It returns at once. For runs side by side, each needs an
// [Observer] of its own.
func (s *Sender) Observe(e state.Event) { s.observe(e) }

// Observer returns an observer for one run that notifies every sender.
func Observer(senders ...*Sender) state.Observer {
	var mu sync.Mutex // guards w, should a session's observer still be told when the next session begins
	w := &watcher{}
	return func(e state.Event) {
		mu.Lock()
		n, worth := w.take(e)
		mu.Unlock()
		if !worth {
			return
		}
		for _, s := range senders {
			s.Send(n)
		}
	}
}

// Send queues a notification and returns at once.
func (s *Sender) Send(n Notification) {
	body, err := s.cfg.Format.body(n)
	if err != nil { // a time that JSON can't say, of a Notification of the program's own
		s.log.Warn("webhook not sent", zap.String("run", n.Data.Run), zap.String("id", n.ID), zap.String("why", "it can't be encoded"))
		return
	}
	m := message{id: n.ID, run: n.Data.Run, kind: n.Type, body: body}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing:
		s.miss(m, errClosing)
		return
	case s.gone:
		s.miss(m, errGone)
		return
	case len(s.queue) >= s.cfg.Queue:
		s.drop()
	}
	s.queue = append(s.queue, m)
	if !s.working {
		s.working = true
		s.running.Go(s.work)
	}
}

// drop makes room: how a run ended matters more than that it lost a provider, and the newest more than the oldest. mu is held.
func (s *Sender) drop() {
	oldest := 0
	for i, m := range s.queue {
		if m.kind == ProviderLost {
			oldest = i
			break
		}
	}
	s.miss(s.queue[oldest], fmt.Errorf("more than %d waited", s.cfg.Queue))
	s.queue = append(s.queue[:oldest], s.queue[oldest+1:]...)
}

// miss says that a notification is not delivered. mu is held.
func (s *Sender) miss(m message, why error) {
	s.missed++
	s.log.Warn("webhook not delivered", zap.String("run", m.run), zap.String("type", string(m.kind)), zap.String("id", m.id), zap.String("why", why.Error()))
}

// work delivers until the queue is empty.
func (s *Sender) work() {
	for {
		s.mu.Lock()
		if len(s.queue) == 0 {
			s.working = false
			s.mu.Unlock()
			return
		}
		m := s.queue[0]
		s.queue = s.queue[1:]
		gone := s.gone
		s.mu.Unlock()
		err := error(errGone)
		if !gone {
			err = s.deliver(m)
		}
		if err == nil {
			continue
		}
		s.mu.Lock()
		s.gone = s.gone || errors.Is(err, errGone)
		s.miss(m, err)
		s.mu.Unlock()
	}
}

// graceAfterClose is how long Close waits for a request that its context has cancelled already: a client that heeds contexts needs
// no time.
const graceAfterClose = time.Second

// Close delivers what waits, and returns when that is done or ctx ends: then requests are cut short and the rest is given up. Nothing
// is running afterwards. Waits between attempts are cut to a second. The error says how many notifications of this sender's life were
// not delivered; each was logged. It may be called again.
func (s *Sender) Close(ctx context.Context) error {
	s.mu.Lock()
	if !s.closing {
		s.closing = true
		s.deadline, _ = ctx.Deadline()
	}
	s.mu.Unlock()
	s.close(errClosing)
	idle := make(chan struct{})
	go func() {
		s.running.Wait()
		close(idle)
	}()
	var late error
	select {
	case <-idle:
	case <-ctx.Done():
		s.kill(errOver)
		grace := time.NewTimer(graceAfterClose)
		defer grace.Stop()
		select {
		case <-idle:
		case <-grace.C:
			late = fmt.Errorf("webhook %s: the client did not end a request that was cancelled", short(s.url.Host))
		}
	}
	s.kill(errOver)
	s.cfg.Client.CloseIdleConnections()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.missed > 0 {
		return errors.Join(late, fmt.Errorf("webhook %s: %s not delivered", short(s.url.Host), count(s.missed, "notification")))
	}
	return late
}
