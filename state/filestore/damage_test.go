package filestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

// lineAt is the line, from 1, that holds the byte.
func lineAt(lines [][]byte, at int) int {
	for i, l := range lines {
		if at -= len(l); at < 0 {
			return i + 1
		}
	}
	return len(lines) + 1
}

// openOnce opens the run for writing and closes it again, and returns what that found.
func openOnce(t *testing.T, s *Store) (uint64, *state.Recovery, error) {
	t.Helper()
	j, err := s.Open(context.Background(), testRun, state.OpenOptions{Mode: state.OpenExisting})
	if err != nil {
		return 0, nil, err
	}
	require.NoError(t, j.Close())
	return j.Last(), j.Recovery(), nil
}

// TestCutAtEveryByte truncates a journal everywhere, with and without a checkpoint; or loses everything from there on,
// so that the padding stands that was there before.
func TestCutAtEveryByte(t *testing.T) {
	t.Parallel()
	lines := sample(t, 6)
	all := join(lines)
	cases := 0
	for _, padding := range []int{0, 5000} {
		for _, seq := range []uint64{0, 4, 6} {
			var checkpoint []byte
			if seq > 0 {
				checkpoint = snapshotOf(lines, seq)
			}
			for cut := range len(all) + 1 {
				c := cutCase{lines, cut, padding, seq, fmt.Sprintf("cut at byte %d, padding %d, checkpoint of %d", cut, padding, seq)}
				c.check(t, put(t, append(slices.Clone(all[:cut]), newlinesOf(padding)...), checkpoint))
				cases++
			}
		}
	}
	t.Logf("cases: %d cuts", cases)
}

func newlinesOf(n int) []byte { return bytes.Repeat([]byte{'\n'}, n) }

type cutCase struct {
	lines        [][]byte
	cut, padding int
	proven       uint64 // by the checkpoint
	what         string
}

// left is how many records the cut leaves, and how many bytes that are no record.
func (c cutCase) left() (kept int, lost int64) {
	cut := c.cut
	if c.padding > 0 {
		cut++ // a newline of the padding ends the line
	}
	kept = lineAt(c.lines, cut) - 1
	whole := len(join(c.lines[:kept]))
	if kept == len(c.lines) || c.cut <= whole {
		return kept, 0
	}
	return kept, int64(cut - whole)
}

func (c cutCase) check(t *testing.T, s *Store) {
	before, err := readFile(s.fs, s.path(testRun, journalFile))
	require.NoError(t, err)
	kept, lost := c.left()
	got, readErr := contents(s)
	last, recovery, err := openOnce(t, s)
	switch {
	case c.proven > uint64(kept):
		damagedAt(t, err, kept+1, c.what)
		damagedAt(t, readErr, kept+1, c.what)
		if c.cut%(sizes.Get().RepairEvery/8+1) == 0 || c.cut+1 == len(join(c.lines[:kept+1])) { // a lost newline always
			repairs(t, s, c.lines, c.proven, c.what)
		}
	case kept == 0:
		require.ErrorIs(t, err, state.ErrNotFound, c.what)
		require.ErrorIs(t, readErr, state.ErrNotFound, c.what)
		j, err := s.Open(t.Context(), testRun, state.OpenOptions{Mode: state.Create})
		require.NoError(t, err, c.what) // remains don't stand in the way
		require.NoError(t, j.Append(t.Context(), []state.Event{first()}, true), c.what)
		require.NoError(t, j.Close())
	default:
		require.NoError(t, err, c.what)
		require.EqualValues(t, kept, last, c.what)
		require.Equal(t, c.lines[:kept], got, c.what)
		require.Equal(t, lost > 0, recovery != nil, c.what)
		if recovery != nil {
			require.Equal(t, lost, recovery.BytesLost, c.what)
		}
		h, err := s.Head(t.Context(), testRun)
		require.NoError(t, err, c.what)
		require.EqualValues(t, int64(len(join(c.lines[:kept])))+lost, h.Size, c.what)
		// Opening without appending changes nothing.
		data, err := readFile(s.fs, s.path(testRun, journalFile))
		require.NoError(t, err)
		require.Equal(t, before, data, c.what)
	}
}

