package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

const (
	flagStep = "step"
	flagNote = "note"
)

// decision is what approve and reject were told.
type decision struct {
	kind state.RequestKind
	step string
	note string
}

func (k *kit) decideVerb(verb newVerb, kind state.RequestKind, short string) *cobra.Command {
	d := decision{kind: kind}
	cmd := verb(string(kind), short, cobra.NoArgs, func(ctx context.Context, _ []string) error { return k.decide(ctx, d) })
	cmd.Flags().StringVar(&d.step, flagStep, "", "the step that waits; not needed when there is only one")
	cmd.Flags().StringVar(&d.note, flagNote, "", "what to tell later steps and readers")
	return cmd
}

// decide shows what a gate shows, and leaves the decision about it.
func (k *kit) decide(ctx context.Context, d decision) error {
	run, st, err := k.open(ctx)
	if err != nil {
		return err
	}
	gate, err := k.openGate(st, d)
	if err != nil {
		return err
	}
	store, err := k.store(ctx, false)
	if err != nil {
		return err
	}
	if err := k.undecided(ctx, store, st, gate.Name); err != nil {
		return err
	}
	shown, err := shownBy(ctx, store, k.project, gate)
	if err != nil {
		return err
	}
	if !k.json {
		if err := k.printShown(gate.Name, shown); err != nil {
			return err
		}
	}
	r := state.Request{Kind: d.kind, Step: gate.Name, By: userName(), Note: d.note, Hash: gate.Gate.Hash, Time: time.Now().UTC().Round(0)}
	if err := run.Ask(ctx, r); err != nil {
		return err
	}
	return k.tellDecision(ctx, store, r)
}

// openGate is the gate that a decision is about.
func (k *kit) openGate(st *state.WorkflowState, d decision) (*state.StepState, error) {
	if d.step == "" {
		return k.onlyGate(st, d.kind)
	}
	step, err := k.step(st, d.step)
	switch {
	case err != nil:
		return nil, err
	case step.Kind != state.KindGate:
		return nil, usagef("the step %q is no gate, so there is nothing to %s", step.Name, d.kind)
	case step.Gate.Open():
		return step, nil
	case step.Gate != nil && step.Gate.Decided != nil:
		return nil, usagef("the step %q is not waiting: %s", step.Name, decidedText(*step.Gate.Decided))
	}
	return nil, usagef("the step %q is not waiting: the run has not come to it yet", step.Name)
}

func (k *kit) onlyGate(st *state.WorkflowState, kind state.RequestKind) (*state.StepState, error) {
	open := openGates(st)
	switch len(open) {
	case 1:
		return open[0], nil
	case 0:
		return nil, usagef("no step of the run %q waits for a decision; it is %s\nlook at it with:\n  %s", k.project, st.Status, k.command("--status"))
	}
	lines := make([]string, len(open))
	for i, s := range open {
		lines[i] = "  " + k.command(string(kind), "--"+flagStep, quoteArg(s.Name))
	}
	return nil, usagef("%d steps wait for a decision; say which one with:\n%s", len(open), strings.Join(lines, "\n"))
}

func openGates(st *state.WorkflowState) (open []*state.StepState) {
	for i := range st.Steps {
		if st.Steps[i].Gate.Open() {
			open = append(open, &st.Steps[i])
		}
	}
	return open
}

// undecided refuses a second decision while the first one about what is shown has not been taken in: only the first would count.
func (k *kit) undecided(ctx context.Context, store state.Store, st *state.WorkflowState, step string) error {
	inbox, ok := store.(state.Inbox)
	if !ok {
		return fmt.Errorf("this store can't pass requests to a running process: %w", state.ErrUnsupported)
	}
	requests, err := inbox.Requests(ctx, k.project)
	if r, ok := st.Decisions(requests)[step]; ok {
		return usagef("somebody has decided already: %s the step %q%s; the run takes it in when it goes on, with:\n  %s",
			r.Kind, step, byWhom(r.By, r.Note), k.command("--resume"))
	}
	return err
}

// shownBy is what a gate showed when it asked last.
func shownBy(ctx context.Context, store state.Store, run string, gate *state.StepState) (string, error) {
	e, err := state.ReadEvent(ctx, store, run, gate.Gate.Seq)
	if err != nil {
		return "", err
	}
	opened, ok := e.Data.(state.GateOpened)
	if !ok {
		return "", fmt.Errorf("event %d is %s, not the opening of gate %s", e.Seq, e.Type, gate.Name)
	}
	return opened.Shown, nil
}

