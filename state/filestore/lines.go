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

// line is one line of a journal, or a run of blank ones.
type line struct {
	text  []byte // without the newline; valid until the next line is read; nil when it is longer than MaxEvent
	off   int64  // of its first byte
	size  int64  // newline included
	whole bool   // it ends in a newline
	blank bool   // as many blank lines as it has bytes: padding, at the end of a journal
}

// lineReader reads lines from an offset on, without holding more than one in memory. It takes a run of blank lines for
// one: the padding of a journal is up to a million of them.
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
	if blank, err := l.skipBlank(); err != nil || blank > 0 {
		return line{off: start, size: blank, whole: true, blank: true}, err
	}
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

// skipBlank skips the blank lines that come next, and returns how many.
func (l *lineReader) skipBlank() (blank int64, err error) {
	for {
		n := newlines(l.data)
		blank += int64(n)
		l.data = l.data[n:]
		if len(l.data) > 0 || l.eof {
			return blank, nil
		}
		if err := l.fill(); err != nil {
			return blank, err
		}
	}
}

// newlines counts the newlines that b begins with.
func newlines(b []byte) (n int) {
	const (
		eight = "\n\n\n\n\n\n\n\n"
		many  = eight + eight + eight + eight + eight + eight + eight + eight
	)
	for len(b)-n >= len(many) && string(b[n:n+len(many)]) == many {
		n += len(many)
	}
	for n < len(b) && b[n] == '\n' {
		n++
	}
	return n
}