func first() state.Event {
	e := createdEvent()
	e.Seq = 1
	return e
}

func damagedAt(t *testing.T, err error, line int, what string) {
	t.Helper()
	var d *state.DamagedError
	require.ErrorAs(t, err, &d, what)
	require.ErrorIs(t, err, state.ErrDamaged, what)
	require.Equal(t, line, d.Line, "%s: %v", what, err)
	require.NotEmpty(t, d.Hint)
	require.NotEmpty(t, d.File)
}

// repairs repairs a damaged journal and checks that every valid record is kept, in its place, byte for byte, and that
// the others, up to the proven point, are marks. It returns what the journal holds then.
func repairs(t *testing.T, s *Store, lines [][]byte, proven uint64, what string) [][]byte {
	t.Helper()
	before, _ := readFile(s.fs, s.path(testRun, journalFile)) // may be gone
	found, err := s.Verify(t.Context(), testRun)
	require.NoError(t, err, what)
	require.NotEmpty(t, found.Damaged, what)
	report, err := s.Repair(t.Context(), testRun)
	require.NoError(t, err, what)
	require.Equal(t, found.Damaged, report.Damaged, what)
	if before != nil {
		kept, err := readFile(s.fs, report.Copy)
		require.NoError(t, err, what)
		require.Equal(t, before, kept, what)
	}
	got, err := contents(s)
	require.NoError(t, err, what)
	require.GreaterOrEqual(t, uint64(len(got)), proven, what)
	valid := 0
	for i, text := range got {
		if bytes.Equal(text, lines[i]) {
			valid++
			continue
		}
		e, err := state.DecodeRecord(text, testID)
		require.NoError(t, err, what)
		mark, ok := e.Data.(state.JournalMark)
		require.True(t, ok, what)
		require.Equal(t, state.MarkRepaired, mark.Kind)
		require.EqualValues(t, i+1, mark.From)
		require.EqualValues(t, i+1, mark.To)
		require.False(t, bytes.Contains(before, lines[i][:len(lines[i])-1]), "%s: record %d was valid", what, i+1)
	}
	last, recovery, err := openOnce(t, s)
	require.NoError(t, err, what)
	require.Nil(t, recovery, what)
	require.EqualValues(t, len(got), last, what)
	again, err := s.Verify(t.Context(), testRun)
	require.NoError(t, err, what)
	require.Empty(t, again.Damaged, what)
	_, err = s.LoadSnapshot(t.Context(), testRun)
	require.ErrorIs(t, err, state.ErrNotFound, "a state from before the repair must not be loaded: %s", what)
	return got
}

// TestEveryBitFlipped flips each bit of a journal: before the proven point it is an error that names the line, after
// it, an earlier state; and never a wrong one. In padding it costs nothing but a warning.
func TestEveryBitFlipped(t *testing.T) {
	t.Parallel()
	lines := sample(t, sizes.Get().FlipRecords)
	proven := int(proofOf(lines))
	require.Greater(t, proven, 2)
	require.Less(t, proven, len(lines))
	cases := 0
	for _, c := range []struct {
		padding    int
		checkpoint []byte
		proven     int
	}{
		{0, nil, proven}, {40, nil, proven}, {40, snapshotOf(lines, uint64(len(lines))), len(lines)},
	} {
		all := append(join(lines), newlinesOf(c.padding)...)
		for bit := range len(all) * 8 {
			if c.padding > 0 && bit%sizes.Get().FlipEvery != 0 {
				continue
			}
			what := fmt.Sprintf("bit %d of byte %d, padding %d, proven %d", bit%8, bit/8, c.padding, c.proven)
			flipped := slices.Clone(all)
			flipped[bit/8] ^= 1 << (bit % 8)
			oneFlip(t, put(t, flipped, c.checkpoint), lines, c.proven, bit, what)
			cases++
		}
	}
	t.Logf("cases: %d flips", cases)
}

