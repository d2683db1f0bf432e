package filestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// Repair keeps a copy of a damaged journal beside it, and writes a new one, atomically: every valid record stays as it
// is, byte for byte, and a mark takes the place of each number that is lost. A first record that is lost comes from the
// checkpoint; without one nothing can be repaired, and nothing is changed. A journal that is not damaged is left alone.
func (s *Store) Repair(ctx context.Context, run string) (report state.Report, err error) {
	if err := begin(ctx, run); err != nil {
		return report, err
	}
	if there, err := s.exists(run); err != nil {
		return report, err
	} else if !there {
		return report, notFound(run)
	}
	lock, err := s.lockRun(ctx, run, false)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	v, f, err := s.openSurvey(ctx, run)
	if err != nil {
		return report, err
	}
	if f != nil {
		defer func() { _ = f.Close() }() // only read
	}
	report, err = v.report(s.path(run, journalFile))
	if err != nil || len(report.Damaged) == 0 {
		return report, err
	}
	if _, ok := v.places[1]; !ok && v.restored == nil {
		return report, fmt.Errorf("run %q can't be repaired: its first record is lost, and no %s holds it; nothing was changed",
			run, checkpointFile)
	}
	return s.rewrite(ctx, run, v, f, report)
}

func (s *Store) rewrite(ctx context.Context, run string, v *survey, f vfs.File, report state.Report) (state.Report, error) {
	journal := s.path(run, journalFile)
	if f != nil {
		var err error
		if report.Copy, err = s.stamped(journal + ".damaged-"); err != nil {
			return report, err
		}
		err = s.writeNew(report.Copy, func(w io.Writer) error {
			_, err := io.Copy(w, io.NewSectionReader(f, 0, v.read))
			return err
		})
		if err != nil {
			return report, fmt.Errorf("keep a copy of the journal of run %q: %w", run, err)
		}
	}
	// Whatever the checkpoint says of the records that are lost, the journal no longer bears it out.
	err := s.writeNew(s.path(run, staleFile), func(io.Writer) error { return nil })
	temp := journal + ".tmp"
	if err == nil {
		err = s.writeNew(temp, func(w io.Writer) error { return v.write(ctx, w, f, report) })
	}
	if err == nil {
		err = s.fs.SyncDir(s.RunDir(run)) // the copy and the mark must be there before the journal changes
	}
	if err == nil {
		err = s.fs.Rename(temp, journal)
	}
	if err == nil {
		err = s.fs.SyncDir(s.RunDir(run))
	}
	s.entry(run).forget()
	if err != nil {
		return report, fmt.Errorf("repair run %q: %w", run, err)
	}
	return report, nil
}

// writeNew writes a file anew and syncs it.
func (s *Store) writeNew(path string, fill func(io.Writer) error) error {
	f, err := s.fs.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, filePerm)
	if err != nil {
		return err
	}
	err = fill(io.NewOffsetWriter(f, 0))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// write writes the repaired journal.
func (v *survey) write(ctx context.Context, w io.Writer, f io.ReaderAt, report state.Report) error {
	lost := map[uint64]int64{}
	for _, d := range report.Damaged {
		lost[d.Seq] += d.Bytes
	}
	var out []byte
	var before place // the valid record before
	for n := uint64(1); n <= v.last; n++ {
		p, ok := v.places[n]
		switch {
		case ok:
			at := len(out)
			out = append(out, make([]byte, p.size+1)...)
			if _, err := f.ReadAt(out[at:at+int(p.size)], p.off); err != nil {
				return err
			}
			out[len(out)-1] = '\n'
			before = p
		case n == 1:
			out = append(out, v.restored...)
		default:
			e := state.New(state.Scope{}, state.JournalMark{
				Kind: state.MarkRepaired, From: n, To: n, BytesLost: lost[n], Copy: copyName(report),
			})
			// With the d of the record before, the mark proves nothing that was not proven there.
			e.Seq, e.Durable, e.Time, e.Epoch = n, before.d, v.now, v.epoch(f, before)
			var err error
			if out, err = state.AppendRecord(out, v.runID, e); err != nil {
				return err
			}
		}
		if len(out) >= lineBuffer || n == v.last {
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := w.Write(out); err != nil {
				return err
			}
			out = out[:0]
		}
	}
	return nil
}

func copyName(r state.Report) string {
	if r.Copy == "" {
		return ""
	}
	return filepath.Base(r.Copy)
}

// epoch is the session that wrote a record; 1 when that can't be told.
func (v *survey) epoch(f io.ReaderAt, p place) uint64 {
	if p.size == 0 {
		return 1
	}
	text := make([]byte, p.size)
	if _, err := f.ReadAt(text, p.off); err != nil {
		return 1
	}
	e, err := state.DecodeRecord(text, v.runID)
	if err != nil {
		return 1
	}
	return e.Epoch
}
