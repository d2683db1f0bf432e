package resilience

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"syscall"
)

// networkClass is the class of one error of the transport, or "". A timeout that the network reports is a timeout, except
// that of a name server.
func networkClass(err error) Class {
	switch e := err.(type) { //nolint:errorlint // one error of a chain that walk goes through
	case *net.DNSError, *tls.CertificateVerificationError, x509.UnknownAuthorityError, x509.HostnameError,
		x509.CertificateInvalidError, x509.SystemRootsError, tls.RecordHeaderError, *tls.RecordHeaderError, tls.AlertError,
		*tls.ECHRejectionError:
		return Network
	case *net.AddrError, *net.ParseError, net.InvalidAddrError, net.UnknownNetworkError, url.EscapeError, url.InvalidHostError:
		return InvalidRequest // the base URL
	case *http.MaxBytesError, flate.CorruptInputError:
		return InvalidResponse
	case *url.Error:
		if e.Op == "parse" {
			return InvalidRequest
		}
	case *net.OpError:
		return opClass(e)
	case syscall.Errno:
		return errnoClass(e)
	}
	switch {
	case is(err, net.ErrClosed), is(err, http.ErrSchemeMismatch):
		return Network
	case is(err, http.ErrHandlerTimeout):
		return Timeout
	case is(err, gzip.ErrHeader), is(err, gzip.ErrChecksum), is(err, http.ErrLineTooLong):
		return InvalidResponse
	}
	if t, ok := err.(net.Error); ok && t.Timeout() && !errors.As(err, new(*net.DNSError)) { //nolint:errorlint // walk goes through the chain
		return Timeout
	}
	return ""
}

// opClass is the class of a failed operation on a connection.
func opClass(e *net.OpError) Class {
	var (
		dns  *net.DNSError
		addr *net.AddrError
	)
	switch {
	case errors.Is(e.Err, context.Canceled): // of a dialer
		return Canceled
	case errors.As(e.Err, &dns):
		return Network
	case errors.As(e.Err, &addr):
		return InvalidRequest
	case e.Timeout():
		return Timeout
	}
	return Network
}

// errnoClass is the class of an operating system's error. What is about files and not about connections has none.
func errnoClass(e syscall.Errno) Class {
	switch e {
	case syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, syscall.EHOSTUNREACH, syscall.EHOSTDOWN,
		syscall.ENETUNREACH, syscall.ENETDOWN, syscall.ENETRESET, syscall.ENOTCONN, syscall.EADDRNOTAVAIL, syscall.ENOBUFS:
		return Network
	case syscall.ETIMEDOUT:
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

// plainServer says whether a server was asked for TLS that speaks plain HTTP, or nothing of the kind.
func plainServer(err error) bool {
	var (
		record  tls.RecordHeaderError
		pointer *tls.RecordHeaderError
	)
	return errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &record) || errors.As(err, &pointer)
}

// looping says whether redirects led nowhere. net/http has no type for it.
func looping(err error) bool {
	var u *url.Error
	return errors.As(err, &u) && strings.HasPrefix(u.Err.Error(), "stopped after ") && strings.HasSuffix(u.Err.Error(), " redirects")
}

// refused says whether nobody listens at the address.
func refused(err error) bool {
	const wsaRefused = syscall.Errno(10061) // Windows; syscall.ECONNREFUSED is an invented number there
	return errors.Is(err, syscall.ECONNREFUSED) || runtime.GOOS == "windows" && errors.Is(err, wsaRefused)
}

// exhausted says whether this machine has no more files or ports for connections.
func exhausted(err error) bool {
	for _, errno := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// byProxy says whether a proxy is what failed.
func byProxy(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "proxyconnect" || op.Op == "socks connect")
}