func oneFlip(t *testing.T, s *Store, lines [][]byte, proven, bit int, what string) {
	line := lineAt(lines, bit/8)
	got, readErr := contents(s)
	last, recovery, err := openOnce(t, s)
	if line > proven {
		require.NoError(t, err, what)
		require.NoError(t, readErr, what)
		require.EqualValues(t, line-1, last, what)
		require.NotNil(t, recovery, what)
		require.Equal(t, lines[:line-1], got, what)
		return
	}
	damagedAt(t, err, line, what)
	damagedAt(t, readErr, line, what)
	if line > 1 {
		require.Equal(t, lines[:line-1], got, what)
		if bit%sizes.Get().RepairEvery == 0 || bit/8 == len(join(lines[:line]))-1 { // newlines always
			repairs(t, s, lines, uint64(proven), what)
		}
	}
}

// TestFirstRecordDamaged: without its first record a run has no id. A checkpoint holds both.
func TestFirstRecordDamaged(t *testing.T) {
	t.Parallel()
	lines := sample(t, 9)
	broken := slices.Clone(join(lines))
	broken[30] ^= 4

	s := put(t, broken, nil)
	_, _, err := openOnce(t, s)
	damagedAt(t, err, 1, "")
	report, err := s.Verify(t.Context(), testRun)
	require.NoError(t, err)
	require.Equal(t, 8, report.Records, "the id in the broken line still proves the others")
	_, err = s.Repair(t.Context(), testRun)
	require.ErrorContains(t, err, "first record is lost")
	data, err := readFile(s.fs, s.path(testRun, journalFile))
	require.NoError(t, err)
	require.Equal(t, broken, data)

	s = put(t, broken, snapshotOf(lines, 4))
	_, _, err = openOnce(t, s)
	damagedAt(t, err, 1, "")
	require.Equal(t, lines, repairs(t, s, lines, 9, ""))

	// The journal is gone altogether.
	s = put(t, nil, snapshotOf(lines, 4))
	_, _, err = openOnce(t, s)
	damagedAt(t, err, 1, "")
	_, err = s.Open(t.Context(), testRun, state.OpenOptions{Mode: state.OpenOrCreate})
	damagedAt(t, err, 1, "a run is never begun anew over the remains of one")
	require.Len(t, repairs(t, s, lines, 4, ""), 4)
}

// TestOtherDamage: gaps, doubles, swapped and foreign lines.
func TestOtherDamage(t *testing.T) {
	t.Parallel()
	lines := sample(t, 9)
	swapped := slices.Clone(lines)
	swapped[3], swapped[4] = swapped[4], swapped[3]
	foreign, err := state.AppendRecord(nil, "another run", state.Event{Seq: 5, Durable: 4, Type: "run.warning", Data: state.RunWarning{}})
	require.NoError(t, err)
	for what, c := range map[string]struct {
		lines [][]byte
		line  int
	}{
		"a gap":        {slices.Delete(slices.Clone(lines), 4, 6), 5},
		"a double":     {slices.Insert(slices.Clone(lines), 4, lines[3]), 5},
		"swapped":      {swapped, 4},
		"foreign":      {slices.Concat(lines[:4], [][]byte{foreign}, lines[5:]), 5},
		"an empty":     {slices.Insert(slices.Clone(lines), 4, []byte("\n")), 5},
		"only rubbish": {slices.Concat(lines[:1], [][]byte{[]byte("x\ny\n")}, lines[4:]), 2},
	} {
		s := put(t, join(c.lines), nil)
		_, _, err := openOnce(t, s)
		damagedAt(t, err, c.line, what)
		_, err = s.Head(t.Context(), testRun)
		damagedAt(t, err, c.line, what)
		for h, err := range s.List(t.Context(), state.ListQuery{}) {
			require.Equal(t, testRun, h.Run)
			damagedAt(t, err, c.line, what)
		}
		require.Len(t, repairs(t, s, lines, 8, what), 9, what)
	}
}

