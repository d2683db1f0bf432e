package filestore

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/simfs"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// meanwhile is a file system under which something happens just before, or just after, the first operation of a kind on
// a file or the folder of the inbox.
type meanwhile struct {
	vfs.FS
	at string
	do func()
}

func (m *meanwhile) happen(at, name string) {
	if !strings.HasPrefix(filepath.Base(name), pauseFile) && !strings.Contains(name, requestsDir) {
		return
	}
	if do := m.do; do != nil && at == m.at {
		m.do = nil
		do()
	}
}

func (m *meanwhile) Stat(name string) (fs.FileInfo, error) {
	m.happen("before stat", name)
	return m.FS.Stat(name)
}

func (m *meanwhile) Mkdir(name string, perm fs.FileMode) error {
	m.happen("before mkdir", name)
	return m.FS.Mkdir(name, perm)
}

func (m *meanwhile) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	m.happen("before open", name)
	return m.FS.OpenFile(name, flag, perm)
}

func (m *meanwhile) Rename(from, to string) error {
	m.happen("before rename", from)
	err := m.FS.Rename(from, to)
	m.happen("after rename", from)
	return err
}

// beginAs begins a run of its own id and ends its session.
func beginAs(t *testing.T, s *Store, id string) {
	t.Helper()
	j, err := s.Open(t.Context(), testRun, state.OpenOptions{Mode: state.Create})
	require.NoError(t, err)
	w := sessionOf{t, j}
	w.add(event(state.RunCreated{Format: state.Format, RunID: id, Name: testRun, Pipeline: "novel"}))
	w.end()
}

// TestAskOfARunThatGoes: whoever asks a run that is removed meanwhile is told so, whenever that happens, and neither is
// its folder made anew nor does the next run of its name get the request.
func TestAskOfARunThatGoes(t *testing.T) {
	t.Parallel()
	for _, kind := range []state.RequestKind{state.AskPause, state.AskApprove} {
		for _, at := range []string{"before stat", "before mkdir", "before open", "before rename", "after rename"} {
			if kind == state.AskPause && (at == "before stat" || at == "before mkdir") {
				continue // a pause lies in the run's folder itself
			}
			for _, archive := range []bool{false, true} {
				for _, again := range []bool{false, true} {
					s := open(simfs.New(), testDir)
					beginAs(t, s, "one")
					m := &meanwhile{FS: s.fs, at: at, do: func() {
						require.NoError(t, s.Remove(t.Context(), testRun, state.RemoveOptions{Archive: archive}))
						if again {
							beginAs(t, s, "two")
						}
					}}
					err := open(m, testDir).Ask(t.Context(), testRun, state.Request{Kind: kind, Step: "review"})
					require.Nil(t, m.do, "%s %s", kind, at)
					require.ErrorIs(t, err, state.ErrNotFound, "%s %s", kind, at)
					if again {
						require.ErrorContains(t, err, "another begun", "%s %s", kind, at)
					} else {
						_, err := s.fs.Stat(s.RunDir(testRun))
						require.ErrorIs(t, err, fs.ErrNotExist, "%s %s", kind, at)
						beginAs(t, s, "two")
					}
					list, err := s.Requests(t.Context(), testRun)
					require.NoError(t, err)
					require.Empty(t, list, "%s %s", kind, at)
				}
			}
		}
	}
}

// TestAskIsTakenBackFromAnother: what was left in the folder of a run that has only just begun is taken out again, for
// good, and the pause that somebody asked that run for is not.
func TestAskIsTakenBackFromAnother(t *testing.T) {
	t.Parallel()
	its := state.Request{Kind: state.AskPause, By: "her", Time: time.Unix(5, 0).UTC()}
	for at, want := range map[string][]state.Request{"before open": nil, "after rename": {its}} {
		s := open(simfs.New(), testDir)
		beginAs(t, s, "one")
		m := &meanwhile{FS: s.fs, at: at, do: func() {
			require.NoError(t, s.Remove(t.Context(), testRun, state.RemoveOptions{Archive: true}))
			beginAs(t, s, "two")
			for _, r := range want {
				require.NoError(t, s.Ask(t.Context(), testRun, r))
			}
		}}
		err := open(m, testDir).Ask(t.Context(), testRun, state.Request{Kind: state.AskPause})
		require.ErrorContains(t, err, "another begun", at)
		for seed := range uint64(20) {
			list, err := open(simulated(s).Crash(seed), testDir).Requests(t.Context(), testRun)
			require.NoError(t, err)
			require.Equal(t, want, list, at)
		}
	}
}
