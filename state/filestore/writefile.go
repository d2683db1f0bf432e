package filestore

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// WriteFile replaces a file atomically and durably: after a crash the file has its old content or all of the new. It is
// meant for what is made from a run's results. The folder must exist; the file's mode becomes 0600.
func WriteFile(path string, data []byte) error {
	fsys := vfs.OS{}
	for {
		temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+strconv.FormatUint(rand.Uint64(), 36)+".tmp")
		err := replaceFile(fsys, path, temp, os.O_EXCL, data)
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
}

// replaceFile writes the temporary file, which must be in the same folder, and renames it.
func replaceFile(fsys vfs.FS, path, temp string, flag int, data []byte) error {
	f, err := fsys.OpenFile(temp, os.O_RDWR|os.O_CREATE|flag, filePerm)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
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
