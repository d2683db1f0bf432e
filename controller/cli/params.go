package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/dogear-go/dogear/workflow"
)

// paramSource hides the type of the parameters from the rest of the package.
type paramSource interface {
	bind() *pflag.FlagSet                         // the run flags, to be parsed
	check() error                                 // of what was parsed
	current() any                                 // what was parsed
	given() []*pflag.Flag                         // the flags that were typed
	contradiction(recorded json.RawMessage) error // between the flags that were given and the run's parameters
	// pipeline is that of a run with these recorded parameters, or with those that were parsed; nil: the program's only one.
	pipeline(recorded json.RawMessage) (*workflow.Pipeline, error)
	parsedPipeline() (*workflow.Pipeline, error)
}

type params[P any] struct {
	value   P
	flags   func(*pflag.FlagSet, *P)
	verdict func(P) error
	bound   *pflag.FlagSet

	pipelines func(P) (*workflow.Pipeline, error)
}

func (p *params[P]) bind() *pflag.FlagSet {
	p.bound = flagsOf(&p.value, p.flags)
	return p.bound
}

func flagsOf[P any](value *P, declare func(*pflag.FlagSet, *P)) *pflag.FlagSet {
	f := pflag.NewFlagSet("run", pflag.ContinueOnError)
	if declare != nil {
		declare(f, value)
	}
	return f
}

func (p *params[P]) check() error {
	if p.verdict == nil {
		return nil
	}
	if err := p.verdict(p.value); err != nil {
		return &UsageError{err}
	}
	return nil
}

func (p *params[P]) current() any { return p.value }

func (p *params[P]) parsedPipeline() (*workflow.Pipeline, error) {
	if p.pipelines == nil {
		return nil, nil
	}
	return p.pipelines(p.value)
}

func (p *params[P]) pipeline(recorded json.RawMessage) (*workflow.Pipeline, error) {
	if p.pipelines == nil {
		return nil, nil
	}
	var of P
	if err := readParams(recorded, &of); err != nil {
		return nil, err
	}
	return p.pipelines(of)
}

// readParams reads the parameters that a run has recorded, if it has any.
func readParams[P any](recorded json.RawMessage, into *P) error {
	if len(recorded) == 0 || bytes.Equal(recorded, []byte("null")) {
		return nil
	}
	if err := json.Unmarshal(recorded, into); err != nil {
		return fmt.Errorf("the run's parameters can't be read by this version of the program: %w", err)
	}
	return nil
}

func (p *params[P]) given() []*pflag.Flag {
	var given []*pflag.Flag
	p.bound.VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			given = append(given, f)
		}
	})
	return given
}

// contradiction binds a second set of flags to the run's recorded parameters, so that values are compared as flags show
// them and no field needs a name twice.
func (p *params[P]) contradiction(recorded json.RawMessage) error {
	given := p.given()
	if len(given) == 0 {
		return nil
	}
	var old P
	set := flagsOf(&old, p.flags)
	var zero P
	old = zero // a declaration may have written defaults that the run does not have
	if err := readParams(recorded, &old); err != nil {
		return err
	}
	var differ []string
	for _, f := range given {
		if was := set.Lookup(f.Name).Value.String(); was != f.Value.String() {
			differ = append(differ, fmt.Sprintf("%s, but the run was started with %s", flagText(f, f.Value.String()), quoteArg(was)))
		}
	}
	if len(differ) == 0 {
		return nil
	}
	return &UsageError{fmt.Errorf("%s", strings.Join(differ, "; "))}
}
