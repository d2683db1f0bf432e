package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
)

const flagStore = "store"

// places reads --store and --out. The files made from a run stand beside it when it is in files, unless --out says otherwise.
func (k *kit) places(flags *pflag.FlagSet) (err error) {
	k.outSet, k.where, k.saidBy = flags.Changed("out"), storeName{}, flagStore
	if k.out == "" {
		return usagef("--out must name a folder")
	}
	if !flags.Changed(flagStore) {
		return nil
	}
	if k.where, err = parseStore(flagStore, k.at); err != nil {
		return err
	}
	if dir, _, err := splitSync(k.where.at); err == nil && k.where.scheme == schemeFile && !k.outSet {
		k.out = dir
	}
	return nil
}

// store opens what --store names, else the program's own store, else the files of --out. With create false a store that is
// not there is the error that there is no such run, and nothing is made.
func (k *kit) store(ctx context.Context, create bool) (store state.Store, err error) {
	switch {
	case k.opened != nil:
		return k.opened, nil
	case k.where.scheme != "":
		store, err = k.openNamed(ctx, k.saidBy, k.where, create)
	case k.config.Store != nil:
		store = k.config.Store
	default:
		store, err = k.openOut(ctx, create)
	}
	if err != nil {
		return nil, k.missing(err)
	}
	if dir := k.filesDir(); dir != "" {
		path := filepath.Join(dir, k.project)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return nil, usagef("%s is a file, not the folder of a run; choose another --project or another %s", quoteArg(path), k.placeWord())
		}
	}
	k.opened = store
	return store, nil
}

// openOut opens the files of --out.
func (k *kit) openOut(ctx context.Context, create bool) (state.Store, error) {
	info, err := os.Stat(k.out)
	switch {
	case err == nil && !info.IsDir():
		return nil, usagef("--out %s is a file, not a folder", quoteArg(k.out))
	case errors.Is(err, syscall.ENOTDIR):
		return nil, usagef("--out %s lies below a file, not in a folder", quoteArg(k.out))
	case errors.Is(err, fs.ErrNotExist) && !create:
		return nil, state.ErrNotFound
	}
	store, err := filestore.Open(k.out)
	if err != nil {
		return nil, fmt.Errorf("can't use the folder %s: %w", quoteArg(k.out), err)
	}
	return store, nil
}

// filesDir is the folder of the runs where they are files, else "".
func (k *kit) filesDir() string {
	switch {
	case k.where.scheme == schemeFile && k.stores[schemeFile] == nil:
		dir, _, _ := splitSync(k.where.at)
		return dir
	case k.where.scheme == "" && k.config.Store == nil:
		return k.out
	}
	return ""
}

// place is where the runs are, for people.
func (k *kit) place() string {
	switch {
	case k.where.scheme != "":
		return k.where.quoted()
	case k.config.Store != nil:
		return "the store of " + k.name
	}
	return quoteArg(k.out)
}

// storeArg is the STORE that names where the runs are.
func (k *kit) storeArg() string {
	if k.where.scheme != "" {
		return k.where.quoted()
	}
	return quoteArg(schemeFile + ":" + k.out)
}

// runPlace is where this run is, for people.
func (k *kit) runPlace() string {
	if dir := k.filesDir(); dir != "" {
		return filepath.Join(dir, k.project)
	}
	return k.place()
}

// placeWord is what to choose another of when the runs can't be where they are.
func (k *kit) placeWord() string {
	if k.where.scheme != "" {
		return "place with --" + k.saidBy
	}
	return "folder with --out"
}

// path is where the run's folder would be below --out; with an ending, the path of a file made from the run.
func (k *kit) path() string { return filepath.Join(k.out, k.project) }
