package filestore

import (
	"bytes"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/simfs"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

func journalOf(t *testing.T, s *Store) []byte {
	t.Helper()
	data, err := readFile(s.fs, s.path(testRun, journalFile))
	require.NoError(t, err)
	return data
}

func killed(j state.Journal) error {
	(&session{j: j}).kill()
	return j.Close()
}

// TestPadding: at every moment the journal is its records and then newlines; padding is no part of what anybody is told
// of it; and closing leaves nothing but the records.
func TestPadding(t *testing.T) {
	t.Parallel()
	s := open(simfs.New(), testDir)
	w := startRun(t, s, testRun)
	require.Equal(t, 1, bytes.Count(journalOf(t, s), []byte("\n")), "the first record stands alone")
	grown := map[int]bool{}
	for i := range 200 {
		w.add(event(state.RunWarning{Code: "c", Message: strings.Repeat("x", i*10)}))
		data := journalOf(t, s)
		records := bytes.TrimRight(data, "\n")
		require.Equal(t, i+2, bytes.Count(records, []byte("\n"))+1, "no blank line among the records")
		h, err := s.Head(t.Context(), testRun)
		require.NoError(t, err)
		require.EqualValues(t, len(records)+1, h.Size)
		require.Zero(t, len(data)%paddingBlock)
		grown[len(data)] = true
	}
	require.Greater(t, len(grown), 2)
	require.Less(t, len(grown), 10)
	padded := journalOf(t, s)
	w.end()
	require.Equal(t, append(bytes.TrimRight(padded, "\n"), '\n'), journalOf(t, s))
}

// TestPaddingSizes: a quarter of the journal, within bounds, and whole blocks.
func TestPaddingSizes(t *testing.T) {
	t.Parallel()
	for end, want := range map[int64]int64{
		1: 68 << 10, 4 << 10: 68 << 10, 300 << 10: 375<<10 + 1<<10, 4 << 20: 5 << 20, 1 << 30: 1<<30 + 1<<20, 1<<30 + 1: 1<<30 + 1<<20 + 4<<10,
	} {
		require.Equal(t, want, padded(end, minPadding), end)
	}
}

// TestPaddingThatAKillLeaves is nothing to warn of; the next append takes it away, and no opening before.
func TestPaddingThatAKillLeaves(t *testing.T) {
	t.Parallel()
	s := open(simfs.New(), testDir)
	w := startRun(t, s, testRun)
	w.add(event(state.SessionOpened{}))
	require.NoError(t, killed(w.j))
	left := journalOf(t, s)
	require.Greater(t, len(left), minPadding)

	for _, s := range []*Store{s, open(s.fs, testDir)} {
		last, recovery, err := openOnce(t, s)
		require.NoError(t, err)
		require.Nil(t, recovery)
		require.EqualValues(t, 2, last)
		h, err := s.Head(t.Context(), testRun)
		require.NoError(t, err)
		require.EqualValues(t, len(bytes.TrimRight(left, "\n"))+1, h.Size)
		report, err := s.Verify(t.Context(), testRun)
		require.NoError(t, err)
		require.Equal(t, state.Report{Records: 2}, report)
		require.Equal(t, left, journalOf(t, s))
	}

	s.padding = 0
	j, err := s.Open(t.Context(), testRun, state.OpenOptions{})
	require.NoError(t, err)
	(sessionOf{t, j}).add(event(state.SessionOpened{}))
	data := journalOf(t, s)
	require.NotContains(t, string(data), "\n\n")
	require.Less(t, len(data), minPadding)
	require.NoError(t, j.Close())
}

// TestLostSectors: records that were written over padding and are lost leave blank lines. What follows them is an
// unacknowledged tail, unless it proves that they were on the disk already.
func TestLostSectors(t *testing.T) {
	t.Parallel()
	lines := sample(t, 9) // record 4 to 6 know 3 to be on disk, 7 to 9 know 6
	lost := func(from, upto int, more ...int) []byte {
		all := slices.Clone(lines)
		for n := from; n <= upto; n++ {
			all[n-1] = newlinesOf(len(lines[n-1]))
		}
		return append(join(all[:len(all)-len(more)]), newlinesOf(5000)...)
	}
	for what, c := range map[string]struct {
		journal []byte
		last    int // whole records at the beginning
		lost    int // bytes of the tail
		damaged bool
	}{
		"the last":                         {lost(9, 9), 8, 0, false},
		"one before the last":              {lost(8, 8), 7, len(join(lines[7:])), false},
		"three, and nothing follows":       {lost(7, 9), 6, 0, false},
		"two before the last":              {lost(7, 8), 6, len(join(lines[6:])), false},
		"one that the last knows":          {lost(6, 6), 5, 0, true},
		"one that nobody knows any more":   {append(join(lines[:4]), append(newlinesOf(len(lines[4])), lines[5]...)...), 4, len(lines[4]) + len(lines[5]), false},
		"the second":                       {lost(2, 2), 1, 0, true},
		"all but the first":                {lost(2, 9), 1, 0, false},
		"half of a record, and its end":    {halfLost(lines, 7), 6, len(join(lines[6:])), false},
		"half of one that was on the disk": {halfLost(lines, 4), 3, 0, true},
	} {
		s := put(t, c.journal, nil)
		got, readErr := contents(s)
		last, recovery, err := openOnce(t, s)
		require.Equal(t, lines[:c.last], got, what)
		report, verifyErr := s.Verify(t.Context(), testRun)
		require.NoError(t, verifyErr, what)
		if c.damaged {
			damagedAt(t, err, c.last+1, what)
			damagedAt(t, readErr, c.last+1, what)
			require.NotEmpty(t, report.Damaged, what)
			require.EqualValues(t, c.last+1, report.Damaged[0].Seq, what)
			require.Equal(t, c.last+1, report.Damaged[0].Line, what)
			repairs(t, s, lines, 6, what)
			continue
		}
		require.NoError(t, err, what)
		require.NoError(t, readErr, what)
		require.EqualValues(t, c.last, last, what)
		require.Empty(t, report.Damaged, what)
		require.Equal(t, c.lost > 0, recovery != nil, what)
		require.Equal(t, c.lost > 0, report.Tail != nil, what)
		if recovery != nil {
			require.Equal(t, &state.Recovery{
				From: uint64(c.last + 1), BytesLost: int64(c.lost), Where: recovery.Where,
			}, recovery, what)
			require.Equal(t, report.Tail, recovery, what)
		}
	}
}

// TestLinesAreCountedAsAnEditorCounts: blank lines are lines to a person who looks for the place.
func TestLinesAreCountedAsAnEditorCounts(t *testing.T) {
	t.Parallel()
	lines := sample(t, 9)
	all := slices.Clone(lines)
	all[1] = newlinesOf(len(lines[1]))
	all[4] = bytes.Replace(all[4], []byte("text"), []byte("test"), 1)
	s := put(t, join(all), nil)
	report, err := s.Verify(t.Context(), testRun)
	require.NoError(t, err)
	require.Len(t, report.Damaged, 2)
	require.Equal(t, 2, report.Damaged[0].Line)
	require.EqualValues(t, len(lines[1]), report.Damaged[0].Bytes)
	require.Equal(t, bytes.Count(join(all[:4]), []byte("\n"))+1, report.Damaged[1].Line)
	repairs(t, s, lines, 6, "")
}

// halfLost loses the first half of record n.
func halfLost(lines [][]byte, n int) []byte {
	all := slices.Clone(lines)
	half := len(all[n-1]) / 2
	all[n-1] = append(newlinesOf(half), all[n-1][half:]...)
	return join(all)
}

// TestFirstRecordLostWithPadding: padding alone is the rest of nothing, whatever its length; records behind it are
// damage.
func TestFirstRecordLostWithPadding(t *testing.T) {
	t.Parallel()
	lines := sample(t, 9)
	for _, rest := range [][]byte{newlinesOf(1), newlinesOf(100_000), append(newlinesOf(512), 0, 0, 0), append(newlinesOf(512), lines[0][200:]...)} {
		s := put(t, rest, nil)
		_, _, err := openOnce(t, s)
		require.ErrorIs(t, err, state.ErrNotFound)
		_, err = s.Head(t.Context(), testRun)
		require.ErrorIs(t, err, state.ErrNotFound)
		w := startRun(t, s, testRun)
		w.end()
		require.Equal(t, state.StatusInterrupted, statusOf(t, s, testRun))
	}
	s := put(t, append(newlinesOf(len(lines[0])), join(lines[1:])...), nil)
	_, _, err := openOnce(t, s)
	damagedAt(t, err, 1, "")
}

// smallDisk has room for a file of so many bytes; a write that needs more writes what fits.
type smallDisk struct {
	vfs.FS
	room int64
	err  error
}

func (d *smallDisk) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	f, err := d.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return smallFile{f, d}, nil
}

