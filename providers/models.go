package providers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

// Models are the models for a run.
type Models struct {
	// Default answers every role that Roles does not name.
	Default llms.Model

	// Roles are the models of single roles.
	Roles map[string]llms.Model

	// Found are the providers that the environment chose ("auto", DEFAULT_LLM_PROVIDER), as names that give the same chain again
	// whatever is set then. Empty when they were named, stand in the file, or are the offline author.
	Found []string

	// Notice is what the user should read before the run; may be empty.
	Notice string
}

// Models returns the models that the names, the environment and the file ask for. The names are as in [FromEnv]; with none, the
// file's chain is used where there is one. All chains share what is learned of the providers.
//
// A role gets its chain from AGENT_<ROLE>_PROVIDER (these first, the others behind them), else the file's for the role (exactly
// that one), else the chain of all; its first provider's model from AGENT_<ROLE>_MODEL; its options from
// AGENT_<ROLE>_TEMPERATURE and AGENT_<ROLE>_MAX_TOKENS, else from the file. Where the offline author writes, roles have nothing
// of their own.
func (c *Config) Models(names ...string) (Models, error) {
	chosen, err := c.choose(names)
	if err != nil {
		return Models{}, fmt.Errorf("providers: %w", err)
	}
	roles, err := c.roles()
	if err != nil {
		return Models{}, fmt.Errorf("providers: %w", err)
	}
	b := &builder{config: c, chain: c.Chain, opened: map[ref]Provider{}}
	if b.chain.Pool == nil {
		b.chain.Pool = NewPool()
	}
	models := Models{Roles: map[string]llms.Model{}, Found: chosen.found}
	if models.Default, err = b.model(chosen.refs); err != nil {
		return Models{}, chosen.blame(err)
	}
	notes := []string{chosen.notice}
	if c.file.name != "" {
		notes = append([]string{"Settings of providers and roles are those of " + c.file.name + "."}, notes...)
	}
	if !chosen.offline() {
		for _, r := range roles {
			m, note, err := b.role(r, chosen.refs, models.Default)
			if err != nil {
				return Models{}, fmt.Errorf("providers: %s: %w", r.source(), err)
			}
			models.Roles[r.name] = m
			notes = append(notes, note, r.temperatureNote(m))
		}
	} else if i := slices.IndexFunc(roles, func(r role) bool { return r.inFile && r.own != nil }); i >= 0 {
		notes = append(notes, fmt.Sprintf("The chains of roles in %s, such as that of %s, are used with a real provider only.", c.file.name, roles[i].name))
	}
	models.Notice = strings.Join(slices.DeleteFunc(notes, func(s string) bool { return s == "" }), "\n")
	return models, nil
}

// Providers returns the members of all chains, each once.
func (m Models) Providers() (ps []Provider) {
	seen := map[[2]string]bool{}
	for _, model := range m.all() {
		inner, _ := below(model)
		chain, ok := inner.(*Chain)
		if !ok {
			continue
		}
		for _, p := range chain.Providers() {
			if key := [2]string{p.Name, p.Model}; !seen[key] {
				seen[key] = true
				ps = append(ps, p)
			}
		}
	}
	return ps
}

// all are the models, the default one first, roles by name.
func (m Models) all() []llms.Model {
	list := []llms.Model{m.Default}
	var names []string
	for name := range m.Roles {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		list = append(list, m.Roles[name])
	}
	return list
}

// Cost returns a function that tells what an answer of one of the members costs, in micro-dollars; ok is false where the price is
// unknown.
func (m Models) Cost() func(provider, model string, u resilience.Usage) (microUSD int64, ok bool) {
	prices := map[[2]string]*Price{}
	for _, p := range m.Providers() {
		prices[[2]string{p.Name, p.Model}] = p.Price
	}
	return func(provider, model string, u resilience.Usage) (int64, bool) {
		p := prices[[2]string{provider, model}]
		if p == nil {
			return 0, false
		}
		return p.Cost(u), true
	}
}

// Wrap returns the models with each provider of each chain as wrap makes it: to inject failures (package faulty), to log.
// The options of [With] stay. Models that are not chains stay as they are.
func (m Models) Wrap(wrap func(Provider) (Provider, error)) (Models, error) {
	out := Models{Notice: m.Notice, Found: m.Found, Roles: map[string]llms.Model{}}
	var err error
	if out.Default, err = wrapped(m.Default, wrap); err != nil {
		return Models{}, err
	}
	for role, model := range m.Roles {
		if out.Roles[role], err = wrapped(model, wrap); err != nil {
			return Models{}, err
		}
	}
	return out, nil
}

func wrapped(m llms.Model, wrap func(Provider) (Provider, error)) (llms.Model, error) {
	inner, opts := below(m)
	c, ok := inner.(*Chain)
	if !ok {
		return m, nil
	}
	w, err := c.Wrap(wrap)
	if err != nil {
		return nil, err
	}
	if len(opts) > 0 {
		return With(w, opts...), nil
	}
	return w, nil
}

// builder makes the chains of one Models. A provider that stands in several of them is opened once.
type builder struct {
	config *Config
	chain  ChainConfig
	opened map[ref]Provider
}

func (b *builder) model(refs []ref) (llms.Model, error) {
	ps, err := b.open(refs)
	if err != nil {
		return nil, err
	}
	return newChain(b.chain, ps)
}

func (b *builder) open(refs []ref) (ps []Provider, err error) {
	for _, r := range refs {
		p, ok := b.opened[r]
		if !ok {
			if p, err = b.config.open(r, Settings{}); err != nil {
				return nil, err
			}
			b.opened[r] = p
		}
		ps = append(ps, p)
	}
	return ps, nil
}

// role makes the model of a role; the note is what the user should know of it.
func (b *builder) role(r role, all []ref, shared llms.Model) (m llms.Model, note string, err error) {
	refs, note := r.refs(all)
	m = shared
	if !slices.Equal(refs, all) {
		ps, err := b.open(refs)
		if err != nil {
			return nil, "", err
		}
		if r.model != "" { // it may be another entry's too
			again := func(p Provider) bool { return p.Name == ps[0].Name && p.Model == ps[0].Model }
			ps = append(ps[:1], slices.DeleteFunc(ps[1:], again)...)
		}
		if m, err = newChain(b.chain, ps); err != nil {
			return nil, "", err
		}
	}
	if opts := r.options(); len(opts) > 0 {
		m = With(m, opts...)
	}
	return m, note, nil
}
