//go:build !windows

package vfs

import (
	"errors"
	"os"
)

// lockTextAt is where the text of a lock file begins.
const lockTextAt = 0

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
