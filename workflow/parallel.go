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
	work := &sc.session.desk // the children are what is worked on, in the place of this step
	work.begin(len(p.steps))
	work.end(1)
	for i, step := range p.steps {
		group.Go(func() {
			defer work.end(1)
			ends[i] = sc.session.runStep(ctx, step)
		})
	}
	group.Wait()
	work.begin(1)
	worst := ending{kind: endedWell}
	for _, end := range ends {
		if end.kind > worst.kind {
			worst = end
		}
	}
	if worst.kind == endedWaiting {
		worst = waitingFor(ends)
	}
	return sc.ended(worst)
}
