package cli

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dogear-go/dogear/workflow"
)

// App is a program around one pipeline. P is the type of the run's parameters, a struct that JSON can hold.
type App[P any] struct {
	// Pipeline is what the program runs. It is required.
	Pipeline *workflow.Pipeline

	// PipelineOf gives the pipeline of a run with these parameters, where they decide about steps; it has the name of Pipeline.
	// Parameters are recorded, so a run has the same steps whenever it goes on. Defaults to Pipeline for all.
	PipelineOf func(P) (*workflow.Pipeline, error)

	// Name is the program's name in messages. Defaults to the pipeline's name.
	Name string

	// Run is the name of the run when --project is not given. Defaults to the pipeline's name.
	Run string

	// Params are the parameters when no flag says otherwise.
	Params P

	// Flags declares a flag for each parameter that can be given, bound to the fields of p, with p's values as defaults.
	// Defaults to no such flags.
	Flags func(f *pflag.FlagSet, p *P)

	// Check refuses parameters that make no sense, before anything is started. Defaults to accepting all.
	Check func(P) error

	// Export writes the files derived from a run under names that begin with path (path + ".md"): the run's name below
	// --out, where the run's folder is as well when runs are kept in files there. It runs under the run's context, after each step, at the end and on demand; so it must
	// cope with results that are not there yet. Defaults to Config.Export.
	Export func(ctx context.Context, path string) error

	// Commands are verbs of the program's own.
	Commands []Verb

	// Stores are further schemes of --store: "SCHEME:AT" is opened by Stores[SCHEME] with AT. Schemes are of small letters,
	// digits, '+', '.' and '-', at least two. Defaults to file and sqlite alone.
	Stores map[string]StoreOpener

	// Config is the base of each session's configuration. Store defaults to the folder of --out (and --store wins over both
	// when it is given); Model and Roles to what --provider says (which wins over them when it is given). Params, Settings and Retry are overwritten.
	Config workflow.Config
}

// Verb is a command of the program's own that reads a run.
type Verb struct {
	Use   string               // name and arguments, as in `ask "QUESTION"`
	Short string               // one line for the help
	Args  cobra.PositionalArgs // Defaults to none allowed
	// Run gets a context with which the results of the run can be read. Wrap the error in a [UsageError] when what was typed
	// is to blame.
	Run func(ctx context.Context, call Call) error
}

// Call is one use of a [Verb].
type Call struct {
	Project string    // name of the run
	Args    []string  // what was typed behind the verb
	JSON    bool      // --json: print one JSON object
	Out     io.Writer // where results go
}

// Main runs the command line of the process and returns the exit code.
func Main[P any](app App[P]) int {
	return execute(Command(app), os.Stderr)
}

// execute runs a command and prints its error, once and without the usage text.
func execute(cmd *cobra.Command, stderr io.Writer) int {
	err := cmd.ExecuteContext(context.Background())
	if err != nil {
		printError(cmd, stderr, err)
	}
	return ExitCode(err)
}

// Command returns the command line as a cobra command, to be executed alone or hung into another one. Its errors are
// complete messages that say what to do next; [ExitCode] gives the code for them.
func Command[P any](app App[P]) *cobra.Command {
	if app.Pipeline == nil {
		return &cobra.Command{
			Use: "app", SilenceErrors: true, SilenceUsage: true,
			RunE: func(*cobra.Command, []string) error { return fmt.Errorf("cli: App.Pipeline is nil") },
		}
	}
	k := &kit{
		name:     app.Name,
		pipeline: app.Pipeline,
		config:   app.Config,
		export:   app.Export,
		project:  app.Run,
		stores:   app.Stores,
		params:   &params[P]{value: app.Params, flags: app.Flags, verdict: app.Check, pipelines: app.PipelineOf},
	}
	if k.name == "" {
		k.name = app.Pipeline.Name()
	}
	if k.project == "" {
		k.project = app.Pipeline.Name()
	}
	k.program = programName(k.name)
	return k.root(app.Commands)
}
