package webhook

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/zap"
)

// Format is the form of a webhook's body.
type Format string

// The formats.
const (
	JSON  Format = "json"  // a [Notification]
	Slack Format = "slack" // {"text": "..."}, which Slack, Mattermost, Rocket.Chat and Discord (at /slack) take
)

// Config says where notifications go. URL is required.
type Config struct {
	// URL is where to POST: https, or http to this machine. It may hold a secret, as those of Slack do: it is never logged or
	// shown in an error, only its host is.
	URL string

	// Secret signs the requests: whsec_ and 24 to 64 random bytes in base64. Defaults to no signature.
	Secret string

	// Format is the form of the body. Defaults to JSON.
	Format Format

	// AllowHTTP allows http to other machines: everybody between can read the body, and an answer proves nothing. Defaults to
	// refusing it.
	AllowHTTP bool

	// Client makes the requests. It follows no redirect, whatever its CheckRedirect says. Defaults to one that keeps no
	// connection open and uses HTTP(S)_PROXY.
	Client *http.Client

	// Timeout bounds each attempt. Defaults to 15 seconds, which is what Standard Webhooks recommends at least.
	Timeout time.Duration

	// Attempts is how often a notification is tried in all. Defaults to 10, over some eight minutes.
	Attempts int

	// Backoff is the wait before the second attempt; it doubles from one to the next, up to five minutes, and is shortened by
	// up to half at random. What the receiver asks for (Retry-After) counts instead, up to an hour. Defaults to one second.
	Backoff time.Duration

	// Queue is how many notifications wait while one is tried. When there are more, the oldest about a provider goes first, then
	// the oldest; a line of the log says so. Defaults to 256.
	Queue int

	// Logger is told of what is delivered (debug), tried again (info) and given up (warn). Defaults to silence.
	Logger *zap.Logger
}

const (
	maxBackoff = 5 * time.Minute
	maxAfter   = time.Hour // the longest wait that a receiver may ask for
)

// checked fills in the defaults and says what is wrong, without the URL or the secret.
func (c Config) checked() (Config, *url.URL, error) {
	u, err := c.address()
	if err != nil {
		return c, nil, err
	}
	if c.Format == "" {
		c.Format = JSON
	}
	if c.Format != JSON && c.Format != Slack {
		return c, nil, fmt.Errorf("webhook: the format is %s or %s, not %q", JSON, Slack, c.Format)
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	c.Timeout = or(c.Timeout, 15*time.Second)
	c.Attempts = or(c.Attempts, 10)
	c.Backoff = or(c.Backoff, time.Second)
	c.Queue = or(c.Queue, 256)
	c.Client = client(c.Client)
	return c, u, nil
}

func or[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// address parses the URL. Its errors don't show it: url.Parse's would.
func (c Config) address() (*url.URL, error) {
	if c.URL == "" {
		return nil, errors.New("webhook: no URL; give the address to POST to")
	}
	u, err := url.Parse(c.URL)
	switch {
	case err != nil, u.Hostname() == "", u.Opaque != "":
		return nil, errors.New("webhook: the URL can't be read; it must be like https://host/path")
	case u.Scheme == "https":
	case u.Scheme != "http":
		return nil, errors.New("webhook: the URL must begin with https:// (or http:// for this machine)")
	case !c.AllowHTTP && !loopback(u.Hostname()):
		return nil, fmt.Errorf("webhook: the URL must begin with https:// since %q is another machine: with http anybody between can read and change what is sent", u.Hostname())
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// The sizes of a secret, in bytes, by the Standard Webhooks specification.
const (
	minSecret = 24
	maxSecret = 64
)

// signer makes the signatures; nil without a secret. Its errors don't show the secret.
func signer(secret string) (*standardwebhooks.Webhook, error) {
	if secret == "" {
		return nil, nil
	}
	const form = "it must be whsec_ and 24 to 64 random bytes in base64, as printed by: echo whsec_$(openssl rand -base64 32)"
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	switch {
	case err != nil:
		return nil, errors.New("webhook: the secret can't be read; " + form)
	case len(key) < minSecret, len(key) > maxSecret:
		return nil, fmt.Errorf("webhook: the secret has %d bytes; %s", len(key), form)
	}
	return standardwebhooks.NewWebhookRaw(key)
}

// client is the user's client, or one of its own, that follows no redirect: a signed body goes to the address it is meant for and to
// no other.
func client(c *http.Client) *http.Client {
	own := http.Client{}
	if c != nil {
		own = *c
	} else {
		own.Transport = &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSHandshakeTimeout: 10 * time.Second,
			DisableKeepAlives:   true, // a handful of requests in hours
			// Nothing of an answer but its status and Retry-After is used.
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
		}
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}
