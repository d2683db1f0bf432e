package oslock

// lockTextAt is where the text of a lock file begins. LockFileEx locks the first byte against reading and writing
// through any other handle.
const lockTextAt = 1
