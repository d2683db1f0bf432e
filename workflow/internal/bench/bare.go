package main

import (
	"bytes"
	"os"
	"time"
)

// bare is the physical limit: a write and a sync of as many bytes as the journal's.
type bare struct {
	file *os.File
	data []byte
	off  int64
	over bool // the bytes are there already: the file system has nothing to note but the bytes
}

// bareSize is how far a bare file grows before it is begun again.
const bareSize = 64 << 20

// appending makes a file that grows with each write; overwriting one that is full of newlines already.
func (b *bench) appending(size int64) (*bare, error)   { return b.bare("appended", size, false) }
func (b *bench) overwriting(size int64) (*bare, error) { return b.bare("overwritten", size, true) }

func (b *bench) bare(name string, size int64, over bool) (*bare, error) {
	file, err := os.OpenFile(b.path(name), os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	w := &bare{file: file, data: bytes.Repeat([]byte{'x'}, int(size)), over: over}
	if over {
		if _, err := file.Write(bytes.Repeat([]byte{'\n'}, bareSize)); err != nil {
			return nil, err
		}
	}
	return w, file.Sync()
}

func (w *bare) close() { _ = w.file.Close() } // nobody reads it

// write writes and syncs once.
func (w *bare) write() (time.Duration, error) {
	if w.off+int64(len(w.data)) > bareSize {
		if err := w.again(); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	if _, err := w.file.WriteAt(w.data, w.off); err != nil {
		return 0, err
	}
	w.off += int64(len(w.data))
	err := datasync(w.file)
	return time.Since(start), err
}

func (w *bare) again() error {
	w.off = 0
	if w.over {
		return nil
	}
	if err := w.file.Truncate(0); err != nil {
		return err
	}
	return w.file.Sync()
}

// times writes n times and returns what one took.
func (w *bare) times(n int) (time.Duration, error) {
	var sum time.Duration
	for range n {
		d, err := w.write()
		if err != nil {
			return 0, err
		}
		sum += d
	}
	return sum / time.Duration(n), nil
}
