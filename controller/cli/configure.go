package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/controller/progress"
	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/providers/faulty"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

// configure makes the configuration of one session. The function it returns ends what it began.
func (k *kit) configure(store state.Store) (workflow.Config, func(), error) {
	cfg := k.config
	if err := k.models(&cfg); err != nil {
		return cfg, nil, err
	}
	cfg.Store = store
	cfg.Settings = merge(cfg.Settings, k.session.settings())
	cfg.Concurrency = k.session.parallel
	cfg.Export = k.exporter()
	cfg.Observers = slices.Clone(cfg.Observers)
	if cfg.Logger == nil {
		cfg.Logger = k.log
	}
	deliver, err := k.webhooks(&cfg)
	if err != nil {
		return cfg, nil, err
	}
	if r, ok := k.stderr.(*relay); ok { // else the log tells the same, or nobody looks
		cfg.Observers = append(cfg.Observers, r.show(progress.Options{NoColor: k.noColor}).Observe)
	}
	if cfg.Controller != nil { // the program's own, which it closes itself
		var leave <-chan struct{}
		over := sync.OnceFunc(func() { leave = further(cfg.Controller) })
		k.over = over
		return cfg, func() {
			over()
			k.hide()
			deliver(leave)
		}, nil
	}
	cfg.Controller = controller.Notify(controller.Config{Out: k.stderr, Resume: k.command("--resume")})
	var last *controller.Controller // what it is told is no pause of anything, and is not shown as one
	over := sync.OnceFunc(func() { last = controller.Notify(controller.Config{Out: io.Discard}) })
	k.over = over
	return cfg, func() {
		over()
		_ = cfg.Controller.Close() // its error would say nothing about the run
		k.hide()
		deliver(last.Draining())
		_ = last.Close()
	}, nil
}

// models chooses who answers: what --provider (now or in the run) says, else the program's own models, else the configuration's
// chain or DEFAULT_LLM_PROVIDER, else the offline author. With --inject each of them fails now and then.
func (k *kit) models(cfg *workflow.Config) error {
	faults, err := k.session.faults()
	if err != nil {
		return plainly(flagInject, "faulty", err)
	}
	if k.session.provider == "" && (cfg.Model != nil || len(cfg.Roles) > 0) {
		if k.session.given[flagConfig] && k.session.config != configNone {
			return usagef("--config: this program brings its own models; name the providers to use instead with --provider too")
		}
		own := providers.Models{Default: cfg.Model, Roles: cfg.Roles}
		k.prices(cfg, own)
		if err := k.budgets(cfg, own); err != nil {
			return err
		}
		return wrapAll(cfg, faults)
	}
	settings, err := k.providerConfig()
	if err != nil {
		return err
	}
	chosen := names(k.session.provider)
	models, err := settings.Models(chosen...)
	if err != nil {
		if len(chosen) == 0 {
			return &UsageError{&advised{strings.TrimPrefix(err.Error(), "providers: "), err}}
		}
		return plainly(flagProvider, "providers", err)
	}
	if models.Notice != "" {
		fmt.Fprintln(k.stderr, models.Notice)
	}
	if len(models.Found) > 0 {
		k.session.provider = strings.Join(models.Found, ",") // the choice is recorded, not the question
	}
	k.prices(cfg, models)
	if err := k.budgets(cfg, models); err != nil {
		return err
	}
	cfg.Model, cfg.Roles = models.Default, models.Roles
	return wrapAll(cfg, faults)
}

// prices tells the run what answers cost, unless the program does.
func (k *kit) prices(cfg *workflow.Config, models providers.Models) {
	if cfg.Price != nil {
		return
	}
	cost := models.Cost()
	cfg.Price = func(provider, model string, u state.Usage) (int64, bool) {
		return cost(provider, model, resilience.Usage{Input: u.Input, Output: u.Output, Cached: u.Cached, Reasoning: u.Reasoning, Written: u.Written})
	}
}

// wrapAll injects failures into every model, of a chain into every member, so that its fallbacks are seen at work.
func wrapAll(cfg *workflow.Config, faults faulty.Config) (err error) {
	if len(faults.Rates)+len(faults.Calls) == 0 {
		return nil
	}
	if cfg.Model, err = wrap(cfg.Model, faults); err != nil {
		return err
	}
	cfg.Roles = maps.Clone(cfg.Roles)
	for role, m := range cfg.Roles {
		if cfg.Roles[role], err = wrap(m, faults); err != nil {
			return err
		}
	}
	return nil
}

func wrap(m llms.Model, faults faulty.Config) (llms.Model, error) {
	if m == nil {
		return nil, nil
	}
	models := providers.Models{Default: m}
	if len(models.Providers()) == 0 { // no chain
		return faulty.New(m, faults)
	}
	models, err := models.Wrap(func(p providers.Provider) (_ providers.Provider, err error) {
		member := faults
		member.Provider = p.Name
		p.LLM, err = faulty.New(p.LLM, member)
		return p, err
	})
	return models.Default, err
}
