package state

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"hash/crc32"
)

// Seals checks many records of one run, each as [Unseal] does.
type Seals struct{ seed uint32 }

// NewSeals returns the check for a run's records.
func NewSeals(runID string) Seals { return Seals{crc32.Update(0, castagnoli, []byte(runID))} }

// Check verifies a line without its newline. Its errors are ErrRecord.
func (s Seals) Check(line []byte) error {
	cut, sum, err := sealOf(line)
	if err == nil && crc32.Update(s.seed, castagnoli, line[:cut]) != sum {
		err = errChecksum
	}
	return err
}

var errChecksum = fmt.Errorf("%w: its checksum does not match", ErrRecord)

// sealOf finds where a line's checksum begins, and what it says.
func sealOf(line []byte) (cut int, sum uint32, err error) {
	if len(line) < crcLen {
		return 0, 0, fmt.Errorf("%w: too short", ErrRecord)
	}
	cut = len(line) - crcLen
	tail := line[cut:]
	if string(tail[:len(crcOpen)]) != crcOpen || string(tail[len(tail)-len(crcClose):]) != crcClose {
		return 0, 0, fmt.Errorf("%w: no checksum at its end", ErrRecord)
	}
	digits := tail[len(crcOpen) : len(crcOpen)+8]
	var raw [4]byte
	_, err = hex.Decode(raw[:], digits)
	for _, c := range digits {
		if err != nil || 'A' <= c && c <= 'F' { // one bit makes an a of an A: not what Seal wrote
			return 0, 0, fmt.Errorf("%w: its checksum is not a number", ErrRecord)
		}
	}
	return cut, uint32(raw[0])<<24 | uint32(raw[1])<<16 | uint32(raw[2])<<8 | uint32(raw[3]), nil
}

// IsType tells, without decoding it, whether a sealed record is of the type.
func IsType(line []byte, t Type) bool {
	const next = `","type":"`
	// The first t is that of the time, whose value holds no quotation mark.
	i := bytes.IndexByte(line, 't') + len(`t":"`)
	if i >= len(line) {
		return false
	}
	k := bytes.IndexByte(line[i:], '"')
	if k < 0 {
		return false
	}
	rest, ok := bytes.CutPrefix(line[i+k:], []byte(next))
	return ok && len(rest) > len(t) && string(rest[:len(t)]) == string(t) && rest[len(t)] == '"'
}
