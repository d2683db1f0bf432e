package sqlitestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/dogear-go/dogear/state"
)

// Ask leaves a request for the run, without its lock. A second pause replaces the first. While another process writes it
// waits, up to a minute; when ctx ends before it could begin, nothing is asked, and the error is ctx's.
func (s *Store) Ask(ctx context.Context, run string, r state.Request) error {
	if err := begin(ctx, run); err != nil {
		return err
	}
	switch r.Kind {
	case state.AskPause, state.AskApprove, state.AskReject:
	default:
		return fmt.Errorf("ask %q of run %q: %w", r.Kind, run, state.ErrUnsupported)
	}
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	r.Time = r.Time.UTC()
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	err = s.commits.commitWithin(ctx, &op{sync: true, do: func(c *conn) error {
		of, err := c.findRun(run)
		if err == nil && r.Kind == state.AskPause {
			err = c.run("DELETE FROM requests WHERE run = ? AND kind = ? AND stale = ''", of.n, string(r.Kind))
		}
		if err == nil {
			err = c.run("INSERT INTO requests (run, kind, stale, body) VALUES (?, ?, '', ?)", of.n, string(r.Kind), string(body))
		}
		return err
	}})
	return s.explain(run, err)
}

// letter is a request and its row.
type letter struct {
	state.Request
	n   int64
	err error
}

// Requests returns what is asked of the run now, oldest first. A row that can't be understood is an error, returned
// beside the others.
func (s *Store) Requests(ctx context.Context, run string) ([]state.Request, error) {
	if err := begin(ctx, run); err != nil {
		return nil, err
	}
	var letters []letter
	err := s.read(ctx, func(c *conn) (err error) {
		letters, err = c.letters(run)
		return err
	})
	if err != nil {
		return nil, s.explain(run, err)
	}
	var list []state.Request
	var failed []error
	for _, l := range letters {
		if l.err == nil {
			list = append(list, l.Request)
		} else {
			failed = append(failed, fmt.Errorf("%s: request %d of run %q: %w", s.file, l.n, run, l.err))
		}
	}
	return list, errors.Join(failed...)
}

// letters reads the requests of a run; one that is not there has none.
func (c *conn) letters(run string) (list []letter, err error) {
	err = c.query(func(st *sqlite3.Stmt) error {
		l := letter{n: st.ColumnInt64(0)}
		l.err = json.Unmarshal(st.ColumnRawText(1), &l.Request)
		list = append(list, l)
		return nil
	}, "SELECT n, body FROM requests WHERE run = (SELECT n FROM runs WHERE name = ?) AND stale = '' ORDER BY n", run)
	slices.SortStableFunc(list, func(a, b letter) int { return a.Time.Compare(b.Time) })
	return list, err
}

// Done deletes the row of a request that has been honoured or, with stale, gives it a name under which it is kept. A
// request that is not there any more is done. It waits as Ask does.
func (s *Store) Done(ctx context.Context, run string, r state.Request, stale bool) (name string, err error) {
	if err := begin(ctx, run); err != nil {
		return "", err
	}
	err = s.commits.commitWithin(ctx, &op{sync: true, do: func(c *conn) error {
		name = ""
		letters, err := c.letters(run)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(letters, func(l letter) bool { return l.err == nil && l.Same(r) })
		switch {
		case i < 0:
			return nil
		case !stale:
			return c.run("DELETE FROM requests WHERE n = ?", letters[i].n)
		}
		name = fmt.Sprintf("%s.stale-%s", r.Kind, stamp())
		return c.run("UPDATE requests SET stale = ? WHERE n = ?", name, letters[i].n)
	}})
	return name, s.explain(run, err)
}
