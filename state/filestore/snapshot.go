package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/dogear-go/dogear/state"
)

// SaveSnapshot replaces the run's checkpoint.json, atomically. What the journal holds is synced first, because a
// snapshot proves that the records it covers are on the disk.
func (s *Store) SaveSnapshot(ctx context.Context, run string, data []byte) error {
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
	if err := replaceFile(s.fs, path, path+".tmp", os.O_TRUNC, data); err != nil {
		return fmt.Errorf("save a snapshot of run %q: %w", run, err)
	}
	if _, err := s.fs.Stat(s.path(run, staleFile)); err == nil {
		return s.fs.Remove(s.path(run, staleFile))
	}
	return nil
}

// LoadSnapshot returns checkpoint.json, [state.ErrNotFound] when there is none or one that is older than a repair.
func (s *Store) LoadSnapshot(ctx context.Context, run string) ([]byte, error) {
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
	data, err := readFile(s.fs, s.path(run, checkpointFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("run %q has no snapshot: %w", run, state.ErrNotFound)
	}
	return data, err
}
