package dashboard

import (
	"context"
	"fmt"
	"net/http"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

// maxRetry is how many items one request may name.
const maxRetry = 1000

// retry goes on with what failed: everything, one step, or some of its items. It is refused when there is nothing of that.
func (d *Dashboard) retry(ctx context.Context, run string, req RetryRequest) (string, error) {
	if len(req.Items) > 0 && req.Step == "" {
		return "", badRequest("items need the step that they belong to")
	}
	if len(req.Items) > maxRetry {
		return "", badRequest("at most %d items can be named; without items all that failed are tried again", maxRetry)
	}
	f, err := d.current(ctx, run)
	if err != nil {
		return "", err
	}
	if err := f.read(func(st *state.WorkflowState, _ state.Head) error { return retryable(st, run, req) }); err != nil {
		return "", err
	}
	var what map[string][]string
	if req.Step != "" {
		what = map[string][]string{req.Step: req.Items}
	}
	return d.resume(ctx, run, "", func(ctx context.Context, r *workflow.Run) error {
		return any(r).(interface {
			Retry(context.Context, map[string][]string) error
		}).Retry(ctx, what)
	})
}

// retryable says why nothing can be tried again; nil: something can.
func retryable(st *state.WorkflowState, run string, req RetryRequest) error {
	nothing := func(format string, args ...any) error {
		return &refusal{status: http.StatusConflict, text: "there is nothing to try again: " + fmt.Sprintf(format, args...)}
	}
	if req.Step == "" {
		if !anyFailed(st) {
			return nothing("nothing failed in the run %q", run)
		}
		return nil
	}
	s := st.Step(req.Step)
	switch {
	case s == nil:
		return noStep(run, req.Step)
	case !failed(s):
		return nothing("the step %q is %s", req.Step, s.Status)
	}
	for _, key := range req.Items {
		it, ok := st.Item(req.Step, key)
		switch {
		case !ok:
			return noItem(req.Step, key)
		case it.Status != state.StatusFailed && it.Status != state.StatusPending:
			return nothing("the item %q of the step %q is %s", clip(key), req.Step, it.Status)
		}
	}
	return nil
}

func anyFailed(st *state.WorkflowState) bool {
	for i := range st.Steps {
		if failed(&st.Steps[i]) {
			return true
		}
	}
	return false
}

func failed(s *state.StepState) bool {
	switch s.Status {
	case state.StatusFailed, state.StatusTolerated, state.StatusPartial:
		return true
	}
	return s.Items.Failed > 0
}
