package providers

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers/offline"
)

// Models are the models for a run.
type Models struct {
	// Default answers every role that Roles does not name.
	Default llms.Model

	// Roles are the models of single roles, from AGENT_<ROLE>_PROVIDER.
	Roles map[string]llms.Model

	// Notice is what the user should read before the run; may be empty.
	Notice string
}

// FromEnv returns the models that the names and the environment ask for:
//
//	FromEnv()                    the offline sample author; no key, no network
//	FromEnv("auto")              a chain of those whose keys are set: groq, anthropic, gemini, openrouter, then the rest
//	FromEnv("openai", "groq")    a chain of these, in this order
//
// Each provider's key, model and address come from its variables: OPENAI_API_KEY, OPENAI_MODEL, OPENAI_BASE_URL, and so on for
// [Names] (TOGETHER_API_KEY for together_ai, GOOGLE_API_KEY too for gemini). ollama needs no key; "auto" takes it when
// OLLAMA_BASE_URL or OLLAMA_MODEL is set. DEFAULT_LLM_PROVIDER names the one that "auto" prefers. AGENT_<ROLE>_PROVIDER, with a
// real provider in use, puts another one first for one role (AGENT_WRITER_PROVIDER=anthropic).
//
// An unknown name or a missing key is an error that names the variable; no error and no notice holds a key.
func FromEnv(names ...string) (Models, error) {
	switch {
	case len(names) == 0:
		m, err := chainOf([]string{"offline"})
		return Models{Default: m, Notice: offlineNotice()}, err
	case slices.Contains(names, "auto"):
		found := available()
		if len(names) > 1 {
			return Models{}, fmt.Errorf("providers: \"auto\" stands alone, not with %s", strings.Join(names, ", "))
		}
		if len(found) == 0 {
			return Models{}, fmt.Errorf("providers: \"auto\" found no key: set one of %s, or name no provider to use the offline sample author",
				strings.Join(allKeyVars(), ", "))
		}
		names = found
	}
	m, err := chainOf(names)
	if err != nil {
		return Models{}, err
	}
	roles, err := rolesFromEnv(names)
	if err != nil {
		return Models{}, err
	}
	models := Models{Default: m, Roles: roles}
	if names[0] == "offline" {
		models.Notice = offlineNotice()
	}
	return models, nil
}

// Wrap returns the models with each provider of each chain as wrap makes it: to inject failures (package faulty), to log.
// Models that are not chains stay as they are.
func (m Models) Wrap(wrap func(Provider) (Provider, error)) (Models, error) {
	out := Models{Default: m.Default, Notice: m.Notice, Roles: map[string]llms.Model{}}
	var err error
	if c, ok := m.Default.(*Chain); ok {
		if out.Default, err = wrapped(c, wrap); err != nil {
			return Models{}, err
		}
	}
	for role, model := range m.Roles {
		if c, ok := model.(*Chain); ok {
			if model, err = wrapped(c, wrap); err != nil {
				return Models{}, err
			}
		}
		out.Roles[role] = model
	}
	return out, nil
}

// wrapped keeps a nil chain from becoming a model that is not nil.
func wrapped(c *Chain, wrap func(Provider) (Provider, error)) (llms.Model, error) {
	w, err := c.Wrap(wrap)
	if err != nil {
		return nil, err
	}
	return w, nil
}

func chainOf(names []string) (llms.Model, error) {
	var ps []Provider
	for _, n := range names {
		p, err := Open(strings.TrimSpace(n), Settings{})
		if err != nil {
			return nil, err
		}
		ps = append(ps, p)
	}
	c, err := NewChain(ChainConfig{}, ps...)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// available are the providers that the environment has keys for, the preferred one first.
func available() []string {
	var names []string
	for _, e := range catalogue() {
		if _, v := e.keyFromEnv(); v != "" || (e.name == "ollama" && (env("OLLAMA_BASE_URL") != "" || env("OLLAMA_MODEL") != "")) {
			if e.name != "offline" {
				names = append(names, e.name)
			}
		}
	}
	if i := slices.Index(names, env("DEFAULT_LLM_PROVIDER")); i > 0 {
		first := names[i]
		names = append([]string{first}, slices.Delete(names, i, i+1)...)
	}
	return names
}

// rolesFromEnv reads AGENT_<ROLE>_PROVIDER. The role's provider comes first, the others follow.
func rolesFromEnv(names []string) (map[string]llms.Model, error) {
	roles := map[string]llms.Model{}
	if slices.Equal(names, []string{"offline"}) {
		return roles, nil
	}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		role, isAgent := strings.CutPrefix(name, "AGENT_")
		role, isProvider := strings.CutSuffix(role, "_PROVIDER")
		if value = strings.TrimSpace(value); !isAgent || !isProvider || role == "" || value == "" {
			continue
		}
		order := []string{value}
		for _, n := range names {
			if n != value {
				order = append(order, n)
			}
		}
		m, err := chainOf(order)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		roles[strings.ToLower(role)] = m
	}
	return roles, nil
}

func allKeyVars() (vars []string) {
	for _, e := range catalogue() {
		if !e.keyless {
			vars = append(vars, e.keyVars()...)
		}
	}
	return vars
}

// offlineNotice says what the user could use instead. It names variables, never their values.
func offlineNotice() string {
	var found []string
	for _, e := range catalogue() {
		if _, v := e.keyFromEnv(); v != "" && e.name != "offline" {
			found = append(found, fmt.Sprintf("%s (%s is set)", e.name, v))
		}
	}
	if len(found) == 0 {
		return offline.Notice
	}
	return offline.Notice + " Found here: " + strings.Join(found, ", ") + `; "auto" uses them.`
}
