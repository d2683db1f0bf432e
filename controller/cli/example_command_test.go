package cli_test

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"

	"github.com/dogear-go/dogear/controller/cli"
	"github.com/dogear-go/dogear/workflow"
)

// A program around one pipeline. Its main is os.Exit(cli.Main(app)); here the command line is given.
func ExampleCommand() {
	type Params struct {
		Name string `json:"name"`
	}
	greet := workflow.NewTask("greet", func(ctx context.Context) (string, error) {
		p, err := workflow.Params[Params](ctx)
		return "Hello, " + p.Name, err
	})
	pipeline, err := workflow.New("greeter", greet)
	if err != nil {
		fmt.Println(err)
		return
	}
	app := cli.App[Params]{
		Pipeline: pipeline,
		Run:      "first",
		Params:   Params{Name: "reader"},
		Flags:    func(f *pflag.FlagSet, p *Params) { f.StringVar(&p.Name, "name", p.Name, "whom to greet") },
	}

	out, err := os.MkdirTemp("", "greeter")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(out)
	for _, args := range [][]string{{"--name", "Ada"}, {"show", "greet"}, {"--resume"}} {
		cmd := cli.Command(app)
		cmd.SetArgs(append(args, "--out", out))
		cmd.SetOut(os.Stdout)
		cmd.SetErr(io.Discard)
		fmt.Println("exit", cli.ExitCode(cmd.Execute()))
	}
	// Output:
	// first: completed, 100.0%, 0 calls, 0 failed calls
	// exit 0
	// Hello, Ada
	// exit 0
	// first: nothing to do; the run is complete
	// exit 0
}
