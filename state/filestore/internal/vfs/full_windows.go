package vfs

import (
	"errors"

	"golang.org/x/sys/windows"
)

// Full says that a write failed because the file can't grow: there is no room on the disk, or none for this user.
func Full(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED) || errors.Is(err, windows.ERROR_FILE_TOO_LARGE)
}
