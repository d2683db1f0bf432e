package filestore

import (
	"bytes"
	"errors"
	"io"

	"github.com/dogear-go/dogear/state"
)

// A reader of lines begins with a small buffer, since most journals, and most that is new in them, are small. It grows
// to the longest line, and no further than MaxEvent.
const (
	firstBuffer = 4 << 10
	lineBuffer  = 64 << 10
)

// line is one line of a journal.
type line struct {
	text  []byte // without the newline; valid until the next line is read; nil when it is longer than MaxEvent
	off   int64  // of its first byte
	size  int64  // newline included
	whole bool   // it ends in a newline
}

// lineReader reads lines from an offset on, without holding more than one in memory.
type lineReader struct {
	r    io.ReaderAt
	off  int64 // of the next byte that is not in buf yet
	buf  []byte
	data []byte // of buf: read, not returned yet
	eof  bool

	fills int
}

func newLineReader(r io.ReaderAt, off int64, buffer int) *lineReader {
	return &lineReader{r: r, off: off, buf: make([]byte, buffer)}
}

// next returns io.EOF after the last line.
func (l *lineReader) next() (line, error) {
	start := l.off - int64(len(l.data))
	searched := 0
	skipped := int64(0) // bytes of a line that is too long
	for {
		if i := bytes.IndexByte(l.data[searched:], '\n'); i >= 0 {
			i += searched
			ln := line{text: l.data[:i:i], off: start, size: skipped + int64(i) + 1, whole: true}
			l.data = l.data[i+1:]
			if skipped > 0 {
				ln.text = nil
			}
			return ln, nil
		}
		if l.eof {
			ln := line{text: l.data, off: start, size: skipped + int64(len(l.data))}
			l.data = nil
			if skipped > 0 {
				ln.text = nil
			}
			if ln.size == 0 {
				return line{}, io.EOF
			}
			return ln, nil
		}
		searched = len(l.data)
		if searched > state.MaxEvent {
			skipped += int64(searched)
			l.data, searched = nil, 0
		}
		if err := l.fill(); err != nil {
			return line{}, err
		}
	}
}

func (l *lineReader) fill() error {
	n := len(l.data)
	if n == len(l.buf) || l.fills == 1 && len(l.buf) < lineBuffer {
		buf := make([]byte, max(2*n, lineBuffer))
		copy(buf, l.data)
		l.buf = buf
	} else {
		copy(l.buf, l.data)
	}
	l.fills++
	got, err := l.r.ReadAt(l.buf[n:], l.off)
	l.off += int64(got)
	l.data = l.buf[:n+got]
	if errors.Is(err, io.EOF) {
		l.eof, err = true, nil
	}
	return err
}
