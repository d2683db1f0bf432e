package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/dogear-go/dogear/state"
)

// Verify reads all of the run's records, and has SQLite check the structure of the whole file, and reports what is wrong
// with the records. A broken page is an error. It changes nothing. Of many runs that are verified one after another only some
// have the file checked again; see recheck.
func (s *Store) Verify(ctx context.Context, run string) (state.Report, error) {
	if err := begin(ctx, run); err != nil {
		return state.Report{}, err
	}
	var v survey
	err := s.read(ctx, func(c *conn) error {
		err := s.checkPages(c, run)
		if err == nil {
			v, err = s.survey(c, run)
		}
		return err
	})
	return v.report, s.explain(run, err)
}

// recheck: the check of a file that nobody has changed since the last one counts for as many times as long as it took. So it
// takes a small part of the time in which all runs of a file are verified, however large that is, and one that comes later
// looks anew.
const recheck = 10

// checkPages has the database check itself.
func (s *Store) checkPages(c *conn, run string) error {
	var version int64
	err := c.query(func(st *sqlite3.Stmt) error { version = st.ColumnInt64(0); return nil }, "PRAGMA data_version")
	if err != nil {
		return err
	}
	if version == c.sound.version && time.Now().Before(c.sound.until) {
		return nil
	}
	began := time.Now()
	var wrong string
	err = c.query(func(st *sqlite3.Stmt) error { wrong = st.ColumnText(0); return nil }, "PRAGMA quick_check(1)")
	switch {
	case err != nil:
		return err
	case wrong != "ok":
		return &state.DamagedError{Run: run, File: s.file, Why: wrong, Hint: recoverHint}
	}
	c.sound.version, c.sound.until = version, time.Now().Add(recheck*time.Since(began))
	return nil
}

// maxGap is how many numbers in a row repair fills. A larger gap is no damage that a disk makes.
const maxGap = 1 << 24

// survey is what a run's rows hold, however damaged.
type survey struct {
	run      runRow
	report   state.Report
	restored []byte // the first record, where it must be written anew
	next     uint64
	d        uint64 // of the last valid record
	epoch    uint64 // of the last valid record
}

func (s *Store) survey(c *conn, run string) (v survey, err error) {
	if v.run, err = c.findRun(run); err != nil {
		return v, err
	}
	if _, err := v.run.first(); errors.Is(err, state.ErrNewerFormat) {
		return v, err
	}
	v.next = 1
	err = c.records(forward, key(v.run.n, 0), key(v.run.n, maxSeq), func(rec stored) error {
		if err := v.missing(rec.seq); err != nil || rec.seq == 0 {
			return err
		}
		return v.add(s, rec)
	})
	if err != nil {
		return v, err
	}
	w, err := c.witness(v.run.n)
	if err != nil {
		return v, err
	}
	return v, v.missing(max(w.seq+1, 2))
}

// missing notes the numbers that are not there, up to the one before seq.
func (v *survey) missing(seq uint64) error {
	if seq > v.next && seq-v.next > maxGap {
		return fmt.Errorf("records %d to %d are missing; that is too much to be repaired", v.next, seq-1)
	}
	for ; v.next < seq; v.next++ {
		v.report.Damaged = append(v.report.Damaged, state.Damage{Seq: v.next, Why: "it is missing"})
	}
	return nil
}

func (v *survey) add(s *Store, rec stored) error {
	v.next = rec.seq + 1
	e, err := s.decode(v.run, rec)
	if err == nil && rec.seq == 1 {
		_, err = decodeFirst(rec.text, v.run.id)
	}
	if errors.Is(err, state.ErrNewerFormat) {
		return err
	}
	if err != nil {
		v.report.Damaged = append(v.report.Damaged, state.Damage{Seq: rec.seq, Bytes: int64(len(rec.text)), Why: why(err)})
		return nil
	}
	v.report.Records++
	v.d, v.epoch = e.Durable, e.Epoch
	return nil
}

func why(err error) string {
	var d *state.DamagedError
	if errors.As(err, &d) {
		return d.Why
	}
	return err.Error()
}

