package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.uber.org/zap"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

// kit is one command line being executed. The flags are parsed into it.
type kit struct {
	name     string // of the program, in messages
	program  string // what to type to run it
	pipeline *workflow.Pipeline
	config   workflow.Config
	export   func(ctx context.Context, path string) error
	params   paramSource

	stores  map[string]StoreOpener // of the program
	opened  state.Store            // what --store and --out name, once it was needed
	closers []io.Closer            // what is to be closed when the command ends

	project string
	out     string    // where the derived files go
	outSet  bool      // --out was given
	at      string    // --store as typed
	where   storeName // --store, parsed
	saidBy  string    // which flag said where: store, or from
	resume  bool
	fresh   bool
	status  bool
	json    bool
	noColor bool
	verbose bool
	session sessionFlags
	told    bool   // how the session ended has been said
	over    func() // the run has ended: from here on Ctrl+C leaves what is still being delivered. Set by configure

	recorded map[string]int64 // the limits of the run that is resumed

	logFormat string
	log       *zap.Logger // what --verbose and --log-format ask for; nil: no logs

	stdout io.Writer
	stderr io.Writer
}

func (k *kit) root(verbs []Verb) *cobra.Command {
	root := &cobra.Command{
		Use:   k.name,
		Short: "Run the pipeline " + k.pipeline.Name() + ", and go on where it stopped",
		Long: "Run the pipeline " + k.pipeline.Name() + ". Everything that was paid for is recorded; after a crash, a pause or an outage\n" +
			"--resume goes on from the call where it stopped.",
		Args:          noArgs,
		SilenceErrors: true,

		SuggestionsMinimumDistance: 2,
		SilenceUsage:               true,
		CompletionOptions:          cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE:                       k.action(func(ctx context.Context, _ []string) error { return k.main(ctx) }),
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return k.flagError(cmd, err) })
	common := root.PersistentFlags()
	common.SortFlags = false
	common.StringVar(&k.project, "project", k.project, "name of the run")
	common.StringVar(&k.out, "out", "output", "folder of the runs, and of the files made from them")
	common.StringVar(&k.at, flagStore, "", "where the runs are kept instead: "+k.storeHelp())
	common.BoolVar(&k.json, "json", false, "print JSON")
	common.BoolVar(&k.noColor, "no-color", false, "neither colour nor emoji")
	common.BoolVarP(&k.verbose, "verbose", "v", false, "logs on stderr")
	common.StringVar(&k.logFormat, flagLogFormat, "", logHelp)

	own := root.Flags()
	own.SortFlags = false
	runFlags := k.params.bind()
	own.AddFlagSet(runFlags)
	own.BoolVar(&k.resume, "resume", false, "go on with an existing run")
	own.BoolVar(&k.fresh, "fresh", false, "start anew; an existing run is moved to .archive, never deleted")
	own.BoolVar(&k.status, "status", false, "print how the run stands; works while it is going on")
	k.session.bind(own, k.config.Concurrency)

	root.AddCommand(k.verbs(runFlags)...)
	for _, v := range verbs {
		root.AddCommand(k.custom(v))
	}
	return root
}

// action adapts a function to cobra: writers, checks of the common flags, messages that say what to do.
func (k *kit) action(fn func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		k.stdout, k.stderr = cmd.OutOrStdout(), &relay{w: cmd.ErrOrStderr()}
		if err := k.logs(); err != nil {
			return err
		}
		k.session.note(cmd.Flags())
		ctx := cmd.Context()
		if ctx == nil {
			ctx = context.Background()
		}
		if err := state.ValidName(k.project); err != nil {
			return &UsageError{fmt.Errorf("--project: %w", err)}
		}
		if err := k.places(cmd.Flags()); err != nil {
			return err
		}
		err := k.advise(fn(ctx, args))
		if closed := k.closeStores(); err == nil {
			err = closed
		}
		return err
	}
}

func (k *kit) main(ctx context.Context) error {
	chosen := 0
	for _, given := range []bool{k.resume, k.fresh, k.status} {
		if given {
			chosen++
		}
	}
	if chosen > 1 {
		return usagef("--resume, --fresh and --status exclude each other")
	}
	if err := k.session.check(); err != nil {
		return err
	}
	switch {
	case k.status:
		if err := k.params.check(); err != nil {
			return err
		}
		return k.printStatus(ctx)
	case k.resume:
		return k.goOn(ctx, nil)
	default:
		return k.start(ctx)
	}
}

