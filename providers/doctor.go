package providers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dogear-go/dogear/resilience"
)

// FindingState is how one thing about a provider was found.
type FindingState string

// The states of a [Finding].
const (
	FindingOK      FindingState = "ok"
	FindingFailed  FindingState = "failed"
	FindingUnknown FindingState = "unknown" // it was tried to find out
	FindingSkipped FindingState = "skipped" // it was not, because something before it failed
)

// Finding is one thing that was found out about a provider.
type Finding struct {
	State FindingState
	Text  string // in a few words
	Cause string // of a failure, in full; never with a key
}

// Diagnosis is how one provider stands.
type Diagnosis struct {
	Provider string
	Model    string
	Endpoint string // its base URL

	// Configured is false for a provider that nobody set up; nothing was asked of it, and Fix says how to.
	Configured bool

	Key    Finding // is there a key; Text is the variable that holds it
	Reach  Finding // does something answer there as an API does
	Known  Finding // is the model among those that the API lists
	Answer Finding // does the model answer

	Latency    time.Duration          // of that answer
	Usage      resilience.Usage       // of that answer
	Allowances []resilience.Allowance // that its headers told of

	// Fix are the things to do, one a line. Empty when it works.
	Fix []string
}

// OK says whether the provider works: its model answers.
func (d Diagnosis) OK() bool { return d.Answer.State == FindingOK }

const (
	listTimeout = 10 * time.Second
	callTimeout = 30 * time.Second
)

// Doctor finds out which providers work: key, endpoint, model, and one request of a few hundred tokens at most, which is paid for
// like any other. All are asked at once, each for at most 40 seconds. Names are as in [Config.Models]; an unknown one is an error.
// Without names those are asked that are configured, by a key in the environment or in the file; the other ones of the catalogue
// follow, not asked. The diagnoses hold names of variables, never a key.
func (c *Config) Doctor(ctx context.Context, names ...string) ([]Diagnosis, error) {
	d := &doctor{config: c, listTimeout: listTimeout, callTimeout: callTimeout}
	return d.examine(ctx, names)
}

// doctor examines providers.
type doctor struct {
	config                   *Config
	listTimeout, callTimeout time.Duration
}

func (d *doctor) examine(ctx context.Context, names []string) ([]Diagnosis, error) {
	patients, err := d.patients(names)
	if err != nil {
		return nil, fmt.Errorf("providers: %w", err)
	}
	var wg sync.WaitGroup
	for _, p := range patients {
		wg.Go(func() { p.examine(ctx) })
	}
	wg.Wait()
	var out []Diagnosis
	for _, p := range patients {
		out = append(out, p.Diagnosis)
	}
	if len(names) == 0 {
		out = append(out, d.others(patients)...)
	}
	if err := ctx.Err(); err != nil {
		return out, fmt.Errorf("providers: the examination was not finished: %w", err)
	}
	return out, nil
}

// patients are the providers to examine, each with each of its models once.
func (d *doctor) patients(names []string) (list []*patient, err error) {
	refs, err := d.refs(names)
	if err != nil {
		return nil, err
	}
	for _, r := range refs {
		p := d.admit(r)
		if !slices.ContainsFunc(list, func(o *patient) bool { return o.Provider == p.Provider && o.Model == p.Model }) {
			list = append(list, p)
		}
	}
	return list, nil
}

func (d *doctor) refs(names []string) ([]ref, error) {
	c := d.config
	if len(names) == 0 {
		return d.configured()
	}
	var refs []ref
	for _, name := range names {
		r, err := parseRef(name)
		if err != nil {
			return nil, err
		}
		if !c.exists(r.name) {
			return nil, fmt.Errorf("there is no provider %q; there are %s", r.name, strings.Join(append(Names(), c.customs()...), ", "))
		}
		refs = append(refs, r)
	}
	return refs, nil
}

// configured are the providers that somebody set up, with the models that chains and roles name.
func (d *doctor) configured() ([]ref, error) {
	c := d.config
	refs := slices.Clone(c.file.chain)
	roles, err := c.roles()
	if err != nil {
		return nil, err
	}
	first, err := parseRefs(env(preferred))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", preferred, err)
	}
	refs = append(refs, first...)
	for _, r := range roles {
		if r.own != nil {
			own, _ := r.refs(nil)
			refs = append(refs, own...)
		}
	}
	for _, r := range refs {
		if !c.exists(r.name) && r.name != auto {
			return nil, fmt.Errorf("there is no provider %q, which %s or AGENT_<ROLE>_PROVIDER names; there are %s",
				r.name, preferred, strings.Join(append(Names(), c.customs()...), ", "))
		}
	}
	refs = slices.DeleteFunc(refs, func(r ref) bool { return r.name == auto || r.name == "offline" })
	more := c.available()
	for _, name := range c.file.order {
		more = append(more, ref{name: name})
	}
	for _, r := range more {
		refs = followedBy(refs, []ref{r})
	}
	return refs, nil
}

// customs are the names of providers that the catalogue lacks.
func (c *Config) customs() (names []string) {
	for _, name := range c.file.order {
		if _, ok := lookup(name); !ok {
			names = append(names, name)
		}
	}
	return names
}

// others are the providers of the catalogue that nobody set up.
func (d *doctor) others(examined []*patient) (list []Diagnosis) {
	for _, e := range catalogue() {
		if e.name == "offline" || slices.ContainsFunc(examined, func(p *patient) bool { return p.Provider == e.name }) {
			continue
		}
		skipped := Finding{State: FindingSkipped}
		other := Diagnosis{Provider: e.name, Key: skipped, Reach: skipped, Known: skipped, Answer: skipped}
		if e.keyless {
			other.Fix = []string{fmt.Sprintf("set %s_MODEL or %s_BASE_URL", e.prefix, e.prefix)}
		} else {
			other.Fix = []string{"set " + strings.Join(e.keyVars(), " or ")}
		}
		list = append(list, other)
	}
	return list
}

// admit completes a provider's settings; what is missing is its first finding.
func (d *doctor) admit(r ref) *patient {
	p := &patient{doctor: d, ref: r}
	p.Provider, p.Model, p.Configured = r.name, r.model, true
	for _, f := range []*Finding{&p.Key, &p.Reach, &p.Known, &p.Answer} {
		f.State = FindingSkipped
	}
	var missing *missingKey
	e, s, err := d.config.resolve(r, Settings{})
	if errors.As(err, &missing) {
		p.Key = Finding{FindingFailed, "missing", err.Error()}
		p.fix("set %s%s", missing.variable, missing.where)
		e, s, err = d.config.resolve(r, Settings{Key: "missing"}) // for what else there is to say
		s.Key = ""
	}
	p.entry, p.settings, p.Endpoint = e, s, s.BaseURL
	p.Model = firstOf(s.Model, p.Model)
	if err != nil {
		p.Reach = Finding{FindingFailed, "settings", err.Error()}
		p.Endpoint = ""
		p.fix("%s", strings.TrimPrefix(err.Error(), e.name+": "))
	}
	if p.Key.State == FindingSkipped {
		p.Key = Finding{FindingOK, d.keySource(e, s), ""}
	}
	return p
}

// keySource is where the key comes from.
func (d *doctor) keySource(e entry, s Settings) string {
	switch v, set := d.config.keyVar(e); {
	case s.Key == "":
		return "not needed"
	case d.config.Settings[e.name].Key != "" || !set:
		return "given"
	default:
		return v
	}
}
