package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/dogear-go/dogear/state"
)

// show prints the recorded result of a step or of an item; of a whole Each, all that are done.
func (k *kit) show(ctx context.Context, args []string) error {
	store, st, err := k.existing(ctx)
	if err != nil {
		return err
	}
	step, err := k.step(st, args[0])
	if err != nil {
		return err
	}
	at := state.Scope{Step: step.Name}
	switch {
	case len(args) == 2:
		if err := k.item(st, step, args[1]); err != nil {
			return err
		}
		at.Item = args[1]
	case step.Kind == state.KindEach:
		return k.showAll(ctx, store, st, step)
	case step.Kind == state.KindGate && step.Gate != nil && step.Gate.Seq != 0:
		return k.showGate(ctx, store, step)
	}
	raw, err := k.result(ctx, store, st, at)
	if err != nil {
		return err
	}
	return k.printResult(raw)
}

// showGate prints what a gate shows, and what was decided about it.
func (k *kit) showGate(ctx context.Context, store state.Store, gate *state.StepState) error {
	shown, err := shownBy(ctx, store, k.project, gate)
	if err != nil {
		return err
	}
	g := gate.Gate
	text := strings.TrimRight(state.Printable(shown), "\n") + "\n\n"
	if g.Open() {
		text += fmt.Sprintf("it waits for a decision; approve or reject it with:\n  %s\n  %s\n",
			k.command("approve", "--"+flagStep, gate.Name), k.command("reject", "--"+flagStep, gate.Name))
	} else {
		text += state.Printable(decidedText(*g.Decided)) + "\n"
	}
	return k.say(gateJSON{shown, g.Hash, g.Opened, g.Decided}, text)
}

func (k *kit) step(st *state.WorkflowState, name string) (*state.StepState, error) {
	if step := st.Step(name); step != nil {
		return step, nil
	}
	names := make([]string, len(st.Steps))
	for i := range st.Steps {
		names[i] = st.Steps[i].Name
	}
	return nil, usagef("the run %q has no step %q; its steps are %s", k.project, name, strings.Join(names, ", "))
}

// item refuses a key that the step does not have.
func (k *kit) item(st *state.WorkflowState, step *state.StepState, key string) error {
	if _, ok := st.Item(step.Name, key); ok {
		return nil
	}
	if step.Kind != state.KindEach {
		return usagef("the step %q has no items", step.Name)
	}
	const most = 8
	var keys []string
	for it := range st.Items(step.Name) {
		if keys = append(keys, quoteArg(it.Key)); len(keys) == most {
			keys = append(keys, "...")
			break
		}
	}
	if len(keys) == 0 {
		return usagef("the step %q does not know its items yet", step.Name)
	}
	return usagef("the step %q has no item %q; it has %s", step.Name, key, strings.Join(keys, ", "))
}

func (k *kit) showAll(ctx context.Context, store state.Store, st *state.WorkflowState, step *state.StepState) error {
	type entry struct {
		Item   string          `json:"item"`
		Status state.Status    `json:"status"`
		Result json.RawMessage `json:"result,omitempty"`
	}
	all := []entry{}
	for it := range st.Items(step.Name) {
		raw, err := k.result(ctx, store, st, state.Scope{Step: step.Name, Item: it.Key})
		if err != nil && !errors.Is(err, errNotDone) {
			return err
		}
		if k.json {
			all = append(all, entry{it.Key, it.Status, raw})
			continue
		}
		fmt.Fprintf(k.stdout, "## %s (%s)\n\n", strings.ReplaceAll(state.Printable(it.Key), "\n", " "), it.Status)
		if raw == nil {
			continue
		}
		if err := k.printResult(raw); err != nil {
			return err
		}
		fmt.Fprintln(k.stdout)
	}
	if k.json {
		return writeJSON(k.stdout, all)
	}
	if !step.Items.Known {
		return fmt.Errorf("%s: %w", step.Name, errNotDone)
	}
	return nil
}

var errNotDone = errors.New("there is no result yet")

// result reads the recorded result of a scope.
func (k *kit) result(ctx context.Context, store state.Store, st *state.WorkflowState, at state.Scope) (json.RawMessage, error) {
	seq := st.ResultSeq(at)
	if seq == 0 {
		return nil, fmt.Errorf("%s: %w", scopeText(at), errNotDone)
	}
	e, err := state.ReadEvent(ctx, store, k.project, seq)
	if err != nil {
		return nil, err
	}
	raw, ok := e.Result()
	if !ok {
		return nil, fmt.Errorf("%s: %w", scopeText(at), errNotDone)
	}
	return raw, nil
}

// scopeText names a step or an item.
func scopeText(at state.Scope) string {
	if at.Item == "" {
		return at.Step
	}
	return fmt.Sprintf("%s %q", at.Step, at.Item)
}

// printResult prints a result for people; with --json the bytes as recorded.
func (k *kit) printResult(raw json.RawMessage) error {
	if len(raw) == 0 {
		raw = json.RawMessage("null")
	}
	if k.json {
		_, err := fmt.Fprintf(k.stdout, "%s\n", raw)
		return err
	}
	text, err := state.Readable(raw)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(k.stdout, state.Printable(text))
	return err
}
