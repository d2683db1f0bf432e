package vfs

// syncDir does nothing: Windows has no sync of directories; NTFS keeps their order in its own log.
func syncDir(string) error { return nil }
