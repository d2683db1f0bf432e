package providers

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/anthropic"
	"github.com/tmc/langchaingo/llms/ollama"
	"github.com/tmc/langchaingo/llms/openai"

	"github.com/dogear-go/dogear/providers/offline"
)

// Settings say how to reach a provider. What is left empty comes from the environment, and else from the catalogue.
type Settings struct {
	// Key is the API key. Defaults to the provider's variable, such as GROQ_API_KEY.
	Key string

	// BaseURL is the address of the API, without /chat/completions. Defaults to, for example, GROQ_BASE_URL, else the
	// provider's own.
	BaseURL string

	// Model is the model's name. Defaults to, for example, GROQ_MODEL, else the catalogue's.
	Model string

	// Transport makes the requests, behind the guard. Defaults to http.DefaultTransport.
	Transport http.RoundTripper

	// Context and MaxOutput are noted in the Provider. Defaults to unknown.
	Context, MaxOutput int
}

// entry is one provider of the catalogue.
type entry struct {
	name    string
	prefix  string   // of its variables: <prefix>_API_KEY, <prefix>_BASE_URL, <prefix>_MODEL
	keys    []string // variables that may hold the key, when not <prefix>_API_KEY
	baseURL string
	model   string // when neither Settings nor <prefix>_MODEL name one
	keyless bool   // works without a key
	build   func(e entry, s Settings, hc *http.Client) (*client, error)
}

// catalogue returns the known providers, in the order in which "auto" tries them. The default models of groq,
// anthropic, gemini and openai are those that excerpts of their documentation, read on 2026-11-22, named as current; those of
// the others are names in common use that were not checked. Where a name follows the newest version, it is that one. Models
// retire, so <prefix>_MODEL overrides each.
func catalogue() []entry {
	return []entry{
		{name: "groq", prefix: "GROQ", baseURL: "https://api.groq.com/openai/v1", model: "openai/gpt-oss-120b", build: buildOpenAI},
		{name: "anthropic", prefix: "ANTHROPIC", baseURL: "https://api.anthropic.com/v1", model: "claude-sonnet-4-6", build: buildAnthropic},
		{
			name: "gemini", prefix: "GEMINI", keys: []string{"GOOGLE_API_KEY", "GEMINI_API_KEY"},
			baseURL: "https://generativelanguage.googleapis.com/v1beta/openai", model: "gemini-flash-latest", build: buildOpenAI,
		},
		{name: "openrouter", prefix: "OPENROUTER", baseURL: "https://openrouter.ai/api/v1", model: "openrouter/auto", build: buildOpenAI},
		{name: "openai", prefix: "OPENAI", baseURL: "https://api.openai.com/v1", model: "gpt-4o-mini", build: buildOpenAI},
		{name: "deepseek", prefix: "DEEPSEEK", baseURL: "https://api.deepseek.com/v1", model: "deepseek-chat", build: buildOpenAI},
		{name: "together_ai", prefix: "TOGETHER", baseURL: "https://api.together.xyz/v1", model: "openai/gpt-oss-120b", build: buildOpenAI},
		{name: "mistral", prefix: "MISTRAL", baseURL: "https://api.mistral.ai/v1", model: "mistral-small-latest", build: buildOpenAI},
		{name: "ollama", prefix: "OLLAMA", baseURL: "http://localhost:11434", model: "llama3.2", keyless: true, build: buildOllama},
		{name: "offline", prefix: "OFFLINE", model: "sample-author", keyless: true, build: buildOffline},
	}
}

// Names returns the names of the catalogue.
func Names() []string {
	var names []string
	for _, e := range catalogue() {
		names = append(names, e.name)
	}
	return names
}

func lookup(name string) (entry, bool) {
	all := catalogue()
	i := slices.IndexFunc(all, func(e entry) bool { return e.name == name })
	if i < 0 {
		return entry{}, false
	}
	return all[i], true
}

// Open returns a provider of the catalogue (see [Names]), or, with a BaseURL, any other one that speaks OpenAI's protocol. No
// request is made. Its LLM gives typed errors (*resilience.Error) also outside of a [Chain].
func Open(name string, s Settings) (Provider, error) {
	e, ok := lookup(name)
	if !ok {
		if s.BaseURL == "" || name == "" {
			return Provider{}, fmt.Errorf("providers: there is no provider %q; the catalogue has %s, and any other needs Settings.BaseURL",
				name, strings.Join(Names(), ", "))
		}
		e = entry{name: name, prefix: envPrefix(name), keyless: true, build: buildOpenAI}
	}
	s, err := e.settings(s)
	if err != nil {
		return Provider{}, err
	}
	m, err := e.build(e, s, httpClient(s.Transport, name))
	if err != nil {
		return Provider{}, fmt.Errorf("providers: %s: %w", name, err)
	}
	return Provider{Name: name, Model: s.Model, LLM: m, Context: s.Context, MaxOutput: s.MaxOutput}, nil
}

