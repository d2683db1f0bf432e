package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/pflag"
)

// command is the command line that does something with this run, to be shown to people.
func (k *kit) command(args ...string) string {
	return k.atPlace(append(args, "--project", quoteArg(k.project))...)
}

// atPlace is the command line that does something where this one does. A password in --store is not shown.
func (k *kit) atPlace(args ...string) string {
	parts := append([]string{k.program}, args...)
	if k.where.scheme != "" {
		parts = append(parts, "--"+flagStore, k.where.quoted())
	}
	if k.where.scheme == "" || k.outSet {
		parts = append(parts, "--out", quoteArg(k.out))
	}
	return strings.Join(parts, " ")
}

var plainArg = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// quoteArg quotes an argument for the shell where that is needed.
func quoteArg(s string) string {
	if runtime.GOOS == "windows" {
		if s != "" && !strings.ContainsAny(s, " \t\"&|<>^%") {
			return s
		}
		return `"` + s + `"`
	}
	if plainArg.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// again is the command line that starts this run anew as it was asked for, with the flags of the run and of the session.
func (k *kit) again() string {
	text := k.command("--fresh")
	for _, f := range append(k.params.given(), k.session.flags...) {
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok { // given more than once
			values = list.GetSlice()
		}
		for _, value := range values {
			text += " " + flagText(f, value)
		}
	}
	return text
}

// flagText is how to type a flag with a value. One that may stand alone, as a bool, takes its value only behind "=".
func flagText(f *pflag.Flag, value string) string {
	switch f.NoOptDefVal {
	case "":
		return "--" + f.Name + " " + quoteArg(value)
	case value:
		return "--" + f.Name
	}
	return "--" + f.Name + "=" + quoteArg(value)
}

// programName is what to type to run this program: its name, the path by which it was started when that was one, or
// `go run PACKAGE`.
func programName(name string) string {
	exe, err := os.Executable()
	if err != nil || strings.HasSuffix(strings.TrimSuffix(exe, ".exe"), ".test") {
		return name
	}
	info, ok := debug.ReadBuildInfo()
	if ok && info.Path != "" && info.Path != "command-line-arguments" && strings.Contains(filepath.ToSlash(exe), "/go-build") {
		return "go run " + info.Path
	}
	if filepath.Base(os.Args[0]) != os.Args[0] {
		return quoteArg(os.Args[0])
	}
	return name
}
