package cli

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEngineLinksNoWiring keeps the engine embeddable: what a server that imports it must link stays small.
func TestEngineLinksNoWiring(t *testing.T) {
	t.Parallel()
	const module = "github.com/dogear-go/dogear/"
	forbidden := map[string]string{
		"database/sql":             "a database",
		"html/template":            "HTML templates",
		"github.com/spf13/cobra":   "a command line",
		"github.com/spf13/pflag":   "a command line",
		"github.com/jackc/":        "a database driver",
		"github.com/lib/pq":        "a database driver",
		"github.com/mattn/go-sql":  "a database driver",
		"modernc.org/":             "a database driver",
		"github.com/ncruces/":      "a database driver",
		module + "controller/cli":  "the command kit",
		module + "providers":       "the providers",
		module + "examples":        "an example",
		"github.com/stretchr/":     "a test library",
		"net/http/pprof":           "a debug server",
		"github.com/philippgille/": "a vector store",
	}
	for _, pkg := range []string{"workflow", "state", "state/filestore", "resilience", "controller"} {
		for _, dep := range deps(t, module+pkg) {
			for prefix, what := range forbidden {
				if strings.HasPrefix(dep, prefix) && allowedDeps[dep] == "" {
					t.Errorf("%s links %s: %s", pkg, what, dep)
				}
			}
		}
	}
}

// allowedDeps are exceptions, each with its reason.
var allowedDeps = map[string]string{
	"database/sql/driver": "interfaces only, of google/uuid, which langchaingo uses",
}

func TestLowerPackagesImportNothingOfOurs(t *testing.T) {
	t.Parallel()
	const module = "github.com/dogear-go/dogear/"
	for _, pkg := range []string{"state", "resilience", "controller"} {
		for _, dep := range deps(t, module+pkg) {
			own := strings.HasPrefix(dep, module) && dep != module+pkg && !strings.HasPrefix(dep, module+pkg+"/internal")
			require.False(t, own, "%s imports %s", pkg, dep)
		}
	}
}

// deps lists what a package links, as on Linux without cgo.
func deps(t *testing.T, pkg string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", pkg)
	cmd.Env = append(cmd.Environ(), "GOOS=linux", "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	list := strings.Fields(string(out))
	require.True(t, slices.Contains(list, pkg))
	return list
}
