package filestore

import (
	"bytes"

	"github.com/dogear-go/dogear/state"
)

// salvaged is a valid record inside a broken line.
type salvaged struct {
	place
	seq uint64
}

// salvage finds the valid records in a broken line. A damaged newline makes one line of two sound records, and rubbish
// before a record breaks its line but not the record.
func salvage(text []byte, seals state.Seals) []salvaged {
	const (
		head  = `{"seq":`
		tail  = `,"crc":"`
		after = len(tail) + 8 + len(`"}`)
		tries = 1 << 10 // a record may hold the marks inside its data; a line full of them is not worth more
	)
	var found []salvaged
	tried := 0
	for at := 0; at < len(text); {
		i := bytes.Index(text[at:], []byte(head))
		if i < 0 {
			break
		}
		start := at + i
		at = start + len(head)
		for from := at; ; {
			k := bytes.Index(text[from:], []byte(tail))
			if tried++; k < 0 || tried > tries {
				break
			}
			from += k + len(tail)
			end := from - len(tail) + after
			if end > len(text) {
				break
			}
			rec := checkLine(line{text: text[start:end], whole: true}, seals)
			if rec.err == nil {
				found = append(found, salvaged{place{off: int64(start), size: int64(end - start), d: rec.d}, rec.seq})
				at = end
				break
			}
		}
	}
	return found
}
