package cli

import (
	"regexp"
	"strconv"
	"strings"
)

// storeName is a parsed STORE, "SCHEME:AT". The zero value is none: the files of --out.
type storeName struct {
	scheme string
	at     string // what the opener gets
}

var schemePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]+$`)

// parseStore splits STORE. Whether the scheme is known is not its matter.
func parseStore(flag, text string) (storeName, error) {
	scheme, at, ok := strings.Cut(text, ":")
	switch {
	case text == "":
		return storeName{}, usagef("--%s must name a store, as in file:DIR or sqlite:FILE", flag)
	case !ok, !schemePattern.MatchString(scheme): // C:\runs is a folder too
		return storeName{}, usagef("--%s %s: write file:DIR for a folder, or sqlite:FILE for a database",
			flag, quoteArg(redactText(text)))
	case at == "":
		return storeName{}, usagef("--%s %s: the place is missing, as in file:DIR or sqlite:FILE", flag, quoteArg(text))
	}
	return storeName{strings.ToLower(scheme), at}, nil
}

// String is the name without what is secret in it.
func (n storeName) String() string {
	if n.plain() {
		return n.scheme + ":" + n.at
	}
	return n.scheme + ":" + redactText(n.at)
}

func (n storeName) quoted() string { return quoteArg(n.String()) }

// plain says that AT is a path, in which nothing is secret, or that there is none.
func (n storeName) plain() bool {
	return n.scheme == schemeFile || n.scheme == schemeSQLite || n.scheme == ""
}

// redact takes the secrets of the name out of a text about it.
func (n storeName) redact(text string) string {
	if n.plain() {
		return text
	}
	hide := func(what, by string) {
		text = strings.ReplaceAll(text, what, by)
		quoted := strconv.Quote(what) // as %q in an error puts it
		text = strings.ReplaceAll(text, quoted[1:len(quoted)-1], by)
	}
	hide(n.at, redactText(n.at))
	for _, secret := range secrets(n.at) {
		if len(secret) >= shortestSecret {
			hide(secret, hidden)
		}
	}
	return text
}

const (
	hidden         = "xxxxx" // as url.URL.Redacted puts it
	shortestSecret = 3       // a shorter one can't be told from what else stands in a message
)

var (
	// userInfo is user:password@ of a URL. A password may hold an unescaped @, / or space, so it ends at the last @.
	userInfo = regexp.MustCompile(`(?s)//([^\s:/?#@]*):(.*)@`)
	// setting is password=... of a URL's query or of a list of settings, where a value may stand in quotes. Quotes that are
	// not closed hide everything behind them.
	setting = regexp.MustCompile(`(?is)([a-z_]*(?:password|passwd|passphrase|pwd|secret|token|apikey|api_key)\s*=\s*)` +
		`('(?:[^'\\]|\\.)*'?|"(?:[^"\\]|\\.)*"?|[^\s&;]+)`)
)

// redactText hides what looks like a password.
func redactText(text string) string {
	text = userInfo.ReplaceAllString(text, "//${1}:"+hidden+"@")
	return setting.ReplaceAllString(text, "${1}"+hidden)
}

// secrets are the passwords in a text.
func secrets(text string) (found []string) {
	for _, pattern := range []*regexp.Regexp{userInfo, setting} {
		for _, m := range pattern.FindAllStringSubmatch(text, -1) {
			found = append(found, m[2], unquoted(m[2]))
		}
	}
	return found
}

func unquoted(value string) string {
	if quote := value[:min(1, len(value))]; quote == "'" || quote == `"` {
		return strings.TrimSuffix(value[1:], quote)
	}
	return value
}
