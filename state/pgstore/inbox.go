package pgstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/dogear-go/dogear/state"
)

const (
	// Asking for a pause twice is asking once, by the name.
	putRequest = `
INSERT INTO {schema}.requests (run, name, body) SELECT r.id, $2, $3::bytea ` + liveRun + `
ON CONFLICT (run, name) DO UPDATE SET body = excluded.body`

	readRequests = `
SELECT q.name, q.body FROM {schema}.requests q JOIN {schema}.runs r ON r.id = q.run
WHERE r.name = $1 AND r.archived IS NULL AND NOT q.stale`

	endRequest = `
DELETE FROM {schema}.requests q USING {schema}.runs r
WHERE r.id = q.run AND r.name = $1 AND r.archived IS NULL AND q.name = $2 AND q.body = $3`

	setAside = `
UPDATE {schema}.requests q SET name = $4, stale = true FROM {schema}.runs r
WHERE r.id = q.run AND r.name = $1 AND r.archived IS NULL AND q.name = $2 AND q.body = $3`
)

// Ask leaves a request for the run.
func (s *Store) Ask(ctx context.Context, run string, r state.Request) error {
	if err := s.begin(ctx, run); err != nil {
		return err
	}
	name := string(r.Kind)
	switch r.Kind {
	case state.AskPause:
	case state.AskApprove, state.AskReject:
		name += "-" + strconv.FormatUint(rand.Uint64(), 36)
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
	return s.saving(ctx, run, s.sql.putRequest, run, name, body)
}

// letter is a request, and the name and the text of its row.
type letter struct {
	state.Request
	name string
	body []byte
}

// Requests returns what is asked of the run now, oldest first. A request that can't be understood is an error, returned
// beside the others.
func (s *Store) Requests(ctx context.Context, run string) ([]state.Request, error) {
	letters, err := s.letters(ctx, run)
	var list []state.Request
	for _, l := range letters {
		list = append(list, l.Request)
	}
	return list, err
}

func (s *Store) letters(ctx context.Context, run string) (list []letter, err error) {
	if err := s.begin(ctx, run); err != nil {
		return nil, err
	}
	var failed []error
	err = s.retry(ctx, func(ctx context.Context) error {
		list, failed = nil, nil
		rows, err := s.pool.Query(ctx, s.sql.requests, run)
		if err != nil {
			return err
		}
		var l letter
		_, err = pgx.ForEachRow(rows, []any{&l.name, &l.body}, func() error {
			l.Request, l.body = state.Request{}, slices.Clone(l.body)
			if err := json.Unmarshal(l.body, &l.Request); err != nil {
				failed = append(failed, fmt.Errorf("request %q of run %q: %w", l.name, run, err))
			} else {
				list = append(list, l)
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b letter) int { return a.Time.Compare(b.Time) })
	return list, errors.Join(failed...)
}

// Done takes away a request that has been honoured or, with stale, keeps it aside under another name, which it returns. A
// request that is not there any more is done, also when another one has its place.
func (s *Store) Done(ctx context.Context, run string, r state.Request, stale bool) (string, error) {
	letters, err := s.letters(ctx, run)
	i := slices.IndexFunc(letters, func(l letter) bool { return l.Same(r) })
	if i < 0 {
		return "", err
	}
	sql, args, aside := s.sql.endRequest, []any{run, letters[i].name, letters[i].body}, ""
	if stale {
		aside = letters[i].name + ".stale-" + stamp()
		sql, args = s.sql.setAside, append(args, aside)
	}
	return aside, s.retry(ctx, func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, sql, args...)
		return err
	})
}
