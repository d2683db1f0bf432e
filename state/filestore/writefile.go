package filestore

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// WriteFile replaces a file atomically and durably: after a crash the file has its old content or all of the new. It is
// meant for what is made from a run's results. The folder must exist; the file's mode becomes 0600.
func WriteFile(path string, data []byte) error {
	// 64 random bits: two writers don't meet.
	begin := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".")
	sweep(begin)
	temp := begin + strconv.FormatUint(rand.Uint64(), 36) + ".tmp"
	return replaceFile(vfs.OS{}, path, temp, os.O_EXCL, data)
}

// sweep removes temporary files that killed writers left. One that is an hour old has no writer.
func sweep(begin string) {
	entries, err := os.ReadDir(filepath.Dir(begin))
	if err != nil {
		return // writing will say why
	}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasPrefix(name, filepath.Base(begin)) || !strings.HasSuffix(name, ".tmp") {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.Remove(filepath.Join(filepath.Dir(begin), name)) // it is in nobody's way
		}
	}
}

// replaceFile writes the temporary file, which must be in the same folder, and renames it.
func replaceFile(fsys vfs.FS, path, temp string, flag int, data []byte) error {
	return replaceBy(fsys, path, temp, flag, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// replaceBy is replaceFile for content that is written in pieces.
func replaceBy(fsys vfs.FS, path, temp string, flag int, write func(io.Writer) error) error {
	f, err := fsys.OpenFile(temp, os.O_RDWR|os.O_CREATE|flag, filePerm)
	if err != nil {
		return err
	}
	if err = write(&fileWriter{File: f}); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = fsys.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, fsys.Remove(temp))
	}
	return fsys.SyncDir(filepath.Dir(path))
}
