package resilience

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"syscall"
)

// networkClass is the class of one error of the transport, or "". A timeout that the network reports is a timeout, except
// that of a name server.
func networkClass(err error) Class {
	switch e := err.(type) { //nolint:errorlint // one error of a chain that walk goes through
	case *net.DNSError, *tls.CertificateVerificationError, x509.UnknownAuthorityError, x509.HostnameError,
		x509.CertificateInvalidError, tls.RecordHeaderError, *tls.RecordHeaderError, tls.AlertError:
		return Network
	case *net.OpError:
		if errors.Is(e.Err, context.Canceled) { // of a dialer
			return Canceled
		}
		if inner := new(net.DNSError); errors.As(e.Err, &inner) {
			return Network
		}
		if e.Timeout() {
			return Timeout
		}
		return Network
	case syscall.Errno:
		switch e {
		case syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, syscall.EHOSTUNREACH,
			syscall.ENETUNREACH, syscall.ENETDOWN:
			return Network
		case syscall.ETIMEDOUT:
			return Timeout
		}
		return ""
	}
	if is(err, net.ErrClosed) {
		return Network
	}
	if t, ok := err.(net.Error); ok && t.Timeout() && !errors.As(err, new(*net.DNSError)) { //nolint:errorlint // walk goes through the chain
		return Timeout
	}
	return ""
}

// untrusted says whether a connection failed because the server's certificate can't be trusted, which does not pass.
func untrusted(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		host         x509.HostnameError
		invalid      x509.CertificateInvalidError
	)
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}
