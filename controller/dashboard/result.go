package dashboard

import (
	"context"
	"encoding/json"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

// result is a recorded result of a step, or of an item of an Each.
func (d *Dashboard) result(ctx context.Context, run, step, item string) (ResultView, error) {
	f, err := d.follow(ctx, run)
	if err != nil {
		return ResultView{}, err
	}
	v := ResultView{Step: step, Item: item}
	err = f.read(func(st *state.WorkflowState, _ state.Head) error {
		s := st.Step(step)
		if s == nil {
			return noStep(run, step)
		}
		v.Hash, v.Edited = s.Hash, s.Edited
		if item != "" {
			it, ok := st.Item(step, item)
			if !ok {
				return noItem(step, item)
			}
			v.Hash, v.Edited = it.Result, it.Edited
		}
		if v.Seq = st.ResultSeq(state.Scope{Step: step, Item: item}); v.Seq == 0 {
			return workflow.ErrNoResult
		}
		return nil
	})
	if err != nil {
		return ResultView{}, err
	}
	e, err := state.ReadEvent(ctx, d.cfg.Store, run, v.Seq)
	if err != nil {
		return ResultView{}, err
	}
	raw, ok := e.Result()
	if !ok || len(raw) == 0 {
		raw = json.RawMessage("null")
	}
	v.JSON = raw
	v.Text, err = state.Readable(raw)
	return v, err
}
