package cli

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// TestTheStatusTellsDecisionsThatWait: what was decided while nobody works on the run shows at once, and asks nobody to
// decide again; as long as another step waits for a person, that is told too.
func TestTheStatusTellsDecisionsThatWait(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := gated(t, "one", "two")
	require.Equal(t, 4, run(t, app, "--out", out).code)
	status := func() (s statusJSON) {
		o := run(t, app, "--status", "--json", "--out", out)
		require.Equal(t, 0, o.code, o.stderr)
		require.NoError(t, json.Unmarshal([]byte(o.out), &s))
		return s
	}
	gateOf := func(s statusJSON, name string) gateStatus {
		for _, step := range s.Steps {
			if step.Name == name {
				return *step.Gate
			}
		}
		return gateStatus{}
	}
	before := status()
	require.Contains(t, before.Reason, "waiting for a person to decide")
	require.Equal(t, 0, run(t, app, "approve", "--step", "one", "--note", "good", "--out", out).code)
	s := status()
	require.Equal(t, "step one is approved by "+userName()+"; this is taken in when the run goes on; a person must decide about step two", s.Reason)
	require.Equal(t, before.Hint, s.Hint)
	one := gateOf(s, "one")
	require.Nil(t, one.Decided)
	require.Equal(t, []string{state.GateApproved, userName(), "good", one.Hash}, []string{one.Left.Decision, one.Left.Who, one.Left.Note, one.Left.Hash})
	require.Nil(t, gateOf(s, "two").Left)

	require.Equal(t, 0, run(t, app, "reject", "--step", "two", "--out", out).code)
	o := run(t, app, "--status", "--out", out, "--no-color")
	require.Contains(t, o.out, "Reason: step one is approved by "+userName()+", step two is rejected by "+userName()+"; this is taken in when the run goes on\n")
	require.Contains(t, o.out, "What to do: go on with: tides --resume --project monday --out "+out)
	require.NotContains(t, o.out, "approve or reject")

	require.Equal(t, 1, run(t, app, "--resume", "--out", out).code)
	s = status()
	require.Equal(t, state.StatusFailed, s.Status)
	require.NotNil(t, gateOf(s, "one").Decided)
	require.Nil(t, gateOf(s, "one").Left)
}
