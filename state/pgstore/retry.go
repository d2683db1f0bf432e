package pgstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	firstWait = 5 * time.Millisecond
	lastWait  = 500 * time.Millisecond // a server that restarts is noticed soon, and not besieged

	// How long one statement may take before its connection is given up for dead. Without it a connection that a router
	// has forgotten would hold an append for as long as TCP goes on trying, a quarter of an hour.
	patience    = 15 * time.Second
	perMegabyte = time.Second
)

// retrier tries one operation again and again, until the time for it is over. Only one goroutine uses it.
type retrier struct {
	window time.Duration
	begun  time.Time // of the first failure
	wait   time.Duration
}

func (s *Store) newRetrier() *retrier { return &retrier{window: s.o.Retry} }

// again waits before the next attempt. It returns an error when there is to be none: that of the last attempt, with how
// long it was tried; or ctx's.
func (r *retrier) again(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ended(ctx, err)
	}
	if r.window < 0 || !passing(err) {
		return err
	}
	if r.begun.IsZero() {
		r.begun, r.wait = time.Now(), firstWait
	}
	pause := r.wait/2 + rand.N(r.wait/2+1)
	tried := time.Since(r.begun)
	if tried+pause > r.window {
		return fmt.Errorf("pgstore: tried again for %s: %w", tried.Round(time.Millisecond), err)
	}
	r.wait = min(2*r.wait, lastWait)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ended(ctx, err)
	case <-timer.C:
		return nil
	}
}

func ended(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if err == nil || errors.Is(err, cause) {
		return cause
	}
	return fmt.Errorf("%w (%w)", cause, err)
}

// retry carries out what may be done twice.
func (s *Store) retry(ctx context.Context, do func(ctx context.Context) error) error {
	for r := s.newRetrier(); ; {
		err := s.attempt(ctx, 0, do)
		if err == nil {
			return nil
		}
		if err := r.again(ctx, err); err != nil {
			return s.explain(err)
		}
	}
}

// errSlow marks an attempt that was given up although its caller was not gone.
var errSlow = errors.New("the database did not answer in time")

// attempt does it once, for at most as long as an answer about so many bytes may take.
func (s *Store) attempt(ctx context.Context, bytes int64, do func(ctx context.Context) error) error {
	limit := max(patience, s.o.Lease) + time.Duration(bytes>>20)*perMegabyte
	inner, cancel := context.WithTimeoutCause(ctx, limit, errSlow)
	defer cancel()
	err := do(inner)
	if err != nil && ctx.Err() == nil && inner.Err() != nil {
		return fmt.Errorf("%w: %w", errSlow, err)
	}
	return err
}

// What the server says when the same statement may well succeed a moment later. Nothing of it was carried out, or it
// can't be known (57P01 may come after the commit). Source: PostgreSQL, appendix A, error codes.
const (
	codeSerialization  = "40001"
	codeDeadlock       = "40P01"
	codeTooManyClients = "53300"
	codeAdminShutdown  = "57P01"
	codeCrashShutdown  = "57P02"
	codeCannotConnect  = "57P03"
	codeIdleTimeout    = "57P05"
	classConnection    = "08"
)

// And what else it says that means something here.
const (
	codeUnique        = "23505"
	codeForeignKey    = "23503"
	codeNoTable       = "42P01"
	codeNoColumn      = "42703"
	codeNoSchema      = "3F000"
	codeProtocolError = "08P01"
)

// passing says that an error is of the kind that passes.
func passing(err error) bool {
	if code := codeOf(err); code != "" {
		switch code {
		case codeSerialization, codeDeadlock, codeTooManyClients, codeAdminShutdown, codeCrashShutdown, codeCannotConnect,
			codeIdleTimeout:
			return true
		case codeProtocolError:
			return false // a fault of a program, here, there or between
		}
		return strings.HasPrefix(code, classConnection)
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.Is(err, errSlow) || pgconn.SafeToRetry(err) || errors.As(err, &connect) || errors.As(err, &network) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

func codeOf(err error) string {
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return server.Code
	}
	return ""
}
