package dashboard

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/dogear-go/dogear/state"
)

// The events of a stream.
const (
	streamRun    = "run"
	streamItems  = "items"
	streamEvent  = "event"
	streamRuns   = "runs"
	streamGone   = "gone"
	streamReload = "reload"
	streamEnd    = "end"
	heartbeat    = ": still here\n\n"
	streamFirst  = ": this is the list\n\n"
	streamBegins = "retry: 2000\n\n" // milliseconds until a browser connects again
)

// appendFrame appends one event of a stream; id empty: none. JSON has no line breaks, so the data is one line.
func appendFrame[T any](b []byte, event, id string, v T) []byte {
	data, err := json.Marshal(v)
	if err != nil { // the objects of this package can be written; a result that is no JSON is not among them
		return b
	}
	if id != "" {
		b = append(append(append(b, "id: "...), id...), '\n')
	}
	b = append(append(append(b, "event: "...), event...), '\n')
	b = append(append(b, "data: "...), data...)
	return append(b, '\n', '\n')
}

// streamID names a place in a journal: the number of an event, and which journal it is.
func streamID(runID string, seq uint64) string {
	return strconv.FormatUint(seq, 10) + "-" + shortID(runID)
}

func shortID(runID string) string { return runID[:min(8, len(runID))] }

// parseStreamID reads what a client was told last. Only the number may be given too.
func parseStreamID(text, runID string) (seq uint64, ok bool) {
	number, of, named := strings.Cut(text, "-")
	if named && of != shortID(runID) {
		return 0, false
	}
	seq, err := strconv.ParseUint(number, 10, 64)
	return seq, err == nil
}

// changeFrames are the frames of changes.
func changeFrames(runID string, events []EventView, list []Change) []byte {
	var b []byte
	for _, c := range list {
		b = appendFrame(b, streamItems, "", c)
	}
	for _, e := range events {
		b = appendFrame(b, streamEvent, streamID(runID, e.Seq), e)
	}
	return b
}

// anewFrames tell who has missed something to read the items again.
func anewFrames(st *state.WorkflowState) []byte {
	var b []byte
	for i := range st.Steps {
		if s := &st.Steps[i]; s.Kind == state.KindEach {
			b = appendFrame(b, streamItems, "", Change{Step: s.Name, Seq: st.Seq, Items: []ItemView{}, Stale: true})
		}
	}
	return b
}

// sameFrame compares two frames but for their ids, which end with the first line.
func sameFrame(a, b []byte) bool {
	_, a, _ = bytes.Cut(a, []byte{'\n'})
	_, b, _ = bytes.Cut(b, []byte{'\n'})
	return bytes.Equal(a, b)
}