// Repair keeps the bytes of the damaged records in the table damaged, and puts a mark in the place of each; every valid
// record stays as it is, byte for byte. A first record that is lost comes from its copy beside the run's name or from the
// snapshot; without one nothing can be repaired, and nothing is changed. All is one transaction. A journal that is not
// damaged is left alone.
func (s *Store) Repair(ctx context.Context, run string) (report state.Report, err error) {
	if err := begin(ctx, run); err != nil {
		return report, err
	}
	if err := s.admit(ctx, run, state.OpenExisting); err != nil {
		return report, err
	}
	lock, err := s.lock(ctx, run)
	if err != nil {
		return report, err
	}
	err = s.heal()
	if err == nil {
		err = s.commits.commit(&op{alone: true, sync: true, do: func(c *conn) error {
			v, err := s.survey(c, run)
			if err == nil && len(v.report.Damaged) > 0 {
				err = s.repair(c, &v)
			}
			report = v.report
			return err
		}})
	}
	return report, errors.Join(s.explain(run, err), lock.Close())
}

func (s *Store) repair(c *conn, v *survey) error {
	if v.report.Damaged[0].Seq == 1 {
		if err := v.restoreFirst(c); err != nil {
			return err
		}
	}
	name := "repair-" + stamp()
	v.report.Copy = fmt.Sprintf("%s, table damaged, %s", s.file, name)
	for _, d := range v.report.Damaged {
		if err := s.repairOne(c, v, d, name); err != nil {
			return err
		}
	}
	// Whatever the snapshot says of the records that are lost, the journal no longer bears it out.
	return c.dropSnapshots(v.run.n)
}

// restoreFirst finds a sound copy of the first record.
func (v *survey) restoreFirst(c *conn) error {
	if _, err := v.run.first(); err == nil {
		v.restored = v.run.created
		return nil
	}
	snapshot, err := c.witness(v.run.n)
	if err != nil {
		return err
	}
	w, err := state.ReadWitnessFrom(&partReader{read: func(fn func(*conn) error) error { return fn(c) }, id: snapshot.id})
	if err == nil && w.RunID == v.run.id && len(w.Created) > 0 {
		created := w.Created[:len(w.Created)-1]
		if _, err := decodeFirst(created, v.run.id); err == nil {
			v.restored = created
			return nil
		}
	}
	return fmt.Errorf("run %q can't be repaired: its first record is lost, and no copy of it is sound; nothing was changed", v.run.name)
}

// before finds what a mark in the place of a record must say: with the d of the record before it proves nothing that was
// not proven there.
func (s *Store) before(c *conn, r runRow, seq uint64) (d, epoch uint64, upto int64, err error) {
	epoch = 1
	err = c.records(backward, key(r.n, 1), key(r.n, seq-1), func(rec stored) error {
		upto = rec.upto
		if e, err := s.decode(r, rec); err == nil {
			d, epoch = e.Durable, e.Epoch
		}
		return errEnough
	})
	return d, epoch, upto, err
}

func (s *Store) repairOne(c *conn, v *survey, d state.Damage, name string) error {
	k := key(v.run.n, d.Seq)
	err := c.run("INSERT INTO damaged (run, seq, repair, record) SELECT ?, ?, ?, record FROM events WHERE k = ?",
		v.run.n, int64(d.Seq), name, k)
	if err != nil {
		return err
	}
	proven, epoch, upto, err := s.before(c, v.run, d.Seq)
	if err != nil {
		return err
	}
	text := v.restored
	if d.Seq > 1 {
		e := state.New(state.Scope{}, state.JournalMark{
			Kind: state.MarkRepaired, From: d.Seq, To: d.Seq, BytesLost: d.Bytes, Copy: name,
		})
		e.Seq, e.Durable, e.Time, e.Epoch = d.Seq, proven, time.Now().UTC(), epoch
		if text, err = state.AppendRecord(nil, v.run.id, e); err != nil {
			return err
		}
		text = text[:len(text)-1]
	}
	return c.insertBlob("INSERT OR REPLACE INTO events (k, upto, record) VALUES (?, ?, ?)", "events", "record", text,
		k, upto+int64(len(text)))
}
