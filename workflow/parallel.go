package workflow

import (
	"context"
	"sync"

	"github.com/dogear-go/dogear/state"
)

// NewParallel makes a step that runs steps side by side. It is as done as the least done of them; one that fails does
// not stop the others.
func NewParallel(name string, steps ...Step) Step { return &parallel{name, steps} }

type parallel struct {
	name  string
	steps []Step
}

func (p *parallel) Name() string { return p.name }

func (p *parallel) define() definition {
	return definition{kind: state.KindParallel, children: p.steps}
}

// Run implements Step. The children's events tell everything, so a Parallel has none of its own.
func (p *parallel) Run(ctx context.Context) error {
	sc, err := managing(ctx, p.name)
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	ends := make([]ending, len(p.steps))
	for i, step := range p.steps {
		group.Go(func() { ends[i] = sc.session.runStep(ctx, step) })
	}
	group.Wait()
	worst := ending{kind: endedWell}
	for _, end := range ends {
		if end.kind > worst.kind {
			worst = end
		}
	}
	return sc.ended(worst)
}
