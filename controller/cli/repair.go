package cli

import (
	"context"
	"fmt"

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
	for _, d := range report.Damaged {
		text += "damaged: " + placeOf(d)
	}
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

// placeOf is a line about a damaged place.
func placeOf(d state.Damage) string {
	at := ""
	switch {
	case d.Line > 0: // a record that is missing stands nowhere, and a database has no lines
		at = fmt.Sprintf(" (line %d, %d bytes)", d.Line, d.Bytes)
	case d.Bytes > 0:
		at = fmt.Sprintf(" (%d bytes)", d.Bytes)
	}
	return fmt.Sprintf("record %d%s: %s\n", d.Seq, at, state.Printable(d.Why))
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
	for _, d := range report.Damaged {
		text += "dropped " + placeOf(d)
	}
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
