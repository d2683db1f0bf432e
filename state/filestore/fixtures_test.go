package filestore

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/simfs"
)

const (
	testRun = "Ten_Chapter_Novel"
	testID  = "0123456789abcdef"
	testDir = "/data/output"
)

func createdEvent() state.Event {
	e := state.New(state.Scope{}, state.RunCreated{
		Format: state.Format, RunID: testID, Name: testRun, Pipeline: "novel",
		Steps: []state.StepDef{{Name: "prose", Kind: state.KindEach}},
	})
	e.Time = time.Unix(1, 0)
	return e
}

// sample is a journal of n records, closed in order: every third is synced, with what came before it.
func sample(t *testing.T, n int) [][]byte {
	t.Helper()
	s := newSession(t, open(simfs.New(), testDir), rand.New(rand.NewPCG(7, 7)), &model{}, "")
	require.NoError(t, s.begin())
	require.NoError(t, s.append(true, createdEvent()))
	for i := 2; i < n; i++ {
		text, err := json.Marshal(fmt.Sprint("text ", i))
		require.NoError(t, err)
		e := state.New(state.Scope{Step: "prose", Item: fmt.Sprint(i)}, state.ItemCompleted{Result: text, Hash: "h"})
		require.NoError(t, s.append(i%3 == 0, e))
	}
	require.NoError(t, s.append(true, state.New(state.Scope{}, state.JournalMark{Kind: state.MarkClosed})))
	require.NoError(t, s.j.Close())
	return s.m.emitted
}

// snapshotOf makes a checkpoint that proves the record seq.
func snapshotOf(lines [][]byte, seq uint64) []byte { return snapshotWith(lines, seq, testID) }

func snapshotWith(lines [][]byte, seq uint64, id string) []byte {
	_, sum, err := state.Unseal(lines[seq-1], id)
	if err != nil {
		panic(err)
	}
	created, err := state.Marshal(strings.TrimSuffix(string(lines[0]), "\n"))
	if err != nil {
		panic(err)
	}
	open := fmt.Sprintf(`{"format":1,"fold":1,"run_id":%q,"seq":%d,"record":"%08x","created":%s,"summary":{},"state":{}`,
		id, seq, sum, created)
	return append(state.Seal([]byte(open), id), '\n')
}

func join(lines [][]byte) (b []byte) {
	for _, l := range lines {
		b = append(b, l...)
	}
	return b
}

// put makes a store that holds a journal with these bytes, and a checkpoint if there is one.
func put(t *testing.T, journal, checkpoint []byte) *Store {
	t.Helper()
	s := open(simfs.New(), testDir)
	require.NoError(t, makeDirs(s.fs, s.RunDir(testRun)))
	if journal != nil {
		require.NoError(t, replaceFile(s.fs, s.path(testRun, journalFile), s.path(testRun, "x"), os.O_EXCL, journal))
	}
	if checkpoint != nil {
		require.NoError(t, replaceFile(s.fs, s.path(testRun, checkpointFile), s.path(testRun, "x"), os.O_EXCL, checkpoint))
	}
	return s
}

// contents returns the records that the run holds, as bytes, and the error that ends them.
func contents(s *Store) (lines [][]byte, err error) {
	for e, err := range s.Events(context.Background(), testRun, state.Query{}) {
		if err != nil {
			return lines, err
		}
		text, err := state.AppendRecord(nil, testID, e)
		if err != nil {
			return lines, err
		}
		lines = append(lines, text)
	}
	return lines, nil
}

func proofOf(lines [][]byte) (proof uint64) {
	for _, l := range lines {
		if r := checkLine(line{text: l[:len(l)-1], whole: true}, state.NewSeals(testID)); r.err == nil {
			proof = max(proof, r.d)
		}
	}
	return proof
}

func simulated(s *Store) *simfs.FS { return s.fs.(*simfs.FS) }

func cutAt(op int) simfs.Fault { return simfs.Fault{At: op, Err: simfs.ErrPowerOff} }
