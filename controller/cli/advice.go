package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

// advised is an error whose message says what to do next.
type advised struct {
	text string
	err  error
}

func (e *advised) Error() string { return e.text }
func (e *advised) Unwrap() error { return e.err }

// advise adds to an error of a store or a run what to do about it, with the exact command line.
func (k *kit) advise(err error) error {
	var (
		usage   *UsageError
		damaged *state.DamagedError
		already *advised
		step    *workflow.StepError
		budget  *workflow.BudgetError
	)
	if err == nil || errors.As(err, &usage) || errors.As(err, &already) {
		return err
	}
	text, what := k.errorText(err), ""
	switch {
	case aboutStdout(err):
		text = "the result could not be printed: " + cause(err)
	case errors.As(err, &damaged):
		plain := *damaged
		plain.Hint = ""
		text, what = plain.Error(), "keep a copy and every sound record with:\n  "+k.command("repair")
	case errors.Is(err, state.ErrUnfinishedCopy):
		what = fmt.Sprintf("STORE being where it was copied from, finish it with:\n  %s copy --from STORE --to %s %s",
			k.program, k.storeArg(), quoteArg(k.project))
	case errors.Is(err, state.ErrDamaged):
		what = "keep a copy and every sound record with:\n  " + k.command("repair")
	case errors.Is(err, state.ErrNewerFormat):
		text = fmt.Sprintf("the run %q in %s: %s", k.project, k.place(), strings.TrimSuffix(text, "; update dogear"))
		what = "use that version or a newer one"
	case errors.Is(err, state.ErrLocked):
		what = "look at it with:\n  " + k.command("--status") + "\nor ask it to pause with:\n  " + k.command("pause")
	case errors.As(err, &budget):
		text, what = "paused: "+budget.Error(), k.moreMoney(budget)
	case errors.Is(err, workflow.ErrPaused):
		text, what = k.pausedText(err), "go on with:\n  "+k.command("--resume")
	case errors.Is(err, workflow.ErrWaiting):
		what = k.howToDecide(err)
	case errors.Is(err, workflow.ErrDeclined):
		what = "change what was declined with:\n  " + strings.Join(k.howToEdit(err), "\nor\n  ") + "\nand be asked again with:\n  " + k.command("--resume")
	case errors.Is(err, workflow.ErrShownChanged):
		what = "look at it with:\n  " + k.command("--status")
	case errors.Is(err, workflow.ErrResultChanged):
		what = "look at it as it is now with:\n  " + k.command("show", "STEP")
	case errors.Is(err, workflow.ErrPartial):
		what = "try again what failed with:\n  " + k.command("retry")
	case diskFull(err):
		text = "the disk is full: " + cause(err)
		what = "what was recorded stays; make room, then go on with:\n  " + k.command("--resume")
		if !k.begun() {
			what = "nothing was paid for yet; make room, and give the same command again"
		}
	case errors.Is(err, state.ErrJournalFailed):
		text = "the journal can't be written: " + cause(err)
		what = "what was recorded stays; go on with:\n  " + k.command("--resume")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		what = "check who may write there, or choose another " + k.placeWord()
	case errors.As(err, &step):
		what = "what was recorded stays; try again with:\n  " + k.command("--resume")
	}
	if what != "" {
		text += "\n" + what
	}
	if text == err.Error() {
		return err
	}
	return &advised{text, err}
}

// begun says that something of the run is recorded.
func (k *kit) begun() bool {
	if k.opened == nil {
		return false
	}
	_, err := k.opened.Head(context.Background(), k.project)
	return !errors.Is(err, state.ErrNotFound)
}

// aboutStdout tells that printing failed, and not what was printed about.
func aboutStdout(err error) bool {
	var path *fs.PathError
	return errors.As(err, &path) && path.Path == os.Stdout.Name()
}

// cause is what the system said about a file, without what was on top of it.
func cause(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Error()
	}
	return err.Error()
}

// plainly is an error of a package below without the package's name, which says nothing to who typed a flag.
func plainly(flag, pkg string, err error) error {
	return &UsageError{&advised{"--" + flag + ": " + strings.TrimPrefix(err.Error(), pkg+": "), err}}
}

// errorText is the text of an error. That of a step is anybody's: it is told without keys, and in a log without anything that the step
// asked or was answered.
func (k *kit) errorText(err error) string {
	var step *workflow.StepError
	switch {
	case !errors.As(err, &step) && !errors.Is(err, workflow.ErrPaused):
		return err.Error()
	case k.jsonLogs():
		return workflow.ErrorText(err)
	}
	return resilience.Redact(err.Error())
}

func (k *kit) pausedText(err error) string {
	var pause *workflow.PauseError
	if !errors.As(err, &pause) || k.jsonLogs() {
		return k.errorText(err)
	}
	text := "paused"
	if pause.Reason != "" {
		text += " (" + pause.Reason + ")"
	}
	if !pause.Until.IsZero() {
		text += fmt.Sprintf("; going on makes sense from %s", pause.Until.Local().Format("2006-01-02 15:04:05"))
	}
	return text
}
