package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

const flagFile = "file"

// editing is what edit was told.
type editing struct {
	note string
	file string // the new result; empty: an editor is opened
}

func (k *kit) editVerb(verb newVerb) *cobra.Command {
	var e editing
	cmd := verb("edit STEP [ITEM]", "change a recorded result in $VISUAL or $EDITOR", cobra.RangeArgs(1, 2),
		func(ctx context.Context, args []string) error { return k.edit(ctx, e, args) })
	cmd.Long = "Change a recorded result in $VISUAL or $EDITOR: text as text, everything else as JSON. The run must not be going on. What is typed\n" +
		"must fit the step, and is kept in a file when it does not.\n\n" +
		"Nothing runs at once. When the run goes on, also a complete one, steps that have not run yet see the new result. Items whose value\n" +
		"the edit changed, and new ones, run again, and so do those that are made from their results: new calls cost money. A complete step\n" +
		"without items stays as it is, and so does an edited result. A gate asks again when what it shows has changed."
	cmd.Flags().StringVar(&e.note, flagNote, "", "why, for the history")
	cmd.Flags().StringVar(&e.file, flagFile, "", "take the new result from this file, as the editor would have left it; -: from stdin")
	return cmd
}

// draft is a result being edited.
type draft struct {
	run    *workflow.Run
	edit   workflow.Edit
	plain  bool   // the result is a text, and edited as one
	before []byte // as the editor gets it
	text   string // the recorded text, when plain
}

func (k *kit) edit(ctx context.Context, e editing, args []string) error {
	d, err := k.draft(ctx, e, args)
	if err != nil {
		return err
	}
	switch e.file {
	case "":
		return k.editInEditor(ctx, d)
	case "-":
		typed, err := io.ReadAll(os.Stdin)
		if err != nil {
			return fmt.Errorf("the new result can't be read from stdin: %w", err)
		}
		return k.apply(ctx, d, typed)
	}
	typed, err := os.ReadFile(e.file)
	if err != nil {
		return usagef("--%s: %w", flagFile, err)
	}
	return k.apply(ctx, d, typed)
}

// draft finds the result that is to be edited.
func (k *kit) draft(ctx context.Context, e editing, args []string) (*draft, error) {
	k.config.Export = k.exporter() // an edit writes the derived files again
	run, st, err := k.open(ctx)
	if err != nil {
		return nil, err
	}
	store, err := k.store(ctx, false)
	if err != nil {
		return nil, err
	}
	if err := k.held(ctx, store); err != nil {
		return nil, err
	}
	step, err := k.step(st, args[0])
	if err != nil {
		return nil, err
	}
	d := &draft{run: run, edit: workflow.Edit{Step: step.Name, Replaces: step.Hash, Who: userName(), Note: e.note}}
	switch {
	case step.Kind == state.KindGate:
		return nil, usagef("the step %q is a gate: approve or reject it", step.Name)
	case len(args) == 2:
		if err := k.item(st, step, args[1]); err != nil {
			return nil, err
		}
		it, _ := st.Item(step.Name, args[1])
		d.edit.Item, d.edit.Replaces = args[1], it.Result
	case step.Kind == state.KindEach:
		return nil, usagef("the step %q has a result for each item; name an item too:\n  %s", step.Name, k.command("edit", step.Name, "ITEM"))
	}
	raw, err := k.result(ctx, store, st, state.Scope{Step: d.edit.Step, Item: d.edit.Item})
	if err != nil {
		return nil, err
	}
	return d, d.render(raw)
}

// render writes the recorded result as the editor gets it.
func (d *draft) render(raw json.RawMessage) error {
	if json.Unmarshal(raw, &d.text) == nil && len(raw) > 0 && raw[0] == '"' {
		d.plain, d.before = true, []byte(d.text)
		if !strings.HasSuffix(d.text, "\n") {
			d.before = append(d.before, '\n') // as editors end a file
		}
		return nil
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	d.before = b.Bytes()
	return nil
}

// parse reads what the editor left. The end of the last line and of lines as such belong to the editor where the recorded text had
// none of it.
func (d *draft) parse(typed []byte) (json.RawMessage, error) {
	typed = bytes.TrimPrefix(typed, []byte("\xef\xbb\xbf")) // that some editors put in front
	if !d.plain {
		return typed, nil
	}
	text := string(typed)
	if !strings.Contains(d.text, "\r") {
		text = strings.ReplaceAll(text, "\r\n", "\n")
	}
	if !strings.HasSuffix(d.text, "\n") {
		text = strings.TrimSuffix(text, "\n")
	}
	return state.Marshal(text)
}

// apply records what was typed.
func (k *kit) apply(ctx context.Context, d *draft, typed []byte) error {
	raw, err := d.parse(typed)
	if err != nil {
		return err
	}
	d.edit.Result = raw
	if err := d.run.Edit(ctx, d.edit); err != nil {
		if errors.Is(err, workflow.ErrBadResult) {
			return &UsageError{err}
		}
		return err
	}
	st, err := d.run.State(ctx)
	if err != nil {
		return err
	}
	now := st.Step(d.edit.Step).Hash
	if d.edit.Item != "" {
		it, _ := st.Item(d.edit.Step, d.edit.Item)
		now = it.Result
	}
	answer := editJSON{Run: k.project, Step: d.edit.Step, Item: d.edit.Item, Changed: now != d.edit.Replaces, Hash: now}
	at := scopeText(state.Scope{Step: d.edit.Step, Item: d.edit.Item})
	if !answer.Changed {
		return k.say(answer, fmt.Sprintf("%s: nothing was changed in %s\n", k.project, at))
	}
	return k.say(answer, fmt.Sprintf("%s: %s has a new result\ngoing on may run items again whose value this changed, and new calls cost money; go on with:\n  %s\n",
		k.project, at, k.command("--resume")))
}
