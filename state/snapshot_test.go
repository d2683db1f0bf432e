package state_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

const storyID = "00112233445566778899aabbccddeeff"

// story is a run whose state has something of everything: items of every status, a list that is being given, an open
// queue, an error.
func story() []state.Event {
	hash := func(n int) string { return fmt.Sprintf("%032x", n+1) }
	item := func(key string) state.Scope { return state.Scope{Step: "prose", Item: key} }
	plan, prose, cost := state.Scope{Step: "plan"}, state.Scope{Step: "prose"}, int64(12)
	list := []state.ItemDef{{Key: "1/1", Hash: hash(2)}, {Key: "1/2", Hash: hash(3)}, {Key: "é", Hash: hash(4)}, {Key: "2/1", Hash: hash(5)}}
	events := []state.Event{
		state.New(state.Scope{}, state.RunCreated{Format: 1, RunID: storyID, Name: "run", Pipeline: "p", HashRecipe: 1,
			Steps: steps, Params: json.RawMessage(`{"genre":"noir"}`)}),
		state.New(state.Scope{}, state.SessionOpened{PID: 7, Host: "h", Concurrency: 2}),
		state.New(plan, state.StepStarted{}),
		state.New(plan, state.StepCompleted{Result: json.RawMessage(`"x"`), Hash: hash(0), Reads: []state.Read{{Source: "params", Hash: hash(1)}}}),
		state.New(prose, state.StepStarted{}),
		state.New(prose, state.StepItems{Total: 4, Items: list, Reads: []state.Read{{Source: "plan", Hash: hash(0)}}}),
		state.New(item("1/1"), state.ItemStarted{}),
		state.New(item("1/1"), state.ItemCompleted{Result: json.RawMessage(`"one"`), Hash: hash(6)}),
		state.New(item("1/2"), state.ItemStarted{}),
		state.New(item("1/2"), state.ItemFailed{Class: "server", Message: "m", Attempts: 2}),
		state.New(state.Scope{Step: "index"}, state.StepItems{Total: 3, Items: []state.ItemDef{{Key: "a", Hash: hash(7)}}}),
		state.New(item("é"), state.ItemStarted{}),
		state.New(item("é"), state.CallSent{Call: "1-1", Try: 1, Provider: "p"}),
		state.New(item("é"), state.CallAnswered{Call: "1-1", Try: 1, Hash: hash(8), Provider: "p",
			Answer: json.RawMessage(`{"text":"a"}`), Usage: state.Usage{Input: 3, Output: 4}, Cost: &cost}),
	}
	for i := range events {
		e := &events[i]
		e.Seq, e.Durable, e.Epoch = uint64(i+1), uint64(i), 1
		e.Time = time.Date(2026, 3, 4, 5, 6, 7+i, 891000000, time.UTC)
	}
	return events
}

// paidStory goes on with what it cost: a budget, models, an item's waste, a call in flight, one inside a Do.
func paidStory() []state.Event {
	events := story()
	index, cost, reserved := state.Scope{Step: "index", Item: "a"}, int64(30), int64(500)
	more := []state.Event{
		state.New(state.Scope{}, state.RunBudget{Limit: 5_000_000}),
		state.New(state.Scope{}, state.RunBudget{Step: "prose", Limit: 1_000_000}),
		state.New(index, state.ItemStarted{}),
		state.New(state.Scope{Step: "prose", Item: "1/2"}, state.CallFailed{Call: "1-2", Try: 1, Provider: "q", Model: "m", Class: "timeout", Cost: &cost, Bound: true}),
		state.New(state.Scope{Step: "prose", Item: "1/2", Do: "d"}, state.CallAnswered{Call: "1-3", Try: 1, Provider: "q", Model: "m", Hash: fmt.Sprintf("%032x", 9), Answer: json.RawMessage(`{}`)}),
		state.New(state.Scope{Step: "prose", Item: "1/2"}, state.DoCompleted{Key: "d", Result: json.RawMessage(`1`)}),
		state.New(state.Scope{Step: "prose", Item: "2/1"}, state.CallSent{Call: "1-4", Try: 2, Role: "writer", Provider: "q", Model: "m", Reserved: &reserved}),
	}
	for i, e := range more {
		e.Seq, e.Durable, e.Epoch = uint64(len(story())+i+1), uint64(i), 1
		e.Time = time.Date(2026, 3, 4, 5, 7, 7+i, 0, time.UTC)
		events = append(events, e)
	}
	return events
}

func fold(t testing.TB, events []state.Event) *state.WorkflowState {
	t.Helper()
	st := &state.WorkflowState{}
	for _, e := range events {
		require.NoError(t, st.Apply(e))
	}
	return st
}

func storySnapshot(t testing.TB) []byte {
	t.Helper()
	return snapshotOf(t, story())
}

