package state

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// snapshotLines reads a snapshot line by line, and sums up what it reads, without holding more than a line.
type snapshotLines struct {
	r     *bufio.Reader
	long  []byte // a line that is longer than the reader's buffer
	sum   uint32 // of the lines before the seal
	block []byte
	seal  bool // the seal was read, and matched
}

// errSnapshot is about a file whose lines are not those of a snapshot.
var errSnapshot = fmt.Errorf("%w: snapshot: not its lines", ErrRecord)

// snapshotBuffer is what is read at a time.
const snapshotBuffer = 32 << 10

// headLines are those up to "created", and the brace.
const headLines = 7

// openSnapshot reads the head.
func openSnapshot(r io.Reader) (*snapshotLines, snapshotHead, error) {
	s := &snapshotLines{r: bufio.NewReaderSize(r, snapshotBuffer)}
	var head snapshotHead
	first, err := s.read()
	if err != nil {
		return nil, head, err
	}
	if string(first) != "{\n" {
		err := s.whole(first, &head)
		return s, head, err
	}
	text := bytes.Clone(first)
	for range headLines - 1 {
		line, err := s.read()
		if err != nil {
			return nil, head, err
		}
		text = append(text, line...)
	}
	object, ok := bytes.CutSuffix(text, []byte(",\n"))
	if !ok {
		return nil, head, errSnapshot
	}
	if err := json.Unmarshal(append(bytes.Clone(object), '}'), &head); err != nil {
		return nil, head, fmt.Errorf("%w: snapshot: %w", ErrRecord, err)
	}
	s.sum = checksum(text, head.RunID)
	return s, head, nil
}

// whole reads a snapshot that is all on one line. It has no state that could be read.
func (s *snapshotLines) whole(line []byte, head *snapshotHead) error {
	if err := json.Unmarshal(line, head); err != nil {
		return fmt.Errorf("%w: snapshot: %w", ErrRecord, err)
	}
	if _, _, err := Unseal(line, head.RunID); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	return s.ends()
}

// read returns the next line with its newline, valid until the next is read. The end is errSnapshot: it comes too soon.
func (s *snapshotLines) read() ([]byte, error) {
	line, err := s.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		s.long = s.long[:0]
		for errors.Is(err, bufio.ErrBufferFull) {
			s.long = append(s.long, line...)
			line, err = s.r.ReadSlice('\n')
		}
		s.long = append(s.long, line...)
		line = s.long
	}
	if errors.Is(err, io.EOF) {
		return nil, errSnapshot
	}
	return line, err
}

// next returns the next line behind the head, without its newline; errSealed, after checking it, for the last one.
func (s *snapshotLines) next() ([]byte, error) {
	line, err := s.read()
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(line, []byte(crcOpen)) {
		return nil, s.check(line)
	}
	s.sum = crc32.Update(s.sum, castagnoli, line)
	return line[:len(line)-1], nil
}

// errSealed says that the seal was read, and is sound.
var errSealed = fmt.Errorf("%w: snapshot: it ends too soon", ErrRecord)

func (s *snapshotLines) check(line []byte) error {
	if string(line) != fmt.Sprintf("%s%08x%s\n", crcOpen, s.sum, crcClose) {
		return fmt.Errorf("%w: snapshot: its checksum does not match", ErrRecord)
	}
	if err := s.ends(); err != nil {
		return err
	}
	return errSealed
}

// ends notes that the seal was read and matched; nothing must follow.
func (s *snapshotLines) ends() error {
	if _, err := s.r.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.Join(errSnapshot, err)
	}
	s.seal = true
	return nil
}

// drain reads what is left, to the seal.
func (s *snapshotLines) drain() error {
	for !s.seal {
		if _, err := s.next(); err != nil && !s.seal {
			return err
		}
	}
	return nil
}

// find returns what follows the prefix in the first line that has it.
func (s *snapshotLines) find(prefix string) ([]byte, error) {
	for {
		line, err := s.next()
		if err != nil {
			return nil, err
		}
		if rest, ok := bytes.CutPrefix(line, []byte(prefix)); ok {
			return rest, nil
		}
	}
}

func (s *snapshotLines) expect(text string) error {
	line, err := s.next()
	if err == nil && string(line) != text {
		err = errSnapshot
	}
	return err
}

const (
	blockOpen  = `    "`
	blockClose = `"`
)

// nextBlock returns the next block, valid until the next is read.
func (s *snapshotLines) nextBlock() ([]byte, error) {
	line, err := s.next()
	if err != nil {
		return nil, err
	}
	line = bytes.TrimSuffix(line, []byte{','})
	text, opens := bytes.CutPrefix(line, []byte(blockOpen))
	text, closes := bytes.CutSuffix(text, []byte(blockClose))
	if !opens || !closes {
		return nil, errSnapshot
	}
	s.block, err = base64.RawStdEncoding.AppendDecode(s.block[:0], text)
	if err != nil {
		return nil, fmt.Errorf("%w: snapshot: %w", ErrRecord, err)
	}
	return s.block, nil
}

// snapshotWriter writes a snapshot, and sums up what it writes. An error stays, and nothing is written after it.
type snapshotWriter struct {
	w    io.Writer
	buf  []byte
	sum  uint32
	err  error
	data []byte
}

// flushAt is how much is collected before it is written.
const flushAt = 256 << 10

func (s *snapshotWriter) flush() {
	if s.err != nil || len(s.buf) == 0 {
		return
	}
	s.sum = crc32.Update(s.sum, castagnoli, s.buf)
	_, s.err = s.w.Write(s.buf)
	s.buf = s.buf[:0]
}

func (s *snapshotWriter) printf(format string, args ...any) {
	s.buf = fmt.Appendf(s.buf, format, args...)
}

// blocks writes the items of a list; first says that no block was written before.
func (s *snapshotWriter) blocks(l ItemList, first bool) (none bool) {
	for i := 0; i < l.Len() && s.err == nil; i += blockItems {
		if !first {
			s.buf = append(s.buf, ',')
		}
		first = false
		s.data = l.appendBlock(s.data[:0], i)
		s.buf = append(append(s.buf, '\n'), blockOpen...)
		s.buf = base64.RawStdEncoding.AppendEncode(s.buf, s.data)
		s.buf = append(s.buf, blockClose...)
		if len(s.buf) >= flushAt {
			s.flush()
		}
	}
	return first
}

// end writes the seal.
func (s *snapshotWriter) end() error {
	s.flush()
	s.printf("%s%08x%s\n", crcOpen, s.sum, crcClose)
	if s.err == nil {
		_, s.err = s.w.Write(s.buf)
	}
	return s.err
}
