package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/controller/cli"
	"github.com/dogear-go/dogear/examples/novel/internal/app"
)

// command runs a command line, and returns what it printed and its exit code.
func command(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	novel, err := app.New()
	require.NoError(t, err)
	cmd := cli.Command(novel)
	var out, errs bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs(args)
	if err = cmd.ExecuteContext(context.Background()); err != nil {
		errs.WriteString(err.Error())
	}
	return out.String(), errs.String(), cli.ExitCode(err)
}

func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	at := func(args ...string) []string { return append(args, "--project", "Book", "--out", dir) }
	_, errs, code := command(t, at("--chapters", "2", "--words", "100")...)
	require.Zero(t, code, errs)
	require.FileExists(t, filepath.Join(dir, "Book.md"))
	require.FileExists(t, filepath.Join(dir, "Book.yw7"))

	out, errs, code := command(t, at("--status", "--json")...)
	require.Zero(t, code, errs)
	var status struct {
		Status   string  `json:"status"`
		Progress float64 `json:"progress"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &status))
	require.Equal(t, "completed", status.Status)
	require.Equal(t, 100.0, status.Progress)

	manuscript, err := os.ReadFile(filepath.Join(dir, "Book.md"))
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, "Book.md")))
	_, errs, code = command(t, at("export")...)
	require.Zero(t, code, errs)
	again, err := os.ReadFile(filepath.Join(dir, "Book.md"))
	require.NoError(t, err)
	require.Equal(t, string(manuscript), string(again))

	out, errs, code = command(t, at("ask", "Where does it all begin, and with whom?")...)
	require.Zero(t, code, errs)
	require.Contains(t, out, "1. ")
	require.Contains(t, out, "score")

	_, errs, code = command(t, at("--resume", "--chapters", "3")...)
	require.Equal(t, 2, code)
	require.Contains(t, errs, "--chapters")
	_, _, code = command(t, at("ask")...)
	require.Equal(t, 2, code)
	for _, question := range []string{" ", "", "''", "who?"} { // the last two say nothing that could be looked for
		_, _, code = command(t, at("ask", question)...)
		require.Equal(t, 2, code, question)
	}
}

func TestBadNumbersAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"--chapters", "0"}, {"--chapters", "-3"}, {"--chapters", "1e9"}, {"--chapters", "abc"}, {"--chapters", "201"},
		{"--words", "10"}, {"--words", "20001"}, {"--genre", ""}, {"--embed", "nobody"},
		{"--project", "../x"}, {"--project", ""}, {"--project", "CON"},
	} {
		dir := t.TempDir()
		_, errs, code := command(t, append(args, "--out", dir)...)
		require.Equal(t, 2, code, "%v: %s", args, errs)
		require.NotEmpty(t, errs)
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left, "%v left something behind", args)
	}
}
