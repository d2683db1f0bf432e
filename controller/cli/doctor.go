package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
)

// doctor examines providers and says what to mend.
func (k *kit) doctor(ctx context.Context, args []string) error {
	if err := k.session.check(); err != nil {
		return err
	}
	c, err := k.providerConfig()
	if err != nil {
		return err
	}
	all, err := c.Doctor(ctx, names(strings.Join(args, ","))...)
	if len(all) == 0 && err != nil {
		return &UsageError{&advised{strings.TrimPrefix(err.Error(), "providers: "), err}}
	}
	if k.json {
		if failed := writeJSON(k.stdout, newDoctorJSON(all)); err == nil {
			err = failed
		}
	} else if failed := writeDiagnoses(k.stdout, all); err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	asked, bad := 0, 0
	for _, d := range all {
		switch {
		case !d.Configured:
			continue
		case !d.OK():
			bad++
		}
		asked++
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d providers asked did not work", bad, asked)
	}
	return nil
}

// writeDiagnoses prints a table, what was seen, and what to do; 80 columns are enough.
func writeDiagnoses(w io.Writer, all []providers.Diagnosis) error {
	const columns = 80
	rows := [][]string{{"provider", "key", "endpoint", "model", "answer"}}
	var rest, seen, fix []string
	for _, d := range all {
		fixes := strings.Join(d.Fix, "; ")
		if !d.Configured {
			rest = append(rest, hang("  "+d.Provider+": ", fixes, columns))
			continue
		}
		rows = append(rows, []string{d.Provider, cell(d.Key), cell(d.Reach), modelCell(d), cell(d.Answer)})
		if text := seenText(d); text != "" {
			seen = append(seen, hang("  "+d.Provider+": ", text, columns))
		}
		if fixes != "" {
			fix = append(fix, hang("  "+d.Provider+": ", fixes, columns))
		}
	}
	var b strings.Builder
	if len(rows) > 1 {
		table(&b, rows, columns)
	} else {
		b.WriteString("no provider is configured, so the offline sample author would write\n")
	}
	for _, part := range []struct {
		head  string
		lines []string
	}{{"seen:", seen}, {"to fix:", fix}, {"not configured:", rest}} {
		if len(part.lines) > 0 {
			b.WriteString("\n" + part.head + "\n" + strings.Join(part.lines, "\n") + "\n")
		}
	}
	_, err := io.WriteString(w, state.Printable(b.String()))
	return err
}

// cell is a finding in a table.
func cell(f providers.Finding) string {
	if f.State == providers.FindingSkipped {
		return "-"
	}
	return f.Text
}

// modelCell is the model, and whether the API knows it.
func modelCell(d providers.Diagnosis) string {
	switch {
	case d.Model == "":
		return "-"
	case d.Known.State == providers.FindingOK && d.Known.Text == "known", d.Known.State == providers.FindingSkipped:
		return d.Model
	}
	return d.Model + " (" + d.Known.Text + ")"
}