// settings fills in what the environment and the catalogue say.
func (e entry) settings(s Settings) (Settings, error) {
	if s.Key == "" {
		s.Key, _ = e.keyFromEnv()
	}
	if s.Key == "" && !e.keyless {
		return s, fmt.Errorf("providers: %s needs a key: set %s", e.name, strings.Join(e.keyVars(), " or "))
	}
	s.BaseURL = firstOf(s.BaseURL, env(e.prefix+"_BASE_URL"), e.baseURL)
	s.Model = firstOf(s.Model, env(e.prefix+"_MODEL"), e.model)
	if s.Model == "" {
		return s, fmt.Errorf("providers: %s needs a model: set Settings.Model or %s_MODEL", e.name, e.prefix)
	}
	if e.name == "offline" {
		return s, nil
	}
	u, err := url.Parse(s.BaseURL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return s, fmt.Errorf("providers: %s: the base URL is not an http or https address; check %s_BASE_URL", e.name, e.prefix)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return s, fmt.Errorf("providers: %s: the base URL must not hold credentials or a query; keys go into %s", e.name, e.keyVars()[0])
	}
	s.BaseURL = strings.TrimRight(s.BaseURL, "/")
	if e.name == "ollama" && !strings.HasSuffix(s.BaseURL, "/v1") {
		s.BaseURL += "/v1"
	}
	return s, nil
}

func (e entry) keyVars() []string {
	if len(e.keys) > 0 {
		return e.keys
	}
	return []string{e.prefix + "_API_KEY"}
}

// keyFromEnv returns the key and the variable that holds it.
func (e entry) keyFromEnv() (key, variable string) {
	for _, v := range e.keyVars() {
		if key := env(v); key != "" {
			return key, v
		}
	}
	return "", ""
}

// buildOpenAI makes a client of OpenAI's protocol.
func buildOpenAI(e entry, s Settings, hc *http.Client) (*client, error) {
	m, err := openAIClient(s, s.BaseURL, hc)
	if err != nil {
		return nil, err
	}
	_, known := lookup(e.name)
	return &client{
		name: e.name, model: s.Model, protocol: protocolChat, inner: m, context: s.Context,
		legacyLimit: !known || e.name == "mistral" || e.name == "deepseek" || e.name == "together_ai" || e.name == "openrouter",
		samples:     !known || e.name == "together_ai" || e.name == "openrouter",
	}, nil
}

// openAIClient is langchaingo's client for OpenAI. Token, model and organisation are always said: otherwise it takes OpenAI's from
// the environment and sends them to whoever is asked.
func openAIClient(s Settings, baseURL string, hc *http.Client) (llms.Model, error) {
	return openai.New(openai.WithToken(firstOf(s.Key, "none")), openai.WithModel(s.Model), openai.WithBaseURL(baseURL),
		openai.WithOrganization(""), openai.WithAPIType(openai.APITypeOpenAI), openai.WithHTTPClient(hc))
}

// buildOllama makes a client of Ollama's own protocol, and one of OpenAI's at the same server for what langchaingo's client for the
// first one can't say: tools, and pictures by their address.
func buildOllama(e entry, s Settings, hc *http.Client) (*client, error) {
	root := strings.TrimSuffix(s.BaseURL, "/v1")
	compat, err := openAIClient(s, root+"/v1", hc)
	if err != nil {
		return nil, err
	}
	if _, err := url.Parse(root); err != nil { // the client would end the process
		return nil, errors.New("the base URL can't be read")
	}
	native := *hc
	native.Transport = withKey(hc.Transport, s.Key)
	m, err := ollama.New(ollama.WithServerURL(root), ollama.WithModel(s.Model), ollama.WithHTTPClient(&native))
	if err != nil {
		return nil, err
	}
	return &client{
		name: e.name, model: s.Model, protocol: protocolOllama, inner: m, compat: compat, context: s.Context, legacyLimit: true,
	}, nil
}

// anthropicLimit is asked for when the caller gives no limit: Anthropic demands one, and langchaingo's 2048 cuts a scene.
const anthropicLimit = 8192

func buildAnthropic(e entry, s Settings, hc *http.Client) (*client, error) {
	m, err := anthropic.New(anthropic.WithToken(s.Key), anthropic.WithModel(s.Model), anthropic.WithBaseURL(s.BaseURL), anthropic.WithHTTPClient(hc))
	if err != nil {
		return nil, err
	}
	return &client{
		name: e.name, model: s.Model, protocol: protocolMessages, inner: m, context: s.Context, maxTokens: anthropicLimit, blocks: true,
	}, nil
}

func buildOffline(e entry, s Settings, _ *http.Client) (*client, error) {
	return &client{name: e.name, model: s.Model, inner: offline.New()}, nil
}

var _ llms.Model = (*client)(nil)

func env(name string) string { return strings.TrimSpace(os.Getenv(name)) }

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// envPrefix turns a name into the prefix of its variables: my-host → MY_HOST.
func envPrefix(name string) string {
	return strings.ToUpper(strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || r == ' ' {
			return '_'
		}
		return r
	}, name))
}