type smallFile struct {
	vfs.File
	d *smallDisk
}

func (f smallFile) WriteAt(p []byte, off int64) (int, error) {
	fits := min(int64(len(p)), max(f.d.room-off, 0))
	n, err := f.File.WriteAt(p[:fits], off)
	if err == nil && n < len(p) {
		err = f.d.err
	}
	return n, err
}

// TestLastBytesOfADisk: where there is no room for padding the records take what there is; when they too have none, the
// run stops, and goes on when there is room again.
func TestLastBytesOfADisk(t *testing.T) {
	t.Parallel()
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		for _, room := range []int64{1200, 70_000, 100_000} {
			disk := &smallDisk{FS: simfs.New(), room: room, err: full}
			s := open(disk, testDir)
			w := startRun(t, s, testRun)
			acked, used := uint64(1), int64(0)
			var err error
			for {
				e := event(state.RunWarning{Code: "c", Message: strings.Repeat("x", 300)})
				e.Seq, e.Durable, e.Epoch = w.j.Last()+1, w.j.Last(), 1
				if err = w.j.Append(t.Context(), []state.Event{e}, true); err != nil {
					break
				}
				acked = e.Seq
				h, err := s.Head(t.Context(), testRun)
				require.NoError(t, err)
				used = h.Size
			}
			require.ErrorIs(t, err, full)
			require.ErrorIs(t, err, state.ErrJournalFailed)
			require.Greater(t, used, room-600, "the last bytes can be used")
			require.NoError(t, w.j.Close())

			last, _, err := openOnce(t, s)
			require.NoError(t, err, "a full disk keeps nobody from reading")
			require.Equal(t, acked, last)
			disk.room = 1 << 30
			j, err := s.Open(t.Context(), testRun, state.OpenOptions{})
			require.NoError(t, err)
			(sessionOf{t, j}).add(event(state.SessionOpened{}))
			require.Greater(t, len(journalOf(t, s)), int(used)+minPadding-paddingBlock, "with padding again")
			require.NoError(t, j.Close())
		}
	}
}