func (k *kit) printShown(step, shown string) error {
	_, err := fmt.Fprintf(k.stdout, "## %s\n\n%s\n\n", step, strings.TrimRight(state.Printable(shown), "\n"))
	return err
}

// tellDecision says what becomes of the decision. A process that works on the run takes it in at once, which is waited for.
func (k *kit) tellDecision(ctx context.Context, store state.Store, r state.Request) error {
	answer := decideJSON{Run: k.project, Step: r.Step, Decision: decisionOf(r.Kind), Hash: r.Hash}
	head, err := store.Head(ctx, k.project)
	if err != nil {
		return err
	}
	if head.Holder != nil {
		if answer.Taken, err = k.taken(ctx, store, r); err != nil {
			return err
		}
	}
	what := fmt.Sprintf("%s: %s %s", k.project, answer.Decision, r.Step)
	switch {
	case answer.Taken:
		what += "\n"
	case r.Kind == state.AskApprove:
		what += "; go on with:\n  " + k.command("--resume") + "\n"
	default:
		what += "; the run takes it in, and fails, when it goes on with:\n  " + k.command("--resume") +
			"\nto be asked about something better, edit what is shown first; see:\n  " + k.program + " edit --help\n"
	}
	return k.say(answer, what)
}

// takenWithin is how long a process that works on the run is given: it looks twice a second.
const takenWithin = 3 * time.Second

// taken waits until the running process has taken the request in; false: it has not, and may be at its end.
func (k *kit) taken(ctx context.Context, store state.Store, r state.Request) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, takenWithin)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		st, err := state.Load(ctx, store, k.project)
		if ctx.Err() != nil {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if s := st.Step(r.Step); s != nil && s.Gate.Took(r) {
			return true, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false, nil
		}
	}
}

// waitingFor prints what the open gates show, and how to decide, when a session ends with them.
func (k *kit) waitingFor(ctx context.Context, w io.Writer, store state.Store, st *state.WorkflowState) error {
	var b strings.Builder
	for _, gate := range openGates(st) {
		shown, err := shownBy(ctx, store, k.project, gate)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", gate.Name, strings.TrimRight(state.Printable(shown), "\n"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// howToDecide is what to type about the steps that wait.
func (k *kit) howToDecide(err error) string {
	steps := []string{"STEP"}
	var waiting *workflow.WaitingError
	if errors.As(err, &waiting) {
		steps = waiting.Steps
	}
	var b strings.Builder
	for _, step := range steps {
		fmt.Fprintf(&b, "approve or reject it with:\n  %s\n  %s\n", k.command("approve", "--"+flagStep, quoteArg(step)),
			k.command("reject", "--"+flagStep, quoteArg(step), "--"+flagNote, "WHY"))
	}
	return b.String() + "then go on with:\n  " + k.command("--resume")
}

// mostEdits is how many commands are offered to choose from.
const mostEdits = 5

// howToEdit are the commands that change what a declined gate can have shown: the results that are there before it. Too many of
// them are none to choose from.
func (k *kit) howToEdit(err error) (commands []string) {
	unknown := []string{k.command("edit", "STEP")}
	var gate *workflow.StepError
	if !errors.As(err, &gate) || k.opened == nil {
		return unknown
	}
	st, err := k.load(context.Background(), k.opened)
	if err != nil {
		return unknown
	}
	for i := range st.Steps {
		switch s := &st.Steps[i]; {
		case s.Name == gate.Step:
			if len(commands) == 0 || len(commands) > mostEdits {
				return unknown
			}
			return commands
		case s.Kind == state.KindEach && s.Items.Done > 0:
			commands = append(commands, k.command("edit", quoteArg(s.Name), "ITEM"))
		case s.Kind == state.KindTask && st.ResultSeq(state.Scope{Step: s.Name}) != 0:
			commands = append(commands, k.command("edit", quoteArg(s.Name)))
		}
	}
	return unknown
}

func decisionOf(kind state.RequestKind) string {
	if kind == state.AskApprove {
		return state.GateApproved
	}
	return state.GateRejected
}

func decidedText(d state.Decided) string { return "it was " + d.Decision + byWhom(d.Who, d.Note) }

func byWhom(who, note string) (text string) {
	if who != "" {
		text = " by " + who
	}
	if note != "" {
		text += ": " + note
	}
	return text
}

// userName is who sits here, as the system says; empty: it does not.
func userName() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return os.Getenv("USER")
}
