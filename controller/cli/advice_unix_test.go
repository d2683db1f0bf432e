//go:build unix

package cli

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

func TestAdviceSaysWhatTheDiskDidAndNothingTwice(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	p, err := workflow.New("novel", workflow.NewTask("plan", func(context.Context) (int, error) { return 1, nil }))
	require.NoError(t, err)
	_, err = p.Run(t.Context(), "Book", workflow.Config{Store: store})
	require.NoError(t, err)
	k := &kit{program: "novel", project: "Book", out: "output", opened: store}
	const goOn = "go on with:\n  novel --resume --project Book --out output"
	for _, c := range []struct {
		err  error
		says string
	}{
		{fmt.Errorf("run: refused: %w", &fs.PathError{Op: "write", Path: "j", Err: syscall.ENOSPC}),
			"the disk is full: write j: no space left on device\nwhat was recorded stays; make room, then " + goOn},
		{fmt.Errorf("%w: %w", state.ErrJournalFailed, &fs.PathError{Op: "sync", Path: "j", Err: syscall.EIO}),
			"the journal can't be written: sync j: input/output error\nwhat was recorded stays; " + goOn},
		{&fs.PathError{Op: "mkdir", Path: "x", Err: syscall.EROFS},
			"mkdir x: read-only file system\ncheck who may write there, or choose another folder with --out"},
		{&fs.PathError{Op: "write", Path: os.Stdout.Name(), Err: syscall.ENOSPC},
			"the result could not be printed: write /dev/stdout: no space left on device"},
	} {
		require.EqualError(t, k.advise(c.err), c.says)
	}
	k.project = "Tale" // which has not begun
	full := &fs.PathError{Op: "write", Path: "j", Err: syscall.ENOSPC}
	const says = "the disk is full: write j: no space left on device\nnothing was paid for yet; make room, and give the same command again"
	require.EqualError(t, k.advise(full), says)
	k.opened = nil
	require.EqualError(t, k.advise(full), says)
}
