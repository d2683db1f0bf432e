package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAReviewedNovelWaitsForAPerson: the gate is one of the book's steps whenever it goes on, and of no other book.
func TestAReviewedNovelWaitsForAPerson(t *testing.T) {
	dir := t.TempDir()
	at := func(args ...string) []string { return append(args, "--project", "Book", "--out", dir) }
	out, errs, code := command(t, at("--chapters", "2", "--words", "100", "--review")...)
	require.Equal(t, 4, code, errs)
	require.Contains(t, out, "Chapter 2: ")
	require.Contains(t, errs, "approve --step outline_review --project Book")
	_, errs, code = command(t, at("--resume")...)
	require.Equal(t, 4, code, "nobody has approved it")
	require.Contains(t, errs, "reject --step outline_review")
	_, errs, code = command(t, at("--resume", "--review=false")...)
	require.Equal(t, 2, code)
	require.Contains(t, errs, "--review=false")

	out, _, code = command(t, at("show", "outline_review")...)
	require.Zero(t, code)
	require.Contains(t, out, "Chapter 1: ")
	_, _, code = command(t, at("approve", "--note", "go")...)
	require.Zero(t, code)
	_, errs, code = command(t, at("--resume")...)
	require.Zero(t, code, errs)
	require.FileExists(t, filepath.Join(dir, "Book.md"))
	out, _, code = command(t, at("--status")...)
	require.Zero(t, code)
	require.Regexp(t, `outline_review \(approved by .*: go\)`, out)
	out, _, _ = command(t, at("history")...)
	require.Equal(t, 1, strings.Count(out, "gate.opened"))
	require.Regexp(t, `gate.decided +outline_review +approved, `, out)

	_, errs, code = command(t, "--chapters", "2", "--words", "100", "--project", "Other", "--out", dir)
	require.Zero(t, code, errs)
	out, _, _ = command(t, "history", "--project", "Other", "--out", dir)
	require.NotContains(t, out, "gate")
}
