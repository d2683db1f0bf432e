package state

import (
	"fmt"
	"regexp"
	"strings"
)

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// deviceNames can't be file names on Windows, with any ending. Source: Microsoft, "Naming Files, Paths, and Namespaces".
var deviceNames = regexp.MustCompile(`^(?i:CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(\..*)?$`)

// ValidName checks the name of a run: 1 to 128 letters, digits, dots, underscores and hyphens of ASCII, beginning with a
// letter or digit, not ending in a dot, and not a device name of Windows. The error is ErrName and says what is wrong.
func ValidName(run string) error {
	why := ""
	switch {
	case run == "":
		why = "it is empty"
	case len(run) > 128:
		why = fmt.Sprintf("it has %d characters; at most 128 are allowed", len(run))
		run = run[:32] + "…"
	case !namePattern.MatchString(run):
		why = "use letters, digits, '.', '_' and '-', beginning with a letter or digit"
	case strings.HasSuffix(run, "."):
		why = "it must not end in '.'"
	case deviceNames.MatchString(run):
		why = "it is a device name on Windows"
	default:
		return nil
	}
	return fmt.Errorf("%q is %w: %s", run, ErrName, why)
}
