package dashboard

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOutline(t *testing.T) {
	t.Parallel()
	n := parseNode(json.RawMessage(`{"b":"short","a":["x",2,null],"long":"one\ntwo","n":{"deep":true}}`), 1000)
	require.True(t, n.Whole())
	require.Equal(t, nodeFields, n.Kind)
	require.Equal(t, []string{"b", "a", "long", "n"}, []string{n.Fields[0].Name, n.Fields[1].Name, n.Fields[2].Name, n.Fields[3].Name}, "in recorded order")
	require.False(t, n.Fields[0].Value.Long)
	require.True(t, n.Fields[2].Value.Long)
	require.Equal(t, nodeNone, n.Fields[1].Value.Items[2].Kind)
}

func TestOutlineIsBounded(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	wide := "[" + strings.Repeat("1,", 100_000) + "1]"
	long := `"` + strings.Repeat("é", 100_000) + `"`
	for _, raw := range []string{deep, wide, long} {
		n := parseNode(json.RawMessage(raw), 10_001)
		require.Less(t, size(n), 2*10_001+maxNodes)
	}
	require.False(t, parseNode(json.RawMessage(wide), 1000).Whole())
	cut := parseNode(json.RawMessage(long), 10_001)
	require.True(t, cut.Cut)
	require.NotContains(t, cut.Text, "\ufffd", "no half letters")
}

func size(n node) int {
	sum := 1 + len(n.Text)
	for _, m := range n.Items {
		sum += size(m)
	}
	for _, f := range n.Fields {
		sum += len(f.Name) + size(f.Value)
	}
	return sum
}

// FuzzOutline looks for values that can't be shown or edited.
func FuzzOutline(f *testing.F) {
	for _, seed := range []string{`null`, `"a\nb"`, `{"a":[{}],"a":1}`, `[[[1e400]]]`, `{"a":`, "\x00", `"\ud800"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		n := parseNode(raw, 500)
		require.LessOrEqual(t, size(n), 500+2*len(raw)+maxNodes)
		_ = pretty(raw)
		if fields, err := editFields(raw); err == nil {
			require.NotEmpty(t, fields)
		}
	})
}
