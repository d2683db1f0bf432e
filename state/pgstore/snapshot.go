package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const (
	liveRun = `FROM {schema}.runs r WHERE r.name = $1 AND r.archived IS NULL AND r.run_id <> ''`

	saveSnapshot = `
INSERT INTO {schema}.snapshots (run, data) SELECT r.id, $2::bytea ` + liveRun + ` AND {commit}
ON CONFLICT (run) DO UPDATE SET data = excluded.data`

	loadSnapshot = `SELECT (SELECT data FROM {schema}.snapshots WHERE run = r.id) ` + liveRun
)

// SaveSnapshot replaces what was saved before. It is committed with sync, and with it all records that it covers.
func (s *Store) SaveSnapshot(ctx context.Context, run string, data []byte) error {
	if err := s.begin(ctx, run); err != nil {
		return err
	}
	if data == nil {
		data = []byte{}
	}
	err := s.saving(ctx, run, s.sql.saveSnapshot, run, data)
	if err != nil {
		return fmt.Errorf("save a snapshot: %w", err)
	}
	return nil
}

// saving carries out an INSERT of one row that belongs to a run.
func (s *Store) saving(ctx context.Context, run, sql string, args ...any) error {
	return s.retry(ctx, func(ctx context.Context) error {
		tag, err := s.pool.Exec(ctx, sql, args...)
		if codeOf(err) == codeForeignKey || err == nil && tag.RowsAffected() == 0 { // removed just now, or never there
			return notFound(run)
		}
		return err
	})
}

// LoadSnapshot returns what was saved last.
func (s *Store) LoadSnapshot(ctx context.Context, run string) ([]byte, error) {
	if err := s.begin(ctx, run); err != nil {
		return nil, err
	}
	var data []byte
	err := s.retry(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, s.sql.loadSnapshot, run).Scan(&data)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, notFound(run)
	}
	if err == nil && data == nil {
		return nil, fmt.Errorf("the snapshot of %w", notFound(run))
	}
	return data, err
}
