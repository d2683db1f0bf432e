package simfs

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// write puts data into a new or an existing file.
func write(t *testing.T, f *FS, name string, off int64, data []byte, sync bool) {
	t.Helper()
	file, err := f.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	_, err = file.WriteAt(data, off)
	require.NoError(t, err)
	if sync {
		require.NoError(t, file.Sync())
	}
}

func content(t *testing.T, f *FS, name string) []byte {
	t.Helper()
	n, err := f.lookup(name)
	require.NoError(t, err)
	return n.data
}

const (
	oldByte = '\n'
	newByte = 'n'
)

// TestOverwriteLeavesOldOrNew: of a write over synced bytes each byte is the old one or the new one after a power cut,
// never anything else, and the file is as long as before. The images hold the old, the new, lost sectors with later ones
// that survived, and tears inside of a sector.
func TestOverwriteLeavesOldOrNew(t *testing.T) {
	t.Parallel()
	const size, from, length = 4 * Sector, Sector/2 + 3, 2*Sector + 17
	seen := map[string]int{}
	for seed := range uint64(2000) {
		f := New()
		write(t, f, "/f", 0, bytes.Repeat([]byte{oldByte}, size), true)
		require.NoError(t, f.SyncDir("/"))
		write(t, f, "/f", from, bytes.Repeat([]byte{newByte}, length), false)
		got := content(t, f.Crash(seed), "/f")
		require.Len(t, got, size)
		require.Empty(t, bytes.Trim(bytes.ReplaceAll(got, []byte{newByte}, nil), string([]byte{oldByte})))
		inside := got[from : from+length]
		require.NotContains(t, string(got[:from])+string(got[from+length:]), string(rune(newByte)))
		first, last := bytes.IndexByte(inside, newByte), bytes.LastIndexByte(inside, newByte)
		count := bytes.Count(inside, []byte{newByte})
		switch {
		case count == 0:
			seen["nothing"]++
		case count == length:
			seen["everything"]++
		case first > 0:
			seen["the beginning lost, more survived"]++
		case last-first+1 > count:
			seen["a hole"]++
		}
		if count > 0 && count < length && (from+last+1)%Sector != 0 && last+1 < length {
			seen["torn inside of a sector"]++
		}
	}
	require.Len(t, seen, 5, "%v", seen)
}

// TestGrowthIsLostOrNot: bytes written behind the end of a file survive, or are not there, or are zeros or rubbish.
func TestGrowthIsLostOrNot(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for seed := range uint64(1000) {
		f := New()
		write(t, f, "/f", 0, []byte("kept"), true)
		require.NoError(t, f.SyncDir("/"))
		write(t, f, "/f", 4, bytes.Repeat([]byte{newByte}, 3*Sector), false)
		got := content(t, f.Crash(seed), "/f")
		require.True(t, bytes.HasPrefix(got, []byte("kept")))
		grown := got[4:]
		switch rest := bytes.ReplaceAll(grown, []byte{newByte}, nil); {
		case len(grown) == 0:
			seen["as before"]++
		case len(rest) == 0 && len(grown) == 3*Sector:
			seen["whole"]++
		case len(rest) == 0:
			seen["shorter"]++
		case len(bytes.Trim(rest, "\x00")) == 0:
			seen["zeros"]++
		default:
			seen["rubbish"]++
		}
	}
	require.Len(t, seen, 5, "%v", seen)
}

// TestSyncedIsKept, whatever comes after it: also a truncation that was not synced gives the old length or the new one.
func TestSyncedIsKept(t *testing.T) {
	t.Parallel()
	seen := map[int]int{}
	for seed := range uint64(200) {
		f := New()
		write(t, f, "/f", 0, []byte("0123456789"), true)
		require.NoError(t, f.SyncDir("/"))
		file, err := f.OpenFile("/f", os.O_RDWR, 0o600)
		require.NoError(t, err)
		require.NoError(t, file.Truncate(5))
		got := content(t, f.Crash(seed), "/f")
		require.True(t, bytes.HasPrefix([]byte("0123456789"), got))
		seen[len(got)]++
	}
	require.Len(t, seen, 2)
	require.Positive(t, seen[5])
	require.Positive(t, seen[10])
}
