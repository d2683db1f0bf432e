package filestore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dogear-go/dogear/state"
)

const (
	requestSuffix = ".json"
	staleInfix    = ".stale-"
)

// Ask leaves a request in the run's folder: a pause as the file "pause", which a person can make as well, anything else
// as a file below "requests". It takes no lock, so the run may be removed meanwhile, and another begun under its name:
// then the request is taken back, and the error, which is [state.ErrNotFound], says so.
func (s *Store) Ask(ctx context.Context, run string, r state.Request) error {
	if err := begin(ctx, run); err != nil {
		return err
	}
	id, err := s.runID(run)
	if err != nil {
		return err
	}
	switch r.Kind {
	case state.AskPause, state.AskApprove, state.AskReject:
	default:
		return fmt.Errorf("ask %q of run %q: %w", r.Kind, run, state.ErrUnsupported)
	}
	if r.Time.IsZero() {
		r.Time = s.now()
	}
	r.Time = r.Time.UTC()
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	data = append(data, '\n')
	path := s.path(run, pauseFile)
	if r.Kind != state.AskPause {
		path = s.path(run, filepath.Join(requestsDir, s.stamp()+"-"+s.randomName()+requestSuffix))
		err = s.makeRequests(run)
	}
	if err == nil {
		err = replaceFile(s.fs, path, path+"."+s.randomName()+".tmp", os.O_EXCL, data)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	now, gone := s.runID(run)
	switch {
	case gone == nil && now == id:
		return err
	case gone == nil:
		gone = fmt.Errorf("run %q was removed, and another begun under its name, while it was asked; nothing is asked of that one: %w",
			run, state.ErrNotFound)
	case !errors.Is(gone, state.ErrNotFound):
		return errors.Join(err, gone)
	}
	return errors.Join(gone, s.takeBack(path, data))
}

// runID is the id of the run that has the name now, from its checkpoint if its first record is damaged; empty: it is in
// neither. It needs no lock. The error is ErrNotFound when there is no run.
func (s *Store) runID(run string) (string, error) {
	w, err := s.witness(run)
	if err != nil {
		return "", err
	}
	var scan journalScan
	f, err := s.openJournal(run)
	if err == nil {
		if scan, err = scanFirst(f); err != nil {
			err = s.noFirst(run, err, w)
		}
		err = errors.Join(err, f.Close())
	}
	switch {
	case errors.Is(err, state.ErrDamaged):
		return w.RunID, nil
	case errors.Is(err, state.ErrNewerFormat):
		return scan.runID, nil
	}
	return scan.runID, err
}

// makeRequests makes the folder of the requests, and never the run's own: its error is fs.ErrNotExist when that is gone.
func (s *Store) makeRequests(run string) error {
	dir := s.path(run, requestsDir)
	_, err := s.fs.Stat(dir)
	there := err == nil
	if errors.Is(err, fs.ErrNotExist) {
		err = s.fs.Mkdir(dir, dirPerm)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	err = s.fs.SyncDir(s.RunDir(run)) // also when another made it, who may not have come to that
	if there && errors.Is(err, fs.ErrPermission) {
		return nil // a folder that we are not allowed to read: then we did not make the entry
	}
	return err
}

// takeBack removes the file of a request, unless another has its place.
func (s *Store) takeBack(path string, data []byte) error {
	there, err := readFile(s.fs, path)
	if err == nil && bytes.Equal(there, data) {
		if err = s.fs.Remove(path); err == nil {
			err = s.fs.SyncDir(filepath.Dir(path))
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// letter is a request and the file it lies in.
type letter struct {
	state.Request
	path string
}

// Requests returns what is asked of the run now, oldest first. A file that can't be understood is an error, returned
// beside the others.
func (s *Store) Requests(ctx context.Context, run string) ([]state.Request, error) {
	letters, err := s.letters(ctx, run)
	var list []state.Request
	for _, l := range letters {
		list = append(list, l.Request)
	}
	return list, err
}

func (s *Store) letters(ctx context.Context, run string) ([]letter, error) {
	if err := begin(ctx, run); err != nil {
		return nil, err
	}
	var list []letter
	pause, err := s.pauseLetter(run)
	if err != nil {
		return nil, err
	}
	if pause != nil {
		list = append(list, *pause)
	}
	files, err := s.fs.ReadDir(s.path(run, requestsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return list, nil
	}
	var failed []error
	if err != nil {
		failed = append(failed, err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), requestSuffix) || f.IsDir() {
			continue
		}
		l := letter{path: s.path(run, filepath.Join(requestsDir, f.Name()))}
		data, err := readFile(s.fs, l.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // taken away just now
		}
		if err == nil {
			err = json.Unmarshal(data, &l.Request)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("request %s: %w", l.path, err))
			continue
		}
		list = append(list, l)
	}
	slices.SortStableFunc(list, func(a, b letter) int { return a.Time.Compare(b.Time) })
	return list, errors.Join(failed...)
}

// pauseLetter reads the file "pause". Whatever is in it, it asks for a pause: "touch pause" must do.
func (s *Store) pauseLetter(run string) (*letter, error) {
	l := letter{path: s.path(run, pauseFile)}
	info, err := s.fs.Stat(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	data, err := readFile(s.fs, l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil || json.Unmarshal(data, &l.Request) != nil || l.Kind != state.AskPause {
		l.Request = state.Request{Time: info.ModTime().UTC()}
	}
	l.Kind = state.AskPause
	return &l, nil
}

// Done removes the file of a request that has been honoured or, with stale, renames it and returns the new name. A
// request that is not there any more is done.
func (s *Store) Done(ctx context.Context, run string, r state.Request, stale bool) (string, error) {
	letters, err := s.letters(ctx, run)
	for _, l := range letters {
		if !l.Same(r) {
			continue
		}
		if !stale {
			err := s.fs.Remove(l.path)
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
			return "", err
		}
		to, err := s.stamped(l.path + staleInfix)
		if err != nil {
			return "", err
		}
		return filepath.Base(to), s.fs.Rename(l.path, to)
	}
	return "", err
}
