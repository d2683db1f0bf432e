// Package pgtest starts a PostgreSQL server for tests: a new one, in a temporary folder, with fsync on, that a test may
// stop, kill and start again. The programs initdb and postgres are taken from the PATH or from where packages put them.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"
)

// Required is the variable of the environment that makes a missing PostgreSQL an error rather than a reason to skip.
const Required = "DOGEAR_REQUIRE_POSTGRES"

// ErrMissing means that this machine has no PostgreSQL to start.
var ErrMissing = errors.New("no initdb and postgres on the PATH or below /usr/lib/postgresql (Debian, Ubuntu: apt-get install postgresql)")

// startTime is for making a cluster and starting it, on a busy machine.
const startTime = 2 * time.Minute

// Start starts a server that ends with the test. Settings are of the form name=value, as in postgresql.conf. Where
// PostgreSQL is missing the test is skipped, loudly, or fails if the environment says Required.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	s, err := New(ctx, settings...)
	Check(t, err)
	t.Cleanup(func() {
		if err := s.Remove(); err != nil {
			t.Errorf("end the server: %v", err)
		}
	})
	return s
}

// Check ends a test whose server could not be started, as [Start] does.
func Check(t testing.TB, err error) {
	t.Helper()
	switch {
	case errors.Is(err, ErrMissing) && os.Getenv(Required) == "":
		fmt.Fprintf(os.Stderr, "\n*** SKIPPED, NOT TESTED: %s: %v\n*** Set %s=1 to make this a failure.\n\n", t.Name(), err, Required)
		t.Skip(err)
	case err != nil:
		t.Fatalf("start PostgreSQL: %v", err)
	}
}
