//go:build !windows

package vfs

import (
	"errors"
	"syscall"
)

// Full says that a write failed because the file can't grow: there is no room on the disk, or none for this user.
func Full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
