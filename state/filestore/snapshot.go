package filestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// SaveSnapshot replaces the run's checkpoint.json, atomically. What the journal holds is synced first, because a
// snapshot proves that the records it covers are on the disk.
func (s *Store) SaveSnapshot(ctx context.Context, run string, data []byte) error {
	return s.WriteSnapshot(ctx, run, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// WriteSnapshot is SaveSnapshot of what write writes. See [state.SnapshotStreams].
func (s *Store) WriteSnapshot(ctx context.Context, run string, write func(io.Writer) error) error {
	if err := begin(ctx, run); err != nil {
		return err
	}
	if _, err := s.fs.Stat(s.path(run, journalFile)); errors.Is(err, fs.ErrNotExist) {
		return notFound(run)
	} else if err != nil {
		return err
	}
	e := s.entry(run)
	e.mu.Lock()
	writer := e.writer
	e.mu.Unlock()
	if writer != nil {
		if err := writer.syncNow(); err != nil {
			return fmt.Errorf("save a snapshot of run %q: %w", run, err)
		}
	}
	s.snapshots.Lock()
	defer s.snapshots.Unlock()
	path := s.path(run, checkpointFile)
	if err := replaceBy(s.fs, path, path+".tmp", os.O_TRUNC, write); err != nil {
		return fmt.Errorf("save a snapshot of run %q: %w", run, err)
	}
	if _, err := s.fs.Stat(s.path(run, staleFile)); err == nil {
		return s.fs.Remove(s.path(run, staleFile))
	}
	return nil
}

// LoadSnapshot returns checkpoint.json, [state.ErrNotFound] when there is none or one that is older than a repair.
func (s *Store) LoadSnapshot(ctx context.Context, run string) ([]byte, error) {
	r, err := s.OpenSnapshot(ctx, run)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

// OpenSnapshot is LoadSnapshot for reading it in pieces. The caller closes the reader.
func (s *Store) OpenSnapshot(ctx context.Context, run string) (io.ReadCloser, error) {
	if err := begin(ctx, run); err != nil {
		return nil, err
	}
	_, err := s.fs.Stat(s.path(run, staleFile))
	if err == nil {
		return nil, fmt.Errorf("the snapshot of run %q is older than its repair: %w", run, state.ErrNotFound)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := s.fs.OpenFile(s.path(run, checkpointFile), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("run %q has no snapshot: %w", run, state.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return &fileReader{File: f}, nil
}

// fileReader reads a file from its beginning.
type fileReader struct {
	vfs.File
	off int64
}

func (f *fileReader) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.off)
	f.off += int64(n)
	return n, err
}

// fileWriter writes a file from its beginning.
type fileWriter struct {
	vfs.File
	off int64
}

func (f *fileWriter) Write(p []byte) (int, error) {
	n, err := f.WriteAt(p, f.off)
	f.off += int64(n)
	return n, err
}
