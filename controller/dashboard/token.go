package dashboard

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// tokenCheck knows a token by its hash. Comparing hashes takes the same time whatever was sent, its length included.
type tokenCheck struct {
	hash   []byte // nil: there is no token
	key    []byte // signs cookies; made from the token, so that a new token ends all logins
	cookie string // its name: the cookies of two dashboards of one machine, on two ports, are sent to both
}

func newTokenCheck(token string) (tokenCheck, error) {
	if token == "" {
		return tokenCheck{}, nil
	}
	if len(token) < minToken {
		return tokenCheck{}, fmt.Errorf("dashboard: Config.Token has %d characters; at least %d are needed, better 32 random ones", len(token), minToken)
	}
	hash := sha256.Sum256([]byte(token))
	key := sha256.Sum256([]byte("dogear dashboard cookie\x00" + token))
	name := sha256.Sum256(key[:])
	return tokenCheck{hash: hash[:], key: key[:], cookie: "dogear_" + hex.EncodeToString(name[:4])}, nil
}

func (t tokenCheck) set() bool { return t.hash != nil }

func (t tokenCheck) matches(token string) bool {
	hash := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(hash[:], t.hash) == 1
}

// loginLasts is how long a browser stays logged in.
const loginLasts = 7 * 24 * time.Hour

// newCookie is the proof that the token was shown, without the token: the time at which it ends, and a signature.
func (t tokenCheck) newCookie(now time.Time, secure bool) *http.Cookie {
	end := now.Add(loginLasts)
	text := strconv.FormatInt(end.Unix(), 10)
	return &http.Cookie{
		Name: t.cookie, Value: text + "." + t.sign(text), Path: "/", Expires: end, MaxAge: int(loginLasts / time.Second),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: secure,
	}
}

// noCookie takes the cookie away.
func (t tokenCheck) noCookie(secure bool) *http.Cookie {
	return &http.Cookie{Name: t.cookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: secure}
}

func (t tokenCheck) sign(text string) string {
	mac := hmac.New(sha256.New, t.key)
	mac.Write([]byte(text)) // which never fails
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (t tokenCheck) validCookie(r *http.Request, now time.Time) bool {
	for _, c := range r.CookiesNamed(t.cookie) {
		text, signature, _ := strings.Cut(c.Value, ".")
		if !hmac.Equal([]byte(signature), []byte(t.sign(text))) {
			continue
		}
		end, err := strconv.ParseInt(text, 10, 64)
		if err == nil && now.Before(time.Unix(end, 0)) {
			return true
		}
	}
	return false
}

// bearer is the token of the Authorization header.
func bearer(r *http.Request) (token string, given bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(token), true
}