func snapshotOf(t testing.TB, events []state.Event) []byte {
	t.Helper()
	first, err := state.AppendRecord(nil, storyID, events[0])
	require.NoError(t, err)
	data, err := state.SnapshotOf(fold(t, events), string(first), events[len(events)-1])
	require.NoError(t, err)
	return data
}

// TestSnapshotGolden: a snapshot that this version of the fold wrote is read, and written again alike. Whoever changes
// how states are written must raise FoldVersion, and keep the old file in the test below.
func TestSnapshotGolden(t *testing.T) {
	t.Parallel()
	path := filepath.Join("testdata", fmt.Sprint("fold", state.FoldVersion), "checkpoint.json")
	if state.Updating() {
		require.NoError(t, os.WriteFile(path, snapshotOf(t, paidStory()), 0o644))
	}
	golden, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, json.Valid(golden))
	st, err := state.FromSnapshot(golden)
	require.NoError(t, err)
	require.Equal(t, state.Dump(fold(t, paidStory())), state.Dump(st))
	body := func(data []byte) string { // without what depends on the form of records
		_, rest, ok := strings.Cut(string(data), `  "summary": `)
		require.True(t, ok)
		rest, _, ok = strings.Cut(rest, `,"crc"`)
		require.True(t, ok)
		return rest
	}
	require.Equal(t, body(golden), body(snapshotOf(t, paidStory())))
}

// TestSnapshotOfEarlierFolds: their state is not read, but what they prove is; a run loads as if there were none.
func TestSnapshotOfEarlierFolds(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"fold2", "fold3"} {
		golden, err := os.ReadFile(filepath.Join("testdata", version, "checkpoint.json"))
		require.NoError(t, err)
		w, err := state.ReadWitness(golden)
		require.NoError(t, err)
		require.Equal(t, storyID, w.RunID)
		require.EqualValues(t, 14, w.Seq)
		require.EqualValues(t, 0xda454b7b, w.Record)
		require.Equal(t, storyID, state.ReadRunID(w.Created))
		_, err = state.FromSnapshot(golden)
		require.ErrorIs(t, err, state.ErrRecord)
		require.ErrorContains(t, err, "fold version "+strings.TrimPrefix(version, "fold"))

		store := memstore.New()
		j, err := store.Open(t.Context(), "run", state.OpenOptions{})
		require.NoError(t, err)
		for _, e := range story() {
			require.NoError(t, j.Append(t.Context(), []state.Event{e}, true))
		}
		require.NoError(t, j.Close())
		require.NoError(t, store.SaveSnapshot(t.Context(), "run", golden))
		st, err := state.Load(t.Context(), store, "run")
		require.NoError(t, err)
		require.Equal(t, state.Dump(fold(t, story())), state.Dump(st))
	}
}

// TestSnapshotDamage: with a bit of any byte flipped, and cut anywhere, a snapshot is refused, as a state and as a witness.
func TestSnapshotDamage(t *testing.T) {
	t.Parallel()
	data := storySnapshot(t)
	refused := func(bad []byte, what string, at int) {
		_, err := state.FromSnapshot(bad)
		require.ErrorIs(t, err, state.ErrRecord, "%s at %d", what, at)
		_, err = state.ReadWitness(bad)
		require.ErrorIs(t, err, state.ErrRecord, "%s at %d", what, at)
	}
	for i := range data {
		if i%7 == 0 {
			refused(data[:i], "cut", i)
		}
		for bit := range sizes.Get().SnapshotFlips {
			bad := bytes.Clone(data)
			bad[i] ^= 1 << ((i + bit) % 8)
			refused(bad, "flipped", i)
		}
	}
	refused(append(bytes.Clone(data), '\n'), "more", len(data))
}

// TestSnapshotWitnessOfOneLine: only the lines up to "created" matter for a witness, and not even those when all is one.
func TestSnapshotWitnessOfOneLine(t *testing.T) {
	t.Parallel()
	open := fmt.Sprintf(`{"format":1,"fold":1,"run_id":%q,"seq":3,"record":"0000000a","created":"x","state":{}`, storyID)
	line := append(state.Seal([]byte(open), storyID), '\n')
	w, err := state.ReadWitness(line)
	require.NoError(t, err)
	require.Equal(t, state.Witness{RunID: storyID, Seq: 3, Record: 10, Created: []byte("x\n")}, w)
	line[20] ^= 1
	_, err = state.ReadWitness(line)
	require.ErrorIs(t, err, state.ErrRecord)
}

