package filestore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

func golden(f testing.TB) []byte {
	data, err := os.ReadFile("testdata/golden-1/Golden/journal.jsonl")
	require.NoError(f, err)
	return data
}

// FuzzRecord: a line is refused, or decodes to an event that encodes to a line which decodes to the same.
func FuzzRecord(f *testing.F) {
	const id = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	for l := range bytes.Lines(golden(f)) {
		open, _, err := state.Unseal(l, id)
		require.NoError(f, err)
		f.Add(open, true)
		f.Add(l, false)
	}
	f.Add([]byte(`{"seq":1,"d":0,"t":"2026-01-01T00:00:00Z","type":"later.thing","ep":1,"ign":true,"data":[1]`), true)
	f.Fuzz(func(t *testing.T, text []byte, seal bool) {
		if seal { // else nothing but the checksum would be tried
			text = state.Seal(bytes.Clone(text), id)
		}
		e, err := state.DecodeRecord(text, id)
		if err != nil {
			if !errors.Is(err, state.ErrRecord) && !errors.Is(err, state.ErrNewerFormat) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		again, err := state.AppendRecord(nil, id, e)
		if err != nil {
			return // a time or a raw value that can be read and not be written
		}
		e2, err := state.DecodeRecord(again, id)
		if err != nil {
			t.Fatalf("%s\nbecame\n%s\n%v", text, again, err)
		}
		third, err := state.AppendRecord(nil, id, e2)
		if err != nil || !bytes.Equal(again, third) {
			t.Fatalf("%s\nbecame\n%s\n%v", again, third, err)
		}
	})
}

// FuzzOpen: whatever bytes are in the place of a journal, with or without a checkpoint, opening, reading, verifying and
// repairing them neither panic nor contradict each other.
func FuzzOpen(f *testing.F) {
	lines := [][]byte{}
	for l := range bytes.Lines(golden(f)) {
		lines = append(lines, l)
	}
	f.Add(golden(f), []byte(nil))
	f.Add(join(lines[:3]), []byte("{}"))
	f.Add(bytes.Join(lines, []byte("x\n")), []byte(nil))
	f.Add(append(join(lines[1:]), lines[0]...), []byte(nil))
	f.Add([]byte(nil), []byte(nil))
	f.Add([]byte("\n\n{\"seq\":"), []byte(nil))
	f.Fuzz(func(t *testing.T, journal, checkpoint []byte) {
		if len(checkpoint) == 0 {
			checkpoint = nil
		}
		s := put(t, journal, checkpoint)
		read, readErr := contents(s)
		_, verifyErr := s.Verify(t.Context(), testRun)
		last, _, err := openOnce(t, s)
		switch {
		case err == nil:
			if readErr == nil && uint64(len(read)) != last {
				t.Fatalf("%d records read, %d opened", len(read), last)
			}
			if verifyErr != nil {
				t.Fatalf("opens, but: %v", verifyErr)
			}
		case errors.Is(err, state.ErrDamaged):
			if readErr == nil {
				t.Fatalf("can be read, but: %v", err)
			}
			if _, err := s.Repair(t.Context(), testRun); err != nil {
				return
			}
			if _, _, err := openOnce(t, s); err != nil {
				t.Fatalf("after the repair: %v", err)
			}
		}
	})
}

// FuzzName: a name that is accepted is one element of a path, on every system.
func FuzzName(f *testing.F) {
	for _, name := range []string{testRun, "a", "..", "a/b", `a\b`, "con", "COM1.txt", "a:b", "a.", "\x00", "é", ".a", "~a", "-a"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if state.ValidName(name) != nil {
			return
		}
		dir := filepath.Join(string(filepath.Separator)+"data", "output")
		joined := filepath.Join(dir, name)
		if filepath.Dir(joined) != dir || filepath.Base(joined) != name || !filepath.IsLocal(name) ||
			strings.ContainsAny(name, "/\\:\x00 ~") || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") {
			t.Fatalf("%q was accepted", name)
		}
	})
}
