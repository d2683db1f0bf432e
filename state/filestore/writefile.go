package filestore

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// WriteFile replaces a file atomically and durably: after a crash the file has its old content or all of the new. It is
// meant for what is made from a run's results. The folder must exist; the file's mode becomes 0600.
func WriteFile(path string, data []byte) error {
	// 64 random bits: two writers don't meet, and what a killed one left is in nobody's way.
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+randomName()+".tmp")
	return replaceFile(vfs.OS{}, path, temp, os.O_EXCL, data)
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
