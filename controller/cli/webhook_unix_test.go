//go:build unix

package cli

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestHelperWebhook is no test: it is the program of the test below.
func TestHelperWebhook(t *testing.T) {
	args, ok := os.LookupEnv("WEBHOOK_ARGS")
	if !ok {
		t.Skip("only as a program")
	}
	cmd := Command(tides(t, &script{}))
	cmd.SetArgs(strings.Fields(args))
	os.Exit(execute(cmd, os.Stderr))
}

// TestASignalLeavesWhatIsDelivered: while webhooks are delivered a signal does not kill the process. It ends the delivery, and the
// exit code is that of the run.
func TestASignalLeavesWhatIsDelivered(t *testing.T) {
	t.Parallel()
	url, _ := stuck(t)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // kills a process that hangs
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestHelperWebhook$")
			cmd.Env = append(os.Environ(), "WEBHOOK_ARGS=--out "+t.TempDir()+" --webhook "+url)
			var out bytes.Buffer
			cmd.Stdout = &out
			pipe, err := cmd.StderrPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			var stderr strings.Builder
			for lines := bufio.NewScanner(pipe); lines.Scan(); {
				stderr.WriteString(lines.Text() + "\n")
				if strings.HasPrefix(lines.Text(), "delivering webhooks; ") {
					require.NoError(t, cmd.Process.Signal(sig))
				}
			}
			require.NoError(t, cmd.Wait(), stderr.String())
			require.Contains(t, out.String(), "monday: completed")
			require.Contains(t, stderr.String(), "delivering webhooks; Ctrl+C to leave them\n")
			require.Contains(t, stderr.String(), "webhook not delivered")
			require.NotContains(t, stderr.String(), "Pausing")
		})
	}
}
