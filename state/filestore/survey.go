package filestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// maxGap is how many numbers in a row repair fills. A larger gap is no damage that a disk makes.
const maxGap = 1 << 24

// place is where a valid record stands.
type place struct {
	off, size int64 // without the newline
	line      int
	d         uint64
	alone     bool // in a line of its own
	ended     bool // a byte follows that may once have been its newline
}

// flaw is a line, or a part of one, that is no valid record.
type flaw struct {
	line  int
	after uint64 // the last valid number before it
	size  int64
	why   string
}

// survey is what all of a journal's bytes hold, however damaged.
type survey struct {
	runID    string
	now      time.Time
	restored []byte // the first record, when it comes from the checkpoint
	places   map[uint64]place
	flaws    []flaw
	proven   uint64
	last     uint64 // the last number that a repaired journal has
	read     int64  // where the bytes end that were read
	size     int64  // where the last line ends that is not blank: what follows it is padding
	blank    record // the blank lines before the line that is looked at; padding if none comes
	tailOff  int64  // where the unacknowledged tail begins; size: there is none
	tailLine int
	lines    int
	previous uint64
}

// survey reads everything. A nil file is an empty one.
func (s *Store) survey(ctx context.Context, run string, f vfs.File, w witness) (*survey, error) {
	var r io.ReaderAt = bytes.NewReader(nil)
	if f != nil {
		r = f
	}
	v := &survey{places: map[uint64]place{}, now: s.now().UTC()}
	if err := s.surveyFirst(run, v, r, w); err != nil {
		return nil, err
	}
	err := scanLines(ctx, r, state.NewSeals(v.runID), 0, func(rec record) error {
		v.add(rec)
		if rec.err == nil {
			return refuseNewer(rec.text, v.runID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	v.proven = max(v.proven, w.proves(v.runID))
	v.settle()
	return v, nil
}

// surveyFirst finds the run's id, without which no record can be told from rubbish.
func (s *Store) surveyFirst(run string, v *survey, r io.ReaderAt, w witness) error {
	scan, err := scanFirst(r)
	if err == nil {
		v.runID = scan.runID
		return s.checkName(run, scan.first)
	}
	err = s.noFirst(run, err, w)
	if !errors.Is(err, state.ErrDamaged) {
		return err
	}
	v.runID = w.RunID
	created := bytes.TrimSuffix(w.Created, []byte{'\n'})
	if _, err := decodeFirst(line{text: created, whole: true}, w.RunID); err == nil {
		v.restored = append(bytes.Clone(created), '\n')
	}
	if v.runID == "" {
		ln, _ := newLineReader(r, 0, lineBuffer).next() // scanFirst has read it
		v.runID = state.ReadRunID(ln.text)
	}
	return nil
}

// add notes what a line holds.
func (v *survey) add(rec record) {
	v.read = rec.off + rec.size
	if rec.blank {
		v.blank = rec
		return
	}
	if b := v.blank; b.blank {
		v.blank = record{}
		v.flaws = append(v.flaws, flaw{v.lines + 1, v.previous, b.size, b.err.Error()})
		v.lines += int(b.size)
	}
	v.lines++
	v.size = v.read
	seals := state.NewSeals(v.runID)
	if rec.err == nil || errors.Is(rec.err, errUnfinished) && seals.Check(rec.text) == nil && rec.seq > 0 && rec.d < rec.seq {
		v.put(rec.seq, place{off: rec.off, size: int64(len(rec.text)), line: v.lines, d: rec.d, alone: rec.err == nil, ended: rec.whole})
		if rec.err != nil { // nothing but its newline is lost
			v.flaws = append(v.flaws, flaw{v.lines, v.previous, 0, rec.err.Error()})
		}
		return
	}
	rest, before := rec.size, v.previous
	for _, p := range salvage(rec.text, seals) {
		rest -= p.size
		p.ended = rec.whole || p.off+p.size < int64(len(rec.text))
		p.off += rec.off
		p.line = v.lines
		v.put(p.seq, p.place)
	}
	v.flaws = append(v.flaws, flaw{v.lines, before, rest, rec.err.Error()})
}

func (v *survey) put(seq uint64, p place) {
	if _, twice := v.places[seq]; twice {
		v.flaws = append(v.flaws, flaw{p.line, v.previous, p.size, fmt.Sprintf("record %d stands there again", seq)})
		return
	}
	if p.alone && v.previous > 0 && seq < v.previous {
		v.flaws = append(v.flaws, flaw{p.line, v.previous, 0, fmt.Sprintf("record %d stands behind record %d", seq, v.previous)})
	}
	v.places[seq] = p
	v.proven = max(v.proven, p.d)
	v.previous = max(v.previous, seq)
}

// settle decides where the journal ends: at the proven point, or after the sound lines that follow it, as opening it
// would. If there is damage, so that it must be repaired anyway, records that merely lack their newline count as well.
func (v *survey) settle() {
	v.last = v.proven
	at, found := v.places[v.last]
	extend := func(fits func(next place) bool) {
		for {
			next, ok := v.places[v.last+1]
			if !ok || found && !fits(next) {
				return
			}
			v.last, at, found = v.last+1, next, true
		}
	}
	extend(func(next place) bool { return next.alone && next.line == at.line+1 })
	if v.damaged() {
		extend(func(next place) bool { return next.ended && next.off == at.off+at.size+1 })
	}
	v.tailOff = v.size
	for seq, p := range v.places {
		if seq > v.last {
			v.tailOff = min(v.tailOff, p.off)
			delete(v.places, seq)
		}
	}
	v.tailLine = at.line + 1
	if found && at.line < v.lines {
		v.tailOff = at.off + at.size + 1
	}
	v.flaws = slices.DeleteFunc(v.flaws, func(f flaw) bool { return found && f.line > at.line })
}

// damaged tells whether anything is wrong at or before the proven point.
func (v *survey) damaged() bool {
	known := uint64(0)
	for seq := range v.places {
		if seq <= v.proven {
			known++
		}
	}
	return known < v.proven || slices.ContainsFunc(v.flaws, func(f flaw) bool { return f.after < v.proven })
}

// report pairs the numbers that are missing with the lines that are broken.
func (v *survey) report(file string) (state.Report, error) {
	r := state.Report{Records: len(v.places)}
	flaws := slices.Clone(v.flaws)
	before := uint64(0)
	for n := uint64(1); n <= v.last; n++ {
		if _, ok := v.places[n]; ok {
			before = n
			continue
		}
		if n-before > maxGap {
			return r, fmt.Errorf("%s: records %d to %d and more are missing; that is too much to be repaired", file, before+1, n)
		}
		d := state.Damage{Seq: n, Why: "it is missing"}
		if i := slices.IndexFunc(flaws, func(f flaw) bool { return f.after == before && f.size > 0 }); i >= 0 {
			d.Line, d.Bytes, d.Why = flaws[i].line, flaws[i].size, flaws[i].why
			flaws = slices.Delete(flaws, i, i+1)
		}
		r.Damaged = append(r.Damaged, d)
	}
	for _, f := range flaws {
		r.Damaged = append(r.Damaged, state.Damage{Line: f.line, Bytes: f.size, Why: f.why})
	}
	if v.tailOff < v.size {
		r.Tail = &state.Recovery{
			From: v.last + 1, BytesLost: v.size - v.tailOff, Where: fmt.Sprintf("%s, line %d", file, v.tailLine),
		}
	}
	return r, nil
}

// Verify reads the whole journal and reports what is wrong with it. It changes nothing.
func (s *Store) Verify(ctx context.Context, run string) (state.Report, error) {
	if err := begin(ctx, run); err != nil {
		return state.Report{}, err
	}
	v, f, err := s.openSurvey(ctx, run)
	if err != nil {
		return state.Report{}, err
	}
	if f != nil {
		_ = f.Close() // only read
	}
	return v.report(s.path(run, journalFile))
}

func (s *Store) openSurvey(ctx context.Context, run string) (*survey, vfs.File, error) {
	w, err := s.witness(run)
	if err != nil {
		return nil, nil, err
	}
	f, err := s.fs.OpenFile(s.path(run, journalFile), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	v, err := s.survey(ctx, run, f, w)
	if err != nil && f != nil {
		_ = f.Close() // only read
		f = nil
	}
	return v, f, err
}
