package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Readable writes a recorded JSON value for people, fields in recorded order: "name: value" lines, lists with hyphens,
// and text as text, with its lines.
func Readable(raw json.RawMessage) (string, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var b strings.Builder
	if err := writeValue(&b, dec, ""); err != nil {
		return "", err
	}
	return strings.TrimRight(strings.TrimLeft(b.String(), " \n"), "\n"), nil
}

// writeValue writes the next value behind a name or hyphen that stands on the line already.
func writeValue(b *strings.Builder, dec *json.Decoder, indent string) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Delim:
		if !dec.More() {
			b.WriteString(" none\n")
			_, err := dec.Token()
			return err
		}
		return writeAll(b, dec, indent, t == '{')
	case string:
		writeText(b, t, indent)
	case nil:
		b.WriteString(" none\n")
	default:
		fmt.Fprintf(b, " %v\n", t)
	}
	return nil
}

// writeAll writes the members of an object or a list, one below the other.
func writeAll(b *strings.Builder, dec *json.Decoder, indent string, object bool) error {
	first := true
	for dec.More() {
		// The first member of an object in a list goes on behind the hyphen.
		if hyphen := strings.HasSuffix(b.String(), "-"); !hyphen || !first {
			if first {
				b.WriteString("\n")
			}
			b.WriteString(indent)
		} else {
			b.WriteString(" ")
		}
		first = false
		if object {
			name, err := dec.Token()
			if err != nil {
				return err
			}
			fmt.Fprintf(b, "%v:", name)
		} else {
			b.WriteString("-")
		}
		if err := writeValue(b, dec, indent+"  "); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

// writeText writes a short text on the line, and one of several lines or of more than a line below it.
func writeText(b *strings.Builder, text, indent string) {
	text = strings.TrimRight(text, "\n")
	switch {
	case text == "":
		b.WriteString(" (empty)\n")
	case indent == "":
		b.WriteString(text + "\n")
	case strings.Contains(text, "\n"):
		b.WriteString("\n" + indent + strings.ReplaceAll(text, "\n", "\n"+indent) + "\n")
	default:
		b.WriteString(" " + text + "\n")
	}
}
