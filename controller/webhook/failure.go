package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// failure is why an attempt failed, in words of its own: an error of net/http repeats the URL, and may repeat what the receiver
// sent.
type failure struct {
	why   string
	after time.Duration // the receiver asked for this wait; zero: it did not
	final bool          // no other attempt will do better
}

func (f *failure) Error() string { return f.why }

// errGone is the answer 410: by the Standard Webhooks specification the receiver wants nothing more.
var errGone = &failure{why: "the receiver says that it is gone (HTTP 410); nothing more is sent to it", final: true}

// unanswered describes a request that got no answer.
func unanswered(ctx context.Context, err error) error {
	var (
		dns    *net.DNSError
		cert   *tls.CertificateVerificationError
		record tls.RecordHeaderError
		timed  net.Error
		errno  syscall.Errno
	)
	switch {
	case errors.Is(context.Cause(ctx), errOver):
		return errOver
	case errors.As(err, &cert):
		return &failure{why: "its certificate is not trusted", final: true}
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return &failure{why: "it does not speak TLS there; check http or https and the port", final: true}
	case errors.As(err, &dns) && dns.IsNotFound:
		return &failure{why: "there is no host of that name"}
	case errors.As(err, &dns):
		return &failure{why: "the name server did not answer"}
	case errors.As(err, &timed) && timed.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return &failure{why: "no answer in time"}
	case errors.As(err, &errno):
		return &failure{why: errno.Error()}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &failure{why: "the connection was closed without an answer"}
	}
	return &failure{why: "what came back is no HTTP answer"}
}
