package filestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/dogear-go/dogear/state"
)

// What is wrong with a line that does not end in a newline, and with blank lines that something follows: these are what
// a power cut leaves of records that were written over padding.
var (
	errUnfinished = errors.New("it has no end")
	errBlank      = errors.New("it is blank, and more follows")
)

// checkEvery is how many lines are read between two looks at the context.
const checkEvery = 1024

// journalScan is what is known of a journal's bytes: where its records are, and what they prove.
type journalScan struct {
	runID string
	first state.Event // the first record
	base  uint64      // how many records of the sound beginning stand before offs
	offs  offsets     // where each of the others starts; record n at n-1-base
	end   int64       // where the sound beginning ends
	proof uint64      // the highest number that a valid record, anywhere, knows to be on disk

	// what follows the sound beginning
	size int64  // where the last line ends that is not blank: what follows it is padding
	why  string // what is wrong with the line at end; empty: nothing follows, or padding
}

func (j *journalScan) last() uint64 { return j.base + j.offs.n }

// errNoRecord means that a journal has no first record and nothing that shows it ever had one.
var errNoRecord = errors.New("no first record")

// scanFirst reads the first record, from which the run's id comes. Its error is errNoRecord, a firstDamage, or
// ErrNewerFormat, or one of reading.
func scanFirst(r io.ReaderAt) (journalScan, error) {
	lines := newLineReader(r, 0, firstBuffer)
	ln, err := lines.next()
	if errors.Is(err, io.EOF) {
		return journalScan{}, errNoRecord
	}
	if err != nil {
		return journalScan{}, err
	}
	id := state.ReadRunID(ln.text) // of a blank line: none
	e, err := decodeFirst(ln, id)
	if err == nil || errors.Is(err, state.ErrNewerFormat) {
		j := journalScan{runID: id, first: e, end: ln.size, size: ln.size}
		j.offs.add(0)
		return j, err
	}
	why := err
	for {
		ln, err := lines.next()
		if errors.Is(err, io.EOF) {
			return journalScan{}, errNoRecord
		}
		if err != nil {
			return journalScan{}, err
		}
		if plausible(ln, id) {
			return journalScan{}, firstDamage{why}
		}
	}
}

// firstDamage says why the first record of a journal that has more of them can't be read.
type firstDamage struct{ why error }

func (f firstDamage) Error() string { return f.why.Error() }

func decodeFirst(ln line, id string) (state.Event, error) {
	if ln.blank {
		return state.Event{}, errBlank
	}
	if !ln.whole {
		return state.Event{}, errUnfinished
	}
	e, err := state.DecodeRecord(ln.text, id)
	if err != nil {
		return e, err
	}
	created, ok := e.Data.(state.RunCreated)
	switch {
	case !ok || e.Seq != 1 || created.RunID != id || id == "":
		return e, fmt.Errorf("%w: it does not begin a run", state.ErrRecord)
	case created.Format > state.Format:
		return e, fmt.Errorf("%w: format %d; update dogear", state.ErrNewerFormat, created.Format)
	}
	return e, nil
}

// plausible tells whether a line after a broken first one is, or was, a record. The first record is written alone, so
// such a line shows that the first one had been acknowledged; what a power cut leaves of the first alone has none.
func plausible(ln line, id string) bool {
	if id != "" && state.NewSeals(id).Check(ln.text) == nil {
		return true
	}
	return bytes.HasPrefix(ln.text, []byte(`{"seq":`)) && bytes.Contains(ln.text, []byte(`"type":"`))
}

// record is what a scan tells of one line.
type record struct {
	line
	seq, d uint64
	err    error // it is no valid record of the run
}

// checkLine reads the numbers of a line, whose checksum must match.
func checkLine(ln line, seals state.Seals) record {
	r := record{line: ln}
	if ln.blank {
		r.err = errBlank
		return r
	}
	if ln.text == nil {
		r.err = state.ErrTooLarge
		return r
	}
	if r.err = seals.Check(ln.text); r.err != nil {
		if !ln.whole {
			r.err = errUnfinished
		}
		return r
	}
	r.seq, r.d, r.err = state.ReadNumbers(ln.text)
	switch {
	case r.err != nil:
	case r.d >= r.seq:
		r.err = fmt.Errorf("%w: it claims to have been on disk before it was written", state.ErrRecord)
	case !ln.whole:
		r.err = errUnfinished
	}
	return r
}

// scanLines calls visit for each line from the offset on.
func scanLines(ctx context.Context, r io.ReaderAt, seals state.Seals, off int64, visit func(record) error) error {
	lines := newLineReader(r, off, firstBuffer)
	for n := 1; ; n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		ln, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := visit(checkLine(ln, seals)); err != nil {
			return err
		}
	}
}

// extend reads on from the end of the sound beginning. Blank lines up to the end of the file are padding. Where more
// follows them they are the rest of records that were lost, and so is what follows, unless it proves that they were on
// the disk already.
func (j *journalScan) extend(ctx context.Context, r io.ReaderAt) error {
	j.why, j.size = "", j.end
	seals := state.NewSeals(j.runID)
	return scanLines(ctx, r, seals, j.end, func(rec record) error {
		if rec.blank {
			return nil
		}
		if rec.off > j.end && j.why == "" {
			j.why = errBlank.Error()
		}
		j.size = rec.off + rec.size
		if rec.err == nil {
			j.proof = max(j.proof, rec.d)
		} else {
			for _, p := range salvage(rec.text, seals) { // a broken newline must not take the next record's proof away
				j.proof = max(j.proof, p.d)
			}
		}
		switch {
		case j.why != "":
		case rec.err != nil:
			j.why = rec.err.Error()
		case rec.seq != j.last()+1:
			j.why = fmt.Sprintf("record %d stands where record %d should", rec.seq, j.last()+1)
		default:
			if err := refuseNewer(rec.text, j.runID); err != nil {
				return err
			}
			j.offs.add(rec.off)
			j.end = j.size
		}
		return nil
	})
}

// refuseNewer refuses a journal in which a newer version has begun to write its own format.
func refuseNewer(text []byte, runID string) error {
	if !state.IsType(text, state.TypeJournalMark) {
		return nil
	}
	e, err := state.DecodeRecord(text, runID)
	if err != nil {
		return nil // whoever reads the event says so
	}
	if m, ok := e.Data.(state.JournalMark); ok && m.Kind == state.MarkUpgraded && m.To > state.Format {
		return fmt.Errorf("%w: format %d from record %d on; update dogear", state.ErrNewerFormat, m.To, e.Seq)
	}
	return nil
}
