// Novel-postgres is the novel with one store more: PostgreSQL. It is a module of its own, so that the others link no
// client of a database server.
//
//	novel-postgres migrate --store postgres://me@host/books   make the tables, once and after an update
//	novel-postgres --store postgres://me@host/books           write
//	novel-postgres --store postgres://me@host/books --resume  go on, on this machine or another
//	novel-postgres --store postgres:env                       the database that DATABASE_URL names or, without it, the
//	                                                          variables of libpq: PGHOST, PGUSER, PGPASSWORD, PGPASSFILE, …
//
// The schema and the lease are settings of the place, as in postgres://me@host/books?dogear_schema=novels&dogear_lease=5s.
//
// A password on a command line is seen by every user of the machine: leave it to the variables, or to a file of passwords.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/dogear-go/dogear/controller/cli"
	"github.com/dogear-go/dogear/examples/novel/internal/app"
	"github.com/dogear-go/dogear/state"
)

func main() {
	os.Exit(Main())
}

// Main is the program. It returns the exit code.
func Main() int {
	cmd, err := command()
	if err == nil {
		err = cmd.ExecuteContext(context.Background())
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "novel-postgres: %s\n", state.Printable(err.Error()))
	}
	return cli.ExitCode(err)
}

// command is the novel's command line with the store postgres and the command migrate.
func command() (*cobra.Command, error) {
	novel, err := app.New()
	if err != nil {
		return nil, err
	}
	novel.Name = "novel-postgres"
	novel.Stores = map[string]cli.StoreOpener{scheme: open, scheme + "ql": open}
	cmd := cli.Command(novel)
	cmd.AddCommand(migrateCommand())
	return cmd, nil
}

func migrateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "make the tables of --store postgres:..., or bring them up to date",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := placeOf(cmd.Flag("store"))
			if err != nil {
				return err
			}
			store, err := connect(cmd.Context(), at)
			if err != nil {
				return hide(at, err)
			}
			defer func() { _ = store.Close() }() // which never fails
			return hide(at, store.Migrate(cmd.Context()))
		},
	}
}
