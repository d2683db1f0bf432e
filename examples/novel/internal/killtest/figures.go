package killtest

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Figures are what [Run] measured.
type Figures struct {
	Kills      int // SIGKILLs
	Strikes    int
	Novels     int
	Approved   int                 // gates, in some of the novels
	Answers    int                 // recorded
	Requests   int                 // that were asked for them
	Latencies  []time.Duration     // from the start of a process that went on to its first request, sorted
	Starved    time.Duration       // the longest that one of these waited for a processor or a busy disk until then
	Aims       map[string]int      // where the blows fell
	Unfinished map[string]struct{} // temporary files that a killed process left, by kind
}

// String is one line.
func (f Figures) String() string {
	var aims []string
	for _, at := range slices.Sorted(maps.Keys(f.Aims)) {
		aims = append(aims, fmt.Sprintf("%d %s", f.Aims[at], at))
	}
	line := fmt.Sprintf("%d kills and %d strikes (%s) over %d novels, in %d of which a person approved the outline: %d requests for %d answers",
		f.Kills, f.Strikes, strings.Join(aims, ", "), f.Novels, f.Approved, f.Requests, f.Answers)
	if n := len(f.Latencies); n > 0 {
		line += fmt.Sprintf("; %d resumes began new work after %v (median), %v at most, with up to %v of waiting for a processor or the disk", n,
			f.Latencies[n/2].Round(time.Millisecond), f.Latencies[n-1].Round(time.Millisecond), f.Starved.Round(time.Millisecond))
	}
	if len(f.Unfinished) > 0 {
		line += "; left unfinished: " + strings.Join(slices.Sorted(maps.Keys(f.Unfinished)), ", ")
	}
	return line
}

// leftovers notes which files were being written when the process died.
func (f Figures) leftovers(n *Novel) {
	for _, pattern := range []string{n.exports(), n.checkpoints()} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			continue // the folder's name is no pattern
		}
		for _, file := range files {
			name := strings.ReplaceAll(filepath.Base(file), n.Name, "Book")
			if rest, ok := strings.CutPrefix(name, ".Book"); ok {
				name = "Book." + strings.Split(rest, ".")[1]
			}
			f.Unfinished[name] = struct{}{}
		}
	}
}
