package filestore

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

const goldenID = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"

func golden(f testing.TB) []byte {
	data, err := os.ReadFile("testdata/golden-1/Golden/journal.jsonl")
	require.NoError(f, err)
	return data
}

// FuzzRecord: a line is refused, or decodes to an event that encodes to a line which decodes to the same.
func FuzzRecord(f *testing.F) {
	const id = goldenID
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
	f.Add(append(golden(f), newlinesOf(300)...), []byte(nil))
	f.Add(bytes.Join([][]byte{join(lines[:4]), newlinesOf(90), lines[5], newlinesOf(9)}, nil), []byte(nil))
	f.Add(bytes.Join([][]byte{join(lines[:2]), newlinesOf(512), join(lines[3:])}, nil), snapshotWith(lines, 2, goldenID))
	f.Fuzz(func(t *testing.T, journal, checkpoint []byte) {
		if len(checkpoint) == 0 {
			checkpoint = nil
		}
		s := put(t, journal, checkpoint)
		read, readErr := contents(s)
		report, verifyErr := s.Verify(t.Context(), testRun)
		last, recovery, err := openOnce(t, s)
		switch {
		case err == nil:
			if readErr == nil && uint64(len(read)) != last {
				t.Fatalf("%d records read, %d opened", len(read), last)
			}
			if verifyErr != nil {
				t.Fatalf("opens, but: %v", verifyErr)
			}
			oneTail(t, s, journal, report, recovery)
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

// oneTail: opening and verifying agree about what is dropped, and neither counts padding.
func oneTail(t *testing.T, s *Store, journal []byte, report state.Report, recovery *state.Recovery) {
	t.Helper()
	if (recovery == nil) != (report.Tail == nil) || recovery != nil && *recovery != *report.Tail {
		t.Fatalf("opening drops %+v, verifying found %+v", recovery, report.Tail)
	}
	h, err := s.Head(t.Context(), testRun)
	if err != nil {
		t.Fatalf("opens, but: %v", err)
	}
	used := int64(len(bytes.TrimRight(journal, "\n")))
	if h.Size != used && h.Size != used+1 {
		t.Fatalf("size %d of %d", h.Size, used)
	}
	if recovery != nil && recovery.BytesLost > h.Size {
		t.Fatalf("%d bytes lost of %d", recovery.BytesLost, h.Size)
	}
}

// FuzzLines: whatever is read comes back in lines, in order and complete, whatever the buffer.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\n\n\nb"), uint16(1))
	f.Add(append(golden(f), newlinesOf(5000)...), uint16(4096))
	f.Add(append(newlinesOf(70_000), 'x'), uint16(64))
	f.Fuzz(func(t *testing.T, data []byte, buffer uint16) {
		lines := newLineReader(bytes.NewReader(data), 0, int(buffer)+1)
		var got []byte
		for {
			ln, err := lines.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || ln.off != int64(len(got)) || ln.size <= 0 || bytes.IndexByte(ln.text, '\n') >= 0 {
				t.Fatalf("line %+v at %d: %v", ln, len(got), err)
			}
			if ln.blank {
				got = append(got, newlinesOf(int(ln.size))...)
				continue
			}
			got = append(got, ln.text...)
			if ln.whole {
				got = append(got, '\n')
			}
		}
		if !bytes.Equal(data, got) {
			t.Fatalf("%q became %q", data, got)
		}
	})
}

// FuzzSalvage: what is found in rubbish is a valid record, where it is said to be, and nothing is found twice.
func FuzzSalvage(f *testing.F) {
	text := golden(f)
	f.Add(bytes.ReplaceAll(text, []byte("\n"), []byte("x")))
	f.Add(append([]byte(`{"seq":{"seq":,"crc":"`), text...))
	f.Add(text[7:])
	f.Fuzz(func(t *testing.T, data []byte) {
		end := int64(0)
		for _, p := range salvage(data, state.NewSeals(goldenID)) {
			if p.off < end || p.off+p.size > int64(len(data)) {
				t.Fatalf("%+v behind %d of %d", p, end, len(data))
			}
			end = p.off + p.size
			rec := checkLine(line{text: data[p.off:end], whole: true}, state.NewSeals(goldenID))
			if rec.err != nil || rec.seq != p.seq || rec.d != p.d {
				t.Fatalf("%+v is %+v", p, rec)
			}
		}
	})
}

// FuzzWitness: a checkpoint proves nothing, or exactly what it says under its own checksum; and whatever it says, a
// sound journal that holds it is not called damaged.
func FuzzWitness(f *testing.F) {
	lines := [][]byte{}
	for l := range bytes.Lines(golden(f)) {
		lines = append(lines, l)
	}
	f.Add(snapshotWith(lines, 4, goldenID), false)
	f.Add([]byte(`{"run_id":"`+goldenID+`","seq":99,"record":"zz","created":"x"`), true)
	f.Add([]byte(`{"run_id":"other","seq":99,"record":"00000000"`), true)
	f.Fuzz(func(t *testing.T, checkpoint []byte, seal bool) {
		if seal {
			checkpoint = state.Seal(bytes.Clone(checkpoint), goldenID)
		}
		s := put(t, join(lines), checkpoint)
		w, err := s.witness(testRun)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := state.ReadWitness(checkpoint); err != nil && w.exists() || err == nil && got.Seq != w.Seq {
			t.Fatalf("%+v: %v", w, err)
		}
		_, _, err = openOnce(t, s)
		if damaged := w.proves(goldenID) > uint64(len(lines)); damaged != errors.Is(err, state.ErrDamaged) || !damaged && err != nil {
			t.Fatalf("proves %d: %v", w.proves(goldenID), err)
		}
		if _, err := s.LoadSnapshot(t.Context(), testRun); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzRequests: whatever a person leaves in place of a request, the others are still found, a file "pause" asks for a
// pause, and taking the requests away leaves none.
func FuzzRequests(f *testing.F) {
	f.Add([]byte(`{"kind":"approve","step":"review","time":"2026-01-01T00:00:00Z"}`), []byte("please"))
	f.Add([]byte(`{"kind":"pause","time":1}`), []byte(`{"kind":"pause","by":"her","time":"2026-01-01T00:00:00Z"}`))
	f.Add([]byte("approve!"), []byte(nil))
	f.Add([]byte(`{"kind":"dance","note":"\ud800"}`), []byte(`{"kind":"reject"}`))
	f.Fuzz(func(t *testing.T, request, pause []byte) {
		s := put(t, golden(t), nil)
		good := state.Request{Kind: state.AskReject, Step: "review", Note: "mine", Time: time.Unix(9, 0).UTC()}
		if err := s.Ask(t.Context(), testRun, good); err != nil {
			t.Fatal(err)
		}
		for path, data := range map[string][]byte{requestsDir + "/by-hand.json": request, pauseFile: pause} {
			if err := replaceFile(s.fs, s.path(testRun, path), s.path(testRun, "x"), os.O_EXCL, data); err != nil {
				t.Fatal(err)
			}
		}
		list, _ := s.Requests(t.Context(), testRun)
		pauses := 0
		for _, r := range list {
			if r.Kind == state.AskPause {
				pauses++
			}
		}
		if pauses == 0 || !slices.Contains(list, good) {
			t.Fatalf("%+v", list)
		}
		for _, r := range list {
			if _, err := s.Done(t.Context(), testRun, r, false); err != nil && slices.Contains([]state.Request{good}, r) {
				t.Fatal(err)
			}
		}
		if left, _ := s.Requests(t.Context(), testRun); len(left) > 0 {
			t.Fatalf("%+v are left", left)
		}
	})
}
