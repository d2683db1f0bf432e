package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dogear-go/dogear/state"
)

// exporter is what writes the derived files, nil when the program has none.
func (k *kit) exporter() func(context.Context) error {
	if k.export == nil {
		return k.config.Export
	}
	return func(ctx context.Context) error { return k.export(ctx, k.path()) }
}

// printExport writes the derived files of the run anew and names them.
func (k *kit) printExport(ctx context.Context) error {
	export := k.exporter()
	if export == nil {
		return usagef("%s has no files to export", k.name)
	}
	run, _, err := k.open(ctx)
	if err != nil {
		return err
	}
	began := time.Now().Add(-2 * time.Second) // file systems keep time coarsely
	if err := export(run.Context(ctx)); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	files := []string{}
	for _, path := range k.products(ctx, k.project) {
		if info, err := os.Stat(path); err == nil && !info.ModTime().Before(began) {
			files = append(files, path)
		}
	}
	return k.say(exportJSON{k.project, files}, onePerLine(files))
}

// products are the files that were made from a run: those below --out under its name, unless another run has a longer part of
// that name: of the runs Book and Book.v2 the file Book.v2.md is the second one's.
func (k *kit) products(ctx context.Context, run string) []string {
	entries, err := os.ReadDir(k.out)
	if err != nil {
		return nil
	}
	var paths []string
	for _, e := range entries {
		// A lock is another program's, which has the file open.
		if e.Type().IsRegular() && strings.HasPrefix(e.Name(), run+".") && !strings.HasSuffix(e.Name(), ".lock") && !k.ofAnother(ctx, run, e.Name()) {
			paths = append(paths, filepath.Join(k.out, e.Name()))
		}
	}
	return paths
}

// ofAnother says that there is a run whose name is a longer beginning of a file's name.
func (k *kit) ofAnother(ctx context.Context, run, file string) bool {
	store, err := k.store(ctx, false)
	if err != nil {
		return false // no runs are there
	}
	for at := len(run) + 1; ; at++ {
		dot := strings.IndexByte(file[at:], '.')
		if dot < 0 {
			return false
		}
		at += dot
		if other := file[:at]; state.ValidName(other) == nil {
			if _, err := store.Head(ctx, other); !errors.Is(err, state.ErrNotFound) { // also one that can't be read
				return true
			}
		}
	}
}

const archiveDir = ".archive" // as filestore names it

// archivePlace is where the store moves runs aside, for people.
func (k *kit) archivePlace() string {
	if dir := k.filesDir(); dir != "" {
		return quoteArg(filepath.Join(dir, archiveDir))
	}
	return "the archive of " + k.place()
}

// keepProducts moves the derived files into the archive, beside the run that was moved there, so that what stands beside
// the new run is never the old one's. It returns what to add to the message: a file that stays costs no more than that.
func (k *kit) keepProducts(ctx context.Context, run, suffix string) string {
	folder := filepath.Join(k.out, archiveDir)
	kept := 0
	for _, path := range k.products(ctx, run) {
		name := run + "-" + suffix + strings.TrimPrefix(filepath.Base(path), run)
		if err := moveFile(path, filepath.Join(folder, name)); err != nil {
			return fmt.Sprintf(" (its files could not be moved to %s: %v)", quoteArg(folder), err)
		}
		kept++
	}
	switch {
	case kept == 0:
		return ""
	case k.filesDir() == k.out:
		return fmt.Sprintf(", with its files (%d)", kept)
	}
	return fmt.Sprintf(", and its files (%d) to %s", kept, quoteArg(folder))
}

// moveFile moves a file within the folder of runs. One that another program has open, which its lock tells, is copied.
func moveFile(from, to string) error {
	if _, err := os.Lstat(from + ".lock"); err == nil {
		return copyFile(from, to)
	}
	if _, err := os.Lstat(to); err == nil {
		return &fs.PathError{Op: "move", Path: to, Err: fs.ErrExist}
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.Rename(from, to)
}

func copyFile(from, to string) (err error) {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }() // read only
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if closed := dst.Close(); err == nil {
		err = closed
	}
	return err
}
