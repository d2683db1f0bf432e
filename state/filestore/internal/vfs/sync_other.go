//go:build !linux

package vfs

import "os"

// syncData is Sync where there is nothing cheaper; on darwin that is F_FULLFSYNC, which is what a power cut asks for.
func syncData(f *os.File) error { return f.Sync() }
