package state

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// WriteEvent prints an event as one readable line: its number, time, type and scope, and what matters of its payload.
// Texts of results and answers are never printed, only their sizes; everything from outside goes through [Printable].
func WriteEvent(w io.Writer, e Event) error {
	text := fmt.Sprintf("%6d  %s  %-16s", e.Seq, stamp(e.Time), oneLine(string(e.Type)))
	text += where(e.Scope)
	if e.Gen > 1 {
		text += fmt.Sprintf(" gen %d", e.Gen)
	}
	if e.Attempt > 0 {
		text += fmt.Sprintf(" attempt %d", e.Attempt)
	}
	if detail := describe(e.Data); detail != "" {
		text += "  " + detail
	}
	_, err := fmt.Fprintln(w, strings.TrimRight(text, " "))
	return err
}

// describe says what matters of a payload in some words.
func describe(p Payload) string {
	switch p := p.(type) {
	case RunCreated:
		return fmt.Sprintf("pipeline %s, %s, params %s, format %d", oneLine(p.Pipeline), plural(len(p.Steps), "step"),
			limit(string(p.Params), 200), p.Format)
	case SessionOpened:
		return fmt.Sprintf("pid %d on %s, %d side by side%s", p.PID, oneLine(p.Host), max(1, p.Concurrency), pairs(p.Settings))
	case RunStopped:
		return joined(string(p.Status), p.Class, p.Reason, p.Hint)
	case RunParams:
		return fmt.Sprintf("%s -> %s", limit(string(p.Old), 200), limit(string(p.New), 200))
	case RunBudget:
		if p.Limit <= 0 {
			return joined(p.Step, "lifted")
		}
		return joined(p.Step, Dollars(p.Limit))
	case PipelineChanged:
		return fmt.Sprintf("added %d, removed %d, renamed %d steps", len(p.Added), len(p.Removed), len(p.Renamed))
	case RunWarning:
		return joined(p.Code, p.Message)
	case PauseRequested:
		return joined("by "+p.By, p.Reason)
	case StepItems:
		return fmt.Sprintf("%d to %d of %d", min(p.First+1, p.Total), p.First+len(p.Items), p.Total)
	case ItemRetired:
		return fmt.Sprintf("%s: %s", plural(len(p.Keys), "item"), limit(strings.Join(p.Keys, ", "), 200))
	case Invalidated:
		return joined(plural(len(p.Scopes), "scope"), p.Reason)
	case JournalMark:
		return describeMark(p)
	case Ignored:
		return fmt.Sprintf("unknown to this version, %s", byteSize(len(p.Raw)))
	}
	if text := describeEnd(p); text != "" {
		return text
	}
	return describeCall(p)
}

// describeEnd is for the ends of steps, items and attempts.
func describeEnd(p Payload) string {
	switch p := p.(type) {
	case StepCompleted:
		if p.Result == nil {
			return joined("", baseText(p.Base))
		}
		return joined("result of "+byteSize(len(p.Result)), baseText(p.Base))
	case StepPartial:
		return joined(fmt.Sprintf("%d done, %d failed", p.Done, p.Failed), baseText(p.Base))
	case StepFailed:
		text := joined(p.Class, p.Provider, p.Message)
		if p.Tolerated {
			text += " (tolerated)"
		}
		return text
	case ItemCompleted:
		return joined("result of "+byteSize(len(p.Result)), strings.Join(p.Warnings, ", "))
	case ItemFailed:
		return joined(p.Class, p.Provider, p.Message)
	case AttemptFailed:
		return joined(p.Class, p.Message, thenText(p.Next, p.WaitMS))
	case GateOpened:
		return "shown: " + byteSize(len(p.Shown))
	case GateDecided:
		return joined(p.Decision, p.Who, p.Note)
	case ResultEdited:
		return joined("result of "+byteSize(len(p.Result)), p.Who, p.Note)
	case DoCompleted:
		return fmt.Sprintf("%s, result of %s", quoted(p.Key), byteSize(len(p.Result)))
	}
	return ""
}

// describeCall is for model calls and what happens around them.
func describeCall(p Payload) string {
	switch p := p.(type) {
	case CallSent:
		return joined(callName(p.Call, p.Try), p.Role, p.Provider, p.Model, billText(p.Reserved, true))
	case CallFailed:
		status := ""
		if p.Status != 0 {
			status = fmt.Sprintf("HTTP %d", p.Status)
		}
		return joined(callName(p.Call, p.Try), p.Provider, p.Class, status, p.Message, billText(p.Cost, p.Bound), thenText(p.Next, p.WaitMS))
	case CallAnswered:
		return joined(callName(p.Call, p.Try), p.Role, p.Provider, p.Model, byteSize(len(p.Answer)), tokenText(p.Usage), billText(p.Cost, p.Bound), millis(p.LatencyMS))
	case CallJudged:
		return joined(fmt.Sprintf("answer %d was not used", p.Of), p.Class)
	case CallReplayed:
		return fmt.Sprintf("answer %d, for nothing", p.Of)
	case Waiting:
		return joined(p.Why, p.Provider, millis(p.ForMS))
	case ProviderState:
		return joined(p.Provider, p.Model, p.State, p.Class, millis(p.ForMS))
	}
	return ""
}

func describeMark(m JournalMark) string {
	text := m.Kind
	if m.From > 0 {
		text = joined(text, fmt.Sprintf("from number %d", m.From))
	}
	if m.BytesLost > 0 {
		text = joined(text, byteSize(int(m.BytesLost))+" lost")
	}
	if m.Copy != "" {
		text = joined(text, "copy in "+m.Copy)
	}
	return oneLine(text)
}

// joined puts the parts that say something together.
func joined(parts ...string) string {
	kept := parts[:0:0]
	for _, p := range parts {
		if p = limit(p, textLimit); p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, ", ")
}

func callName(id string, try int) string { return fmt.Sprintf("%s try %d", id, try) }

func baseText(b string) string {
	if b == "" {
		return ""
	}
	return "base " + b
}

func thenText(what string, waitMS int64) string {
	if what == "" {
		return ""
	}
	if waitMS > 0 {
		return "then " + what + " in " + millis(waitMS)
	}
	return "then " + what
}

func tokenText(u Usage) string {
	if u == (Usage{}) {
		return "tokens unknown"
	}
	return fmt.Sprintf("%d tokens in, %d out", u.Input, u.Output)
}

// billText is what something cost, or at most; nothing where that is not known, or nothing.
func billText(micro *int64, most bool) string {
	switch {
	case micro == nil || *micro == 0:
		return ""
	case most:
		return "at most " + Dollars(*micro)
	}
	return Dollars(*micro)
}

func millis(ms int64) string {
	if ms == 0 {
		return ""
	}
	return (time.Duration(ms) * time.Millisecond).String()
}

func pairs(m map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, ", %s=%s", oneLine(k), limit(m[k], 80))
	}
	return b.String()
}

// byteSize prints a number of bytes.
func byteSize(n int) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d bytes", n)
	case n < 10_000_000:
		return fmt.Sprintf("%d KB", n/1000)
	default:
		return fmt.Sprintf("%d MB", n/1_000_000)
	}
}
