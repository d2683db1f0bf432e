package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
)

// StoreOpener opens the store that stands behind "SCHEME:" in --store. With create false nothing may be made: a store that
// is not there gives an error that is [state.ErrNotFound]. A store that is an [io.Closer] is closed when the command ends.
// An error that is a [UsageError] says that the text is to blame. Errors need not hide a password that stands in the text:
// they are printed without it.
type StoreOpener func(ctx context.Context, at string, create bool) (state.Store, error)

// The schemes of --store that every program has.
const (
	schemeFile   = "file"
	schemeSQLite = "sqlite"
)

// openers are the schemes that this program knows; its own win.
func (k *kit) openers() map[string]StoreOpener {
	all := map[string]StoreOpener{schemeFile: openFiles, schemeSQLite: openSQLite}
	maps.Copy(all, k.stores)
	return all
}

// openNamed opens what a flag such as --store named.
func (k *kit) openNamed(ctx context.Context, flag string, name storeName, create bool) (state.Store, error) {
	opener := k.openers()[name.scheme]
	if opener == nil {
		return nil, k.unknownScheme(flag, name)
	}
	store, err := opener(ctx, name.at, create)
	switch {
	case err == nil:
		if c, ok := store.(io.Closer); ok {
			k.closers = append(k.closers, c)
		}
		return store, nil
	case errors.Is(err, state.ErrNotFound):
		return nil, err
	}
	text := fmt.Sprintf("--%s %s: %s", flag, name.quoted(), name.redact(err.Error()))
	var usage *UsageError
	if errors.As(err, &usage) {
		return nil, &UsageError{&advised{text, err}}
	}
	return nil, &redacted{text, err}
}

// redacted is an error whose text, and nothing else, differs from its cause's. Unlike advised it may still get advice.
type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }
func (e *redacted) Unwrap() error { return e.err }

// unknownScheme lists what there is.
func (k *kit) unknownScheme(flag string, name storeName) error {
	text := fmt.Sprintf("--%s: this program has no store %q; it has %s", flag, name.scheme, k.storeHelp())
	if name.scheme == "postgres" || name.scheme == "postgresql" {
		text += "\nPostgreSQL is served by programs that link state/pgstore, such as examples/novel/postgres"
	}
	return usagef("%s", text)
}

// closeStores closes what the command opened.
func (k *kit) closeStores() (err error) {
	for _, c := range slices.Backward(k.closers) {
		if failed := c.Close(); failed != nil {
			err = errors.Join(err, fmt.Errorf("closing the store: %w", failed))
		}
	}
	k.closers, k.opened = nil, nil
	return err
}

// openFiles opens DIR or DIR?sync=none.
func openFiles(_ context.Context, at string, create bool) (state.Store, error) {
	dir, sync, err := splitSync(at)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(dir)
	switch {
	case dir == "":
		return nil, usagef("it must name a folder, as in file:DIR")
	case err == nil && !info.IsDir():
		return nil, usagef("it is a file, not a folder")
	case errors.Is(err, syscall.ENOTDIR):
		return nil, usagef("it lies below a file, not in a folder")
	case errors.Is(err, fs.ErrNotExist) && !create:
		return nil, state.ErrNotFound
	}
	return filestore.OpenWith(dir, filestore.Options{Sync: sync})
}

// splitSync takes "?sync=none" or "?sync=always" off a path. A path may hold a question mark; what looks like another
// setting is refused.
func splitSync(at string) (path string, sync state.Sync, err error) {
	i := strings.LastIndexByte(at, '?')
	if i < 0 || !strings.Contains(at[i:], "=") {
		return at, state.SyncAlways, nil
	}
	switch setting := at[i+1:]; setting {
	case "sync=always":
		return at[:i], state.SyncAlways, nil
	case "sync=none":
		return at[:i], state.SyncNone, nil
	default:
		return "", state.SyncAlways, usagef("the setting %s is unknown; there are sync=always (the default) and sync=none (for tests)",
			quoteArg(setting))
	}
}

// storeHelp lists the forms of STORE.
func (k *kit) storeHelp() string {
	known := []string{"file:DIR", "sqlite:FILE"}
	for _, scheme := range slices.Sorted(maps.Keys(k.stores)) {
		if scheme != schemeFile && scheme != schemeSQLite {
			known = append(known, scheme+":...")
		}
	}
	return strings.Join(known, ", ")
}
