package providers

import (
	"encoding/json"
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

	"github.com/dogear-go/dogear/providers/internal/wire"
	"github.com/dogear-go/dogear/providers/offline"
)

// Settings say how to reach a provider, and what is known of it. What is left empty comes from the environment, then from the
// configuration file, and else from the catalogue.
type Settings struct {
	// Key is the API key. Defaults to the provider's variable, such as GROQ_API_KEY.
	Key string

	// BaseURL is the address of the API, without /chat/completions. For anthropic and ollama it may end before /v1, as their
	// own programs want it. Defaults to, for example, GROQ_BASE_URL, else the provider's own.
	BaseURL string

	// Model is the model's name. Defaults to, for example, GROQ_MODEL, else the catalogue's.
	Model string

	// Transport makes the requests, behind the guard. Defaults to http.DefaultTransport.
	Transport http.RoundTripper

	// Context and MaxOutput are the model's window and longest answer, in tokens. Default to what the catalogue knows.
	Context, MaxOutput int

	// Without is what the model can't do; empty and not nil: nothing. Defaults to what the catalogue knows.
	Without []Feature

	// JSON is how far the endpoint can be told to answer in JSON. Defaults to what the catalogue knows.
	JSON JSONMode

	// Limits are the allowances of the account. Default to none, since they depend on the account's tier, which no catalogue
	// knows; what a provider says in its answers' headers is learned.
	Limits Limits

	// Price is what the model costs. Defaults to what the catalogue knows; the price may be unknown, which is not free.
	Price *Price
}

// over returns the settings with what they leave empty taken from others.
func (s Settings) over(others Settings) Settings {
	f := s.facts().or(others.facts())
	s.Key, s.BaseURL, s.Model = firstOf(s.Key, others.Key), firstOf(s.BaseURL, others.BaseURL), firstOf(s.Model, others.Model)
	if s.Transport == nil {
		s.Transport = others.Transport
	}
	return s.with(f)
}

func (s Settings) facts() facts {
	f := facts{context: s.Context, maxOutput: s.MaxOutput, without: s.Without, json: s.JSON, price: s.Price}
	if s.Limits != (Limits{}) {
		f.limits = &s.Limits
	}
	return f
}

func (s Settings) with(f facts) Settings {
	s.Context, s.MaxOutput, s.Without, s.JSON, s.Price = f.context, f.maxOutput, f.without, f.json, f.price
	if f.limits != nil {
		s.Limits = *f.limits
	}
	return s
}

// entry is one provider of the catalogue.
type entry struct {
	name    string
	prefix  string   // of its variables: <prefix>_API_KEY, <prefix>_BASE_URL, <prefix>_MODEL
	keys    []string // variables that may hold the key, when not <prefix>_API_KEY
	baseURL string
	model   string // when nobody names one
	keyless bool   // works without a key
	list    listing
	build   func(e entry, s Settings, hc *http.Client) (*client, error)
}

