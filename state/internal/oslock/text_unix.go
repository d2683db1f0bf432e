//go:build !windows

package oslock

// lockTextAt is where the text of a lock file begins.
const lockTextAt = 0