// TestOtherErrorsOfAWriteAreFinal, also where padding was written.
func TestOtherErrorsOfAWriteAreFinal(t *testing.T) {
	t.Parallel()
	disk := &smallDisk{FS: simfs.New(), room: 2000, err: syscall.EIO}
	s := open(disk, testDir)
	w := startRun(t, s, testRun)
	e := event(state.SessionOpened{})
	e.Seq, e.Durable = 2, 1
	require.ErrorIs(t, w.j.Append(t.Context(), []state.Event{e}, true), syscall.EIO)
	disk.room = 1 << 30
	require.ErrorIs(t, w.j.Append(t.Context(), []state.Event{e}, true), state.ErrJournalFailed)
	require.NoError(t, w.j.Close())
}

// pausing is a file system of a reader that is interrupted in the middle of a read.
type pausing struct {
	vfs.FS
	at    int64 // where in the file
	pause func()
}

func (p *pausing) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	f, err := p.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return pausingFile{f, p}, nil
}

type pausingFile struct {
	vfs.File
	p *pausing
}

func (f pausingFile) ReadAt(b []byte, off int64) (int, error) {
	pause, at := f.p.pause, f.p.at
	if pause == nil || off >= at || off+int64(len(b)) <= at {
		return f.File.ReadAt(b, off)
	}
	f.p.pause = nil
	n, err := f.File.ReadAt(b[:at-off], off)
	if err != nil {
		return n, err
	}
	pause()
	more, err := f.File.ReadAt(b[n:], at)
	return n + more, err
}

