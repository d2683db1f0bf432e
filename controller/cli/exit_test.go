package cli

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

func TestExitCode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		code int
	}{
		{nil, 0},
		{errors.New("boom"), 1},
		{&workflow.StepError{Step: "prose", Err: errors.New("boom")}, 1},
		{&state.HeldError{Run: "r", PID: 1}, 1},
		{&state.DamagedError{Run: "r", File: "journal.jsonl", Line: 3}, 1},
		{state.ErrNewerFormat, 1},
		{state.ErrJournalFailed, 1},
		{state.ErrExists, 2},
		{state.ErrNotFound, 2},
		{state.ValidName(""), 2},
		{&workflow.ParamsError{Run: "r"}, 2},
		{&UsageError{errors.New("typo")}, 2},
		{fmt.Errorf("verb: %w", &UsageError{errors.New("typo")}), 2},
		{workflow.ErrPartial, 3},
		{&workflow.PartialError{Step: "prose", Failed: 1}, 3},
		{workflow.ErrPaused, 4},
		{&workflow.PauseError{Reason: "interrupt"}, 4},
		{workflow.ErrWaiting, 4},
		{&advised{"text", workflow.ErrPaused}, 4},
	} {
		require.Equal(t, c.code, ExitCode(c.err), "%v", c.err)
	}
}
