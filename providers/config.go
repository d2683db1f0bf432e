package providers

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers/price"
)

// ConfigName is the usual name of a configuration file.
const ConfigName = "dogear.yaml"

// maxConfig is how large a configuration file may be: a thousand times what one needs, and far from what hurts.
const maxConfig = 1 << 20

// Config says which providers there are, how their chains work and what roles get. Four sources are asked in this order: the
// program (Settings, Chain), the environment, the configuration file, the catalogue. A chain entry that names its model
// ("openai:gpt-5-mini") wins over all of them for that entry. The zero value has no file: Models is [FromEnv] then.
//
// A Config is not changed by its methods, which are safe for concurrent use. The environment is read at each call.
type Config struct {
	// Chain says how each chain works. [ReadConfig] fills in what the file says.
	Chain ChainConfig

	// Settings are what the program itself says of single providers, by name. Defaults to nothing.
	Settings map[string]Settings

	file fileConfig
}

// fileConfig is what a configuration file says.
type fileConfig struct {
	name      string // of the file; empty: there is none
	chain     []ref
	providers map[string]fileProvider
	order     []string // of the providers
	roles     []fileRole
}

// fileProvider is what a file says of a provider.
type fileProvider struct {
	line    int
	keyVar  string // the variable that holds the key; empty: the provider's own
	keyLine int
	baseURL string
	model   string
	facts   facts // of the endpoint, or of its model
	models  []known
}

// fileRole is what a file says of a role.
type fileRole struct {
	name        string
	chain       []ref // nil: that of all
	model       string
	temperature *float64
	maxTokens   int
}

// ReadConfig reads a configuration file, see [ParseConfig]. A file that is not there is fs.ErrNotExist.
func ReadConfig(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, configError(path, err)
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, configError(path, err)
	case !info.Mode().IsRegular():
		return nil, configError(path, errors.New("this is not a regular file"))
	}
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, configError(path, err)
	}
	return ParseConfig(path, data)
}

func configError(path string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return fmt.Errorf("providers: can't read the configuration %s: %w", path, err)
}

// Open opens one provider with the settings that the program, the environment and the file have for it; those given here win.
// See the function [Open].
func (c *Config) Open(name string, s Settings) (Provider, error) {
	p, err := c.open(ref{name: name}, s)
	if err != nil {
		return Provider{}, fmt.Errorf("providers: %w", err)
	}
	return p, nil
}

func (c *Config) open(r ref, s Settings) (Provider, error) {
	e, s, err := c.resolve(r, s)
	if err != nil {
		return Provider{}, err
	}
	return e.open(s)
}

// resolve finds the entry of a provider and completes its settings.
func (c *Config) resolve(r ref, s Settings) (entry, Settings, error) {
	s = s.over(c.Settings[r.name])
	block, inFile := c.file.providers[r.name]
	e, ok := lookup(r.name)
	if !ok {
		if r.name == "" || (s.BaseURL == "" && !inFile) {
			return e, s, fmt.Errorf("there is no provider %q; the catalogue has %s, and any other needs a base URL, in Settings.BaseURL or in %s",
				r.name, strings.Join(Names(), ", "), ConfigName)
		}
		var err error
		if e, err = custom(r.name); err != nil {
			return e, s, err
		}
	}
	var err error
	if s.Key, err = c.key(e, block, s.Key); err != nil {
		return e, s, err
	}
	if s.BaseURL, err = c.baseURL(e, block, s.BaseURL); err != nil {
		return e, s, err
	}
	s.Model = firstOf(r.model, s.Model, env(e.prefix+"_MODEL"), block.model, e.model)
	if s.Model == "" {
		return e, s, fmt.Errorf("%s needs a model: set Settings.Model, %s_MODEL, or model in %s", e.name, e.prefix, ConfigName)
	}
	of, _ := find(knownModels(e.name), s.Model)
	if p, known := price.Of(e.name, s.Model, time.Now()); known {
		of.price = (*Price)(&p)
	} else if local(e.name, s.Model, s.BaseURL) {
		of.price = &Price{}
	}
	own := s.facts().or(block.factsOf(s.Model))
	s = s.with(own.or(of))
	if own.without == nil || len(own.without) > 0 { // an empty list says that nothing is missing, and that is then meant
		s.Without = withoutSampling(e.name, s.Model, s.Without)
	}
	return e, s, nil
}

// key finds a provider's key. A variable that the file names is read instead of the provider's own: it is there to choose
// another account.
func (c *Config) key(e entry, block fileProvider, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	if block.keyVar != "" {
		if key := env(block.keyVar); key != "" {
			return key, nil
		}
		return "", &missingKey{e.name, block.keyVar, fmt.Sprintf(", which line %d of %s names", block.keyLine, c.file.name)}
	}
	key, _ := e.keyFromEnv()
	if key == "" && !e.keyless {
		return "", &missingKey{e.name, strings.Join(e.keyVars(), " or "), ""}
	}
	return key, nil
}

// missingKey says which variable to set.
type missingKey struct{ provider, variable, where string }

func (e *missingKey) Error() string {
	return fmt.Sprintf("%s needs a key: set %s%s", e.provider, e.variable, e.where)
}

// baseURL finds a provider's address.
func (c *Config) baseURL(e entry, block fileProvider, given string) (string, error) {
	if e.name == "offline" {
		return "", nil
	}
	base, err := address(firstOf(given, env(e.prefix+"_BASE_URL"), block.baseURL, e.baseURL))
	if err != nil {
		return "", fmt.Errorf("%s: %w; check Settings.BaseURL or %s_BASE_URL; keys go into %s", e.name, err, e.prefix, e.keyVars()[0])
	}
	return e.whole(base), nil
}

// factsOf is what the file says of a model. Window, longest answer and price beside a model's name are those of that model;
// the rest is the endpoint's.
func (b fileProvider) factsOf(model string) facts {
	own, _ := find(b.models, model)
	rest := b.facts
	if b.model != "" && b.model != model {
		rest.context, rest.maxOutput, rest.price = 0, 0, nil
	}
	return own.or(rest)
}

// keyVar is the variable that holds a provider's key, and whether it is set.
func (c *Config) keyVar(e entry) (name string, set bool) {
	if v := c.file.providers[e.name].keyVar; v != "" {
		return v, env(v) != ""
	}
	if _, v := e.keyFromEnv(); v != "" {
		return v, true
	}
	return strings.Join(e.keyVars(), " or "), false
}

// newChain makes a chain of this configuration.
func newChain(cfg ChainConfig, ps []Provider) (llms.Model, error) {
	chain, err := NewChain(cfg, ps...)
	if err != nil {
		return nil, err // not the nil *Chain, which would be a model that is not nil
	}
	return chain, nil
}