// TestReaderInterruptedByItsWriter: a read is not atomic. One that sees padding, and then records that were synced one
// after another while it was interrupted, must not take the padding for damage, however often that happens.
func TestReaderInterruptedByItsWriter(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{false, true} {
		for _, back := range []int64{0, 1, 100, 399} {
			for _, times := range []int{1, 6} {
				interrupt(t, known, back, times)
			}
		}
	}
}

func interrupt(t *testing.T, known bool, back int64, times int) {
	s := open(simfs.New(), testDir)
	w := startRun(t, s, testRun)
	write := func(n int) {
		for range n {
			w.add(event(state.RunWarning{Code: "c", Message: strings.Repeat("x", 300)}))
		}
	}
	write(3)
	p := &pausing{FS: s.fs}
	reader := open(p, testDir)
	if known {
		require.Equal(t, state.StatusRunning, statusOf(t, reader, testRun))
	}
	arm := func() {
		h, err := s.Head(t.Context(), testRun)
		require.NoError(t, err)
		p.at = h.Size + 400 - back
	}
	arm()
	left := times
	var pause func()
	pause = func() {
		write(5)
		if left--; left > 0 {
			arm()
			p.pause = pause
		}
	}
	p.pause = pause
	lines, err := contents(reader)
	require.NoError(t, err)
	require.Less(t, left, times, "the reader was interrupted")
	require.GreaterOrEqual(t, len(lines), 4)
	p.pause = nil
	h, err := reader.Head(t.Context(), testRun)
	require.NoError(t, err)
	require.EqualValues(t, 4+5*(times-left), h.Last)
	w.end()
}

// TestPaddingIsReadInAFewReads: who asks for news reads past the padding, and no line of it by itself.
func TestPaddingIsReadInAFewReads(t *testing.T) {
	t.Parallel()
	s := open(simfs.New(), testDir)
	s.padding = maxPadding
	w := startRun(t, s, testRun)
	w.add(event(state.SessionOpened{}))
	counted := &countingFS{FS: s.fs}
	reader := open(counted, testDir)
	_, err := reader.Head(t.Context(), testRun)
	require.NoError(t, err)
	counted.reads = 0
	_, err = reader.Head(t.Context(), testRun)
	require.NoError(t, err)
	require.Less(t, counted.reads, 2+maxPadding/lineBuffer+5)
	w.end()
}

// TestLineReader: any mixture of lines and blank lines, read with any buffer, comes back whole, blank lines in runs.
func TestLineReader(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "\n", "a", "a\n", "\na", "a\n\n\nb\n", "\n\n\n", strings.Repeat("\n", 200_001), strings.Repeat("\n", 4096) + "x",
		"x\n" + strings.Repeat("\n", 4093) + "y\n" + strings.Repeat("\n", 70_000), strings.Repeat("long", 50_000) + "\n\n", "\r\n\n",
	} {
		for _, buffer := range []int{1, 2, 64, firstBuffer, lineBuffer} {
			lines := newLineReader(strings.NewReader(text), 0, buffer)
			got, blank := "", false
			for {
				ln, err := lines.next()
				if err != nil {
					require.ErrorIs(t, err, io.EOF)
					break
				}
				require.EqualValues(t, len(got), ln.off)
				require.False(t, blank && ln.blank, "a run comes in one piece")
				blank = ln.blank
				piece := string(ln.text)
				if ln.blank {
					piece = strings.Repeat("\n", int(ln.size))
				} else if ln.whole {
					piece += "\n"
				}
				require.EqualValues(t, len(piece), ln.size)
				got += piece
			}
			require.True(t, got == text, "%d bytes, buffer %d", len(text), buffer)
		}
	}
}
