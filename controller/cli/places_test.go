package cli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

func TestPlaces(t *testing.T) {
	t.Parallel()
	missing := func(seq uint64) state.Damage { return state.Damage{Seq: seq, Why: "it is missing"} }
	require.Empty(t, places("dropped ", nil))
	require.Equal(t, "dropped record 3 (line 3, 40 bytes): its checksum does not match\n"+
		"dropped records 4 to 6: it is missing\n"+
		"dropped record 9: it is missing\n"+
		"dropped what is no record (line 12, 7 bytes): too short\n",
		places("dropped ", []state.Damage{
			{Seq: 3, Line: 3, Bytes: 40, Why: "its checksum does not match"}, missing(4), missing(5), missing(6), missing(9),
			{Line: 12, Bytes: 7, Why: "too short"},
		}))
}
