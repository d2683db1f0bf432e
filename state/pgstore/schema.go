package pgstore

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/dogear-go/dogear/state"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrNotMigrated means that the tables are missing, or those of an older version: call [Store.Migrate].
var ErrNotMigrated = errors.New("the tables are missing or too old; call (*pgstore.Store).Migrate once with a role that may create them")

// Migrate makes the schema and its tables, or brings them up to date; where they are it changes nothing. Several
// processes may call it at once. It must not be called while older versions of Dogear work in the schema. The error is
// state.ErrNewerFormat when a newer version made the tables.
func (s *Store) Migrate(ctx context.Context) error {
	files, err := migrations.ReadDir("migrations") // by name, and so by version
	if err != nil {
		return err
	}
	// Another process may take its time over it, so that only the caller says how long to wait.
	for r := s.newRetrier(); ; {
		err := s.inTx(ctx, func(tx pgx.Tx) error { return s.migrate(ctx, tx, len(files)) })
		if err == nil {
			s.ready.Store(true)
			return nil
		}
		if err := r.again(ctx, err); err != nil {
			return fmt.Errorf("pgstore: migrate the schema %q: %w", s.o.Schema, err)
		}
	}
}

func (s *Store) migrate(ctx context.Context, tx pgx.Tx, latest int) error {
	// One at a time; the others then find everything done.
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, s.lockKey()); err != nil {
		return err
	}
	// Not CREATE … IF NOT EXISTS, which asks for the right to create what is there.
	var schema, table bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1),
		EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'migrations')`, s.o.Schema).Scan(&schema, &table)
	if err != nil {
		return err
	}
	if !schema {
		if _, err := tx.Exec(ctx, `CREATE SCHEMA `+s.sql.schema); err != nil {
			return err
		}
	}
	if !table {
		_, err := tx.Exec(ctx, `CREATE TABLE `+s.sql.schema+`.migrations (version integer PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())`)
		if err != nil {
			return err
		}
	}
	version, err := s.version(ctx, tx)
	if err == nil {
		err = checkNewer(version, latest)
	}
	for ; err == nil && version < latest; version++ {
		err = s.apply(ctx, tx, version+1)
	}
	return err
}

func (s *Store) apply(ctx context.Context, tx pgx.Tx, version int) error {
	names, err := migrations.ReadDir("migrations")
	if err != nil {
		return err
	}
	text, err := migrations.ReadFile("migrations/" + names[version-1].Name())
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, strings.ReplaceAll(string(text), "{schema}", s.sql.schema), pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("version %d: %w", version, err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO `+s.sql.schema+`.migrations (version) VALUES ($1)`, version)
	return err
}

// lockKey is the same for all who migrate this schema, in any version.
func (s *Store) lockKey() int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("dogear/pgstore/" + s.o.Schema)) // never fails
	return int64(h.Sum64())
}

type queryer interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func (s *Store) version(ctx context.Context, q queryer) (version int, err error) {
	err = q.QueryRow(ctx, `SELECT coalesce(max(version), 0) FROM `+s.sql.schema+`.migrations`).Scan(&version)
	return version, err
}

// checkVersion says whether this version can work with the tables.
func (s *Store) checkVersion(ctx context.Context) error {
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		return err
	}
	var version int
	err = s.retry(ctx, func(ctx context.Context) (err error) {
		version, err = s.version(ctx, s.pool)
		return err
	})
	if err == nil && version < len(files) {
		err = fmt.Errorf("they have version %d, this one needs %d: %w", version, len(files), ErrNotMigrated)
	}
	if err == nil {
		err = checkNewer(version, len(files))
	}
	if err != nil {
		return fmt.Errorf("pgstore: look at the schema %q: %w", s.o.Schema, err)
	}
	return nil
}

func checkNewer(version, latest int) error {
	if version <= latest {
		return nil
	}
	return fmt.Errorf("the tables have version %d, this one knows %d: %w; update dogear", version, latest, state.ErrNewerFormat)
}

// explain says what is to be done about an error that comes from missing tables.
func (s *Store) explain(err error) error {
	switch codeOf(err) {
	case codeNoTable, codeNoColumn, codeNoSchema:
		return fmt.Errorf("schema %q: %w (%w)", s.o.Schema, ErrNotMigrated, err)
	}
	return err
}
