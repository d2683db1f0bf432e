package cli

import (
	"context"

	"github.com/dogear-go/dogear/state"
)

// retry goes on with what failed: everything, one step, or some of its items. Refused when there is nothing of that.
func (k *kit) retry(ctx context.Context, args []string) error {
	if err := k.session.check(); err != nil {
		return err
	}
	store, st, err := k.existing(ctx)
	if err != nil {
		return err
	}
	if st.Status == state.StatusRunning {
		if err := k.held(ctx, store); err != nil {
			return err
		}
	}
	if err := k.contradiction(st); err != nil {
		return err
	}
	what, err := k.retryable(st, args)
	if err != nil {
		return err
	}
	return k.goOn(ctx, what)
}

func (k *kit) retryable(st *state.WorkflowState, args []string) (map[string][]string, error) {
	if len(args) == 0 {
		for i := range st.Steps {
			if failed(&st.Steps[i]) {
				return nil, nil
			}
		}
		return nil, usagef("there is nothing to try again in the run %q: nothing failed", k.project)
	}
	step, err := k.step(st, args[0])
	if err != nil {
		return nil, err
	}
	if !failed(step) {
		return nil, usagef("there is nothing to try again in the step %q: it is %s", step.Name, step.Status)
	}
	keys := args[1:]
	for _, key := range keys {
		if err := k.item(st, step, key); err != nil {
			return nil, err
		}
		if it, _ := st.Item(step.Name, key); it.Status != state.StatusFailed && it.Status != state.StatusPending {
			return nil, usagef("the item %q of %q did not fail: it is %s", key, step.Name, it.Status)
		}
	}
	return map[string][]string{step.Name: append([]string{}, keys...)}, nil
}

func failed(s *state.StepState) bool {
	return s.Items.Failed > 0 || s.Status == state.StatusFailed || s.Status == state.StatusTolerated || s.Status == state.StatusPartial
}
