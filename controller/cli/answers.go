package cli

import (
	"io"
	"strings"
	"time"

	"github.com/dogear-go/dogear/state"
)

// say prints the result of a verb: the text, or with --json the object, so that stdout never holds anything else.
func (k *kit) say(object any, text string) error {
	if k.json {
		return writeJSON(k.stdout, object)
	}
	_, err := io.WriteString(k.stdout, text)
	return err
}

func onePerLine(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return strings.Join(list, "\n") + "\n"
}

// What the verbs print with --json. Fields may be added, never renamed or taken away.
type (
	pauseJSON struct {
		Run string `json:"run"`
		PID int    `json:"pid"` // of the process that was asked
	}
	unpauseJSON struct {
		Run   string `json:"run"`
		Taken int    `json:"taken"` // requests taken back
	}
	decideJSON struct {
		Run      string `json:"run"`
		Step     string `json:"step"`
		Decision string `json:"decision"` // approved, rejected
		Hash     string `json:"hash"`     // of what was shown
		Taken    bool   `json:"taken"`    // a running process has taken it in; else the run does when it goes on
	}
	editJSON struct {
		Run     string `json:"run"`
		Step    string `json:"step"`
		Item    string `json:"item,omitempty"`
		Changed bool   `json:"changed"` // false: the result was equal
		Hash    string `json:"hash"`    // of the result as it is now
	}
	gateJSON struct {
		Shown   string         `json:"shown"`
		Hash    string         `json:"hash"`
		Opened  time.Time      `json:"opened_at"`
		Decided *state.Decided `json:"decided,omitempty"` // absent: it waits
	}
	exportJSON struct {
		Run   string   `json:"run"`
		Files []string `json:"files"` // that were written
	}
	repairJSON struct {
		Run      string        `json:"run"`
		Records  int           `json:"records"` // that are sound
		Dropped  []droppedJSON `json:"dropped"`
		Copy     string        `json:"copy"`     // the journal as it was; empty when nothing was damaged
		Snapshot bool          `json:"snapshot"` // it was misleading, and is made anew
	}
	verifyJSON struct {
		Run        string        `json:"run"`
		Sound      bool          `json:"sound"`
		Records    int           `json:"records"`    // that are sound
		Damaged    []droppedJSON `json:"damaged"`    // what repair would drop
		TailBytes  int64         `json:"tail_bytes"` // of an unacknowledged end, which is no damage
		Snapshot   string        `json:"snapshot"`   // what is wrong with it; empty: nothing
		Misleading bool          `json:"misleading"` // it is used all the same
	}
	droppedJSON struct {
		Record uint64 `json:"record"`
		Line   int    `json:"line"`
		Bytes  int64  `json:"bytes"`
		Why    string `json:"why"`
	}
)

func newRepairJSON(run string, r state.Report) repairJSON {
	out := repairJSON{Run: run, Records: r.Records, Dropped: []droppedJSON{}, Copy: r.Copy}
	for _, d := range r.Damaged {
		out.Dropped = append(out.Dropped, droppedJSON{d.Seq, d.Line, d.Bytes, d.Why})
	}
	out.Snapshot = r.Misleading
	return out
}

func newVerifyJSON(run string, r state.Report) verifyJSON {
	out := verifyJSON{Run: run, Sound: r.Sound(), Records: r.Records, Damaged: []droppedJSON{}, Snapshot: r.Snapshot, Misleading: r.Misleading}
	for _, d := range r.Damaged {
		out.Damaged = append(out.Damaged, droppedJSON{d.Seq, d.Line, d.Bytes, d.Why})
	}
	if r.Tail != nil {
		out.TailBytes = r.Tail.BytesLost
	}
	return out
}
