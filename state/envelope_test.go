package state_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// odd are records that AppendRecord would not write, or hardly ever: open, without their seal.
var odd = []string{
	completed(`"a"`), completed(`{"a":[1,"\",\"hash\":"]}`), completed(` 1`), completed(`1 `), completed(`null`), completed(``), completed(`1,"result":2`),
	completed(`1,"hash":"0123456789abcdef0123456789abcdef"`), completed(`"a`), completed(`1}`),
	`{"seq":2,"d":1,"t":"2026-03-04T05:06:07Z","type":"item.started","ep":1,"step":"a\u0062","item":"é","data":{}`,
	`{"seq":2,"d":1,"t":"2026-03-04T05:06:07.5+02:00","type":"item.started","ep":1,"data":{},"gen":3`,
	`{"seq":02,"d":1,"t":"2026-03-04T05:06:07Z","type":"item.started","ep":1,"data":{}`,
	`{"seq":2,"d":1,"t":"2026-03-04T05:06:07Z","type":"item.started","ep":1,"att":-1,"data":{}`,
	`{"seq":2,"d":1,"t":"2026-03-04T05:06:07Z","type":"item.started","ep":18446744073709551615,"data":{}`,
	`{"seq":2,"d":1,"t":"2026-03-04T05:06:07Z","type":"item.started","ep":1,"att":9223372036854775808,"data":{}`,
	`{"seq":2,"d":1,"t":"2026-03-04 05:06:07Z","type":"item.started","ep":1,"data":{}`,
	`{"seq":2,"d":1,"t":"2026-03-04T05:06:07Z","type":"item.started","ep":1,"data":{"x":1},"seq":9`,
	`{"seq":2,"d":1,"t":"2026-03-04T05:06:07Z","type":"new.type","ep":1,"ign":true,"data":{"x":1}`,
	`{"seq":2,"d":1,"t":"2026-03-04T05:06:07Z","type":"new.type","ep":1,"data":{"x":1}`,
	`{"seq":2,"d":1,"t":"2026-03-04T05:06:07Z","type":"item.completed","ep":1,"data":{"result":tru}`,
	`{"seq":2,"d":1,"t":"2026-03-04T05:06:07Z","type":"item.completed","ep":1,"data":null`,
	`{"seq":2,"d":1,"t":"2026-03-04T05:06:07Z","type":"item.completed","ep":1,"data":`,
	`{"seq":2,"d":1,"t":"2026-03-04T05:06:07Z","type":"item.started","ep":1,"id":{"w":"a","n":1},"step":"s","data":{}`,
	`{"seq":2,"d":1,"t":"2026-03-04T05:06:07Z","type":"item.started","ep":1,"step":"s` + "\x01" + `","data":{}`,
	`{"seq":2,"d":1,"t":"2026-03-04T05:06:07Z","type":"item.started","ep":1,"step":"s` + "\xff" + `","data":{}`,
}

// completed is an item.completed with this result, sound or not.
func completed(result string) string {
	return `{"seq":2,"d":1,"t":"2026-03-04T05:06:07Z","type":"item.completed","ep":1,"data":{"result":` + result +
		`,"hash":"0123456789abcdef0123456789abcdef"}`
}

// sameDecoded: the fast way to decode a record gives what the slow way gives, or the same error.
func sameDecoded(t *testing.T, line []byte) {
	t.Helper()
	want, wantErr := state.DecodeJSON(line, storyID)
	got, err := state.DecodeRecord(line, storyID)
	require.Equal(t, want, got, "%s", line)
	if wantErr == nil {
		require.NoError(t, err, "%s", line)
		return
	}
	require.EqualError(t, err, wantErr.Error(), "%s", line)
}

func TestDecodeRecordFastAndSlow(t *testing.T) {
	t.Parallel()
	for _, open := range odd {
		sameDecoded(t, state.Seal([]byte(open), storyID))
	}
	r := &randomEvents{Rand: rand.New(rand.NewPCG(1, 3))}
	for i := range 3000 {
		r.seq = i + 1
		e := r.next()
		e.Seq, e.Durable, e.Epoch, e.Time = uint64(i+1), uint64(i), r.Uint64()>>r.IntN(64), time.Unix(0, r.Int64()).UTC()
		line, err := state.AppendRecord(nil, storyID, e)
		require.NoError(t, err)
		sameDecoded(t, line)
	}
}

// FuzzDecodeRecord: whatever a sealed line holds, both ways of decoding it agree.
func FuzzDecodeRecord(f *testing.F) {
	for _, open := range odd {
		f.Add([]byte(open))
	}
	for _, e := range story() {
		line, err := state.AppendRecord(nil, storyID, e)
		require.NoError(f, err)
		open, _, err := state.Unseal(line, storyID)
		require.NoError(f, err)
		f.Add(open)
	}
	f.Fuzz(func(t *testing.T, open []byte) {
		sameDecoded(t, state.Seal(bytes.Clone(open), storyID))
	})
}