// TestSnapshotLies: what is sealed but makes no sense is refused.
func TestSnapshotLies(t *testing.T) {
	t.Parallel()
	data := storySnapshot(t)
	good, _, err := state.Unseal(data, storyID)
	require.NoError(t, err)
	block := func(raw string) string { return `"` + base64.RawStdEncoding.EncodeToString([]byte(raw)) + `"` }
	_, blocks, _ := strings.Cut(string(good), `"items": [`)
	first := strings.Split(strings.TrimSpace(blocks), ",\n")[0]
	for what, lie := range map[string][2]string{
		"counts":          {`"done":1,`, `"done":2,`},
		"too many items":  {`"items":{"count":4}`, `"items":{"count":5}`},
		"too few items":   {`"items":{"count":4}`, `"items":{"count":3}`},
		"no such number":  {`"items":{"count":4}`, `"items":{"count":9000000000000000000}`},
		"negative":        {`"items":{"count":4}`, `"items":{"count":-4}`},
		"another moment":  {`"Seq":14`, `"Seq":13`},
		"another run":     {`"RunID":"00`, `"RunID":"01`},
		"no steps":        {`"steps":[{"result":4`, `"stepz":[{"result":4`},
		"empty block":     {first, block("")},
		"block of none":   {first, block("\x00")},
		"no keys":         {first, block("\x04\x00\x04")},
		"same keys":       {first, block("\x04\x00\x04\x00\x01a\x01\x00\x01\x00\x01\x00")},
		"key from before": {first, block("\x04\x00\x04\x01\x01a\x01\x00\x01\x00\x01\x00")},
		"too many flags":  {first, block("\x04\x00\x05\x00\x01a\x00\x01b\x00\x01c\x00\x01d")},
		"no costs":        {first, block("\x04\x80\x04\x00\x01a\x00\x01b\x00\x01c\x00\x01d")},
		"no base64":       {first, `"?"`},
		"no line of ours": {"  \"items\": [\n", "  \"items\":  [\n"},
	} {
		bad := strings.Replace(string(good), lie[0], lie[1], 1)
		require.NotEqual(t, string(good), bad, what)
		_, err := state.FromSnapshot(append(state.Seal([]byte(bad), storyID), '\n'))
		require.ErrorIs(t, err, state.ErrRecord, what)
		_, err = state.ReadWitness(append(state.Seal([]byte(bad), storyID), '\n'))
		require.NoError(t, err, what)
	}
}

// FuzzSnapshot: whatever stands in a snapshot, sealed or not, reading it does not panic; and what is read is written and
// read again alike.
func FuzzSnapshot(f *testing.F) {
	f.Add(storySnapshot(f))
	for _, version := range []string{"fold2", "fold3", "fold4"} {
		golden, err := os.ReadFile(filepath.Join("testdata", version, "checkpoint.json"))
		require.NoError(f, err)
		f.Add(golden)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = state.FromSnapshot(data)
		_, _ = state.ReadWitness(data)
		id := state.ReadRunID(bytes.ReplaceAll(data, []byte(`"run_id": "`), []byte(`"run_id":"`)))
		open, _, _ := bytes.Cut(data, []byte(`,"crc":"`))
		sealed := append(state.Seal(bytes.Clone(open), id), '\n')
		if st, err := state.FromSnapshot(sealed); err == nil {
			again(t, st)
		}
	})
}

// FuzzSnapshotItems is FuzzSnapshot with the bytes of the blocks as such.
func FuzzSnapshotItems(f *testing.F) {
	good, _, err := state.Unseal(storySnapshot(f), storyID)
	require.NoError(f, err)
	head, rest, _ := strings.Cut(string(good), `"items": [`)
	var blocks [][]byte
	for _, line := range strings.Split(strings.TrimSuffix(strings.TrimSpace(rest), "\n  ]"), ",") {
		raw, err := base64.RawStdEncoding.DecodeString(strings.Trim(line, " \n\""))
		require.NoError(f, err)
		blocks = append(blocks, raw)
	}
	require.Len(f, blocks, 2)
	f.Add(blocks[0], blocks[1])
	f.Fuzz(func(t *testing.T, first, second []byte) {
		text := func(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }
		open := fmt.Sprintf("%s\"items\": [\n    %q,\n    %q\n  ]\n", head, text(first), text(second))
		if st, err := state.FromSnapshot(append(state.Seal([]byte(open), storyID), '\n')); err == nil {
			again(t, st)
		}
	})
}

func again(t *testing.T, st *state.WorkflowState) {
	t.Helper()
	dump := state.Dump(st)
	require.NotContains(t, dump, "IS FOUND AT")
	last := state.New(state.Scope{}, state.RunWarning{Code: "c"})
	last.Seq = st.Seq
	data, err := state.SnapshotOf(st, "", last)
	require.NoError(t, err)
	back, err := state.FromSnapshot(data)
	require.NoError(t, err)
	require.Equal(t, dump, state.Dump(back))
}