// table aligns columns. The one of the model, the last but one, gives way when the line gets too long.
func table(b *strings.Builder, rows [][]string, columns int) {
	const model, gap = 3, 2
	widths := make([]int, len(rows[0]))
	total := gap * (len(widths) - 1)
	for i := range widths {
		for _, row := range rows {
			widths[i] = max(widths[i], len([]rune(row[i])))
		}
		total += widths[i]
	}
	if total > columns {
		widths[model] = max(12, widths[model]-(total-columns))
	}
	for _, row := range rows {
		line := ""
		for i, text := range row {
			text = shortened(text, widths[i])
			line += text + strings.Repeat(" ", widths[i]-len([]rune(text))+gap)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// shortened is a text of at most width characters. What stands in brackets at its end stays.
func shortened(text string, width int) string {
	r := []rune(text)
	if len(r) <= width {
		return text
	}
	end := ""
	if i := strings.LastIndex(text, " ("); i > 0 && len([]rune(text[i:]))+4 <= width {
		end = text[i:]
	}
	return string(r[:width-len([]rune(end))-1]) + "…" + end
}

// seenText says what the answer cost and what its headers told.
func seenText(d providers.Diagnosis) string {
	var parts []string
	if d.Usage != (resilience.Usage{}) {
		parts = append(parts, fmt.Sprintf("%d tokens in, %d out", d.Usage.Input, d.Usage.Output))
	}
	for _, a := range d.Allowances {
		text := strings.ReplaceAll(a.Resource, "_", " ")
		if a.Limit >= 0 {
			text = fmt.Sprintf("limit of %d %s", a.Limit, text)
		}
		if a.Window > 0 {
			text += " in " + span(a.Window)
		}
		if a.Remaining >= 0 {
			text += fmt.Sprintf(", %d left", a.Remaining)
		}
		if a.ResetKnown && a.Reset > 0 {
			text += ", full again in " + span(a.Reset)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

// span is a duration without the zeros at its end.
func span(d time.Duration) string {
	switch {
	case d >= 24*time.Hour && d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d > time.Second:
		d = d.Round(time.Second)
	default:
		d = d.Round(time.Millisecond)
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// hang breaks a text at blanks, so that it stands to the right of its head where that leaves room.
func hang(head, text string, columns int) string {
	const indent = "    "
	line, out := head, ""
	empty := true
	for _, word := range strings.Fields(text) {
		if !empty && len([]rune(line))+1+len([]rune(word)) > columns {
			out += line + "\n"
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	return out + strings.TrimRight(line, " ")
}

// What doctor prints with --json. Fields may be added, never renamed or taken away.
type (
	doctorJSON struct {
		OK        bool            `json:"ok"` // all that were asked work
		Providers []diagnosisJSON `json:"providers"`
	}
	diagnosisJSON struct {
		Provider     string          `json:"provider"`
		Model        string          `json:"model"`
		Endpoint     string          `json:"endpoint"`
		Configured   bool            `json:"configured"`
		OK           bool            `json:"ok"`
		Key          findingJSON     `json:"key"`
		Reach        findingJSON     `json:"reach"`
		Known        findingJSON     `json:"known"`
		Answer       findingJSON     `json:"answer"`
		LatencyMS    int64           `json:"latency_ms"`
		InputTokens  int64           `json:"input_tokens"`
		OutputTokens int64           `json:"output_tokens"`
		Limits       []allowanceJSON `json:"limits"`
		Fix          []string        `json:"fix"`
	}
	findingJSON struct {
		State providers.FindingState `json:"state"` // ok, failed, unknown, skipped
		Text  string                 `json:"text"`
		Cause string                 `json:"cause,omitempty"`
	}
	allowanceJSON struct {
		Resource  string `json:"resource"`
		Limit     int64  `json:"limit"`     // -1: not said
		Remaining int64  `json:"remaining"` // -1: not said
		ResetMS   int64  `json:"reset_ms"`  // -1: not said
		WindowMS  int64  `json:"window_ms"` // 0: not said
	}
)

func newDoctorJSON(all []providers.Diagnosis) doctorJSON {
	out := doctorJSON{OK: true, Providers: []diagnosisJSON{}}
	for _, d := range all {
		out.OK = out.OK && (d.OK() || !d.Configured)
		j := diagnosisJSON{
			Provider: d.Provider, Model: d.Model, Endpoint: d.Endpoint, Configured: d.Configured, OK: d.OK(),
			Key: findingJSON(d.Key), Reach: findingJSON(d.Reach), Known: findingJSON(d.Known), Answer: findingJSON(d.Answer),
			LatencyMS: d.Latency.Milliseconds(), InputTokens: d.Usage.Input, OutputTokens: d.Usage.Output,
			Limits: []allowanceJSON{}, Fix: append([]string{}, d.Fix...),
		}
		for _, a := range d.Allowances {
			reset := int64(-1)
			if a.ResetKnown {
				reset = a.Reset.Milliseconds()
			}
			j.Limits = append(j.Limits, allowanceJSON{a.Resource, a.Limit, a.Remaining, reset, a.Window.Milliseconds()})
		}
		out.Providers = append(out.Providers, j)
	}
	return out
}
