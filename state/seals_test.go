package state

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSealsCheckAsUnseal: what one refuses the other refuses, and why, for every bit of a record.
func TestSealsCheckAsUnseal(t *testing.T) {
	t.Parallel()
	const id = "0123456789abcdef"
	e := New(Scope{Step: "prose", Item: `t"type":"x`}, JournalMark{Kind: MarkClosed})
	e.Seq, e.Durable, e.Epoch, e.Time = 77, 76, 3, time.Unix(1, 5)
	line, err := AppendRecord(nil, id, e)
	require.NoError(t, err)
	line = bytes.TrimSuffix(line, []byte{'\n'})
	seals := NewSeals(id)
	require.NoError(t, seals.Check(line))
	require.Error(t, NewSeals("another").Check(line))
	for bit := range len(line) * 8 {
		line[bit/8] ^= 1 << (bit % 8)
		_, _, want := Unseal(line, id)
		got := seals.Check(line)
		require.ErrorIs(t, got, ErrRecord, "bit %d", bit)
		require.Equal(t, want.Error(), got.Error(), "bit %d", bit)
		line[bit/8] ^= 1 << (bit % 8)
	}
	for cut := range line {
		require.ErrorIs(t, seals.Check(line[:cut]), ErrRecord)
	}
}

// TestIsType agrees with decoding for every type of event, and says no to what is no record.
func TestIsType(t *testing.T) {
	t.Parallel()
	for _, data := range []Payload{JournalMark{}, RunWarning{Code: "t", Message: `"type":"journal.mark"`}, ItemStarted{}, RunCreated{RunID: "id"}} {
		e := New(Scope{Step: `","type":"journal.mark"`}, data)
		e.Seq, e.Time = 1, time.Unix(1, 0)
		line, err := AppendRecord(nil, "id", e)
		require.NoError(t, err)
		for _, other := range []Type{TypeJournalMark, TypeRunWarning, TypeItemStarted, TypeRunCreated, "journal", "journal.mark2"} {
			require.Equal(t, e.Type == other, IsType(line, other), "%s as %s", e.Type, other)
		}
	}
	for _, text := range []string{"", "t", `t":"`, `{"seq":1,"d":0,"t":"x`, `{"seq":1,"d":0,"t":"x","type":"journal.mark`, "no time"} {
		require.False(t, IsType([]byte(text), TypeJournalMark), text)
	}
}