// TestCheckpointMeansNothingToASoundJournal: deleted, damaged, or another run's.
func TestCheckpointMeansNothingToASoundJournal(t *testing.T) {
	t.Parallel()
	lines := sample(t, 9)
	broken := snapshotOf(lines, 9)
	broken[10] ^= 1
	other := bytes.ReplaceAll(snapshotOf(lines, 9), []byte(testID), []byte("fedcba9876543210"))
	for what, checkpoint := range map[string][]byte{
		"none": nil, "sound": snapshotOf(lines, 4), "damaged": broken, "foreign": other, "empty": {}, "rubbish": []byte("{"),
	} {
		s := put(t, join(lines[:6]), checkpoint)
		last, _, err := openOnce(t, s)
		require.NoError(t, err, what)
		require.EqualValues(t, 6, last, what)
		got, err := contents(s)
		require.NoError(t, err, what)
		require.Equal(t, lines[:6], got, what)
	}
}

// TestRepairCutAtEveryOperation: the journal is damaged as before, or repaired; and a second attempt succeeds.
func TestRepairCutAtEveryOperation(t *testing.T) {
	t.Parallel()
	lines := sample(t, 9)
	broken := slices.Clone(join(lines))
	broken[len(join(lines[:4]))+30] ^= 1
	all := newCuts(t, sizes.Get().CrashImages*5)
	all.seeds(2, func(t *testing.T, seed uint64) {
		journal := append(slices.Clone(broken), newlinesOf(int(seed)*5000)...) // without padding, and with
		for at, err := 1, errors.New("not yet"); err != nil; at++ {
			s := put(t, journal, snapshotOf(lines, 8))
			disk := simulated(s)
			disk.Inject(cutAt(at))
			_, err = s.Repair(context.Background(), testRun)
			all.cut(t, seed, at, func(image uint64, what string) {
				after := open(disk.Crash(image), testDir)
				got, readErr := contents(after)
				if errors.Is(readErr, state.ErrDamaged) {
					require.Error(t, err, what)
					require.Len(t, repairs(t, after, lines, 9, what), 9)
					return
				}
				require.NoError(t, readErr, what)
				require.Len(t, got, 9, what)
				_, loadErr := after.LoadSnapshot(t.Context(), testRun)
				require.ErrorIs(t, loadErr, state.ErrNotFound, what)
			})
		}
	})
	s := put(t, broken, snapshotOf(lines, 8))
	repairs(t, s, lines, 9, "")
	require.NoError(t, s.SaveSnapshot(t.Context(), testRun, []byte("new")))
	data, err := s.LoadSnapshot(t.Context(), testRun)
	require.NoError(t, err)
	require.Equal(t, "new", string(data))
}

// TestNewerFormatIsRefused: in the first record, and after an upgrade mark.
func TestNewerFormatIsRefused(t *testing.T) {
	t.Parallel()
	e := first()
	e.Data = state.RunCreated{Format: state.Format + 1, RunID: testID, Name: testRun}
	newer, err := state.AppendRecord(nil, testID, e)
	require.NoError(t, err)
	mark := state.New(state.Scope{}, state.JournalMark{Kind: state.MarkUpgraded, From: state.Format, To: state.Format + 1})
	mark.Seq, mark.Durable = 2, 1
	upgraded, err := state.AppendRecord(bytes.Clone(sample(t, 3)[0]), testID, mark)
	require.NoError(t, err)
	for _, journal := range [][]byte{newer, upgraded} {
		s := put(t, journal, nil)
		_, err := s.Open(t.Context(), testRun, state.OpenOptions{})
		require.ErrorIs(t, err, state.ErrNewerFormat)
		_, err = contents(s)
		require.ErrorIs(t, err, state.ErrNewerFormat)
		_, err = s.Repair(t.Context(), testRun)
		require.ErrorIs(t, err, state.ErrNewerFormat)
	}
}
