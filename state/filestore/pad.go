package filestore

import "github.com/dogear-go/dogear/state/filestore/internal/vfs"

// The file of a journal that is being written is longer than its records: what follows them are newlines, which are
// blank lines to every reader of JSON Lines. To write over blocks that the file has already, and sync their data, costs
// about half of what it costs to append: the file system has no block to allocate and no size to note, and so nothing to
// write to its own journal. The padding grows with the journal, so that each byte is written twice and an append that
// grows the file is rare: a quarter of the journal, but no less than 64 KiB, which is room for some sixteen results of an
// ordinary model call, and room for eight more appends like this one; and no more than 1 MiB, which is what a killed
// process leaves behind and what a reader that asks for news has to read past (a tenth of a millisecond).
const (
	minPadding   = 64 << 10
	maxPadding   = 1 << 20
	moreAppends  = 8
	paddingBlock = 4 << 10 // file systems allocate such blocks, or multiples
)

// padded is the size of a journal whose records end there, with the least padding or more.
func padded(end, least int64) int64 {
	size := end + min(max(end/4, least), maxPadding)
	return (size + paddingBlock - 1) / paddingBlock * paddingBlock
}

// writeOut puts what is in the buffer behind the records, with new padding when the old is too short for it. Records and
// padding go in one write, and so in one sync: until then all of it is a tail that nobody acknowledged, whatever a power
// cut leaves of either.
func (j *journal) writeOut() error {
	out := j.buf
	end := j.end + int64(len(j.buf))
	size := max(j.size, end)
	if end > j.size && !j.bare {
		size = padded(end, max(j.store.padding, moreAppends*int64(len(j.buf))))
		out = make([]byte, size-j.end)
		copy(out, j.buf)
		fillNewlines(out[len(j.buf):])
	}
	n, err := j.file.WriteAt(out, j.end)
	if err != nil && len(out) > len(j.buf) && vfs.Full(err) {
		// There is no room for padding. The records are written alone, and so will be those that follow, so that the last
		// bytes of a disk can be used. A write alone has failed here, and nothing of it was synced, so that it can be
		// done again; a sync that fails is final.
		j.bare, size = true, max(end, j.end+int64(n))
		_, err = j.file.WriteAt(j.buf, j.end)
	}
	if err != nil {
		return err
	}
	j.end, j.size = end, size
	return nil
}

func fillNewlines(b []byte) {
	b[0] = '\n' // padding has at least one
	for n := 1; n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}

// cutPadding leaves the file as long as its records. It need not succeed, nor be synced: padding that stays means
// nothing, and the next opening for writing cuts it.
func (j *journal) cutPadding() {
	if j.file != nil && j.failed == nil && j.size > j.end {
		_ = j.file.Truncate(j.end)
	}
}
