package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/dogear-go/dogear/state"
)

// verify reads everything and says what is wrong. Damage is an error, after the report.
func (k *kit) verify(ctx context.Context, _ []string) error {
	store, err := k.store(ctx, false)
	if err != nil {
		return err
	}
	report, err := state.Verify(ctx, store, k.project)
	if err != nil {
		return k.missing(err)
	}
	text := fmt.Sprintf("%s: %s sound\n", k.project, records(report.Records))
	text += places("damaged: ", report.Damaged)
	if report.Tail != nil {
		text += fmt.Sprintf("an end of %d bytes was never acknowledged, which is no damage: it is dropped when the run goes on\n", report.Tail.BytesLost)
	}
	if report.Snapshot != "" {
		text += state.Printable(report.Snapshot) + "\n"
	}
	if err := k.say(newVerifyJSON(k.project, report), text); err != nil || report.Sound() {
		return err
	}
	return k.damaged(store, report)
}

// damaged is the error of a run that is not sound, which says what to do.
func (k *kit) damaged(store state.Store, report state.Report) error {
	text := fmt.Sprintf("the run %q is damaged: %s lost", k.project, records(len(report.Damaged)))
	what := "keep a copy and every sound record with:\n  " + k.command("repair")
	switch _, ok := store.(state.Repairer); {
	case len(report.Damaged) == 0:
		text = fmt.Sprintf("the snapshot of the run %q is wrong; its journal is sound", k.project)
		what = "make the snapshot anew with:\n  " + k.command("repair")
	case !ok:
		what = "this store can't repair; go on with a copy of the run from elsewhere"
	}
	return &advised{text + "\n" + what, fmt.Errorf("%s: %w", k.project, state.ErrDamaged)}
}

func records(n int) string {
	if n == 1 {
		return "1 record is"
	}
	return fmt.Sprintf("%d records are", n)
}

// places has a line for each damaged place; records in a row that are missing for one reason share theirs.
func places(what string, damaged []state.Damage) string {
	var text strings.Builder
	for len(damaged) > 0 {
		first, n := damaged[0], 1
		for n < len(damaged) && damaged[n] == (state.Damage{Seq: first.Seq + uint64(n), Why: first.Why}) && first.Seq > 0 {
			n++
		}
		record := fmt.Sprintf("record %d", first.Seq)
		switch {
		case n > 1:
			record = fmt.Sprintf("records %d to %d", first.Seq, damaged[n-1].Seq)
		case first.Seq == 0:
			record = "what is no record"
		}
		at := ""
		switch {
		case first.Line > 0: // a record that is missing stands nowhere, and a database has no lines
			at = fmt.Sprintf(" (line %d, %d bytes)", first.Line, first.Bytes)
		case first.Bytes > 0:
			at = fmt.Sprintf(" (%d bytes)", first.Bytes)
		}
		fmt.Fprintf(&text, "%s%s%s: %s\n", what, record, at, state.Printable(first.Why))
		damaged = damaged[n:]
	}
	return text.String()
}

func (k *kit) repair(ctx context.Context, _ []string) error {
	store, err := k.store(ctx, false)
	if err != nil {
		return err
	}
	report, err := state.Verify(ctx, store, k.project)
	if err != nil {
		return k.missing(err)
	}
	if len(report.Damaged) == 0 {
		return k.repairSnapshot(ctx, store, report)
	}
	repairer, ok := store.(state.Repairer)
	if !ok {
		return k.damaged(store, report)
	}
	if report, err = repairer.Repair(ctx, k.project); err != nil {
		return k.missing(err)
	}
	text := fmt.Sprintf("%s: kept %d sound records\n", k.project, report.Records)
	text += places("dropped ", report.Damaged)
	text += fmt.Sprintf("the journal as it was is kept in %s\ngo on with:\n  %s\n", report.Copy, k.command("--resume"))
	return k.say(newRepairJSON(k.project, report), text)
}

// repairSnapshot has no more to do than the snapshot.
func (k *kit) repairSnapshot(ctx context.Context, store state.Store, report state.Report) error {
	if !report.Misleading {
		return k.say(newRepairJSON(k.project, report), fmt.Sprintf("%s: nothing to repair; %s sound\n", k.project, records(report.Records)))
	}
	if err := state.RenewSnapshot(ctx, store, k.project); err != nil {
		return err
	}
	return k.say(newRepairJSON(k.project, report), fmt.Sprintf("%s: the snapshot was wrong and is made anew; %s sound\n",
		k.project, records(report.Records)))
}
