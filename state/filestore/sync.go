package filestore

import (
	"io/fs"

	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// unsynced is a file system that syncs nothing, for [state.SyncNone].
type unsynced struct{ vfs.FS }

func (u unsynced) SyncDir(string) error { return nil }

func (u unsynced) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	f, err := u.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return unsyncedFile{f}, nil
}

type unsyncedFile struct{ vfs.File }

func (unsyncedFile) Sync() error     { return nil }
func (unsyncedFile) SyncData() error { return nil }
