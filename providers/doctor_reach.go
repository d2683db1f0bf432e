package providers

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"

	"github.com/dogear-go/dogear/resilience"
)

// reachFailure says how a connection fails: in a word or two, and in a sentence.
func reachFailure(err error) (short, long string) {
	var (
		dns          *net.DNSError
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		host         x509.HostnameError
		invalid      x509.CertificateInvalidError
		record       tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no DNS", "the server's name is not found"
	case errors.As(err, &dns):
		return "no DNS", "the name server gives no answer"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused", "nothing listens there"
	case errors.As(err, &verification), errors.As(err, &authority), errors.As(err, &host), errors.As(err, &invalid):
		return "TLS", "the server's certificate is not trusted"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "TLS", "the server speaks http there, not https"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.ENETDOWN):
		return "no route", "there is no way to the server"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed", "the server closes the connection"
	case resilience.Classify(err) == resilience.Canceled:
		return "canceled", "it was interrupted"
	}
	return "network", "the connection fails"
}

// hostOf is the host of an address.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the server"
	}
	return u.Host
}
