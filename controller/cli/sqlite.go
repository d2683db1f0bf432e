package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/sqlitestore"
)

// openSQLite opens FILE or FILE?sync=none.
func openSQLite(ctx context.Context, at string, create bool) (state.Store, error) {
	file, sync, err := splitSync(at)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(file)
	switch {
	case file == "":
		return nil, usagef("it must name a file, as in sqlite:FILE")
	case strings.HasPrefix(file, ":"), strings.HasPrefix(file, "file:"):
		return nil, usagef("it must be the plain name of a file")
	case err == nil && info.IsDir():
		return nil, usagef("it is a folder, not a file")
	case errors.Is(err, syscall.ENOTDIR):
		return nil, usagef("it lies below a file, not in a folder")
	case errors.Is(err, fs.ErrNotExist) && !create:
		return nil, state.ErrNotFound
	}
	return sqlitestore.Open(ctx, file, sqlitestore.Options{Sync: sync})
}
