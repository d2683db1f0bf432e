package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/tmc/langchaingo/llms"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/providers/faulty"
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
	cfg.Observers = append(slices.Clone(cfg.Observers), (&progress{w: k.stderr}).observe)
	if k.verbose && cfg.Logger == nil {
		cfg.Logger = logger(k.stderr)
	}
	if cfg.Controller != nil { // the program's own, which it closes itself
		return cfg, func() {}, nil
	}
	cfg.Controller = controller.Notify(controller.Config{Out: k.stderr, Resume: k.command("--resume")})
	return cfg, func() { _ = cfg.Controller.Close() }, nil // its error would say nothing about the run
}

// models chooses who answers: what --provider (now or in the run) says, else the program's own models, else the offline
// author. With --inject each of them fails now and then.
func (k *kit) models(cfg *workflow.Config) error {
	faults, err := k.session.faults()
	if err != nil {
		return usagef("--inject: %w", err)
	}
	if k.session.provider == "" && (cfg.Model != nil || len(cfg.Roles) > 0) {
		return wrapAll(cfg, faults)
	}
	models, err := providers.FromEnv(names(k.session.provider)...)
	if err != nil {
		return &UsageError{fmt.Errorf("--provider: %w", err)}
	}
	if models.Notice != "" {
		fmt.Fprintln(k.stderr, models.Notice)
	}
	cfg.Model, cfg.Roles = models.Default, models.Roles
	return wrapAll(cfg, faults)
}

func wrapAll(cfg *workflow.Config, faults faulty.Config) (err error) {
	wrap := func(m llms.Model) llms.Model {
		if m == nil || err != nil {
			return m
		}
		var wrapped *faulty.Model
		wrapped, err = faulty.New(m, faults)
		return wrapped
	}
	if len(faults.Rates)+len(faults.Calls) == 0 {
		return nil
	}
	cfg.Model = wrap(cfg.Model)
	cfg.Roles = maps.Clone(cfg.Roles)
	for role, m := range cfg.Roles {
		cfg.Roles[role] = wrap(m)
	}
	return err
}

// logger writes readable lines of every level.
func logger(w io.Writer) *zap.Logger {
	enc := zap.NewDevelopmentEncoderConfig()
	enc.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(enc), zapcore.Lock(zapcore.AddSync(w)), zapcore.DebugLevel))
}
