package pgstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/dogear-go/dogear/state"
)

// upto is the number of the last record that is kept.
func (j *journal) upto() int64 { return j.synced + int64(len(j.kept)) }

// bring sends what is kept and not there and, with sync, sees to it that everything is on the disk. It goes on over lost
// connections for as long as the store's options say.
func (j *journal) bring(ctx context.Context, sync bool) error {
	sync = sync && j.store.o.Sync == state.SyncAlways
	r, stuck := j.store.newRetrier(), 0
	for flushed := !sync; j.there < j.upto() || !flushed; {
		if err := j.lease.err(); err != nil {
			return err
		}
		chunk, size := j.chunk()
		last := j.there+int64(len(chunk)) == j.upto()
		done, err := j.send(ctx, chunk, size, sync && last)
		if err == nil && done {
			j.there += int64(len(chunk))
			flushed = flushed || last
			stuck = 0
			continue
		}
		if err != nil && codeOf(err) != codeUnique {
			if err := r.again(ctx, err); err != nil {
				return j.store.explain(err)
			}
		}
		// The answer was lost, or the database is not where this writer thought: it says where it is. Only once in a row:
		// who then finds the same as before would never end.
		before := j.there
		if err := j.resolve(ctx, r); err != nil {
			return err
		}
		if err == nil && before == j.there {
			if stuck++; stuck > 3 {
				return fmt.Errorf("the database refuses number %d, and does not say why", j.there+1)
			}
		}
	}
	j.release(sync)
	return nil
}

// release forgets what need not be sent again. Without sync in the store nothing is ever kept.
func (j *journal) release(sync bool) {
	if !sync && j.store.o.Sync == state.SyncAlways {
		return
	}
	j.synced, j.keep = j.upto(), 0
	clear(j.kept) // holds on to no text that is written
	j.kept = j.kept[:0]
}

// chunk is what goes into the next statement.
func (j *journal) chunk() (chunk []record, size int64) {
	rest := j.kept[j.there-j.synced:]
	for i, r := range rest {
		if size += int64(len(r.text)); size > maxSent && i > 0 {
			return rest[:i], size - int64(len(r.text))
		}
		if j.there == 0 {
			return rest[:1], size // the first record goes alone
		}
	}
	return rest, size
}

// send sends one statement: records or, when there are none, a commit that puts everything before it on the disk. False:
// the database carried out nothing.
func (j *journal) send(ctx context.Context, chunk []record, size int64, sync bool) (done bool, err error) {
	s := j.store
	pick := func(synced, note string) string {
		if sync {
			return synced
		}
		return note
	}
	err = s.attempt(ctx, size, func(ctx context.Context) error {
		var sql string
		var args []any
		switch {
		case len(chunk) == 0:
			sql, args = s.sql.flush, []any{j.id, j.epoch, j.there}
		case j.there == 0:
			sql, args = pick(s.sql.create, s.sql.createNote), []any{j.id, j.epoch, j.runID, chunk[0].total, chunk[0].text}
		case len(chunk) == 1:
			sql, args = pick(s.sql.one, s.sql.oneNote), []any{j.id, j.epoch, j.there + 1, chunk[0].total, chunk[0].text}
		case len(chunk) <= fewRecords:
			sql, args = pick(s.sql.few[len(chunk)], s.sql.fewNote[len(chunk)]), []any{j.id, j.epoch, j.there + 1}
			for _, r := range chunk {
				args = append(args, r.total, r.text)
			}
		default:
			totals, texts := make([]int64, len(chunk)), make([][]byte, len(chunk))
			for i, r := range chunk {
				totals[i], texts[i] = r.total, r.text
			}
			sql, args = pick(s.sql.many, s.sql.manyNote), []any{j.id, j.epoch, j.there + 1, totals, texts}
		}
		tag, err := s.pool.Exec(ctx, sql, args...)
		done = tag.RowsAffected() == int64(max(len(chunk), 1))
		return err
	})
	return done, err
}

// resolve finds out what of the kept records the database has. What it has must be the same, and all that was synced.
func (j *journal) resolve(ctx context.Context, r *retrier) error {
	for {
		err := j.store.attempt(ctx, 0, j.readBack)
		if err == nil {
			return nil
		}
		if err := r.again(ctx, err); err != nil {
			return err
		}
	}
}

func (j *journal) readBack(ctx context.Context) error {
	rows, err := j.store.pool.Query(ctx, j.store.sql.resolve, j.id, j.synced)
	if err != nil {
		return err
	}
	defer rows.Close()
	var epoch int64
	there, any := int64(0), false
	for rows.Next() {
		var seq *int64
		var sum []byte
		if err := rows.Scan(&epoch, &seq, &sum); err != nil {
			return err
		}
		any = true
		if seq == nil || epoch != j.epoch { // what another wrote says nothing
			break
		}
		if there == 0 && *seq != max(j.synced, 1) || there > 0 && *seq != there+1 || *seq > j.upto() {
			return fmt.Errorf("the database has number %d after %d, which this writer did not send", *seq, max(there, j.synced))
		}
		there = *seq
		if there > j.synced {
			if want := sha256.Sum256(j.kept[there-j.synced-1].text); !bytes.Equal(want[:], sum) {
				return fmt.Errorf("the database has another event with number %d than this writer sent", there)
			}
		}
	}
	rows.Close()
	switch err := rows.Err(); {
	case err != nil:
		return err
	case !any:
		return fmt.Errorf("%w: the run was removed or archived", state.ErrFenced)
	case epoch != j.epoch:
		return fmt.Errorf("%w: its epoch is %d, ours was %d", state.ErrFenced, epoch, j.epoch)
	case there < j.synced:
		return fmt.Errorf("the database has lost number %d, which it had acknowledged as being on its disk; was it restored from a backup, or is this a replica that lagged?",
			j.synced)
	}
	j.there = there
	return nil
}
