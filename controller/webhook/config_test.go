package webhook

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		cfg  Config
		want string // of the error; empty: none
	}{
		{"https", Config{URL: "https://hooks.example.com/T0/B0/CANARY"}, ""},
		{"https with a port and a user", Config{URL: "https://u:CANARY@example.com:8443/?k=CANARY#x"}, ""},
		{"loopback by name", Config{URL: "http://localhost:8080/x"}, ""},
		{"loopback by address", Config{URL: "http://127.0.0.9/x"}, ""},
		{"loopback of IPv6", Config{URL: "http://[::1]:80/x"}, ""},
		{"loopback of IPv4 in IPv6", Config{URL: "http://[::ffff:127.0.0.1]:80/x"}, ""},
		{"http elsewhere, allowed", Config{URL: "http://example.com/x", AllowHTTP: true}, ""},
		{"signed", Config{URL: "https://example.com", Secret: testSecret}, ""},
		{"signed, without the prefix", Config{URL: "https://example.com", Secret: strings.TrimPrefix(testSecret, "whsec_")}, ""},
		{"no URL", Config{}, "no URL"},
		{"no host", Config{URL: "https:///CANARY"}, "can't be read"},
		{"broken", Config{URL: "https://h/\x7fCANARY"}, "can't be read"},
		{"broken port", Config{URL: "https://h:CANARY/"}, "can't be read"},
		{"opaque", Config{URL: "https:CANARY"}, "can't be read"},
		{"another scheme", Config{URL: "file://h/CANARY"}, "begin with https://"},
		{"no scheme", Config{URL: "//h/CANARY"}, "begin with https://"},
		{"http elsewhere", Config{URL: "http://example.com/CANARY"}, `"example.com" is another machine`},
		{"http to a name like loopback", Config{URL: "http://localhost.example.com/CANARY"}, "another machine"},
		{"http to an address like loopback", Config{URL: "http://127.0.0.1.example.com/CANARY"}, "another machine"},
		{"http to all", Config{URL: "http://0.0.0.0/CANARY"}, "another machine"},
		{"secret that is no base64", Config{URL: "https://h", Secret: "whsec_CANARY!"}, "the secret can't be read"},
		{"short secret", Config{URL: "https://h", Secret: "whsec_Q0FOQVJZ"}, "the secret has 6 bytes"},
		{"long secret", Config{URL: "https://h", Secret: "whsec_" + strings.Repeat("Q0FOQVJZ", 11)}, "the secret has 66 bytes"},
		{"unknown format", Config{URL: "https://h", Format: "teams"}, `not "teams"`},
	} {
		s, err := New(c.cfg)
		if c.want == "" {
			require.NoError(t, err, c.name)
			require.NoError(t, s.Close(t.Context()), c.name)
			continue
		}
		require.ErrorContains(t, err, c.want, c.name)
		require.NotContains(t, err.Error(), "CANARY", c.name)
		require.NotContains(t, err.Error(), "Q0FOQVJZ", c.name)
	}
}
