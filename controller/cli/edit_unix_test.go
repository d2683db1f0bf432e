//go:build unix

package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAnEditorThatLeavesNoFile: what can't be read to its end is not read, and a file that was taken away is no change. Each
// editor below does something else to the file.
func TestAnEditorThatLeavesNoFile(t *testing.T) {
	app, out := edited(t)
	t.Setenv("TMPDIR", t.TempDir())
	last := load(t, out).Seq
	for _, c := range []struct {
		does string
		code int
		says string
	}{
		{`rm "$1"; mkfifo "$1"`, 1, "the editor left something there that is no regular file; nothing was changed"},
		{`rm "$1"; mkdir "$1"`, 1, "the editor left something there that is no regular file; nothing was changed"},
		{`rm "$1"`, 0, "monday: nothing was changed in facts \"c\"\n"},
		{`rm "$1"; ln -s nowhere "$1"`, 0, "monday: nothing was changed in facts \"c\"\n"},
		{`rm "$1"; exit 7`, 1, "exit status 7"},
	} {
		editor := filepath.Join(t.TempDir(), "editor")
		require.NoError(t, os.WriteFile(editor, []byte("#!/bin/sh\n"+c.does+"\n"), 0o700))
		t.Setenv("VISUAL", editor)
		o := run(t, app, "edit", "facts", "c", "--out", out)
		require.Equal(t, c.code, o.code, c.does)
		require.Contains(t, o.out+o.stderr, c.says, c.does)
		require.Equal(t, last, load(t, out).Seq, c.does)
	}
}
