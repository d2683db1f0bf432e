package wire

import (
	"net/http"
)

// maxRedirects is how many redirects to the same host are followed.
const maxRedirects = 3

// Client returns a client whose requests go through the guard. It has no timeout of its own: attempts have one. The guard refuses
// redirects to another host, which would get the key.
func (g *Guard) Client() *http.Client {
	return &http.Client{
		Transport: g,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) <= maxRedirects {
				return nil
			}
			a := answer{provider: g.Provider}
			return recorderOf(req.Context()).failed(a.redirected(req.Response.StatusCode))
		},
	}
}

// WithKey is a transport that sends a key where the client has no place for one, as Ollama's has none. An empty key is none.
func WithKey(base http.RoundTripper, key string) http.RoundTripper {
	if key == "" {
		return base
	}
	return &keyed{base, key}
}

type keyed struct {
	base http.RoundTripper
	key  string
}

func (k *keyed) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.Header.Set("Authorization", "Bearer "+k.key)
	return k.base.RoundTrip(out)
}