func (k *kit) custom(v Verb) *cobra.Command {
	if v.Args == nil {
		v.Args = cobra.NoArgs
	}
	return &cobra.Command{
		Use: v.Use, Short: v.Short, Args: k.args(v.Args),
		RunE: k.action(func(ctx context.Context, args []string) error {
			run, _, err := k.open(ctx)
			if err != nil {
				return err
			}
			return v.Run(run.Context(ctx), Call{Project: k.project, Args: args, JSON: k.json, Out: k.stdout})
		}),
	}
}

// open gives a handle to read an existing run, and its state.
func (k *kit) open(ctx context.Context) (*workflow.Run, *state.WorkflowState, error) {
	store, st, err := k.existing(ctx)
	if err != nil {
		return nil, nil, err
	}
	p, err := k.pipelineOf(st.Params)
	if err != nil {
		return nil, nil, err
	}
	cfg := k.config
	cfg.Store = store
	run, err := p.Open(ctx, k.project, cfg)
	return run, st, err
}

// pipelineOf is the pipeline of a run with these recorded parameters.
func (k *kit) pipelineOf(recorded json.RawMessage) (*workflow.Pipeline, error) {
	return k.sameName(k.params.pipeline(recorded))
}

func (k *kit) sameName(p *workflow.Pipeline, err error) (*workflow.Pipeline, error) {
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		return k.pipeline, nil
	case p.Name() != k.pipeline.Name():
		return nil, fmt.Errorf("cli: App.PipelineOf gave the pipeline %s, not %s", p.Name(), k.pipeline.Name())
	}
	return p, nil
}

// existing is the store and the state of the run that is asked about, which must be there.
func (k *kit) existing(ctx context.Context) (state.Store, *state.WorkflowState, error) {
	store, err := k.store(ctx, false)
	if err != nil {
		return nil, nil, err
	}
	st, err := k.load(ctx, store)
	return store, st, err
}

// load reads the state as it stands now: running or interrupted instead of open. It never waits for the run's lock.
func (k *kit) load(ctx context.Context, store state.Store) (*state.WorkflowState, error) {
	run, err := k.pipeline.Open(ctx, k.project, workflow.Config{Store: store})
	if err != nil {
		return nil, err
	}
	st, err := run.State(ctx)
	if err != nil {
		return nil, k.missing(err)
	}
	return st, nil
}

func (k *kit) noRun() error {
	return &UsageError{&noRunError{fmt.Sprintf("there is no run %q in %s; start it with:\n  %s", k.project, k.place(), k.command())}}
}

// noRunError is state.ErrNotFound with a message of its own.
type noRunError struct{ text string }

func (e *noRunError) Error() string        { return e.text }
func (e *noRunError) Is(target error) bool { return target == state.ErrNotFound }

// missing turns a store's "no such run" into the message that says how to start one.
func (k *kit) missing(err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return k.noRun()
	}
	return err
}

func usagef(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += fmt.Sprintf("; did you mean %q?", near[0])
	}
	return usagef("%s; see %s --help", text, cmd.CommandPath())
}

// args makes the errors of an argument check errors of usage.
func (k *kit) args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			if strings.HasPrefix(err.Error(), "unknown command") { // which is how cobra.NoArgs puts it
				return usagef("%s takes no arguments, but got %s; usage: %s", cmd.Name(), quoteArg(args[0]), cmd.UseLine())
			}
			return usagef("%w; usage: %s", err, cmd.UseLine())
		}
		return nil
	}
}

// flagError says in plain words which flag could not be read.
func (k *kit) flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	var bad *pflag.InvalidValueError
	if errors.As(err, &bad) && bad.GetFlag() != nil {
		kind := map[string]string{"int": "a whole number", "int64": "a whole number", "uint": "a whole number from 0", "uint64": "a whole number from 0", "float64": "a number",
			"bool": "true or false", "duration": "a duration such as 90s"}[bad.GetFlag().Value.Type()]
		if kind != "" {
			text = fmt.Sprintf("--%s %s is not %s", bad.GetFlag().Name, quoteArg(bad.GetValue()), kind)
		}
		if strings.HasPrefix(kind, "a whole number") {
			text += ", or is too large"
		}
	}
	return usagef("%s; see %s --help", text, cmd.CommandPath())
}
