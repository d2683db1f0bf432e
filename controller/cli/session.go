package cli

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/pflag"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/providers/faulty"
)

// The names of the session flags, in the command line and in the run's settings.
const (
	flagConfig   = "config"
	flagProvider = "provider"
	flagParallel = "parallel"
	flagInject   = "inject"
	flagSeed     = "seed"
)

const maxParallel = 1000

// sessionFlags are the flags that may change on every resume. Those not given come from the run's last session.
type sessionFlags struct {
	config   string // a file, or none
	provider string
	parallel int
	inject   string
	seed     uint64
	budget   []string     // recorded by the run itself, not in its settings
	webhook  webhookFlags // the only ones that are not recorded
	given    map[string]bool
	flags    []*pflag.Flag // those given
}

func (s *sessionFlags) bind(f *pflag.FlagSet, parallel int) {
	s.bindConfig(f)
	f.StringVar(&s.provider, flagProvider, "", "providers, the first and then its fallbacks: a,b:model,c; or auto (default: the configuration's\n"+
		"chain, else the offline author)")
	f.IntVar(&s.parallel, flagParallel, max(1, parallel), "how many items run side by side")
	f.StringVar(&s.inject, flagInject, "", "inject failures for demonstration, as in rate_limit=0.1,empty=0.05; none: no more")
	f.Uint64Var(&s.seed, flagSeed, 0, "seed of the injected failures")
	f.StringArrayVar(&s.budget, flagBudget, nil, "the most that the run may cost, in `dollars`, as in 5.00: a call that may cost more pauses it; none: no\n"+
		"limit any more; STEP=DOLLARS limits one step; may be repeated")
	s.webhook.bind(f)
}

func (s *sessionFlags) bindConfig(f *pflag.FlagSet) {
	f.StringVar(&s.config, flagConfig, "", "file with providers, chains, roles, limits and prices; none: no file (default: "+
		providers.ConfigName+"\nin the --out folder or the working folder)")
}

// note remembers which of the flags were given.
func (s *sessionFlags) note(f *pflag.FlagSet) {
	s.given, s.flags = map[string]bool{}, nil
	for _, name := range []string{flagConfig, flagProvider, flagParallel, flagInject, flagSeed, flagBudget} {
		if s.given[name] = f.Changed(name); s.given[name] {
			s.flags = append(s.flags, f.Lookup(name))
		}
	}
}

func (s *sessionFlags) check() error {
	if s.parallel < 1 || s.parallel > maxParallel {
		return usagef("--parallel must be 1 to %d, not %d", maxParallel, s.parallel)
	}
	if s.given[flagConfig] && s.config == "" {
		return usagef("--config must name a file, or none")
	}
	if s.given[flagProvider] && len(names(s.provider)) == 0 {
		return usagef("--provider must name a provider, a list such as groq,anthropic, or auto")
	}
	if _, err := parseBudgets(s.budget); err != nil {
		return err
	}
	if _, err := s.faults(); err != nil {
		return plainly(flagInject, "faulty", err)
	}
	return nil
}

// What switches off what a run remembers.
const (
	injectNone = "none"
	configNone = "none"
)

// faults is what --inject says.
func (s *sessionFlags) faults() (faulty.Config, error) {
	if s.inject == injectNone {
		return faulty.Config{}, nil
	}
	return faulty.Parse(s.inject, s.seed)
}

// settings is what a session records of its flags.
func (s *sessionFlags) settings() map[string]string {
	m := map[string]string{flagParallel: strconv.Itoa(s.parallel)}
	if s.config != "" {
		m[flagConfig] = s.config
	}
	if s.provider != "" {
		m[flagProvider] = s.provider
	}
	if s.inject != "" && s.inject != injectNone {
		m[flagInject], m[flagSeed] = s.inject, strconv.FormatUint(s.seed, 10)
	}
	return m
}

// inherit takes what was not given from the settings of the run's last session.
func (s *sessionFlags) inherit(settings map[string]string) error {
	for name, set := range map[string]func(string) error{
		flagConfig:   func(v string) error { s.config = v; return nil },
		flagProvider: func(v string) error { s.provider = v; return nil },
		flagInject:   func(v string) error { s.inject = v; return nil },
		flagParallel: func(v string) (err error) { s.parallel, err = strconv.Atoi(v); return err },
		flagSeed:     func(v string) (err error) { s.seed, err = strconv.ParseUint(v, 10, 64); return err },
	} {
		v, recorded := settings[name]
		if s.given[name] || !recorded {
			continue
		}
		if err := set(v); err != nil {
			return fmt.Errorf("the run's setting %s is %q, which can't be read; give --%s: %w", name, v, name, err)
		}
	}
	return nil
}

// merge keeps the settings of the program's own beside the kit's.
func merge(own, kits map[string]string) map[string]string {
	all := maps.Clone(own)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, kits)
	return all
}

// names splits the list of --provider.
func names(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}
