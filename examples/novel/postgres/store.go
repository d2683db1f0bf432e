package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/pflag"

	"github.com/dogear-go/dogear/controller/cli"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/pgstore"
)

const scheme = "postgres"

// urlVariable is the variable of the environment that this program knows, besides those of libpq.
const urlVariable = "DATABASE_URL"

// What the place may say besides what libpq knows, as in postgres://me@host/books?dogear_schema=novels.
const (
	schemaSetting = "dogear_schema" // see pgstore.Options.Schema
	leaseSetting  = "dogear_lease"  // see pgstore.Options.Lease; as in 15s
)

// fromEnvironment is what stands for a database that the environment names.
const fromEnvironment = "env"

// closing is a store that closes its pool.
type closing struct {
	*pgstore.Store
	pool *pgxpool.Pool
}

// Close closes all connections.
func (c closing) Close() error {
	c.pool.Close()
	return nil
}

// open is the opener of --store postgres:…. It makes no tables.
func open(ctx context.Context, at string, _ bool) (state.Store, error) {
	store, err := connect(ctx, at)
	if err != nil {
		return nil, err
	}
	for _, err := range store.List(ctx, state.ListQuery{Limit: 1}) { // asks whether the tables are there
		if errors.Is(err, pgstore.ErrNotMigrated) {
			_ = store.Close() // which never fails
			return nil, &cli.UsageError{Err: fmt.Errorf("the database has no tables for novels, or old ones; make them with: novel-postgres migrate --store …\n(%w)", err)}
		}
	}
	return store, nil
}

// connect makes the store. Nothing is said to the server yet.
func connect(ctx context.Context, at string) (closing, error) {
	c, err := pgxpool.ParseConfig(database(at))
	if err != nil {
		return closing{}, &cli.UsageError{Err: err}
	}
	settings := c.ConnConfig.RuntimeParams
	o := pgstore.Options{Schema: settings[schemaSetting]}
	if text := settings[leaseSetting]; text != "" {
		if o.Lease, err = time.ParseDuration(text); err != nil {
			return closing{}, &cli.UsageError{Err: fmt.Errorf("%s: %w", leaseSetting, err)}
		}
	}
	delete(settings, schemaSetting) // the server does not know them
	delete(settings, leaseSetting)
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return closing{}, err
	}
	store, err := pgstore.New(pool, o)
	if err != nil {
		pool.Close()
		return closing{}, err
	}
	return closing{store, pool}, nil
}

// database is what pgx calls a connection string: a URL, of which the scheme has been cut off, or settings such as
// "host=/run/postgresql dbname=books"; empty: the variables of libpq.
func database(at string) string {
	switch {
	case at == fromEnvironment:
		return os.Getenv(urlVariable)
	case strings.HasPrefix(at, "//"):
		return scheme + ":" + at
	}
	return at
}

// placeOf is what --store says behind the scheme.
func placeOf(flag *pflag.Flag) (string, error) {
	text := ""
	if flag != nil {
		text = flag.Value.String()
	}
	name, at, _ := strings.Cut(text, ":")
	if name != scheme && name != scheme+"ql" || at == "" {
		return "", &cli.UsageError{Err: fmt.Errorf("say where, as in --store postgres://me@host/books or --store postgres:env")}
	}
	return at, nil
}

// hide takes the password out of an error. pgx does not print those of a connection string that it understood.
func hide(at string, err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if c, parsed := pgxpool.ParseConfig(database(at)); parsed == nil && c.ConnConfig.Password != "" {
		text = strings.ReplaceAll(text, c.ConnConfig.Password, "xxxxx")
	}
	return &hidden{text, err}
}

type hidden struct {
	text string
	err  error
}

func (h *hidden) Error() string { return h.text }
func (h *hidden) Unwrap() error { return h.err }