// catalogue returns the known providers, in the order in which "auto" tries them. What is known of their models, and from when
// that is, stands in knownModels. Models retire, so <prefix>_MODEL overrides each default.
func catalogue() []entry {
	return []entry{
		{name: "groq", prefix: "GROQ", baseURL: "https://api.groq.com/openai/v1", model: "openai/gpt-oss-120b", build: buildOpenAI},
		{
			name: "anthropic", prefix: "ANTHROPIC", baseURL: "https://api.anthropic.com/v1", model: "claude-sonnet-5-5",
			list: listAnthropic, build: buildAnthropic,
		},
		{
			name: "gemini", prefix: "GEMINI", keys: []string{"GOOGLE_API_KEY", "GEMINI_API_KEY"},
			baseURL: "https://generativelanguage.googleapis.com/v1beta/openai", model: "gemini-flash-latest", build: buildOpenAI,
		},
		{name: "openrouter", prefix: "OPENROUTER", baseURL: "https://openrouter.ai/api/v1", model: "openrouter/auto", build: buildOpenAI},
		{name: "openai", prefix: "OPENAI", baseURL: "https://api.openai.com/v1", model: "gpt-6-luna", build: buildOpenAI},
		{name: "deepseek", prefix: "DEEPSEEK", baseURL: "https://api.deepseek.com/v1", model: "deepseek-flash", build: buildOpenAI},
		{name: "together_ai", prefix: "TOGETHER", baseURL: "https://api.together.xyz/v1", model: "openai/gpt-oss-120b", build: buildOpenAI},
		{name: "mistral", prefix: "MISTRAL", baseURL: "https://api.mistral.ai/v1", model: "mistral-small-latest", build: buildOpenAI},
		{
			name: "ollama", prefix: "OLLAMA", baseURL: "http://localhost:11434", model: "gemma4", keyless: true,
			list: listOllama, build: buildOllama,
		},
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
func Open(name string, s Settings) (Provider, error) { return (&Config{}).Open(name, s) }

// open makes the provider of settings that are complete.
func (e entry) open(s Settings) (Provider, error) {
	m, err := e.build(e, s, newGuard(s.Transport, e.name).Client())
	if err != nil {
		return Provider{}, fmt.Errorf("%s: %w", e.name, err)
	}
	return Provider{
		Name: e.name, Model: s.Model, LLM: m, Context: s.Context, MaxOutput: s.MaxOutput, Without: s.Without, JSON: s.JSON,
		Limits: s.Limits, Price: s.Price,
	}, nil
}

// custom is the entry of a provider that the catalogue lacks. Its variables must not be another one's, whose key it would get.
func custom(name string) (entry, error) {
	e := entry{name: name, prefix: envPrefix(name), keyless: true, build: buildOpenAI}
	for _, c := range catalogue() {
		if slices.Contains(c.keyVars(), e.prefix+"_API_KEY") {
			return e, fmt.Errorf("the provider %q would get the key of %s from %s_API_KEY; give it another name", name, c.name, e.prefix)
		}
	}
	return e, nil
}

// address checks a base URL and returns it without slashes at its end. The error says what is wrong, never the address.
func address(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", errors.New("the base URL is not an http or https address")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("the base URL must not hold credentials or a query")
	}
	return strings.TrimRight(raw, "/"), nil
}

// whole completes an address that other clients complete by themselves: Ollama's and Anthropic's want no version in theirs, and a
// provider's own host without a path is what Groq's takes.
func (e entry) whole(base string) string {
	if (e.name == "ollama" || e.name == "anthropic") && !strings.HasSuffix(base, "/v1") {
		return base + "/v1"
	}
	if rest, ok := strings.CutPrefix(e.baseURL, base); ok && strings.HasPrefix(rest, "/") {
		return e.baseURL
	}
	return base
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
		name: e.name, model: s.Model, protocol: wire.ProtocolChat, inner: m, context: s.Context,
		legacyLimit: !known || e.name != "openai" && e.name != "groq",
		samples:     !known || e.name == "together_ai" || e.name == "openrouter",
		without:     s.Without, unknown: unknownOptions(e.name), withTools: withTools(e.name, s.Model),
	}, nil
}

// unknownOptions are those that a provider rejects although they are OpenAI's: Gemini's compatible endpoint answers 400 Unknown name
// (seen by many clients until 2026-08).
func unknownOptions(provider string) []string {
	if provider != "gemini" {
		return nil
	}
	return []string{"WithSeed", "WithFrequencyPenalty", "WithPresencePenalty"}
}

// withTools is what a model needs to be told when it gets tools. OpenAI's gpt-6 family takes tools in chat completions only without
// reasoning (developers.openai.com, October 2026). DeepSeek's models want their reasoning back with each result, which
// langchaingo's messages have no place for (api-docs.deepseek.com, November 2026).
func withTools(provider, model string) []wire.Field {
	switch {
	case provider == "openai" && strings.HasPrefix(model, "gpt-6"):
		return []wire.Field{{Key: "reasoning_effort", Raw: json.RawMessage(`"none"`)}}
	case provider == "deepseek":
		return []wire.Field{{Key: "thinking", Raw: json.RawMessage(`{"type":"disabled"}`)}}
	}
	return nil
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
	native.Transport = wire.WithKey(hc.Transport, s.Key)
	m, err := ollama.New(ollama.WithServerURL(root), ollama.WithModel(s.Model), ollama.WithHTTPClient(&native))
	if err != nil {
		return nil, err
	}
	return &client{
		name: e.name, model: s.Model, protocol: wire.ProtocolOllama, inner: m, compat: compat, context: s.Context, without: s.Without,
		legacyLimit: true,
	}, nil
}

// anthropicLimit is asked for when the caller gives no limit: Anthropic demands one, langchaingo's 2048 cuts a scene, and what a model
// thinks before it answers counts too.
const anthropicLimit = 16_384

func buildAnthropic(e entry, s Settings, hc *http.Client) (*client, error) {
	m, err := anthropic.New(anthropic.WithToken(s.Key), anthropic.WithModel(s.Model), anthropic.WithBaseURL(s.BaseURL), anthropic.WithHTTPClient(hc))
	if err != nil {
		return nil, err
	}
	limit := anthropicLimit
	if s.MaxOutput > 0 {
		limit = min(limit, s.MaxOutput)
	}
	return &client{
		name: e.name, model: s.Model, protocol: wire.ProtocolMessages, inner: m, context: s.Context, without: s.Without,
		maxTokens: limit, blocks: true,
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
