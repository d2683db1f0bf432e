package providers

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/tmc/langchaingo/llms"
)

// role is what environment and file say of one role.
type role struct {
	name        string
	own         []ref  // its providers; nil: those of all
	inFile      bool   // own stands in the file, and is the whole chain; else the providers of all follow
	model       string // of the first provider, unless own names it
	modelFor    string // the provider that model was written for; empty: any
	temperature *float64
	maxTokens   int
}

// The ends of the variables of a role: AGENT_<ROLE> and one of these.
const (
	roleProvider    = "_PROVIDER"
	roleModel       = "_MODEL"
	roleTemperature = "_TEMPERATURE"
	roleMaxTokens   = "_MAX_TOKENS"
)

// roles are all roles that the file or the environment name, by name. What the environment says wins.
func (c *Config) roles() ([]role, error) {
	var roles []role
	for _, f := range c.file.roles {
		r := role{name: f.name, own: f.chain, inFile: f.chain != nil, model: f.model, temperature: f.temperature, maxTokens: f.maxTokens}
		switch {
		case f.chain != nil:
			r.modelFor = f.chain[0].name
		case c.file.chain != nil:
			r.modelFor = c.file.chain[0].name
		}
		roles = append(roles, r)
	}
	pairs := os.Environ()
	slices.Sort(pairs)
	for _, pair := range pairs {
		variable, value, _ := strings.Cut(pair, "=")
		agent, ok := strings.CutPrefix(variable, "AGENT_")
		if value = strings.TrimSpace(value); !ok || value == "" {
			continue
		}
		for _, end := range []string{roleProvider, roleModel, roleTemperature, roleMaxTokens} {
			upper, ok := strings.CutSuffix(agent, end)
			if !ok || upper == "" {
				continue
			}
			i := slices.IndexFunc(roles, func(r role) bool { return envPrefix(r.name) == upper })
			if i < 0 {
				i = len(roles)
				roles = append(roles, role{name: strings.ToLower(upper)})
			}
			if err := roles[i].set(end, value); err != nil {
				return nil, fmt.Errorf("%s: %w", variable, err)
			}
		}
	}
	slices.SortFunc(roles, func(a, b role) int { return strings.Compare(a.name, b.name) })
	return roles, nil
}

// set takes over what a variable says.
func (r *role) set(end, value string) error {
	switch end {
	case roleProvider:
		refs, err := parseRefs(value)
		if err != nil {
			return err
		}
		r.own, r.inFile = refs, false
	case roleModel:
		r.model, r.modelFor = value, ""
	case roleTemperature:
		t, err := strconv.ParseFloat(value, 64)
		if err != nil || !validTemperature(t) {
			return fmt.Errorf("this must be a number from 0 to %d", maxTemperature)
		}
		r.temperature = &t
	case roleMaxTokens:
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return fmt.Errorf("this must be a whole number from 1")
		}
		r.maxTokens = n
	}
	return nil
}

// maxTemperature is the highest that any known API takes.
const maxTemperature = 2

func validTemperature(t float64) bool { return !math.IsNaN(t) && t >= 0 && t <= maxTemperature }

// refs is the role's chain. note says what of its settings is not used.
func (r role) refs(all []ref) (refs []ref, note string) {
	switch {
	case r.own == nil:
		refs = slices.Clone(all)
	case r.inFile:
		refs = slices.Clone(r.own)
	default:
		refs = followedBy(r.own, all)
	}
	switch {
	case r.model == "" || (r.own != nil && refs[0].model != ""): // an entry of its own that names its model wins
	case r.modelFor != "" && r.modelFor != refs[0].name:
		note = fmt.Sprintf("The model %s of the role %s is for %s, and is not used with %s.", r.model, r.name, r.modelFor, refs[0].name)
	default:
		refs[0].model = r.model
	}
	return refs, note
}

func (r role) options() (opts []llms.CallOption) {
	if r.temperature != nil {
		opts = append(opts, llms.WithTemperature(*r.temperature))
	}
	if r.maxTokens > 0 {
		opts = append(opts, llms.WithMaxTokens(r.maxTokens))
	}
	return opts
}

// temperatureNote says that the role's first model takes no temperature.
func (r role) temperatureNote(m llms.Model) string {
	ps := Models{Default: m}.Providers()
	if r.temperature == nil || len(ps) == 0 || !ps[0].fixed() {
		return ""
	}
	return fmt.Sprintf("%s takes no temperature; that of the role %s is not used with it.", ps[0].Model, r.name)
}

// source says where the role's providers come from, for an error.
func (r role) source() string {
	if r.own != nil && !r.inFile {
		return "AGENT_" + envPrefix(r.name) + roleProvider
	}
	return "the role " + r.name
}
