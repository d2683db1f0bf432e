package vfs

// lockTextAt is where the text of a lock file begins. LockFileEx locks the first byte against reading and writing
// through any other handle.
const lockTextAt = 1

// syncDir does nothing: Windows has no sync of directories; NTFS keeps their order in its own log.
func syncDir(string) error { return nil }
